//! Who executes calls: threads, or the caller's own.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use blacksmith_store_core::{Result, Retry, StoreError, Toolkit};
use rusqlite::Connection;

use crate::{
    calls::{self, Queue, Unanswered},
    connection::{Role, connect},
    error::Failure,
    readers::{self, Look, Reading},
    settings::{Place, Settings},
    wakeups::Bell,
    writer::{Attempt, Call, Done, Work, Writer},
};

/// Executes the calls of a store.
pub(crate) struct Executor {
    writes: Writes,
    reads: Reads,
    reading: Vec<JoinHandle<()>>,
    writing: Option<JoinHandle<()>>,
}

enum Writes {
    Queued(Arc<Queue<Box<dyn Call>>>),
    Inline(Mutex<Writer>),
}

enum Reads {
    Queued(Arc<Queue<Box<dyn Reading>>>),
    Inline(Mutex<Connection>),
    /// By the connection that writes: a store in memory has no other.
    WithWrites,
}

impl Executor {
    /// Executes on `connection`, which can write, and on further ones as the settings say.
    pub(crate) fn new(
        settings: &Settings,
        connection: Connection,
        bell: Arc<Bell>,
    ) -> Result<Self> {
        let mut reading = Vec::new();
        let reads = match (&settings.place, settings.inline) {
            (Place::Memory, _) => Reads::WithWrites,
            (Place::File(_), true) => Reads::Inline(Mutex::new(connect(settings, Role::Read)?)),
            (Place::File(_), false) => {
                let queue = Arc::new(Queue::new());
                // All of them before the first thread, which would wait for ever if a later one could not be opened.
                let connections: Result<Vec<_>, _> =
                    (0..settings.readers).map(|_| connect(settings, Role::Read)).collect();
                for connection in connections? {
                    let queue = Arc::clone(&queue);
                    reading.push(spawn("reader", move || readers::run(connection, &queue))?);
                }
                Reads::Queued(queue)
            }
        };
        let sole = Writer::new(connection, settings.busy_timeout, bell)?;
        let (writes, writing) = if settings.inline {
            (Writes::Inline(Mutex::new(sole)), None)
        } else {
            let queue = Arc::new(Queue::<Box<dyn Call>>::new());
            let serving = Arc::clone(&queue);
            let thread = spawn("writer", move || sole.run(&serving))?;
            (Writes::Queued(queue), Some(thread))
        };
        Ok(Self { writes, reads, reading, writing })
    }

    /// Executes a call that writes about so many entries. Its work may be executed more than once, each time as if never
    /// before.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        toolkit: &Toolkit,
        entries: usize,
        work: impl FnMut(&Connection, Attempt) -> Result<Done<T>, Failure> + Send + 'static,
    ) -> Result<T> {
        let (order, waiting) = calls::order(toolkit);
        self.order_write(Box::new(Work::new(order, entries, work)));
        match waiting.answer(toolkit).await {
            Ok(answer) => answer,
            Err(unanswered @ Unanswered::NotTaken) => Err(unanswered.into_error()),
            Err(unanswered) => Err(unanswered.into_error().with_retry(Retry::OutcomeUnknown)),
        }
    }

    /// Executes a call that reads; in memory, its work may be executed more than once.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        toolkit: &Toolkit,
        mut work: impl FnMut(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T> {
        let (order, waiting) = calls::order(toolkit);
        match &self.reads {
            Reads::Queued(queue) => queue.push(Box::new(Look::new(order, work))),
            Reads::Inline(connection) => {
                let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                Box::new(Look::new(order, work)).execute(&mut connection);
            }
            Reads::WithWrites => {
                self.order_write(Box::new(Work::new(order, 1, move |connection, _| {
                    Ok(Done { answer: work(connection)?, wakes: false })
                })));
            }
        }
        waiting.answer(toolkit).await.map_err(Unanswered::into_error)?
    }

    fn order_write(&self, call: Box<dyn Call>) {
        match &self.writes {
            Writes::Queued(queue) => queue.push(call),
            Writes::Inline(writer) => {
                let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
                let none_waits = || None;
                writer.serve(call, none_waits);
            }
        }
    }
}

impl Drop for Executor {
    /// Closes the connections before the store is gone, so that its file may be removed or opened anew.
    fn drop(&mut self) {
        if let Reads::Queued(queue) = &self.reads {
            queue.close();
        }
        // A thread that panicked has told so already.
        self.reading.drain(..).for_each(|reader| drop(reader.join()));
        // The writer's connection goes last and alone: SQLite puts the log into the file when the last one closes, and of
        // several that close at once none may be the last.
        if let Writes::Queued(queue) = &self.writes {
            queue.close();
        }
        self.writing.take().map(JoinHandle::join);
    }
}

pub(crate) fn spawn(what: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    thread::Builder::new().name(format!("blacksmith-sqlite-{what}")).spawn(run).map_err(|error| {
        StoreError::unavailable("the system gives no thread for the database").with_source(error)
    })
}
