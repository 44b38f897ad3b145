//! Every refusal of this adapter, and what it is called in the contract.

use blacksmith_store_core::{ErrorKind, EventId, JobId, PauseId, StoreError, TransitionId};

/// Why a call is refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Events that are not stored.
    NoEvents(Vec<EventId>),
    /// Jobs that are not stored.
    NoJobs(Vec<JobId>),
    /// A transition that is not stored.
    NoTransition(TransitionId),
    /// Transitions that name another event than their job's.
    OtherEvent(Vec<TransitionId>),
    /// Ids of any kind that are stored with other content.
    OtherContent(Vec<String>),
    /// Transitions that do not follow their job's latest one.
    Stale(Vec<TransitionId>),
    /// Both of the above.
    OtherContentOrStale(Vec<String>),
    /// A pause id that is known with other content.
    OtherPause(PauseId),
    /// The deadline passed while the call waited or searched; nothing was written.
    Late,
    /// An earlier call panicked in the middle of a write.
    Broken,
}

impl From<Refusal> for StoreError {
    fn from(refusal: Refusal) -> Self {
        use ErrorKind::{Conflict, InvalidInput, NotFound};

        match refusal {
            Refusal::NoEvents(ids) => Self::naming(NotFound, "no event is stored with the id", ids),
            Refusal::NoJobs(ids) => Self::naming(NotFound, "no job is stored with the id", ids),
            Refusal::NoTransition(id) => {
                Self::naming(NotFound, "no transition is stored with the id", [id])
            }
            Refusal::OtherEvent(ids) => Self::naming(
                InvalidInput,
                "another event than the job's is named by transition",
                ids,
            ),
            Refusal::OtherContent(ids) => {
                Self::naming(Conflict, "stored with other content is the id", ids)
            }
            Refusal::Stale(ids) => Self::naming(
                Conflict,
                "stale, for it does not follow its job's latest transition, is",
                ids,
            ),
            Refusal::OtherContentOrStale(ids) => {
                Self::naming(Conflict, "stored with other content, or stale, is the id", ids)
            }
            Refusal::OtherPause(id) => {
                Self::naming(Conflict, "known with other content is the pause", [id])
            }
            Refusal::Late => Self::timeout("the deadline passed before the call was done"),
            Refusal::Broken => Self::internal(
                "an earlier call panicked while it wrote; the store answers no more calls",
            ),
        }
    }
}
