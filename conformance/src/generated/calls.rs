//! Calls with everything in them, made of operations when their turn comes.

use std::time::Duration;

use blacksmith_store_core::{
    Change, ClaimRequest, Event, EventId, ExpireRequest, ExtendRequest, Job, JobId, Pause, PauseId,
    PurgeRequest, Status, Timestamp, Transition, TransitionId, Want, WhereEvents,
};

use crate::reference::Reference;

use super::{
    names::{
        ACTORS, NAMES, VERBS, VERSIONS, event_id, job_id, mixed, pause_id, second, transition_id,
        used,
    },
    operations::{NewChange, NewEvent, NewJob, NewPause, NewPurge, Operation, Size},
};

/// A call of the contract, or what happens beside it.
#[derive(Clone)]
pub(crate) enum Call {
    AddEvents(Vec<Event>),
    AddJobs(Vec<Job>),
    AddTransitions(Vec<Transition>),
    Apply(Vec<Change>),
    Claim(ClaimRequest),
    Extend(ExtendRequest),
    Expire(ExpireRequest),
    Pause(Pause),
    Resume(PauseId),
    Purge(PurgeRequest),
    Maintain,
    Wait(Duration),
    Find(WhereEvents),
    Look(EventId, JobId, TransitionId),
    Reopen,
}

/// Makes calls of operations.
pub(crate) struct Caller {
    pub(super) size: Size,
    /// What was called, to be sent again.
    sent: Vec<Call>,
    /// How many transition ids were made.
    made: usize,
    /// Pauses whose ids cannot be used again, for their end lies too far back.
    retired: Vec<PauseId>,
}

impl Caller {
    pub(crate) fn new(size: Size) -> Self {
        Self { size, sent: Vec::new(), made: 0, retired: Vec::new() }
    }

    /// The call that an operation means on a store like the reference.
    pub(crate) fn call(
        &mut self,
        operation: Operation,
        reference: &Reference,
        now: Timestamp,
    ) -> Call {
        let call = match operation {
            Operation::AddEvents(events) => {
                Call::AddEvents(events.into_iter().map(|event| self.event(event, now)).collect())
            }
            Operation::AddJobs(jobs) => {
                let jobs = jobs.into_iter().map(|job| self.lone_job(job, reference, now));
                Call::AddJobs(jobs.collect())
            }
            Operation::Crowd(count) => Call::AddEvents((0..count).map(bystander).collect()),
            Operation::AddTransitions(moves) => {
                Call::AddTransitions(self.transitions(moves, &mut Vec::new(), reference, now))
            }
            Operation::Apply(changes) => {
                let mut moved = Vec::new();
                let changes = changes.into_iter();
                Call::Apply(
                    changes.map(|new| self.change(new, &mut moved, reference, now)).collect(),
                )
            }
            Operation::Claim { actor, seconds, wants } => {
                let wants = wants.into_iter().map(|want| {
                    let destination = want.destination.map(|place| NAMES[place]);
                    match (destination, want.action) {
                        (None, _) => Want::any(want.limit),
                        (Some(name), None) => Want::destination(name, want.limit),
                        (Some(name), Some(verb)) => Want::action(name, VERBS[verb], want.limit),
                    }
                });
                Call::Claim(ClaimRequest::new(ACTORS[actor], Duration::from_secs(seconds), wants))
            }
            Operation::Extend { actor, seconds, tokens } => {
                let starts: Vec<TransitionId> = reference
                    .transitions()
                    .filter(|transition| transition.state_after == Status::Executing)
                    .map(|transition| transition.id)
                    .collect();
                // One that nobody was given is among them.
                let token = |number: usize| {
                    let place = number % (starts.len() + 1);
                    starts.get(place).copied().unwrap_or_else(|| transition_id(number % 7))
                };
                let tokens = tokens.into_iter().map(token);
                Call::Extend(ExtendRequest::new(
                    ACTORS[actor],
                    Duration::from_secs(seconds),
                    tokens,
                ))
            }
            Operation::Expire { limit } => Call::Expire(ExpireRequest::new("rescuer", limit)),
            Operation::Pause(new) => Call::Pause(self.pause(&new, reference, now)),
            Operation::Resume(number) => Call::Resume(self.pause_of(number, reference, now)),
            Operation::Purge(new) => Call::Purge(purge(new)),
            Operation::Maintain => Call::Maintain,
            Operation::Wait(duration) => Call::Wait(duration),
            Operation::WaitFor { place, almost } => {
                let instants = reference.turning_points(now);
                let until = instants.get(place % instants.len().max(1)).copied().unwrap_or(now);
                let wait = (until - now).to_std().unwrap_or_default();
                let beside = Duration::from_micros(u64::from(almost));
                Call::Wait(wait.saturating_sub(beside))
            }
            Operation::Again(number) if self.sent.is_empty() => {
                Call::Look(event_id(number), job_id(number), transition_id(number))
            }
            Operation::Again(number) => self.sent[number % self.sent.len()].clone(),
            Operation::Find(filter) => Call::Find(filter),
            Operation::Look { event, job, transition } => {
                let stored: Vec<TransitionId> =
                    reference.transitions().map(|transition| transition.id).collect();
                let place = transition % (stored.len() + 1);
                let id = stored.get(place).copied().unwrap_or_else(|| transition_id(0));
                Call::Look(event_id(event), job_id(job), id)
            }
            Operation::Reopen => Call::Reopen,
        };
        // A late copy of a pause may come after the store has forgotten its end.
        if !matches!(call, Call::Wait(_) | Call::Pause(_) | Call::Resume(_)) {
            self.sent.push(call.clone());
        }
        call
    }

    fn event(&mut self, new: NewEvent, now: Timestamp) -> Event {
        let number = new.number;
        let name = |salt, variant| mixed(number, salt) + usize::from(new.variant == variant);
        let source = NAMES[name(1, 1) % used(&NAMES)];
        let trigger = VERBS[name(2, 2) % used(&VERBS)];
        let mut event = Event::new(event_id(number), source, trigger);
        event.version = version(name(3, 3));
        event.context = (name(4, 4) % 2 == 0).then(|| "context".into());
        event.data = (name(5, 5) % 2 == 0).then(|| "data".into());
        event.sent_at = (name(6, 6) % 2 == 0).then(|| second(-1));
        event.parent_event_id = (name(7, 7) % 2 == 0).then(|| event_id(number / 2));
        event.received_at = new.received.map(second);
        event.jobs = new
            .jobs
            .into_iter()
            .map(|mut job| {
                // Those of its own, unless the variant says that it is a stranger's.
                if job.variant != 8 {
                    job.number = self.home(number, job.number);
                }
                // Awaiting would be refused.
                let status = job.first.as_ref().and_then(|first| first.status);
                let status = status.filter(|status| *status != Status::Awaiting);
                self.job(job, status, now)
            })
            .collect();
        event
    }

    /// The number of one of the jobs that belong to an event.
    fn home(&self, event: usize, number: usize) -> usize {
        let jobs_each = (self.size.jobs / self.size.events).max(1);
        event * jobs_each + number % jobs_each
    }

    /// A job that names its event.
    fn lone_job(&mut self, mut new: NewJob, reference: &Reference, now: Timestamp) -> Job {
        let stored: Vec<usize> = (0..self.size.events)
            .filter(|number| reference.event(event_id(*number)).is_some())
            .collect();
        let jobs_each = (self.size.jobs / self.size.events).max(1);
        let mut event = new.number / jobs_each;
        if new.has_event && !stored.is_empty() {
            event = stored[event % stored.len()];
            new.number = self.home(event, new.number);
        }
        let status = new.first.as_ref().and_then(|first| first.status);
        let event = event_id(event + usize::from(new.variant == 8));
        self.job(new, status, now).with_event_id(event)
    }

    fn job(&mut self, new: NewJob, status: Option<Status>, now: Timestamp) -> Job {
        let number = new.number;
        let name = |salt, variant| mixed(number, salt) + usize::from(new.variant == variant);
        let destination = NAMES[name(11, 1) % used(&NAMES)];
        let action = VERBS[name(12, 2) % used(&VERBS)];
        let mut job = Job::new(job_id(number), destination, action);
        job.version = version(name(13, 3));
        job.context = (name(14, 4) % 2 == 0).then(|| "context".into());
        job.data = (name(15, 5) % 2 == 0).then(|| "".into());
        job.parent_job_id = (name(16, 6) % 2 == 0).then(|| job_id(number + 1));
        job.created_at = new.created.map(second);
        job.transition = new.first.map(|first| {
            // Most have an id of their own; some take one that may be another job's.
            let id = if first.number < 30 { transition_id(first.number) } else { self.fresh_id() };
            let transition = Transition::first(id, status.unwrap_or(Status::Acknowledged));
            match first.wait {
                None => transition,
                Some(wait) => transition.with_run_at(from(now, wait)),
            }
        });
        job
    }

    pub(super) fn fresh_id(&mut self) -> TransitionId {
        self.made += 1;
        transition_id(1_000 + self.made)
    }

    fn change(
        &mut self,
        new: NewChange,
        in_call: &mut Vec<JobId>,
        reference: &Reference,
        now: Timestamp,
    ) -> Change {
        let mut change = Change::default();
        change.transitions = self.transitions(new.moves, in_call, reference, now);
        change.events = new.events.into_iter().map(|event| self.event(event, now)).collect();
        change.jobs = new.jobs.into_iter().map(|job| self.lone_job(job, reference, now)).collect();
        change
    }

    /// The id of a pause by its number: the same one until the store may have forgotten its end.
    fn pause_of(&mut self, number: usize, reference: &Reference, now: Timestamp) -> PauseId {
        let mut generations = (0..).map(|generation| pause_id(number + 100 * generation));
        loop {
            let id = generations.next().expect("numbers do not run out");
            if reference.may_be_forgotten(id, now) && !self.retired.contains(&id) {
                self.retired.push(id);
            }
            if !self.retired.contains(&id) {
                return id;
            }
        }
    }

    fn pause(&mut self, new: &NewPause, reference: &Reference, now: Timestamp) -> Pause {
        let id = self.pause_of(new.number, reference, now);
        let mut pause = Pause::new(id, NAMES[new.destination], "operator");
        pause.action = new.action.map(|action| VERBS[action].to_owned());
        pause.reason = new.reason.then(|| "a reason".to_owned());
        pause
    }
}

/// An event of nobody's names.
fn bystander(number: usize) -> Event {
    let (name, verb) = (NAMES[used(&NAMES)], VERBS[used(&VERBS)]);
    let version = VERSIONS[used(&VERSIONS)];
    let number = 1_000 + 2 * number;
    let job = |number| Job::new(job_id(number), name, verb).with_version(version);
    Event::new(event_id(number), name, verb)
        .with_version(version)
        .with_job(job(number))
        .with_job(job(number + 1))
}

fn version(number: usize) -> Option<String> {
    match number % (used(&VERSIONS) + 1) {
        0 => None,
        place => Some(VERSIONS[place - 1].to_owned()),
    }
}

pub(super) fn from(now: Timestamp, seconds: i64) -> Timestamp {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { now - distance } else { now + distance }
}

fn purge(new: NewPurge) -> PurgeRequest {
    let mut request = PurgeRequest::new(new.filter);
    request.all = new.all;
    request.include_unfinished = new.unfinished;
    request.include_recent = new.recent;
    request.older_than = new.older_than;
    request.max_events = new.max_events;
    request
}
