//! The rules, and what may happen next.

use stateright::{Model, Property};

use super::state::{Phase, State};
use crate::{
    explore::{Explorable, REACHED},
    promises::promises,
};

/// What a claim asks for: a queue or any, and how many jobs.
pub(super) type Want = (Option<usize>, usize);

#[derive(Clone, Debug)]
pub(super) struct Order {
    /// Each job's queue and `run_at`; its number is its id.
    pub(super) jobs: &'static [(usize, i8)],
    pub(super) wants: &'static [Want],
    /// The handle of each claimer.
    pub(super) handles: [usize; 2],
    /// Whether a write may commit later than others with later places.
    pub(super) is_late: bool,
    /// Every so many claims one starts at the beginning, and every second one looks back a little.
    pub(super) looks_back: bool,
    pub(super) whole_every: u8,
    /// So many claims of a handle may pass over a job that became visible behind its position.
    pub(super) bound: u8,
    /// A claim that was not answered puts the position back.
    pub(super) puts_back: bool,
    /// A claim that began before the position was put back does not move it on.
    pub(super) stale_stay: bool,
    /// Whether the place counts, or the id alone.
    pub(super) by_place: bool,
    /// A want of several queues is shared among them by a read, which also sees what another claim has locked.
    pub(super) shares_locked: bool,
    /// A claim that got nothing gives the room of the queues that it asked to the others.
    pub(super) looks_again: bool,
    /// Whether a claim should take the oldest; otherwise it should get something if there is something.
    pub(super) wants_oldest: bool,
    /// Claims that are undone, or whose answer is lost.
    pub(super) aborts: u8,
    pub(super) retries: u8,
    pub(super) end: i8,
}

promises! { Order;
    InOrder: "an answer is in the order of places",
    NonePassedOver: "no claim passes over what was due, unlocked and not late",
    LateFound: "what became visible late is claimed within the bound",
    OneHolder: "no job is handed out twice",
    AllClaimed: "all that is due is claimed in the end",
    NextDue: "the next due instant is not later than what remains",
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Action {
    Tick,
    Write(usize),
    Commit(usize),
    Claim(usize),
    Answer(usize),
    Undo(usize),
    LoseAnswer(usize),
    Retry(usize),
}

impl Order {
    /// Whether a want means this queue.
    pub(super) fn asks_for(&self, queue: usize) -> bool {
        self.wants.iter().any(|(want, _)| want.is_none_or(|meant| meant == queue))
    }
}

impl Model for Order {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::first(self)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if !state.broken.is_none() {
            return;
        }
        if state.now < self.end {
            actions.push(Action::Tick);
        }
        for (number, job) in state.jobs.iter().enumerate() {
            match job.phase {
                Phase::Unwritten => actions.push(Action::Write(number)),
                Phase::Open => actions.push(Action::Commit(number)),
                Phase::Held if state.retries_left > 0 => actions.push(Action::Retry(number)),
                Phase::Waiting | Phase::Locked(_) | Phase::Held => {}
            }
        }
        for (claimer, claim) in state.claims.iter().enumerate() {
            if claim.is_none() {
                actions.push(Action::Claim(claimer));
                continue;
            }
            actions.push(Action::Answer(claimer));
            if state.aborts_left > 0 {
                actions.push(Action::Undo(claimer));
                actions.push(Action::LoseAnswer(claimer));
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Tick => state.now += 1,
            Action::Write(job) => state.write(self, job),
            Action::Commit(job) => state.become_visible(self, job, None),
            Action::Claim(claimer) => state.claim(self, claimer),
            Action::Answer(claimer) => state.answer(self, claimer)?,
            Action::Undo(claimer) => state.undo(self, claimer)?,
            Action::LoseAnswer(claimer) => state.lose_answer(self, claimer)?,
            Action::Retry(job) => state.retry(self, job),
        }
        state.is_all_claimed_in_the_end(self);
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = Promise::properties();
        properties.push(Property::sometimes(REACHED, |_, state: &State| {
            state.jobs.iter().all(|job| job.phase == Phase::Held)
        }));
        properties
    }
}

impl Explorable for Order {}
