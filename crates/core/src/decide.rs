//! What the writing calls mean, decided for adapters that can look at entries one by one.
//!
//! An adapter with a query language decides in its database, and does not need this. One that keeps entries under their ids
//! implements [`Ledger`] on a transaction of its engine, and calls [`add_events`], [`add_jobs`], [`add_transitions`] and
//! [`apply`] in it: they find out what is new, known, stale, gone or in conflict, complete what is new with what a store
//! sets, and hand it back to be stored. An error refuses the call: the transaction is to be given up.

mod plan;

use std::{borrow::Cow, collections::HashMap};

use crate::{
    Added, Appended, Change, ChangeOutcome, ErrorKind, Event, EventId, Job, JobId, Result,
    StoreError, Timestamp, Transition, TransitionId,
};
use plan::Plan;

/// A transaction of an adapter, in which entries are read and written one by one; it sees what it has written.
pub trait Ledger {
    /// The stored event of this id, with its payloads; its jobs are not looked at.
    ///
    /// # Errors
    /// When it cannot be read; so with the other methods.
    fn event(&self, id: EventId) -> Result<Option<Cow<'_, Event>>>;

    /// The stored job of this id, with its payloads; its latest transition is not looked at.
    ///
    /// # Errors
    /// As [`event`](Self::event).
    fn job(&self, id: JobId) -> Result<Option<Cow<'_, Job>>>;

    /// The latest transition of the stored job of this id.
    ///
    /// # Errors
    /// As [`event`](Self::event).
    fn latest(&self, job: JobId) -> Result<Option<Cow<'_, Transition>>>;

    /// The stored transition of this id, whichever of its job.
    ///
    /// # Errors
    /// As [`event`](Self::event).
    fn transition(&self, id: TransitionId) -> Result<Option<Cow<'_, Transition>>>;

    /// Whether an event of this id is stored; to be overridden where that costs less than reading it.
    ///
    /// # Errors
    /// As [`event`](Self::event).
    fn has_event(&self, id: EventId) -> Result<bool> {
        Ok(self.event(id)?.is_some())
    }

    /// Stores an event that is not stored. It is complete, and without jobs, which come by [`insert_job`](Self::insert_job).
    ///
    /// # Errors
    /// When it cannot be written.
    fn insert_event(&mut self, event: Event) -> Result<()>;

    /// Stores a job that is not stored, of an event that is. It is complete, its first transition too.
    ///
    /// # Errors
    /// When it cannot be written.
    fn insert_job(&mut self, job: Job) -> Result<()>;

    /// Stores a transition that follows the latest one of its job. It is complete.
    ///
    /// # Errors
    /// When it cannot be written.
    fn append(&mut self, transition: Transition) -> Result<()>;
}

/// [`Store::add_events`](crate::Store::add_events).
///
/// # Errors
/// As there, and those of the ledger.
pub fn add_events(ledger: &mut impl Ledger, events: Vec<Event>, now: Timestamp) -> Result<Added> {
    let asked = Change { events, ..Change::default() };
    let plan = Plan::of(ledger, asked)?;
    let added = plan.added()?;
    plan.commit(ledger, now)?;
    Ok(added)
}

/// [`Store::add_jobs`](crate::Store::add_jobs).
///
/// # Errors
/// As there, and those of the ledger.
pub fn add_jobs(ledger: &mut impl Ledger, jobs: Vec<Job>, now: Timestamp) -> Result<Added> {
    let asked = Change { jobs, ..Change::default() };
    let plan = Plan::of(ledger, asked)?;
    let added = plan.added()?;
    plan.commit(ledger, now)?;
    Ok(added)
}

/// [`Store::add_transitions`](crate::Store::add_transitions).
///
/// # Errors
/// As there, and those of the ledger.
pub fn add_transitions(
    ledger: &mut impl Ledger,
    transitions: Vec<Transition>,
    now: Timestamp,
) -> Result<Appended> {
    let asked = Change { transitions, ..Change::default() };
    check_events(ledger, std::slice::from_ref(&asked))?;
    let plan = Plan::of(ledger, asked)?;
    let appended = plan.appended()?;
    plan.commit(ledger, now)?;
    Ok(appended)
}

/// [`Store::apply`](crate::Store::apply): each change is decided when those before it are stored.
///
/// # Errors
/// As there, and those of the ledger.
pub fn apply(
    ledger: &mut impl Ledger,
    changes: Vec<Change>,
    now: Timestamp,
) -> Result<Vec<ChangeOutcome>> {
    check_events(ledger, &changes)?;
    let mut outcomes = Vec::with_capacity(changes.len());
    for change in changes {
        let plan = Plan::of(ledger, change)?;
        let outcome = plan.outcome();
        if outcome == ChangeOutcome::Applied {
            plan.commit(ledger, now)?;
        }
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

/// Appends a transition that the adapter itself makes, of a claim or of an expiry, and answers it as it is stored.
///
/// # Errors
/// `Internal` for one that does not follow its job's latest transition, and those of the ledger.
pub fn append(
    ledger: &mut impl Ledger,
    transition: Transition,
    now: Timestamp,
) -> Result<Transition> {
    let latest = match transition.job_id {
        Some(job) => ledger.latest(job)?,
        None => None,
    };
    let Some(latest) = latest.filter(|latest| latest.chain_end().accepts(&transition)) else {
        return Err(StoreError::naming(
            ErrorKind::Internal,
            "the adapter has made a transition that follows no job's latest one:",
            [transition.id],
        ));
    };
    let complete = Previous::from(&*latest).followed_by(transition, now);
    ledger.append(complete.clone())?;
    Ok(complete)
}

/// What a transition takes over from the one that it follows.
struct Previous {
    event_id: Option<EventId>,
    created_at: Option<Timestamp>,
}

impl From<&Transition> for Previous {
    fn from(latest: &Transition) -> Self {
        Self { event_id: latest.event_id, created_at: latest.created_at }
    }
}

impl Previous {
    /// The transition with what a store sets; instants never go back within a job.
    fn followed_by(self, transition: Transition, now: Timestamp) -> Transition {
        let Self { event_id, created_at } = self;
        Transition { event_id, created_at: created_at.max(Some(now)), ..transition }
    }
}

/// Refuses transitions that name another event than that of their job, which is stored or added by these changes.
fn check_events(ledger: &impl Ledger, changes: &[Change]) -> Result<()> {
    let jobs = changes
        .iter()
        .flat_map(|change| change.events.iter().flat_map(|event| &event.jobs).chain(&change.jobs));
    let added: HashMap<JobId, EventId> =
        jobs.filter_map(|job| Some((job.id, job.event_id?))).collect();
    let mut refused = Vec::new();
    for transition in changes.iter().flat_map(|change| &change.transitions) {
        let (Some(named), Some(job)) = (transition.event_id, transition.job_id) else { continue };
        let event = match ledger.latest(job)? {
            Some(latest) => latest.event_id,
            None => added.get(&job).copied(),
        };
        if event.is_some_and(|event| event != named) {
            refused.push(transition.id);
        }
    }
    if refused.is_empty() {
        return Ok(());
    }
    Err(StoreError::naming(
        ErrorKind::InvalidInput,
        "another event than the job's is named by transition",
        refused,
    ))
}
