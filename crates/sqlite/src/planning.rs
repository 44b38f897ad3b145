//! What of a call is new, known or refused: the careful attempt, made before anything is written.

use std::collections::{BTreeSet, HashMap, HashSet};

use blacksmith_store_core::{
    ChainEnd, ChangeOutcome, ErrorKind, Event, EventId, Job, JobId, StoreError, Transition,
    TransitionId,
};
use rusqlite::Connection;

use crate::{
    appending::Standing,
    error::Failure,
    finding::{stored_event, stored_job, stored_transition},
};

/// What a call asks for, held against what is stored.
#[derive(Default)]
pub(crate) struct Plan<'a> {
    // What is new.
    pub(crate) events: Vec<&'a Event>,
    pub(crate) jobs: Vec<&'a Job>,
    pub(crate) transitions: Vec<&'a Transition>,
    /// What is stored already, with the same content.
    pub(crate) known: Known,
    // What cannot be stored.
    absent_events: BTreeSet<EventId>,
    absent_jobs: Vec<JobId>,
    other_content: Vec<String>,
    stale: Vec<TransitionId>,
}

#[derive(Default)]
pub(crate) struct Known {
    pub(crate) events: u64,
    pub(crate) jobs: u64,
    pub(crate) transitions: u64,
}

impl<'a> Plan<'a> {
    /// Holds events with their jobs, further jobs, and transitions of stored or added jobs against what is stored.
    pub(crate) fn make(
        connection: &Connection,
        events: &'a [Event],
        jobs: &'a [Job],
        transitions: &'a [Transition],
    ) -> Result<Self, Failure> {
        let mut plan = Self::default();
        let mut new_events = HashSet::new();
        for event in events {
            match stored_event(connection, event.id)? {
                Some((_, stored)) if stored.same_content(event) => plan.known.events += 1,
                Some(_) => plan.other_content.push(event.id.to_string()),
                None => {
                    new_events.insert(event.id);
                    plan.events.push(event);
                }
            }
        }
        for job in events.iter().flat_map(|event| &event.jobs).chain(jobs) {
            plan.add_job(connection, job, &new_events)?;
        }
        let first = |job: &&Job| Some((job.id, job.transition.as_ref()?.chain_end()));
        let new_jobs: HashMap<_, _> = plan.jobs.iter().filter_map(first).collect();
        for transition in transitions {
            plan.add_transition(connection, transition, &new_jobs)?;
        }
        Ok(plan)
    }

    fn add_job(
        &mut self,
        connection: &Connection,
        job: &'a Job,
        new_events: &HashSet<EventId>,
    ) -> Result<(), Failure> {
        match stored_job(connection, job.id)? {
            Some(stored) if stored.same_content(job) => {
                self.known.jobs += 1;
                return Ok(());
            }
            Some(_) => {
                self.other_content.push(job.id.to_string());
                return Ok(());
            }
            None => {}
        }
        if let Some(event) = job.event_id
            && !new_events.contains(&event)
            && stored_event(connection, event)?.is_none()
        {
            self.absent_events.insert(event);
        }
        if let Some(first) = &job.transition
            && stored_transition(connection, first.id)?.is_some()
        {
            self.other_content.push(first.id.to_string());
        }
        self.jobs.push(job);
        Ok(())
    }

    fn add_transition(
        &mut self,
        connection: &Connection,
        transition: &'a Transition,
        new_jobs: &HashMap<JobId, ChainEnd>,
    ) -> Result<(), Failure> {
        let job = transition.job_id.expect("core refuses a transition without its job");
        let stored_end = Standing::of(connection, job)?.map(|standing| standing.chain_end());
        let Some(end) = stored_end.or_else(|| new_jobs.get(&job).copied()) else {
            self.absent_jobs.push(job);
            return Ok(());
        };
        match stored_transition(connection, transition.id)? {
            Some(known) if known.same_content(transition) => self.known.transitions += 1,
            Some(_) => self.other_content.push(transition.id.to_string()),
            None if end.accepts(transition) => self.transitions.push(transition),
            None => self.stale.push(transition.id),
        }
        Ok(())
    }

    /// Why all of it is refused, if it is: what is absent weighs more than what contradicts.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let naming = StoreError::naming::<String>;
        let texts = |stale: &[TransitionId]| stale.iter().map(ToString::to_string).collect();
        let (kind, sentence, ids): (_, _, Vec<String>) = if !self.absent_events.is_empty() {
            let ids = self.absent_events.iter().map(ToString::to_string).collect();
            (ErrorKind::NotFound, "no event is stored with the id", ids)
        } else if !self.absent_jobs.is_empty() {
            let ids = self.absent_jobs.iter().map(ToString::to_string).collect();
            (ErrorKind::NotFound, "no job is stored with the id", ids)
        } else {
            match (self.other_content.is_empty(), self.stale.is_empty()) {
                (true, true) => return Ok(()),
                (false, true) => {
                    let ids = self.other_content.clone();
                    (ErrorKind::Conflict, "stored with other content is the id", ids)
                }
                (true, false) => (
                    ErrorKind::Conflict,
                    "stale, for it does not follow its job's latest transition, is",
                    texts(&self.stale),
                ),
                (false, false) => {
                    let ids = [self.other_content.clone(), texts(&self.stale)].concat();
                    (ErrorKind::Conflict, "stored with other content, or stale, is the id", ids)
                }
            }
        };
        Err(naming(kind, sentence, ids))
    }

    /// What becomes of a change with this plan, unless all of it is known.
    pub(crate) fn outcome(&self) -> ChangeOutcome {
        if !self.absent_events.is_empty() || !self.absent_jobs.is_empty() {
            ChangeOutcome::Gone
        } else if !self.other_content.is_empty() {
            ChangeOutcome::Conflict
        } else if !self.stale.is_empty() {
            ChangeOutcome::Stale
        } else {
            ChangeOutcome::Applied
        }
    }
}

/// Refuses transitions that name another event than that of their job, which is stored or among those `added`.
pub(crate) fn check_events(
    connection: &Connection,
    transitions: &[Transition],
    added: &HashMap<JobId, EventId>,
) -> Result<(), Failure> {
    let mut refused = Vec::new();
    for transition in transitions {
        let (Some(named), Some(job)) = (transition.event_id, transition.job_id) else { continue };
        let stored = Standing::of(connection, job)?.map(|standing| standing.event_id);
        if stored.or_else(|| added.get(&job).copied()).is_some_and(|event| event != named) {
            refused.push(transition.id);
        }
    }
    if refused.is_empty() {
        return Ok(());
    }
    let sentence = "another event than the job's is named by transition";
    Err(StoreError::naming(ErrorKind::InvalidInput, sentence, refused).into())
}
