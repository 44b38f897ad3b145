//! Claims whose lease has ended are given up when somebody asks: longest ended first, at most so many.

use std::time::Duration;

use blacksmith_store_core::{ClaimRequest, ExpireRequest, Job, JobId, Status, Want};
use futures_util::future::join_all;

use crate::{
    case::family,
    failure::{Failure, Outcome, ensure, expect_eq},
    world::{LEASE, WORKER, World, latest, token, with},
};

use super::{SECOND, claimed_together, expire, extend};

family! {
    "leases";
    nothing_is_expired_before_its_end,
    an_expired_claim_is_written_into_the_history,
    an_expired_job_waits_longer_each_time,
    longest_ended_first,
    a_limit_cuts_within_a_call,
    only_ended_claims_are_expired,
    an_expired_claim_is_expired_once,
    an_expired_job_is_due_in_its_turn,
    claims_of_a_paused_destination_are_expired,
    claims_that_nobody_expires_stay,
    eight_at_once_expire_each_claim_once,
}

async fn expire_at_most(world: &World, limit: usize) -> Outcome<u64> {
    Ok(world.store.expire_leases(ExpireRequest::new("rescuer", limit)).await?)
}

/// The jobs, of these, that are unknown now.
async fn rescued(world: &World, jobs: &[Job]) -> Outcome<Vec<JobId>> {
    let mut rescued = Vec::new();
    for job in jobs {
        if world.store.find_job(job.id).await?.status() == Some(Status::Unknown) {
            rescued.push(job.id);
        }
    }
    Ok(rescued)
}

async fn nothing_is_expired_before_its_end(world: &World) -> Outcome {
    expect_eq("of an empty store", expire(world).await?, 0)?;
    world.stored_job("waiting").await?;
    world.claimed_job("crm").await?;
    expect_eq("just claimed", expire(world).await?, 0)?;
    let end = world.now() + LEASE;
    world.set_clock(end - Duration::from_micros(1));
    expect_eq("a microsecond before its end", expire(world).await?, 0)?;
    world.set_clock(end);
    expect_eq("at its end", expire(world).await?, 1)
}

async fn an_expired_claim_is_written_into_the_history(world: &World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    world.advance(LEASE + SECOND);
    expire(world).await?;

    let found = world.store.find_job(job.id).await?;
    let unknown = latest(&found)?;
    let expected = with(world.next(&job, Status::Unknown)?, |expected| {
        expected.id = unknown.id;
        expected.created_at = Some(world.now());
        expected.run_at = Some(world.now());
        expected.actor = Some("rescuer".into());
    });
    expect_eq("the transition", unknown, &expected)?;
    expect_eq("by its id", &world.store.find_transition(unknown.id).await?, &expected)?;
    expect_eq("in the history", world.history(job.id).await?.last(), Some(&expected))
}

/// Now after the first attempt, then after 1, 2, 4 … seconds, at most five minutes.
async fn an_expired_job_waits_longer_each_time(world: &World) -> Outcome {
    let job = world.stored_job("crm").await?;
    for wait in [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300] {
        let claimed = world.claim_one("crm").await?;
        world.advance(LEASE);
        expect_eq("expired", expire(world).await?, 1)?;
        let found = world.store.find_job(job.id).await?;
        let due = world.now() + Duration::from_secs(wait);
        let attempt = latest(&claimed)?.attempt;
        expect_eq(format!("run_at after attempt {attempt}"), latest(&found)?.run_at, Some(due))?;
        if wait > 0 {
            world.set_clock(due - Duration::from_micros(1));
            expect_eq("due too early", world.claim("crm", 1).await?.len(), 0)?;
        }
        world.set_clock(due);
    }
    Ok(())
}

async fn longest_ended_first(world: &World) -> Outcome {
    let mut jobs = Vec::new();
    for (destination, lease) in [("a", 50), ("b", 20), ("c", 40), ("d", 10), ("e", 30)] {
        world.stored_job(destination).await?;
        let want = Want::destination(destination, 1);
        let request = ClaimRequest::new(WORKER, lease * SECOND, [want]);
        let claimed = world.store.claim(request).await?;
        jobs.extend(claimed.queue.jobs().map(|(_, job)| job.clone()));
    }
    // Extended, so that its claim is the second one to end although it was made for the longest time.
    extend(world, WORKER, 15 * SECOND, [token(&jobs[0])?]).await?;
    world.advance(60 * SECOND);

    let by_end = [&jobs[3], &jobs[0], &jobs[1], &jobs[4], &jobs[2]];
    for expired in 1..=by_end.len() {
        expect_eq("one at a time", expire_at_most(world, 1).await?, 1)?;
        let mut expected: Vec<JobId> = by_end[..expired].iter().map(|job| job.id).collect();
        expected.sort_unstable();
        expect_eq(format!("after {expired}"), rescued(world, &jobs).await?, expected)?;
    }
    Ok(())
}

async fn a_limit_cuts_within_a_call(world: &World) -> Outcome {
    let first = claimed_together(world, "crm", 3).await?;
    world.advance(SECOND);
    let second = claimed_together(world, "erp", 3).await?;
    world.advance(LEASE);
    expect_eq("two of three", expire_at_most(world, 2).await?, 2)?;
    expect_eq("of the older call", rescued(world, &first).await?.len(), 2)?;
    expect_eq("of the younger call", rescued(world, &second).await?.len(), 0)?;
    expect_eq("two more", expire_at_most(world, 2).await?, 2)?;
    expect_eq("of the older call", rescued(world, &first).await?.len(), 3)?;
    expect_eq("of the younger call", rescued(world, &second).await?.len(), 1)?;
    expect_eq("the rest", expire_at_most(world, 10).await?, 2)?;
    expect_eq("nothing more", expire_at_most(world, 10).await?, 0)
}

async fn only_ended_claims_are_expired(world: &World) -> Outcome {
    for status in Status::ALL {
        world.job_in(&format!("old-{status}"), status).await?;
    }
    world.advance(LEASE);
    let live = world.claimed_job("live").await?;
    expect_eq("the one old claim", expire(world).await?, 1)?;
    world.expect_latest("the live claim", live.id, token(&live)?).await
}

async fn an_expired_claim_is_expired_once(world: &World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    world.advance(LEASE);
    expect_eq("first", expire(world).await?, 1)?;
    expect_eq("again", expire(world).await?, 0)?;
    // The next claim of the same job has a lease of its own.
    let again = world.claim_one("crm").await?;
    expect_eq("claimed again", again.id, job.id)?;
    expect_eq("the new claim", expire(world).await?, 0)?;
    world.advance(LEASE);
    expect_eq("at its own end", expire(world).await?, 1)?;
    expect_eq("its history", world.history(job.id).await?.len(), 5)
}

async fn an_expired_job_is_due_in_its_turn(world: &World) -> Outcome {
    let lost = world.claimed_job("crm").await?;
    world.advance(SECOND);
    let waiting = world.stored_job("crm").await?;
    world.advance(LEASE);
    expire(world).await?;
    let claimed = world.claim("crm", 10).await?;
    let ids: Vec<JobId> = claimed.iter().map(|job| job.id).collect();
    expect_eq("behind what waited before", ids, vec![waiting.id, lost.id])
}

async fn claims_of_a_paused_destination_are_expired(world: &World) -> Outcome {
    world.claimed_job("crm").await?;
    let id = world.toolkit.pause_id();
    world.store.pause(blacksmith_store_core::Pause::new(id, "crm", "operator")).await?;
    world.advance(LEASE);
    expect_eq("expired although paused", expire(world).await?, 1)
}

async fn claims_that_nobody_expires_stay(world: &World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    world.advance(Duration::from_hours(24 * 365));
    expect_eq("due again by itself", world.claim("crm", 10).await?.len(), 0)?;
    world.store.maintain().await?;
    world.expect_latest("the claim", job.id, token(&job)?).await?;
    expect_eq("expired after a year", expire(world).await?, 1)
}

async fn eight_at_once_expire_each_claim_once(world: &World) -> Outcome {
    for number in 0..20 {
        claimed_together(world, &format!("crm-{number}"), 5).await?;
    }
    world.advance(LEASE);
    let calls = (0..8).map(|_| {
        let store = world.store.clone();
        tokio::spawn(async move {
            let mut expired = 0;
            loop {
                match store.expire_leases(ExpireRequest::new("rescuer", 7)).await? {
                    0 => return Outcome::Ok(expired),
                    some => expired += some,
                }
            }
        })
    });
    let mut expired = 0;
    for answer in join_all(calls).await {
        expired += answer.map_err(|error| Failure::new(format!("a caller ended: {error}")))??;
    }
    // Of a loser of a race, 0 may be the answer while others still work.
    expired += expire(world).await?;
    expect_eq("claims expired by all", expired, 100)?;
    let jobs = world.contents().await?.jobs;
    ensure!(jobs.iter().all(|job| job.status() == Some(Status::Unknown)), "every job is unknown");
    Ok(())
}
