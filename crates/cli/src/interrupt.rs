//! Ctrl-C, for commands that work in batches.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::Notify;

use crate::{
    exit::Exit,
    failure::{Failure, Result},
};

/// Turns the first Ctrl-C into a request to stop after the batch in flight; the second ends the process.
///
/// Commands that do not make one end at once, as every program does.
#[derive(Clone, Default)]
pub(crate) struct Interrupt(Arc<State>);

#[derive(Default)]
struct State {
    is_requested: AtomicBool,
    requested: Notify,
    insisted: Notify,
}

impl Interrupt {
    /// Listens from now on.
    pub(crate) fn listen() -> Result<Self> {
        Self::listen_to(1)
    }

    /// Listens from now on, for a command that has something to clear away, too, when [asked twice](Self::insisted): the
    /// third Ctrl-C ends the process.
    pub(crate) fn listen_twice() -> Result<Self> {
        Self::listen_to(2)
    }

    /// Turns so many Ctrl-C into requests; the next one ends the process.
    fn listen_to(requests: u32) -> Result<Self> {
        let interrupt = Self::default();
        let state = Arc::clone(&interrupt.0);
        let mut signals =
            signals().map_err(|error| Failure::input_output("listen for Ctrl-C", error))?;
        tokio::spawn(async move {
            signals.next().await;
            state.is_requested.store(true, Ordering::SeqCst);
            state.requested.notify_one();
            for _ in 1..requests {
                signals.next().await;
                state.insisted.notify_one();
            }
            signals.next().await;
            std::process::exit(Exit::Interrupted as i32);
        });
        Ok(interrupt)
    }

    /// Whether it is time to stop.
    pub(crate) fn is_requested(&self) -> bool {
        self.0.is_requested.load(Ordering::SeqCst)
    }

    /// Waits for the request to stop.
    pub(crate) async fn requested(&self) {
        if !self.is_requested() {
            self.0.requested.notified().await;
        }
    }

    /// Waits for the second request.
    pub(crate) async fn insisted(&self) {
        self.0.insisted.notified().await;
    }

    /// What `future` gives, or `Interrupted` if the request comes first; the future is dropped then.
    pub(crate) async fn or<T>(&self, future: impl Future<Output = T>) -> Result<T> {
        if self.is_requested() {
            return Err(Failure::Interrupted);
        }
        tokio::select! {
            biased;
            () = self.0.requested.notified() => Err(Failure::Interrupted),
            value = future => Ok(value),
        }
    }
}

/// Ctrl-C, and on Unix the request to terminate that service managers send.
#[cfg(unix)]
struct Signals(tokio::signal::unix::Signal, tokio::signal::unix::Signal);

#[cfg(unix)]
fn signals() -> std::io::Result<Signals> {
    use tokio::signal::unix::{SignalKind, signal};
    Ok(Signals(signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
}

#[cfg(unix)]
impl Signals {
    async fn next(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
fn signals() -> std::io::Result<Signals> {
    tokio::signal::windows::ctrl_c().map(Signals)
}

#[cfg(windows)]
impl Signals {
    async fn next(&mut self) {
        let _ = self.0.recv().await;
    }
}
