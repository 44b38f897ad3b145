//! Purges of many events, and purges beside other calls.

use std::time::Duration;

use blacksmith_store_core::{ClaimRequest, ErrorKind, Event, Job, PurgeRequest, Status, Want};

use super::{gone, left, of_source};
use crate::{
    case::family,
    failure::{Failure, Outcome, ensure, expect_eq},
    world::{LEASE, WORKER, World, with},
};

family! {
    "purge";
    thousands_of_events_go_in_one_call,
    deadlines_stop_a_purge_that_goes_on_later,
    a_job_is_claimed_or_purged_and_never_both,
    no_job_is_added_to_an_event_that_goes,
    what_is_put_back_to_work_meanwhile_is_spared,
}

/// Stores `count` discarded events of one job each, and as many waiting ones in between that come from "keeper".
async fn thousands(world: &World, count: usize) -> Outcome {
    let mut jobs = Vec::new();
    let mut events = Vec::new();
    for _ in 0..count {
        let job = world.job("crm");
        jobs.push(job.id);
        events.push(world.event().with_job(job));
        events.push(with(world.event().with_job(world.job("erp")), |event| {
            event.source = "keeper".into();
        }));
    }
    while !events.is_empty() {
        let rest = events.split_off(events.len().min(1_000));
        world.store.add_events(std::mem::replace(&mut events, rest)).await?;
    }
    let jobs = world.contents().await?.jobs;
    let ends = jobs.iter().filter(|job| job.destination == "crm");
    let ends = ends.map(|job| world.next(job, Status::Discarded)).collect::<Outcome<Vec<_>>>()?;
    world.store.add_transitions(ends).await?;
    Ok(())
}

/// More than any batch holds, with others in between.
async fn thousands_of_events_go_in_one_call(world: &World) -> Outcome {
    thousands(world, 3_000).await?;
    let purged = world.store.purge(PurgeRequest::everything().with_recent()).await?;
    expect_eq("what went", gone(purged), (3_000, 3_000, 6_000))?;
    expect_eq("what is left", (left(purged), purged.more), ((3_000, 0), false))?;
    let stored = world.contents().await?.events;
    expect_eq("events that are left", stored.len(), 3_000)?;
    ensure!(
        stored.iter().all(|event| event.source == "keeper"),
        "others are left than the waiting ones"
    );
    Ok(())
}

/// However short the deadlines are, a purge that is asked for again gets to its end, and takes nothing else along.
async fn deadlines_stop_a_purge_that_goes_on_later(world: &World) -> Outcome {
    thousands(world, 1_000).await?;
    let mut timeout = Duration::from_millis(1);
    loop {
        let toolkit = world.toolkit.clone().with_timeout(timeout);
        match world.store.with_toolkit(toolkit).purge(of_source("github")).await {
            Ok(purged) if !purged.more => break,
            Err(error) if error.kind() != ErrorKind::Timeout => return Err(error.into()),
            Ok(_) | Err(_) => timeout *= 2,
        }
    }
    let stored = world.contents().await?.events;
    expect_eq("events that are left", stored.len(), 1_000)?;
    ensure!(stored.iter().all(|event| event.source == "keeper"), "the purge said that it was done");
    Ok(())
}

/// Each batch decides under its own locks: a job that was claimed a moment ago stays.
async fn a_job_is_claimed_or_purged_and_never_both(world: &World) -> Outcome {
    const JOBS: usize = 300;
    let events = (0..JOBS).map(|_| world.event().with_job(world.job("crm"))).collect();
    world.store.add_events(events).await?;
    let claims = async {
        let mut claimed = Vec::new();
        loop {
            let request = ClaimRequest::new(WORKER, LEASE, [Want::destination("crm", 7)]);
            let answer = world.store.claim(request).await?;
            claimed.extend(answer.queue.jobs().map(|(_, job)| job.clone()));
            // A job that a purge looks at just now may be passed over, but it waits.
            if answer.next_due.is_none() {
                return Ok::<_, Failure>(claimed);
            }
            tokio::task::yield_now().await;
        }
    };
    let purges = async {
        let mut events = 0;
        loop {
            let request =
                PurgeRequest::everything().with_recent().with_unfinished().with_max_events(5);
            let purged = world.store.purge(request).await?;
            events += purged.events;
            if purged.events == 0 {
                return Ok::<_, Failure>(events);
            }
            tokio::task::yield_now().await;
        }
    };
    let (claimed, gone) = tokio::try_join!(claims, purges)?;
    expect_eq("jobs that were claimed or purged", claimed.len() as u64 + gone, JOBS as u64)?;
    let outcomes = claimed.iter().map(|job| world.next(job, Status::Succeeded));
    let outcomes = outcomes.collect::<Outcome<Vec<_>>>()?;
    let appended = world.store.add_transitions(outcomes).await?;
    expect_eq("outcomes of what was claimed", appended.new, claimed.len() as u64)
}

/// The check that follows each case finds a job without its event.
async fn no_job_is_added_to_an_event_that_goes(world: &World) -> Outcome {
    let events: Vec<Event> = (0..200).map(|_| world.event()).collect();
    world.store.add_events(events.clone()).await?;
    let additions = async {
        let mut added = 0;
        for event in &events {
            match world.store.add_jobs(vec![world.job("crm").with_event_id(event.id)]).await {
                Ok(answer) => added += answer.jobs,
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(Failure::from(error)),
            }
            tokio::task::yield_now().await;
        }
        Ok(added)
    };
    let purges = async {
        let mut purged = 0;
        for _ in 0..20 {
            let request = PurgeRequest::everything().with_recent().with_max_events(10);
            purged += world.store.purge(request).await?.events;
            tokio::task::yield_now().await;
        }
        Ok::<_, Failure>(purged)
    };
    let (added, gone) = tokio::try_join!(additions, purges)?;
    let contents = world.contents().await?;
    expect_eq("jobs", contents.jobs.len() as u64, added)?;
    expect_eq("events", contents.events.len() as u64, 200 - gone)
}

/// An operator asks for finished jobs again while a purge takes finished events: a job whose retry was accepted stays.
async fn what_is_put_back_to_work_meanwhile_is_spared(world: &World) -> Outcome {
    const JOBS: usize = 200;
    let jobs: Vec<Job> = (0..JOBS).map(|_| world.job("crm")).collect();
    let events = jobs.iter().map(|job| world.event().with_job(job.clone())).collect();
    world.store.add_events(events).await?;
    let claimed = world.claim("crm", JOBS).await?;
    let ends = claimed.iter().map(|job| world.next(job, Status::Succeeded));
    world.store.add_transitions(ends.collect::<Outcome<Vec<_>>>()?).await?;
    let mut finished = Vec::new();
    for job in jobs {
        finished.push(world.store.find_job(job.id).await?);
    }

    let retries = async {
        let mut accepted = Vec::new();
        for job in finished.iter().rev() {
            match world.store.add_transitions(vec![world.next(job, Status::Awaiting)?]).await {
                Ok(_) => accepted.push(job.id),
                Err(error) => expect_eq("a purged job's retry", error.kind(), ErrorKind::NotFound)?,
            }
            tokio::task::yield_now().await;
        }
        Ok::<_, Failure>(accepted)
    };
    let deletions = async {
        tokio::task::yield_now().await;
        Ok::<_, Failure>(world.store.purge(PurgeRequest::everything().with_recent()).await?)
    };
    let (accepted, purged) = tokio::try_join!(retries, deletions)?;
    expect_eq("jobs put back to work or purged", accepted.len() as u64 + purged.jobs, JOBS as u64)?;
    for id in accepted {
        let status = world.store.find_job(id).await?.status();
        expect_eq("a job that was put back to work", status, Some(Status::Awaiting))?;
    }
    Ok(())
}
