//! Faults that no call shows alone: for the generated searches and sequences.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use blacksmith_store_core::{
    Appended, ExpireRequest, ExtendRequest, Extended, Result, Store, Toolkit, Transition,
    async_trait,
};

use super::finding::searches;
use crate::fault::{Fault, Planted};

/// The one case of generated searches.
const SEARCHES: &[&str] = &["searches::any_search_finds_what_the_reference_finds"];

/// The one case of generated sequences.
const SEQUENCES: &[&str] = &["sequences::any_sequence_of_calls_is_answered_as_by_the_reference"];

pub(super) const FAULTS: &[Planted] = &[
    Planted::new(
        "forgets a lower bound of an instant where there is an upper one",
        SEARCHES,
        || {
            searches(|filter| {
                if filter.created_before.is_some() {
                    filter.created_after = None;
                }
            })
        },
    ),
    Planted::new("forgets what is excluded of what is asked for", SEARCHES, || {
        searches(|filter| {
            if !filter.sources_in.is_empty() {
                filter.sources_notin.clear();
            }
        })
    }),
    Planted::new("loses the actor of the second transition of a call", SEQUENCES, || {
        Arc::new(LosesAnActor)
    }),
    Planted::new("expires nothing any more once a lease was extended", SEQUENCES, || {
        Arc::new(StopsToExpire(AtomicBool::new(false)))
    }),
];

struct LosesAnActor;

#[async_trait]
impl Fault for LosesAnActor {
    async fn add_transitions(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        mut transitions: Vec<Transition>,
    ) -> Result<Appended> {
        if let Some(second) = transitions.get_mut(1) {
            second.actor = None;
        }
        store.add_transitions(toolkit, transitions).await
    }
}

struct StopsToExpire(AtomicBool);

#[async_trait]
impl Fault for StopsToExpire {
    async fn extend_leases(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        request: ExtendRequest,
    ) -> Result<Extended> {
        self.0.store(true, Ordering::SeqCst);
        store.extend_leases(toolkit, request).await
    }

    async fn expire_leases(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        request: ExpireRequest,
    ) -> Result<u64> {
        if self.0.load(Ordering::SeqCst) {
            return Ok(0);
        }
        store.expire_leases(toolkit, request).await
    }
}
