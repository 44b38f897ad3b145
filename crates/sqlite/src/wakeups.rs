//! Wake-ups: within the process at each commit, between processes by looking whether the file has changed.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    thread::JoinHandle,
    time::Duration,
};

use blacksmith_store_core::{Result, Wakeup, Wakeups};
use futures_core::Stream;
use rusqlite::Connection;
use tokio::sync::watch;

use crate::{error::store_error, executor::spawn};

/// How often other processes' commits are looked for. A look costs some ten microseconds.
const INTERVAL: Duration = Duration::from_millis(10);

/// Tells streams that work may have arrived.
pub(crate) struct Bell {
    rings: watch::Sender<()>,
    watch: Mutex<Watch>,
    closing: Condvar,
}

/// The thread that watches the file, as long as there is a stream.
#[derive(Default)]
struct Watch {
    thread: Option<JoinHandle<()>>,
    closed: bool,
}

impl Bell {
    pub(crate) fn new() -> Arc<Self> {
        let (rings, watch) = (watch::Sender::new(()), Mutex::default());
        Arc::new(Self { rings, watch, closing: Condvar::new() })
    }

    fn lock(&self) -> MutexGuard<'_, Watch> {
        // Nothing panics while it holds the lock.
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fires every stream.
    pub(crate) fn ring(&self) {
        self.rings.send_replace(());
    }

    /// A stream of the rings from now on.
    pub(crate) fn listen(&self) -> Wakeups {
        Box::pin(Rings { next: Box::pin(next(self.rings.subscribe())) })
    }

    /// Rings for the commits of others, too, as long as there is a stream; `connect` opens the connection that looks.
    pub(crate) fn watch(
        self: &Arc<Self>,
        connect: impl FnOnce() -> Result<Connection>,
    ) -> Result<()> {
        let mut watch = self.lock();
        if watch.thread.is_none() {
            let connection = connect()?;
            // Here, not in the thread: what is committed before that begins to look must ring, too.
            let seen = data_version(&connection).map_err(|error| store_error(&error))?;
            let bell = Arc::clone(self);
            watch.thread = Some(spawn("watcher", move || bell.look(&connection, seen))?);
        }
        Ok(())
    }

    /// Rings when the file was changed by another connection; the store's own writer counts among them.
    fn look(&self, connection: &Connection, mut seen: i64) {
        loop {
            match data_version(connection) {
                Ok(version) => {
                    if std::mem::replace(&mut seen, version) != version {
                        self.ring();
                    }
                }
                Err(error) => {
                    // Firings may be lost; the next look may succeed.
                    tracing::debug!(error = %store_error(&error), "the file could not be looked at");
                }
            }
            let waited =
                self.closing.wait_timeout_while(self.lock(), INTERVAL, |watch| !watch.closed);
            let (mut watch, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if watch.closed {
                return;
            }
            if self.rings.receiver_count() == 0 {
                watch.thread = None;
                return;
            }
        }
    }

    /// Ends the watching, and with it its connection.
    pub(crate) fn close(&self) {
        let thread = {
            let mut watch = self.lock();
            watch.closed = true;
            watch.thread.take()
        };
        self.closing.notify_all();
        if let Some(thread) = thread {
            // A thread that panicked has told so already.
            let _ = thread.join();
        }
    }
}

fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}

/// The next ring, with the receiver for the one after; `None` when the store is gone.
type Next = Pin<Box<dyn Future<Output = Option<watch::Receiver<()>>> + Send>>;

async fn next(mut receiver: watch::Receiver<()>) -> Option<watch::Receiver<()>> {
    receiver.changed().await.ok().map(|()| receiver)
}

struct Rings {
    next: Next,
}

impl Stream for Rings {
    type Item = Wakeup;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(receiver) = ready!(self.next.as_mut().poll(context)) else {
            // Polled again, it ends again.
            self.next = Box::pin(std::future::ready(None));
            return Poll::Ready(None);
        };
        self.next = Box::pin(next(receiver));
        Poll::Ready(Some(Wakeup::default()))
    }
}
