//! The server.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::JoinHandle,
    time::Instant,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::{
    Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

use crate::{
    Answer, Behaviour, Delivery, Report,
    delivery::{ATTEMPT, JOB},
};

type Deliveries = Arc<Mutex<Vec<Delivery>>>;

/// An HTTP server on this machine, in a thread of its own. It ends when it is dropped.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    deliveries: Deliveries,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    /// Starts a server on a free port.
    ///
    /// # Errors
    /// When there is no port or no thread for it.
    pub fn start(behaviour: Behaviour) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let deliveries = Deliveries::default();
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = mpsc::channel();
        let seen = Arc::clone(&deliveries);
        let thread = std::thread::Builder::new().name("receiver".to_owned()).spawn(move || {
            runtime.block_on(async {
                let listener = match TcpListener::bind(("127.0.0.1", 0)).await {
                    Ok(listener) => listener,
                    Err(error) => {
                        // Who waits for the address waits until it is told.
                        let _ = tell.send(Err(error));
                        return;
                    }
                };
                let _ = tell.send(listener.local_addr());
                tokio::select! {
                    _ = stopped => {}
                    () = serve(listener, behaviour, &seen) => {}
                }
            });
        })?;
        let address = told.recv().map_err(io::Error::other)??;
        Ok(Self { address, deliveries, stop: Some(stop), thread: Some(thread) })
    }

    /// Where to POST to.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Every delivery so far that has ended, in the order of their ends.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What it saw so far.
    pub fn report(&self) -> Report {
        Report::of(&self.deliveries.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // One that panicked has told so already.
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, behaviour: Behaviour, deliveries: &Deliveries) {
    loop {
        // One that could not be taken, because its client is gone, is the client's matter.
        let Ok((stream, _)) = listener.accept().await else { continue };
        tokio::spawn(converse(stream, behaviour, Arc::clone(deliveries)));
    }
}

async fn converse(stream: TcpStream, behaviour: Behaviour, deliveries: Deliveries) {
    let service = service_fn(|request| receive(request, behaviour, Arc::clone(&deliveries)));
    // How a connection ends does not matter: what came was recorded.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn receive(
    request: Request<Incoming>,
    behaviour: Behaviour,
    deliveries: Deliveries,
) -> io::Result<Response<Empty<Bytes>>> {
    let began = Instant::now();
    let header = |name: &str| {
        let value = request.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let (job, attempt) = (header(JOB), header(ATTEMPT).parse().unwrap_or(0));
    let answer = behaviour.answer(&job, attempt);
    let delivery = Delivery { job, attempt, payload: Bytes::new(), answer, began, ended: began };
    let mut recording = Recording { delivery, deliveries };
    recording.delivery.payload =
        request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
    let status = match answer {
        Answer::Accepted => StatusCode::OK,
        Answer::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        // Until the connection ends, and this future with it.
        Answer::Hung => std::future::pending().await,
        Answer::Closed => return Err(io::Error::other("closed on purpose")),
    };
    let mut response = Response::new(Empty::new());
    *response.status_mut() = status;
    Ok(response)
}

/// Records a delivery when it ends, however it ends.
struct Recording {
    delivery: Delivery,
    deliveries: Deliveries,
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.delivery.ended = Instant::now();
        let mut deliveries = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        deliveries.push(self.delivery.clone());
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::Shutdown,
        time::Duration,
    };

    use super::*;

    /// Posts a payload as attempt 1 of a job; the status, or 0 when the connection was closed or nothing came.
    fn post(receiver: &Receiver, job: &str, payload: &str) -> u16 {
        let mut stream = std::net::TcpStream::connect(receiver.address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
        let length = payload.len();
        write!(
            stream,
            "POST / HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: {length}\r\n\
             Blacksmith-Job-Id: {job}\r\nBlacksmith-Attempt: 1\r\n\r\n{payload}"
        )
        .expect("sent");
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer);
        if read.is_err() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    #[test]
    fn it_answers_as_it_was_told_and_keeps_every_payload() {
        let behaviour = Behaviour::flaky(7);
        let receiver = Receiver::start(behaviour).expect("a server");
        let mut kinds: Vec<Answer> = Vec::new();
        let jobs = (0..).map(|number: u32| format!("job-{number}"));
        for job in jobs {
            let answer = behaviour.answer(&job, 1);
            if kinds.contains(&answer) {
                continue;
            }
            kinds.push(answer);
            let status = post(&receiver, &job, &format!("payload of {job}"));
            let expected = match answer {
                Answer::Accepted => 200,
                Answer::Failed => 500,
                Answer::Hung | Answer::Closed => 0,
            };
            assert_eq!(status, expected, "{answer:?}");
            if kinds.len() == 4 {
                break;
            }
        }
        let begun = Instant::now();
        while receiver.report().deliveries < 4 {
            assert!(begun.elapsed() < Duration::from_secs(10), "{}", receiver.report());
            std::thread::sleep(Duration::from_millis(5));
        }
        for delivery in receiver.deliveries() {
            assert_eq!(delivery.payload, format!("payload of {}", delivery.job));
            assert_eq!(delivery.attempt, 1);
        }
        assert_eq!((receiver.report().answers.len(), receiver.report().overlaps.len()), (4, 0));
    }
}
