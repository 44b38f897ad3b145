//! When the jobs of a destination run, and how often they are retried: the data; the scheduler gives it meaning.

use serde::{Deserialize, Serialize};

/// When jobs run and how often they are retried. Blacksmith: `destination.Schedule`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Schedule {
    /// Whether a job is due at once, so that `interval` spaces its retries; otherwise it is due at the next tick.
    #[serde(default)]
    pub realtime: bool,
    /// `@every 1h`, `@hourly`, `@daily`, `@weekly`, or a cron expression.
    #[serde(default = "Schedule::default_interval")]
    pub interval: String,
    /// Retries after the first attempt: 72 means 73 attempts, 0 none.
    #[serde(default = "Schedule::default_max_retries")]
    pub max_retries: u32,
}

impl Schedule {
    /// A schedule of these three members.
    pub fn new(realtime: bool, interval: impl Into<String>, max_retries: u32) -> Self {
        Self { realtime, interval: interval.into(), max_retries }
    }

    fn default_interval() -> String {
        "@every 1h".to_owned()
    }

    fn default_max_retries() -> u32 {
        72
    }
}

impl Default for Schedule {
    /// Realtime (Blacksmith: not), hourly, 72 retries.
    fn default() -> Self {
        Self::new(true, Self::default_interval(), Self::default_max_retries())
    }
}

/// The options of a destination. Blacksmith: `destination.Options`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DestinationOptions {
    /// When its jobs run, unless an action says otherwise.
    #[serde(default)]
    pub schedule: Schedule,
}
