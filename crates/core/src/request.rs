//! What the methods of a store take and answer.

use std::{pin::Pin, time::Duration};

use futures_core::Stream;
use serde::Serialize;

use crate::{
    ErrorKind, Event, Job, PauseId, PurgePolicy, Queue, Result, Retry, Status, StoreError,
    Timestamp, Transition, TransitionId, WhereEvents, lenient,
};

/// What `add_events` and `add_jobs` stored, and what was known already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Added {
    /// Events stored now.
    pub events: u64,
    /// Events that were stored already, and skipped.
    pub events_known: u64,
    /// Jobs stored now.
    pub jobs: u64,
    /// Jobs that were stored already, and skipped.
    pub jobs_known: u64,
}

/// What `add_transitions` appended, and what was known already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Appended {
    /// Transitions appended now.
    pub new: u64,
    /// Transitions that were stored already.
    pub known: u64,
}

/// One outcome with the follow-ups it creates; stands or falls as a whole.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// Transitions to append, at most one of a job.
    pub transitions: Vec<Transition>,
    /// Events to add, with their `acknowledged` jobs.
    pub events: Vec<Event>,
    /// Jobs of stored events to add, `awaiting` unless they say otherwise.
    pub jobs: Vec<Job>,
}

impl Change {
    /// A change that appends one transition.
    pub fn new(transition: Transition) -> Self {
        Self { transitions: vec![transition], ..Self::default() }
    }

    /// The same with one event more.
    pub fn with_event(mut self, event: Event) -> Self {
        self.events.push(event);
        self
    }

    /// The same with one job more.
    pub fn with_job(mut self, job: Job) -> Self {
        self.jobs.push(job);
        self
    }
}

/// What became of a [`Change`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeOutcome {
    /// All of it is stored now.
    Applied,
    /// It was stored before; nothing of it was added again.
    Known,
    /// A transition's sequence, state or attempt does not fit (any more); nothing of it was stored.
    Stale,
    /// A job of it, or a new job's event, is not stored (any more); nothing of it was stored.
    Gone,
    /// An id of it is stored with other content; nothing of it was stored.
    Conflict,
}

/// Which jobs to claim, and how many at most.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Want {
    /// Of this destination alone; any if `None`.
    pub destination: Option<String>,
    /// Of this action of the destination alone; any if `None`.
    pub action: Option<String>,
    /// At most so many jobs; 0 asks when the next one is due.
    pub limit: usize,
}

impl Want {
    /// Any job.
    pub fn any(limit: usize) -> Self {
        Self { destination: None, action: None, limit }
    }

    /// Jobs of a destination.
    pub fn destination(destination: impl Into<String>, limit: usize) -> Self {
        Self { destination: Some(destination.into()), action: None, limit }
    }

    /// Jobs of one action of a destination.
    pub fn action(destination: impl Into<String>, action: impl Into<String>, limit: usize) -> Self {
        Self { destination: Some(destination.into()), action: Some(action.into()), limit }
    }

    /// Whether it is for jobs of this destination and action.
    pub fn takes(&self, destination: &str, action: &str) -> bool {
        self.destination.as_deref().is_none_or(|wanted| wanted == destination)
            && self.action.as_deref().is_none_or(|wanted| wanted == action)
    }
}

/// Asks for due jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClaimRequest {
    /// The worker, unique per scheduler instance and start; 1 to 255 bytes.
    pub actor: String,
    /// How long the claim is held unless it is extended; above zero, at most a day, to the microsecond.
    pub lease: Duration,
    /// What to claim, served in this order; 10,000 jobs in all at most.
    pub wants: Vec<Want>,
}

impl ClaimRequest {
    /// A request of `actor` for jobs under a lease of `lease`.
    pub fn new(
        actor: impl Into<String>,
        lease: Duration,
        wants: impl IntoIterator<Item = Want>,
    ) -> Self {
        Self { actor: actor.into(), lease, wants: wants.into_iter().collect() }
    }
}

/// Claimed jobs, and when to ask again.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Claimed {
    /// The claimed jobs with their `executing` transitions, whose ids are the claim's tokens; events hold claimed jobs only,
    /// in the order in which they were due, and stand in the order of their first one.
    pub queue: Queue,
    /// When the next job of these wants will be due: not later than now if more are due, `None` if nothing waits. Paused and
    /// executing jobs are left out.
    pub next_due: Option<Timestamp>,
}

impl Claimed {
    /// These jobs, and when the next one is due.
    pub fn new(queue: Queue, next_due: Option<Timestamp>) -> Self {
        Self { queue, next_due }
    }
}

/// Asks for more time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExtendRequest {
    /// The worker that holds the claims.
    pub actor: String,
    /// How long from now on; above zero, at most a day.
    pub lease: Duration,
    /// The ids of `executing` transitions; any of a claim call's extends what is still live of it. May be empty, to ask what
    /// else is held.
    pub tokens: Vec<TransitionId>,
}

impl ExtendRequest {
    /// A request of `actor` to extend the claims of these tokens.
    pub fn new(
        actor: impl Into<String>,
        lease: Duration,
        tokens: impl IntoIterator<Item = TransitionId>,
    ) -> Self {
        Self { actor: actor.into(), lease, tokens: tokens.into_iter().collect() }
    }
}

/// What became of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Token {
    /// Its lease goes on.
    Kept,
    /// It ended, was rescued, is another actor's, or unknown: stop what runs under it.
    Lost,
}

/// The answer to a request for more time.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Extended {
    /// What became of each token, in the order of the request.
    pub tokens: Vec<Token>,
    /// The actor's other live claims, which were not extended: those of claim calls that no token of the request names.
    pub others: Queue,
}

impl Extended {
    /// This answer.
    pub fn new(tokens: Vec<Token>, others: Queue) -> Self {
        Self { tokens, others }
    }
}

/// Asks for claims whose lease has ended to be given up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExpireRequest {
    /// Who asks; stands in the transitions to `unknown`.
    pub actor: String,
    /// At most so many jobs, 10,000 at most.
    pub limit: usize,
}

impl ExpireRequest {
    /// A request of `actor` to give up at most `limit` ended claims.
    pub fn new(actor: impl Into<String>, limit: usize) -> Self {
        Self { actor: actor.into(), limit }
    }
}

/// A destination, or one action of it, that `claim` passes over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Pause {
    /// Made by the caller; sending the same pause again changes nothing.
    pub id: PauseId,
    /// The destination.
    pub destination: String,
    /// The action, or the whole destination.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Who paused it, 1 to 255 bytes.
    pub actor: String,
    /// Why, up to 1,024 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When; set by the store.
    pub created_at: Option<Timestamp>,
}

impl Pause {
    /// A pause of a whole destination.
    pub fn new(id: PauseId, destination: impl Into<String>, actor: impl Into<String>) -> Self {
        Self {
            id,
            destination: destination.into(),
            action: None,
            actor: actor.into(),
            reason: None,
            created_at: None,
        }
    }

    /// The same for one action only.
    pub fn with_action(self, action: impl Into<String>) -> Self {
        Self { action: Some(action.into()), ..self }
    }

    /// The same with a reason.
    pub fn with_reason(self, reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..self }
    }

    /// Whether `other` says the same; `created_at` is the store's.
    pub fn same_content(&self, other: &Self) -> bool {
        Self { created_at: None, ..self.clone() } == Self { created_at: None, ..other.clone() }
    }
}

/// How long ended pauses are remembered, so that a late copy of one does not pause again.
pub const PAUSE_MEMORY: Duration = Duration::from_hours(1);

/// Events ingested within this time are spared by a purge, for a resent `add_events` must recognise them.
pub const PURGE_SPARES: Duration = Duration::from_hours(1);

/// Asks for events to be deleted with their jobs and transitions.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct PurgeRequest {
    /// Which events. One that constrains nothing is refused without [`all`](Self::all).
    pub filter: WhereEvents,
    /// Allows a filter that constrains nothing.
    pub all: bool,
    /// Only events ingested at least this long ago.
    pub older_than: Option<Duration>,
    /// Also events with a job neither succeeded nor discarded; never those with an executing one.
    pub include_unfinished: bool,
    /// Also events ingested within the last hour.
    pub include_recent: bool,
    /// At most so many events; all if `None`.
    pub max_events: Option<u64>,
}

impl PurgeRequest {
    /// A request to delete the events that match `filter`, sparing the unfinished and the recent ones.
    pub fn new(filter: WhereEvents) -> Self {
        Self { filter, ..Self::default() }
    }

    /// A request to delete every event, sparing the unfinished and the recent ones.
    pub fn everything() -> Self {
        Self { all: true, ..Self::default() }
    }

    /// The request that a policy asks for.
    pub fn of_policy(policy: &PurgePolicy) -> Self {
        Self { older_than: policy.older_than, ..Self::new(policy.filter.clone()) }
    }

    /// The same with unfinished events too.
    pub fn with_unfinished(self) -> Self {
        Self { include_unfinished: true, ..self }
    }

    /// The same with events of the last hour too.
    pub fn with_recent(self) -> Self {
        Self { include_recent: true, ..self }
    }

    /// The same for events ingested at least `age` ago.
    pub fn with_older_than(self, age: Duration) -> Self {
        Self { older_than: Some(age), ..self }
    }

    /// The same for at most `max` events.
    pub fn with_max_events(self, max: u64) -> Self {
        Self { max_events: Some(max), ..self }
    }

    /// What becomes of a stored event, for adapters that look at events one by one; `jobs` are all of its jobs, with their
    /// latest transitions, and those in the event are not looked at.
    pub fn fate<'a>(
        &self,
        event: &Event,
        jobs: impl Iterator<Item = &'a Job> + Clone,
        now: Timestamp,
    ) -> Fate {
        if !self.filter.matches_event_with(event, jobs.clone()) {
            return Fate::Unmatched;
        }
        // An event that seems to come from the future, because the clock went back, is as young as can be.
        let age = event.ingested_at.and_then(|ingested_at| (now - ingested_at).to_std().ok());
        let age = age.unwrap_or_default();
        if self.older_than.is_some_and(|least| age < least) {
            return Fate::Unmatched;
        }
        let is_in_the_way = |status: Status| {
            status == Status::Executing || !(self.include_unfinished || status.is_finished())
        };
        if jobs.filter_map(Job::status).any(is_in_the_way) {
            Fate::LeftUnfinished
        } else if age < PURGE_SPARES && !self.include_recent {
            Fate::LeftRecent
        } else {
            Fate::Deleted
        }
    }
}

/// What a purge does with an event: see [`PurgeRequest::fate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It does not match; it is not counted.
    Unmatched,
    /// It is left alone, for a job of it is unfinished.
    LeftUnfinished,
    /// It is left alone, for it was ingested within the last hour.
    LeftRecent,
    /// It is deleted with its jobs and transitions.
    Deleted,
}

/// What a purge deleted and what it left alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Purged {
    /// Events deleted.
    pub events: u64,
    /// Jobs deleted with them.
    pub jobs: u64,
    /// Transitions deleted with them.
    pub transitions: u64,
    /// Matching events left alone for an unfinished job (counted here when both reasons hold).
    pub left_unfinished: u64,
    /// Matching events left alone because they were ingested within the last hour.
    pub left_recent: u64,
    /// Whether a deadline or `max_events` ended it before everything was looked at.
    pub more: bool,
}

impl Purged {
    /// For adapters that purge in batches: the answer of a purge of which `self` is done and whose next batch has failed. A
    /// deadline ends it, and what was deleted is told; of another failure it is not true any more that nothing was done.
    ///
    /// # Errors
    /// `error`, with [`Retry::OutcomeUnknown`] instead of [`Retry::Safe`] once something was deleted.
    pub fn stopped_by(mut self, error: StoreError) -> Result<Self> {
        match (error.kind(), error.retry()) {
            _ if self == Self::default() => Err(error),
            (ErrorKind::Timeout, Retry::Safe | Retry::Never) => {
                self.more = true;
                Ok(self)
            }
            (_, Retry::Safe) if self.events > 0 => Err(error.with_retry(Retry::OutcomeUnknown)),
            _ => Err(error),
        }
    }
}

/// The jobs of one destination and action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct QueueStats {
    /// The destination.
    pub destination: String,
    /// The action.
    pub action: String,
    /// How many jobs are in which state.
    pub counts: Counts,
    /// The earliest instant, not later than now, at which a waiting job became due; pauses change nothing.
    pub earliest_due: Option<Timestamp>,
}

impl QueueStats {
    /// A destination and action without jobs.
    pub fn new(destination: impl Into<String>, action: impl Into<String>) -> Self {
        Self {
            destination: destination.into(),
            action: action.into(),
            counts: Counts::default(),
            earliest_due: None,
        }
    }
}

/// A count for each status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each member is the status of its name")]
pub struct Counts {
    pub acknowledged: u64,
    pub awaiting: u64,
    pub executing: u64,
    pub succeeded: u64,
    pub failed: u64,
    pub discarded: u64,
    pub unknown: u64,
}

impl Counts {
    /// The count of `status`.
    pub fn of(&self, status: Status) -> u64 {
        match status {
            Status::Acknowledged => self.acknowledged,
            Status::Awaiting => self.awaiting,
            Status::Executing => self.executing,
            Status::Succeeded => self.succeeded,
            Status::Failed => self.failed,
            Status::Discarded => self.discarded,
            Status::Unknown => self.unknown,
        }
    }

    /// The count of `status`, to change it.
    pub fn of_mut(&mut self, status: Status) -> &mut u64 {
        match status {
            Status::Acknowledged => &mut self.acknowledged,
            Status::Awaiting => &mut self.awaiting,
            Status::Executing => &mut self.executing,
            Status::Succeeded => &mut self.succeeded,
            Status::Failed => &mut self.failed,
            Status::Discarded => &mut self.discarded,
            Status::Unknown => &mut self.unknown,
        }
    }

    /// All of them together.
    pub fn total(&self) -> u64 {
        Status::ALL.into_iter().map(|status| self.of(status)).sum()
    }
}

/// Says that work may have arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wakeup;

/// Fires when work may have arrived; firings may be lost, merged or spurious. Ends when the store is gone.
pub type Wakeups = Pin<Box<dyn Stream<Item = Wakeup> + Send>>;

/// What `maintain` did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Maintained {
    /// Rows that were added up, removed or given back.
    pub rows: u64,
    /// Whether bounded work was left for the next call.
    #[serde(skip_serializing_if = "lenient::is_default")]
    pub more: bool,
}

/// When a job that was given up by `expire_leases` is due again: now after the first attempt, else after
/// min(2^(attempt-2) seconds, 5 minutes).
pub fn due_after_expiry(now: Timestamp, attempt: u32) -> Timestamp {
    const LONGEST_SECONDS: u64 = 300;
    let seconds = match attempt {
        0 | 1 => 0,
        attempt => 1_u64.checked_shl(attempt - 2).unwrap_or(LONGEST_SECONDS).min(LONGEST_SECONDS),
    };
    now + Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expired_job_waits_twice_as_long_each_time_up_to_five_minutes() {
        let now = Timestamp::default();
        let waits = [0, 1, 2, 3, 9, 10, 11, 65, 66, 67, u32::MAX]
            .map(|attempt| (due_after_expiry(now, attempt) - now).num_seconds());
        assert_eq!(waits, [0, 0, 1, 2, 128, 256, 300, 300, 300, 300, 300]);
    }

    #[test]
    fn a_purge_tells_what_is_done_of_it() {
        let done = Purged { events: 500, jobs: 700, ..Purged::default() };
        let looked = Purged { left_recent: 500, ..Purged::default() };
        let error = |kind, retry| StoreError::new(kind, "it failed").with_retry(retry);
        let timeout = |retry| error(ErrorKind::Timeout, retry);
        let gone = |retry| error(ErrorKind::Unavailable, retry);

        for before in [done, looked] {
            let told = before.stopped_by(timeout(Retry::Safe)).expect("it tells what is done");
            assert_eq!(told, Purged { more: true, ..before });
        }
        for (before, error, retry) in [
            (Purged::default(), timeout(Retry::Safe), Retry::Safe),
            (done, timeout(Retry::OutcomeUnknown), Retry::OutcomeUnknown),
            (Purged::default(), gone(Retry::Safe), Retry::Safe),
            (looked, gone(Retry::Safe), Retry::Safe),
            (done, gone(Retry::Safe), Retry::OutcomeUnknown),
            (done, gone(Retry::OutcomeUnknown), Retry::OutcomeUnknown),
            (done, error(ErrorKind::Internal, Retry::Never), Retry::Never),
        ] {
            let kind = error.kind();
            let stopped = before.stopped_by(error).expect_err("it is in doubt, or nothing is done");
            assert_eq!((stopped.kind(), stopped.retry()), (kind, retry), "{before:?}");
        }
    }
}
