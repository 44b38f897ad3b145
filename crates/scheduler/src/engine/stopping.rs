//! The way to a graceful end.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    engine::{Engine, runs::Cancelled},
    outcome::Cut,
};

/// Of a shutdown's time, this is kept for storing that the last runs were cancelled.
const RESERVE: Duration = Duration::from_secs(2);

impl Engine {
    /// Begins a shutdown.
    pub(super) fn begin_stop(&mut self, now: Instant) {
        tracing::info!(actor = self.actor, "scheduler stops");
        self.stop_by = Some(now + self.settings.shutdown_timeout);
        // What the scheduler does for itself goes on elsewhere, or another time.
        let actions = &self.plan.actions;
        self.runs
            .cancel(Cancelled::Cut(Cut::Shutdown), now, |run| actions[run.action].is_housekeeping);
        if self.in_doubt_since.is_some() {
            self.timers.extend.hurry(now);
        }
    }

    /// Gives back what has not started, and shortly before the end of a shutdown cancels what still runs.
    pub(super) fn wind_down(&mut self, now: Instant) {
        for action in 0..self.queues.len() {
            let waiting = std::mem::take(&mut self.queues[action].waiting);
            self.give_back(action, waiting, now);
        }
        if self.cancel_at().is_some_and(|at| at <= now) {
            self.runs.cancel(Cancelled::Cut(Cut::Shutdown), now, |_| true);
        }
    }

    /// When a shutdown cancels what still runs.
    pub(super) fn cancel_at(&self) -> Option<Instant> {
        let reserve = RESERVE.min(self.settings.shutdown_timeout / 2);
        self.stop_by.map(|stop_by| stop_by - reserve)
    }

    /// Whether a shutdown has nothing left to do.
    pub(super) fn is_quiet(&self) -> bool {
        self.runs.are_over()
            && self.outbox.is_empty()
            && !self.timers.claim.is_in_flight()
            && self.in_doubt_since.is_none()
            && self.queues.iter().all(|queue| queue.waiting.is_empty())
    }
}
