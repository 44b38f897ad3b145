//! Claims and extensions whose answers are lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use blacksmith_store_core::{
    ClaimRequest, Claimed, ExpireRequest, ExtendRequest, Job, JobId, Status, Token, Toolkit, Want,
};

use super::{
    PATIENCE,
    line::{Line, MOMENTS, Moment, PAUSE, is_unknown_after},
};
use crate::{
    failure::{Failure, Outcome, ensure, expect_eq},
    handle::Handle,
    world::{LEASE, World, latest, token},
};

/// Jobs that a claim takes.
const JOBS: usize = 3;

fn request(actor: &str, destination: &str, limit: usize) -> ClaimRequest {
    ClaimRequest::new(actor, LEASE, [Want::destination(destination, limit)])
}

fn jobs_of(claimed: &Claimed) -> Vec<Job> {
    claimed.queue.jobs().map(|(_, job)| job.clone()).collect()
}

/// Takes due jobs of a destination as a worker does whose claims may be lost, until it holds so many, those that it holds among
/// them: what a lost claim took is told by an extension.
pub(super) async fn take(
    line: &Line<'_>,
    store: &Handle,
    actor: &str,
    destination: &str,
    count: usize,
    held: Vec<Job>,
) -> Outcome<Vec<Job>> {
    let deadline = Instant::now() + PATIENCE;
    let mut taken: BTreeMap<JobId, Job> = held.into_iter().map(|job| (job.id, job)).collect();
    while taken.len() < count {
        ensure!(Instant::now() < deadline, "{} of {count} due jobs are handed out", taken.len());
        let missing = count - taken.len();
        let mut found = match line.answer(store.claim(request(actor, destination, missing))).await?
        {
            Ok(claimed) => jobs_of(&claimed),
            Err(error) => {
                is_unknown_after(&error)?;
                Vec::new()
            }
        };
        if found.len() < missing {
            let known = taken.values().chain(&found).map(token).collect::<Outcome<Vec<_>>>()?;
            let extension = ExtendRequest::new(actor, LEASE, known);
            let (extended, _) =
                line.until_answered(|| store.extend_leases(extension.clone())).await?;
            ensure!(
                extended.tokens.iter().all(|token| *token == Token::Kept),
                "a live claim is not kept: {:?}",
                extended.tokens
            );
            found.extend(extended.others.jobs().map(|(_, job)| job.clone()));
        }
        for job in found {
            let id = job.id;
            ensure!(taken.insert(id, job).is_none(), "the job {id} was handed out twice");
        }
    }
    Ok(taken.into_values().collect())
}

/// How many of these jobs execute for an actor, seen at one moment.
async fn executing_for(world: &World, actor: &str, jobs: &BTreeSet<JobId>) -> Outcome<usize> {
    let Some(any) = jobs.first() else { return Ok(0) };
    let event = world.store.find_job(*any).await?.event_id;
    let Some(event) = event else { return Err(Failure::new("a stored job without its event")) };
    let there = world.store.find_event(event).await?.jobs;
    let is_held = |job: &&Job| {
        jobs.contains(&job.id)
            && job.transition.as_ref().is_some_and(|latest| {
                latest.state_after == Status::Executing && latest.actor.as_deref() == Some(actor)
            })
    };
    Ok(there.iter().filter(is_held).count())
}

/// Cuts a claim at a moment; answers the jobs that were due, and what the worker holds as far as it was told. Every round has a
/// destination of its own, for a server may come late to what a lost client asked for.
async fn cut_claim(
    line: &Line<'_>,
    store: &Handle,
    (actor, destination): (&str, &str),
    moment: Moment,
) -> Outcome<(BTreeSet<JobId>, Vec<Job>)> {
    let world = line.world;
    // One that passes tells how much passes.
    world.stored_jobs(destination, JOBS).await?;
    let warm = format!("{actor}-before");
    let (claimed, passed) = line.measure(store.claim(request(&warm, destination, JOBS))).await?;
    let claimed = take(line, store, &warm, destination, JOBS, jobs_of(&claimed)).await?;
    report(world, &claimed).await?;

    let jobs: BTreeSet<_> = world.stored_jobs(destination, JOBS).await?.into_iter().collect();
    line.cut(moment, passed);
    let answer = line.answer(store.claim(request(actor, destination, JOBS))).await?;
    let there = executing_for(world, actor, &jobs).await?;
    let held = match answer {
        Ok(claimed) => {
            let held = jobs_of(&claimed);
            expect_eq("jobs that execute after an answered claim", there, held.len())?;
            held
        }
        Err(error) => {
            let is_unknown = is_unknown_after(&error)?;
            ensure!(
                there == 0 || (is_unknown && there == JOBS),
                "of {JOBS} jobs {there} execute after a claim that was answered {error} ({:?})",
                error.retry()
            );
            Vec::new()
        }
    };
    line.open_up();
    Ok((jobs, held))
}

/// Stores that jobs have succeeded.
async fn report(world: &World, jobs: &[Job]) -> Outcome {
    let outcomes = jobs.iter().map(|job| world.next(job, Status::Succeeded));
    let outcomes = outcomes.collect::<Outcome<Vec<_>>>()?;
    let appended = world.store.add_transitions(outcomes).await?;
    expect_eq("outcomes of live claims", appended.new, jobs.len() as u64)
}

/// What a lost claim took is told to its worker, which holds it as if it had been answered.
pub(super) async fn are_told(world: &World, toolkit: &Toolkit) -> Outcome {
    let line = Line::open(world).await?;
    let store = line.store.with_toolkit(toolkit.clone());
    for (round, moment) in MOMENTS.into_iter().enumerate() {
        let (actor, destination) = (format!("worker-{round}"), format!("crm-{round}"));
        let (jobs, held) = cut_claim(&line, &store, (&actor, &destination), moment).await?;
        let held = take(&line, &store, &actor, &destination, JOBS, held).await?;
        let ids: BTreeSet<_> = held.iter().map(|job| job.id).collect();
        expect_eq("the jobs that are held", ids, jobs)?;
        for job in &held {
            let latest = latest(job)?;
            expect_eq("runs that were begun", latest.attempt, 1)?;
            expect_eq("whose run it is", latest.actor.as_deref(), Some(actor.as_str()))?;
        }
        report(world, &held).await?;
    }
    Ok(())
}

/// What a lost claim took goes to others when its lease has ended.
pub(super) async fn come_back(world: &World) -> Outcome {
    let line = Line::open(world).await?;
    for (round, moment) in MOMENTS.into_iter().enumerate() {
        let (actor, destination) = (format!("worker-{round}"), format!("crm-{round}"));
        let (jobs, _) = cut_claim(&line, &line.store, (&actor, &destination), moment).await?;
        world.advance(LEASE);
        let deadline = Instant::now() + PATIENCE;
        let mut left = jobs;
        while !left.is_empty() {
            ensure!(Instant::now() < deadline, "{} jobs do not come back", left.len());
            // It may still be under way, with an instant of before.
            let sweep = || line.store.expire_leases(ExpireRequest::new("sweeper", 10));
            line.until_answered(sweep).await?;
            let claimed = world.claim(&destination, JOBS).await?;
            for job in &claimed {
                ensure!(left.remove(&job.id), "the job {} was handed out twice", job.id);
                ensure!(latest(job)?.attempt <= 2, "a job came back more than once");
            }
            report(world, &claimed).await?;
        }
    }
    Ok(())
}

/// Whether a lease was extended is what the error says, and an extension that is sent again counts from then on.
pub(super) async fn extensions(world: &World) -> Outcome {
    let line = Line::open(world).await?;
    for (moment, is_sent_again) in
        MOMENTS.into_iter().flat_map(|moment| [(moment, false), (moment, true)])
    {
        let job = world.claimed_job("crm").await?;
        let extension = || Ok::<_, Failure>(ExtendRequest::new("worker", LEASE, [token(&job)?]));
        let extend = |request: ExtendRequest| line.store.extend_leases(request);
        let (extended, passed) = line.measure(extend(extension()?)).await?;
        expect_eq("the token of a live claim", extended.tokens, vec![Token::Kept])?;

        world.advance_almost(LEASE);
        line.cut(moment, passed);
        let answer = line.answer(extend(extension()?)).await?;
        let expected = match &answer {
            Ok(extended) => {
                expect_eq("the token of a live claim", &extended.tokens, &vec![Token::Kept])?;
                [0].as_slice()
            }
            Err(error) if is_unknown_after(error)? => &[0, 1],
            Err(_) => &[1],
        };
        line.open_up();
        let expected = if is_sent_again {
            let request = extension()?;
            let (extended, _) = line.until_answered(|| extend(request.clone())).await?;
            expect_eq("the token, sent again", extended.tokens, vec![Token::Kept])?;
            [0].as_slice()
        } else {
            expected
        };
        world.advance(std::time::Duration::from_millis(1));
        let sweep = || world.store.expire_leases(ExpireRequest::new("sweeper", 10));
        let mut expired = sweep().await?;
        // A server that has not noticed yet that it lost its client may hold the claim.
        let deadline = Instant::now() + PATIENCE;
        while expired == 0 && expected == [1] && Instant::now() < deadline {
            tokio::time::sleep(PAUSE).await;
            expired = sweep().await?;
        }
        ensure!(
            expected.contains(&expired),
            "claims that expire at the end of a lease whose extension was answered {answer:?}\n  \
             expected:  {expected:?}\n  came back: {expired}"
        );
        let job = world.store.find_job(job.id).await?;
        let end = match job.status() {
            Some(Status::Executing) => Status::Succeeded,
            _ => Status::Discarded,
        };
        world.moved(&job, end).await?;
    }
    Ok(())
}
