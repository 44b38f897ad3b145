//! Every refusal of this adapter, and what it is called in the contract.

use blacksmith_store_core::{ErrorKind, EventId, JobId, PauseId, StoreError, TransitionId};

/// Why a call is refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// An event that is not stored.
    NoEvent(EventId),
    /// A job that is not stored.
    NoJob(JobId),
    /// A transition that is not stored.
    NoTransition(TransitionId),
    /// A pause id that is known with other content.
    OtherPause(PauseId),
    /// The deadline passed while the call waited or searched; nothing was written.
    Late,
    /// An earlier call panicked in the middle of a write.
    Broken,
}

impl From<Refusal> for StoreError {
    fn from(refusal: Refusal) -> Self {
        use ErrorKind::{Conflict, NotFound};

        match refusal {
            Refusal::NoEvent(id) => Self::naming(NotFound, "no event is stored with the id", [id]),
            Refusal::NoJob(id) => Self::naming(NotFound, "no job is stored with the id", [id]),
            Refusal::NoTransition(id) => {
                Self::naming(NotFound, "no transition is stored with the id", [id])
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
