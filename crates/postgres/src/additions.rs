//! Events and jobs that are not stored, on their way into the tables.

use std::collections::BTreeMap;

use blacksmith_store_core::{Event, Job, Status, Timestamp};

use crate::{
    connection::{Parameter, Session},
    error::Outcome,
    queues::QueueNumber,
    row::{lane, number},
    statement::Statement,
};

/// What is added in one statement.
#[derive(Default)]
pub(crate) struct Additions<'a> {
    pub(crate) events: Vec<&'a Event>,
    pub(crate) jobs: Vec<(&'a Job, QueueNumber)>,
}

impl Additions<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.jobs.is_empty()
    }

    /// Runs the statement. What is stored already is a unique violation, and then nothing is added.
    pub(crate) async fn insert(mut self, session: &Session<'_>, now: Timestamp) -> Outcome<()> {
        self.events.sort_unstable_by_key(|event| event.id);
        self.jobs.sort_unstable_by_key(|(job, _)| job.id);
        let events = EventColumns::of(&self.events);
        let jobs = JobColumns::of(&self.jobs);
        let tally = Tally::of(&self.jobs);
        let (lowest, highest) = (jobs.first_id.iter().min(), jobs.first_id.iter().max());
        let parameters: [Parameter<'_>; 30] = [
            &events.lane,
            &events.id,
            &events.source,
            &events.trigger,
            &events.version,
            &events.context,
            &events.data,
            &events.sent_at,
            &events.received_at,
            &events.parent,
            &jobs.lane,
            &jobs.id,
            &jobs.event_id,
            &jobs.queue,
            &jobs.version,
            &jobs.context,
            &jobs.data,
            &jobs.created_at,
            &jobs.parent,
            &jobs.first_id,
            &jobs.state,
            &jobs.run_at,
            &jobs.actor,
            &jobs.error,
            &tally.queue,
            &tally.status,
            &tally.n,
            &now,
            &lowest,
            &highest,
        ];
        session.execute(Statement::INSERT, &parameters).await.map(drop)
    }
}

#[derive(Default)]
struct EventColumns<'a> {
    lane: Vec<i16>,
    id: Vec<&'a [u8]>,
    source: Vec<&'a str>,
    trigger: Vec<&'a str>,
    version: Vec<Option<&'a str>>,
    context: Vec<Option<&'a [u8]>>,
    data: Vec<Option<&'a [u8]>>,
    sent_at: Vec<Option<Timestamp>>,
    received_at: Vec<Option<Timestamp>>,
    parent: Vec<Option<&'a [u8]>>,
}

impl<'a> EventColumns<'a> {
    fn of(events: &[&'a Event]) -> Self {
        let mut columns = Self::default();
        for event in events {
            columns.lane.push(lane(event.id));
            columns.id.push(event.id.as_bytes());
            columns.source.push(&event.source);
            columns.trigger.push(&event.trigger);
            columns.version.push(event.version.as_deref());
            columns.context.push(event.context.as_deref());
            columns.data.push(event.data.as_deref());
            columns.sent_at.push(event.sent_at);
            columns.received_at.push(event.received_at);
            columns.parent.push(event.parent_event_id.as_ref().map(|id| &id.as_bytes()[..]));
        }
        columns
    }
}

#[derive(Default)]
struct JobColumns<'a> {
    lane: Vec<i16>,
    id: Vec<&'a [u8]>,
    event_id: Vec<&'a [u8]>,
    queue: Vec<QueueNumber>,
    version: Vec<Option<&'a str>>,
    context: Vec<Option<&'a [u8]>>,
    data: Vec<Option<&'a [u8]>>,
    created_at: Vec<Option<Timestamp>>,
    parent: Vec<Option<&'a [u8]>>,
    first_id: Vec<&'a [u8]>,
    state: Vec<i16>,
    run_at: Vec<Option<Timestamp>>,
    actor: Vec<Option<&'a str>>,
    error: Vec<Option<&'a str>>,
}

impl<'a> JobColumns<'a> {
    fn of(jobs: &[(&'a Job, QueueNumber)]) -> Self {
        let mut columns = Self::default();
        for (job, queue) in jobs {
            let event = job.event_id.as_ref().expect("core fills in a job's event");
            let first = job.transition.as_ref().expect("core fills in a first transition");
            columns.lane.push(lane(*event));
            columns.id.push(job.id.as_bytes());
            columns.event_id.push(event.as_bytes());
            columns.queue.push(*queue);
            columns.version.push(job.version.as_deref());
            columns.context.push(job.context.as_deref());
            columns.data.push(job.data.as_deref());
            columns.created_at.push(job.created_at);
            columns.parent.push(job.parent_job_id.as_ref().map(|id| &id.as_bytes()[..]));
            columns.first_id.push(first.id.as_bytes());
            columns.state.push(number(first.state_after));
            columns.run_at.push(first.run_at);
            columns.actor.push(first.actor.as_deref());
            columns.error.push(first.error.as_ref().map(blacksmith_store_core::JobError::as_json));
        }
        columns
    }
}

/// How many jobs come to which queue in which state.
#[derive(Default)]
struct Tally {
    queue: Vec<QueueNumber>,
    status: Vec<i16>,
    n: Vec<i64>,
}

impl Tally {
    fn of(jobs: &[(&Job, QueueNumber)]) -> Self {
        let mut counts: BTreeMap<(QueueNumber, i16), i64> = BTreeMap::new();
        for (job, queue) in jobs {
            let status = job.status().unwrap_or(Status::Acknowledged);
            *counts.entry((*queue, number(status))).or_default() += 1;
        }
        let mut tally = Self::default();
        for ((queue, status), n) in counts {
            tally.queue.push(queue);
            tally.status.push(status);
            tally.n.push(n);
        }
        tally
    }
}
