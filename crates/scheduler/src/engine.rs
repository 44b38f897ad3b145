//! The engine of a scheduler: one task that knows what is held and decides, runs in tasks of their own, and calls on their
//! way to the store.
//!
//! The loop in [`Engine::run`] waits for whatever comes first: an answer of the store, a word of a run, a wake-up, or an
//! instant at which something is due; then [`Engine::step`] does what can be done. The modules named after a doing hold the
//! steps and what is made of the answers to them; the others are what they work with.

mod calls;
mod claiming;
mod health;
mod housekeeping;
mod keeping;
mod leases;
mod outbox;
mod queue;
mod reporting;
mod running;
mod runs;
mod stopping;
mod suspects;
mod timer;

use std::{collections::HashSet, future::Future, pin::pin, sync::Arc, time::Duration};

use blacksmith_store_core::{Status, Store, Timestamp, Toolkit, TransitionId, Wakeups};
use futures_util::StreamExt as _;
use tokio::{
    sync::mpsc::{self, UnboundedReceiver},
    time::Instant,
};

use crate::{
    engine::{
        calls::{Answer, Caller, Calls},
        health::Health,
        leases::Leases,
        outbox::Outbox,
        queue::ActionQueue,
        runs::{Message, Runs},
        timer::Timer,
    },
    plan::Plan,
    purge::PurgeTicks,
};

/// What a scheduler was told about its work.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) lease: Duration,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) poll_interval: Duration,
    pub(crate) maintain_interval: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            shutdown_timeout: Duration::from_secs(30),
            poll_interval: Duration::from_secs(1),
            maintain_interval: Duration::from_secs(30),
        }
    }
}

/// How a scheduler stopped, and what it did until then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stopped {
    /// Claims whose end could not be stored before the shutdown timeout, because the store did not answer. They are given up
    /// by other schedulers when their leases have ended.
    pub left_executing: usize,
    /// Runs after which a job had succeeded.
    pub succeeded: u64,
    /// Runs after which a job was failed or unknown, to be run again.
    pub retried: u64,
    /// Jobs that were discarded.
    pub discarded: u64,
}

impl Stopped {
    fn count(&mut self, status: Status) {
        match status {
            Status::Succeeded => self.succeeded += 1,
            Status::Failed | Status::Unknown => self.retried += 1,
            Status::Discarded => self.discarded += 1,
            Status::Acknowledged | Status::Awaiting | Status::Executing => {}
        }
    }
}

/// Most messages of runs that are taken in before the engine looks at the rest of its work.
const MESSAGES: usize = 1_024;

/// A call to the store gets this long at most.
const LONGEST_CALL: Duration = Duration::from_secs(10);

pub(crate) struct Engine {
    toolkit: Toolkit,
    actor: String,
    settings: Settings,
    plan: Plan,
    queues: Vec<ActionQueue>,
    purge_ticks: PurgeTicks,

    caller: Caller,
    calls: Calls,
    messages: UnboundedReceiver<Message>,
    wakeups: Option<Wakeups>,

    leases: Leases,
    runs: Runs,
    outbox: Outbox,
    health: Health,
    timers: Timers,
    /// Whether work may have arrived since the claim left that is on its way: its answer does not tell.
    was_woken: bool,
    /// Claims in a row that brought nothing although something was said to be due.
    empty_claims: u32,
    /// The claim goes on whose wants begin with this action, so that none is always the last.
    first_want: usize,
    /// Set when the answer of a claim was lost: an extension that leaves after this tells what it took.
    in_doubt_since: Option<Instant>,
    /// Claims taken up from an extension while a claim call was on its way, whose answer must not bring them again.
    adopted: HashSet<TransitionId>,
    /// When a shutdown that began must have ended.
    stop_by: Option<Instant>,
    /// What was stored so far, but for housekeeping.
    done: Stopped,
}

/// When to call the store for what.
struct Timers {
    claim: Timer,
    poll_at: Instant,
    extend: Timer,
    expire: Timer,
    pauses: Timer,
    maintain: Timer,
    purge_ticks: Timer,
    wakeups: Timer,
}

impl Engine {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        toolkit: Toolkit,
        plan: Plan,
        purge_ticks: PurgeTicks,
        actor: String,
        settings: Settings,
    ) -> Self {
        let now = Instant::now();
        let (sender, messages) = mpsc::unbounded_channel();
        let instant = toolkit.now();
        let queue = |planned: &crate::plan::Planned| {
            let policy = &planned.policy;
            let tick = (!policy.realtime).then(|| policy.interval.next_after(instant));
            ActionQueue::new(now, tick)
        };
        let lease = settings.lease;
        Self {
            queues: plan.actions.iter().map(queue).collect(),
            caller: Caller {
                store,
                toolkit: toolkit.clone(),
                timeout: (lease / 3).min(LONGEST_CALL),
            },
            toolkit,
            actor,
            plan,
            purge_ticks,
            calls: Calls::new(),
            messages,
            wakeups: None,
            leases: Leases::new(lease),
            runs: Runs::new(sender),
            outbox: Outbox::default(),
            health: Health::default(),
            timers: Timers {
                claim: Timer::new(now),
                poll_at: now + settings.poll_interval,
                extend: Timer::new(now + lease / 3),
                expire: Timer::new(now + lease),
                pauses: Timer::new(now),
                maintain: Timer::new(now + settings.maintain_interval),
                purge_ticks: Timer::new(now),
                wakeups: Timer::new(now),
            },
            was_woken: false,
            empty_claims: 0,
            first_want: 0,
            in_doubt_since: None,
            adopted: HashSet::new(),
            stop_by: None,
            done: Stopped::default(),
            settings,
        }
    }

    /// Works until `stop` is ready and the shutdown that follows has ended.
    pub(crate) async fn run(mut self, stop: impl Future<Output = ()>) -> Stopped {
        tracing::info!(actor = self.actor, actions = self.plan.actions.len(), "scheduler started");
        let mut stop = pin!(stop);
        let mut messages = Vec::with_capacity(MESSAGES);
        loop {
            let now = Instant::now();
            self.step(now);
            if let Some(stop_by) = self.stop_by
                && (self.is_quiet() || stop_by <= now)
            {
                let left_executing = self.queues.iter().map(|queue| queue.held).sum();
                tracing::info!(actor = self.actor, left_executing, "scheduler stopped");
                return Stopped { left_executing, ..self.done };
            }
            let wake_at = self.wake_at(now);
            tokio::select! {
                () = &mut stop, if self.stop_by.is_none() => self.begin_stop(Instant::now()),
                Some(answer) = self.calls.next() => self.answered(answer, Instant::now()),
                _ = self.messages.recv_many(&mut messages, MESSAGES) => {
                    let now = Instant::now();
                    for message in messages.drain(..) {
                        self.heard(message, now);
                    }
                }
                is_open = next_wakeup(&mut self.wakeups) => self.woken(is_open, Instant::now()),
                () = tokio::time::sleep_until(wake_at) => {}
            }
        }
    }

    /// Does all that is due at `now`.
    fn step(&mut self, now: Instant) {
        self.watch_runs(now);
        if self.stop_by.is_none() {
            self.note_what_is_due(now);
            self.start_runs(now);
            self.claim(now);
            self.keep_house(now);
        } else {
            self.wind_down(now);
        }
        self.send_outcomes(now);
        self.extend_leases(now);
    }

    fn answered(&mut self, answer: Answer, now: Instant) {
        match answer {
            Answer::Claimed { sent, wanted, result } => {
                self.health.heard("claim", &result, now);
                self.claimed(sent, &wanted, result, now);
            }
            Answer::Extended { sent, tokens, result } => {
                self.health.heard("extend_leases", &result, now);
                self.extended(sent, &tokens, result, now);
            }
            Answer::Applied { batch, result } => {
                self.health.heard("apply", &result, now);
                self.applied(batch, result, now);
            }
            Answer::Expired(result) => {
                self.health.heard("expire_leases", &result, now);
                self.expired(&result, now);
            }
            Answer::Paused { sent, result } => {
                self.health.heard("pauses", &result, now);
                self.paused(sent, result, now);
            }
            Answer::Maintained(result) => {
                self.health.heard("maintain", &result, now);
                self.maintained(&result, now);
            }
            Answer::PurgeTicksAdded { now: instant, result } => {
                self.health.heard("add_events", &result, now);
                self.purge_ticks_added(instant, result, now);
            }
            Answer::Wakeups(result) => self.subscribed(result, now),
        }
    }

    /// The next moment at which something is due.
    fn wake_at(&self, now: Instant) -> Instant {
        let timers = &self.timers;
        let mut wake_at = self.timers.extend.at();
        let mut note = |at: Option<Instant>| {
            wake_at = [wake_at, at].into_iter().flatten().min();
        };
        note(self.leases.next_end());
        note(self.runs.next_deadline());
        note(self.outbox.wake_at());
        if self.stop_by.is_some() {
            note(self.stop_by);
            note(self.cancel_at().filter(|at| *at > now));
            return wake_at.unwrap_or(now);
        }
        note(Some(timers.poll_at));
        for timer in [&timers.expire, &timers.maintain, &timers.purge_ticks] {
            note(timer.at());
        }
        // A claim that must wait for its time; one whose time has come waits for room or for a reason.
        note(timers.claim.at().filter(|at| *at > now));
        note(timers.pauses.at().filter(|_| self.has_waiting()));
        note(timers.wakeups.at().filter(|_| self.wakeups.is_none()));
        for queue in &self.queues {
            note(queue.due_at);
            let tick = queue.tick.as_ref().map(|tick| tick.next);
            note(tick.map(|next: Timestamp| self.moment_of(next, now)));
        }
        wake_at.unwrap_or(now + self.settings.poll_interval)
    }

    /// The moment at which the clock will show `instant`. A set clock stands still until somebody moves it, so it is looked at
    /// again after a while.
    fn moment_of(&self, instant: Timestamp, now: Instant) -> Instant {
        let until = (instant - self.toolkit.now()).to_std().unwrap_or_default();
        let until = match self.toolkit.set_instant() {
            Some(_) if !until.is_zero() => self.settings.poll_interval,
            _ => until,
        };
        // Years ahead is beyond what can be waited for.
        now + until.min(Duration::from_hours(24))
    }
}

/// Waits for a wake-up; `false` when the stream has ended. Without a stream it waits for ever.
async fn next_wakeup(wakeups: &mut Option<Wakeups>) -> bool {
    match wakeups {
        Some(stream) => stream.next().await.is_some(),
        None => std::future::pending().await,
    }
}
