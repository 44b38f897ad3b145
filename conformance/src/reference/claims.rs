//! `claim`: due jobs, oldest first, and when the next one is due.

use blacksmith_store_core::{ClaimRequest, JobId, Status, Timestamp, Want};

use super::{ClaimCall, NAMELESS, Reference, StoredJob, Taken};

fn is_wanted(want: &Want, job: &StoredJob) -> bool {
    want.destination.as_ref().is_none_or(|destination| *destination == job.job.destination)
        && want.action.as_ref().is_none_or(|action| *action == job.job.action)
}

impl Reference {
    /// The claimed jobs in the order of the answer, and when the next one of these wants is due.
    pub(crate) fn claim(
        &mut self,
        request: &ClaimRequest,
        now: Timestamp,
    ) -> (Vec<JobId>, Option<Timestamp>) {
        let mut waiting: Vec<&StoredJob> = self
            .jobs
            .iter()
            .filter(|job| job.is_waiting() && !self.is_paused(job))
            .filter(|job| request.wants.iter().any(|want| is_wanted(want, job)))
            .collect();
        waiting.sort_by_key(|job| (job.place(), job.id()));

        let mut taken: Vec<(Timestamp, JobId)> = Vec::new();
        for want in &request.wants {
            for _ in 0..want.limit {
                let next =
                    waiting.iter().position(|job| is_wanted(want, job) && job.place() <= now);
                let Some(next) = next else { break };
                let job = waiting.remove(next);
                taken.push((job.place(), job.id()));
            }
        }
        taken.sort_unstable();
        let next_due = waiting.first().map(|job| job.place());

        let jobs: Vec<JobId> = taken.into_iter().map(|(_, job)| job).collect();
        let mut call = ClaimCall {
            actor: request.actor.clone(),
            lease_end: now + request.lease,
            taken: Vec::new(),
        };
        for id in &jobs {
            let job = self.job_mut(*id).expect("it was found above");
            let attempt = job.latest().attempt + 1;
            job.append_own(Status::Executing, attempt, &request.actor, None, now);
            let sequence = job.latest().sequence;
            call.taken.push(Taken { job: *id, sequence, token: NAMELESS });
        }
        self.calls.push(call);
        (jobs, next_due)
    }
}
