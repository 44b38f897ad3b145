//! What is stored, what is on its way, and what the client was told.

use super::model::{Batches, Promise, Surroundings};
use crate::promises::Broken;

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Answer {
    Applied,
    Known,
    Stale,
    Gone,
    Conflict,
}

impl Answer {
    pub(super) fn is_stored(self) -> bool {
        matches!(self, Self::Applied | Self::Known)
    }
}

/// The outcome of a claim, and its follow-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Entry {
    pub(super) claim: usize,
    pub(super) has_follow_up: bool,
}

/// A copy of a call on its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Call {
    /// Its resends have the same.
    pub(super) number: u8,
    pub(super) is_apply: bool,
    pub(super) entries: Vec<Entry>,
    pub(super) is_awaited: bool,
}

impl Call {
    pub(super) fn claims(&self) -> impl Iterator<Item = usize> {
        self.entries.iter().map(|entry| entry.claim)
    }
}

/// A job that the client has claimed, at sequence 1; its outcome has sequence 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Job {
    pub(super) sequence: u8,
    pub(super) is_executing: bool,
    pub(super) is_gone: bool,
    pub(super) has_outcome: bool,
    /// The follow-up's id is stored with other content.
    pub(super) has_other: bool,
    /// How often the outcome, and the follow-up, took effect.
    pub(super) outcomes: u8,
    pub(super) follow_ups: u8,
    /// How often the client's claim was ended.
    pub(super) ends: u8,
}

impl Job {
    pub(super) fn can_store_other(self) -> bool {
        !self.is_gone && !self.has_other && self.follow_ups == 0
    }

    pub(super) fn take_up(&mut self) {
        // Awaiting, where it had ended, and executing: how many are between is of no matter.
        self.sequence += 2;
        self.is_executing = true;
    }

    pub(super) fn purge(&mut self) {
        self.is_gone = true;
        self.has_outcome = false;
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) jobs: [Job; 2],
    /// The event of the first claim's follow-up is stored.
    pub(super) has_event: bool,
    pub(super) calls: Vec<Call>,
    /// What the client has sent last, and of which claims it has sent anything.
    pub(super) last: Option<Call>,
    pub(super) was_sent: [bool; 2],
    pub(super) answer: Option<Vec<(usize, Answer)>>,
    pub(super) told: [Option<Answer>; 2],
    /// The effects of a change when its end was told.
    effects_told: [u8; 2],
    /// The calls that a store remembers which recognises calls.
    pub(super) remembered: Vec<(u8, Vec<(usize, Answer)>)>,
    pub(super) losses_left: u8,
    pub(super) interventions_left: u8,
    pub(super) broken: Broken,
}

impl State {
    pub(super) fn first(batches: &Batches) -> Self {
        let claimed = Job {
            sequence: 1,
            is_executing: true,
            is_gone: false,
            has_outcome: false,
            has_other: false,
            outcomes: 0,
            follow_ups: 0,
            ends: 0,
        };
        let mut calls = Vec::new();
        if batches.surroundings == Surroundings::StoredAlone {
            let entries = vec![Entry { claim: 0, has_follow_up: false }];
            calls.push(Call { number: u8::MAX, is_apply: false, entries, is_awaited: false });
        }
        Self {
            jobs: [claimed; 2],
            has_event: batches.surroundings != Surroundings::EventOnItsWay,
            calls,
            last: None,
            was_sent: [false; 2],
            answer: None,
            told: [None; 2],
            effects_told: [0; 2],
            remembered: Vec::new(),
            losses_left: batches.losses,
            interventions_left: batches.interventions,
            broken: Broken::default(),
        }
    }

    pub(super) fn send(&mut self, call: Call) {
        for claim in call.claims() {
            self.was_sent[claim] = true;
        }
        self.calls.push(call.clone());
        self.last = Some(call);
    }

    pub(super) fn lose(&mut self) {
        self.losses_left -= 1;
        self.answer = None;
        self.calls.iter_mut().for_each(|call| call.is_awaited = false);
    }

    pub(super) fn receive(&mut self) {
        let answers = self.answer.take().unwrap_or_default();
        if answers.is_empty() {
            self.broken.note(Promise::Settled);
        }
        for (claim, answer) in answers {
            let Job { outcomes, follow_ups, .. } = self.jobs[claim];
            let has_follow_up = self.last.as_ref().is_some_and(|last| last.is_apply);
            let is_whole = outcomes > 0 && (follow_ups > 0 || !has_follow_up);
            // What is gone may have been stored before the purge.
            let is_true = match answer {
                Answer::Applied | Answer::Known => is_whole,
                Answer::Stale | Answer::Conflict => outcomes == 0,
                Answer::Gone => true,
            };
            if !is_true {
                self.broken.note(Promise::Truth);
            }
            self.told[claim] = Some(answer);
            self.effects_told[claim] = outcomes + follow_ups;
        }
    }

    pub(super) fn expire(&mut self, job: usize) {
        let job = &mut self.jobs[job];
        job.ends += u8::from(job.sequence == 1);
        job.sequence += 1;
        job.is_executing = false;
    }

    /// Notes what is broken whichever way it came about.
    pub(super) fn judge(&mut self) {
        for (claim, job) in self.jobs.iter().enumerate() {
            if job.outcomes > 1 || job.follow_ups > 1 {
                self.broken.note(Promise::Once);
            }
            if job.ends > 1 {
                self.broken.note(Promise::OneEnd);
            }
            if self.told[claim].is_some()
                && job.outcomes + job.follow_ups > self.effects_told[claim]
            {
                self.broken.note(Promise::Truth);
            }
        }
    }
}
