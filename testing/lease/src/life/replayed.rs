//! Chains as a store would keep them, judged by the rules with which the conformance suite judges every chain that any of its
//! cases leaves behind.

use std::{cell::RefCell, collections::HashSet};

use blacksmith_store_conformance::replay;
use blacksmith_store_core as core;
use blacksmith_store_core::{EventId, JobId, Timestamp};

use super::chain::{Transition, TransitionId};

thread_local! {
    /// Chains that were replayed: millions of states share some thousands.
    static ACCEPTED: RefCell<HashSet<Vec<Transition>>> = RefCell::default();
}

/// Whether the suite accepts this chain.
pub(super) fn is_accepted(chain: &[Transition]) -> bool {
    ACCEPTED.with_borrow_mut(|accepted| {
        if accepted.contains(chain) {
            return true;
        }
        let is_legal = replay(&stored(chain)).is_ok();
        if is_legal {
            accepted.insert(chain.to_vec());
        }
        is_legal
    })
}

/// A chain of the model as a store would keep it.
pub(super) fn stored(chain: &[Transition]) -> Vec<core::Transition> {
    let kept = chain.iter().map(|transition| {
        let id = core::TransitionId::from_bytes(bytes_of(transition.id));
        let mut stored = core::Transition::first(id, transition.after);
        stored.state_before = transition.before;
        stored.attempt = transition.attempt.into();
        stored.sequence = Some(transition.sequence.into());
        // Time is not counted here.
        stored.created_at = Some(Timestamp::default());
        stored.job_id = Some(JobId::from_bytes([1; 20]));
        stored.event_id = Some(EventId::from_bytes([2; 20]));
        stored.with_actor(format!("{:?}", transition.by))
    });
    kept.collect()
}

fn bytes_of(id: TransitionId) -> [u8; 20] {
    let (kind, first, second) = match id {
        TransitionId::First(life) => (1, life, 0),
        TransitionId::Claim(worker, number) => (2, worker, number),
        TransitionId::Outcome(worker, number) => (3, worker, number),
        TransitionId::Expiry(life, sequence) => (4, life, sequence),
        TransitionId::Operator(operator, number) => (5, operator, number),
    };
    let mut bytes = [0; 20];
    bytes[..3].copy_from_slice(&[kind, first, second]);
    bytes
}
