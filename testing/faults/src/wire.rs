//! A server that holds a store in memory, and the way to it: for faults that show when a connection is lost.
//!
//! What a call asks for stays in this process; what passes the connection is its ticket. A call whose ticket does not reach the
//! server is not made, and one whose ticket does not come back is not answered.

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use blacksmith_store_core::{Adapter as _, Options, Result, Retry, Store, StoreError};
use futures_util::future::BoxFuture;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Bytes of a ticket: its number, several times, so that there is something to cut.
const TICKET: usize = 64;

/// How long it takes to notice that a client has gone.
const MOMENT: Duration = Duration::from_millis(1);

/// How late a server is whose client has gone.
const LATE: Duration = Duration::from_millis(100);

/// What is asked of a store.
type Ask = Box<dyn FnOnce(Arc<dyn Store>) -> BoxFuture<'static, ()> + Send>;

/// What was asked for and has not reached a server yet.
static ASKED: LazyLock<Mutex<HashMap<u64, Ask>>> = LazyLock::new(Mutex::default);

fn asked() -> MutexGuard<'static, HashMap<u64, Ask>> {
    ASKED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ticket(number: u64) -> Vec<u8> {
    number.to_be_bytes().repeat(TICKET / 8)
}

/// A server; dropping it ends it.
pub(crate) struct Server {
    url: String,
    listener: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start() -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let store = blacksmith_store_memory::adapter().open(Options::new("memory")).await?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("memory://{}/", listener.local_addr()?);
        let listener = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, Arc::clone(&store)));
            }
        });
        Ok(Self { url, listener })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

async fn serve(mut client: TcpStream, store: Arc<dyn Store>) -> io::Result<()> {
    let mut received = [0; TICKET];
    loop {
        client.read_exact(&mut received).await?;
        let number = u64::from_be_bytes(*received.first_chunk().expect("a ticket is longer"));
        let ask = asked().remove(&number);
        // A busy server may come to what its client asked for when that has gone on elsewhere.
        if let Ok(Ok(0)) = tokio::time::timeout(MOMENT, client.peek(&mut [0])).await {
            tokio::time::sleep(LATE).await;
        }
        if let Some(ask) = ask {
            ask(Arc::clone(&store)).await;
        }
        client.write_all(&received).await?;
    }
}

/// A sound handle on the store of a server.
pub(crate) struct Wired {
    address: String,
    pub(crate) options: Options,
    /// None until it is needed, and while it is in doubt.
    connection: tokio::sync::Mutex<Option<TcpStream>>,
}

impl Wired {
    pub(crate) async fn open(options: Options) -> Result<Self> {
        let url = options.expose_connection().unwrap_or_default();
        let address = url.strip_prefix("memory://").and_then(|url| url.strip_suffix('/'));
        let Some(address) = address.map(str::to_owned) else {
            return Err(StoreError::config("the connection is no memory://HOST:PORT/"));
        };
        let connection = tokio::sync::Mutex::new(Some(connect(&address).await?));
        Ok(Self { address, options, connection })
    }

    /// Has something asked of the store.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        ask: impl FnOnce(Arc<dyn Store>) -> BoxFuture<'static, Result<T>> + Send + 'static,
    ) -> Result<T> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let answer = Arc::new(Mutex::new(None));
        let mut served = self.connection.lock().await;
        let mut connection = match served.take() {
            Some(connection) => connection,
            None => connect(&self.address).await?,
        };
        let slot = Arc::clone(&answer);
        let ask: Ask = Box::new(|store| {
            Box::pin(async move {
                let answer = ask(store).await;
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
            })
        });
        asked().insert(number, ask);
        let exchanged = async {
            connection.write_all(&ticket(number)).await?;
            connection.read_exact(&mut [0; TICKET]).await
        };
        if let Err(error) = exchanged.await {
            return Err(StoreError::unavailable("the connection broke")
                .with_retry(Retry::OutcomeUnknown)
                .with_source(error));
        }
        *served = Some(connection);
        let answer = answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        answer.ok_or_else(|| StoreError::internal("the server knows nothing of the ticket"))?
    }
}

async fn connect(address: &str) -> Result<TcpStream> {
    let connected = TcpStream::connect(address).await;
    let lost = |error| StoreError::unavailable("there is no connection").with_source(error);
    let connection = connected.map_err(lost)?;
    connection.set_nodelay(true).map_err(lost)?;
    Ok(connection)
}
