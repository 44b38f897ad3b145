//! The runs that go on.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    sync::Arc,
    time::Duration,
};

use blacksmith_store_core::Toolkit;
use tokio::{sync::mpsc::UnboundedSender, task::AbortHandle, time::Instant};
use tracing::Instrument as _;

use crate::{
    Failure, Reporter, Then,
    held::{Held, Unreported},
    outcome::Cut,
    plan::Planned,
    run,
};

/// How long a run may take to stop once it was cancelled, before its jobs are settled without it. Only one that blocks its
/// thread takes longer than to its next await.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// The same at the end of a shutdown, which has no more time.
const SHUTDOWN_GRACE: Duration = Duration::from_millis(200);

/// What runs tell the engine.
pub(crate) enum Message {
    /// A report; boxed to keep the other kind small.
    Then { run: u64, then: Box<Then> },
    /// A run has ended; `None` when it was dropped before its end.
    Ended { run: u64, result: Option<Result<(), Failure>> },
}

/// Why a run was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cancelled {
    Timeout(Duration),
    Cut(Cut),
}

/// A run that goes on.
pub(crate) struct Run {
    /// The place of its action in the plan.
    pub(crate) action: usize,
    pub(crate) unreported: Unreported,
    pub(crate) cancelled: Option<Cancelled>,
    timeout: Option<Duration>,
    /// When it is cancelled, or once it is, when its jobs are settled without it.
    deadline: Option<Instant>,
    task: AbortOnDrop,
}

/// Stops a task when the engine is dropped.
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Says that a run has ended, also when its future is dropped.
struct Ending {
    run: u64,
    result: Option<Result<(), Failure>>,
    messages: UnboundedSender<Message>,
}

impl Ending {
    /// The run has come to its own end.
    fn with(mut self, result: Result<(), Failure>) {
        self.result = Some(result);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        // Without a receiver the engine has ended, and nobody is interested.
        let _ = self.messages.send(Message::Ended { run: self.run, result: self.result.take() });
    }
}

/// All runs that go on, and when to look after them.
pub(crate) struct Runs {
    by_number: HashMap<u64, Run>,
    deadlines: BinaryHeap<Reverse<(Instant, u64)>>,
    last: u64,
    messages: UnboundedSender<Message>,
}

impl Runs {
    pub(crate) fn new(messages: UnboundedSender<Message>) -> Self {
        Self { by_number: HashMap::new(), deadlines: BinaryHeap::new(), last: 0, messages }
    }

    /// Begins a run.
    pub(crate) fn start(
        &mut self,
        action: usize,
        planned: &Planned,
        jobs: Vec<Held>,
        toolkit: &Toolkit,
        now: Instant,
    ) {
        self.last += 1;
        let number = self.last;
        let span = run::span(&planned.destination, planned.action.name(), &jobs);
        let (unreported, queue) = Unreported::split(jobs, planned.version.as_deref());

        let messages = self.messages.clone();
        let report = Reporter::new(move |then| {
            // As above: reports after the engine's end are nobody's.
            let _ = messages.send(Message::Then { run: number, then: Box::new(then) });
        });
        let ending = Ending { run: number, result: None, messages: self.messages.clone() };
        let load = run::load(
            Arc::clone(&planned.action),
            toolkit.clone().with_span(span.clone()),
            queue,
            report,
        );
        let task = async move { ending.with(load.await) };
        let task = AbortOnDrop(tokio::spawn(task.instrument(span)).abort_handle());

        let timeout = planned.timeout;
        let deadline = timeout.map(|timeout| now + timeout);
        let run = Run { action, unreported, cancelled: None, timeout, deadline, task };
        self.by_number.insert(number, run);
        self.watch(number, deadline);
    }

    fn watch(&mut self, number: u64, deadline: Option<Instant>) {
        let Some(deadline) = deadline else { return };
        // Most runs end long before their deadline, and leave it behind.
        if self.deadlines.len() > 1_000 + 2 * self.by_number.len() {
            let runs = &self.by_number;
            self.deadlines.retain(|Reverse((_, number))| runs.contains_key(number));
        }
        self.deadlines.push(Reverse((deadline, number)));
    }

    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut Run> {
        self.by_number.get_mut(&number)
    }

    pub(crate) fn remove(&mut self, number: u64) -> Option<Run> {
        self.by_number.remove(&number)
    }

    /// Cancels the runs that `applies` to: they stop at their next await.
    pub(crate) fn cancel(
        &mut self,
        why: Cancelled,
        now: Instant,
        mut applies: impl FnMut(&mut Run) -> bool,
    ) {
        let mut watched = Vec::new();
        for (number, run) in &mut self.by_number {
            if run.cancelled.is_none() && applies(run) {
                run.cancel(why, now);
                watched.push((*number, run.deadline));
            }
        }
        for (number, deadline) in watched {
            self.watch(number, deadline);
        }
    }

    /// Cancels the runs whose time is over, and answers those that do not stop: their jobs are to be settled without them.
    pub(crate) fn overdue(&mut self, now: Instant) -> Vec<u64> {
        let mut stuck = Vec::new();
        while let Some(Reverse((deadline, number))) = self.deadlines.peek().copied()
            && deadline <= now
        {
            self.deadlines.pop();
            // The run may have ended, or have another deadline since.
            let Some(run) = self.by_number.get_mut(&number) else { continue };
            if run.deadline != Some(deadline) {
                continue;
            }
            if run.cancelled.is_some() {
                run.deadline = None;
                stuck.push(number);
            } else {
                let timeout = run.timeout.unwrap_or_default();
                run.cancel(Cancelled::Timeout(timeout), now);
                let deadline = run.deadline;
                self.watch(number, deadline);
            }
        }
        stuck
    }

    /// When to call [`overdue`](Self::overdue) again.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.peek().map(|Reverse((deadline, _))| *deadline)
    }

    /// Whether there is no run to wait for: those that do not stop are beyond help.
    pub(crate) fn are_over(&self) -> bool {
        self.by_number.values().all(|run| run.cancelled.is_some() && run.deadline.is_none())
    }
}

impl Run {
    fn cancel(&mut self, why: Cancelled, now: Instant) {
        let grace = match why {
            Cancelled::Cut(Cut::Shutdown) => SHUTDOWN_GRACE,
            Cancelled::Cut(Cut::Lease) | Cancelled::Timeout(_) => STOP_GRACE,
        };
        self.cancelled = Some(why);
        self.deadline = Some(now + grace);
        self.task.0.abort();
    }
}
