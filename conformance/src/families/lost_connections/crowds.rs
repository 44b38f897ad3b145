//! Many callers whose connections are all cut at once, several times.

use std::collections::BTreeSet;

use blacksmith_store_core::{
    ClaimRequest, Count, Event, ExtendRequest, Job, JobId, Status, Want, WhereEvents,
};
use futures_util::future::try_join_all;
use tokio::sync::watch;

use super::{
    PATIENCE,
    line::{Line, is_unknown_after},
};
use crate::{
    failure::{Failure, Outcome, ensure, expect_eq},
    handle::Handle,
    world::{LEASE, World},
};

/// How often all connections are cut.
const CUTS: u64 = 6;

/// Answers between two cuts.
const ANSWERS: u64 = 25;

/// Who claims and reports.
const ACTORS: [&str; 4] = ["one", "two", "three", "four"];

/// Counts what was answered to several callers, and says when they have done enough.
struct Progress {
    answers: watch::Sender<u64>,
    is_over: watch::Sender<bool>,
}

impl Progress {
    fn new() -> Self {
        Self { answers: watch::Sender::new(0), is_over: watch::Sender::new(false) }
    }

    fn answered(&self) {
        self.answers.send_modify(|count| *count += 1);
    }

    fn is_over(&self) -> bool {
        *self.is_over.borrow()
    }

    /// Waits for so many answers more.
    async fn wait(&self, more: u64) -> Outcome {
        let mut answers = self.answers.subscribe();
        let enough = *answers.borrow_and_update() + more;
        match tokio::time::timeout(PATIENCE, answers.wait_for(|count| *count >= enough)).await {
            Ok(_) => Ok(()),
            Err(_) => Err(Failure::new(format!(
                "callers whose connections were all cut are not answered {more} times within {PATIENCE:?}"
            ))),
        }
    }

    /// Cuts all connections again and again while callers are answered, who must be answered after the last time too.
    async fn cut(&self, line: &Line<'_>, world: &World) -> Outcome {
        for _ in 0..CUTS {
            self.wait(ANSWERS + world.toolkit.random() % ANSWERS).await?;
            world.journal.note("all connections are cut".into());
            line.proxy.cut_all();
            expect_whole_events(world).await?;
        }
        self.wait(ANSWERS).await?;
        self.is_over.send_replace(true);
        Ok(())
    }
}

/// Every event of these cases has two jobs.
async fn expect_whole_events(world: &World) -> Outcome {
    let filter = WhereEvents::default().with_limit(1_000).with_count(Count::None);
    expect_whole(&world.store.find_events(filter).await?.entries)
}

fn expect_whole(events: &[Event]) -> Outcome {
    let halves = events.iter().filter(|event| event.jobs.len() != 2).count();
    expect_eq("events without all of their jobs", halves, 0)
}

/// Adds events until it is over, each call until it is answered.
async fn write(line: &Line<'_>, progress: &Progress, at_once: usize) -> Outcome<Vec<Event>> {
    let world = line.world;
    let mut written = Vec::new();
    while !progress.is_over() {
        let event = || world.event().with_job(world.job("crm")).with_job(world.job("erp"));
        let events: Vec<Event> = (0..at_once).map(|_| event()).collect();
        let count = at_once as u64;
        let add = || line.store.add_events(events.clone());
        let mut is_sure = true;
        let added = match line.answer(add()).await? {
            Ok(added) => added,
            Err(error) => {
                is_sure &= !is_unknown_after(&error)?;
                let (added, is_unknown) = line.until_answered(add).await?;
                is_sure &= !is_unknown;
                added
            }
        };
        let counts = (added.events, added.events_known, added.jobs, added.jobs_known);
        ensure!(
            counts == (count, 0, 2 * count, 0) || (!is_sure && counts == (0, count, 0, 2 * count)),
            "{count} events that were {} are, when they are answered: {added:?}",
            if is_sure { "surely not stored before" } else { "perhaps stored before" }
        );
        progress.answered();
        written.extend(events);
    }
    Ok(written)
}

pub(super) async fn writers(world: &World) -> Outcome {
    let line = Line::open(world).await?;
    let progress = Progress::new();
    let writers = try_join_all((0..8).map(|writer| write(&line, &progress, 1 + writer % 2 * 2)));
    let (written, ()) = tokio::try_join!(writers, progress.cut(&line, world))?;

    let written: BTreeSet<_> = written.iter().flatten().map(|event| event.id).collect();
    let contents = world.contents().await?;
    let there: BTreeSet<_> = contents.events.iter().map(|event| event.id).collect();
    expect_eq("events, against those that were acknowledged", there, written)?;
    expect_whole(&contents.events)
}

/// Claims and reports until it is over, and reports what it holds then; answers the jobs that it ran.
async fn work(line: &Line<'_>, progress: &Progress, actor: &str) -> Outcome<Vec<JobId>> {
    let world = line.world;
    let mut ran = Vec::new();
    loop {
        let is_over = progress.is_over();
        let mut jobs = Vec::new();
        if !is_over {
            let request = ClaimRequest::new(actor, LEASE, [Want::any(2)]);
            match line.answer(line.store.claim(request)).await? {
                Ok(claimed) => jobs.extend(claimed.queue.jobs().map(|(_, job)| job.clone())),
                Err(error) => drop(is_unknown_after(&error)?),
            }
        }
        if jobs.is_empty() {
            // A claim was lost, perhaps one that was still under way when it was asked for last.
            jobs = told(line, &line.store, actor).await?;
        }
        if jobs.is_empty() && is_over {
            return Ok(ran);
        }
        let outcomes = jobs.iter().map(|job| world.next(job, Status::Succeeded));
        let outcomes = outcomes.collect::<Outcome<Vec<_>>>()?;
        line.until_answered(|| line.store.add_transitions(outcomes.clone())).await?;
        progress.answered();
        ran.extend(jobs.iter().map(|job| job.id));
    }
}

/// What an actor holds that names none of its tokens.
async fn told(line: &Line<'_>, store: &Handle, actor: &str) -> Outcome<Vec<Job>> {
    let request = ExtendRequest::new(actor, LEASE, []);
    let (extended, _) = line.until_answered(|| store.extend_leases(request.clone())).await?;
    Ok(extended.others.jobs().map(|(_, job)| job.clone()).collect())
}

pub(super) async fn workers(world: &World) -> Outcome {
    // More than are run until all cuts are made.
    let events =
        (0..500).map(|_| world.event().with_job(world.job("crm")).with_job(world.job("erp")));
    world.store.add_events(events.collect()).await?;
    let line = Line::open(world).await?;
    let progress = Progress::new();
    let workers = try_join_all(ACTORS.map(|actor| work(&line, &progress, actor)));
    let (ran, ()) = tokio::try_join!(workers, progress.cut(&line, world))?;

    let ran = ran.concat();
    let once: BTreeSet<_> = ran.iter().copied().collect();
    expect_eq("runs, and jobs that were run", ran.len(), once.len())?;
    // A claim that was lost at the last cut may come about after its worker has asked, and after this has looked.
    let chains = world.contents().await?.chains;
    let mut held = BTreeSet::new();
    for actor in ACTORS {
        held.extend(told(&line, &world.store, actor).await?.iter().map(|job| job.id));
    }
    for (job, chain) in chains {
        let states: Vec<_> = chain.iter().map(|transition| transition.state_after).collect();
        let expected = match (once.contains(&job), states.len()) {
            (true, _) => [Status::Acknowledged, Status::Executing, Status::Succeeded].as_slice(),
            (_, 2..) => &[Status::Acknowledged, Status::Executing],
            _ => &[Status::Acknowledged],
        };
        expect_eq(format!("the life of job {job}"), states.as_slice(), expected)?;
        ensure!(
            states.last() != Some(&Status::Executing) || held.contains(&job),
            "nobody is told of the job {job}, which is executing"
        );
    }
    Ok(())
}
