//! The model and the conformance suite judge chains alike.

use blacksmith_store_conformance::replay;
use blacksmith_store_core::{Status, next_attempt};

use super::{
    chain::{Actor, Job, Transition, TransitionId},
    promise::Promise,
    replayed::stored,
    state::State,
};

/// The states on a shortest way to `status`, and the attempts there.
fn way_to(status: Status) -> Vec<(Status, u8)> {
    let first = (Status::Acknowledged, 0);
    match status {
        Status::Acknowledged => vec![first],
        Status::Awaiting => vec![first, (Status::Executing, 1), (Status::Awaiting, 0)],
        Status::Executing => vec![first, (Status::Executing, 1)],
        ended => vec![first, (Status::Executing, 1), (ended, 1)],
    }
}

#[test]
fn every_move_is_judged_alike() {
    for from in Status::ALL {
        let way = way_to(from);
        let mut job = Job::new(1);
        for (sequence, pair) in (1..).zip(way.windows(2)) {
            let [(before, _), (after, attempt)] = [pair[0], pair[1]];
            job.chain.push(Transition {
                id: TransitionId::Outcome(1, sequence),
                sequence,
                attempt,
                before: Some(before),
                after,
                by: Actor::Operator(0),
            });
        }
        assert_eq!(replay(&stored(&job.chain)), Ok(()), "the way to {from}");
        for to in Status::ALL {
            let latest = *job.latest();
            let next = next_attempt(from, latest.attempt.into(), to);
            let transition = Transition {
                id: TransitionId::Operator(0, 1),
                sequence: latest.sequence + 1,
                attempt: next.and_then(|attempt| u8::try_from(attempt).ok()).unwrap_or_default(),
                before: Some(from),
                after: to,
                by: Actor::Operator(0),
            };
            let mut state = State { job: Some(job.clone()), ..State::default() };
            state.append(transition, latest.id);
            let chain = &state.job.as_ref().expect("it was given").chain;
            assert_eq!(
                !state.broken.has(Promise::LegalChain),
                replay(&stored(chain)).is_ok(),
                "from {from} to {to}"
            );
        }
    }
}

#[test]
fn a_gap_in_a_chain_is_seen_by_both() {
    let mut state = State { job: Some(Job::new(1)), ..State::default() };
    let claim = Transition {
        id: TransitionId::Claim(0, 1),
        sequence: 2,
        attempt: 1,
        before: Some(Status::Acknowledged),
        after: Status::Executing,
        by: Actor::Worker(0),
    };
    state.append(claim, TransitionId::First(1));
    assert!(state.broken.has(Promise::LegalChain));
    assert!(replay(&stored(&state.job.expect("it was given").chain)).is_err());
}
