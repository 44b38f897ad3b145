//! Outcomes: every claim that is taken ends in a change, which is sent until it is answered.

use blacksmith_store_core::{
    Change, ChangeOutcome, ErrorKind, Result, Retry, StoreError, TransitionId,
};
use tokio::time::Instant;

use crate::{
    engine::{
        Engine,
        health::is_answer,
        outbox::{Batch, Outcome},
    },
    held::{Held, Running},
    outcome::{End, Outcomes},
};

impl Engine {
    /// Ends a claim: its outcome goes to the store.
    pub(super) fn end(&mut self, action: usize, job: Running, end: End<'_>, now: Instant) {
        let change = self.outcomes(action).end(&job.job, job.context.as_ref(), end);
        for child in change.iter().flat_map(|change| &change.jobs) {
            if self.plan.find(&child.destination, &child.action).is_none() {
                tracing::warn!(
                    job = %child.id, destination = child.destination, action = child.action,
                    "a follow-up names an action that this scheduler does not have"
                );
            }
        }
        self.hand_in(action, job, change, false, now);
    }

    pub(super) fn give_back(
        &mut self,
        action: usize,
        jobs: impl IntoIterator<Item = Held>,
        now: Instant,
    ) {
        for held in jobs {
            self.end(action, held.kept(), End::GivenBack, now);
        }
    }

    /// Puts a claim's end into the outbox.
    pub(super) fn hand_in(
        &mut self,
        action: usize,
        job: Running,
        change: Result<Change>,
        is_substitute: bool,
        now: Instant,
    ) {
        match change {
            Ok(change) => self.outbox.push(Outcome { action, job, change, is_substitute }, now),
            Err(error) => {
                tracing::error!(job = %job.job.id, %error, "a claim cannot be ended");
                self.release(action, &job.token);
            }
        }
    }

    /// Sends outcomes that are ripe, or were not answered.
    pub(super) fn send_outcomes(&mut self, now: Instant) {
        let is_last = self.stop_by.is_some() && self.runs.are_over();
        while let Some(batch) = self.outbox.next(now, is_last) {
            self.calls.push(self.caller.apply(batch));
        }
    }

    pub(super) fn applied(
        &mut self,
        batch: Batch,
        result: Result<Vec<ChangeOutcome>>,
        now: Instant,
    ) {
        let outcomes = match result {
            Ok(outcomes) => outcomes,
            Err(error) => return self.not_applied(batch, &error, now),
        };
        self.outbox.answered();
        tracing::debug!(actor = self.actor, outcomes = outcomes.len(), "stored outcomes");
        for (ended, outcome) in batch.outcomes.into_iter().zip(outcomes) {
            if matches!(outcome, ChangeOutcome::Applied | ChangeOutcome::Known) {
                self.count(&ended);
            } else {
                tracing::warn!(job = %ended.job.job.id, ?outcome, "an outcome came too late; it is dropped");
            }
            self.release(ended.action, &ended.job.token);
        }
    }

    fn count(&mut self, ended: &Outcome) {
        if !self.plan.actions[ended.action].is_housekeeping {
            for transition in &ended.change.transitions {
                self.done.count(transition.state_after);
            }
        }
    }

    pub(super) fn not_applied(&mut self, mut batch: Batch, error: &StoreError, now: Instant) {
        if !is_answer(error) || error.retry() != Retry::Never {
            return self.outbox.not_answered(batch, now, &self.toolkit);
        }
        // Nothing of it is stored. Whatever one outcome has wrong must not hold the others up.
        if batch.outcomes.len() > 1 {
            return self.outbox.split(batch, now);
        }
        let is_input = error.kind() == ErrorKind::InvalidInput;
        match batch.outcomes.pop() {
            Some(outcome) if is_input && !outcome.is_substitute => {
                self.outbox.answered();
                let change =
                    self.outcomes(outcome.action).refused(&outcome.job.job, error.message());
                self.hand_in(outcome.action, outcome.job, change, true, now);
            }
            Some(outcome) => {
                batch.outcomes.push(outcome);
                self.outbox.not_answered(batch, now, &self.toolkit);
            }
            None => self.outbox.answered(),
        }
    }

    /// The end of a claim is stored, or not to be stored any more.
    pub(super) fn release(&mut self, action: usize, token: &TransitionId) {
        self.leases.remove(token);
        self.queues[action].release(1);
    }

    pub(super) fn outcomes(&self, action: usize) -> Outcomes<'_> {
        Outcomes {
            toolkit: &self.toolkit,
            actor: &self.actor,
            policy: &self.plan.actions[action].policy,
        }
    }
}
