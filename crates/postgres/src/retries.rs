//! Attempts of the adapter's own, where a transaction lost against another one.

use std::time::Duration;

use blacksmith_store_core::Toolkit;

use crate::error::Failure;

/// How often a transaction is tried again.
const MOST: u32 = 8;

/// The longest wait before an attempt; the first waits are shorter.
const LONGEST: Duration = Duration::from_millis(200);

/// Counts the attempts of a call.
pub(crate) struct Retries<'a> {
    toolkit: &'a Toolkit,
    made: u32,
}

impl<'a> Retries<'a> {
    pub(crate) fn new(toolkit: &'a Toolkit) -> Self {
        Self { toolkit, made: 0 }
    }

    /// Whether the call is to be made again after `failure`; waits a moment if so, by chance a different one each time.
    pub(crate) async fn again(&mut self, failure: &Failure) -> bool {
        let may_succeed = failure.is_transient() || failure.is_unique_violation();
        if !may_succeed || self.made >= MOST {
            return false;
        }
        self.made += 1;
        let limit = LONGEST.min(Duration::from_millis(2) * 2_u32.pow(self.made));
        let wait = self.toolkit.random_duration(limit);
        if self.toolkit.remaining().is_some_and(|left| left <= wait) {
            return false;
        }
        tokio::time::sleep(wait).await;
        true
    }
}
