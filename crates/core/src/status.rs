//! The seven states of a job.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::StoreError;

/// The state of a job. Closed: there are these seven and no others. Blacksmith: the constants `Status…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Received with its event, not begun yet.
    Acknowledged,
    /// Waiting to be run: a follow-up, given back, or asked for again.
    Awaiting,
    /// Claimed by a worker that holds a lease.
    Executing,
    /// Done.
    Succeeded,
    /// The last run failed; due again at its `run_at`.
    Failed,
    /// Given up, out of retries or by an operator.
    Discarded,
    /// Nobody reported how the last run ended; due again.
    Unknown,
}

impl Status {
    /// Every status, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Acknowledged,
        Self::Awaiting,
        Self::Executing,
        Self::Succeeded,
        Self::Failed,
        Self::Discarded,
        Self::Unknown,
    ];

    /// The seed's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledged => "acknowledged",
            Self::Awaiting => "awaiting",
            Self::Executing => "executing",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Discarded => "discarded",
            Self::Unknown => "unknown",
        }
    }

    /// A small number for storage, frozen: 0 acknowledged, 1 awaiting, 2 executing, 3 succeeded, 4 failed, 5 discarded,
    /// 6 unknown.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The status with this number.
    ///
    /// # Errors
    /// `Corrupt` for a number that no status has.
    pub fn from_number(number: i64) -> Result<Self, StoreError> {
        usize::try_from(number)
            .ok()
            .and_then(|number| Self::ALL.get(number).copied())
            .ok_or_else(|| StoreError::corrupt(format!("a stored status has the number {number}")))
    }

    /// Whether a job in this state has ended: succeeded or discarded. The others are unfinished.
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Succeeded | Self::Discarded)
    }

    /// Whether a job in this state waits for a claim: acknowledged, awaiting, failed or unknown.
    pub const fn is_waiting(self) -> bool {
        matches!(self, Self::Acknowledged | Self::Awaiting | Self::Failed | Self::Unknown)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Status {
    type Err = StoreError;

    /// Words are exact and lower case.
    fn from_str(text: &str) -> Result<Self, StoreError> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or_else(|| {
            let words = Self::ALL.map(Self::as_str).join(", ");
            StoreError::invalid_input(format!("{text:?} is not a status; there are {words}"))
        })
    }
}
