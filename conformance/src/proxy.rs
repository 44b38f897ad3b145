//! A proxy between a store and its server, which cuts connections. It knows nothing of what passes.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

/// A server that says nothing for so long has done what it was asked to.
const QUIET: Duration = Duration::from_millis(60);

/// Where one connection ends, counted in bytes from now on, whichever connection they pass on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// As soon as so many bytes have gone to the server; with 0, when the first is about to.
    Request(u64),
    /// As soon as so many bytes of answers have come back, and the server says nothing more. A server that noticed that its client
    /// is gone might undo what it is at.
    Answer(u64),
}

/// How many bytes have passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) requests: u64,
    pub(crate) answers: u64,
}

/// A proxy in front of a server; it goes with its connections when it is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    line: Arc<Line>,
    listener: JoinHandle<()>,
}

/// What its connections share.
struct Line {
    server: String,
    state: Mutex<State>,
    /// How often all connections were cut.
    cuts: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    cut: Option<Cut>,
    is_away: bool,
    passed: Passed,
}

/// The connection is to end.
struct Ended;

impl From<io::Error> for Ended {
    fn from(_: io::Error) -> Self {
        Self
    }
}

impl Proxy {
    /// A proxy in front of the server at this address.
    pub(crate) async fn start(server: String) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (state, cuts) = (Mutex::default(), watch::Sender::new(0));
        let line = Arc::new(Line { server, state, cuts });
        let listener = tokio::spawn(listen(listener, Arc::clone(&line)));
        Ok(Self { address, line, listener })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts one connection there.
    pub(crate) fn cut(&self, cut: Cut) {
        self.line.state().cut = Some(cut);
    }

    /// Ends every connection.
    pub(crate) fn cut_all(&self) {
        self.line.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Ends every connection, and each that comes, until it is opened. Nothing that is sent after this passes.
    pub(crate) fn close(&self) {
        self.line.state().is_away = true;
        self.cut_all();
    }

    /// Lets everything pass from now on. A connection that is being cut is not saved.
    pub(crate) fn open(&self) {
        let mut state = self.line.state();
        state.cut = None;
        state.is_away = false;
    }

    /// What has passed up to now.
    pub(crate) fn passed(&self) -> Passed {
        self.line.state().passed
    }

    /// What has passed since then.
    pub(crate) fn passed_since(&self, then: Passed) -> Passed {
        let now = self.passed();
        Passed { requests: now.requests - then.requests, answers: now.answers - then.answers }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listener.abort();
        self.cut_all();
    }
}

async fn listen(listener: TcpListener, line: Arc<Line>) {
    loop {
        // Too many open files, or a client that has gone already: the next one may do.
        let Ok((client, _)) = listener.accept().await else { continue };
        let (line, mut cuts) = (Arc::clone(&line), line.cuts.subscribe());
        tokio::spawn(async move {
            tokio::select! {
                // It ends when either side ends it, or it is cut.
                _ = serve(client, &line) => {}
                _ = cuts.changed() => {}
            }
        });
    }
}

async fn serve(client: TcpStream, line: &Line) -> Result<(), Ended> {
    if line.state().is_away {
        return Err(Ended);
    }
    let server = TcpStream::connect(&line.server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    let requests =
        pass(client_reads, server_writes, |read| line.state().request(read), Duration::ZERO);
    let answers = pass(server_reads, client_writes, |read| line.state().answer(read), QUIET);
    tokio::try_join!(requests, answers).map(|_| ())
}

/// Passes bytes on until there are no more, or until `end` says that the connection ends, and after how many of those that were
/// read; then waits until nothing more has come for so long.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    end: impl Fn(usize) -> Option<usize>,
    quiet: Duration,
) -> Result<(), Ended> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return Ok(to.shutdown().await?);
        }
        let end = end(read);
        to.write_all(&buffer[..end.unwrap_or(read)]).await?;
        if end.is_some() {
            while !quiet.is_zero()
                && let Ok(Ok(1..)) = tokio::time::timeout(quiet, from.read(&mut buffer)).await
            {
            }
            return Err(Ended);
        }
    }
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// How many of these bytes pass before the connection ends; none if it does not end here.
    fn request(&mut self, read: usize) -> Option<usize> {
        self.passed.requests += read as u64;
        if self.is_away {
            return Some(0);
        }
        let Some(Cut::Request(left)) = &mut self.cut else { return None };
        Self::meet(left, read).inspect(|_| self.cut = None)
    }

    fn answer(&mut self, read: usize) -> Option<usize> {
        self.passed.answers += read as u64;
        if self.is_away {
            return Some(0);
        }
        let Some(Cut::Answer(left)) = &mut self.cut else { return None };
        Self::meet(left, read).inspect(|_| self.cut = None)
    }

    fn meet(left: &mut u64, read: usize) -> Option<usize> {
        match left.checked_sub(read as u64) {
            None | Some(0) => usize::try_from(*left).ok(),
            Some(rest) => {
                *left = rest;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that repeats what it is told; answers what it was told by connections that have ended.
    async fn echo() -> io::Result<(String, tokio::sync::mpsc::UnboundedReceiver<Vec<u8>>)> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?.to_string();
        let (told, heard) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let told = told.clone();
                tokio::spawn(async move {
                    let (mut all, mut buffer) = (Vec::new(), [0; 64]);
                    while let Ok(read @ 1..) = client.read(&mut buffer).await {
                        all.extend_from_slice(&buffer[..read]);
                        if client.write_all(&buffer[..read]).await.is_err() {
                            break;
                        }
                    }
                    let _ = told.send(all);
                });
            }
        });
        Ok((address, heard))
    }

    /// Says something, and answers what comes back until the connection ends.
    async fn say(proxy: &Proxy, text: &[u8]) -> Vec<u8> {
        let mut said = Vec::new();
        let Ok(mut client) = TcpStream::connect(proxy.address()).await else { return said };
        if client.write_all(text).await.is_ok() && client.shutdown().await.is_ok() {
            // An end by a reset keeps what came before it.
            let _ = client.read_to_end(&mut said).await;
        }
        said
    }

    #[tokio::test]
    async fn a_connection_ends_after_so_many_bytes() -> io::Result<()> {
        let (server, mut heard) = echo().await?;
        let proxy = Proxy::start(server).await?;
        assert_eq!(say(&proxy, b"open").await, b"open");
        assert_eq!(heard.recv().await.as_deref(), Some(&b"open"[..]));
        assert_eq!(proxy.passed(), Passed { requests: 4, answers: 4 });

        for (cut, reaches, comes_back) in [
            (Cut::Request(0), &b""[..], None),
            (Cut::Request(3), b"hel", None),
            (Cut::Request(5), b"hello", None),
            (Cut::Answer(0), b"hello", Some(&b""[..])),
            (Cut::Answer(2), b"hello", Some(b"he")),
            (Cut::Request(9), b"hello", Some(b"hello")),
        ] {
            proxy.cut(cut);
            let said = say(&proxy, b"hello").await;
            assert_eq!(heard.recv().await.as_deref(), Some(reaches), "{cut:?}");
            if let Some(comes_back) = comes_back {
                assert_eq!(said, comes_back, "{cut:?}");
            }
        }
        Ok(())
    }

    #[tokio::test]
    async fn nobody_gets_through_while_it_is_closed() -> io::Result<()> {
        let (server, _heard) = echo().await?;
        let proxy = Proxy::start(server).await?;
        proxy.close();
        assert_eq!(say(&proxy, b"hello").await, b"");
        proxy.open();
        assert_eq!(say(&proxy, b"hello").await, b"hello");
        Ok(())
    }

    /// What is sent at once after it was closed finds a connection that may not have ended yet.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nothing_passes_a_connection_of_before_once_it_is_closed() -> io::Result<()> {
        let (server, mut heard) = echo().await?;
        let proxy = Proxy::start(server).await?;
        for _ in 0..500 {
            let mut client = TcpStream::connect(proxy.address()).await?;
            client.write_all(b"before").await?;
            client.read_exact(&mut [0; 6]).await?;
            proxy.close();
            client.write_all(b"late").await?;
            assert_eq!(heard.recv().await.as_deref(), Some(&b"before"[..]));
            proxy.open();
        }
        Ok(())
    }

    #[tokio::test]
    async fn all_connections_are_cut_at_once() -> io::Result<()> {
        let (server, mut heard) = echo().await?;
        let proxy = Proxy::start(server).await?;
        let mut client = TcpStream::connect(proxy.address()).await?;
        client.write_all(b"hello").await?;
        client.read_exact(&mut [0; 5]).await?;
        proxy.cut_all();
        assert_eq!(heard.recv().await.as_deref(), Some(&b"hello"[..]));
        assert!(matches!(client.read(&mut [0; 5]).await, Ok(0) | Err(_)));
        Ok(())
    }
}
