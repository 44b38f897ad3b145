//! The rules, and what may happen next.

use stateright::{Model, Property};

use super::state::{State, Work};
use crate::{
    explore::{Explorable, REACHED},
    promises::promises,
};

/// By whose clock a lease ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judge {
    DatabaseClock,
    WorkersClock,
}

/// Until when a worker believes that its claim lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Belief {
    /// Until the lease's end by its own wall clock.
    UntilByWallClock,
    /// For the lease's length since the reply came.
    SinceReply,
    /// For the lease's length since the request left.
    SinceRequest,
}

#[derive(Clone, Debug)]
pub(super) struct Clocks {
    pub(super) judge: Judge,
    pub(super) belief: Belief,
    /// By how much each worker's wall clock is off.
    pub(super) offsets: [i8; 2],
    pub(super) freezes: u8,
    /// How far the database's clock steps, once.
    pub(super) step: i8,
    pub(super) outages: u8,
    /// How long nothing is rescued after an outage.
    pub(super) grace: i8,
    pub(super) lease: i8,
    pub(super) end: i8,
}

promises! { Clocks;
    OneRun: "two workers never run the job at once",
    LiveLeaseKept: "no live lease is taken",
    OutageSurvived: "an outage alone takes no claim from a worker that comes back in time",
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Action {
    Tick,
    Ask(usize),
    Give(usize),
    Receive(usize),
    Start(usize),
    Finish(usize),
    Freeze(usize),
    Thaw(usize),
    Renew(usize),
    ClockSteps,
    Down,
    Up,
}

impl Clocks {
    fn worker_actions(&self, state: &State, worker: usize, actions: &mut Vec<Action>) {
        let work = state.workers[worker].work;
        if state.workers[worker].is_frozen {
            actions.push(Action::Thaw(worker));
            // Its request is on its way.
            if matches!(work, Work::Asked { .. }) && !state.is_down {
                actions.push(Action::Give(worker));
            }
            return;
        }
        match work {
            Work::Idle => actions.push(Action::Ask(worker)),
            Work::Asked { .. } if state.is_down => {}
            Work::Asked { .. } => actions.push(Action::Give(worker)),
            Work::Answered { .. } => actions.push(Action::Receive(worker)),
            Work::Holds { is_running, .. } => {
                if !is_running {
                    actions.push(Action::Start(worker));
                } else if !state.is_down {
                    actions.push(Action::Finish(worker));
                }
                let is_holder = state.holder == Some(worker);
                if self.outages > 0 && !state.is_down && !state.is_renewed && is_holder {
                    actions.push(Action::Renew(worker));
                }
            }
        }
        if state.freezes_left > 0 && work != Work::Idle {
            actions.push(Action::Freeze(worker));
        }
    }
}

impl Model for Clocks {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::first(self)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if !state.broken.is_none() {
            return;
        }
        if state.time < self.end && !state.must_renew(self) {
            actions.push(Action::Tick);
        }
        for worker in 0..state.workers.len() {
            self.worker_actions(state, worker, actions);
        }
        if state.steps_left {
            actions.push(Action::ClockSteps);
        }
        if state.outages_left > 0 && !state.is_down && state.holder.is_some() {
            actions.push(Action::Down);
        }
        if state.is_down {
            actions.push(Action::Up);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Tick => state.tick(self),
            Action::Ask(worker) => state.workers[worker].work = Work::Asked { at: state.time },
            Action::Give(worker) => state.give(self, worker)?,
            Action::Receive(worker) => state.receive(self, worker)?,
            Action::Start(worker) => state.start(self, worker)?,
            Action::Finish(worker) => state.finish(worker),
            Action::Freeze(worker) => {
                state.freezes_left -= 1;
                state.workers[worker].is_frozen = true;
            }
            Action::Thaw(worker) => state.thaw(worker),
            Action::Renew(worker) => state.renew(self, worker),
            Action::ClockSteps => {
                state.steps_left = false;
                state.step = self.step;
            }
            Action::Down => state.go_down(),
            Action::Up => state.come_up(),
        }
        // In an outage workers go on: what they did is accepted when the store answers.
        if self.outages == 0 && state.workers.iter().all(|worker| worker.work.is_running()) {
            state.broken.note(Promise::OneRun);
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = Promise::properties();
        properties.push(Property::sometimes(REACHED, |_, state: &State| {
            state.workers[1].work.is_running()
        }));
        properties
    }
}

impl Explorable for Clocks {}
