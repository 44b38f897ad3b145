//! Whether the store answers.

use std::time::Duration;

use blacksmith_store_core::{ErrorKind, Result, Retry, StoreError};
use tokio::time::Instant;

/// Since when the store has answered every call.
#[derive(Default)]
pub(crate) struct Health {
    answered_since: Option<Instant>,
    last_answer: Option<Instant>,
    is_down: bool,
}

impl Health {
    /// Takes in the result of a call.
    pub(crate) fn heard<T>(&mut self, operation: &str, result: &Result<T>, now: Instant) {
        match result {
            Err(error) if !is_answer(error) => {
                if !self.is_down {
                    tracing::warn!(operation, %error, "the store does not answer");
                }
                *self = Self { is_down: true, ..Self::default() };
            }
            answer => {
                if let Err(error) = answer {
                    tracing::error!(operation, %error, "the store refused a call");
                }
                if self.is_down {
                    tracing::info!(operation, "the store answers again");
                }
                self.is_down = false;
                self.last_answer = Some(now);
                self.answered_since.get_or_insert(now);
            }
        }
    }

    /// Whether calls have been answered for `length` without a break. A time without any call that is half as long is a
    /// break too: a process that was frozen cannot know what happened meanwhile.
    pub(crate) fn has_been_good_for(&mut self, length: Duration, now: Instant) -> bool {
        if self.last_answer.is_some_and(|last| now.duration_since(last) > length / 2) {
            self.answered_since = None;
        }
        self.answered_since.is_some_and(|since| now.duration_since(since) >= length)
    }
}

/// Whether an error came from a store that serves, as opposed to one that could not be reached or did not answer in time.
pub(crate) fn is_answer(error: &StoreError) -> bool {
    !matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout)
        && error.retry() != Retry::OutcomeUnknown
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_secs(30);

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[tokio::test(start_paused = true)]
    async fn a_break_begins_the_count_again() {
        let start = Instant::now();
        let mut health = Health::default();
        let answered = Ok(());
        let lost: Result<()> = Err(StoreError::unavailable("gone"));
        for second in (0..=30).step_by(5) {
            health.heard("claim", &answered, start + seconds(second));
        }
        assert!(health.has_been_good_for(LENGTH, start + seconds(30)));
        health.heard("claim", &lost, start + seconds(31));
        health.heard("claim", &answered, start + seconds(32));
        assert!(!health.has_been_good_for(LENGTH, start + seconds(33)));
        for second in (35..=62).step_by(3) {
            health.heard("claim", &answered, start + seconds(second));
        }
        assert!(health.has_been_good_for(LENGTH, start + seconds(63)));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_a_break() {
        let start = Instant::now();
        let mut health = Health::default();
        health.heard("claim", &Ok(()), start);
        assert!(!health.has_been_good_for(LENGTH, start + seconds(40)));
        health.heard("claim", &Ok(()), start + seconds(40));
        assert!(!health.has_been_good_for(LENGTH, start + seconds(41)));
    }

    #[test]
    fn a_refusal_is_an_answer() {
        assert!(is_answer(&StoreError::conflict("stale")));
        assert!(!is_answer(&StoreError::timeout("late")));
        let lost = StoreError::internal("lost").with_retry(Retry::OutcomeUnknown);
        assert!(!is_answer(&lost));
    }
}
