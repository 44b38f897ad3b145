//! Destinations.

use std::{fmt, sync::Arc};

use blacksmith_store_core::Schedule;

use crate::{Action, Backoff};

/// Somewhere that jobs lead, with what can be done there. Blacksmith: `destination.Destination`.
///
/// ```
/// use blacksmith_scheduler::{Destination, Failure, each};
/// use blacksmith_store_core::Schedule;
///
/// let crm = Destination::new("crm")
///     .with_schedule(Schedule::new(true, "@every 5m", 10))
///     .with_action(each("upsert", async |delivery| {
///         println!("{}", delivery.job.id);
///         Ok(())
///     }));
/// # let _ = crm;
/// ```
#[derive(Clone)]
pub struct Destination {
    pub(crate) name: String,
    pub(crate) schedule: Option<Schedule>,
    pub(crate) backoff: Option<Backoff>,
    pub(crate) version: Option<String>,
    pub(crate) actions: Vec<Arc<dyn Action>>,
}

impl Destination {
    /// A destination that can do nothing yet; its name has 1 to 255 bytes.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            schedule: None,
            backoff: None,
            version: None,
            actions: Vec::new(),
        }
    }

    /// The same with a schedule for those of its actions that have none: realtime, hourly, 72 retries by default.
    pub fn with_schedule(self, schedule: Schedule) -> Self {
        Self { schedule: Some(schedule), ..self }
    }

    /// The same with exponential backoff, instead of the schedule's interval, for those of its actions that have neither a
    /// backoff nor a schedule.
    pub fn with_backoff(self, backoff: Backoff) -> Self {
        Self { backoff: Some(backoff), ..self }
    }

    /// The same with the version that its actions see in jobs that name none.
    pub fn with_default_version(self, version: impl Into<String>) -> Self {
        Self { version: Some(version.into()), ..self }
    }

    /// The same with one action more.
    pub fn with_action(mut self, action: impl Action + 'static) -> Self {
        self.actions.push(Arc::new(action));
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let actions: Vec<_> = self.actions.iter().map(|action| action.name()).collect();
        f.debug_struct("Destination")
            .field("name", &self.name)
            .field("schedule", &self.schedule)
            .field("backoff", &self.backoff)
            .field("version", &self.version)
            .field("actions", &actions)
            .finish()
    }
}
