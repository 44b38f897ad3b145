//! Single ways through the model.

use stateright::Model as _;

use super::{
    configurations::{RULES, configurations},
    model::{Action, Calls, Promise},
    state::{Faults, Job, Message, State},
    token::{Token, Tokens},
    worker::WorkerAction,
};

const FIRST: Token = Token { worker: 0, call: 0, job: 0 };
const SECOND: Token = Token { worker: 0, call: 0, job: 1 };

/// Worker 0 has claimed both jobs; the answer is on its way.
fn claimed(calls: &Calls) -> State {
    let state = calls.init_states().remove(0);
    let state = go(calls, &state, Action::Worker(0, WorkerAction::Claim));
    go(calls, &state, Action::Deliver(Message::Claim { worker: 0, call: 0 }))
}

/// An action that is possible.
fn go(calls: &Calls, state: &State, action: Action) -> State {
    let mut possible = Vec::new();
    calls.actions(state, &mut possible);
    assert!(possible.contains(&action), "{action:?} is none of {possible:?}");
    calls.next_state(state, action).expect("it is possible")
}

/// The answer on its way of this kind.
fn arrive(calls: &Calls, state: &State, is_it: impl Fn(&Message) -> bool) -> State {
    let message = *state.network.iter().find(|message| is_it(message)).expect("it is on its way");
    go(calls, state, Action::Deliver(message))
}

#[test]
fn a_lost_answer_is_learnt_of_and_its_jobs_are_begun_once_named() {
    let calls = Calls { faults: Faults { losses: 1, ..RULES.faults }, ..RULES };
    let mut state = claimed(&calls);
    state = go(&calls, &state, Action::Worker(0, WorkerAction::GiveUpClaim));
    let both = Tokens::from_iter([FIRST, SECOND]);
    for names in [Tokens::default(), both] {
        assert!(state.workers[0].held.is_empty());
        state = go(&calls, &state, Action::Worker(0, WorkerAction::Extend(names)));
        state = arrive(&calls, &state, |message| matches!(message, Message::Extend { .. }));
        state = arrive(&calls, &state, |message| matches!(message, Message::Extended { .. }));
    }
    assert_eq!(state.workers[0].held, both);
    assert!(state.is_taken_up && state.broken.is_none());
}

#[test]
fn an_ended_token_extends_the_rest_of_its_call_alone() {
    let mut state = claimed(&RULES);
    state.over = state.live();
    state.jobs[0] = Job::Runs(Token { worker: 1, call: 0, job: 0 });
    let successor = state.live().iter().find(|token| token.worker == 1).expect("it runs");
    state.over.add(successor);
    RULES.deliver(&mut state, Message::Extend { worker: 0, names: Tokens::from_iter([FIRST]) });
    assert!(!state.over.has(SECOND) && state.over.has(successor));
    assert!(state.broken.is_none());
}

#[test]
fn an_extension_by_job_is_seen_to_reach_the_successor() {
    let calls = Calls { extends_by_job: true, ..RULES };
    let mut state = claimed(&calls);
    state.jobs[0] = Job::Runs(Token { worker: 1, call: 0, job: 0 });
    calls.deliver(&mut state, Message::Extend { worker: 0, names: Tokens::from_iter([FIRST]) });
    assert!(state.broken.has(Promise::NamedAlone));
}

#[test]
fn each_missing_rule_breaks_the_promise_that_it_is_for() {
    let expected = [
        ("L5", "every live claim of an actor is extended or told by each of its extensions"),
        ("L6", "every live claim of an actor is extended or told by each of its extensions"),
        ("L8", "an extension reaches only its actor's calls that it names"),
        ("L9", "no stuck state: where nothing more can happen, all jobs have ended"),
        ("L10", "no claim is begun twice"),
    ];
    let configurations = configurations();
    for (name, sentence) in expected {
        let configuration = configurations.iter().find(|other| other.name == name);
        let broken = configuration.expect("it is listed").run().explored.broken;
        let broken: Vec<&str> = broken.iter().map(|broken| broken.name).collect();
        assert_eq!(broken, [sentence], "{name}");
    }
}
