//! Claimed jobs: waiting for their run, in it, and reported.

use std::{collections::HashMap, sync::Arc};

use blacksmith_store_core::{Event, Job, JobId, Queue, Status, TransitionId};
use bytes::Bytes;

use crate::Then;

/// A job that this scheduler has claimed.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    /// Its event, without jobs.
    pub(crate) event: Arc<Event>,
    pub(crate) job: Job,
    /// The claim's token.
    pub(crate) token: TransitionId,
}

impl Held {
    /// The jobs of a claim's answer. One without its `executing` transition would be a fault of the adapter, and is left out.
    pub(crate) fn of(queue: Queue) -> impl Iterator<Item = Self> {
        queue.events.into_iter().flat_map(|mut event| {
            let jobs = std::mem::take(&mut event.jobs);
            let event = Arc::new(event);
            jobs.into_iter().filter_map(move |job| {
                let token = job.transition.as_ref()?.id;
                Some(Self { event: Arc::clone(&event), job, token })
            })
        })
    }

    /// Which run of the job this claim is for, counted from 1.
    pub(crate) fn attempt(&self) -> u32 {
        self.job.transition.as_ref().map_or(1, |executing| executing.attempt)
    }

    /// Whether it was given up before: it may be what killed its process.
    pub(crate) fn is_suspect(&self) -> bool {
        let before = self.job.transition.as_ref().and_then(|executing| executing.state_before);
        before == Some(Status::Unknown)
    }

    /// What is kept of it while it runs; the payloads go to the action.
    pub(crate) fn kept(&self) -> Running {
        let mut job = self.job.clone();
        job.context = None;
        job.data = None;
        Running { context: self.event.context.clone(), job, token: self.token }
    }
}

/// What is kept of a job while it runs, and until its outcome is stored.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    /// The job without its payloads.
    pub(crate) job: Job,
    /// Its event's context, which child jobs get.
    pub(crate) context: Option<Bytes>,
    pub(crate) token: TransitionId,
}

/// The jobs of a run that were not reported yet, in the order in which they were due.
#[derive(Debug, Default)]
pub(crate) struct Unreported {
    jobs: Vec<Option<Running>>,
    places: HashMap<JobId, usize>,
}

impl Unreported {
    /// What an action gets, and what is kept of it. Jobs without a version get `version`.
    pub(crate) fn split(held: Vec<Held>, version: Option<&str>) -> (Self, Queue) {
        let jobs: Vec<_> = held.iter().map(|held| Some(held.kept())).collect();
        let places = held.iter().enumerate().map(|(place, held)| (held.job.id, place)).collect();

        let mut events: Vec<Event> = Vec::new();
        for Held { event, mut job, .. } in held {
            if job.version.is_none() {
                job.version = version.map(str::to_owned);
            }
            match events.last_mut() {
                Some(last) if last.id == event.id => last.jobs.push(job),
                _ => {
                    events.push(Arc::unwrap_or_clone(event).with_job(job));
                }
            }
        }
        (Self { jobs, places }, Queue::new(events))
    }

    /// Takes out the jobs that a report is about. What it names beyond them was reported before, or is of another queue.
    pub(crate) fn take(&mut self, then: &Then) -> Vec<Running> {
        if then.jobs.is_empty() {
            return self.take_all();
        }
        let mut taken = Vec::with_capacity(then.jobs.len());
        for id in &then.jobs {
            match self.places.get(id).and_then(|place| self.jobs[*place].take()) {
                Some(job) => taken.push(job),
                None => {
                    tracing::warn!(job = %id, "a report about this job came too late, or twice");
                }
            }
        }
        taken
    }

    /// Takes out all that are left.
    pub(crate) fn take_all(&mut self) -> Vec<Running> {
        self.jobs.iter_mut().filter_map(Option::take).collect()
    }

    /// Drops those whose claims are such; answers these claims.
    pub(crate) fn drop_those(
        &mut self,
        is_such: impl Fn(&TransitionId) -> bool,
    ) -> Vec<TransitionId> {
        let mut dropped = Vec::new();
        for place in &mut self.jobs {
            if let Some(job) = place.take_if(|job| is_such(&job.token)) {
                dropped.push(job.token);
            }
        }
        dropped
    }

    /// Those that are left.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Running> {
        self.jobs.iter().flatten()
    }
}
