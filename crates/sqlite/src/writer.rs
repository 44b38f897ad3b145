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

/// Entries from which on a call does not share its commit: to be able to take it back by itself would cost more.
pub(crate) const LARGE: usize = 200;

/// A group takes no further call after this time.
const GROUP_TIME: Duration = Duration::from_millis(20);

/// How often the lock is tried while another process holds it: from the first pause to the longest.
const PAUSES: (Duration, Duration) = (Duration::from_micros(50), Duration::from_micros(500));

/// A writer that always has something to do stands back after this time, for so long: SQLite's lock has no queue, and another
/// process would find it free by chance alone.
const STAND_BACK: (Duration, Duration) = (Duration::from_millis(20), Duration::from_micros(600));

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

    /// Takes the call; `false` when it is too late. Taken is taken, also when it is executed again.
    fn take(&mut self) -> bool;

    /// Whether it is to have a commit of its own.
    fn is_large(&self) -> bool;

    /// Executes it; what it has written may be taken back, and then it may be executed again.
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
    entries: usize,
    run: F,
    is_taken: bool,
    done: Option<Done<T>>,
}

impl<T, F> Work<T, F>
where
    T: Send,
    F: FnMut(&Connection, Attempt) -> Result<Done<T>, Failure> + Send,
{
    /// A call about so many entries.
    pub(crate) fn new(order: Order<T>, entries: usize, run: F) -> Self {
        Self { order, entries, run, is_taken: false, done: None }
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

    fn take(&mut self) -> bool {
        self.is_taken = self.is_taken || self.order.take();
        self.is_taken
    }

    fn is_large(&self) -> bool {
        self.entries >= LARGE
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
        let (longest, pause) = STAND_BACK;
        let mut left_over = None;
        let mut busy_since = Instant::now();
        loop {
            let at_once = left_over.take().or_else(|| queue.try_pop());
            let call = if at_once.is_some() {
                if busy_since.elapsed() > longest {
                    thread::sleep(pause);
                    busy_since = Instant::now();
                }
                at_once
            } else {
                let call = queue.pop();
                busy_since = Instant::now();
                call
            };
            let Some(call) = call else { return };
            left_over = self.serve(call, || queue.try_pop());
        }
    }

    /// Executes a call, and together with it those that `next` gives, and commits them. Answers a call that `next` gave and
    /// that is to have a commit of its own.
    pub(crate) fn serve(
        &mut self,
        first: Box<dyn Call>,
        next: impl Fn() -> Option<Box<dyn Call>>,
    ) -> Option<Box<dyn Call>> {
        let mut group = vec![self.execute_first(first)?];
        let began = Instant::now();
        let mut left_over = None;
        while group.len() < GROUP && !group[0].is_large() && began.elapsed() < GROUP_TIME {
            let Some(mut call) = next() else { break };
            if call.is_large() {
                left_over = Some(call);
                break;
            }
            if !call.take() {
                continue;
            }
            match self.execute_in_savepoint(call.as_mut()) {
                Ok(()) => group.push(call),
                Err(failure) => {
                    call.refused(failure.into());
                    if self.connection.is_autocommit() {
                        // A failure such as a full disk has rolled everything back; the others did not cause it.
                        for call in group {
                            if let Some(executed) = self.execute_first(call) {
                                self.commit(vec![executed]);
                            }
                        }
                        return None;
                    }
                }
            }
        }
        self.commit(group);
        left_over
    }

    /// Begins a transaction with a call. What it has written before it failed is taken back by ending the transaction: a
    /// savepoint would copy every page that it changes. Without an answer, no transaction has begun.
    fn execute_first(&self, call: Box<dyn Call>) -> Option<Box<dyn Call>> {
        let mut call = self.begin(call)?;
        if !call.take() {
            self.roll_back();
            return None;
        }
        let mut outcome = call.execute(&self.connection, Attempt::Hopeful);
        if matches!(outcome, Err(Failure::NotNew)) {
            self.roll_back();
            call = self.begin(call)?;
            outcome = call.execute(&self.connection, Attempt::Careful);
        }
        match outcome {
            Ok(()) => Some(call),
            Err(failure) => {
                self.roll_back();
                call.refused(failure.into());
                None
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

    /// Executes a further call of a group, so that what it has written before it failed is taken back, and no more.
    fn execute_in_savepoint(&self, call: &mut dyn Call) -> Result<(), Failure> {
        self.run_statement("SAVEPOINT call")?;
        let mut outcome = call.execute(&self.connection, Attempt::Hopeful);
        if matches!(outcome, Err(Failure::NotNew)) {
            self.run_statement("ROLLBACK TO call")?;
            outcome = call.execute(&self.connection, Attempt::Careful);
        }
        if !self.connection.is_autocommit() {
            if outcome.is_err() {
                self.run_statement("ROLLBACK TO call")?;
            }
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

#[cfg(test)]
mod tests {
    use std::{
        cell::RefCell,
        collections::VecDeque,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use blacksmith_store_core::{ErrorKind, Retry, Toolkit};

    use super::*;
    use crate::calls::{self, Waiting};

    /// A writer over a table of numbers, which together with its index has room for some pages.
    fn writer() -> Result<Writer, Failure> {
        let connection = Connection::open_in_memory()?;
        connection.execute_batch(
            "PRAGMA max_page_count = 50; PRAGMA foreign_keys = ON;
             CREATE TABLE numbers (number INTEGER PRIMARY KEY, ballast BLOB);
             CREATE TABLE pointers (number INTEGER REFERENCES numbers DEFERRABLE INITIALLY DEFERRED);",
        )?;
        Writer::new(connection, Duration::from_secs(1), Bell::new())
    }

    fn numbers(writer: &Writer) -> Result<Vec<i64>, Failure> {
        let mut statement =
            writer.connection.prepare("SELECT number FROM numbers ORDER BY number")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn call(
        toolkit: &Toolkit,
        work: impl FnMut(&Connection, Attempt) -> Result<(), Failure> + Send + 'static,
    ) -> (Box<dyn Call>, Waiting<()>) {
        let mut work = work;
        let (order, waiting) = calls::order(toolkit);
        let run = move |connection: &Connection, attempt| {
            work(connection, attempt).map(|answer| Done { answer, wakes: false })
        };
        (Box::new(Work::new(order, 1, run)), waiting)
    }

    fn insert(number: i64) -> impl FnMut(&Connection, Attempt) -> Result<(), Failure> {
        move |connection, _| {
            connection.execute("INSERT INTO numbers VALUES (?1, NULL)", [number])?;
            Ok(())
        }
    }

    /// Serves these calls in one group, or in as few as can be, and gives their answers.
    fn serve(writer: &mut Writer, calls: Vec<(Box<dyn Call>, Waiting<()>)>) -> Vec<Result<()>> {
        let (calls, waiting): (VecDeque<_>, Vec<_>) = calls.into_iter().unzip();
        let calls = RefCell::new(calls);
        let next = || calls.borrow_mut().pop_front();
        while let Some(first) = next() {
            assert!(writer.serve(first, next).is_none(), "none is large");
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.expect("a runtime");
        let toolkit = Toolkit::new();
        let answer = |waiting: Waiting<()>| {
            let answered = runtime.block_on(waiting.answer(&toolkit));
            answered.unwrap_or_else(|unanswered| Err(unanswered.into_error()))
        };
        waiting.into_iter().map(answer).collect()
    }

    fn kinds(answers: &[Result<()>]) -> Vec<Option<ErrorKind>> {
        answers.iter().map(|answer| answer.as_ref().err().map(StoreError::kind)).collect()
    }

    #[test]
    fn a_call_that_fails_takes_back_what_it_wrote_and_no_more() -> Result<(), Failure> {
        let mut writer = writer()?;
        let toolkit = Toolkit::new();
        let failing = |connection: &Connection, _| {
            insert(2)(connection, Attempt::Hopeful)?;
            Err(StoreError::conflict("refused").into())
        };
        let calls =
            vec![call(&toolkit, insert(1)), call(&toolkit, failing), call(&toolkit, insert(3))];
        let answers = serve(&mut writer, calls);
        assert_eq!(kinds(&answers), [None, Some(ErrorKind::Conflict), None]);
        assert_eq!(numbers(&writer)?, [1, 3]);
        Ok(())
    }

    #[test]
    fn a_hopeful_attempt_that_fails_is_taken_back_before_the_careful_one() -> Result<(), Failure> {
        let mut writer = writer()?;
        let toolkit = Toolkit::new();
        let hoping = |connection: &Connection, attempt| {
            insert(if attempt == Attempt::Hopeful { 1 } else { 2 })(connection, attempt)?;
            if attempt == Attempt::Hopeful { Err(Failure::NotNew) } else { Ok(()) }
        };
        assert_eq!(kinds(&serve(&mut writer, vec![call(&toolkit, hoping)])), [None]);
        assert_eq!(numbers(&writer)?, [2]);
        Ok(())
    }

    #[test]
    fn a_call_that_fills_the_disk_does_not_fail_those_that_share_its_commit() -> Result<(), Failure>
    {
        let mut writer = writer()?;
        let toolkit = Toolkit::new();
        let large = |connection: &Connection, _| {
            connection.execute("INSERT INTO numbers VALUES (2, zeroblob(1000000))", [])?;
            Ok(())
        };
        let calls =
            vec![call(&toolkit, insert(1)), call(&toolkit, large), call(&toolkit, insert(3))];
        let answers = serve(&mut writer, calls);
        assert_eq!(kinds(&answers), [None, Some(ErrorKind::Unavailable), None]);
        assert_eq!(numbers(&writer)?, [1, 3]);
        Ok(())
    }

    #[test]
    fn a_commit_that_fails_fails_all_that_share_it() -> Result<(), Failure> {
        let mut writer = writer()?;
        let toolkit = Toolkit::new();
        let dangling = |connection: &Connection, _| {
            connection.execute("INSERT INTO pointers VALUES (17)", [])?;
            Ok(())
        };
        let answers = serve(&mut writer, vec![call(&toolkit, insert(1)), call(&toolkit, dangling)]);
        assert!(answers.iter().all(Result::is_err));
        assert_eq!(numbers(&writer)?, [] as [i64; 0]);
        // And the writer goes on.
        assert_eq!(kinds(&serve(&mut writer, vec![call(&toolkit, insert(1))])), [None]);
        Ok(())
    }

    #[test]
    fn calls_that_wait_share_a_commit() -> Result<(), Failure> {
        let mut writer = writer()?;
        let toolkit = Toolkit::new();
        let commits = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&commits);
        let count = move || counter.fetch_add(1, Ordering::SeqCst) == usize::MAX;
        writer.connection.commit_hook(Some(count))?;
        let calls = (1..=20).map(|number| call(&toolkit, insert(number))).collect();
        assert!(serve(&mut writer, calls).iter().all(Result::is_ok));
        assert_eq!(commits.load(Ordering::SeqCst), 1);
        Ok(())
    }

    #[test]
    fn a_call_that_is_too_late_is_not_executed() -> Result<(), Failure> {
        let mut writer = writer()?;
        let toolkit = Toolkit::new();
        let late = toolkit.clone().with_deadline(Instant::now());
        let answers = serve(&mut writer, vec![call(&late, insert(1)), call(&toolkit, insert(2))]);
        assert_eq!(numbers(&writer)?, [2]);
        assert!(answers[0].is_err() && answers[1].is_ok());
        Ok(())
    }

    #[test]
    fn a_commit_whose_sync_failed_has_an_unknown_outcome() {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC);
        let error = commit_error(&rusqlite::Error::SqliteFailure(code, None));
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::OutcomeUnknown));
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
        let error = commit_error(&rusqlite::Error::SqliteFailure(code, None));
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Safe));
    }
}
