//! The cases, by family: one file for each group of promises.

mod apply;
mod atomic_batches;
mod bytes;
mod claims;
mod compare_and_set;
mod conflicts;
mod deadlines;
mod dropped_futures;
mod durability;
mod errors;
mod filters;
mod handles;
mod hostile_strings;
mod idempotency;
mod leases;
mod lifecycle;
mod limits;
mod maintain;
mod paging;
mod pauses;
mod purge;
mod registry;
mod round_trip;
mod stats;
mod timestamps;
mod wakeups;

use crate::case::Case;

/// Every case, in the order in which an adapter's author would make them pass.
pub(crate) fn all() -> impl Iterator<Item = &'static Case> {
    [
        registry::CASES,
        round_trip::CASES,
        idempotency::CASES,
        conflicts::CASES,
        atomic_batches::CASES,
        lifecycle::CASES,
        compare_and_set::CASES,
        apply::CASES,
        filters::CASES,
        filters::related::CASES,
        paging::CASES,
        paging::cursors::CASES,
        paging::meta::CASES,
        errors::CASES,
        claims::CASES,
        claims::next_due::CASES,
        claims::concurrent::CASES,
        leases::CASES,
        leases::expiry::CASES,
        pauses::CASES,
        purge::CASES,
        purge::volume::CASES,
        stats::CASES,
        bytes::CASES,
        timestamps::CASES,
        hostile_strings::CASES,
        limits::CASES,
        deadlines::CASES,
        dropped_futures::CASES,
        wakeups::CASES,
        maintain::CASES,
        durability::CASES,
        handles::CASES,
    ]
    .into_iter()
    .flatten()
}
