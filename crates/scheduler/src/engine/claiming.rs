//! Claims: which actions want jobs, and what becomes of what a claim brings.

use std::time::Duration;

use blacksmith_store_core::{ClaimRequest, Claimed, MAX_CALL_ENTRIES, Result, Retry};
use tokio::time::Instant;

use crate::{engine::Engine, held::Held, outcome::End, run};

impl Engine {
    /// Notes which actions may have due jobs by now.
    pub(super) fn note_what_is_due(&mut self, now: Instant) {
        let is_poll = self.timers.poll_at <= now;
        if is_poll {
            self.timers.poll_at = now + self.poll_delay();
        }
        let instant = self.toolkit.now();
        for (queue, planned) in self.queues.iter_mut().zip(&self.plan.actions) {
            if is_poll || queue.due_at.is_some_and(|due| due <= now) {
                queue.may_have_more = true;
                queue.due_at = None;
            }
            if let Some(tick) = &mut queue.tick
                && tick.next <= instant
            {
                tick.is_open = true;
                tick.next = planned.policy.interval.next_after(instant);
            }
        }
    }

    /// Claims for the actions that have room, if any of them may have due jobs.
    pub(super) fn claim(&mut self, now: Instant) {
        if !self.timers.claim.is_due(now) {
            return;
        }
        let count = self.queues.len();
        let mut left = MAX_CALL_ENTRIES;
        let mut wanted = Vec::new();
        for offset in 0..count {
            let action = (self.first_want + offset) % count;
            let queue = &self.queues[action];
            let may_have_more = queue.tick.is_some() || queue.may_have_more;
            let limit = queue.wanted(&self.plan.actions[action]).min(left);
            if may_have_more && limit > 0 {
                left -= limit;
                wanted.push((action, limit));
            }
        }
        if wanted.is_empty() {
            return;
        }
        self.first_want = (self.first_want + 1) % count;
        let wants = wanted.iter().map(|(action, limit)| self.plan.actions[*action].want(*limit));
        let request = ClaimRequest::new(&self.actor, self.settings.lease, wants);
        self.timers.claim.begin();
        self.was_woken = false;
        self.calls.push(self.caller.claim(request, wanted));
    }

    pub(super) fn claimed(
        &mut self,
        sent: Instant,
        wanted: &[(usize, usize)],
        result: Result<Claimed>,
        now: Instant,
    ) {
        // What an extension told meanwhile is not told again.
        let adopted = std::mem::take(&mut self.adopted);
        let claimed = match result {
            Ok(claimed) => claimed,
            Err(error) => {
                self.timers.claim.failed(now, &self.toolkit);
                if error.retry() == Retry::OutcomeUnknown {
                    tracing::warn!(actor = self.actor, "the answer of a claim was lost");
                    self.in_doubt_since = Some(now);
                    self.timers.extend.hurry(now);
                }
                return;
            }
        };
        self.timers.claim.answered(now);

        let jobs: Vec<_> =
            Held::of(claimed.queue).filter(|held| !adopted.contains(&held.token)).collect();
        let mut counts = vec![0; self.queues.len()];
        let count = jobs.len();
        run::trace_claim(&self.actor, &jobs);
        self.take_up(jobs, Some(sent), now, &mut counts);

        let are_due = claimed.next_due.is_some_and(|due| due <= self.toolkit.now());
        let due_at = claimed.next_due.map(|due| self.moment_of(due, now));
        let is_any_full = wanted.iter().any(|(action, limit)| counts[*action] >= *limit);
        for (action, limit) in wanted {
            let queue = &mut self.queues[*action];
            let is_full = counts[*action] >= *limit;
            if let Some(tick) = &mut queue.tick {
                tick.is_open = tick.is_open && is_full;
                continue;
            }
            // Who is due now, when one of the wants was full, only the next claim can tell.
            queue.may_have_more = is_full || (are_due && is_any_full) || self.was_woken;
            queue.due_at = if queue.may_have_more { None } else { due_at };
        }
        if count == 0 {
            self.empty_claims = self.empty_claims.saturating_add(1);
            if are_due {
                // Another's claim locks it, or the clocks differ: soon, but not at once.
                const SHORTEST: Duration = Duration::from_millis(5);
                let wait = SHORTEST.saturating_mul(1 << self.empty_claims.min(12));
                self.timers.claim.answered(now + wait.min(self.settings.poll_interval));
            }
        } else {
            self.empty_claims = 0;
            // Never later than before: a busy action must not keep the others from being looked at.
            self.timers.poll_at = self.timers.poll_at.min(now + self.poll_delay());
        }
    }

    /// Takes claimed jobs in: under a lease that an answer granted to a request that left at `sent`, or under none yet.
    pub(super) fn take_up(
        &mut self,
        jobs: Vec<Held>,
        sent: Option<Instant>,
        now: Instant,
        counts: &mut [usize],
    ) {
        let tokens: Vec<_> = jobs.iter().map(|held| held.token).collect();
        self.leases.begin(sent, &tokens);
        for held in jobs {
            let Some(action) = self.plan.find(&held.job.destination, &held.job.action) else {
                // Nothing else is claimed: it would be a fault of the adapter.
                tracing::error!(job = %held.job.id, "a job was claimed that nobody asked for");
                self.leases.remove(&held.token);
                continue;
            };
            counts[action] += 1;
            let queue = &mut self.queues[action];
            queue.held += 1;
            if self.plan.actions[action].policy.shall_not_run(&held.job) {
                self.end(action, held.kept(), End::OutOfBudget, now);
            } else if held.is_suspect() {
                self.take_up_suspect(action, held, now);
            } else {
                queue.waiting.push_back(held);
            }
        }
    }

    /// A job that may be what killed its process: it is kept if it is its turn, and given back until then.
    fn take_up_suspect(&mut self, action: usize, held: Held, now: Instant) {
        let queue = &mut self.queues[action];
        if queue.tick.is_some() {
            // At the next tick they would all come together again. Those before the guilty one are through when it runs, and
            // those after it the next time.
            if held.attempt().is_multiple_of(2) {
                queue.waiting.push_back(held);
            } else {
                queue.waiting.push_front(held);
            }
            return;
        }
        let wait = queue.suspects.next_wait(now);
        if wait.is_zero() {
            queue.waiting.push_back(held);
        } else {
            let until = self.toolkit.now() + wait;
            self.end(action, held.kept(), End::PutOff(until), now);
        }
    }

    /// How long to wait before looking for due jobs without a reason.
    pub(super) fn poll_delay(&self) -> Duration {
        const SHORTEST: Duration = Duration::from_millis(20);
        if self.wakeups.is_some() {
            return self.settings.poll_interval;
        }
        let doublings = self.empty_claims.min(16);
        SHORTEST.saturating_mul(1 << doublings).min(self.settings.poll_interval)
    }
}
