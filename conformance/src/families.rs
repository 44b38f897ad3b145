//! The cases, by family: one file for each group of promises.

mod idempotency;
mod registry;
mod round_trip;

use crate::case::Case;

/// Every case, in the order in which an adapter's author would make them pass.
pub(crate) fn all() -> impl Iterator<Item = &'static Case> {
    [registry::CASES, round_trip::CASES, idempotency::CASES].into_iter().flatten()
}
