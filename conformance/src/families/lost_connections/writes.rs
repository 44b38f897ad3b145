//! The writes that are cut.

use blacksmith_store_core::{
    Added, Change, ChangeOutcome, Event, EventId, ExpireRequest, Job, Pause, PauseId, PurgeRequest,
    Result, Status, Transition, WhereEvents,
};

use super::{
    claiming::take,
    line::Line,
    once::{Share, Write},
};
use crate::{
    failure::{Outcome, ensure},
    handle::Handle,
    world::{LEASE, WORKER, World, with},
};

/// Jobs that a call writes.
const JOBS: usize = 3;

/// What a call added, of so many events and jobs.
fn added(added: Added, events: u64, jobs: u64) -> Share {
    match (added.events, added.events_known, added.jobs, added.jobs_known) {
        counts if counts == (events, 0, jobs, 0) => Share::All,
        counts if counts == (0, events, 0, jobs) => Share::Nothing,
        _ => Share::Part,
    }
}

/// An event under a source of its own, with jobs.
fn event(world: &World, source: &str, jobs: usize) -> Event {
    let event = with(world.event(), |event| source.clone_into(&mut event.source));
    (0..jobs).fold(event, |event, _| event.with_job(world.job("crm")))
}

fn new_source(world: &World) -> String {
    format!("source-{}", world.toolkit.random())
}

/// The events of a source, seen at one moment.
async fn of_source(world: &World, source: &str) -> Outcome<Vec<Event>> {
    let filter = WhereEvents::default().with_sources_in([source]).with_limit(1_000);
    Ok(world.store.find_events(filter).await?.entries)
}

/// How many of an event's jobs are in this state, seen at one moment.
async fn jobs_in(world: &World, event: EventId, status: Status) -> Outcome<Share> {
    let jobs = world.store.find_event(event).await?.jobs;
    let count = jobs.iter().filter(|job| job.status() == Some(status)).count();
    Ok(Share::of(count, jobs.len()))
}

/// `add_events` of so many events, of two jobs each.
pub(super) struct Additions {
    pub(super) events: usize,
}

impl Write for Additions {
    type Request = Vec<Event>;

    async fn prepare(&self, line: &Line<'_>) -> Outcome<Vec<Event>> {
        let source = new_source(line.world);
        Ok((0..self.events).map(|_| event(line.world, &source, 2)).collect())
    }

    async fn send(&self, store: &Handle, events: Vec<Event>) -> Result<Share> {
        let count = events.len() as u64;
        Ok(added(store.add_events(events).await?, count, 2 * count))
    }

    async fn look(&self, world: &World, events: &Vec<Event>) -> Outcome<Share> {
        let there = of_source(world, &events[0].source).await?;
        ensure!(
            there.len() <= events.len() && there.iter().all(|event| event.jobs.len() == 2),
            "of {} events of 2 jobs there is: {there:?}",
            events.len()
        );
        Ok(Share::of(there.len(), events.len()))
    }
}

/// `add_jobs`.
pub(super) struct Jobs;

impl Write for Jobs {
    type Request = (EventId, Vec<Job>);

    async fn prepare(&self, line: &Line<'_>) -> Outcome<Self::Request> {
        let world = line.world;
        let event = world.event();
        let id = event.id;
        world.store.add_events(vec![event]).await?;
        Ok((id, (0..JOBS).map(|_| world.job("crm").with_event_id(id)).collect()))
    }

    async fn send(&self, store: &Handle, (_, jobs): Self::Request) -> Result<Share> {
        let count = jobs.len() as u64;
        Ok(added(store.add_jobs(jobs).await?, 0, count))
    }

    async fn look(&self, world: &World, (event, jobs): &Self::Request) -> Outcome<Share> {
        let there = world.store.find_event(*event).await?.jobs.len();
        Ok(Share::of(there, jobs.len()))
    }
}

/// Whose claims they are whose outcomes are sent.
pub(super) enum By {
    /// The handle remembers them, perhaps.
    TheCutHandle,
    Another,
}

/// `add_transitions` of outcomes.
pub(super) struct Outcomes(pub(super) By);

/// New jobs of one event.
async fn stored(world: &World) -> Outcome<(EventId, Vec<Job>)> {
    let event = event(world, "github", JOBS);
    let id = event.id;
    world.store.add_events(vec![event]).await?;
    Ok((id, world.store.find_event(id).await?.jobs))
}

async fn append(store: &Handle, transitions: Vec<Transition>) -> Result<Share> {
    let count = transitions.len() as u64;
    let appended = store.add_transitions(transitions).await?;
    Ok(match (appended.new, appended.known) {
        counts if counts == (count, 0) => Share::All,
        counts if counts == (0, count) => Share::Nothing,
        _ => Share::Part,
    })
}

impl Write for Outcomes {
    type Request = (EventId, Vec<Transition>);

    async fn prepare(&self, line: &Line<'_>) -> Outcome<Self::Request> {
        let world = line.world;
        let (event, _) = stored(world).await?;
        let jobs = match self.0 {
            By::TheCutHandle => take(line, &line.store, WORKER, "crm", JOBS, Vec::new()).await?,
            By::Another => world.claim("crm", JOBS).await?,
        };
        let outcomes = jobs.iter().map(|job| world.next(job, Status::Succeeded));
        Ok((event, outcomes.collect::<Outcome<_>>()?))
    }

    async fn send(&self, store: &Handle, (_, outcomes): Self::Request) -> Result<Share> {
        append(store, outcomes).await
    }

    async fn look(&self, world: &World, (event, _): &Self::Request) -> Outcome<Share> {
        jobs_in(world, *event, Status::Succeeded).await
    }
}

/// `add_transitions` of what an operator decides about new jobs.
pub(super) struct Moves {
    pub(super) from: Status,
    pub(super) to: Status,
}

impl Write for Moves {
    type Request = (EventId, Vec<Transition>);

    async fn prepare(&self, line: &Line<'_>) -> Outcome<Self::Request> {
        let world = line.world;
        let (event, jobs) = stored(world).await?;
        let mut transitions = Vec::new();
        for job in jobs {
            let job = match job.status() {
                Some(status) if status == self.from => job,
                _ => world.moved(&job, self.from).await?,
            };
            transitions.push(world.next(&job, self.to)?.with_actor("operator"));
        }
        Ok((event, transitions))
    }

    async fn send(&self, store: &Handle, (_, transitions): Self::Request) -> Result<Share> {
        append(store, transitions).await
    }

    async fn look(&self, world: &World, (event, _): &Self::Request) -> Outcome<Share> {
        jobs_in(world, *event, self.to).await
    }
}

/// `apply` of outcomes, each with an event as its follow-up.
pub(super) struct Applied;

impl Write for Applied {
    type Request = (EventId, Vec<Change>);

    async fn prepare(&self, line: &Line<'_>) -> Outcome<Self::Request> {
        let world = line.world;
        let (event, _) = stored(world).await?;
        let jobs = take(line, &line.store, WORKER, "crm", JOBS, Vec::new()).await?;
        let source = new_source(world);
        let changes = jobs.iter().map(|job| {
            let follow_up = self::event(world, &source, 0).with_job(world.job("follow-up"));
            Ok(Change::new(world.next(job, Status::Succeeded)?).with_event(follow_up))
        });
        Ok((event, changes.collect::<Outcome<_>>()?))
    }

    async fn send(&self, store: &Handle, (_, changes): Self::Request) -> Result<Share> {
        let outcomes = store.apply(changes).await?;
        let are = |wanted| outcomes.iter().all(|outcome| *outcome == wanted);
        Ok(match outcomes.len() {
            JOBS if are(ChangeOutcome::Applied) => Share::All,
            JOBS if are(ChangeOutcome::Known) => Share::Nothing,
            _ => Share::Part,
        })
    }

    /// What is seen first may be less than what is seen after it, and never more.
    async fn look(&self, world: &World, (event, changes): &Self::Request) -> Outcome<Share> {
        let source = &changes[0].events[0].source;
        let before = Share::of(of_source(world, source).await?.len(), JOBS);
        let outcomes = jobs_in(world, *event, Status::Succeeded).await?;
        let after = Share::of(of_source(world, source).await?.len(), JOBS);
        ensure!(
            outcomes == before || outcomes == after,
            "of outcomes {outcomes:?} is stored, and of their follow-ups {before:?}, then {after:?}"
        );
        Ok(outcomes)
    }
}

/// `expire_leases`.
pub(super) struct Expiries;

impl Write for Expiries {
    type Request = EventId;

    const PASSES_OVER: bool = true;

    async fn prepare(&self, line: &Line<'_>) -> Outcome<EventId> {
        let (event, _) = stored(line.world).await?;
        line.world.claim("crm", JOBS).await?;
        line.world.advance(LEASE);
        Ok(event)
    }

    async fn send(&self, store: &Handle, _: EventId) -> Result<Share> {
        let expired = store.expire_leases(ExpireRequest::new("sweeper", 10)).await?;
        Ok(Share::of(usize::try_from(expired).unwrap_or(usize::MAX), JOBS))
    }

    async fn look(&self, world: &World, event: &EventId) -> Outcome<Share> {
        jobs_in(world, *event, Status::Unknown).await
    }

    async fn put_away(&self, world: &World, event: &EventId) -> Outcome {
        for job in world.store.find_event(*event).await?.jobs {
            world.moved(&job, Status::Discarded).await?;
        }
        Ok(())
    }
}

/// Whether a pause lasts.
async fn lasts(world: &World, id: PauseId) -> Outcome<bool> {
    Ok(world.store.pauses().await?.iter().any(|pause| pause.id == id))
}

/// What a call did that answers whether it changed something.
fn share_of(has_changed: bool) -> Share {
    if has_changed { Share::All } else { Share::Nothing }
}

/// `pause`.
pub(super) struct Pauses;

impl Write for Pauses {
    type Request = Pause;

    async fn prepare(&self, line: &Line<'_>) -> Outcome<Pause> {
        Ok(Pause::new(line.world.toolkit.pause_id(), "crm", "operator"))
    }

    async fn send(&self, store: &Handle, pause: Pause) -> Result<Share> {
        Ok(share_of(store.pause(pause).await?))
    }

    async fn look(&self, world: &World, pause: &Pause) -> Outcome<Share> {
        Ok(share_of(lasts(world, pause.id).await?))
    }
}

/// `resume`.
pub(super) struct Resumes;

impl Write for Resumes {
    type Request = PauseId;

    async fn prepare(&self, line: &Line<'_>) -> Outcome<PauseId> {
        let id = line.world.toolkit.pause_id();
        line.world.store.pause(Pause::new(id, "crm", "operator")).await?;
        Ok(id)
    }

    async fn send(&self, store: &Handle, id: PauseId) -> Result<Share> {
        Ok(share_of(store.resume(id).await?))
    }

    async fn look(&self, world: &World, id: &PauseId) -> Outcome<Share> {
        Ok(share_of(!lasts(world, *id).await?))
    }
}

/// `purge` of so many events, of two jobs each.
pub(super) struct Purges {
    pub(super) events: usize,
}

/// Events of one `add_events`.
const ADDED: usize = 600;

impl Write for Purges {
    /// The events' source.
    type Request = String;

    const IN_PARTS: bool = true;

    async fn prepare(&self, line: &Line<'_>) -> Outcome<String> {
        let source = new_source(line.world);
        for first in (0..self.events).step_by(ADDED) {
            let events = (first..self.events).take(ADDED);
            let events = events.map(|_| event(line.world, &source, 2)).collect();
            line.world.store.add_events(events).await?;
        }
        Ok(source)
    }

    async fn send(&self, store: &Handle, source: String) -> Result<Share> {
        let filter = WhereEvents::default().with_sources_in([source]);
        let request = PurgeRequest::new(filter).with_recent().with_unfinished();
        let gone = store.purge(request).await?.events;
        Ok(Share::of(usize::try_from(gone).unwrap_or(usize::MAX), self.events))
    }

    async fn look(&self, world: &World, source: &String) -> Outcome<Share> {
        let filter = WhereEvents::default().with_sources_in([source]).with_limit(1_000);
        let page = world.store.find_events(filter).await?;
        let halves = page.entries.iter().filter(|event| event.jobs.len() != 2).count();
        ensure!(halves == 0, "{halves} events are left without all of their jobs");
        let left = page.meta.count.unwrap_or_default();
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        Ok(Share::of(self.events.saturating_sub(left), self.events))
    }
}
