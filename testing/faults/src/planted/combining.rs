//! Faults that no call shows alone: for the generated searches and sequences.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use blacksmith_store_core::{
    Appended, ClaimRequest, Claimed, Count, Order, Result, Store, Toolkit, Transition, async_trait,
};

use super::finding::searches;
use crate::fault::{Fault, Planted};

/// The one case of generated searches.
const SEARCHES: &[&str] = &["searches::any_search_finds_what_the_reference_finds"];

/// The one case of generated sequences.
const SEQUENCES: &[&str] = &["sequences::any_sequence_of_calls_is_answered_as_by_the_reference"];

pub(super) const FAULTS: &[Planted] = &[
    Planted::new("knows one order where it counts", SEARCHES, || {
        searches(|filter| {
            if filter.count != Count::None {
                filter.order = Order::Newest;
            }
        })
    }),
    Planted::new("skips one entry more where an offset goes with a limit", SEARCHES, || {
        searches(|filter| {
            let is_page = filter.limit.is_some_and(|limit| limit > 0);
            filter.offset = filter.offset.map(|skip| skip + u64::from(is_page && skip > 0));
        })
    }),
    Planted::new("loses the actor of the second transition of a call", SEQUENCES, || {
        Arc::new(LosesAnActor)
    }),
    Planted::new("forgets at every third claim who made it", SEQUENCES, || {
        Arc::new(ForgetsWho(AtomicU64::new(0)))
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

struct ForgetsWho(AtomicU64);

#[async_trait]
impl Fault for ForgetsWho {
    async fn claim(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        mut request: ClaimRequest,
    ) -> Result<Claimed> {
        if self.0.fetch_add(1, Ordering::SeqCst) % 3 == 2 {
            "somebody".clone_into(&mut request.actor);
        }
        store.claim(toolkit, request).await
    }
}
