//! The one connection that writes, and how calls share its commits.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use blacksmith_store_core::{Result, StoreError};
use rusqlite::Connection;

use crate::{
    calls::{Order, Queue},
    error::{Failure, commit_error, is_busy, store_error},
    wakeups::Bell,
};

/// Calls that share a commit at most.
const GROUP: usize = 256;

/// A group takes no further call after this time.
const GROUP_TIME: Duration = Duration::from_millis(20);

/// How often the lock is tried while another process holds it: from the first pause to the longest.
const PAUSES: (Duration, Duration) = (Duration::from_micros(50), Duration::from_millis(2));

/// How a call looks at what it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// All of it is assumed to be new; what is not ends the attempt with [`Failure::NotNew`].
    Hopeful,
    /// Each entry is looked up first.
    Careful,
}

/// What a call has done.
pub(crate) struct Done<T> {
    pub(crate) answer: T,
    /// Whether work may have arrived for those who wait for wake-ups.
    pub(crate) wakes: bool,
}

/// A call that writes.
pub(crate) trait Call: Send {
    /// Whether its caller has left.
    fn is_left(&self) -> bool;

    /// How long it has been waiting.
    fn age(&self) -> Duration;

    /// Takes the call; `false` when it is too late.
    fn take(&self) -> bool;

    /// Executes it inside a savepoint; it may be executed again.
    fn execute(&mut self, connection: &Connection, attempt: Attempt) -> Result<(), Failure>;

    /// Whether the execution let work arrive.
    fn wakes(&self) -> bool;

    /// Answers what the execution has answered, now that it is committed.
    fn committed(self: Box<Self>);

    /// Answers why it was not.
    fn refused(self: Box<Self>, error: StoreError);
}

/// A call with its work.
pub(crate) struct Work<T, F> {
    order: Order<T>,
    run: F,
    done: Option<Done<T>>,
}

impl<T, F> Work<T, F>
where
    T: Send,
    F: FnMut(&Connection, Attempt) -> Result<Done<T>, Failure> + Send,
{
    pub(crate) fn new(order: Order<T>, work: F) -> Self {
        Self { order, run: work, done: None }
    }
}

impl<T, F> Call for Work<T, F>
where
    T: Send,
    F: FnMut(&Connection, Attempt) -> Result<Done<T>, Failure> + Send,
{
    fn is_left(&self) -> bool {
        self.order.ticket.is_left()
    }

    fn age(&self) -> Duration {
        self.order.ordered_at.elapsed()
    }

    fn take(&self) -> bool {
        self.order.take()
    }

    fn execute(&mut self, connection: &Connection, attempt: Attempt) -> Result<(), Failure> {
        self.done = None;
        self.done = Some((self.run)(connection, attempt)?);
        Ok(())
    }

    fn wakes(&self) -> bool {
        self.done.as_ref().is_some_and(|done| done.wakes)
    }

    fn committed(self: Box<Self>) {
        let done = self.done.expect("only what was executed is committed");
        self.order.reply(Ok(done.answer));
    }

    fn refused(self: Box<Self>, error: StoreError) {
        self.order.reply(Err(error));
    }
}

/// The connection that writes.
pub(crate) struct Writer {
    connection: Connection,
    /// How long a call waits for another process.
    busy_timeout: Duration,
    bell: Arc<Bell>,
}

impl Writer {
    pub(crate) fn new(
        connection: Connection,
        busy_timeout: Duration,
        bell: Arc<Bell>,
    ) -> Result<Self, Failure> {
        // The lock is waited for in `begin`, which knows who still wants it.
        connection.busy_timeout(Duration::ZERO)?;
        Ok(Self { connection, busy_timeout, bell })
    }

    /// Serves a queue until it is closed.
    pub(crate) fn run(mut self, queue: &Queue<Box<dyn Call>>) {
        while let Some(call) = queue.pop() {
            self.serve(call, || queue.try_pop());
        }
    }

    /// Executes a call, and together with it those that `next` gives, and commits them.
    pub(crate) fn serve(&mut self, first: Box<dyn Call>, next: impl Fn() -> Option<Box<dyn Call>>) {
        let Some(first) = self.begin(first) else { return };
        let began = Instant::now();
        let mut executed = Vec::new();
        let mut waiting = Some(first);
        while let Some(mut call) = waiting {
            if call.take() {
                match self.execute(call.as_mut()) {
                    Ok(()) => executed.push(call),
                    Err(failure) => {
                        call.refused(failure.into());
                        if self.connection.is_autocommit() {
                            // A failure such as a full disk has rolled everything back; the others did not cause it.
                            return self.serve_each_alone(executed);
                        }
                    }
                }
            }
            let has_room = executed.len() < GROUP && began.elapsed() < GROUP_TIME;
            waiting = if has_room { next() } else { None };
        }
        self.commit(executed);
    }

    fn serve_each_alone(&mut self, calls: Vec<Box<dyn Call>>) {
        for call in calls {
            let Some(mut call) = self.begin(call) else { continue };
            match self.execute(call.as_mut()) {
                Ok(()) => self.commit(vec![call]),
                Err(failure) => {
                    call.refused(failure.into());
                    self.roll_back();
                }
            }
        }
    }

    /// Takes the lock of the database for a call; without it, the call is answered or its caller has left.
    fn begin(&self, call: Box<dyn Call>) -> Option<Box<dyn Call>> {
        let (mut pause, longest) = PAUSES;
        loop {
            let Err(error) = self.run_statement("BEGIN IMMEDIATE") else { return Some(call) };
            if call.is_left() {
                return None;
            }
            if !is_busy(&error) || call.age() >= self.busy_timeout {
                call.refused(store_error(&error));
                return None;
            }
            thread::sleep(pause);
            pause = longest.min(pause * 2);
        }
    }

    /// Executes a call in a savepoint, so that what it has written before it failed is taken back, and no more.
    fn execute(&self, call: &mut dyn Call) -> Result<(), Failure> {
        self.run_statement("SAVEPOINT call")?;
        let outcome = match call.execute(&self.connection, Attempt::Hopeful) {
            Err(Failure::NotNew) => {
                self.run_statement("ROLLBACK TO call")?;
                call.execute(&self.connection, Attempt::Careful)
            }
            outcome => outcome,
        };
        if outcome.is_err() && !self.connection.is_autocommit() {
            self.run_statement("ROLLBACK TO call")?;
        }
        if !self.connection.is_autocommit() {
            self.run_statement("RELEASE call")?;
        }
        outcome
    }

    fn commit(&self, calls: Vec<Box<dyn Call>>) {
        match self.run_statement("COMMIT") {
            Ok(()) => {
                if calls.iter().any(|call| call.wakes()) {
                    self.bell.ring();
                }
                for call in calls {
                    call.committed();
                }
            }
            Err(error) => {
                self.roll_back();
                for call in calls {
                    call.refused(commit_error(&error));
                }
            }
        }
    }

    /// Ends a transaction that SQLite has not ended by itself.
    fn roll_back(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.run_statement("ROLLBACK")
        {
            tracing::warn!(error = %store_error(&error), "a transaction could not be rolled back");
        }
    }

    fn run_statement(&self, sql: &'static str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }
}
