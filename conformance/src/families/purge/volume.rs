//! Purges of many events, and purges beside other calls.

use std::time::Duration;

use blacksmith_store_core::{ErrorKind, PurgeRequest, Status};

use super::{gone, left, of_source};
use crate::{
    case::family,
    failure::{Outcome, ensure, expect_eq},
    families::races::purges::{
        additions_beside_purges, claims_beside_purges, retries_beside_purges,
    },
    world::{World, with},
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

async fn a_job_is_claimed_or_purged_and_never_both(world: &World) -> Outcome {
    claims_beside_purges(world, &world.store, &world.store).await
}

async fn no_job_is_added_to_an_event_that_goes(world: &World) -> Outcome {
    additions_beside_purges(world, &world.store, &world.store).await
}

async fn what_is_put_back_to_work_meanwhile_is_spared(world: &World) -> Outcome {
    retries_beside_purges(world, &world.store, &world.store).await
}
