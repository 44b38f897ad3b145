//! Transitions: the append-only history of a job.

use serde::{Deserialize, Serialize};

use crate::{
    EventId, JobError, JobId, Status, Timestamp, TransitionId, id, lenient, lifecycle::ChainEnd,
    time,
};

/// One step in a job's life; never changed, never removed but with its job. Blacksmith: `store.Transition`.
///
/// A job's transitions form a chain without gaps: sequence 0, 1, 2, …, each one's state before the previous one's state
/// after. `sequence`, `run_at` and `actor` are additions, omitted from JSON when not set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Transition {
    /// Identifies the transition; appending it again changes nothing.
    pub id: TransitionId,
    /// How many runs of the job had begun.
    pub attempt: u32,
    /// The state before; none in a job's first transition.
    #[serde(default)]
    pub state_before: Option<Status>,
    /// The state after.
    pub state_after: Status,
    /// Why it failed, was discarded or is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<JobError>,
    /// When it was stored; always set by the store and never earlier than the previous one's. A given one is ignored.
    #[serde(default, with = "time::always")]
    pub created_at: Option<Timestamp>,
    /// The job's event.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "id::or_empty")]
    pub event_id: Option<EventId>,
    /// The job.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "id::or_empty")]
    pub job_id: Option<JobId>,
    /// Its place in the job's chain, from 0; a store always sets it. A new one must be the latest one's plus one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// The job must not be claimed before it: how a retry waits, and how a job is scheduled.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "time::omitted")]
    pub run_at: Option<Timestamp>,
    /// The worker or person that caused it, 1 to 255 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::text")]
    pub actor: Option<String>,
}

impl Transition {
    /// A job's first transition: no state before, attempt 0. Those that follow come from [`Job::next`](crate::Job::next);
    /// adapters that read a row set the public fields.
    pub fn first(id: TransitionId, state: Status) -> Self {
        Self {
            id,
            attempt: 0,
            state_before: None,
            state_after: state,
            error: None,
            created_at: None,
            event_id: None,
            job_id: None,
            sequence: None,
            run_at: None,
            actor: None,
        }
    }

    /// The same with an error.
    pub fn with_error(self, error: JobError) -> Self {
        Self { error: Some(error), ..self }
    }

    /// The same with the instant before which the job must not be claimed.
    pub fn with_run_at(self, run_at: Timestamp) -> Self {
        Self { run_at: Some(run_at), ..self }
    }

    /// The same with the worker or person that causes it.
    pub fn with_actor(self, actor: impl Into<String>) -> Self {
        Self { actor: Some(actor.into()), ..self }
    }

    /// Where a chain stands whose latest transition this is.
    pub fn chain_end(&self) -> ChainEnd {
        ChainEnd {
            sequence: self.sequence.unwrap_or(0),
            status: self.state_after,
            attempt: self.attempt,
        }
    }

    /// The instant of a waiting job's place, whose latest transition this is: its `run_at`, or `created_at` if that is later,
    /// so that what is made due in the past stands behind what waits already. Jobs of one instant stand in ascending id.
    /// `None` for a transition that was not stored.
    pub fn place(&self) -> Option<Timestamp> {
        self.created_at.map(|created_at| self.run_at.map_or(created_at, |at| at.max(created_at)))
    }

    /// Whether `other` says the same: everything but `created_at`, which the store sets, and the event, which may be left
    /// out. What is resent under a known id and differs is a conflict.
    pub fn same_content(&self, other: &Self) -> bool {
        self.id == other.id
            && self.job_id == other.job_id
            && self.sequence == other.sequence
            && self.attempt == other.attempt
            && self.state_before == other.state_before
            && self.state_after == other.state_after
            && self.error == other.error
            && self.run_at == other.run_at
            && self.actor == other.actor
    }
}
