//! Leases: extended while work goes on, taken up where an answer was lost, let go where they are lost.

use std::collections::HashSet;

use blacksmith_store_core::{
    ExtendRequest, Extended, MAX_CALL_ENTRIES, Queue, Result, TransitionId,
};
use tokio::time::Instant;

use crate::{
    engine::{Engine, runs::Cancelled},
    held::Held,
    outcome::Cut,
};

impl Engine {
    /// Extends all leases; also when nothing is held, to learn of claims whose answer was lost.
    pub(super) fn extend_leases(&mut self, now: Instant) {
        if !self.timers.extend.is_due(now) {
            return;
        }
        self.timers.extend.begin();
        let tokens = self.leases.tokens(MAX_CALL_ENTRIES);
        let request = ExtendRequest::new(&self.actor, self.settings.lease, tokens);
        self.calls.push(self.caller.extend(request));
    }

    pub(super) fn extended(
        &mut self,
        sent: Instant,
        tokens: &[TransitionId],
        result: Result<Extended>,
        now: Instant,
    ) {
        let Ok(extended) = result else {
            return self.timers.extend.failed(now, &self.toolkit);
        };
        self.timers.extend.answered(sent + self.settings.lease / 3);
        match self.in_doubt_since {
            Some(since) if since <= sent => self.in_doubt_since = None,
            // This one left before the answer of a claim was lost.
            Some(_) => self.timers.extend.hurry(now),
            None => {}
        }
        let lost = self.leases.extended(sent, tokens, &extended.tokens);
        if !lost.is_empty() {
            self.lose(lost.into_iter().collect(), now);
        }
        self.adopt(extended.others, now);
    }

    /// Claims of this scheduler that it has never seen: their answer was lost, or is on its way.
    pub(super) fn adopt(&mut self, others: Queue, now: Instant) {
        let jobs: Vec<_> =
            Held::of(others).filter(|held| !self.leases.knows(&held.token)).collect();
        if jobs.is_empty() {
            return;
        }
        tracing::info!(
            actor = self.actor,
            jobs = jobs.len(),
            "took up claims whose answer was lost"
        );
        if self.timers.claim.is_in_flight() {
            self.adopted.extend(jobs.iter().map(|held| held.token));
        }
        let mut counts = vec![0; self.queues.len()];
        self.take_up(jobs, None, now, &mut counts);
        // They start once an extension has named them.
        self.timers.extend.answered(now);
    }

    /// Claims that the store says are no longer this scheduler's: nothing may run under them, and there is nothing to report.
    pub(super) fn lose(&mut self, mut lost: HashSet<TransitionId>, now: Instant) {
        tracing::warn!(actor = self.actor, jobs = lost.len(), "claims were lost");
        for queue in &mut self.queues {
            let before = queue.waiting.len();
            queue.waiting.retain(|held| {
                let is_lost = lost.remove(&held.token);
                if is_lost {
                    self.leases.remove(&held.token);
                }
                !is_lost
            });
            queue.release(before - queue.waiting.len());
        }
        let (queues, leases) = (&mut self.queues, &mut self.leases);
        self.runs.cancel(Cancelled::Cut(Cut::Lease), now, |run| {
            let dropped = run.unreported.drop_those(|token| lost.contains(token));
            for token in &dropped {
                leases.remove(token);
            }
            queues[run.action].release(dropped.len());
            !dropped.is_empty()
        });
        // What is left was reported already: the answer to its outcome tells.
    }
}
