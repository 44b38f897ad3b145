//! A store that is nothing but lists, written from the contract alone: what adapters do is compared with what it does.
//!
//! Slow and plain on purpose. It borrows the models of core, but none of its checks, filters or tables, and it knows no
//! adapter. Whatever the contract leaves to a store is an argument here: the ids that a store makes are adopted from it
//! ([`adopt`](Reference::adopt)), and where it may choose, its choice is looked up and judged.

mod adding;
mod changes;
mod claims;
mod filters;
mod leases;
mod pages;
mod pauses;
mod purge;
mod stats;
mod transitions;

use std::{collections::HashMap, time::Duration};

use blacksmith_store_core::{
    ErrorKind, Event, EventId, Job, JobId, Pause, Queue, Status, Timestamp, Transition,
    TransitionId,
};

use crate::oracle::Contents;

pub(crate) use self::pages::Search;

/// Everything that was stored.
#[derive(Clone, Default)]
pub(crate) struct Reference {
    /// Without their jobs.
    events: Vec<Event>,
    jobs: Vec<StoredJob>,
    calls: Vec<ClaimCall>,
    pauses: Vec<Pause>,
    /// With the instants at which they ended.
    ended_pauses: Vec<(Pause, Timestamp)>,
}

/// A job with its whole history.
#[derive(Clone)]
pub(crate) struct StoredJob {
    /// Without a transition.
    job: Job,
    chain: Vec<Transition>,
}

/// Stands for an id that is still to be learned from the store under test, which makes it.
const NAMELESS: TransitionId = TransitionId::from_bytes([0; 20]);

/// A call of `claim` that took something: the lease belongs to it.
#[derive(Clone)]
struct ClaimCall {
    actor: String,
    lease_end: Timestamp,
    taken: Vec<Taken>,
}

/// A job of a claim call.
#[derive(Clone)]
struct Taken {
    job: JobId,
    /// Of its `executing` transition; none once the job is purged.
    sequence: Option<u64>,
    /// That transition's id.
    token: TransitionId,
}

/// Why a call is refused.
#[derive(Debug)]
pub(crate) struct Refused {
    /// One of these; more than one only where the contract ranks no reason above another.
    pub(crate) kinds: Vec<ErrorKind>,
    /// What the error names, where the contract says so.
    pub(crate) names: Option<Vec<String>>,
}

/// What a call answers.
pub(crate) type Answer<T> = Result<T, Refused>;

impl Refused {
    /// A call that is wrong whatever is stored.
    fn invalid() -> Self {
        Self { kinds: vec![ErrorKind::InvalidInput], names: None }
    }

    /// A refusal whose error names these ids.
    pub(crate) fn naming<I: ToString>(kind: ErrorKind, ids: impl IntoIterator<Item = I>) -> Self {
        let mut names: Vec<String> = ids.into_iter().map(|id| id.to_string()).collect();
        names.sort();
        names.dedup();
        Self { kinds: vec![kind], names: Some(names) }
    }
}

impl StoredJob {
    pub(crate) fn id(&self) -> JobId {
        self.job.id
    }

    fn event_id(&self) -> EventId {
        self.job.event_id.expect("a stored job has its event")
    }

    pub(crate) fn latest(&self) -> &Transition {
        self.chain.last().expect("a stored job has a transition")
    }

    /// Its transitions, the first one first.
    pub(crate) fn chain(&self) -> impl Iterator<Item = &Transition> {
        self.chain.iter()
    }

    /// Whether it waits for a claim.
    fn is_waiting(&self) -> bool {
        use Status::{Acknowledged, Awaiting, Failed, Unknown};
        matches!(self.latest().state_after, Acknowledged | Awaiting | Failed | Unknown)
    }

    /// When it is its turn: at its `run_at`, or when its latest transition was created if that is later.
    fn place(&self) -> Timestamp {
        let latest = self.latest();
        let created = latest.created_at.expect("a stored transition has its instant");
        latest.run_at.map_or(created, |run_at| run_at.max(created))
    }

    /// As it is found: with its latest transition.
    fn found(&self) -> Job {
        self.job.clone().with_transition(self.latest().clone())
    }

    /// Appends what follows; `created_at` never goes back.
    fn append(&mut self, mut transition: Transition, now: Timestamp) {
        let created = self.latest().created_at.expect("a stored transition has its instant");
        transition.created_at = Some(created.max(now));
        transition.event_id = self.job.event_id;
        self.chain.push(transition);
    }

    /// What the store appends by itself, under an id that it makes.
    fn append_own(
        &mut self,
        status: Status,
        attempt: u32,
        actor: &str,
        run_at: Option<Timestamp>,
        now: Timestamp,
    ) {
        let latest = self.latest();
        let mut transition = Transition::first(NAMELESS, status);
        transition.state_before = Some(latest.state_after);
        transition.attempt = attempt;
        transition.sequence = latest.sequence.map(|sequence| sequence + 1);
        transition.job_id = Some(self.id());
        transition.actor = Some(actor.to_owned());
        transition.run_at = run_at;
        self.append(transition, now);
    }
}

impl Reference {
    pub(crate) fn event(&self, id: EventId) -> Option<&Event> {
        self.events.iter().find(|event| event.id == id)
    }

    pub(crate) fn job(&self, id: JobId) -> Option<&StoredJob> {
        self.jobs.iter().find(|stored| stored.id() == id)
    }

    /// Every job, in the order in which they came.
    pub(crate) fn stored_jobs(&self) -> impl Iterator<Item = &StoredJob> {
        self.jobs.iter()
    }

    fn job_mut(&mut self, id: JobId) -> Option<&mut StoredJob> {
        self.jobs.iter_mut().find(|stored| stored.id() == id)
    }

    pub(crate) fn transition(&self, id: TransitionId) -> Option<&Transition> {
        self.transitions().find(|transition| transition.id == id)
    }

    /// Every transition, job by job.
    pub(crate) fn transitions(&self) -> impl Iterator<Item = &Transition> {
        self.jobs.iter().flat_map(StoredJob::chain)
    }

    /// The jobs of an event, in ascending id.
    fn jobs_of(&self, event: EventId) -> Vec<&StoredJob> {
        let mut jobs: Vec<&StoredJob> =
            self.jobs.iter().filter(|stored| stored.event_id() == event).collect();
        jobs.sort_by_key(|stored| stored.id());
        jobs
    }

    /// An event as it is found: with all its jobs.
    pub(crate) fn found_event(&self, id: EventId) -> Option<Event> {
        let mut event = self.event(id)?.clone();
        event.jobs = self.jobs_of(id).into_iter().map(StoredJob::found).collect();
        Some(event)
    }

    /// A job as it is found.
    pub(crate) fn found_job(&self, id: JobId) -> Option<Job> {
        self.job(id).map(StoredJob::found)
    }

    /// These jobs in their events: the jobs in this order, the events in the order of their first one.
    pub(crate) fn queue_of(&self, jobs: &[JobId]) -> Queue {
        let mut events: Vec<Event> = Vec::new();
        for job in jobs.iter().filter_map(|id| self.job(*id)) {
            let place = events.iter().position(|event| event.id == job.event_id());
            let place = place.unwrap_or_else(|| {
                events.extend(self.event(job.event_id()).cloned());
                events.len() - 1
            });
            events[place].jobs.push(job.found());
        }
        Queue::new(events)
    }

    /// Learns the ids that the store made for its own transitions; a sentence if it made one that is in use.
    pub(crate) fn adopt<'a>(
        &mut self,
        seen: impl IntoIterator<Item = &'a Transition>,
    ) -> Result<(), String> {
        for transition in seen {
            let (Some(job), Some(sequence)) = (transition.job_id, transition.sequence) else {
                continue;
            };
            let is_known = self.transition(transition.id).is_some();
            let stored = self.jobs.iter_mut().find(|stored| stored.id() == job);
            let own = stored.and_then(|stored| {
                stored.chain.iter_mut().find(|own| own.sequence == Some(sequence))
            });
            match own {
                Some(own) if own.id == NAMELESS && is_known => {
                    return Err(format!("the store gave the known id {} again", transition.id));
                }
                Some(own) if own.id == NAMELESS => own.id = transition.id,
                _ => continue,
            }
            let taken = self.calls.iter_mut().flat_map(|call| &mut call.taken);
            for taken in taken.filter(|taken| taken.job == job && taken.sequence == Some(sequence))
            {
                taken.token = transition.id;
            }
        }
        Ok(())
    }

    /// The instants to come at which something changes: jobs fall due, leases end, events are not recent any more.
    pub(crate) fn turning_points(&self, now: Timestamp) -> Vec<Timestamp> {
        let due = self.jobs.iter().map(StoredJob::place);
        let ends = self.calls.iter().map(|call| call.lease_end);
        let ages =
            self.events.iter().filter_map(|event| event.ingested_at).map(|at| at + purge::SPARED);
        let mut points: Vec<Timestamp> =
            due.chain(ends).chain(ages).filter(|instant| *instant > now).collect();
        points.sort_unstable();
        points.dedup();
        points
    }

    /// Everything, as the suite reads it from a store.
    pub(crate) fn contents(&self) -> Contents {
        let mut events: Vec<Event> =
            self.events.iter().filter_map(|event| self.found_event(event.id)).collect();
        events.sort_by_key(|event| event.id);
        let mut jobs: Vec<Job> = self.jobs.iter().map(StoredJob::found).collect();
        jobs.sort_by_key(|job| job.id);
        let chain = |stored: &StoredJob| (stored.id(), stored.chain().cloned().collect());
        let chains: HashMap<JobId, Vec<Transition>> = self.jobs.iter().map(chain).collect();
        Contents { events, jobs, chains }
    }
}

/// An instant as a store keeps it: cut down to the microsecond.
fn cut(instant: Timestamp) -> Timestamp {
    instant - Duration::from_nanos(u64::from(instant.timestamp_subsec_nanos() % 1_000))
}
