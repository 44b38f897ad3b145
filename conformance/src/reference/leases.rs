//! `extend_leases` and `expire_leases`: a lease belongs to a claim call.

use std::time::Duration;

use blacksmith_store_core::{
    ExpireRequest, ExtendRequest, JobId, Status, Timestamp, Token, TransitionId,
};

use super::{ClaimCall, Reference, StoredJob, Taken};

impl Reference {
    /// The runs of a call that go on.
    fn live<'a>(&'a self, call: &'a ClaimCall) -> impl Iterator<Item = &'a Taken> {
        call.taken.iter().filter(|taken| {
            let latest = self.job(taken.job).map(StoredJob::latest);
            latest.is_some_and(|latest| {
                latest.state_after == Status::Executing && latest.sequence == taken.sequence
            })
        })
    }

    /// What became of each token, and the actor's other live jobs, in no order.
    pub(crate) fn extend_leases(
        &mut self,
        request: &ExtendRequest,
        now: Timestamp,
    ) -> (Vec<Token>, Vec<JobId>) {
        let mut live = Vec::new();
        let mut named = Vec::new();
        let mut others = Vec::new();
        for (place, call) in self.calls.iter().enumerate() {
            if call.actor != request.actor {
                continue;
            }
            live.extend(self.live(call).map(|taken| taken.token));
            // Any of its tokens names the call, also that of a run that has ended.
            if call.taken.iter().any(|taken| request.tokens.contains(&taken.token)) {
                named.push(place);
            } else {
                others.extend(self.live(call).map(|taken| taken.job));
            }
        }
        let become_of =
            |token: &TransitionId| if live.contains(token) { Token::Kept } else { Token::Lost };
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
            ended.extend(self.live(call).map(|taken| (call.lease_end, taken.job)));
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
