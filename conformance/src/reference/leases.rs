//! `extend_leases` and `expire_leases`: a lease belongs to a claim call.

use std::time::Duration;

use blacksmith_store_core::{
    ExpireRequest, ExtendRequest, JobId, Status, Timestamp, Token, TransitionId,
};

use super::{ClaimCall, Reference, StoredJob};

impl Reference {
    /// The jobs of a call whose runs go on.
    fn live(&self, call: &ClaimCall) -> Vec<JobId> {
        let is_live = |(id, sequence): &&(JobId, u64)| {
            let latest = self.job(*id).map(StoredJob::latest);
            latest.is_some_and(|latest| {
                latest.state_after == Status::Executing && latest.sequence == Some(*sequence)
            })
        };
        call.taken.iter().filter(is_live).map(|(id, _)| *id).collect()
    }

    /// Whether a call handed out this token.
    fn gave(&self, call: &ClaimCall, token: TransitionId) -> bool {
        let of = self.transition(token).and_then(|found| Some((found.job_id?, found.sequence?)));
        of.is_some_and(|of| call.taken.contains(&of))
    }

    /// What became of each token, and the actor's other live jobs, in no order.
    ///
    /// What a call still holds of which only ended tokens are named is extended or told: either serves the worker. Whether it
    /// `was_told` is looked up.
    pub(crate) fn extend_leases(
        &mut self,
        request: &ExtendRequest,
        now: Timestamp,
        was_told: impl Fn(JobId) -> bool,
    ) -> (Vec<Token>, Vec<JobId>) {
        let mut named = Vec::new();
        let mut others = Vec::new();
        for (place, call) in self.calls.iter().enumerate() {
            if call.actor != request.actor {
                continue;
            }
            let live = self.live(call);
            let is_live = |token: TransitionId| {
                live.iter().filter_map(|id| self.job(*id)).any(|job| job.latest().id == token)
            };
            let tokens = request.tokens.iter().filter(|token| self.gave(call, **token));
            let tokens: Vec<TransitionId> = tokens.copied().collect();
            let is_told = live.iter().any(|job| was_told(*job));
            if tokens.iter().any(|token| is_live(*token)) || (!tokens.is_empty() && !is_told) {
                named.push(place);
            } else {
                others.extend(live);
            }
        }
        let become_of = |token: &TransitionId| {
            let mut calls = named.iter().map(|place| &self.calls[*place]);
            let is_kept = calls.any(|call| {
                let live = self.live(call);
                let job = self.transition(*token).and_then(|found| found.job_id);
                let is_latest = job
                    .and_then(|job| self.job(job))
                    .is_some_and(|job| job.latest().id == *token && live.contains(&job.id()));
                self.gave(call, *token) && is_latest
            });
            if is_kept { Token::Kept } else { Token::Lost }
        };
        let tokens = request.tokens.iter().map(become_of).collect();
        for place in named {
            self.calls[place].lease_end = now + request.lease;
        }
        (tokens, others)
    }

    /// The jobs that an expiry gives up, judged by which of them `was_given_up`: the store may choose among those whose
    /// leases ended at the same instant. A sentence if it chose otherwise.
    pub(crate) fn expire_leases(
        &mut self,
        request: &ExpireRequest,
        now: Timestamp,
        was_given_up: impl Fn(JobId) -> bool,
    ) -> Result<u64, String> {
        let mut ended: Vec<(Timestamp, JobId)> = Vec::new();
        for call in self.calls.iter().filter(|call| call.lease_end <= now) {
            ended.extend(self.live(call).into_iter().map(|job| (call.lease_end, job)));
        }
        // Of those whose leases ended together, the chosen ones first.
        ended.sort_by_key(|(end, job)| (*end, !was_given_up(*job)));
        let rest = ended.split_off(ended.len().min(request.limit));
        if let Some((end, job)) = ended.iter().find(|(_, job)| !was_given_up(*job)) {
            return Err(format!("the claim of job {job} ended at {end} and was not given up"));
        }
        if let Some((_, job)) = rest.iter().find(|(_, job)| was_given_up(*job)) {
            return Err(format!("job {job} was given up before its turn"));
        }
        for (_, id) in &ended {
            let job = self.job_mut(*id).expect("a live claim has its job");
            let attempt = job.latest().attempt;
            let wait = match attempt {
                0 | 1 => 0,
                attempt => 2_u64.saturating_pow(attempt - 2).min(300),
            };
            let run_at = now + Duration::from_secs(wait);
            job.append_own(Status::Unknown, attempt, &request.actor, Some(run_at), now);
        }
        Ok(ended.len() as u64)
    }
}
