//! The searches: which keys each of them looks at, and what it makes of those that match.

use std::collections::BTreeSet;

use blacksmith_store_core::{
    Carry, Entries, Event, EventId, ID_BYTES, Job, JobId, Page, Position, Toolkit, Transition,
    TransitionId, WhereEvents,
};

use crate::{
    choosing::{JobChoice, chooses_alone, jobs_in},
    error::Refusal,
    paging::{Candidates, select},
    state::{State, StoredEvent, StoredJob},
};

/// Related entries are looked at instead of all only if there are this many times fewer of them.
const WORTH_COLLECTING: usize = 8;

impl State {
    /// `find_event`.
    pub(crate) fn find_event(&self, id: EventId) -> Result<Event, Refusal> {
        let stored = self.events.get(&id).ok_or(Refusal::NoEvent(id))?;
        Ok(self.loaded_event(&WhereEvents::default(), stored))
    }

    /// `find_job`.
    pub(crate) fn find_job(&self, id: JobId) -> Result<Job, Refusal> {
        let stored = self.jobs.get(&id).ok_or(Refusal::NoJob(id))?;
        Ok(stored.job.clone())
    }

    /// `find_transition`.
    pub(crate) fn find_transition(&self, id: TransitionId) -> Result<Transition, Refusal> {
        let (_, transition) = self.transition(id).ok_or(Refusal::NoTransition(id))?;
        Ok(transition.clone())
    }

    /// `find_events`.
    pub(crate) fn find_events(
        &self,
        toolkit: &Toolkit,
        filter: &WhereEvents,
    ) -> Result<Page<Event>, Refusal> {
        let behind = behind_id(filter).map(EventId::from_bytes);
        let matches = |id: EventId| {
            let stored = &self.events[&id];
            let jobs = self.jobs_of(stored).map(|stored| &stored.job);
            filter.matches_event_with(&stored.event, jobs)
        };
        let found = select(toolkit, filter, behind, &self.events_for(filter), matches)?;
        let load = |id: &EventId| self.loaded_event(filter, &self.events[id]);
        let events = found.keys.iter().map(load).collect();
        let position = |event: &Event| Position::Id(*event.id.as_bytes());
        Ok(Page::assemble(filter, Entries::Events, events, found.counted, position))
    }

    /// `find_jobs`.
    pub(crate) fn find_jobs(
        &self,
        toolkit: &Toolkit,
        filter: &WhereEvents,
    ) -> Result<Page<Job>, Refusal> {
        let behind = behind_id(filter).map(JobId::from_bytes);
        let matches = |id: JobId| {
            let StoredJob { event, job, .. } = &*self.jobs[&id];
            filter.matches_job(event, job)
        };
        let found = select(toolkit, filter, behind, &self.jobs_for(filter), matches)?;
        let load = |id: &JobId| loaded_job(filter, &self.jobs[id].job);
        let jobs = found.keys.iter().map(load).collect();
        let position = |job: &Job| Position::Id(*job.id.as_bytes());
        Ok(Page::assemble(filter, Entries::Jobs, jobs, found.counted, position))
    }

    /// `find_transitions`: of one job by sequence, else by id.
    pub(crate) fn find_transitions(
        &self,
        toolkit: &Toolkit,
        filter: &WhereEvents,
    ) -> Result<Page<Transition>, Refusal> {
        match filter.job_id() {
            Some(job) => self.find_transitions_of(toolkit, filter, job),
            None => self.find_transitions_by_id(toolkit, filter),
        }
    }

    fn find_transitions_of(
        &self,
        toolkit: &Toolkit,
        filter: &WhereEvents,
        job: JobId,
    ) -> Result<Page<Transition>, Refusal> {
        let stored = self.jobs.get(&job).map(Box::as_ref);
        let transition = |sequence: u64| stored?.transition(usize::try_from(sequence).ok()?);
        let behind = filter.cursor.and_then(|cursor| match cursor.position() {
            Position::Sequence(sequence) => Some(sequence),
            Position::Id(_) => None,
        });
        let candidates = Candidates::among(0..stored.map_or(0, StoredJob::chain_len) as u64);
        let matches = |sequence| {
            stored.zip(transition(sequence)).is_some_and(|(StoredJob { event, job, .. }, found)| {
                filter.matches_transition(event, job, found)
            })
        };
        let found = select(toolkit, filter, behind, &candidates, matches)?;
        let transitions =
            found.keys.iter().filter_map(|sequence| transition(*sequence).cloned()).collect();
        let position = |found: &Transition| Position::Sequence(found.sequence.unwrap_or_default());
        Ok(Page::assemble(filter, Entries::Transitions, transitions, found.counted, position))
    }

    fn find_transitions_by_id(
        &self,
        toolkit: &Toolkit,
        filter: &WhereEvents,
    ) -> Result<Page<Transition>, Refusal> {
        let behind = behind_id(filter).map(TransitionId::from_bytes);
        let matches = |id: TransitionId| {
            self.transition(id).is_some_and(|(StoredJob { event, job, .. }, found)| {
                filter.matches_transition(event, job, found)
            })
        };
        let found = select(toolkit, filter, behind, &self.transitions_for(filter), matches)?;
        let load = |id: &TransitionId| Some(self.transition(*id)?.1.clone());
        let transitions = found.keys.iter().filter_map(load).collect();
        let position = |found: &Transition| Position::Id(*found.id.as_bytes());
        Ok(Page::assemble(filter, Entries::Transitions, transitions, found.counted, position))
    }

    /// The events that `find_events` looks at.
    fn events_for(&self, filter: &WhereEvents) -> Candidates<'_, EventId> {
        let of_job = |id| self.jobs.get(&id).map(|stored| stored.event.id);
        if let Some(event) = filter.event_id().or_else(|| of_job(filter.job_id()?)) {
            let stored = Some(event).filter(|event| self.events.contains_key(event));
            return Candidates::among(BTreeSet::from_iter(stored));
        }
        if filter.constrains_nothing() {
            let all_match = Some(self.events.len() as u64);
            return Candidates { keys: Box::new(&self.events), all_match };
        }
        // A job must meet the positive constraints, and none may have what the negative ones exclude.
        let chosen = JobChoice::of(filter);
        if chosen.is_positive() {
            let sets = chosen.sets(&self.queues);
            let jobs = || sets.iter().copied().flatten();
            if jobs_in(&sets) * WORTH_COLLECTING < self.events.len() {
                let events: BTreeSet<EventId> = jobs().map(|job| self.jobs[job].event.id).collect();
                return Candidates::among(events);
            }
        }
        Candidates::among(&self.events)
    }

    /// The jobs that `find_jobs` looks at.
    fn jobs_for(&self, filter: &WhereEvents) -> Candidates<'_, JobId> {
        if let Some(job) = filter.job_id() {
            let stored = Some(job).filter(|job| self.jobs.contains_key(job));
            return Candidates::among(BTreeSet::from_iter(stored));
        }
        if let Some(event) = filter.event_id() {
            let stored = self.events.get(&event);
            return Candidates::among(stored.map(|stored| stored.jobs.clone()).unwrap_or_default());
        }
        let chosen = JobChoice::of(filter);
        if chosen.is_any() {
            let all_match = filter.constrains_nothing().then_some(self.jobs.len() as u64);
            return Candidates { keys: Box::new(&self.jobs), all_match };
        }
        let sets = chosen.sets(&self.queues);
        let all_match = chooses_alone(filter).then_some(jobs_in(&sets) as u64);
        Candidates { keys: Box::new(sets), all_match }
    }

    /// The transitions that `find_transitions` looks at when they are not those of one job.
    fn transitions_for(&self, filter: &WhereEvents) -> Candidates<'_, TransitionId> {
        if let Some(event) = filter.event_id() {
            let stored = self.events.get(&event);
            let jobs = stored.into_iter().flat_map(|stored| self.jobs_of(stored));
            return Candidates::among(transition_ids_of(jobs));
        }
        if filter.constrains_nothing() {
            let all_match = Some(self.transitions.len() as u64);
            return Candidates { keys: Box::new(&self.transitions), all_match };
        }
        // Every transition counts here, so the state in which a job is now says nothing.
        let chosen = JobChoice::of(filter).in_any_state();
        if !chosen.is_any() {
            let sets = chosen.sets(&self.queues);
            let jobs = || sets.iter().copied().flatten();
            if jobs_in(&sets) * WORTH_COLLECTING < self.jobs.len() {
                let jobs = jobs().map(|job| &*self.jobs[job]);
                return Candidates::among(transition_ids_of(jobs));
            }
        }
        Candidates::among(&self.transitions)
    }

    /// An event with those of its jobs that the filter wants it to carry.
    fn loaded_event(&self, filter: &WhereEvents, stored: &StoredEvent) -> Event {
        let mut loaded = Event::clone(&stored.event);
        if filter.without_payloads {
            loaded.context = None;
            loaded.data = None;
        }
        let is_carried = |job: &&Job| match filter.carry {
            Carry::All => true,
            Carry::Matching => filter.carries_job(job),
            Carry::None => false,
        };
        let jobs = self.jobs_of(stored).map(|stored| &stored.job).filter(is_carried);
        loaded.jobs = jobs.map(|job| loaded_job(filter, job)).collect();
        loaded
    }
}

fn transition_ids_of<'a>(jobs: impl Iterator<Item = &'a StoredJob>) -> BTreeSet<TransitionId> {
    jobs.flat_map(StoredJob::chain).map(|transition| transition.id).collect()
}

fn loaded_job(filter: &WhereEvents, job: &Job) -> Job {
    let mut loaded = job.clone();
    if filter.without_payloads {
        loaded.context = None;
        loaded.data = None;
    }
    loaded
}

/// The id that the filter's cursor stands behind.
fn behind_id(filter: &WhereEvents) -> Option<[u8; ID_BYTES]> {
    match filter.cursor?.position() {
        Position::Id(id) => Some(id),
        Position::Sequence(_) => None,
    }
}
