//! The rules, and what may happen next.

use stateright::{Model, Property};

use super::state::{Call, Entry, State};
use crate::{
    explore::{Explorable, REACHED},
    promises::promises,
};

/// What of a call is committed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Commit {
    /// Each change whole or not at all.
    EachWhole,
    /// The same, but in two transactions, between which the store may fail.
    OutcomesFirst,
    /// The call whole or not at all.
    WholeCall,
}

/// By what the store recognises what it has stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    ByTransition,
    ByCall,
}

/// What an outcome is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fits {
    BySequence,
    ByState,
}

/// What others do to the first claim's follow-up, or to its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Surroundings {
    Plain,
    /// Its id may be stored with other content.
    OtherContent,
    /// It is of another event, whose `add_events` is still on its way.
    EventOnItsWay,
    /// The outcome was sent by `add_transitions` before.
    StoredAlone,
}

#[derive(Clone, Debug)]
pub(super) struct Batches {
    /// Sent by `apply`, with follow-ups; otherwise by `add_transitions`.
    pub(super) is_apply: bool,
    pub(super) commit: Commit,
    pub(super) known: Known,
    pub(super) fits: Fits,
    /// What is sent again is sent with its follow-ups.
    pub(super) keeps_follow_ups: bool,
    pub(super) surroundings: Surroundings,
    /// How often the client stops waiting for an answer.
    pub(super) losses: u8,
    /// How often others move or purge a job.
    pub(super) interventions: u8,
}

promises! { Batches;
    Once: "a change takes effect at most once",
    FollowUps: "the follow-ups of a change and its outcome stand or fall together",
    Truth: "what is told of a change is so: 'stored' is stored, 'not stored' never will be",
    Apart: "a change that falls takes no other with it",
    Refused: "a refused `add_transitions` stores nothing",
    OneEnd: "each claim has one accepted end",
    Settled: "every answer settles something that was sent",
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Action {
    /// The client sends these claims' outcomes in this order, or the last call again.
    Send(Vec<usize>),
    SendAgain,
    /// A copy reaches the store.
    Deliver(usize),
    /// A copy reaches the store, which fails between its two transactions.
    DeliverHalf(usize),
    Receive,
    /// The client stops waiting.
    Lose,
    Expire(usize),
    /// Retried by an operator where it has ended, and claimed by another worker.
    TakeUp(usize),
    Purge(usize),
    StoreOther,
    EventArrives,
}

/// Both claims, each alone, and both in the other order.
const ORDERS: [&[usize]; 4] = [&[0, 1], &[1, 0], &[0], &[1]];

impl Batches {
    /// What the client may do.
    fn client_actions(state: &State, actions: &mut Vec<Action>) {
        let is_waiting = state.calls.iter().any(|call| call.is_awaited);
        if state.answer.is_some() {
            actions.push(Action::Receive);
        }
        if is_waiting || state.answer.is_some() {
            if state.losses_left > 0 {
                actions.push(Action::Lose);
            }
            return;
        }
        let is_open = |claim: &usize| state.told[*claim].is_none();
        for order in ORDERS {
            if order.iter().all(is_open) {
                actions.push(Action::Send(order.to_vec()));
            }
        }
        if state.last.as_ref().is_some_and(|last| last.claims().all(|claim| is_open(&claim))) {
            actions.push(Action::SendAgain);
        }
    }

    fn call(&self, state: &State, claims: &[usize]) -> Call {
        let entry = |&claim: &usize| Entry {
            claim,
            has_follow_up: self.is_apply && (self.keeps_follow_ups || !state.was_sent[claim]),
        };
        Call {
            number: state.last.as_ref().map_or(0, |last| last.number + 1),
            is_apply: self.is_apply,
            entries: claims.iter().map(entry).collect(),
            is_awaited: true,
        }
    }
}

impl Model for Batches {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::first(self)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if !state.broken.is_none() {
            return;
        }
        Self::client_actions(state, actions);
        for copy in 0..state.calls.len() {
            actions.push(Action::Deliver(copy));
            if self.commit == Commit::OutcomesFirst && state.losses_left > 0 {
                actions.push(Action::DeliverHalf(copy));
            }
        }
        for (index, job) in state.jobs.iter().enumerate() {
            if state.interventions_left == 0 || job.is_gone {
                continue;
            }
            if job.is_executing {
                actions.push(Action::Expire(index));
            } else {
                actions.push(Action::TakeUp(index));
                actions.push(Action::Purge(index));
            }
        }
        if self.surroundings == Surroundings::OtherContent && state.jobs[0].can_store_other() {
            actions.push(Action::StoreOther);
        }
        if !state.has_event {
            actions.push(Action::EventArrives);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Send(claims) => {
                let call = self.call(&state, &claims);
                state.send(call);
            }
            Action::SendAgain => {
                let mut call = state.last.clone()?;
                if !self.keeps_follow_ups {
                    call.entries.iter_mut().for_each(|entry| entry.has_follow_up = false);
                }
                state.send(call);
            }
            Action::Deliver(copy) => state.deliver(self, copy, false),
            Action::DeliverHalf(copy) => {
                state.losses_left -= 1;
                state.deliver(self, copy, true);
            }
            Action::Receive => state.receive(),
            Action::Lose => state.lose(),
            Action::Expire(job) => {
                state.interventions_left -= 1;
                state.expire(job);
            }
            Action::TakeUp(job) => {
                state.interventions_left -= 1;
                state.jobs[job].take_up();
            }
            Action::Purge(job) => {
                state.interventions_left -= 1;
                state.jobs[job].purge();
            }
            Action::StoreOther => state.jobs[0].has_other = true,
            Action::EventArrives => state.has_event = true,
        }
        state.judge();
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = Promise::properties();
        properties.push(Property::sometimes(REACHED, |_, state: &State| {
            state.told.iter().all(|told| told.is_some_and(super::state::Answer::is_stored))
        }));
        properties
    }
}

impl Explorable for Batches {}
