//! Six events with eight jobs, each of them called by a label, so that answers can be written down.

use std::{collections::HashMap, fmt::Display, time::Duration};

use blacksmith_store_core::{Event, EventId, Job, JobId, Status, Timestamp, Want, WhereEvents};

use crate::{
    failure::{Failure, Outcome, expect_eq},
    world::{WORKER, World, with},
};

/// An event: label, source, trigger, version, jobs.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static [JobRow]);

/// A job: label, destination, action, version.
type JobRow = (&'static str, &'static str, &'static str, &'static str);

const EVENTS: &[Row] = &[
    (
        "a",
        "github",
        "push",
        "1",
        &[("a1", "crm", "upsert", "v1"), ("a2", "warehouse", "append", "")],
    ),
    ("b", "github", "issues", "", &[("b1", "crm", "upsert", "v2")]),
    ("c", "stripe", "push", "2", &[("c1", "crm", "delete", ""), ("c2", "crm", "upsert", "v1")]),
    ("d", "stripe", "invoice", "", &[]),
    ("e", "shopify", "push", "1", &[("e1", "erp", "append", "v1")]),
    (
        "f",
        "github",
        "push",
        "",
        &[("f1", "warehouse", "append", ""), ("f2", "warehouse", "upsert", "")],
    ),
];

/// What became of the jobs, one step a second: label and end of a run, or a cancellation of what was not claimed.
const STEPS: &[(&str, Status)] = &[
    ("a1", Status::Failed),
    ("a2", Status::Succeeded),
    ("b1", Status::Succeeded),
    ("c2", Status::Discarded),
    ("e1", Status::Failed),
    ("e1", Status::Failed),
    ("f2", Status::Unknown),
    ("f1", Status::Executing),
];

/// The stored population.
pub(super) struct Population<'a> {
    world: &'a World,
    events: HashMap<&'static str, Event>,
    jobs: HashMap<&'static str, Job>,
    event_labels: HashMap<EventId, &'static str>,
    job_labels: HashMap<JobId, &'static str>,
}

impl<'a> Population<'a> {
    /// Stores it: the events ingested a second apart, received in the opposite order, their jobs created in a third one.
    pub(super) async fn new(world: &'a World) -> Outcome<Self> {
        let mut events = HashMap::new();
        let mut jobs: HashMap<&'static str, Job> = HashMap::new();
        let start = world.now();
        for (place, (label, source, trigger, version, job_rows)) in (0..).zip(EVENTS) {
            let mut event = Event::new(world.toolkit.event_id(), *source, *trigger)
                .with_version(*version)
                .with_data(*label);
            event.received_at = Some(start - Duration::from_secs(100 + place));
            for (job_place, (label, destination, action, version)) in (0..).zip(*job_rows) {
                let job =
                    Job::new(world.toolkit.job_id(), *destination, *action).with_version(*version);
                let created =
                    start - Duration::from_hours(24) + Duration::from_secs(10 * place + job_place);
                event.jobs.push(with(job, |job| job.created_at = Some(created)));
                jobs.insert(label, event.jobs[event.jobs.len() - 1].clone());
            }
            world.store.add_events(vec![event.clone()]).await?;
            events.insert(*label, event);
            world.advance(Duration::from_secs(1));
        }
        for (label, end) in STEPS {
            let id = jobs[label].id;
            if *end == Status::Discarded {
                world.moved(&world.store.find_job(id).await?, *end).await?;
            } else {
                run(world, &jobs[label], *end).await?;
            }
            world.advance(Duration::from_secs(1));
        }
        for event in events.values_mut() {
            *event = world.store.find_event(event.id).await?;
        }
        for job in jobs.values_mut() {
            *job = world.store.find_job(job.id).await?;
        }
        let event_labels = events.iter().map(|(label, event)| (event.id, *label)).collect();
        let job_labels = jobs.iter().map(|(label, job)| (job.id, *label)).collect();
        Ok(Self { world, events, jobs, event_labels, job_labels })
    }

    /// The same among many other events before and behind it, which have other names, and jobs that wait untouched.
    pub(super) async fn among_others(world: &'a World) -> Outcome<Self> {
        store_others(world).await?;
        let population = Self::new(world).await?;
        store_others(world).await?;
        Ok(population)
    }

    pub(super) fn event_id(&self, label: &str) -> EventId {
        self.events[label].id
    }

    pub(super) fn job_id(&self, label: &str) -> JobId {
        self.jobs[label].id
    }

    pub(super) fn ingested(&self, label: &str) -> Timestamp {
        self.events[label].ingested_at.unwrap_or_default()
    }

    pub(super) fn received(&self, label: &str) -> Timestamp {
        self.events[label].received_at.unwrap_or_default()
    }

    pub(super) fn job_created(&self, label: &str) -> Timestamp {
        self.jobs[label].created_at.unwrap_or_default()
    }

    /// When the latest transition of a job was stored.
    pub(super) fn latest_created(&self, label: &str) -> Timestamp {
        let latest = self.jobs[label].transition.as_ref();
        latest.and_then(|latest| latest.created_at).unwrap_or_default()
    }

    /// What a filter without constraints on transitions finds; of transitions, all of the jobs that it finds.
    pub(super) async fn expect(
        &self,
        what: impl Display,
        filter: WhereEvents,
        events: &str,
        jobs: &str,
    ) -> Outcome {
        self.expect_entries(&what, filter.clone(), events, jobs).await?;
        let page = self.world.store.find_transitions(filter).await?;
        let mut expected: Vec<&str> = Vec::new();
        for label in jobs.split_whitespace() {
            let latest = self.jobs[label].transition.as_ref();
            let last = latest.and_then(|latest| latest.sequence).unwrap_or_default();
            expected.extend((0..=last).map(|_| label));
        }
        let mut found = Vec::new();
        for transition in &page.entries {
            found.push(self.job_label(transition.job_id)?);
        }
        found.sort_unstable();
        expected.sort_unstable();
        expect_eq(format!("{what}: the jobs of the transitions"), &found, &expected)?;
        expect_eq(format!("{what}: their count"), page.meta.count, count_of(&found))
    }

    /// The events and the jobs that a filter finds, newest first, and how many.
    pub(super) async fn expect_entries(
        &self,
        what: impl Display,
        filter: WhereEvents,
        events: &str,
        jobs: &str,
    ) -> Outcome {
        let page = self.world.store.find_events(filter.clone()).await?;
        let mut found = Vec::new();
        for event in &page.entries {
            let label = self.event_labels.get(&event.id);
            found.push(*label.ok_or_else(|| Failure::new(format!("{} is a stranger", event.id)))?);
        }
        expect_eq(format!("{what}: events"), &found, &descending(events))?;
        expect_eq(format!("{what}: their count"), page.meta.count, count_of(&found))?;

        let page = self.world.store.find_jobs(filter).await?;
        let mut found = Vec::new();
        for job in &page.entries {
            found.push(self.job_label(Some(job.id))?);
        }
        expect_eq(format!("{what}: jobs"), &found, &descending(jobs))?;
        expect_eq(format!("{what}: their count"), page.meta.count, count_of(&found))
    }

    /// The transitions that a filter finds, as job and sequence.
    pub(super) async fn expect_transitions(
        &self,
        what: impl Display,
        filter: WhereEvents,
        expected: &str,
    ) -> Outcome {
        let page = self.world.store.find_transitions(filter).await?;
        let mut found = Vec::new();
        for transition in &page.entries {
            let label = self.job_label(transition.job_id)?;
            found.push(format!("{label}/{}", transition.sequence.unwrap_or_default()));
        }
        expect_eq(format!("{what}: the count"), page.meta.count, count_of(&found))?;
        let mut expected: Vec<&str> = expected.split_whitespace().collect();
        found.sort_unstable();
        expected.sort_unstable();
        expect_eq(format!("{what}: transitions"), &found, &expected)
    }

    fn job_label(&self, id: Option<JobId>) -> Outcome<&'static str> {
        let label = id.and_then(|id| self.job_labels.get(&id));
        label.copied().ok_or_else(|| Failure::new(format!("the job {id:?} is a stranger")))
    }
}

/// A hundred events with two jobs each, of names that no filter here asks for.
async fn store_others(world: &World) -> Outcome {
    let name = "other";
    let events: Vec<Event> = (0..100)
        .map(|_| Event::new(world.toolkit.event_id(), name, name).with_version(name))
        .collect();
    let job = |event: &Event| {
        Job::new(world.toolkit.job_id(), name, name)
            .with_version(name)
            .with_event_id(event.id)
            .with_transition(world.first(Status::Awaiting))
    };
    let jobs = events.iter().flat_map(|event| [job(event), job(event)]).collect();
    world.store.add_events(events).await?;
    world.store.add_jobs(jobs).await?;
    Ok(())
}

/// Claims a job, the longest due of its destination and action, and ends the run.
async fn run(world: &World, job: &Job, end: Status) -> Outcome {
    let claimed = world.claim_as(WORKER, Want::action(&job.destination, &job.action, 1)).await?;
    expect_eq(
        "the job that is due longest",
        claimed.iter().map(|job| job.id).next(),
        Some(job.id),
    )?;
    if end != Status::Executing {
        world.moved(&claimed[0], end).await?;
    }
    Ok(())
}

/// Labels ascend with ids, and pages come newest first.
fn descending(labels: &str) -> Vec<&str> {
    let mut labels: Vec<&str> = labels.split_whitespace().collect();
    labels.reverse();
    labels
}

fn count_of<T>(found: &[T]) -> Option<u64> {
    u64::try_from(found.len()).ok()
}
