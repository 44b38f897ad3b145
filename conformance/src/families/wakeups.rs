//! A stream fires when work may have arrived; nothing depends on it but how soon the work is seen.

use std::time::Duration;

use blacksmith_store_core::{
    Change, ErrorKind, ExpireRequest, Pause, Retry, Status, Wakeups, WhereEvents,
};
use futures_util::StreamExt as _;

use crate::{
    case::family,
    failure::{Failure, Outcome, ensure, expect_eq, expect_error},
    world::{LEASE, WORKER, World},
};

family! {
    "wakeups";
    [no_wakeups] undeclared_wakeups_are_unsupported,
    [wakeups] added_events_wake,
    [wakeups] added_jobs_wake,
    [wakeups] a_change_with_new_jobs_wakes,
    [wakeups] a_job_that_is_given_back_wakes,
    [wakeups] a_failed_job_that_is_due_again_wakes,
    [wakeups] an_operators_retry_wakes,
    [wakeups] an_expired_claim_wakes,
    [wakeups] a_resumed_destination_wakes,
    [wakeups] a_scheduled_job_wakes,
    [wakeups] work_that_arrived_before_the_first_poll_wakes,
    [wakeups] every_listener_is_woken,
    [wakeups] a_listener_that_went_away_harms_nobody,
    [wakeups] a_burst_wakes_and_what_follows_it_too,
    [wakeups] what_a_stream_announces_can_be_claimed,
    [wakeups] the_deadline_of_the_call_does_not_end_the_stream,
}

/// A firing that does not come by then does not come.
const PATIENCE: Duration = Duration::from_secs(10);

/// A stream that is silent for so long has told of what was before.
const QUIET: Duration = Duration::from_millis(60);

/// Waits until a stream fires.
async fn expect_fires(what: &str, wakeups: &mut Wakeups) -> Outcome {
    match tokio::time::timeout(PATIENCE, wakeups.next()).await {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(Failure::new(format!("{what}: the stream ended while its store is open"))),
        Err(_) => Err(Failure::new(format!("{what}: the stream did not fire within {PATIENCE:?}"))),
    }
}

/// Takes what a stream tells of earlier work, so that what it tells next is news. Firings may come late and without a
/// cause, so this makes a wrong pass unlikely, and a wrong failure impossible.
async fn settle(wakeups: &mut Wakeups) -> Outcome {
    for _ in 0..1_000 {
        match tokio::time::timeout(QUIET, wakeups.next()).await {
            Ok(Some(_)) => {}
            Ok(None) => return Err(Failure::new("the stream ended while its store is open")),
            Err(_) => return Ok(()),
        }
    }
    Err(Failure::new("the stream fires all the time, though nothing happens"))
}

/// A stream that has told of everything until now.
async fn listener(world: &World) -> Outcome<Wakeups> {
    let mut wakeups = world.store.wakeups().await?;
    settle(&mut wakeups).await?;
    Ok(wakeups)
}

async fn undeclared_wakeups_are_unsupported(world: &World) -> Outcome {
    let refused = world.store.wakeups().await.map(|_| "a stream");
    let error = expect_error("wakeups", refused, ErrorKind::Unsupported)?;
    expect_eq("whether a retry helps", error.retry(), Retry::Never)
}

async fn added_events_wake(world: &World) -> Outcome {
    let mut wakeups = listener(world).await?;
    for round in 1..=5 {
        world.store.add_events(vec![world.event().with_job(world.job("crm"))]).await?;
        expect_fires(&format!("event {round}"), &mut wakeups).await?;
        settle(&mut wakeups).await?;
    }
    Ok(())
}

async fn added_jobs_wake(world: &World) -> Outcome {
    let event = world.event();
    world.store.add_events(vec![event.clone()]).await?;
    let mut wakeups = listener(world).await?;
    world.store.add_jobs(vec![world.job("crm").with_event_id(event.id)]).await?;
    expect_fires("a job", &mut wakeups).await
}

async fn a_change_with_new_jobs_wakes(world: &World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    let event = job.event_id.ok_or_else(|| Failure::new("a stored job has its event"))?;
    let mut wakeups = listener(world).await?;
    let change = Change::new(world.next(&job, Status::Succeeded)?)
        .with_job(world.job("crm").with_event_id(event));
    world.store.apply(vec![change]).await?;
    expect_fires("an outcome with a follow-up", &mut wakeups).await?;
    settle(&mut wakeups).await?;
    let change = Change::default().with_event(world.event().with_job(world.job("crm")));
    world.store.apply(vec![change]).await?;
    expect_fires("an event in a change", &mut wakeups).await
}

/// Moves a claimed job, and waits for the stream.
async fn expect_move_fires(world: &World, status: Status) -> Outcome {
    let job = world.claimed_job("crm").await?;
    let mut wakeups = listener(world).await?;
    world.moved(&job, status).await?;
    expect_fires(&format!("an executing job that is {status} now"), &mut wakeups).await?;

    let again = world.claim_one("crm").await?;
    settle(&mut wakeups).await?;
    world.store.apply(vec![Change::new(world.next(&again, status)?)]).await?;
    expect_fires(&format!("the same, {status} by a change"), &mut wakeups).await
}

async fn a_job_that_is_given_back_wakes(world: &World) -> Outcome {
    expect_move_fires(world, Status::Awaiting).await
}

async fn a_failed_job_that_is_due_again_wakes(world: &World) -> Outcome {
    expect_move_fires(world, Status::Failed).await
}

async fn an_operators_retry_wakes(world: &World) -> Outcome {
    for status in [Status::Succeeded, Status::Discarded] {
        let job = world.job_in(status.as_str(), status).await?;
        let mut wakeups = listener(world).await?;
        world.moved(&job, Status::Awaiting).await?;
        expect_fires(&format!("a {status} job that is asked for again"), &mut wakeups).await?;
    }
    Ok(())
}

async fn an_expired_claim_wakes(world: &World) -> Outcome {
    world.claimed_job("crm").await?;
    world.advance(LEASE);
    let mut wakeups = listener(world).await?;
    world.store.expire_leases(ExpireRequest::new("sweeper", 10)).await?;
    expect_fires("a claim that was given up", &mut wakeups).await
}

async fn a_resumed_destination_wakes(world: &World) -> Outcome {
    let pause = Pause::new(world.toolkit.pause_id(), "crm", WORKER);
    world.store.pause(pause.clone()).await?;
    world.stored_job("crm").await?;
    let mut wakeups = listener(world).await?;
    world.store.resume(pause.id).await?;
    expect_fires("a destination that was resumed", &mut wakeups).await
}

/// A sleeper must learn of it, for it may be due before what the sleeper waits for.
async fn a_scheduled_job_wakes(world: &World) -> Outcome {
    let mut wakeups = listener(world).await?;
    world.stored_job_at("crm", world.now() + Duration::from_secs(5)).await?;
    expect_fires("a job of the near future", &mut wakeups).await
}

/// Between a claim that finds nothing and the first poll of the stream, nothing is lost.
async fn work_that_arrived_before_the_first_poll_wakes(world: &World) -> Outcome {
    let mut wakeups = world.store.wakeups().await?;
    world.stored_job("crm").await?;
    expect_fires("a job that came before the first poll", &mut wakeups).await
}

async fn every_listener_is_woken(world: &World) -> Outcome {
    let mut listeners = Vec::new();
    for _ in 0..3 {
        listeners.push(listener(world).await?);
    }
    for round in 1..=3 {
        world.stored_job("crm").await?;
        for (index, wakeups) in listeners.iter_mut().enumerate() {
            expect_fires(&format!("round {round}, listener {index}"), wakeups).await?;
        }
        for wakeups in &mut listeners {
            settle(wakeups).await?;
        }
    }
    Ok(())
}

async fn a_listener_that_went_away_harms_nobody(world: &World) -> Outcome {
    let mut stays = listener(world).await?;
    for _ in 0..50 {
        let goes = world.store.wakeups().await?;
        world.stored_job("crm").await?;
        drop(goes);
    }
    settle(&mut stays).await?;
    world.stored_job("crm").await?;
    expect_fires("the listener that stayed", &mut stays).await?;
    drop(stays);
    world.stored_job("crm").await?;
    let mut comes = listener(world).await?;
    world.stored_job("crm").await?;
    expect_fires("a listener that came later", &mut comes).await
}

/// Firings may be merged; they neither pile up without end nor block who writes.
async fn a_burst_wakes_and_what_follows_it_too(world: &World) -> Outcome {
    let mut wakeups = listener(world).await?;
    for _ in 0..300 {
        world.store.add_events(vec![world.event().with_job(world.job("crm"))]).await?;
    }
    expect_fires("a burst", &mut wakeups).await?;
    settle(&mut wakeups).await?;
    world.stored_job("erp").await?;
    expect_fires("what follows a burst", &mut wakeups).await
}

/// It fires after the commit: a claim at once finds the work.
async fn what_a_stream_announces_can_be_claimed(world: &World) -> Outcome {
    let mut wakeups = listener(world).await?;
    for _ in 0..20 {
        let store = world.store.clone();
        let event = world.event().with_job(world.job("crm"));
        let adding = tokio::spawn(async move { store.add_events(vec![event]).await.map(|_| ()) });
        let mut claimed = 0;
        while claimed == 0 {
            expect_fires("an event that is added meanwhile", &mut wakeups).await?;
            claimed = world.claim("crm", 10).await?.len();
        }
        let added = adding.await.map_err(|error| Failure::new(format!("adding ended: {error}")))?;
        added?;
    }
    let jobs = world.store.find_jobs(WhereEvents::default()).await?.entries;
    ensure!(
        jobs.iter().all(|job| job.status() == Some(Status::Executing)),
        "not every job that was announced was claimed"
    );
    Ok(())
}

async fn the_deadline_of_the_call_does_not_end_the_stream(world: &World) -> Outcome {
    let timeout = Duration::from_secs(1);
    let toolkit = world.toolkit.clone().with_timeout(timeout);
    let mut wakeups = world.store.with_toolkit(toolkit.clone()).wakeups().await?;
    while toolkit.remaining().is_some_and(|left| !left.is_zero()) {
        settle(&mut wakeups).await?;
    }
    world.stored_job("crm").await?;
    expect_fires("a job after the deadline", &mut wakeups).await
}
