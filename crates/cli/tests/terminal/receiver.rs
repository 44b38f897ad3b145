//! A receiver of webhooks.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use hyper::HeaderMap;

/// What it was sent.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    pub(crate) fn attempt(&self) -> u32 {
        self.header("blacksmith-attempt").parse().unwrap()
    }
}

/// What it says to that: a status, headers, and a body.
pub(crate) type Answer = (u16, Vec<(&'static str, String)>, String);

/// Nothing but a status.
pub(crate) fn status(code: u16) -> Answer {
    (code, Vec::new(), String::new())
}

pub(crate) struct Receiver {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Receiver {
    /// Listens until the end of the test's process.
    pub(crate) fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (answer, seen) = (Arc::new(answer), Arc::clone(&requests));
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
                thread::spawn(move || serve(&connection.unwrap(), &*answer, &seen));
            }
        });
        Self { url, requests }
    }

    /// What came so far, in the order of arrival.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(
    mut connection: &TcpStream,
    answer: &dyn Fn(&Request) -> Answer,
    seen: &Mutex<Vec<Request>>,
) {
    let mut reader = BufReader::new(connection);
    while let Some(request) = read(&mut reader) {
        let (status, headers, body) = answer(&request);
        seen.lock().unwrap().push(request);
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let length = body.len();
        let headers = [vec![format!("content-length: {length}")], headers].concat().join("\r\n");
        // A client that was killed meanwhile wants no answer.
        let _ = connection
            .write_all(format!("HTTP/1.1 {status} Whatever\r\n{headers}\r\n\r\n{body}").as_bytes());
    }
}

/// The next request of a connection, unless it ends.
fn read(reader: &mut BufReader<&TcpStream>) -> Option<Request> {
    let mut line = String::new();
    let mut headers = HeaderMap::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        let name: hyper::header::HeaderName = name.parse().unwrap();
        headers.append(name, value.parse().unwrap());
    }
    let length =
        headers.get("content-length").map_or(0, |length| length.to_str().unwrap().parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { line: line.trim_end().to_owned(), headers, body })
}
