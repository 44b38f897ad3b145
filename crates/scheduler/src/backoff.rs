//! Exponential backoff.

use std::time::Duration;

use blacksmith_store_core::Toolkit;

/// Exponential backoff with full jitter: before retry n, a random time from zero to `min(longest, first * 2^(n-1))`.
///
/// ```
/// use std::time::Duration;
/// use blacksmith_scheduler::Backoff;
///
/// let backoff = Backoff::new(Duration::from_secs(1), Duration::from_mins(5));
/// assert_eq!(backoff.limit(1), Duration::from_secs(1));
/// assert_eq!(backoff.limit(4), Duration::from_secs(8));
/// assert_eq!(backoff.limit(40), Duration::from_mins(5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
}

impl Backoff {
    /// At most `first` before the first retry, twice as much before each that follows, never more than `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }

    /// The longest wait before retry `retry`, counted from 1.
    pub fn limit(&self, retry: u32) -> Duration {
        let doublings = retry.saturating_sub(1);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.longest)
    }

    /// A wait before retry `retry`, drawn from the toolkit.
    pub fn draw(&self, toolkit: &Toolkit, retry: u32) -> Duration {
        toolkit.random_duration(self.limit(retry))
    }
}
