//! What is stored, and the four ways in which it changes: an event or a job comes, a transition follows, an event goes.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use blacksmith_store_core::{Event, EventId, Job, JobId, Queue, Status, Transition, TransitionId};

use crate::{leases::Claims, pausing::Pauses, queues::Queues};

/// Everything a store holds. Whatever happens to a job passes through the methods below, which keep the indexes true.
#[derive(Default)]
pub(crate) struct State {
    /// Events with the ids of their jobs.
    pub(crate) events: BTreeMap<EventId, StoredEvent>,
    /// Jobs with their transitions; boxed, so that the map moves pointers instead of rows of half a kilobyte.
    pub(crate) jobs: BTreeMap<JobId, Box<StoredJob>>,
    /// Index: where each transition stands in which job's chain.
    pub(crate) transitions: BTreeMap<TransitionId, (JobId, usize)>,
    /// Index: jobs by destination, action and status, and the order in which they are due.
    pub(crate) queues: Queues,
    /// The claim calls of which something is still executing.
    pub(crate) claims: Claims,
    pub(crate) pauses: Pauses,
}

/// An event, and which jobs it has.
pub(crate) struct StoredEvent {
    /// The event, without its jobs.
    pub(crate) event: Arc<Event>,
    pub(crate) jobs: BTreeSet<JobId>,
}

/// A job with its event and its history.
pub(crate) struct StoredJob {
    /// Its event, without jobs.
    pub(crate) event: Arc<Event>,
    /// The job, with its latest transition.
    pub(crate) job: Job,
    /// The transitions before the latest one; each stands at its sequence.
    earlier: Vec<Transition>,
}

impl StoredJob {
    /// The latest transition.
    pub(crate) fn latest(&self) -> &Transition {
        self.job.transition.as_ref().expect("a stored job has a transition")
    }

    /// How many transitions it has.
    pub(crate) fn chain_len(&self) -> usize {
        self.earlier.len() + 1
    }

    /// The transition at `sequence`.
    pub(crate) fn transition(&self, sequence: usize) -> Option<&Transition> {
        self.chain().nth(sequence)
    }

    /// Every transition, the first one first.
    pub(crate) fn chain(&self) -> impl Iterator<Item = &Transition> {
        self.earlier.iter().chain(&self.job.transition)
    }
}

impl State {
    /// Stores an event that is not stored; its jobs come by [`insert_job`](Self::insert_job).
    pub(crate) fn insert_event(&mut self, event: Event) {
        let stored = StoredEvent { event: Arc::new(event), jobs: BTreeSet::new() };
        self.events.insert(stored.event.id, stored);
    }

    /// Stores a job that is not stored, of an event that is, with its first transition.
    pub(crate) fn insert_job(&mut self, job: Job) {
        let event = job.event_id.expect("core fills in a job's event");
        let siblings = self.events.get_mut(&event).expect("the plan has found its event");
        siblings.jobs.insert(job.id);
        let event = Arc::clone(&siblings.event);
        let first = job.transition.as_ref().expect("core fills in a first transition");
        self.transitions.insert(first.id, (job.id, 0));
        let stored = Box::new(StoredJob { event, job, earlier: Vec::new() });
        self.queues.enter(&stored.job, stored.latest());
        self.jobs.insert(stored.job.id, stored);
    }

    /// Appends a transition that fits its job's chain.
    pub(crate) fn append(&mut self, transition: Transition) {
        let id = transition.job_id.expect("core refuses a transition without its job");
        let stored = self.jobs.get_mut(&id).expect("the plan has found its job");
        let previous = stored.job.transition.take().expect("a stored job has a transition");

        self.queues.leave(&stored.job, &previous);
        self.queues.enter(&stored.job, &transition);
        if previous.state_after == Status::Executing {
            self.claims.end(previous.id);
        }
        if stored.earlier.is_empty() {
            // Most jobs succeed in their first run, and have two transitions before that one.
            stored.earlier.reserve_exact(2);
        }
        stored.earlier.push(previous);
        self.transitions.insert(transition.id, (id, stored.earlier.len()));
        stored.job.transition = Some(transition);
    }

    /// Deletes an event with its jobs and transitions; answers how many of these there were. None of them is executing.
    pub(crate) fn remove_event(&mut self, event: EventId) -> (u64, u64) {
        let StoredEvent { jobs, .. } = self.events.remove(&event).expect("the event was found");
        let mut transitions = 0;
        for id in &jobs {
            let stored = self.jobs.remove(id).expect("an event's jobs are stored");
            for transition in stored.chain() {
                self.transitions.remove(&transition.id);
            }
            self.queues.leave(&stored.job, stored.latest());
            self.queues.sweep(&stored.job);
            transitions += stored.chain_len() as u64;
        }
        (jobs.len() as u64, transitions)
    }

    /// Grows whenever there may be more to claim: a job began to wait, or a pause ended.
    pub(crate) fn arrivals(&self) -> u64 {
        self.queues.arrivals() + self.pauses.ends()
    }

    /// An event's jobs in ascending id.
    pub(crate) fn jobs_of<'a>(
        &'a self,
        event: &'a StoredEvent,
    ) -> impl Iterator<Item = &'a StoredJob> + Clone {
        event.jobs.iter().map(|job| &*self.jobs[job])
    }

    /// The transition of this id, with its job.
    pub(crate) fn transition(&self, id: TransitionId) -> Option<(&StoredJob, &Transition)> {
        let (job, sequence) = self.transitions.get(&id)?;
        let stored = self.jobs.get(job)?;
        Some((stored, stored.transition(*sequence)?))
    }

    /// Jobs under their events, in the order given; each event stands where its first job does.
    pub(crate) fn queue_of(&self, jobs: impl IntoIterator<Item = JobId>) -> Queue {
        let mut events: Vec<Event> = Vec::new();
        let mut places = HashMap::new();
        for id in jobs {
            let StoredJob { event, job, .. } = &*self.jobs[&id];
            let place = *places.entry(event.id).or_insert_with(|| {
                events.push(Event::clone(event));
                events.len() - 1
            });
            events[place].jobs.push(job.clone());
        }
        Queue::new(events)
    }
}
