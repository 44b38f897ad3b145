//! When to call the store again.

use std::time::Duration;

use blacksmith_store_core::Toolkit;
use tokio::time::Instant;

use crate::Backoff;

/// Between a call that the store did not answer and the next try.
const RETRY: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));

/// How long to wait after `failures` failures in a row: half of what the backoff allows, and a random part of the other half.
pub(crate) fn retry_delay(toolkit: &Toolkit, failures: u32) -> Duration {
    let half = RETRY.limit(failures) / 2;
    half + toolkit.random_duration(half)
}

/// A call that is made again and again, one at a time.
pub(crate) struct Timer {
    at: Instant,
    in_flight: bool,
    failures: u32,
}

impl Timer {
    pub(crate) fn new(at: Instant) -> Self {
        Self { at, in_flight: false, failures: 0 }
    }

    pub(crate) fn is_due(&self, now: Instant) -> bool {
        !self.in_flight && self.at <= now
    }

    pub(crate) fn is_in_flight(&self) -> bool {
        self.in_flight
    }

    /// When it is due; `None` while the call is on its way.
    pub(crate) fn at(&self) -> Option<Instant> {
        (!self.in_flight).then_some(self.at)
    }

    pub(crate) fn begin(&mut self) {
        self.in_flight = true;
    }

    /// The call was answered; the next is due at `at`.
    pub(crate) fn answered(&mut self, at: Instant) {
        *self = Self::new(at);
    }

    /// The call was not answered, or with an error: the next is due after a while that grows.
    pub(crate) fn failed(&mut self, now: Instant, toolkit: &Toolkit) {
        self.in_flight = false;
        self.failures = self.failures.saturating_add(1);
        self.at = now + retry_delay(toolkit, self.failures);
    }

    /// The next call is due at `at`, if it was not due sooner.
    pub(crate) fn hurry(&mut self, at: Instant) {
        self.at = self.at.min(at);
    }
}
