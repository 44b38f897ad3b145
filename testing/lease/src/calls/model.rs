//! The rules, and what may happen next.

use stateright::{Model, Property};

use super::{
    state::{Faults, Message, State},
    token::Token,
    worker::WorkerAction,
};
use crate::{
    explore::{Explorable, REACHED},
    promises::promises,
};

/// Each rule here that is set takes one of the contract's away.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "rules that are taken away one by one")]
pub(super) struct Calls {
    pub(super) jobs: u8,
    /// How many jobs a call takes at most.
    pub(super) room: u8,
    pub(super) faults: Faults,
    /// Each job has a lease of its own: a token extends no other job of its call.
    pub(super) leases_by_job: bool,
    /// A token whose run has ended extends nothing, though the rest of its call counts as named.
    pub(super) ended_tokens_name_nothing: bool,
    /// A token stands for its job.
    pub(super) extends_by_job: bool,
    /// Calls that no token names are extended too.
    pub(super) others_extended: bool,
    /// An outcome is accepted whoever claimed the job.
    pub(super) outcomes_by_job: bool,
    /// The call's lease goes with the first of its jobs that ends.
    pub(super) first_end_takes_lease: bool,
    /// A claim's answer is believed although an extension told of its jobs.
    pub(super) late_answers_count: bool,
}

promises! { Calls;
    NamedAlone: "an extension reaches only its actor's calls that it names",
    NothingUnseen: "every live claim of an actor is extended or told by each of its extensions",
    OneEnd: "a claim has one accepted end",
    BegunOnce: "no claim is begun twice",
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Action {
    Deliver(Message),
    /// A claim that is not waited for never arrives.
    Lose(Message),
    Worker(u8, WorkerAction),
    /// The lease ends that this claim lives under.
    LeaseEnds(Token),
    Expire(Token),
}

impl Calls {
    fn lease_actions(&self, state: &State, actions: &mut Vec<Action>) {
        for token in state.live().iter() {
            if state.over.has(token) {
                actions.push(Action::Expire(token));
                continue;
            }
            let all = self.under_lease_of(state, token);
            // One action for each lease: by the first of the claims under it.
            let is_first = all.iter().next() == Some(token);
            // It ends sooner or later where nobody extends it, and as a fault where somebody could.
            let is_late = !all.iter().any(|other| state.is_cared_for(other));
            if is_first && (is_late || state.left.slow > 0) {
                actions.push(Action::LeaseEnds(token));
            }
        }
    }

    fn end_lease(&self, state: &mut State, token: Token) {
        let all = self.under_lease_of(state, token);
        if all.iter().any(|other| state.is_cared_for(other)) {
            state.left.slow -= 1;
        }
        state.over = state.over | all;
    }

    fn is_waited_for(state: &State, message: Message) -> bool {
        let Message::Claim { worker, call } = message else { return true };
        let worker = &state.workers[usize::from(worker)];
        worker.is_claiming && worker.calls == call + 1
    }
}

impl Model for Calls {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::first(self)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if !state.broken.is_none() || state.has_all_ended() {
            return;
        }
        let mut messages = state.network.clone();
        messages.dedup();
        for message in messages {
            actions.push(Action::Deliver(message));
            if !Self::is_waited_for(state, message) {
                actions.push(Action::Lose(message));
            }
        }
        for worker in 0..2 {
            Self::worker_actions(state, worker, actions);
        }
        self.lease_actions(state, actions);
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Deliver(message) | Action::Lose(message) => {
                let place = state.network.iter().position(|other| *other == message)?;
                state.network.remove(place);
                if matches!(action, Action::Deliver(_)) {
                    self.deliver(&mut state, message);
                }
            }
            Action::Worker(number, action) => Self::act(&mut state, number, action),
            Action::LeaseEnds(token) => self.end_lease(&mut state, token),
            Action::Expire(token) => Self::expire(&mut state, token)?,
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = Promise::properties();
        properties.push(Property::always(
            "no stuck state: where nothing more can happen, all jobs have ended",
            |calls: &Self, state: &State| {
                let mut actions = Vec::new();
                calls.actions(state, &mut actions);
                !state.broken.is_none() || !actions.is_empty() || state.has_all_ended()
            },
        ));
        // The interesting way: a lost answer's job was learnt of, and run.
        properties.push(Property::sometimes(REACHED, |_, state: &State| {
            state.has_all_ended() && state.is_taken_up
        }));
        properties
    }
}

impl Explorable for Calls {}
