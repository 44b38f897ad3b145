//! Calls that may be repeated without a thought, cut.

use std::fmt::Debug;

use blacksmith_store_core::{
    Event, EventId, Job, JobId, Page, Pause, QueueStats, Result, Retry, Status, Transition,
    TransitionId, WhereEvents,
};

use super::line::{Line, MOMENTS, is_unknown_after};
use crate::{
    failure::{Outcome, ensure, expect_eq},
    handle::Handle,
    world::{World, token},
};

/// What a read answers.
#[derive(Debug, PartialEq)]
enum Answer {
    Event(Event),
    Job(Job),
    Transition(Transition),
    Events(Page<Event>),
    Jobs(Page<Job>),
    Transitions(Page<Transition>),
    Stats(Vec<QueueStats>),
    Pauses(Vec<Pause>),
}

/// A read, with what it is about.
#[derive(Clone, Copy, Debug)]
enum Read {
    Event(EventId),
    Job(JobId),
    Transition(TransitionId),
    Events,
    Jobs,
    Transitions,
    Stats,
    Pauses,
}

impl Read {
    async fn of(self, store: &Handle) -> Result<Answer> {
        let all = WhereEvents::default;
        Ok(match self {
            Self::Event(id) => Answer::Event(store.find_event(id).await?),
            Self::Job(id) => Answer::Job(store.find_job(id).await?),
            Self::Transition(id) => Answer::Transition(store.find_transition(id).await?),
            Self::Events => Answer::Events(store.find_events(all()).await?),
            Self::Jobs => Answer::Jobs(store.find_jobs(all()).await?),
            Self::Transitions => Answer::Transitions(store.find_transitions(all()).await?),
            Self::Stats => Answer::Stats(store.stats().await?),
            Self::Pauses => Answer::Pauses(store.pauses().await?),
        })
    }
}

/// How many reads share a moment of one of them.
const STRIDE: usize = 4;

pub(super) async fn reads(world: &World) -> Outcome {
    let events = (0..30).map(|_| {
        let event = world.event().with_data(vec![b'x'; 1_000]);
        event.with_job(world.job("crm")).with_job(world.job("erp"))
    });
    world.store.add_events(events.collect()).await?;
    let job = world.job_in("done", Status::Succeeded).await?;
    world.store.pause(Pause::new(world.toolkit.pause_id(), "crm", "operator")).await?;
    let reads = [
        Read::Event(job.event_id.unwrap_or_else(|| world.toolkit.event_id())),
        Read::Job(job.id),
        Read::Transition(token(&job)?),
        Read::Events,
        Read::Jobs,
        Read::Transitions,
        Read::Stats,
        Read::Pauses,
    ];
    let line = Line::open(world).await?;
    for (round, moment) in MOMENTS.into_iter().enumerate() {
        // Each read at some of the moments, and every moment is met by two of them.
        for read in reads.into_iter().skip(round % STRIDE).step_by(STRIDE) {
            let expected = read.of(&world.store).await?;
            let (answer, passed) = line.measure(read.of(&line.store)).await?;
            expect_eq("a read that passes", &answer, &expected)?;
            line.cut(moment, passed);
            match line.answer(read.of(&line.store)).await? {
                Ok(answer) => expect_eq("a read that was cut", &answer, &expected)?,
                Err(error) => expect_safe(&error)?,
            }
            line.open_up();
            let (answer, _) = line.until_answered(|| read.of(&line.store)).await?;
            expect_eq("the read, repeated", &answer, &expected)?;
        }
    }
    Ok(())
}

#[track_caller]
fn expect_safe(error: &blacksmith_store_core::StoreError) -> Outcome {
    is_unknown_after(error)?;
    expect_eq("whether a lost read may be repeated", error.retry(), Retry::Safe)
}

/// Maintenance changes nothing that can be seen, cut or not.
pub(super) async fn upkeep(world: &World) -> Outcome {
    let line = Line::open(world).await?;
    for moment in MOMENTS {
        world.job_in("crm", Status::Succeeded).await?;
        let (_, passed) = line.measure(line.store.maintain()).await?;
        world.job_in("crm", Status::Succeeded).await?;
        let before = world.contents().await?;
        line.cut(moment, passed);
        if let Err(error) = line.answer(line.store.maintain()).await? {
            is_unknown_after(&error)?;
        }
        line.open_up();
        line.until_answered(|| line.store.maintain()).await?;
        world.expect_unchanged("maintenance that was cut", &before).await?;
    }
    ensure!(line.proxy.passed().requests > 0, "no maintenance passed the proxy");
    Ok(())
}
