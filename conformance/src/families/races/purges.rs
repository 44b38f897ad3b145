//! Purges, made by the second handle, beside what they must not take along.

use blacksmith_store_core::{ClaimRequest, ErrorKind, Event, Job, PurgeRequest, Status, Want};

use crate::{
    failure::{Failure, Outcome, expect_eq},
    handle::Handle,
    world::{LEASE, WORKER, World},
};

/// Each batch decides under its own locks: a job that was claimed a moment ago stays.
pub(in crate::families) async fn claims_beside_purges(
    world: &World,
    one: &Handle,
    two: &Handle,
) -> Outcome {
    const JOBS: usize = 300;
    let events = (0..JOBS).map(|_| world.event().with_job(world.job("crm"))).collect();
    world.store.add_events(events).await?;
    let claims = async {
        let mut claimed = Vec::new();
        loop {
            let request = ClaimRequest::new(WORKER, LEASE, [Want::destination("crm", 7)]);
            let answer = one.claim(request).await?;
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
            let purged = two.purge(request).await?;
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
pub(in crate::families) async fn additions_beside_purges(
    world: &World,
    one: &Handle,
    two: &Handle,
) -> Outcome {
    let events: Vec<Event> = (0..200).map(|_| world.event()).collect();
    world.store.add_events(events.clone()).await?;
    let additions = async {
        let mut added = 0;
        for event in &events {
            match one.add_jobs(vec![world.job("crm").with_event_id(event.id)]).await {
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
            purged += two.purge(request).await?.events;
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
pub(in crate::families) async fn retries_beside_purges(
    world: &World,
    one: &Handle,
    two: &Handle,
) -> Outcome {
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
            match one.add_transitions(vec![world.next(job, Status::Awaiting)?]).await {
                Ok(_) => accepted.push(job.id),
                Err(error) => expect_eq("a purged job's retry", error.kind(), ErrorKind::NotFound)?,
            }
            tokio::task::yield_now().await;
        }
        Ok::<_, Failure>(accepted)
    };
    let deletions = async {
        tokio::task::yield_now().await;
        Ok::<_, Failure>(two.purge(PurgeRequest::everything().with_recent()).await?)
    };
    let (accepted, purged) = tokio::try_join!(retries, deletions)?;
    expect_eq("jobs put back to work or purged", accepted.len() as u64 + purged.jobs, JOBS as u64)?;
    for id in accepted {
        let status = world.store.find_job(id).await?.status();
        expect_eq("a job that was put back to work", status, Some(Status::Awaiting))?;
    }
    Ok(())
}
