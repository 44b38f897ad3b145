//! Filters: which entries to find, to show, to purge.

use serde::{Deserialize, Serialize};

use crate::{Cursor, EventId, JobId, Status, Timestamp, id, lenient, time};

/// Constraints on events, and through [`jobs`](Self::jobs) on their jobs; plus how to page. Blacksmith: `store.WhereEvents`.
///
/// Positive constraints (`_in`, before and after, attempts): at least one related job meets all of them together. Negative
/// ones (`_notin`): no related row has any of those values. An empty list constrains nothing. Both spellings of the Go
/// package are read (`sources_in`, and `events.sources_in` of v0.14 and later), the first is written; a member that is not
/// known is refused, for to ignore it would widen the filter.
///
/// ```
/// use blacksmith_store_core::{Status, WhereEvents, WhereJobs, WhereTransitions};
///
/// let undelivered = WhereEvents::default().with_jobs(
///     WhereJobs::default()
///         .with_destinations_in(["crm"])
///         .with_transitions(WhereTransitions::default().with_status_in([Status::Failed])),
/// );
/// let text = serde_json::to_string(&undelivered)?;
/// assert_eq!(text, r#"{"jobs":{"destinations_in":["crm"],"transitions":{"status_in":["failed"]}}}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct WhereEvents {
    /// The source is one of these.
    #[serde(
        alias = "events.sources_in",
        deserialize_with = "lenient::list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub sources_in: Vec<String>,
    /// The source is none of these.
    #[serde(
        alias = "events.sources_notin",
        deserialize_with = "lenient::list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub sources_notin: Vec<String>,
    /// The trigger is one of these.
    #[serde(
        alias = "events.triggers_in",
        deserialize_with = "lenient::list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub triggers_in: Vec<String>,
    /// The trigger is none of these.
    #[serde(
        alias = "events.triggers_notin",
        deserialize_with = "lenient::list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub triggers_notin: Vec<String>,
    /// The event's version is one of these; an absent one counts as `""`.
    #[serde(
        alias = "events.versions_in",
        deserialize_with = "lenient::list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub versions_in: Vec<String>,
    /// The event's version is none of these; an absent one counts as `""`.
    #[serde(
        alias = "events.versions_notin",
        deserialize_with = "lenient::list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub versions_notin: Vec<String>,
    /// Ingested before this instant, exclusive.
    #[serde(
        alias = "events.created_before",
        with = "time::omitted",
        skip_serializing_if = "Option::is_none"
    )]
    pub created_before: Option<Timestamp>,
    /// Ingested after this instant, exclusive.
    #[serde(
        alias = "events.created_after",
        with = "time::omitted",
        skip_serializing_if = "Option::is_none"
    )]
    pub created_after: Option<Timestamp>,
    /// Received before this instant, exclusive.
    #[serde(
        alias = "events.received_before",
        with = "time::omitted",
        skip_serializing_if = "Option::is_none"
    )]
    pub received_before: Option<Timestamp>,
    /// Received after this instant, exclusive.
    #[serde(
        alias = "events.received_after",
        with = "time::omitted",
        skip_serializing_if = "Option::is_none"
    )]
    pub received_after: Option<Timestamp>,
    /// Constraints on the related jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jobs: Option<WhereJobs>,
    /// Entries to skip; excluded by a cursor.
    #[serde(deserialize_with = "lenient::number", skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Entries of a page: 100 when absent or 0, at most 1,000.
    #[serde(deserialize_with = "lenient::number", skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// The order of the entries; newest first by default.
    #[serde(skip_serializing_if = "lenient::is_default")]
    pub order: Order,
    /// Goes on where the page ended that it came from; excludes `offset`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// How exactly to count what matches.
    #[serde(skip_serializing_if = "lenient::is_default")]
    pub count: Count,
    /// Which of its jobs a found event carries.
    #[serde(skip_serializing_if = "lenient::is_default")]
    pub carry: Carry,
    /// Leaves `context` and `data` of events and jobs out of what is found.
    #[serde(skip_serializing_if = "lenient::is_default")]
    pub without_payloads: bool,
}

/// Constraints on jobs, and through [`transitions`](Self::transitions) on their transitions. Blacksmith: `store.WhereJobs`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct WhereJobs {
    /// Entries of this event; all other constraints but `job_id` are then ignored.
    #[serde(
        alias = "event.id",
        deserialize_with = "id::or_empty",
        skip_serializing_if = "Option::is_none"
    )]
    pub event_id: Option<EventId>,
    /// The destination is one of these.
    #[serde(
        alias = "jobs.destinations_in",
        deserialize_with = "lenient::list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub destinations_in: Vec<String>,
    /// The destination is none of these.
    #[serde(
        alias = "jobs.destinations_notin",
        deserialize_with = "lenient::list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub destinations_notin: Vec<String>,
    /// The action is one of these.
    #[serde(
        alias = "jobs.actions_in",
        deserialize_with = "lenient::list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub actions_in: Vec<String>,
    /// The action is none of these.
    #[serde(
        alias = "jobs.actions_notin",
        deserialize_with = "lenient::list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub actions_notin: Vec<String>,
    /// The job's version is one of these; an absent one counts as `""`.
    #[serde(
        alias = "jobs.versions_in",
        deserialize_with = "lenient::list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub versions_in: Vec<String>,
    /// The job's version is none of these; an absent one counts as `""`.
    #[serde(
        alias = "jobs.versions_notin",
        deserialize_with = "lenient::list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub versions_notin: Vec<String>,
    /// The job was created before this instant, exclusive.
    #[serde(
        alias = "jobs.created_before",
        with = "time::omitted",
        skip_serializing_if = "Option::is_none"
    )]
    pub created_before: Option<Timestamp>,
    /// The job was created after this instant, exclusive.
    #[serde(
        alias = "jobs.created_after",
        with = "time::omitted",
        skip_serializing_if = "Option::is_none"
    )]
    pub created_after: Option<Timestamp>,
    /// Constraints on the related transitions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transitions: Option<WhereTransitions>,
}

/// Constraints on transitions: of events and jobs the latest ones of the jobs, in `find_transitions` every one. Blacksmith:
/// `store.WhereTransitions`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct WhereTransitions {
    /// Entries of this job; all other constraints but `event_id` are then ignored.
    #[serde(
        alias = "job.id",
        deserialize_with = "id::or_empty",
        skip_serializing_if = "Option::is_none"
    )]
    pub job_id: Option<JobId>,
    /// The state after is one of these.
    #[serde(
        alias = "jobs.status_in",
        deserialize_with = "lenient::list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub status_in: Vec<Status>,
    /// The state after is none of these.
    #[serde(
        alias = "jobs.status_notin",
        deserialize_with = "lenient::list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub status_notin: Vec<Status>,
    /// At least this attempt; 0 is a bound like any other.
    #[serde(alias = "jobs.min_attempts", skip_serializing_if = "Option::is_none")]
    pub min_attempts: Option<u32>,
    /// At most this attempt; 0 is a bound like any other.
    #[serde(alias = "jobs.max_attempts", skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// The transition was created before this instant, exclusive.
    #[serde(with = "time::omitted", skip_serializing_if = "Option::is_none")]
    pub created_before: Option<Timestamp>,
    /// The transition was created after this instant, exclusive.
    #[serde(with = "time::omitted", skip_serializing_if = "Option::is_none")]
    pub created_after: Option<Timestamp>,
}

/// The order of found entries: events and jobs by id; transitions by sequence when a job id is set, else by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Descending.
    #[default]
    Newest,
    /// Ascending.
    Oldest,
}

/// How exactly to count what matches a filter. In JSON `"exact"`, `"none"`, or the cap as a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Count {
    /// All of it.
    #[default]
    Exact,
    /// Not at all: `Meta.count` is null.
    None,
    /// Up to this many; `Meta.count_capped` says when there are more.
    #[serde(untagged)]
    UpTo(u64),
}

/// Which of its jobs a found event carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Carry {
    /// All of them.
    #[default]
    All,
    /// Those that meet every constraint on jobs and transitions.
    Matching,
    /// None.
    None,
}

/// `with_` methods for members that are lists.
macro_rules! lists {
    ($($(#[$doc:meta])* $method:ident, $member:ident;)*) => {$(
        $(#[$doc])*
        pub fn $method<T: Into<String>>(self, names: impl IntoIterator<Item = T>) -> Self {
            Self { $member: names.into_iter().map(Into::into).collect(), ..self }
        }
    )*};
}

impl WhereEvents {
    lists! {
        /// The same for these sources alone.
        with_sources_in, sources_in;
        /// The same without these sources.
        with_sources_notin, sources_notin;
        /// The same for these triggers alone.
        with_triggers_in, triggers_in;
        /// The same without these triggers.
        with_triggers_notin, triggers_notin;
        /// The same for these versions of events alone.
        with_versions_in, versions_in;
        /// The same without these versions of events.
        with_versions_notin, versions_notin;
    }

    /// The entries of one event.
    pub fn of_event(id: EventId) -> Self {
        Self::default().with_jobs(WhereJobs { event_id: Some(id), ..WhereJobs::default() })
    }

    /// The entries of one job.
    pub fn of_job(id: JobId) -> Self {
        let transitions = WhereTransitions { job_id: Some(id), ..WhereTransitions::default() };
        Self::default().with_jobs(WhereJobs::default().with_transitions(transitions))
    }

    /// The same with constraints on jobs.
    pub fn with_jobs(self, jobs: WhereJobs) -> Self {
        Self { jobs: Some(jobs), ..self }
    }

    /// The same, skipping `offset` entries.
    pub fn with_offset(self, offset: u64) -> Self {
        Self { offset: Some(offset), ..self }
    }

    /// The same with at most `limit` entries a page.
    pub fn with_limit(self, limit: u64) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// The same in another order.
    pub fn with_order(self, order: Order) -> Self {
        Self { order, ..self }
    }

    /// The same, counting less exactly.
    pub fn with_count(self, count: Count) -> Self {
        Self { count, ..self }
    }

    /// The same, going on behind a page.
    pub fn with_cursor(self, cursor: Cursor) -> Self {
        Self { cursor: Some(cursor), ..self }
    }

    /// The event id that is set, if any.
    pub fn event_id(&self) -> Option<EventId> {
        self.jobs.as_ref()?.event_id
    }

    /// The job id that is set, if any.
    pub fn job_id(&self) -> Option<JobId> {
        self.jobs.as_ref()?.transitions.as_ref()?.job_id
    }

    /// The constraints alone: without offset, limit, order, cursor, count, carried jobs and payloads, and without children
    /// that constrain nothing.
    pub fn constraints(&self) -> Self {
        let transitions = self.jobs.as_ref().and_then(|jobs| jobs.transitions.clone());
        let transitions =
            transitions.filter(|transitions| *transitions != WhereTransitions::default());
        let jobs = self.jobs.clone().map(|jobs| WhereJobs { transitions, ..jobs });
        Self {
            jobs: jobs.filter(|jobs| *jobs != WhereJobs::default()),
            offset: None,
            limit: None,
            order: Order::default(),
            cursor: None,
            count: Count::default(),
            carry: Carry::default(),
            without_payloads: false,
            ..self.clone()
        }
    }

    /// Whether every entry matches.
    pub fn constrains_nothing(&self) -> bool {
        self.constraints() == Self::default()
    }
}

impl WhereJobs {
    lists! {
        /// The same for these destinations alone.
        with_destinations_in, destinations_in;
        /// The same without these destinations.
        with_destinations_notin, destinations_notin;
        /// The same for these actions alone.
        with_actions_in, actions_in;
        /// The same without these actions.
        with_actions_notin, actions_notin;
        /// The same for these versions of jobs alone.
        with_versions_in, versions_in;
        /// The same without these versions of jobs.
        with_versions_notin, versions_notin;
    }

    /// The same with constraints on transitions.
    pub fn with_transitions(self, transitions: WhereTransitions) -> Self {
        Self { transitions: Some(transitions), ..self }
    }
}

impl WhereTransitions {
    /// The same for these states alone.
    pub fn with_status_in(self, states: impl IntoIterator<Item = Status>) -> Self {
        Self { status_in: states.into_iter().collect(), ..self }
    }

    /// The same without these states.
    pub fn with_status_notin(self, states: impl IntoIterator<Item = Status>) -> Self {
        Self { status_notin: states.into_iter().collect(), ..self }
    }

    /// The same for attempts from `min` on.
    pub fn with_min_attempts(self, min: u32) -> Self {
        Self { min_attempts: Some(min), ..self }
    }

    /// The same for attempts up to `max`.
    pub fn with_max_attempts(self, max: u32) -> Self {
        Self { max_attempts: Some(max), ..self }
    }
}
