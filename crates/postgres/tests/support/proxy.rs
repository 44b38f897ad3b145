//! A way to the server that can be cut.

#![allow(dead_code, unreachable_pub, reason = "each test program uses a part of it")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// What happens to what passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// It passes.
    Open = 0,
    /// A request ends its connection and does not reach the server.
    RequestsCut = 1,
    /// A request reaches the server, and no answer comes back; the connection ends when the server has committed, or says
    /// nothing more.
    AnswersCut = 2,
}

/// A proxy in front of a server.
pub(crate) struct Proxy {
    url: String,
    way: Arc<AtomicU8>,
    cut: watch::Sender<u64>,
}

impl Proxy {
    /// A proxy in front of the server of this URL.
    pub(crate) async fn start(url: &str) -> Self {
        let (user, place) = url.rsplit_once('@').expect("the server's URL has a user");
        let (address, database) = place.split_once('/').expect("the server's URL has a database");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let proxy = Self {
            url: format!("{user}@127.0.0.1:{port}/{database}"),
            way: Arc::new(AtomicU8::new(Way::Open as u8)),
            cut: watch::Sender::new(0),
        };
        let (way, cut, address) = (Arc::clone(&proxy.way), proxy.cut.clone(), address.to_owned());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&address).await else { return };
                tokio::spawn(serve(client, server, Arc::clone(&way), cut.subscribe()));
            }
        });
        proxy
    }

    /// The URL that leads through it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Lets what follows pass in this way.
    pub(crate) fn set(&self, way: Way) {
        self.way.store(way as u8, Ordering::SeqCst);
    }

    /// Ends every connection.
    pub(crate) fn cut_all(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }
}

async fn serve(
    client: TcpStream,
    server: TcpStream,
    way: Arc<AtomicU8>,
    mut cut: watch::Receiver<u64>,
) {
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    let requests = pump(client_reads, server_writes, &way, Way::RequestsCut);
    let answers = pump(server_reads, client_writes, &way, Way::AnswersCut);
    tokio::select! {
        () = requests => {}
        () = answers => {}
        _ = cut.changed() => {}
    }
}

/// Passes bytes on until the connection ends, or the way is cut for them.
async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, way: &AtomicU8, cut: Way) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if way.load(Ordering::SeqCst) == cut as u8 {
            if cut == Way::AnswersCut {
                swallow(&mut from, &buffer[..read]).await;
            }
            return;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// Reads answers until the server has committed. A server that notices that its client is gone would undo what it is at.
async fn swallow(from: &mut OwnedReadHalf, first: &[u8]) {
    const QUIET: Duration = Duration::from_secs(1);
    let mut answers = first.to_vec();
    let mut buffer = vec![0; 64 << 10];
    while !answers.windows(7).any(|bytes| bytes == b"COMMIT\0") {
        match tokio::time::timeout(QUIET, from.read(&mut buffer)).await {
            Ok(Ok(read @ 1..)) => answers.extend_from_slice(&buffer[..read]),
            _ => return,
        }
    }
}
