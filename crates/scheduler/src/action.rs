//! Actions: what is done with the jobs of a destination.

use std::time::Duration;

use async_trait::async_trait;
use blacksmith_store_core::{Queue, Schedule, Toolkit};

use crate::{Backoff, Failure, Reporter};

/// Something that a destination can do, such as `upsert` or `append`. Blacksmith: `destination.Action`.
///
/// Most are a closure: see [`each`](crate::each) and [`batch`](crate::batch). Implement the trait for an action with a type of
/// its own.
#[async_trait]
pub trait Action: Send + Sync {
    /// Its name, which jobs name; 1 to 255 bytes.
    fn name(&self) -> &str;

    /// How its jobs are run.
    fn options(&self) -> ActionOptions {
        ActionOptions::default()
    }

    /// Does the work for the jobs of `queue`, all of them of this action, and reports what became of them.
    ///
    /// A job that is reported twice keeps its first report. What an error is returned for, without having been reported,
    /// has failed with it; when `Ok` is returned, jobs that were not reported become `unknown`, and will be run again.
    ///
    /// It is dropped at its next await when its time is over, when the lease of its jobs is lost, and at the end of a shutdown.
    /// A panic fails the jobs that were not reported yet.
    ///
    /// # Errors
    /// Whatever goes wrong for all the jobs that were not reported.
    async fn load(&self, toolkit: &Toolkit, queue: Queue, report: &Reporter)
    -> Result<(), Failure>;
}

/// How the jobs of an action are run.
///
/// ```
/// use std::time::Duration;
/// use blacksmith_scheduler::{ActionOptions, Backoff};
///
/// let options = ActionOptions::default()
///     .with_concurrency(4)
///     .with_batch_size(100)
///     .with_timeout(Duration::from_secs(10))
///     .with_backoff(Backoff::new(Duration::from_secs(1), Duration::from_hours(1)));
/// assert_eq!(options.concurrency, 4);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActionOptions {
    /// When its jobs run and how often they are retried; the destination's if `None`.
    pub schedule: Option<Schedule>,
    /// What spaces its retries; the schedule's interval if `None`.
    pub backoff: Option<Backoff>,
    /// How many runs go on at once in one scheduler. Default 1.
    pub concurrency: usize,
    /// How many jobs a run gets at most. By default 1,000; all that are due, up to 10,000, when the schedule is not realtime.
    pub batch_size: Option<usize>,
    /// How many jobs are claimed ahead of those that run. By default as many as are finished in a quarter of a second.
    pub prefetch: Option<usize>,
    /// How long a run may take. Default a minute; `None`: for ever.
    pub timeout: Option<Duration>,
}

impl Default for ActionOptions {
    fn default() -> Self {
        Self {
            schedule: None,
            backoff: None,
            concurrency: 1,
            batch_size: None,
            prefetch: None,
            timeout: Some(Duration::from_mins(1)),
        }
    }
}

impl ActionOptions {
    /// The same with a schedule of its own, instead of the destination's.
    pub fn with_schedule(self, schedule: Schedule) -> Self {
        Self { schedule: Some(schedule), ..self }
    }

    /// The same with retries spaced by exponential backoff.
    pub fn with_backoff(self, backoff: Backoff) -> Self {
        Self { backoff: Some(backoff), ..self }
    }

    /// The same with so many runs at once, at least one.
    pub fn with_concurrency(self, concurrency: usize) -> Self {
        Self { concurrency: concurrency.max(1), ..self }
    }

    /// The same with so many jobs a run, at least one.
    pub fn with_batch_size(self, batch_size: usize) -> Self {
        Self { batch_size: Some(batch_size.max(1)), ..self }
    }

    /// The same with so many jobs claimed ahead of those that run.
    pub fn with_prefetch(self, prefetch: usize) -> Self {
        Self { prefetch: Some(prefetch), ..self }
    }

    /// The same with another time that a run may take, or with none.
    pub fn with_timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        Self { timeout: timeout.into(), ..self }
    }
}
