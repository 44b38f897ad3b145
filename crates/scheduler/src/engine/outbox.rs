//! Outcomes on their way to the store: in batches, and again until they are answered.

use std::{collections::VecDeque, time::Duration};

use blacksmith_store_core::{Change, Toolkit};
use tokio::time::Instant;

use crate::{engine::timer::retry_delay, held::Running};

/// Most outcomes in a write.
const BATCH: usize = 1_000;

/// Most events, jobs and transitions in a write; a job counts twice, with its first transition.
const BATCH_ENTRIES: usize = 8_000;

/// Most bytes of payload in a write, of the follow-ups that come with outcomes.
const BATCH_BYTES: usize = 32 << 20;

/// How long an outcome waits for others to share its write with.
const LINGER: Duration = Duration::from_millis(2);

/// The same while a write is on its way: large writes are much cheaper than many.
const LINGER_BEHIND: Duration = Duration::from_millis(20);

/// Writes on their way at once.
const WRITES: usize = 2;

/// The outcome of one claim.
pub(crate) struct Outcome {
    /// The place of its action in the plan.
    pub(crate) action: usize,
    pub(crate) job: Running,
    pub(crate) change: Change,
    /// Whether it stands for one that the store refused.
    pub(crate) is_substitute: bool,
}

impl Outcome {
    fn entries(&self) -> usize {
        1 + 2 * self.change.jobs.len()
    }

    fn bytes(&self) -> usize {
        let payloads = self.change.jobs.iter().flat_map(|job| [&job.context, &job.data]);
        payloads.flatten().map(bytes::Bytes::len).sum()
    }
}

/// Outcomes that share a write.
pub(crate) struct Batch {
    pub(crate) outcomes: Vec<Outcome>,
    failures: u32,
}

impl Batch {
    pub(crate) fn changes(&self) -> Vec<Change> {
        self.outcomes.iter().map(|outcome| outcome.change.clone()).collect()
    }
}

/// Outcomes that are not known to be stored. There are never more than jobs are held, so a store that is slow to write is given
/// no new claims to end: that is the back-pressure.
#[derive(Default)]
pub(crate) struct Outbox {
    fresh: VecDeque<Outcome>,
    /// When the first of `fresh` came.
    since: Option<Instant>,
    /// What was not answered, and when to send it again: the same changes with the same ids.
    again: Vec<(Instant, Batch)>,
    in_flight: usize,
}

impl Outbox {
    pub(crate) fn push(&mut self, outcome: Outcome, now: Instant) {
        self.since.get_or_insert(now);
        self.fresh.push_back(outcome);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.again.is_empty() && self.in_flight == 0
    }

    /// The next batch to send, if it is time; `is_last` when nothing is to be expected that could share it.
    pub(crate) fn next(&mut self, now: Instant, is_last: bool) -> Option<Batch> {
        if self.in_flight >= WRITES {
            return None;
        }
        let batch = match self.again.iter().position(|(at, _)| *at <= now) {
            Some(place) => self.again.swap_remove(place).1,
            None if is_last || self.is_ripe(now) => self.gather()?,
            None => return None,
        };
        self.in_flight += 1;
        Some(batch)
    }

    fn is_ripe(&self, now: Instant) -> bool {
        self.fresh.len() >= BATCH || self.ripe_at().is_some_and(|ripe_at| ripe_at <= now)
    }

    /// When what is there is sent even though it is no full batch.
    fn ripe_at(&self) -> Option<Instant> {
        let linger = if self.in_flight == 0 { LINGER } else { LINGER_BEHIND };
        self.since.map(|since| since + linger)
    }

    fn gather(&mut self) -> Option<Batch> {
        let (mut entries, mut bytes, mut count) = (0, 0, 0);
        for outcome in self.fresh.iter().take(BATCH) {
            entries += outcome.entries();
            bytes += outcome.bytes();
            if count > 0 && (entries > BATCH_ENTRIES || bytes > BATCH_BYTES) {
                break;
            }
            count += 1;
        }
        let outcomes: Vec<_> = self.fresh.drain(..count).collect();
        if self.fresh.is_empty() {
            self.since = None;
        }
        (!outcomes.is_empty()).then_some(Batch { outcomes, failures: 0 })
    }

    /// A batch was answered.
    pub(crate) fn answered(&mut self) {
        self.in_flight -= 1;
    }

    /// A batch was not answered, or could not be stored now.
    pub(crate) fn not_answered(&mut self, mut batch: Batch, now: Instant, toolkit: &Toolkit) {
        self.in_flight -= 1;
        batch.failures = batch.failures.saturating_add(1);
        let at = now + retry_delay(toolkit, batch.failures);
        self.again.push((at, batch));
    }

    /// A batch was refused, and it is to be found out which of its outcomes is at fault.
    pub(crate) fn split(&mut self, mut batch: Batch, now: Instant) {
        self.in_flight -= 1;
        let rest = batch.outcomes.split_off(batch.outcomes.len() / 2);
        self.again.push((now, batch));
        self.again.push((now, Batch { outcomes: rest, failures: 0 }));
    }

    /// When the next batch is to be sent.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        if self.in_flight >= WRITES {
            return None;
        }
        self.again.iter().map(|(at, _)| *at).chain(self.ripe_at()).min()
    }
}
