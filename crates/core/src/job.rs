//! Jobs.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    EventId, JobId, Result, Status, StoreError, Timestamp, Transition, TransitionId, id, lenient,
    lifecycle, payload, time,
};

/// One action to run against one destination because of an event. Blacksmith: `store.Job`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Job {
    /// Identifies the job; adding it again changes nothing.
    pub id: JobId,
    /// Where it leads, 1 to 255 bytes. An event may have several jobs for one destination.
    pub destination: String,
    /// What to do there, 1 to 255 bytes.
    pub action: String,
    /// The version of the destination, up to 255 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::text")]
    pub version: Option<String>,
    /// Opaque bytes, up to 16 MiB; an empty payload is not the same as none.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "payload")]
    pub context: Option<Bytes>,
    /// Opaque bytes, up to 16 MiB; an empty payload is not the same as none.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "payload")]
    pub data: Option<Bytes>,
    /// Its latest transition, which holds its status; a stored job always has one. A job to be added may bring its first.
    /// In JSON the array `transitions` of this one, or of null.
    #[serde(rename = "transitions", default, with = "one")]
    pub transition: Option<Transition>,
    /// When it was created; the store's now when it is not set.
    #[serde(default, with = "time::always")]
    pub created_at: Option<Timestamp>,
    /// Its event; inside an event it may be left out.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "id::or_empty")]
    pub event_id: Option<EventId>,
    /// The job whose outcome led to this one. It may dangle: a purge does not follow it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "id::or_empty")]
    pub parent_job_id: Option<JobId>,
}

impl Job {
    /// A job with its required members; everything else is a public field.
    pub fn new(id: JobId, destination: impl Into<String>, action: impl Into<String>) -> Self {
        Self {
            id,
            destination: destination.into(),
            action: action.into(),
            version: None,
            context: None,
            data: None,
            transition: None,
            created_at: None,
            event_id: None,
            parent_job_id: None,
        }
    }

    /// The same with a version.
    pub fn with_version(self, version: impl Into<String>) -> Self {
        Self { version: Some(version.into()), ..self }
    }

    /// The same with a context.
    pub fn with_context(self, context: impl Into<Bytes>) -> Self {
        Self { context: Some(context.into()), ..self }
    }

    /// The same with data.
    pub fn with_data(self, data: impl Into<Bytes>) -> Self {
        Self { data: Some(data.into()), ..self }
    }

    /// The same as a job of the event `event`.
    pub fn with_event_id(self, event: EventId) -> Self {
        Self { event_id: Some(event), ..self }
    }

    /// The same with a first transition, to choose its state or its `run_at`.
    pub fn with_transition(self, first: Transition) -> Self {
        Self { transition: Some(first), ..self }
    }

    /// Its status: that of its latest transition; `None` for a job that was not stored yet.
    pub fn status(&self) -> Option<Status> {
        self.transition.as_ref().map(|transition| transition.state_after)
    }

    /// Whether `other` says the same: event, destination, action, version, context, data and parent; never times that the
    /// store sets, nor transitions. A job that is added again and differs is a conflict.
    pub fn same_content(&self, other: &Self) -> bool {
        self.id == other.id
            && self.event_id == other.event_id
            && self.destination == other.destination
            && self.action == other.action
            && self.version == other.version
            && self.context == other.context
            && self.data == other.data
            && self.parent_job_id == other.parent_job_id
    }

    /// The transition to `status` that follows the latest one, with the sequence, state before and attempt that the
    /// compare-and-set asks for. Give it an error, a `run_at` or an actor, and hand it to
    /// [`add_transitions`](crate::Store::add_transitions) or [`apply`](crate::Store::apply).
    ///
    /// # Errors
    /// `InvalidInput` when the job has no stored transition, or the table of a job's life has no such move.
    pub fn next(&self, id: TransitionId, status: Status) -> Result<Transition> {
        let job = self.id;
        let Some((latest, sequence)) =
            self.transition.as_ref().and_then(|latest| Some((latest, latest.sequence?)))
        else {
            return Err(StoreError::invalid_input(format!("job {job} was not read from a store")));
        };
        let before = latest.state_after;
        let attempt = lifecycle::next_attempt(before, latest.attempt, status).ok_or_else(|| {
            StoreError::invalid_input(format!("job {job} cannot go from {before} to {status}"))
        })?;
        Ok(Transition {
            attempt,
            state_before: Some(before),
            event_id: self.event_id,
            job_id: Some(job),
            sequence: Some(sequence + 1),
            ..Transition::first(id, status)
        })
    }
}

/// Go's `[1]*Transition`.
mod one {
    use serde::{Deserialize, Deserializer, Serialize as _, Serializer, de::Error as _};

    use crate::Transition;

    pub(super) fn serialize<S: Serializer>(
        transition: &Option<Transition>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        [transition].serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Transition>, D::Error> {
        let all = Option::<Vec<Option<Transition>>>::deserialize(deserializer)?.unwrap_or_default();
        if all.len() > 1 {
            return Err(D::Error::custom("`transitions` holds the latest transition alone"));
        }
        Ok(all.into_iter().next().flatten())
    }
}
