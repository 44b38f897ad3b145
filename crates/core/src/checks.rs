//! What is checked before a call reaches an adapter, whatever is stored: one function for each method of the contract.

#![allow(
    clippy::unnecessary_wraps,
    reason = "the functions have one shape, for the declaration in store.rs calls them by name"
)]

mod adding;
mod finding;
mod working;

use crate::{Maintained, Pause, QueueStats, Result, StoreError, Toolkit, Wakeups};

pub(crate) use adding::{add_events, add_jobs, add_transitions, apply};
pub(crate) use finding::{
    find_event, find_events, find_job, find_jobs, find_transition, find_transitions,
};
pub(crate) use working::{claim, expire_leases, extend_leases, pause, purge, resume};

/// What becomes of a request.
pub(crate) enum Admitted<R, A> {
    /// It is answered without the adapter.
    Answer(A),
    /// The adapter gets this request, and its answer is finished by the function.
    Call(R, Finish<A>),
}

/// Finishes an adapter's answer.
pub(crate) type Finish<A> = Box<dyn FnOnce(A) -> A + Send>;

impl<R, A: 'static> Admitted<R, A> {
    /// The adapter's answer stands as it is.
    fn call(request: R) -> Self {
        Self::Call(request, Box::new(|answer| answer))
    }
}

/// Refuses a call whose deadline has passed before it began.
pub(crate) fn not_too_late(toolkit: &Toolkit) -> Result<()> {
    match toolkit.remaining() {
        Some(left) if left.is_zero() => {
            Err(StoreError::timeout("the deadline passed before the call was sent"))
        }
        _ => Ok(()),
    }
}

pub(crate) fn pauses(_: &Toolkit) -> Result<Admitted<(), Vec<Pause>>> {
    Ok(Admitted::call(()))
}

pub(crate) fn stats(_: &Toolkit) -> Result<Admitted<(), Vec<QueueStats>>> {
    Ok(Admitted::call(()))
}

pub(crate) fn wakeups(_: &Toolkit) -> Result<Admitted<(), Wakeups>> {
    Ok(Admitted::call(()))
}

pub(crate) fn maintain(_: &Toolkit) -> Result<Admitted<(), Maintained>> {
    Ok(Admitted::call(()))
}
