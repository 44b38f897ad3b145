//! How a claim ends: the one transition, and the child jobs that come with it.

use blacksmith_store_core::{
    Change, Job, JobError, Result, Status, Timestamp, Toolkit, Transition, due_after_expiry,
};
use bytes::Bytes;

use crate::{FollowUp, Then, failure::Remedy, policy::Policy};

/// How a claim ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End<'a> {
    /// Its action said so.
    Reported(&'a Then),
    /// Its action ended without a word about it.
    Unreported,
    /// Its run was cancelled, because the lease could not be held any longer or the scheduler had to stop.
    Cut(Cut),
    /// It is not run, for its attempts are used up.
    OutOfBudget,
    /// Its action has not started, and shall not.
    GivenBack,
    /// The same, and it is not to be claimed again before this instant.
    PutOff(Timestamp),
}

/// Why a run was cancelled before its end, without a fault of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    Lease,
    Shutdown,
}

impl Cut {
    const fn text(self) -> &'static str {
        match self {
            Self::Lease => "the run was cancelled: its lease could not be extended in time",
            Self::Shutdown => "the run was cancelled: the scheduler had to stop",
        }
    }
}

/// Makes the outcomes of one action.
pub(crate) struct Outcomes<'a> {
    pub(crate) toolkit: &'a Toolkit,
    pub(crate) actor: &'a str,
    pub(crate) policy: &'a Policy,
}

impl Outcomes<'_> {
    /// The change that ends the claim of `job`, whose latest transition is the claim's. `context` is its event's, which child
    /// jobs get.
    ///
    /// # Errors
    /// `InvalidInput` for a job that is not executing.
    pub(crate) fn end(&self, job: &Job, context: Option<&Bytes>, end: End<'_>) -> Result<Change> {
        let attempt = job.transition.as_ref().map_or(0, |executing| executing.attempt);
        let (transition, follow_ups) = match end {
            End::Reported(then) => self.reported(job, attempt, then)?,
            End::Unreported => {
                let error = JobError::new("the action ended without reporting this job");
                let run_at = self.policy.retry_at(self.toolkit, attempt, Remedy::Schedule);
                (self.step(job, Status::Unknown)?.with_error(error).with_run_at(run_at), &[][..])
            }
            End::Cut(cut) => {
                let run_at = due_after_expiry(self.toolkit.now(), attempt);
                let error = JobError::new(cut.text());
                (self.step(job, Status::Unknown)?.with_error(error).with_run_at(run_at), &[][..])
            }
            End::OutOfBudget => {
                let error = JobError::new(format!(
                    "not run: attempt {attempt} is beyond the retries that its schedule allows"
                ));
                (self.step(job, Status::Discarded)?.with_error(error), &[][..])
            }
            End::GivenBack => (self.step(job, Status::Awaiting)?, &[][..]),
            End::PutOff(until) => (self.step(job, Status::Awaiting)?.with_run_at(until), &[][..]),
        };
        trace(job, &transition);
        let mut change = Change::new(transition);
        change.jobs.extend(follow_ups.iter().map(|follow_up| self.child(job, context, follow_up)));
        Ok(change)
    }

    /// The change that ends the claim of `job` instead of an outcome that the store refused.
    pub(crate) fn refused(&self, job: &Job, why: &str) -> Result<Change> {
        let attempt = job.transition.as_ref().map_or(0, |executing| executing.attempt);
        let error = JobError::new(format!("the outcome could not be stored: {why}"));
        let run_at = self.policy.retry_at(self.toolkit, attempt, Remedy::Schedule);
        let transition = self.step(job, Status::Unknown)?.with_error(error).with_run_at(run_at);
        trace(job, &transition);
        Ok(Change::new(transition))
    }

    fn reported<'t>(
        &self,
        job: &Job,
        attempt: u32,
        then: &'t Then,
    ) -> Result<(Transition, &'t [FollowUp])> {
        let failure = match &then.result {
            Ok(()) => return Ok((self.step(job, Status::Succeeded)?, &then.on_succeeded)),
            Err(failure) => failure,
        };
        let error = failure.error.clone();
        if failure.remedy == Remedy::Discard || self.policy.is_last(attempt) {
            let transition = self.step(job, Status::Discarded)?.with_error(error);
            return Ok((transition, &then.on_discarded));
        }
        let run_at = self.policy.retry_at(self.toolkit, attempt, failure.remedy);
        let transition = self.step(job, Status::Failed)?.with_error(error).with_run_at(run_at);
        Ok((transition, &then.on_failed))
    }

    fn step(&self, job: &Job, status: Status) -> Result<Transition> {
        Ok(job.next(self.toolkit.transition_id(), status)?.with_actor(self.actor))
    }

    fn child(&self, parent: &Job, context: Option<&Bytes>, follow_up: &FollowUp) -> Job {
        let id = self.toolkit.job_id();
        let first = Transition::first(self.toolkit.transition_id(), Status::Awaiting)
            .with_actor(self.actor);
        let mut child = Job::new(id, &parent.destination, &follow_up.action).with_transition(first);
        child.version = follow_up.version.clone().or_else(|| parent.version.clone());
        child.context = follow_up.context.clone().or_else(|| context.cloned());
        child.data.clone_from(&follow_up.data);
        child.event_id = parent.event_id;
        child.parent_job_id = Some(parent.id);
        child
    }
}

/// Says how a claim ended; failures so that an operator sees them, the ordinary course of things in detail only.
fn trace(job: &Job, transition: &Transition) {
    let error = transition.error.as_ref().and_then(JobError::status_code);
    let run_at = transition.run_at.map(tracing::field::display);
    match transition.state_after {
        Status::Discarded => tracing::warn!(
            job = %job.id, destination = job.destination, action = job.action, attempt = transition.attempt,
            status_code = error, "job discarded"
        ),
        Status::Failed | Status::Unknown => tracing::info!(
            job = %job.id, destination = job.destination, action = job.action, attempt = transition.attempt,
            status = %transition.state_after, status_code = error, run_at, "job will be retried"
        ),
        status => tracing::trace!(
            job = %job.id, destination = job.destination, action = job.action, attempt = transition.attempt,
            status = %status, "job ended"
        ),
    }
}

#[cfg(test)]
mod tests {
    use blacksmith_store_core::{Clock, EventId, Schedule, SetClock, Timestamp};

    use super::*;
    use crate::{ActionOptions, Destination, Failure};

    fn now() -> Timestamp {
        "2026-01-01T10:00:00Z".parse().expect("an instant")
    }

    fn toolkit() -> Toolkit {
        Toolkit::new().with_clock(Clock::Set(SetClock::at(now()))).with_seed(1)
    }

    /// A claimed job of a schedule with 2 retries.
    fn claimed(attempt: u32) -> Job {
        let toolkit = toolkit();
        let mut executing = Transition::first(toolkit.transition_id(), Status::Executing);
        executing.attempt = attempt;
        executing.state_before = Some(Status::Failed);
        executing.sequence = Some(7);
        let job = Job::new(toolkit.job_id(), "crm", "upsert").with_version("v2");
        job.with_event_id(EventId::from_bytes([1; 20])).with_transition(executing)
    }

    fn end(attempt: u32, end: End<'_>) -> Change {
        let destination =
            Destination::new("crm").with_schedule(Schedule::new(true, "@every 1h", 2));
        let policy = Policy::of(&destination, &ActionOptions::default()).expect("a policy");
        let outcomes = Outcomes { toolkit: &toolkit(), actor: "me", policy: &policy };
        outcomes.end(&claimed(attempt), Some(&Bytes::from("event")), end).expect("a change")
    }

    fn states(change: &Change) -> (Status, u32, Option<i64>) {
        let transition = &change.transitions[0];
        assert_eq!(transition.sequence, Some(8));
        assert_eq!(transition.actor.as_deref(), Some("me"));
        let wait = transition.run_at.map(|at| (at - now()).num_seconds());
        (transition.state_after, transition.attempt, wait)
    }

    #[test]
    fn the_last_failure_goes_straight_to_discarded() {
        let then = Then::failed(Failure::new("no")).on_failed("again").on_discarded("alert");
        let failed = end(2, End::Reported(&then));
        assert_eq!(states(&failed), (Status::Failed, 2, Some(3_600)));
        assert_eq!(failed.jobs[0].action, "again");

        let discarded = end(3, End::Reported(&then));
        assert_eq!(states(&discarded), (Status::Discarded, 3, None));
        assert_eq!(discarded.jobs.len(), 1);
        assert_eq!(discarded.jobs[0].action, "alert");
    }

    #[test]
    fn a_forced_discard_does_not_wait_for_the_last_attempt() {
        let then = Then::failed(Failure::new("gone").discard()).on_failed("again");
        let discarded = end(1, End::Reported(&then));
        assert_eq!(states(&discarded), (Status::Discarded, 1, None));
        assert!(discarded.jobs.is_empty());
    }

    #[test]
    fn a_child_has_its_parents_event_and_version_and_the_events_context() {
        let then = Then::succeeded()
            .on_succeeded("notify")
            .on_succeeded(FollowUp::new("archive").with_context("own").with_data("payload"));
        let change = end(1, End::Reported(&then));
        assert_eq!(states(&change), (Status::Succeeded, 1, None));
        let parent = claimed(1);
        let [notify, archive] = &change.jobs[..] else { panic!("two children") };
        for child in [notify, archive] {
            assert_eq!(child.parent_job_id, Some(parent.id));
            assert_eq!(child.event_id, parent.event_id);
            assert_eq!(child.destination, "crm");
            assert_eq!(child.version.as_deref(), Some("v2"));
            assert_eq!(child.status(), Some(Status::Awaiting));
        }
        assert_eq!(notify.context, Some(Bytes::from("event")));
        assert_eq!(notify.data, None);
        assert_eq!(archive.context, Some(Bytes::from("own")));
        assert_eq!(archive.data, Some(Bytes::from("payload")));
    }

    #[test]
    fn what_nobody_reported_is_unknown_and_what_has_not_started_uses_no_attempt_up() {
        assert_eq!(states(&end(2, End::Unreported)), (Status::Unknown, 2, Some(3_600)));
        assert_eq!(states(&end(3, End::Cut(Cut::Lease))), (Status::Unknown, 3, Some(2)));
        assert_eq!(states(&end(2, End::GivenBack)), (Status::Awaiting, 1, None));
        let until = now() + std::time::Duration::from_secs(5);
        assert_eq!(states(&end(2, End::PutOff(until))), (Status::Awaiting, 1, Some(5)));
        assert_eq!(states(&end(4, End::OutOfBudget)), (Status::Discarded, 4, None));
    }
}
