//! What an action reports, and what follows.

use blacksmith_store_core::JobId;
use bytes::Bytes;

use crate::Failure;

/// What became of some jobs, or of all of a queue, and what is to follow. Blacksmith: `destination.Then`.
///
/// ```
/// use blacksmith_scheduler::{Failure, Then};
///
/// let then = Then::succeeded().on_succeeded("notify");
/// let then = Then::failed(Failure::new("quota exceeded")).on_discarded("alert");
/// # let _ = then;
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Then {
    /// The jobs it is about; none named means all that were not reported yet.
    pub(crate) jobs: Vec<JobId>,
    pub(crate) result: Result<(), Failure>,
    pub(crate) on_succeeded: Vec<FollowUp>,
    pub(crate) on_failed: Vec<FollowUp>,
    pub(crate) on_discarded: Vec<FollowUp>,
}

impl Then {
    fn new(result: Result<(), Failure>) -> Self {
        Self {
            jobs: Vec::new(),
            result,
            on_succeeded: Vec::new(),
            on_failed: Vec::new(),
            on_discarded: Vec::new(),
        }
    }

    /// The jobs are done.
    pub fn succeeded() -> Self {
        Self::new(Ok(()))
    }

    /// The jobs failed. On the last attempt that their schedule allows, they are discarded.
    pub fn failed(failure: impl Into<Failure>) -> Self {
        Self::new(Err(failure.into()))
    }

    /// The same for these jobs alone; without it, for all jobs of the queue that were not reported yet.
    pub fn of(mut self, jobs: impl IntoIterator<Item = JobId>) -> Self {
        self.jobs.extend(jobs);
        self
    }

    /// The same with an action of this destination to run, for each job, if it has succeeded.
    pub fn on_succeeded(mut self, action: impl Into<FollowUp>) -> Self {
        self.on_succeeded.push(action.into());
        self
    }

    /// The same with an action of this destination to run, for each job, if it has failed and will be retried.
    pub fn on_failed(mut self, action: impl Into<FollowUp>) -> Self {
        self.on_failed.push(action.into());
        self
    }

    /// The same with an action of this destination to run, for each job, if it has been discarded.
    pub fn on_discarded(mut self, action: impl Into<FollowUp>) -> Self {
        self.on_discarded.push(action.into());
        self
    }
}

impl From<()> for Then {
    fn from((): ()) -> Self {
        Self::succeeded()
    }
}

impl From<Failure> for Then {
    fn from(failure: Failure) -> Self {
        Self::failed(failure)
    }
}

/// An action of the same destination that follows an outcome: it becomes a child job of the job that led to it, stored in
/// the same write as the outcome.
///
/// The child has the event and the version of its parent, and the event's context unless it has one of its own. Made from a
/// name, or with [`new`](Self::new).
#[derive(Clone, Debug, PartialEq)]
pub struct FollowUp {
    pub(crate) action: String,
    pub(crate) version: Option<String>,
    pub(crate) context: Option<Bytes>,
    pub(crate) data: Option<Bytes>,
}

impl FollowUp {
    /// The action of this name.
    pub fn new(action: impl Into<String>) -> Self {
        Self { action: action.into(), version: None, context: None, data: None }
    }

    /// The same with another version than the parent's.
    pub fn with_version(self, version: impl Into<String>) -> Self {
        Self { version: Some(version.into()), ..self }
    }

    /// The same with another context than the event's.
    pub fn with_context(self, context: impl Into<Bytes>) -> Self {
        Self { context: Some(context.into()), ..self }
    }

    /// The same with data of its own.
    pub fn with_data(self, data: impl Into<Bytes>) -> Self {
        Self { data: Some(data.into()), ..self }
    }
}

impl<T: Into<String>> From<T> for FollowUp {
    fn from(action: T) -> Self {
        Self::new(action)
    }
}
