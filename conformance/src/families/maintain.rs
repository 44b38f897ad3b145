//! Housekeeping changes no answer, whoever does it and how often.

use std::time::Duration;

use blacksmith_store_core::{
    ExpireRequest, ExtendRequest, PAUSE_MEMORY, Pause, PurgeRequest, QueueStats, Status, Token,
};
use futures_util::future::try_join_all;

use crate::{
    case::family,
    failure::{Outcome, ensure, expect_eq},
    world::{LEASE, WORKER, World, token},
};

family! {
    "maintain";
    an_empty_store_is_maintained,
    nothing_that_is_stored_changes,
    it_comes_to_its_end,
    several_at_once_change_nothing,
    it_goes_on_beside_writes,
    claims_stay_due_in_their_order,
    a_lease_that_has_ended_is_kept_until_it_is_expired,
    an_ended_pause_is_remembered_for_an_hour,
    an_ended_pause_is_forgotten_after_an_hour,
    a_pause_that_lasts_is_never_forgotten,
    space_that_a_purge_gave_back_takes_nothing_along,
}

/// How often it is called at most, until nothing is left to do.
const ROUNDS: usize = 1_000;

/// Calls it until nothing is left to do.
async fn maintain_all(world: &World) -> Outcome {
    for _ in 0..ROUNDS {
        if !world.store.maintain().await?.more {
            return Ok(());
        }
    }
    expect_eq("maintain", format!("there is more to do after {ROUNDS} calls"), "an end")
}

/// A job in every state, some of them often, a claim whose lease has ended, and pauses.
async fn everything(world: &World) -> Outcome {
    for _ in 0..3 {
        for status in Status::ALL {
            let job = world.job_in(status.as_str(), status).await?;
            if status.is_waiting() {
                // Out of the way of the next round.
                let later = world.now() + Duration::from_hours(1);
                world.append(world.next(&job, Status::Awaiting)?.with_run_at(later)).await?;
            }
        }
    }
    world.advance(LEASE);
    let pause = Pause::new(world.toolkit.pause_id(), "crm", WORKER);
    world.store.pause(pause).await?;
    let ended = Pause::new(world.toolkit.pause_id(), "erp", WORKER);
    world.store.pause(ended.clone()).await?;
    world.store.resume(ended.id).await?;
    Ok(())
}

async fn an_empty_store_is_maintained(world: &World) -> Outcome {
    maintain_all(world).await?;
    expect_eq("queues", world.store.stats().await?, vec![])
}

async fn nothing_that_is_stored_changes(world: &World) -> Outcome {
    everything(world).await?;
    let before = world.contents().await?;
    let stats = world.store.stats().await?;
    let pauses = world.store.pauses().await?;
    for age in [Duration::ZERO, Duration::from_mins(30), Duration::from_hours(48)] {
        world.advance(age);
        let due_before = world.store.stats().await?;
        maintain_all(world).await?;
        world.expect_unchanged(format!("{age:?} later"), &before).await?;
        expect_eq(format!("{age:?} later, stats"), world.store.stats().await?, due_before)?;
        expect_eq(format!("{age:?} later, pauses"), &world.store.pauses().await?, &pauses)?;
    }
    let counts = |stats: &[QueueStats]| stats.iter().map(|queue| queue.counts).collect::<Vec<_>>();
    expect_eq("counts", counts(&world.store.stats().await?), counts(&stats))
}

/// With nothing new to do, it says so.
async fn it_comes_to_its_end(world: &World) -> Outcome {
    everything(world).await?;
    maintain_all(world).await?;
    for _ in 0..3 {
        ensure!(
            !world.store.maintain().await?.more,
            "there is more to do, though nothing happened"
        );
    }
    Ok(())
}

async fn several_at_once_change_nothing(world: &World) -> Outcome {
    everything(world).await?;
    world.advance(PAUSE_MEMORY + Duration::from_secs(1));
    let before = world.contents().await?;
    let stats = world.store.stats().await?;
    try_join_all((0..8).map(|_| world.store.maintain())).await?;
    maintain_all(world).await?;
    world.expect_unchanged("eight at once", &before).await?;
    expect_eq("stats", world.store.stats().await?, stats)
}

/// The check that follows each case compares stats with the histories.
async fn it_goes_on_beside_writes(world: &World) -> Outcome {
    let writes = async {
        for _ in 0..40 {
            world.stored_jobs("crm", 3).await?;
            for job in world.claim("crm", 2).await? {
                world.moved(&job, Status::Succeeded).await?;
            }
            tokio::task::yield_now().await;
        }
        Outcome::Ok(())
    };
    let upkeep = async {
        for _ in 0..40 {
            world.store.maintain().await?;
            tokio::task::yield_now().await;
        }
        Outcome::Ok(())
    };
    tokio::try_join!(writes, upkeep)?;
    let stats = world.store.stats().await?;
    let counts = (stats[0].counts.acknowledged, stats[0].counts.succeeded);
    expect_eq("jobs that wait and jobs that are done", counts, (40, 80))
}

async fn claims_stay_due_in_their_order(world: &World) -> Outcome {
    let mut ids = world.stored_jobs("crm", 20).await?;
    for _ in 0..4 {
        maintain_all(world).await?;
        let claimed: Vec<_> = world.claim("crm", 5).await?.iter().map(|job| job.id).collect();
        let rest = ids.split_off(5);
        expect_eq("the oldest ones", claimed, ids)?;
        ids = rest;
    }
    Ok(())
}

/// The end of a lease does not end the claim.
async fn a_lease_that_has_ended_is_kept_until_it_is_expired(world: &World) -> Outcome {
    let kept = world.claimed_job("crm").await?;
    world.advance(LEASE * 2);
    maintain_all(world).await?;
    let request = ExtendRequest::new(WORKER, LEASE, [token(&kept)?]);
    let extended = world.store.extend_leases(request).await?;
    expect_eq("a claim that is extended late", extended.tokens, vec![Token::Kept])?;

    world.advance(LEASE);
    maintain_all(world).await?;
    let expired = world.store.expire_leases(ExpireRequest::new("sweeper", 10)).await?;
    expect_eq("claims that expired", expired, 1)?;
    maintain_all(world).await?;
    let request = ExtendRequest::new(WORKER, LEASE, [token(&kept)?]);
    let extended = world.store.extend_leases(request).await?;
    expect_eq("a claim that was given up", extended.tokens, vec![Token::Lost])
}

/// A pause that has ended now.
async fn ended_pause(world: &World) -> Outcome<Pause> {
    let pause = Pause::new(world.toolkit.pause_id(), "crm", WORKER).with_reason("deploy");
    ensure!(world.store.pause(pause.clone()).await?, "the pause is new");
    ensure!(world.store.resume(pause.id).await?, "the pause ends");
    Ok(pause)
}

async fn an_ended_pause_is_remembered_for_an_hour(world: &World) -> Outcome {
    // It is its end that counts, not when it began.
    let pause = Pause::new(world.toolkit.pause_id(), "crm", WORKER);
    world.store.pause(pause.clone()).await?;
    world.advance(PAUSE_MEMORY * 3);
    maintain_all(world).await?;
    ensure!(world.store.resume(pause.id).await?, "the pause ends");
    for _ in 0..2 {
        maintain_all(world).await?;
        ensure!(!world.store.pause(pause.clone()).await?, "a late copy is not new");
        world.advance_almost(PAUSE_MEMORY / 2);
    }
    maintain_all(world).await?;
    ensure!(!world.store.pause(pause).await?, "a late copy is not new, almost an hour later");
    world.stored_job("crm").await?;
    expect_eq("jobs claimed", world.claim("crm", 10).await?.len(), 1)
}

async fn an_ended_pause_is_forgotten_after_an_hour(world: &World) -> Outcome {
    let pause = ended_pause(world).await?;
    world.advance(PAUSE_MEMORY + Duration::from_micros(1));
    maintain_all(world).await?;
    ensure!(!world.store.resume(pause.id).await?, "what has ended does not end again");
    ensure!(world.store.pause(pause).await?, "a pause that was forgotten is new");
    world.stored_job("crm").await?;
    expect_eq("jobs claimed", world.claim("crm", 10).await?.len(), 0)
}

async fn a_pause_that_lasts_is_never_forgotten(world: &World) -> Outcome {
    let pause = Pause::new(world.toolkit.pause_id(), "crm", WORKER);
    world.store.pause(pause.clone()).await?;
    let before = world.store.pauses().await?;
    world.advance(PAUSE_MEMORY * 1_000);
    maintain_all(world).await?;
    expect_eq("pauses", world.store.pauses().await?, before)?;
    world.stored_job("crm").await?;
    expect_eq("jobs claimed", world.claim("crm", 10).await?.len(), 0)?;
    ensure!(world.store.resume(pause.id).await?, "the pause ends");
    expect_eq("jobs claimed", world.claim("crm", 10).await?.len(), 1)
}

async fn space_that_a_purge_gave_back_takes_nothing_along(world: &World) -> Outcome {
    for _ in 0..20 {
        let events = (0..20).map(|_| world.event().with_data(vec![7; 4_000])).collect();
        world.store.add_events(events).await?;
    }
    let kept = world.claimed_job("crm").await?;
    let purged = world.store.purge(PurgeRequest::everything().with_recent()).await?;
    expect_eq("events purged", purged.events, 400)?;
    let before = world.contents().await?;
    maintain_all(world).await?;
    world.expect_unchanged("giving space back", &before).await?;
    world.moved(&kept, Status::Succeeded).await?;
    Ok(())
}
