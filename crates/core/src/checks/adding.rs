//! Events, jobs, transitions and changes on their way in.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt::{self, Display},
};

use crate::{
    Added, Appended, Change, ChangeOutcome, ErrorKind, Event, EventId, Job, JobId, Result, Status,
    StoreError, Timestamp, Toolkit, Transition, TransitionId,
    checks::Admitted,
    lifecycle,
    limits::{
        MAX_CALL_ENTRIES, MAX_CALL_PAYLOAD_BYTES, MAX_ERROR_BYTES, MAX_PAYLOAD_BYTES,
        check_instant, check_name,
    },
    time,
};

pub(crate) fn add_events(
    toolkit: &Toolkit,
    events: Vec<Event>,
) -> Result<Admitted<Vec<Event>, Added>> {
    if events.is_empty() {
        return Ok(Admitted::Answer(Added::default()));
    }
    let mut batch = Batch::new(toolkit);
    batch.events(events)?;
    Ok(batch.admit(|part| part.events))
}

pub(crate) fn add_jobs(toolkit: &Toolkit, jobs: Vec<Job>) -> Result<Admitted<Vec<Job>, Added>> {
    if jobs.is_empty() {
        return Ok(Admitted::Answer(Added::default()));
    }
    let mut batch = Batch::new(toolkit);
    batch.jobs(jobs, Status::Acknowledged)?;
    Ok(batch.admit(|part| part.jobs))
}

pub(crate) fn add_transitions(
    toolkit: &Toolkit,
    transitions: Vec<Transition>,
) -> Result<Admitted<Vec<Transition>, Appended>> {
    if transitions.is_empty() {
        return Ok(Admitted::Answer(Appended::default()));
    }
    let mut batch = Batch::new(toolkit);
    batch.transitions(transitions)?;
    Ok(Admitted::call(batch.part.transitions))
}

pub(crate) fn apply(
    toolkit: &Toolkit,
    changes: Vec<Change>,
) -> Result<Admitted<Vec<Change>, Vec<ChangeOutcome>>> {
    if changes.iter().all(|change| *change == Change::default()) {
        return Ok(Admitted::Answer(vec![ChangeOutcome::Known; changes.len()]));
    }
    let mut batch = Batch::new(toolkit);
    let mut admitted = Vec::with_capacity(changes.len());
    for (index, change) in changes.into_iter().enumerate() {
        batch.begin_change(index);
        batch.events(change.events)?;
        batch.jobs(change.jobs, Status::Awaiting)?;
        batch.transitions(change.transitions)?;
        admitted.push(std::mem::take(&mut batch.part));
    }
    Ok(Admitted::call(admitted))
}

/// Where a job of a batch stands, so that a second one of its id can be compared with it.
#[derive(Clone, Copy)]
enum JobPlace {
    InEvent(usize, usize),
    Alone(usize),
}

/// A call's entries, checked and completed one by one.
struct Batch<'a> {
    toolkit: &'a Toolkit,
    /// What the adapter gets; of `apply`, the present change.
    part: Change,
    /// Places within `part`.
    events: HashMap<EventId, usize>,
    jobs: HashMap<JobId, JobPlace>,
    /// Of the whole call: a transition id stands once, and a job has one transition.
    transition_ids: HashMap<TransitionId, JobId>,
    moved: HashMap<JobId, usize>,
    known: Added,
    entries: usize,
    payload_bytes: usize,
    change: usize,
}

impl<'a> Batch<'a> {
    fn new(toolkit: &'a Toolkit) -> Self {
        Self {
            toolkit,
            part: Change::default(),
            events: HashMap::new(),
            jobs: HashMap::new(),
            transition_ids: HashMap::new(),
            moved: HashMap::new(),
            known: Added::default(),
            entries: 0,
            payload_bytes: 0,
            change: 0,
        }
    }

    fn begin_change(&mut self, index: usize) {
        self.change = index;
        self.events.clear();
        self.jobs.clear();
    }

    /// What the adapter gets; what stood twice in the call is counted as known.
    fn admit<R>(self, take: impl FnOnce(Change) -> R) -> Admitted<R, Added> {
        let known = self.known;
        Admitted::Call(
            take(self.part),
            Box::new(move |added| Added {
                events_known: added.events_known + known.events_known,
                jobs_known: added.jobs_known + known.jobs_known,
                ..added
            }),
        )
    }

    fn count(&mut self, what: &dyn Display, payloads: [Option<&bytes::Bytes>; 2]) -> Result<()> {
        self.entries += 1;
        if self.entries > MAX_CALL_ENTRIES {
            return Err(StoreError::invalid_input(format!(
                "the call has more than {MAX_CALL_ENTRIES} events, jobs and transitions"
            )));
        }
        for (member, payload) in ["context", "data"].into_iter().zip(payloads) {
            let len = payload.map_or(0, bytes::Bytes::len);
            if len > MAX_PAYLOAD_BYTES {
                return Err(StoreError::invalid_input(format!(
                    "{member} of {what} has {len} bytes; the limit is {MAX_PAYLOAD_BYTES}"
                )));
            }
            self.payload_bytes += len;
        }
        if self.payload_bytes > MAX_CALL_PAYLOAD_BYTES {
            return Err(StoreError::invalid_input(format!(
                "the call has more than {MAX_CALL_PAYLOAD_BYTES} bytes of payload"
            )));
        }
        Ok(())
    }

    fn events(&mut self, events: Vec<Event>) -> Result<()> {
        for event in events {
            self.event(event)?;
        }
        Ok(())
    }

    fn event(&mut self, mut event: Event) -> Result<()> {
        let what = named("event", event.id);
        self.count(&what, [event.context.as_ref(), event.data.as_ref()])?;
        check_name(&format_args!("source of {what}"), &event.source)?;
        check_name(&format_args!("trigger of {what}"), &event.trigger)?;
        check_version(&what, &mut event.version)?;
        event.sent_at = set_instant(&what, "sent_at", event.sent_at)?;
        event.received_at = set_instant(&what, "received_at", event.received_at)?;
        event.ingested_at = None;

        let jobs = std::mem::take(&mut event.jobs);
        let id = event.id;
        let place = match self.events.entry(id) {
            Entry::Vacant(entry) => {
                entry.insert(self.part.events.len());
                self.part.events.push(event);
                self.part.events.len() - 1
            }
            Entry::Occupied(entry) if self.part.events[*entry.get()].same_content(&event) => {
                self.known.events_known += 1;
                *entry.get()
            }
            Entry::Occupied(_) => return Err(twice("events", id)),
        };
        for mut job in jobs {
            if job.event_id.is_some_and(|named| named != id) {
                return Err(StoreError::naming(
                    ErrorKind::InvalidInput,
                    &format!("inside {what} stands a job that names another event:"),
                    [job.id],
                ));
            }
            job.event_id = Some(id);
            let job = self.job(job, &[Status::Acknowledged])?;
            let jobs = &self.part.events[place].jobs;
            let job_place = JobPlace::InEvent(place, jobs.len());
            if self.is_new(&job, job_place)? {
                self.part.events[place].jobs.push(job);
            }
        }
        Ok(())
    }

    fn jobs(&mut self, jobs: Vec<Job>, default: Status) -> Result<()> {
        let states = match default {
            Status::Awaiting => [Status::Awaiting, Status::Acknowledged],
            _ => [Status::Acknowledged, Status::Awaiting],
        };
        for job in jobs {
            if job.event_id.is_none() {
                return Err(StoreError::naming(
                    ErrorKind::InvalidInput,
                    "no event is named by job",
                    [job.id],
                ));
            }
            let job = self.job(job, &states)?;
            if self.is_new(&job, JobPlace::Alone(self.part.jobs.len()))? {
                self.part.jobs.push(job);
            }
        }
        Ok(())
    }

    /// Whether no job of this id stands in the batch yet; one with the same content counts as known.
    fn is_new(&mut self, job: &Job, place: JobPlace) -> Result<bool> {
        match self.jobs.entry(job.id) {
            Entry::Vacant(entry) => {
                entry.insert(place);
            }
            Entry::Occupied(entry) => {
                let first = match *entry.get() {
                    JobPlace::InEvent(event, job) => &self.part.events[event].jobs[job],
                    JobPlace::Alone(job) => &self.part.jobs[job],
                };
                if !first.same_content(job) {
                    return Err(twice("jobs", job.id));
                }
                self.known.jobs_known += 1;
                return Ok(false);
            }
        }
        if let Some(first) = &job.transition
            && self.transition_ids.insert(first.id, job.id).is_some_and(|other| other != job.id)
        {
            return Err(twice("transitions", first.id));
        }
        Ok(true)
    }

    /// Checks a job and completes it: its first transition may have any of `states`, by default the first of them.
    fn job(&mut self, mut job: Job, states: &[Status]) -> Result<Job> {
        let what = named("job", job.id);
        self.count(&what, [job.context.as_ref(), job.data.as_ref()])?;
        check_name(&format_args!("destination of {what}"), &job.destination)?;
        check_name(&format_args!("action of {what}"), &job.action)?;
        check_version(&what, &mut job.version)?;
        job.created_at = set_instant(&what, "created_at", job.created_at)?;

        let mut first = match job.transition.take() {
            None => Transition::first(self.toolkit.transition_id(), states[0]),
            Some(first) => {
                self.count(&what, [None, None])?;
                first
            }
        };
        let refused = |why: &str| {
            Err(StoreError::naming(
                ErrorKind::InvalidInput,
                &format!("the first transition of {what} {why}:"),
                [first.id],
            ))
        };
        if first.state_before.is_some() {
            return refused("has a state before");
        }
        if first.attempt != 0 {
            return refused("has an attempt other than 0");
        }
        if first.sequence.is_some_and(|sequence| sequence != 0) {
            return refused("has a sequence other than 0");
        }
        if !states.contains(&first.state_after) {
            let allowed =
                states.iter().map(|status| status.as_str()).collect::<Vec<_>>().join(" or ");
            return refused(&format!("is {} instead of {allowed}", first.state_after));
        }
        if first.job_id.is_some_and(|named| named != job.id) {
            return refused("names another job");
        }
        if first.event_id.is_some_and(|named| Some(named) != job.event_id) {
            return refused("names another event");
        }
        complete(&mut first)?;
        first.sequence = Some(0);
        first.job_id = Some(job.id);
        first.event_id = job.event_id;
        job.transition = Some(first);
        Ok(job)
    }

    fn transitions(&mut self, transitions: Vec<Transition>) -> Result<()> {
        for mut transition in transitions {
            let id = transition.id;
            self.count(&named("transition", id), [None, None])?;
            complete(&mut transition)?;
            lifecycle::check_move(&transition)?;
            let Some(job) = transition.job_id else {
                return Err(StoreError::naming(
                    ErrorKind::InvalidInput,
                    "no job is named by transition",
                    [id],
                ));
            };
            match self.moved.entry(job) {
                Entry::Vacant(entry) => {
                    entry.insert(self.change);
                }
                Entry::Occupied(entry) => {
                    let repeated = *entry.get() == self.change
                        && self.part.transitions.iter().any(|first| {
                            first.same_content(&transition) && first.event_id == transition.event_id
                        });
                    if repeated {
                        continue;
                    }
                    return Err(StoreError::naming(
                        ErrorKind::InvalidInput,
                        "a call has at most one transition of a job, and there are two of",
                        [job],
                    ));
                }
            }
            if self.transition_ids.insert(id, job).is_some() {
                return Err(twice("transitions", id));
            }
            self.part.transitions.push(transition);
        }
        Ok(())
    }
}

/// Says what an error is about; in text only when there is one, for an id in base62 is dear.
fn named(kind: &'static str, id: impl Display) -> impl Display {
    fmt::from_fn(move |f| write!(f, "{kind} {id}"))
}

/// Two entries of one call have this id and differ.
fn twice(what: &str, id: impl Display) -> StoreError {
    StoreError::naming(
        ErrorKind::Conflict,
        &format!("the call holds two different {what} with the id"),
        [id],
    )
}

fn check_version(what: &dyn Display, version: &mut Option<String>) -> Result<()> {
    match version {
        Some(text) if text.is_empty() => *version = None,
        Some(text) => check_name(&format_args!("version of {what}"), text)?,
        None => {}
    }
    Ok(())
}

/// Cuts an instant that is set; Go's zero time is not.
fn set_instant(
    what: &dyn Display,
    member: &str,
    instant: Option<Timestamp>,
) -> Result<Option<Timestamp>> {
    match instant {
        Some(instant) if !time::is_never(instant) => {
            check_instant(&format_args!("{member} of {what}"), instant).map(Some)
        }
        _ => Ok(None),
    }
}

/// What every transition has in common.
fn complete(transition: &mut Transition) -> Result<()> {
    let what = named("transition", transition.id);
    transition.created_at = None;
    transition.run_at = set_instant(&what, "run_at", transition.run_at)?;
    match &transition.actor {
        Some(actor) if actor.is_empty() => transition.actor = None,
        Some(actor) => check_name(&format_args!("actor of {what}"), actor)?,
        None => {}
    }
    let len = transition.error.as_ref().map_or(0, |error| error.as_json().len());
    if len > MAX_ERROR_BYTES {
        return Err(StoreError::invalid_input(format!(
            "error of {what} has {len} bytes; the limit is {MAX_ERROR_BYTES}"
        )));
    }
    Ok(())
}
