//! What the store does with a request; each is executed whole.

use blacksmith_store_core::Status;

use super::{
    chain::{Actor, Job, Seen, Transition, TransitionId},
    promise::Promise,
    rules::{Idempotency, Rules, Token},
    state::{Decision, Message, Operation, Report, State, Work},
};

/// What an outcome or a decision is answered.
enum Answer {
    Stored,
    Stale,
    Gone,
}

impl Token {
    /// Whether what a client saw is still the job's latest transition, as far as this token tells.
    fn fits(self, latest: &Transition, seen: Seen) -> bool {
        match self {
            Self::StateAttempt => latest.after == seen.state && latest.attempt == seen.attempt,
            Self::Sequence => latest.sequence == seen.sequence,
            Self::Follows => latest.id == seen.id,
        }
    }
}

impl Rules {
    pub(super) fn deliver(&self, state: &mut State, message: Message) {
        match message {
            Message::AddEvents => self.add_events(state),
            Message::Claim { worker, claim } => self.claim(state, worker, claim),
            Message::AppendExecuting { worker, id, seen } => {
                self.append_executing(state, worker, id, seen);
            }
            Message::Outcome { worker, report } => self.store_outcome(state, worker, report),
            Message::AddFollowUp { id } => {
                if state.job.is_some() && !state.follow_ups.contains(&id) {
                    add_follow_up(state, id);
                }
            }
            Message::Extend { worker, seen } => self.extend(state, worker, seen),
            Message::Operate { operator, decision } => self.decide(state, operator, decision),
            Message::Pause { pause } => {
                state.paused_by = Some(pause);
                state.pause_step += 1;
            }
            Message::Resume { pause } => self.resume(state, pause),
        }
    }

    fn add_events(&self, state: &mut State) {
        state.gateway_waits = false;
        if state.job.is_some() || (self.tombstones && state.is_tombstone_kept) {
            return;
        }
        if state.was_purged {
            state.broken.note(Promise::StaysPurged);
        }
        state.lives += 1;
        state.job = Some(Job::new(state.lives));
    }

    fn claim(&self, state: &mut State, worker: u8, claim: u8) {
        let id = TransitionId::Claim(worker, claim);
        let place = usize::from(worker);
        let given = self.give(state, worker, id);
        if state.workers[place].work != (Work::Claiming { claim }) {
            return;
        }
        state.workers[place].work = match given {
            Some(seen) => {
                state.note_answer(seen.id);
                Work::Holds { seen, is_started: false }
            }
            None => Work::Idle,
        };
    }

    /// The job, if this claim gets it.
    fn give(&self, state: &mut State, worker: u8, id: TransitionId) -> Option<Seen> {
        let job = state.job.as_ref()?;
        let latest = job.latest();
        if self.claim_ids && job.has(id) {
            // Made before: the same job again, while that claim lasts.
            return (latest.id == id).then(|| latest.into());
        }
        if !latest.after.is_waiting() || state.paused_by.is_some() {
            return None;
        }
        Some(begin(state, worker, id))
    }

    fn append_executing(&self, state: &mut State, worker: u8, id: TransitionId, seen: Seen) {
        let fits = |job: &Job| self.token.fits(job.latest(), seen);
        if !state.job.as_ref().is_some_and(fits) {
            return;
        }
        let seen = begin(state, worker, id);
        if let Some(job) = &mut state.job {
            job.is_leased = false;
        }
        state.workers[usize::from(worker)].work = Work::Holds { seen, is_started: false };
    }

    fn store_outcome(&self, state: &mut State, worker: u8, report: Report) {
        let answer = self.append_outcome(state, worker, report);
        let work = &mut state.workers[usize::from(worker)].work;
        if !matches!(*work, Work::Reporting(waiting) if waiting.id == report.id) {
            return;
        }
        *work = Work::Idle;
        match answer {
            Answer::Stored if !state.is_stored(report.id) => state.broken.note(Promise::Truth),
            Answer::Stored | Answer::Gone => {}
            Answer::Stale => {
                state.refuse(report.id);
                if report.has_follow_up && !self.follow_ups_fall {
                    state.send(Message::AddFollowUp { id: report.id });
                }
            }
        }
    }

    fn append_outcome(&self, state: &mut State, worker: u8, report: Report) -> Answer {
        let Some(job) = &state.job else { return self.gone() };
        let latest = *job.latest();
        if self.knows(job, report.id) {
            return Answer::Stored;
        }
        if !self.token.fits(&latest, report.seen) {
            return Answer::Stale;
        }
        let is_uncounted = report.after == Status::Awaiting && self.give_back_uncounts;
        let transition = Transition {
            id: report.id,
            sequence: latest.sequence + 1,
            attempt: if is_uncounted { latest.attempt - 1 } else { latest.attempt },
            before: Some(latest.after),
            after: report.after,
            by: Actor::Worker(worker),
        };
        state.append(transition, report.seen.id);
        if let Some(job) = &mut state.job {
            job.is_leased = false;
        }
        if report.has_follow_up {
            add_follow_up(state, report.id);
        }
        Answer::Stored
    }

    fn extend(&self, state: &mut State, worker: u8, seen: Seen) {
        let fits = |job: &&mut Job| {
            let latest = job.latest();
            latest.after == Status::Executing && self.heartbeat.fits(latest, seen)
        };
        if let Some(job) = state.job.as_mut().filter(fits) {
            if job.latest().id != seen.id {
                state.broken.note(Promise::ExtendedByHolder);
            }
            job.is_leased = true;
            return;
        }
        let work = &mut state.workers[usize::from(worker)].work;
        if matches!(work, Work::Holds { seen: held, .. } if *held == seen) {
            *work = Work::Idle;
        }
    }

    fn decide(&self, state: &mut State, operator: u8, decision: Decision) {
        let answer = self.append_decision(state, operator, decision);
        let operation = &mut state.operators[usize::from(operator)].operation;
        if !matches!(*operation, Operation::Deciding(waiting) if waiting.id == decision.id) {
            return;
        }
        *operation = Operation::Idle;
        if matches!(answer, Answer::Stale) {
            state.refuse(decision.id);
        }
    }

    fn append_decision(&self, state: &mut State, operator: u8, decision: Decision) -> Answer {
        let Some(job) = &state.job else { return self.gone() };
        let latest = *job.latest();
        if self.knows(job, decision.id) {
            return Answer::Stored;
        }
        if !self.token.fits(&latest, decision.seen) {
            return Answer::Stale;
        }
        let transition = Transition {
            id: decision.id,
            sequence: latest.sequence + 1,
            attempt: latest.attempt,
            before: Some(latest.after),
            after: decision.after,
            by: Actor::Operator(operator),
        };
        state.append(transition, decision.seen.id);
        Answer::Stored
    }

    fn resume(&self, state: &mut State, pause: u8) {
        if let Some(present) = state.paused_by
            && (present == pause || !self.resume_names_pause)
        {
            if present != pause {
                state.broken.note(Promise::PauseEndedOnPurpose);
            }
            state.paused_by = None;
        }
        if state.pause_step == 3 {
            state.pause_step = 4;
        }
    }

    fn gone(&self) -> Answer {
        if self.gone_apart { Answer::Gone } else { Answer::Stale }
    }

    fn knows(&self, job: &Job, id: TransitionId) -> bool {
        match self.idempotency {
            Idempotency::Nothing => false,
            Idempotency::Latest => job.latest().id == id,
            Idempotency::Chain => job.has(id),
        }
    }
}

/// Appends the `executing` transition of a worker, under a lease.
fn begin(state: &mut State, worker: u8, id: TransitionId) -> Seen {
    let job = state.job.as_ref().expect("the caller looked at it");
    let latest = *job.latest();
    let transition = Transition {
        id,
        sequence: latest.sequence + 1,
        attempt: latest.attempt + 1,
        before: Some(latest.after),
        after: Status::Executing,
        by: Actor::Worker(worker),
    };
    state.append(transition, latest.id);
    if let Some(job) = &mut state.job {
        job.is_leased = true;
    }
    Seen::from(&transition)
}

fn add_follow_up(state: &mut State, id: TransitionId) {
    state.follow_ups.push(id);
    state.follow_ups.sort_unstable();
}
