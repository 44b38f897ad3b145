//! The cases, by family: one file for each group of promises.

mod apply;
mod atomic_batches;
mod bytes;
mod claims;
mod compare_and_set;
mod conflicts;
mod crashes;
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
mod lost_connections;
mod maintain;
mod paging;
mod pauses;
mod processes;
mod purge;
mod races;
mod registry;
mod round_trip;
mod searches;
mod sequences;
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
        searches::CASES,
        errors::CASES,
        claims::CASES,
        claims::next_due::CASES,
        claims::concurrent::CASES,
        leases::CASES,
        leases::expiry::CASES,
        pauses::CASES,
        purge::CASES,
        purge::volume::CASES,
        races::CASES,
        stats::CASES,
        sequences::CASES,
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
        races::of_handles::CASES,
        processes::CASES,
        races::of_processes::CASES,
        crashes::CASES,
        lost_connections::CASES,
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    #[test]
    fn every_case_has_a_name_of_its_own_that_a_filter_can_take() {
        let mut names = HashSet::new();
        for case in super::all() {
            let is_name = |part: &str| {
                !part.is_empty()
                    && part.bytes().all(|byte| {
                        byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit()
                    })
            };
            let is_well_formed = case
                .name
                .split_once("::")
                .is_some_and(|(family, case)| is_name(family) && is_name(case));
            assert!(is_well_formed, "{}", case.name);
            assert!(names.insert(case.name), "{} stands twice", case.name);
        }
    }
}
