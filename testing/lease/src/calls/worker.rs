//! What a worker does: it claims, extends, runs, reports, stops waiting, and learns from answers.

use super::{
    model::{Action, Calls, Promise},
    state::{Faults, Job, Message, State},
    token::{Token, Tokens},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum WorkerAction {
    Claim,
    Extend(Tokens),
    Report {
        token: Token,
        is_success: bool,
    },
    /// Stops waiting for the answer to its claim, which may still be executed.
    GiveUpClaim,
    GiveUpExtension,
    /// Sends an outcome that was not answered once more.
    Resend(Token),
    Crash,
}

impl Calls {
    pub(super) fn worker_actions(state: &State, number: u8, actions: &mut Vec<Action>) {
        let worker = &state.workers[usize::from(number)];
        if worker.is_dead {
            return;
        }
        let mut add = |action| actions.push(Action::Worker(number, action));
        let Faults { losses, failures, crashes, extensions, .. } = state.left;
        // With work in hand too: a scheduler claims while it has room.
        if !worker.is_claiming && state.jobs.contains(&Job::Waits) {
            add(WorkerAction::Claim);
        }
        for token in worker.held.iter() {
            add(WorkerAction::Report { token, is_success: true });
            if failures > 0 {
                add(WorkerAction::Report { token, is_success: false });
            }
        }
        // The workers are alike: one of them extends and has the faults, the other takes its jobs.
        if number != 0 {
            return;
        }
        if !worker.is_extending && extensions > 0 {
            let in_hand = worker.told | worker.held;
            if !in_hand.is_empty() || worker.doubts {
                add(WorkerAction::Extend(in_hand));
            }
            // One of a call is enough, also one that has ended.
            for token in worker.seen.iter() {
                let alone = Tokens::from_iter([token]);
                if alone != in_hand && in_hand.name_call_of(token) {
                    add(WorkerAction::Extend(alone));
                }
            }
        }
        if losses > 0 {
            if worker.is_claiming {
                add(WorkerAction::GiveUpClaim);
            }
            if worker.is_extending {
                add(WorkerAction::GiveUpExtension);
            }
            worker.reported.iter().for_each(|token| add(WorkerAction::Resend(token)));
        }
        if crashes > 0 {
            add(WorkerAction::Crash);
        }
    }

    pub(super) fn act(state: &mut State, number: u8, action: WorkerAction) {
        match action {
            WorkerAction::Claim => {
                let worker = state.worker(number);
                let call = worker.calls;
                worker.calls += 1;
                worker.is_claiming = true;
                state.send(Message::Claim { worker: number, call });
            }
            WorkerAction::Extend(names) => {
                state.left.extensions -= 1;
                let worker = state.worker(number);
                worker.is_extending = true;
                worker.doubts = false;
                state.send(Message::Extend { worker: number, names });
            }
            WorkerAction::Report { token, is_success } => {
                if !is_success {
                    state.left.failures -= 1;
                }
                let worker = state.worker(number);
                worker.held.remove(token);
                worker.reported.add(token);
                state.send(Message::Outcome { token, is_success });
            }
            WorkerAction::GiveUpClaim => {
                state.left.losses -= 1;
                let worker = state.worker(number);
                worker.is_claiming = false;
                worker.doubts = true;
                state.network.retain(
                    |message| !matches!(message, Message::Claimed { worker, .. } if *worker == number),
                );
            }
            WorkerAction::GiveUpExtension => {
                state.left.losses -= 1;
                state.worker(number).is_extending = false;
                state.network.retain(
                    |message| !matches!(message, Message::Extended { worker, .. } if *worker == number),
                );
            }
            WorkerAction::Resend(token) => {
                state.left.losses -= 1;
                let is_it = |message: &&Message| matches!(message, Message::Outcome { token: other, .. } if *other == token);
                if let Some(copy) = state.network.iter().find(is_it).copied() {
                    state.send(copy);
                }
            }
            WorkerAction::Crash => {
                state.left.crashes -= 1;
                let worker = state.worker(number);
                *worker = super::state::Worker { is_dead: true, ..Default::default() };
                state.network.retain(|message| match message {
                    Message::Claimed { worker, .. } | Message::Extended { worker, .. } => {
                        *worker != number
                    }
                    _ => true,
                });
            }
        }
    }

    /// The answer to a claim that the worker waits for.
    pub(super) fn claimed(&self, state: &mut State, number: u8, call: u8, taken: Tokens) {
        let worker = state.worker(number);
        worker.is_claiming = false;
        if taken.is_empty() {
            // The number was not used.
            worker.calls = call;
        }
        for token in taken.iter() {
            // What an extension told before is not begun from here.
            let is_new = !state.worker(number).seen.has(token);
            if is_new || self.late_answers_count {
                Self::begin(state, token);
            }
        }
    }

    /// The answer to an extension that the worker waits for.
    pub(super) fn extended(
        state: &mut State,
        number: u8,
        kept: Tokens,
        lost: Tokens,
        others: Tokens,
    ) {
        state.worker(number).is_extending = false;
        for token in lost.iter() {
            let worker = state.worker(number);
            worker.told.remove(token);
            worker.held.remove(token);
        }
        for token in kept.iter() {
            if state.worker(number).told.has(token) {
                state.is_taken_up = true;
                Self::begin(state, token);
            }
        }
        for token in others.iter() {
            let worker = state.worker(number);
            if !worker.seen.has(token) {
                worker.seen.add(token);
                worker.told.add(token);
            }
        }
    }

    fn begin(state: &mut State, token: Token) {
        if state.begun.has(token) {
            state.broken.note(Promise::BegunOnce);
        }
        state.begun.add(token);
        let worker = state.worker(token.worker);
        worker.told.remove(token);
        worker.seen.add(token);
        worker.held.add(token);
    }
}
