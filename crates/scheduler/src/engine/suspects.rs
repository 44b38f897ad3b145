//! Jobs that were given up once: one of them may be what kills its process.
//!
//! A process that dies takes the claims of all that it held with it, and they are rescued together. Run together again, the
//! innocent ones would die with the guilty one until all of them are out of attempts. So a job claimed from `unknown` runs in a
//! run of its own, and those that come with it are given back, which uses no attempt up, to be due one after the other.

use std::time::Duration;

use tokio::time::Instant;

/// Between two suspects.
const GAP: Duration = Duration::from_millis(100);

/// When the suspects of one action may run.
pub(crate) struct Spacing {
    next: Instant,
}

impl Spacing {
    pub(crate) fn new(now: Instant) -> Self {
        Self { next: now }
    }

    /// How long the next suspect has to wait.
    pub(crate) fn next_wait(&mut self, now: Instant) -> Duration {
        let at = self.next.max(now);
        let wait = at.duration_since(now);
        // The longer the row, the closer they stand: a process that is killed for no fault of theirs may leave thousands
        // behind.
        self.next = at + GAP.div_f64(1.0 + wait.as_secs_f64());
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_few_stand_apart_and_thousands_are_not_held_up_for_minutes() {
        let now = Instant::now();
        let mut spacing = Spacing::new(now);
        let waits: Vec<_> = (0..2_000).map(|_| spacing.next_wait(now)).collect();
        assert_eq!(waits[0], Duration::ZERO);
        for pair in waits[..20].windows(2) {
            assert!(pair[1].saturating_sub(pair[0]) >= Duration::from_millis(30), "{pair:?}");
        }
        assert!(waits[1_999] < Duration::from_secs(20), "{:?}", waits[1_999]);
        // Once they are through, nobody waits for them.
        assert_eq!(spacing.next_wait(now + Duration::from_mins(1)), Duration::ZERO);
    }
}
