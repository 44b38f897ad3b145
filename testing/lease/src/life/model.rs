//! All of it as a model whose states are explored.

use stateright::{Model, Property};

use super::{
    chain::in_words,
    housekeeping::{self, Happening},
    operator::{self, OperatorAction},
    promise::Promise,
    replayed,
    rules::Rules,
    state::{Message, State, is_finished},
    worker::{self, WorkerAction},
};
use crate::explore::{Explorable, REACHED};

/// No chain becomes longer: the faults bound them all.
const LONGEST_CHAIN: usize = 24;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Action {
    Deliver(Message),
    Worker(u8, WorkerAction),
    Operator(u8, OperatorAction),
    Happens(Happening),
}

impl Model for Rules {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::first(self)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if !state.broken.is_none() {
            return;
        }
        let mut messages = state.network.clone();
        messages.dedup();
        actions.extend(messages.into_iter().map(Action::Deliver));
        for worker in 0..self.workers {
            let possible = worker::actions(self, state, worker).into_iter();
            actions.extend(possible.map(|action| Action::Worker(worker, action)));
        }
        for (operator, _) in (0..).zip(&state.operators) {
            let possible = operator::actions(self, state, operator).into_iter();
            actions.extend(possible.map(|action| Action::Operator(operator, action)));
        }
        actions.extend(housekeeping::happenings(self, state).into_iter().map(Action::Happens));
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Deliver(message) => {
                let place = state.network.iter().position(|other| *other == message)?;
                state.network.remove(place);
                self.deliver(&mut state, message);
            }
            Action::Worker(number, action) => worker::act(self, &mut state, number, action)?,
            Action::Operator(number, action) => operator::act(&mut state, number, action)?,
            Action::Happens(happening) => housekeeping::happen(self, &mut state, happening)?,
        }
        if !state.follow_ups.iter().all(|id| state.is_stored(*id)) {
            state.broken.note(Promise::FollowUps);
        }
        state.tidy();
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = Promise::properties();
        properties.push(Property::always(
            "no stuck state: where nothing more can happen, the job has ended (or is purged, or paused)",
            |rules: &Self, state: &State| {
                let mut actions = Vec::new();
                rules.actions(state, &mut actions);
                !state.broken.is_none()
                    || !actions.is_empty()
                    || state.job.as_ref().is_none_or(|job| is_finished(job.latest().after))
                    || state.paused_by.is_some()
            },
        ));
        properties.push(Property::always(
            "each chain is accepted by the conformance suite",
            |_, state: &State| {
                state.job.as_ref().is_none_or(|job| replayed::is_accepted(&job.chain))
            },
        ));
        properties.push(Property::sometimes(REACHED, |_, state: &State| {
            use blacksmith_store_core::Status::Succeeded;
            state.job.as_ref().is_some_and(|job| job.latest().after == Succeeded)
        }));
        properties
    }

    fn within_boundary(&self, state: &State) -> bool {
        assert!(
            state.job.as_ref().is_none_or(|job| job.chain.len() <= LONGEST_CHAIN),
            "a chain grows without bound: {}",
            Self::in_words(state)
        );
        true
    }
}

impl Explorable for Rules {
    fn in_words(state: &State) -> String {
        format!("chain: {}", in_words(state.job.as_ref()))
    }
}
