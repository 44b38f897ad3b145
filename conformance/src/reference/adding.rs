//! `add_events` and `add_jobs`: idempotent by id, all or nothing.

use blacksmith_store_core::{Added, ErrorKind, Event, EventId, Job, Status, Timestamp, Transition};

use super::{Answer, NAMELESS, Reference, Refused, StoredJob, cut};

/// What a call wants to be added, completed, each id once.
#[derive(Default)]
pub(super) struct Additions {
    /// Without their jobs.
    pub(super) events: Vec<Event>,
    pub(super) jobs: Vec<Job>,
    known: Added,
    /// Reasons to refuse the call that have nothing to do with what is stored.
    pub(super) wrong: Vec<ErrorKind>,
}

fn same_event(one: &Event, other: &Event) -> bool {
    one.source == other.source
        && one.trigger == other.trigger
        && one.version == other.version
        && one.context == other.context
        && one.data == other.data
        && one.sent_at == other.sent_at
        && one.parent_event_id == other.parent_event_id
}

fn same_job(one: &Job, other: &Job) -> bool {
    one.event_id == other.event_id
        && one.destination == other.destination
        && one.action == other.action
        && one.version == other.version
        && one.context == other.context
        && one.data == other.data
        && one.parent_job_id == other.parent_job_id
}

impl Additions {
    pub(super) fn of(events: Vec<Event>, jobs: Vec<Job>, states_of_jobs: [Status; 2]) -> Self {
        let mut additions = Self::default();
        for event in events {
            additions.event(event);
        }
        for job in jobs {
            match job.event_id {
                None => additions.wrong.push(ErrorKind::InvalidInput),
                Some(event) => additions.job(job, event, &states_of_jobs),
            }
        }
        additions
    }

    fn event(&mut self, mut event: Event) {
        let jobs = std::mem::take(&mut event.jobs);
        let id = event.id;
        event.version = event.version.filter(|version| !version.is_empty());
        event.sent_at = event.sent_at.map(cut);
        event.received_at = event.received_at.map(cut);
        match self.events.iter().find(|other| other.id == id) {
            None => self.events.push(event),
            Some(first) if same_event(first, &event) => self.known.events_known += 1,
            Some(_) => self.wrong.push(ErrorKind::Conflict),
        }
        for job in jobs {
            self.job(job, id, &[Status::Acknowledged]);
        }
    }

    /// A job of this event, whose first transition may be in one of these states, by default in the first of them.
    fn job(&mut self, mut job: Job, event: EventId, states: &[Status]) {
        let mut first =
            job.transition.take().unwrap_or_else(|| Transition::first(NAMELESS, states[0]));
        let fits = job.event_id.is_none_or(|named| named == event)
            && first.state_before.is_none()
            && first.attempt == 0
            && first.sequence.is_none_or(|sequence| sequence == 0)
            && states.contains(&first.state_after)
            && first.job_id.is_none_or(|named| named == job.id)
            && first.event_id.is_none_or(|named| named == event);
        if !fits {
            self.wrong.push(ErrorKind::InvalidInput);
            return;
        }
        first.sequence = Some(0);
        first.job_id = Some(job.id);
        first.event_id = Some(event);
        first.run_at = first.run_at.map(cut);
        job.event_id = Some(event);
        job.version = job.version.filter(|version| !version.is_empty());
        job.created_at = job.created_at.map(cut);
        match self.jobs.iter().find(|other| other.id == job.id) {
            None => {
                if self.names(&first) {
                    self.wrong.push(ErrorKind::Conflict);
                }
                self.jobs.push(job.with_transition(first));
            }
            Some(known) if same_job(known, &job) => self.known.jobs_known += 1,
            Some(_) => self.wrong.push(ErrorKind::Conflict),
        }
    }

    /// Whether another job of the call begins with a transition of this id.
    fn names(&self, first: &Transition) -> bool {
        let others = self.jobs.iter().filter_map(|job| job.transition.as_ref());
        first.id != NAMELESS && others.into_iter().any(|other| other.id == first.id)
    }
}

/// What is stored already, and what speaks against the rest.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) known: Added,
    pub(super) absent_events: Vec<EventId>,
    pub(super) conflicts: Vec<String>,
}

impl Reference {
    pub(crate) fn add_events(&mut self, events: Vec<Event>, now: Timestamp) -> Answer<Added> {
        self.add(Additions::of(events, Vec::new(), [Status::Acknowledged; 2]), now)
    }

    pub(crate) fn add_jobs(&mut self, jobs: Vec<Job>, now: Timestamp) -> Answer<Added> {
        let states = [Status::Acknowledged, Status::Awaiting];
        self.add(Additions::of(Vec::new(), jobs, states), now)
    }

    fn add(&mut self, additions: Additions, now: Timestamp) -> Answer<Added> {
        if !additions.wrong.is_empty() {
            return Err(Refused { kinds: additions.wrong, names: None });
        }
        let findings = self.look(&additions);
        if !findings.absent_events.is_empty() {
            return Err(Refused::naming(ErrorKind::NotFound, findings.absent_events));
        }
        if !findings.conflicts.is_empty() {
            return Err(Refused::naming(ErrorKind::Conflict, findings.conflicts));
        }
        let mut added = additions.known;
        added.events_known += findings.known.events_known;
        added.jobs_known += findings.known.jobs_known;
        (added.events, added.jobs) = self.insert(additions, now);
        Ok(added)
    }

    /// Holds additions against what is stored.
    pub(super) fn look(&self, additions: &Additions) -> Findings {
        let mut findings = Findings::default();
        for event in &additions.events {
            match self.event(event.id) {
                None => {}
                Some(stored) if same_event(stored, event) => findings.known.events_known += 1,
                Some(_) => findings.conflicts.push(event.id.to_string()),
            }
        }
        for job in &additions.jobs {
            match self.job(job.id) {
                Some(stored) if same_job(&stored.job, job) => findings.known.jobs_known += 1,
                Some(_) => findings.conflicts.push(job.id.to_string()),
                None => {
                    let event = job.event_id.expect("an addition names its event");
                    let is_added = additions.events.iter().any(|added| added.id == event);
                    if !is_added && self.event(event).is_none() {
                        findings.absent_events.push(event);
                    }
                    let first = job.transition.as_ref().filter(|first| first.id != NAMELESS);
                    if let Some(stored) = first.and_then(|first| self.transition(first.id)) {
                        findings.conflicts.push(stored.id.to_string());
                    }
                }
            }
        }
        findings
    }

    /// Stores what is not stored of additions that stand; answers how many events and jobs that were.
    pub(super) fn insert(&mut self, additions: Additions, now: Timestamp) -> (u64, u64) {
        let (mut events, mut jobs) = (0, 0);
        for mut event in additions.events {
            if self.event(event.id).is_none() {
                event.received_at = event.received_at.or(Some(now));
                event.ingested_at = Some(now);
                self.events.push(event);
                events += 1;
            }
        }
        for mut job in additions.jobs {
            if self.job(job.id).is_none() {
                let mut first = job.transition.take().expect("an addition has its transition");
                first.created_at = Some(now);
                job.created_at = job.created_at.or(Some(now));
                self.jobs.push(StoredJob { job, chain: vec![first] });
                jobs += 1;
            }
        }
        (events, jobs)
    }
}
