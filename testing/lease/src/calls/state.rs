//! Everything there is at a moment: the jobs, the leases, what is on its way, and what each worker knows.

use super::{
    model::Calls,
    token::{Token, Tokens},
};
use crate::promises::Broken;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Job {
    /// Due.
    Waits,
    /// Claimed; the claim is live.
    Runs(Token),
    Ended,
}

/// What is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Message {
    Claim { worker: u8, call: u8 },
    Claimed { worker: u8, call: u8, taken: Tokens },
    Extend { worker: u8, names: Tokens },
    Extended { worker: u8, kept: Tokens, lost: Tokens, others: Tokens },
    Outcome { token: Token, is_success: bool },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Worker {
    pub(super) is_dead: bool,
    /// How many calls it has made, those without jobs left out.
    pub(super) calls: u8,
    /// It waits for the answer to its latest call.
    pub(super) is_claiming: bool,
    pub(super) is_extending: bool,
    /// It gave up waiting for a claim, and has not learnt yet what that took.
    pub(super) doubts: bool,
    /// Its memory: everything it was ever answered or told.
    pub(super) seen: Tokens,
    /// Told by an extension, and not named by one yet.
    pub(super) told: Tokens,
    /// Being run.
    pub(super) held: Tokens,
    /// Run to the end; the outcome has not been answered.
    pub(super) reported: Tokens,
}

/// How often something may go wrong or, for extensions, be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Faults {
    /// A worker stops waiting for an answer.
    pub(super) losses: u8,
    /// The lease ends of a call whose worker works on it.
    pub(super) slow: u8,
    /// A run fails, and its job is due again.
    pub(super) failures: u8,
    pub(super) crashes: u8,
    pub(super) extensions: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) jobs: Vec<Job>,
    /// Live or not, the lease has ended.
    pub(super) over: Tokens,
    /// Without a lease, by a rule that breaks.
    pub(super) unleased: Tokens,
    pub(super) network: Vec<Message>,
    pub(super) workers: [Worker; 2],
    pub(super) left: Faults,

    // What no party knows, kept for the promises.
    /// Claims that have ended.
    pub(super) ended: Tokens,
    /// Claims whose run was begun.
    pub(super) begun: Tokens,
    /// A worker has run a job of which it was told.
    pub(super) is_taken_up: bool,
    pub(super) broken: Broken,
}

impl State {
    /// Every job is due.
    pub(super) fn first(calls: &Calls) -> Self {
        Self {
            jobs: vec![Job::Waits; calls.jobs.into()],
            over: Tokens::default(),
            unleased: Tokens::default(),
            network: Vec::new(),
            workers: [Worker::default(); 2],
            left: calls.faults,
            ended: Tokens::default(),
            begun: Tokens::default(),
            is_taken_up: false,
            broken: Broken::default(),
        }
    }

    pub(super) fn worker(&mut self, number: u8) -> &mut Worker {
        &mut self.workers[usize::from(number)]
    }

    pub(super) fn send(&mut self, message: Message) {
        self.network.push(message);
        self.network.sort_unstable();
    }

    /// The live claims.
    pub(super) fn live(&self) -> Tokens {
        let live = self.jobs.iter().filter_map(|job| match job {
            Job::Runs(token) => Some(*token),
            Job::Waits | Job::Ended => None,
        });
        live.collect()
    }

    pub(super) fn is_live(&self, token: Token) -> bool {
        self.jobs[usize::from(token.job)] == Job::Runs(token)
    }

    /// Whether a living worker works on this claim, or will when an answer on its way has come.
    pub(super) fn is_cared_for(&self, token: Token) -> bool {
        let worker = &self.workers[usize::from(token.worker)];
        let is_on_its_way = self
            .network
            .iter()
            .any(|message| matches!(message, Message::Claimed { taken, .. } if taken.has(token)));
        !worker.is_dead && (worker.held.has(token) || worker.reported.has(token) || is_on_its_way)
    }

    pub(super) fn has_all_ended(&self) -> bool {
        self.jobs.iter().all(|job| *job == Job::Ended)
    }
}
