//! Small calls share commits: what waits while others commit goes together into the next statement.
//!
//! A statement of several callers succeeds for all of them or is undone. If something in it does not fit, each caller makes
//! its call alone, so that nobody sees the error of another.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::Instant,
};

use blacksmith_store_core::{Retry, StoreError, Toolkit};
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use crate::{
    connection::Session,
    error::{Failure, Outcome},
    store::Inner,
};

/// Statements of shared calls that run at once.
const AT_ONCE: usize = 4;

/// The weight of a call up to which it shares a commit, and of what goes into one statement.
pub(crate) const SMALL: usize = 64 << 10;
const TOGETHER: usize = 1 << 20;

/// What an entry weighs beside its payload.
pub(crate) const ENTRY_WEIGHT: usize = 1 << 10;

/// A part of a shared statement: what one call brings.
pub(crate) trait Part: Send + Sync + Sized + 'static {
    /// How much it is, in bytes or so.
    fn weight(&self) -> usize;

    /// The parts that wait for a statement of this kind.
    fn lane(inner: &Inner) -> &Lane<Self>;

    /// Commits all parts or none of them.
    fn commit<'a>(
        inner: &'a Inner,
        session: &'a Session<'_>,
        toolkit: &'a Toolkit,
        parts: &'a [Arc<Self>],
    ) -> BoxFuture<'a, Outcome<()>>;
}

/// What became of a part.
pub(crate) enum Shared {
    /// It is committed.
    Committed,
    /// Nothing was done about it; the call is to be made alone.
    Alone,
}

/// Parts that wait, and how many statements run.
pub(crate) struct Lane<P>(Mutex<Waiting<P>>);

struct Waiting<P> {
    entries: VecDeque<Entry<P>>,
    running: usize,
}

struct Entry<P> {
    part: Arc<P>,
    deadline: Option<Instant>,
    ticket: Arc<Ticket>,
    answer: oneshot::Sender<Result<Shared, StoreError>>,
}

impl<P> Default for Lane<P> {
    fn default() -> Self {
        Self(Mutex::new(Waiting { entries: VecDeque::new(), running: 0 }))
    }
}

impl<P> Lane<P> {
    fn with<T>(&self, act: impl FnOnce(&mut Waiting<P>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether a part still waits, is on its way, or its caller has gone; decided once, by whoever comes first.
struct Ticket(AtomicU8);

impl Ticket {
    const WAITING: u8 = 0;
    const SENT: u8 = 1;
    const LEFT: u8 = 2;

    fn change(&self, to: u8) -> bool {
        let changed =
            self.0.compare_exchange(Self::WAITING, to, Ordering::AcqRel, Ordering::Acquire);
        changed.is_ok()
    }
}

/// A caller that waits; dropped before its part was sent, it takes the part with it.
struct Caller(Arc<Ticket>);

impl Drop for Caller {
    fn drop(&mut self) {
        self.0.change(Ticket::LEFT);
    }
}

/// Commits a part together with those of others.
pub(crate) async fn share<P: Part>(
    inner: &Arc<Inner>,
    toolkit: &Toolkit,
    part: Arc<P>,
) -> Outcome<Shared> {
    let (answer, answered) = oneshot::channel();
    let ticket = Arc::new(Ticket(AtomicU8::new(Ticket::WAITING)));
    let caller = Caller(Arc::clone(&ticket));
    let entry = Entry { part, deadline: toolkit.deadline(), ticket, answer };
    let begins = P::lane(inner).with(|waiting| {
        waiting.entries.push_back(entry);
        let begins = waiting.running < AT_ONCE;
        waiting.running += usize::from(begins);
        begins
    });
    if begins {
        let runner =
            Runner::<P> { inner: Arc::clone(inner), kind: std::marker::PhantomData, runs: true };
        tokio::spawn(runner.run());
    }
    let answered = match toolkit.deadline() {
        None => answered.await,
        Some(deadline) => match tokio::time::timeout_at(deadline.into(), answered).await {
            Ok(answered) => answered,
            Err(_) => {
                return Err(Failure::Deadline { could_commit: !caller.0.change(Ticket::LEFT) });
            }
        },
    };
    match answered {
        Ok(outcome) => Ok(outcome?),
        // The task that would have sent it has ended with its runtime.
        Err(_) if caller.0.change(Ticket::LEFT) => Ok(Shared::Alone),
        Err(_) => {
            Err(StoreError::unavailable("the call was given up while the database worked on it")
                .with_retry(Retry::OutcomeUnknown)
                .into())
        }
    }
}

/// A task that sends what waits, until nothing does.
struct Runner<P: Part> {
    inner: Arc<Inner>,
    kind: std::marker::PhantomData<P>,
    /// Whether it counts as running.
    runs: bool,
}

impl<P: Part> Runner<P> {
    async fn run(mut self) {
        loop {
            let session = self.inner.database.session_until(None).await;
            let Some(entries) = P::lane(&self.inner).with(Waiting::take) else {
                self.runs = false;
                return;
            };
            match session {
                Ok(session) => self.send(session, entries).await,
                Err(failure) => tell(entries, &Err(Arc::new(failure.into()))),
            }
        }
    }

    async fn send(&self, mut session: Session<'_>, entries: Vec<Entry<P>>) {
        // As long as the most patient caller waits.
        let deadlines = entries.iter().map(|entry| entry.deadline);
        session.set_deadline(
            deadlines.collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max()),
        );
        let parts: Vec<Arc<P>> = entries.iter().map(|entry| Arc::clone(&entry.part)).collect();
        match P::commit(&self.inner, &session, &Toolkit::new(), &parts).await {
            Ok(()) => tell(entries, &Ok(true)),
            Err(failure) if failure.is_unique_violation() || failure.is_misfit() => {
                tell(entries, &Ok(false));
            }
            Err(failure) => tell(entries, &Err(Arc::new(failure.into()))),
        }
    }
}

impl<P: Part> Drop for Runner<P> {
    /// Also when its runtime ends: those who still wait then make their calls alone.
    fn drop(&mut self) {
        if !self.runs {
            return;
        }
        let left = P::lane(&self.inner).with(|waiting| {
            waiting.running -= 1;
            if waiting.running == 0 {
                std::mem::take(&mut waiting.entries)
            } else {
                VecDeque::new()
            }
        });
        tell(left, &Ok(false));
    }
}

impl<P: Part> Waiting<P> {
    /// What goes into the next statement; those whose callers have gone are left out. When there is nothing, one task less
    /// runs: who comes later begins another.
    fn take(&mut self) -> Option<Vec<Entry<P>>> {
        let mut taken = Vec::new();
        let mut weight = 0;
        while weight < TOGETHER
            && let Some(entry) = self.entries.pop_front()
        {
            if entry.ticket.change(Ticket::SENT) {
                weight += entry.part.weight();
                taken.push(entry);
            }
        }
        if taken.is_empty() {
            self.running -= 1;
            return None;
        }
        Some(taken)
    }
}

/// Answers everybody: whether all is committed, or what went wrong.
fn tell<P>(entries: impl IntoIterator<Item = Entry<P>>, outcome: &Result<bool, Arc<StoreError>>) {
    for entry in entries {
        let answer = match outcome {
            Ok(true) => Ok(Shared::Committed),
            Ok(false) => Ok(Shared::Alone),
            Err(error) => Err(StoreError::new(error.kind(), error.message())
                .with_retry(error.retry())
                .with_source(Arc::clone(error))),
        };
        // A caller that has gone needs no answer.
        let _ = entry.answer.send(answer);
    }
}
