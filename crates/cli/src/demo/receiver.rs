//! An HTTP server on this machine that takes webhooks, and fails on purpose.

use std::{
    collections::HashMap,
    future, io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};

/// The header by which a delivery names its job.
const JOB_ID: &str = "blacksmith-job-id";

/// Takes requests until it is dropped.
pub(crate) struct Receiver {
    address: SocketAddr,
    log: Arc<Mutex<Log>>,
    server: AbortHandle,
}

/// What was received.
#[derive(Default)]
struct Log {
    tally: Tally,
    /// By the job's id.
    jobs: HashMap<String, Received>,
}

/// What was received of one job.
struct Received {
    /// The how manieth job of all it was, from 0.
    place: usize,
    /// What each delivery brought.
    payloads: Vec<Bytes>,
}

/// How many requests were answered how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    /// Requests for a job that had been received before.
    pub(crate) again: u64,
    pub(crate) taken: u64,
    /// Answered with status 500.
    pub(crate) broken: u64,
    /// Answered with status 410.
    pub(crate) gone: u64,
    /// Not answered until the sender had enough.
    pub(crate) silent: u64,
    /// The connection was closed instead of an answer.
    pub(crate) closed: u64,
}

/// How a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Take,
    Break,
    Gone,
    BeSilent,
    Close,
}

impl Manner {
    /// The manner towards the job of this place, at this delivery of it, from 1: of 50 jobs one never gets through, one is
    /// refused for good, one meets silence first and one a closed connection, every tenth fails twice and two tenths once.
    fn of(place: usize, delivery: usize) -> Self {
        match (place % 50, delivery) {
            (20, _) => Self::Break,
            (25, _) => Self::Gone,
            (7, 1) => Self::BeSilent,
            (11, 1) => Self::Close,
            (place, 1) if matches!(place % 10, 3 | 6 | 9) => Self::Break,
            (place, 2) if place % 10 == 9 => Self::Break,
            _ => Self::Take,
        }
    }
}

impl Log {
    /// Takes a delivery down, and says how it is to be answered.
    fn take(&mut self, job: String, payload: Bytes) -> Manner {
        let place = self.jobs.len();
        let received =
            self.jobs.entry(job).or_insert_with(|| Received { place, payloads: Vec::new() });
        received.payloads.push(payload);
        let delivery = received.payloads.len();
        let manner = Manner::of(received.place, delivery);

        let tally = &mut self.tally;
        tally.requests += 1;
        tally.again += u64::from(delivery > 1);
        *match manner {
            Manner::Take => &mut tally.taken,
            Manner::Break => &mut tally.broken,
            Manner::Gone => &mut tally.gone,
            Manner::BeSilent => &mut tally.silent,
            Manner::Close => &mut tally.closed,
        } += 1;
        manner
    }
}

impl Receiver {
    /// Listens on a free port of this machine.
    pub(crate) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let log = Arc::new(Mutex::new(Log::default()));
        let server = tokio::spawn(serve(listener, Arc::clone(&log))).abort_handle();
        Ok(Self { address, log, server })
    }

    /// Where it takes webhooks.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/webhooks", self.address)
    }

    pub(crate) fn tally(&self) -> Tally {
        lock(&self.log).tally
    }

    /// Whether each delivery of this job brought exactly this payload, and there was one at all.
    pub(crate) fn has_seen(&self, job: &str, payload: &[u8]) -> bool {
        let log = lock(&self.log);
        let received = log.jobs.get(job);
        received.is_some_and(|received| received.payloads.iter().all(|seen| seen == payload))
    }

    /// How many jobs it has received.
    pub(crate) fn jobs(&self) -> usize {
        lock(&self.log).jobs.len()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, log: Arc<Mutex<Log>>) {
    // Dropped with this task, and the connections with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                connections.spawn(converse(stream, Arc::clone(&log)));
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, log: Arc<Mutex<Log>>) {
    let answer = service_fn(|request| answer(request, Arc::clone(&log)));
    // That a connection ends with an error is what this is for.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
}

/// Answers in its manner; an error makes hyper close the connection without a word.
async fn answer(
    request: Request<Incoming>,
    log: Arc<Mutex<Log>>,
) -> Result<Response<Full<Bytes>>, io::Error> {
    let job = request.headers().get(JOB_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
    let payload = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
    let Some(job) = job else {
        return Ok(response(StatusCode::BAD_REQUEST, "which job is this?"));
    };
    let manner = lock(&log).take(job, payload);
    match manner {
        Manner::Take => Ok(response(StatusCode::OK, "thank you")),
        Manner::Break => Ok(response(StatusCode::INTERNAL_SERVER_ERROR, "broken on purpose")),
        Manner::Gone => Ok(response(StatusCode::GONE, "this customer has left")),
        // Until the sender hangs up.
        Manner::BeSilent => future::pending().await,
        Manner::Close => Err(io::Error::other("closed on purpose")),
    }
}

fn response(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response
}

/// Nothing that holds the lock leaves the log half changed.
fn lock(log: &Mutex<Log>) -> MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        time::timeout,
    };

    use super::*;

    /// Sends a delivery, and what comes back until the connection ends, or nothing if that takes longer than a moment.
    async fn post(receiver: &Receiver, job: &str, payload: &str) -> Option<String> {
        let mut stream = TcpStream::connect(receiver.address).await.expect("connected");
        let length = payload.len();
        let request = format!(
            "POST /webhooks HTTP/1.1\r\nhost: x\r\nconnection: close\r\nBlacksmith-Job-Id: {job}\r\n\
             content-length: {length}\r\n\r\n{payload}"
        );
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        let read = timeout(Duration::from_secs(1), stream.read_to_string(&mut answer)).await;
        read.ok().map(|read| read.map_or_else(|_| String::new(), |_| answer))
    }

    #[tokio::test]
    async fn it_fails_in_every_way_and_takes_everything_down() {
        let receiver = Receiver::start().await.expect("a port");
        for place in 0..30 {
            let (job, payload) = (format!("job {place}"), format!("payload {place}"));
            let answer = post(&receiver, &job, &payload).await;
            match place {
                7 => assert_eq!(answer, None),
                11 => assert_eq!(answer.as_deref(), Some("")),
                25 => assert!(answer.expect("an answer").starts_with("HTTP/1.1 410 ")),
                20 | 3 | 6 | 9 | 13 | 16 | 19 | 23 | 26 | 29 => {
                    assert!(answer.expect("an answer").starts_with("HTTP/1.1 500 "), "{place}");
                }
                _ => assert!(answer.expect("an answer").starts_with("HTTP/1.1 200 "), "{place}"),
            }
        }
        let again = post(&receiver, "job 3", "payload 3").await;
        assert!(again.expect("an answer").ends_with("\r\n\r\nthank you"));

        let tally = receiver.tally();
        let expected =
            Tally { requests: 31, again: 1, taken: 18, broken: 10, gone: 1, silent: 1, closed: 1 };
        assert_eq!((tally, receiver.jobs()), (expected, 30));
        assert!(
            receiver.has_seen("job 3", b"payload 3") && receiver.has_seen("job 7", b"payload 7")
        );
        assert!(!receiver.has_seen("job 3", b"payload 4") && !receiver.has_seen("job 99", b""));
    }
}
