//! Everything there is at a moment: what is stored, what is on its way, and what each party believes.

use blacksmith_store_core::{Status, is_legal};

use super::{
    chain::{Actor, Job, Seen, Transition, TransitionId},
    promise::Promise,
    rules::{Faults, Rules},
};
use crate::promises::Broken;

/// A request on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Message {
    AddEvents,
    Claim {
        worker: u8,
        claim: u8,
    },
    /// The old way: read a due job, append `executing`.
    AppendExecuting {
        worker: u8,
        id: TransitionId,
        seen: Seen,
    },
    Outcome {
        worker: u8,
        report: Report,
    },
    AddFollowUp {
        id: TransitionId,
    },
    Extend {
        worker: u8,
        seen: Seen,
    },
    Operate {
        operator: u8,
        decision: Decision,
    },
    Pause {
        pause: u8,
    },
    Resume {
        pause: u8,
    },
}

/// What a worker tells of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Report {
    pub(super) id: TransitionId,
    pub(super) seen: Seen,
    pub(super) after: Status,
    pub(super) has_follow_up: bool,
}

/// What an operator wants of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Decision {
    pub(super) id: TransitionId,
    pub(super) seen: Seen,
    pub(super) after: Status,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Work {
    #[default]
    Idle,
    Claiming {
        claim: u8,
    },
    Holds {
        seen: Seen,
        is_started: bool,
    },
    Reporting(Report),
    /// It stopped waiting for the answer to its report.
    Doubts(Report),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Worker {
    pub(super) work: Work,
    pub(super) claims: u8,
    pub(super) reports: u8,
    /// Claims that were made before the worker's last crash.
    pub(super) claims_before_crash: u8,
    /// The worker's memory: the claims that it was answered, a bit each.
    pub(super) answered: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Operation {
    #[default]
    Idle,
    Deciding(Decision),
    Doubts(Decision),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Operator {
    pub(super) operation: Operation,
    pub(super) decisions: u8,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) job: Option<Job>,
    /// How often the job came into being.
    pub(super) lives: u8,
    pub(super) is_tombstone_kept: bool,
    pub(super) network: Vec<Message>,
    pub(super) workers: Vec<Worker>,
    pub(super) operators: Vec<Operator>,
    pub(super) gateway_waits: bool,
    pub(super) purge_has_selected: bool,
    pub(super) paused_by: Option<u8>,
    /// 0 none, 1 the first pause sent, 2 answered, 3 its resume sent, 4 answered or given up, 5 a second pause sent, 6 answered.
    pub(super) pause_step: u8,
    pub(super) follow_ups: Vec<TransitionId>,
    pub(super) left: Faults,

    // What no party knows, kept for the promises.
    pub(super) was_purged: bool,
    /// Stored in a purged life.
    pub(super) past: Vec<TransitionId>,
    /// Told "not stored", while a copy is still on its way.
    pub(super) refused: Vec<TransitionId>,
    /// Runs begun since the last operator's retry.
    pub(super) starts: u8,
    /// An operator's retry has not led to a run yet.
    pub(super) is_asked_for: bool,
    pub(super) broken: Broken,
}

impl State {
    /// The event was just sent.
    pub(super) fn first(rules: &Rules) -> Self {
        let operators = if rules.faults.operations > 0 { 2 } else { 0 };
        Self {
            network: vec![Message::AddEvents],
            workers: vec![Worker::default(); rules.workers.into()],
            operators: vec![Operator::default(); operators],
            gateway_waits: true,
            left: rules.faults,
            ..Self::default()
        }
    }

    /// The process that made this claim lives and has never been answered.
    pub(super) fn is_unanswered(&self, id: TransitionId) -> bool {
        let TransitionId::Claim(worker, claim) = id else { return false };
        let worker = &self.workers[usize::from(worker)];
        claim > worker.claims_before_crash && worker.answered & (1 << claim) == 0
    }

    pub(super) fn note_answer(&mut self, id: TransitionId) {
        if let TransitionId::Claim(worker, claim) = id {
            self.workers[usize::from(worker)].answered |= 1 << claim;
        }
    }

    pub(super) fn is_stored(&self, id: TransitionId) -> bool {
        self.past.contains(&id) || self.job.as_ref().is_some_and(|job| job.has(id))
    }

    /// The latest transition, if it is this one.
    pub(super) fn is_latest(&self, id: TransitionId) -> bool {
        self.job.as_ref().is_some_and(|job| job.latest().id == id)
    }

    pub(super) fn send(&mut self, message: Message) {
        self.network.push(message);
        self.network.sort_unstable();
    }

    fn is_on_its_way(&self, id: TransitionId) -> bool {
        self.network.iter().any(|message| match message {
            Message::Outcome { report, .. } => report.id == id,
            Message::Operate { decision, .. } => decision.id == id,
            _ => false,
        })
    }

    /// A client was told that this is not stored.
    pub(super) fn refuse(&mut self, id: TransitionId) {
        if self.is_stored(id) {
            self.broken.note(Promise::Truth);
        } else if self.is_on_its_way(id) && !self.refused.contains(&id) {
            self.refused.push(id);
            self.refused.sort_unstable();
        }
    }

    /// Forgets refusals of which no copy is on its way any more.
    pub(super) fn tidy(&mut self) {
        let mut refused = std::mem::take(&mut self.refused);
        refused.retain(|id| self.is_on_its_way(*id));
        self.refused = refused;
    }

    /// Appends to the chain, and checks everything that can be checked there. `meant` is the transition that the writer
    /// believed to be the latest.
    pub(super) fn append(&mut self, transition: Transition, meant: TransitionId) {
        if self.is_stored(transition.id) {
            self.broken.note(Promise::Once);
        }
        if self.refused.contains(&transition.id) {
            self.broken.note(Promise::Truth);
        }
        let Some(job) = &mut self.job else { return };
        let latest = *job.latest();
        if meant != latest.id && latest.after == Status::Executing {
            self.broken.note(Promise::NoStaleOutcome);
        }
        if !is_legal(latest.after, transition.after)
            || transition.sequence != latest.sequence + 1
            || transition.before != Some(latest.after)
        {
            self.broken.note(Promise::LegalChain);
        }
        let is_operators = matches!(transition.by, Actor::Operator(_));
        if is_finished(latest.after) && !is_operators {
            self.broken.note(Promise::EndsAreFinal);
        }
        let ends_a_run = latest.after == Status::Executing && transition.after != Status::Awaiting;
        if ends_a_run && job.ends().any(|end| end.attempt == latest.attempt) {
            self.broken.note(Promise::OneEnd);
        }
        if transition.after == Status::Executing
            && usize::from(transition.attempt) != job.ends().count() + 1
        {
            self.broken.note(Promise::AttemptsCounted);
        }
        job.chain.push(transition);
        match transition.after {
            Status::Awaiting if is_operators => {
                self.starts = 0;
                self.is_asked_for = true;
            }
            Status::Discarded if is_operators => self.is_asked_for = false,
            _ => {}
        }
    }
}

/// Whether only an operator leads on from this state.
pub(super) fn is_finished(status: Status) -> bool {
    matches!(status, Status::Succeeded | Status::Discarded)
}
