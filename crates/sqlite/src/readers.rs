//! The connections that read, beside the writer.

use blacksmith_store_core::{Result, StoreError};
use rusqlite::Connection;

use crate::{
    calls::{Order, Queue},
    error::{Failure, store_error},
};

/// Instructions of SQLite's machine between two looks at whether the caller still waits.
const INSTRUCTIONS: i32 = 10_000;

/// A call that reads.
pub(crate) trait Reading: Send {
    /// Executes and answers it, unless its caller has left.
    fn execute(self: Box<Self>, connection: &mut Connection);
}

/// A reading with its work.
pub(crate) struct Look<T, F> {
    order: Order<T>,
    work: F,
}

impl<T, F> Look<T, F>
where
    T: Send,
    F: FnMut(&Connection) -> Result<T, Failure> + Send,
{
    pub(crate) fn new(order: Order<T>, work: F) -> Self {
        Self { order, work }
    }
}

impl<T, F> Reading for Look<T, F>
where
    T: Send,
    F: FnMut(&Connection) -> Result<T, Failure> + Send,
{
    fn execute(self: Box<Self>, connection: &mut Connection) {
        let Self { order, mut work } = *self;
        if !order.take() {
            return;
        }
        // A long search ends when nobody wants it any more.
        let ticket = order.ticket.clone();
        let watched = connection.progress_handler(INSTRUCTIONS, Some(move || ticket.is_left()));
        let answer = match watched {
            Ok(()) => work(connection).map_err(StoreError::from),
            Err(error) => Err(store_error(&error)),
        };
        order.reply(answer);
    }
}

/// Serves a queue of readings until it is closed.
pub(crate) fn run(mut connection: Connection, queue: &Queue<Box<dyn Reading>>) {
    while let Some(reading) = queue.pop() {
        reading.execute(&mut connection);
    }
}

/// Looks at one state of the database throughout `work`.
pub(crate) fn snapshot<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, Failure>,
) -> Result<T, Failure> {
    // Inside a transaction already where the one connection of a store in memory does everything.
    if !connection.is_autocommit() {
        return work(connection);
    }
    connection.prepare_cached("BEGIN")?.execute([])?;
    let answer = work(connection);
    // Nothing was written: to commit and to roll back are the same, and an interrupted search has been rolled back.
    if !connection.is_autocommit() {
        connection.prepare_cached("ROLLBACK")?.execute([])?;
    }
    answer
}
