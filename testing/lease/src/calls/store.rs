//! What the store does with a request.

use super::{
    model::{Calls, Promise},
    state::{Job, Message, State},
    token::{Token, Tokens},
};

impl Calls {
    /// A request or an answer arrives.
    pub(super) fn deliver(&self, state: &mut State, message: Message) {
        match message {
            Message::Claim { worker, call } => self.claim(state, worker, call),
            Message::Extend { worker, names } => self.extend(state, worker, names),
            Message::Outcome { token, is_success } => self.end(state, token, is_success),
            Message::Claimed { worker, call, taken } => self.claimed(state, worker, call, taken),
            Message::Extended { worker, kept, lost, others } => {
                Self::extended(state, worker, kept, lost, others);
            }
        }
    }

    fn claim(&self, state: &mut State, worker: u8, call: u8) {
        let mut taken = Tokens::default();
        let mut room = self.room;
        for (number, job) in (0..).zip(&mut state.jobs) {
            if room > 0 && *job == Job::Waits {
                let claim = Token { worker, call, job: number };
                *job = Job::Runs(claim);
                taken.add(claim);
                room -= 1;
            }
        }
        let waits = &state.workers[usize::from(worker)];
        if waits.is_claiming && waits.calls == call + 1 {
            state.send(Message::Claimed { worker, call, taken });
        }
    }

    /// Whether an extension that names these reaches this live claim by the rules.
    fn reaches(&self, state: &State, worker: u8, names: Tokens, live: Token) -> bool {
        if self.others_extended && live.worker == worker {
            return true;
        }
        if self.extends_by_job {
            // The claim call that holds the named jobs now, whosever it is.
            let has_job = |named: Token| match state.jobs[usize::from(named.job)] {
                Job::Runs(holder) => holder.is_of_call_of(live),
                Job::Waits | Job::Ended => false,
            };
            return names.iter().any(has_job);
        }
        names.iter().any(|named| {
            let counts = !self.ended_tokens_name_nothing || state.is_live(named);
            let is_meant =
                if self.leases_by_job { named == live } else { named.is_of_call_of(live) };
            counts && is_meant && named.worker == worker
        })
    }

    fn extend(&self, state: &mut State, worker: u8, names: Tokens) {
        let live = state.live();
        let reached: Tokens =
            live.iter().filter(|token| self.reaches(state, worker, names, *token)).collect();
        let others: Tokens = live
            .iter()
            .filter(|token| token.worker == worker && !names.name_call_of(*token))
            .collect();
        for token in reached.iter() {
            state.over.remove(token);
            if token.worker != worker || !names.name_call_of(token) {
                state.broken.note(Promise::NamedAlone);
            }
        }
        if live
            .iter()
            .any(|token| token.worker == worker && !reached.has(token) && !others.has(token))
        {
            state.broken.note(Promise::NothingUnseen);
        }
        if !state.workers[usize::from(worker)].is_extending {
            return;
        }
        let is_kept = |token: &Token| token.worker == worker && state.is_live(*token);
        let kept = names.iter().filter(is_kept).collect();
        let lost = names.iter().filter(|token| !is_kept(token)).collect();
        state.send(Message::Extended { worker, kept, lost, others });
    }

    /// The outcome of a run, by the compare-and-set: accepted while its claim is live.
    fn end(&self, state: &mut State, token: Token, is_success: bool) {
        let is_held = matches!(state.jobs[usize::from(token.job)], Job::Runs(_));
        if state.is_live(token) || (self.outcomes_by_job && is_held) {
            Self::note_end(state, token);
            let job = if is_success { Job::Ended } else { Job::Waits };
            state.jobs[usize::from(token.job)] = job;
            if self.first_end_takes_lease {
                let siblings = state.live().iter().filter(|other| other.is_of_call_of(token));
                state.unleased = state.unleased | siblings.collect();
            }
        }
        let worker = state.worker(token.worker);
        worker.reported.remove(token);
    }

    /// `expire_leases`, for one of the claims whose lease has ended.
    pub(super) fn expire(state: &mut State, token: Token) -> Option<()> {
        (state.is_live(token) && state.over.has(token)).then_some(())?;
        Self::note_end(state, token);
        state.jobs[usize::from(token.job)] = Job::Waits;
        Some(())
    }

    fn note_end(state: &mut State, token: Token) {
        if state.ended.has(token) {
            state.broken.note(Promise::OneEnd);
        }
        state.ended.add(token);
        state.over.remove(token);
    }

    /// The claims that live under the lease of this one.
    pub(super) fn under_lease_of(&self, state: &State, token: Token) -> Tokens {
        let is_under = |other: &Token| {
            let is_same =
                if self.leases_by_job { *other == token } else { other.is_of_call_of(token) };
            is_same && !state.unleased.has(*other)
        };
        state.live().iter().filter(is_under).collect()
    }
}
