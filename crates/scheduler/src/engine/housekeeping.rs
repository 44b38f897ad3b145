//! Beside the jobs: rescues, pauses, upkeep of the store, ticks of purge policies, wake-ups.

use std::time::Duration;

use blacksmith_store_core::{
    ErrorKind, ExpireRequest, Maintained, Pause, Result, Retry, Timestamp, Wakeups,
};
use tokio::time::Instant;

use crate::engine::{Engine, health::is_answer};

/// Claims given up in one call.
const EXPIRE: usize = 1_000;

/// How old what is known about pauses may be while jobs wait that would have to be given back.
const PAUSES_EVERY: Duration = Duration::from_secs(1);

impl Engine {
    /// Rescues, pauses, purges, upkeep, wake-ups.
    pub(super) fn keep_house(&mut self, now: Instant) {
        if self.timers.expire.is_due(now) {
            if self.health.has_been_good_for(self.settings.lease, now) {
                self.timers.expire.begin();
                self.calls.push(self.caller.expire(ExpireRequest::new(&self.actor, EXPIRE)));
            } else {
                self.timers.expire.answered(now + self.expire_interval());
            }
        }
        if self.timers.pauses.is_due(now) && self.has_waiting() {
            self.timers.pauses.begin();
            self.calls.push(self.caller.pauses());
        }
        if self.timers.maintain.is_due(now) {
            self.timers.maintain.begin();
            self.calls.push(self.caller.maintain());
        }
        if self.timers.purge_ticks.is_due(now) {
            self.add_purge_ticks(now);
        }
        if self.wakeups.is_none() && self.timers.wakeups.is_due(now) {
            self.timers.wakeups.begin();
            self.calls.push(self.caller.wakeups());
        }
    }

    pub(super) fn expired(&mut self, result: &Result<u64>, now: Instant) {
        match result {
            Ok(count) => {
                if *count > 0 {
                    tracing::warn!(
                        actor = self.actor,
                        jobs = count,
                        "rescued jobs whose lease had ended"
                    );
                }
                // Full to the brim: there are more.
                let is_full = usize::try_from(*count).is_ok_and(|count| count >= EXPIRE);
                let wait = if is_full { Duration::ZERO } else { self.expire_interval() };
                self.timers.expire.answered(now + wait);
            }
            Err(_) => self.timers.expire.failed(now, &self.toolkit),
        }
    }

    pub(super) fn expire_interval(&self) -> Duration {
        self.settings.lease / 3
    }

    /// Gives back what waits for a destination that was paused meanwhile.
    pub(super) fn paused(&mut self, sent: Instant, result: Result<Vec<Pause>>, now: Instant) {
        let Ok(pauses) = result else {
            return self.timers.pauses.failed(now, &self.toolkit);
        };
        self.timers.pauses.answered(sent + PAUSES_EVERY);
        for action in 0..self.queues.len() {
            let planned = &self.plan.actions[action];
            let is_paused = pauses.iter().any(|pause| {
                pause.destination == planned.destination
                    && pause.action.as_deref().is_none_or(|name| name == planned.action.name())
            });
            if is_paused && !self.queues[action].waiting.is_empty() {
                let waiting = std::mem::take(&mut self.queues[action].waiting);
                tracing::info!(
                    destination = planned.destination,
                    jobs = waiting.len(),
                    "paused: jobs are given back"
                );
                self.give_back(action, waiting, now);
            }
        }
    }

    pub(super) fn has_waiting(&self) -> bool {
        self.queues.iter().any(|queue| !queue.waiting.is_empty())
    }

    pub(super) fn maintained(&mut self, result: &Result<Maintained>, now: Instant) {
        match result {
            Ok(maintained) => {
                tracing::debug!(rows = maintained.rows, more = maintained.more, "maintained");
                let interval = self.settings.maintain_interval;
                let soon = interval.min(Duration::from_secs(1));
                let wait = if maintained.more { soon } else { interval };
                self.timers.maintain.answered(now + wait);
            }
            Err(_) => self.timers.maintain.failed(now, &self.toolkit),
        }
    }

    pub(super) fn add_purge_ticks(&mut self, now: Instant) {
        let instant = self.toolkit.now();
        let events = self.purge_ticks.due(instant);
        if events.is_empty() {
            let at = self.purge_ticks.next().map_or(Duration::from_hours(24), |next| {
                self.moment_of(next, now).duration_since(now)
            });
            self.timers.purge_ticks.answered(now + at);
        } else {
            self.timers.purge_ticks.begin();
            self.calls.push(self.caller.add_purge_ticks(instant, events));
        }
    }

    pub(super) fn purge_ticks_added(
        &mut self,
        instant: Timestamp,
        result: Result<()>,
        now: Instant,
    ) {
        match result {
            Err(error) if !is_answer(&error) || error.retry() != Retry::Never => {
                self.timers.purge_ticks.failed(now, &self.toolkit);
            }
            // A refusal would be repeated for ever.
            _ => {
                self.purge_ticks.advance(instant);
                self.timers.purge_ticks.answered(now);
            }
        }
    }

    pub(super) fn subscribed(&mut self, result: Result<Wakeups>, now: Instant) {
        match result {
            Ok(wakeups) => {
                self.timers.wakeups.answered(now);
                self.wakeups = Some(wakeups);
                // What arrived before the first wake-up could be sent.
                self.woken(true, now);
            }
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                self.timers.wakeups.answered(now + Duration::from_hours(24));
            }
            Err(_) => self.timers.wakeups.failed(now, &self.toolkit),
        }
    }

    /// Work may have arrived; or the stream that says so has ended.
    pub(super) fn woken(&mut self, is_open: bool, now: Instant) {
        if !is_open {
            tracing::debug!("the stream of wake-ups has ended");
            self.wakeups = None;
            self.timers.wakeups.failed(now, &self.toolkit);
        }
        self.was_woken = true;
        for queue in &mut self.queues {
            queue.may_have_more = true;
        }
    }
}
