//! The jobs of one action in this scheduler: how many there are, how many more there should be.

use std::{collections::VecDeque, time::Duration};

use blacksmith_store_core::Timestamp;
use tokio::time::Instant;

use crate::{
    engine::{leases::Leases, suspects::Spacing},
    held::Held,
    plan::Planned,
};

/// Most jobs that are claimed ahead unless the action says otherwise.
const LONGEST_PREFETCH: usize = 2_000;

/// Jobs for this long are claimed ahead: the time of a few claims.
const PREFETCH_TIME: Duration = Duration::from_millis(250);

/// The pace of an action is measured over about this long.
const PACE_WINDOW: Duration = Duration::from_millis(100);

/// The jobs of one action that this scheduler has claimed.
pub(crate) struct ActionQueue {
    /// Claimed, not started yet.
    pub(crate) waiting: VecDeque<Held>,
    /// Claimed, and the end of the claim is not stored yet.
    pub(crate) held: usize,
    /// Runs that go on.
    pub(crate) running: usize,
    /// Whether there may be due jobs in the store.
    pub(crate) may_have_more: bool,
    /// When the next job will be due, as far as a claim told.
    pub(crate) due_at: Option<Instant>,
    /// Of an action whose jobs wait for ticks.
    pub(crate) tick: Option<Tick>,
    pub(crate) suspects: Spacing,
    pace: Pace,
}

/// Where an action stands whose jobs wait for ticks.
pub(crate) struct Tick {
    /// The next one.
    pub(crate) next: Timestamp,
    /// One has come, and not all that was due then is claimed yet.
    pub(crate) is_open: bool,
}

impl ActionQueue {
    pub(crate) fn new(now: Instant, first_tick: Option<Timestamp>) -> Self {
        Self {
            waiting: VecDeque::new(),
            held: 0,
            running: 0,
            may_have_more: true,
            due_at: None,
            tick: first_tick.map(|next| Tick { next, is_open: false }),
            suspects: Spacing::new(now),
            pace: Pace { since: now, count: 0, per_second: 0 },
        }
    }

    /// Jobs to be claimed ahead of those that run.
    fn prefetch(&self, planned: &Planned) -> usize {
        planned.prefetch.unwrap_or_else(|| {
            let ahead = self.pace.per_second.saturating_mul(PREFETCH_TIME.as_millis() as usize);
            (ahead / 1_000).clamp(planned.batch_size, LONGEST_PREFETCH.max(planned.batch_size))
        })
    }

    /// How many jobs to claim now: none while there are enough.
    pub(crate) fn wanted(&self, planned: &Planned) -> usize {
        if let Some(tick) = &self.tick {
            // At a tick, all that is due; one batch at most, and not before the last one has gone to run.
            let room = planned.batch_size.saturating_sub(self.waiting.len());
            let has_slot = self.running < planned.concurrency;
            return if tick.is_open && has_slot { room } else { 0 };
        }
        let prefetch = self.prefetch(planned);
        let most = planned.concurrency.saturating_mul(planned.batch_size).saturating_add(prefetch);
        let room = most.saturating_sub(self.held);
        let is_starved = self.waiting.is_empty() && self.running < planned.concurrency;
        // Claims of a few jobs each would cost more than they bring.
        let is_low = self.waiting.len() * 2 <= prefetch && room * 4 >= prefetch && prefetch > 0;
        if is_starved || is_low { room } else { 0 }
    }

    /// Takes the jobs of the next run out, if one may begin. A suspect runs alone.
    pub(crate) fn next_run(
        &mut self,
        planned: &Planned,
        leases: &Leases,
        now: Instant,
    ) -> Vec<Held> {
        let is_incomplete = self.tick.as_ref().is_some_and(|tick| tick.is_open)
            && self.waiting.len() < planned.batch_size;
        if self.running >= planned.concurrency || is_incomplete {
            return Vec::new();
        }
        let mut run = Vec::new();
        let mut passed_over = Vec::new();
        while run.len() < planned.batch_size
            && let Some(held) = self.waiting.pop_front()
        {
            let is_alone = held.is_suspect();
            if is_alone && !run.is_empty() {
                passed_over.push(held);
                break;
            }
            if !leases.may_start(&held.token, now) {
                passed_over.push(held);
                continue;
            }
            run.push(held);
            if is_alone {
                break;
            }
        }
        for held in passed_over.into_iter().rev() {
            self.waiting.push_front(held);
        }
        run
    }

    /// Counts jobs whose run has ended.
    pub(crate) fn ended(&mut self, jobs: usize, now: Instant) {
        self.pace.count(jobs, now);
    }

    /// The end of a claim is stored, or the claim is lost.
    pub(crate) fn release(&mut self, jobs: usize) {
        self.held = self.held.saturating_sub(jobs);
    }
}

/// How many jobs a second an action gets done.
struct Pace {
    since: Instant,
    count: usize,
    per_second: usize,
}

impl Pace {
    fn count(&mut self, jobs: usize, now: Instant) {
        self.count += jobs;
        let time = now.duration_since(self.since);
        if time < PACE_WINDOW {
            return;
        }
        let micros = usize::try_from(time.as_micros()).unwrap_or(usize::MAX);
        let latest = self.count.saturating_mul(1_000_000) / micros;
        self.per_second =
            if self.per_second == 0 { latest } else { self.per_second.midpoint(latest) };
        self.count = 0;
        self.since = now;
    }
}
