//! The parent's side: starts a child process, asks it for calls, and ends it.

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use blacksmith_store_core::{Options, Result, Retry, StoreError, Toolkit};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::oneshot;

use super::{
    child::CHILD,
    lines::{Call, Order, Reply},
};
use crate::failure::{Failure, Outcome};

/// How long a process may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(5);

/// A child process that has opened the store; its calls are made there. It ends when it is dropped.
pub(crate) struct Process {
    options: Options,
    child: Mutex<Child>,
    /// None once it was asked to end.
    input: Mutex<Option<ChildStdin>>,
    waiting: Arc<Mutex<Waiting>>,
}

/// The calls that wait for their reply.
struct Waiting {
    last: u64,
    /// None once the process has ended.
    replies: Option<HashMap<u64, oneshot::Sender<Reply>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Process {
    /// Starts a process that opens a store and draws ids from the seed, and waits until it has opened it.
    pub(crate) async fn start(options: &Options, seed: u64) -> Outcome<Arc<Self>> {
        let (process, opened) = Self::launch(options, seed)?;
        match opened.await {
            Ok(Reply { refusal: None, .. }) => Ok(process),
            Ok(Reply { refusal: Some(refusal), .. }) => Err(StoreError::from(refusal).into()),
            Err(_) => Err(Failure::new("a child process ended before it had opened the store")),
        }
    }

    /// Starts a process, and does not wait until it has opened the store.
    pub(crate) fn about_to_open(options: &Options, seed: u64) -> Outcome<Arc<Self>> {
        Self::launch(options, seed).map(|(process, _)| process)
    }

    fn launch(options: &Options, seed: u64) -> Outcome<(Arc<Self>, oneshot::Receiver<Reply>)> {
        let cannot = |error| Failure::new(format!("no child process can be started: {error}"));
        let program = std::env::current_exe().map_err(cannot)?;
        let mut child = Command::new(program)
            .env(CHILD, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(cannot)?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (opened, is_opened) = oneshot::channel();
        let replies = Some(HashMap::from([(0, opened)]));
        let waiting = Arc::new(Mutex::new(Waiting { last: 0, replies }));
        if let Some(output) = output {
            let waiting = Arc::clone(&waiting);
            std::thread::spawn(move || hand_out(BufReader::new(output), &waiting));
        }
        let process = Arc::new(Self {
            options: options.clone(),
            child: Mutex::new(child),
            input: Mutex::new(input),
            waiting,
        });
        process.send(&Order::new(options, seed))?;
        Ok((process, is_opened))
    }

    /// What the process was told to open.
    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    /// Kills the process where it stands, and waits until it is gone.
    pub(crate) fn kill(&self) -> Outcome {
        let mut child = lock(&self.child);
        let killed = child.kill().and_then(|()| child.wait());
        match killed {
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::new(format!("the child process cannot be killed: {error}"))),
        }
    }

    /// Has the process make a call.
    pub(super) async fn call(
        &self,
        toolkit: &Toolkit,
        method: &str,
        argument: Box<RawValue>,
    ) -> Result<Box<RawValue>> {
        let (sender, receiver) = oneshot::channel();
        let number = {
            let mut waiting = lock(&self.waiting);
            waiting.last += 1;
            let number = waiting.last;
            let Some(replies) = &mut waiting.replies else {
                return Err(StoreError::unavailable("the process has ended"));
            };
            replies.insert(number, sender);
            number
        };
        let lost = || {
            StoreError::unavailable("the process ended before it answered")
                .with_retry(Retry::OutcomeUnknown)
        };
        let call = Call { number, method: method.to_owned(), at: toolkit.now(), argument };
        self.send(&call).map_err(|_| lost())?;
        match receiver.await {
            Ok(Reply { answer: Some(answer), .. }) => Ok(answer),
            Ok(Reply { refusal: Some(refusal), .. }) => Err(refusal.into()),
            Ok(_) => Err(StoreError::internal("a reply without an answer")),
            Err(_) => Err(lost()),
        }
    }

    fn send(&self, line: &impl Serialize) -> Outcome {
        let sent = || {
            let mut text = serde_json::to_string(line)?;
            text.push('\n');
            match lock(&self.input).as_mut() {
                Some(input) => input.write_all(text.as_bytes()),
                None => Err(std::io::ErrorKind::BrokenPipe.into()),
            }
        };
        sent().map_err(|error| Failure::new(format!("a child process takes no line: {error}")))
    }
}

impl Drop for Process {
    /// Asks the process to close the store and to end, and waits until it is gone.
    fn drop(&mut self) {
        *lock(&self.input) = None;
        let mut child = lock(&self.child);
        let deadline = Instant::now() + GRACE;
        while matches!(child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        // Both fail for a process that has ended, as it should have.
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Gives each reply to the call that waits for it, until the process has ended.
fn hand_out(output: BufReader<impl std::io::Read>, waiting: &Mutex<Waiting>) {
    for line in output.lines() {
        let Ok(line) = line else { break };
        // What an adapter prints is no reply.
        let Ok(reply) = serde_json::from_str::<Reply>(&line) else { continue };
        let waits = lock(waiting).replies.as_mut().and_then(|calls| calls.remove(&reply.number));
        if let Some(call) = waits {
            // A caller that has gone does not want it.
            let _ = call.send(reply);
        }
    }
    lock(waiting).replies = None;
}
