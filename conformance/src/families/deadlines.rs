//! A call whose deadline has passed does nothing, and a deadline that is far away changes nothing.

use std::time::{Duration, Instant};

use blacksmith_store_core::{
    Change, ClaimRequest, ErrorKind, ExpireRequest, ExtendRequest, Pause, PurgeRequest, Retry,
    Status, Want, WhereEvents,
};

use crate::{
    case::family,
    failure::{Failure, Outcome, ensure, expect_eq, expect_error},
    handle::Handle,
    world::{LEASE, WORKER, World, latest, token},
};

family! {
    "deadlines";
    every_late_write_is_a_timeout_and_changes_nothing,
    every_late_read_is_a_timeout,
    a_late_call_is_told_so_before_it_is_checked,
    a_generous_deadline_changes_nothing,
    a_deadline_is_an_instant_and_not_a_length,
    short_deadlines_never_leave_a_read_in_doubt,
    a_write_that_was_surely_not_done_is_not_there,
    a_write_in_doubt_is_settled_by_sending_it_again,
}

/// The store called with a deadline that has passed.
fn late(world: &World) -> Handle {
    world.store.with_toolkit(world.toolkit.clone().with_deadline(Instant::now()))
}

/// The store called with so much time from now on.
fn within(world: &World, timeout: Duration) -> Handle {
    world.store.with_toolkit(world.toolkit.clone().with_timeout(timeout))
}

/// Fails unless the call came too late, and may be sent again.
#[track_caller]
fn expect_late<T: std::fmt::Debug>(
    method: &str,
    result: blacksmith_store_core::Result<T>,
) -> Outcome {
    let error = expect_error(format!("{method}, too late"), result, ErrorKind::Timeout)?;
    expect_eq(format!("{method}, too late: whether a retry helps"), error.retry(), Retry::Safe)
}

async fn every_late_write_is_a_timeout_and_changes_nothing(world: &World) -> Outcome {
    // Each of the writes below would change something if it were in time.
    let waiting = world.stored_job("waiting").await?;
    let claimed = world.claimed_job("crm").await?;
    let other = world.claimed_job("erp").await?;
    world.job_in("done", Status::Succeeded).await?;
    let pause = Pause::new(world.toolkit.pause_id(), "paused", WORKER);
    world.store.pause(pause.clone()).await?;
    world.advance(LEASE);
    let before = world.contents().await?;
    let pauses = world.store.pauses().await?;

    let late = late(world);
    let event = waiting.event_id.ok_or_else(|| Failure::new("a stored job has its event"))?;
    let new = world.event().with_job(world.job("crm"));
    expect_late("add_events", late.add_events(vec![new]).await)?;
    let job = world.job("crm").with_event_id(event);
    expect_late("add_jobs", late.add_jobs(vec![job]).await)?;
    let next = world.next(&claimed, Status::Succeeded)?;
    expect_late("add_transitions", late.add_transitions(vec![next]).await)?;
    let change = Change::new(world.next(&other, Status::Succeeded)?).with_event(world.event());
    expect_late("apply", late.apply(vec![change]).await)?;
    let request = ClaimRequest::new(WORKER, LEASE, [Want::any(10)]);
    expect_late("claim", late.claim(request).await)?;
    let request = ExtendRequest::new(WORKER, LEASE, [token(&claimed)?, token(&other)?]);
    expect_late("extend_leases", late.extend_leases(request).await)?;
    expect_late("expire_leases", late.expire_leases(ExpireRequest::new(WORKER, 10)).await)?;
    let new = Pause::new(world.toolkit.pause_id(), "waiting", WORKER);
    expect_late("pause", late.pause(new).await)?;
    expect_late("resume", late.resume(pause.id).await)?;
    let request = PurgeRequest::everything().with_recent().with_unfinished();
    expect_late("purge", late.purge(request).await)?;
    expect_late("maintain", late.maintain().await)?;

    world.expect_unchanged("late writes", &before).await?;
    expect_eq("the pauses", world.store.pauses().await?, pauses)?;
    expect_eq("a waiting job is due", world.claim_one("waiting").await?.id, waiting.id)?;
    // No lease was extended, and no claim was given up.
    let expired = world.store.expire_leases(ExpireRequest::new("sweeper", 10)).await?;
    expect_eq("claims whose lease has ended", expired, 2)
}

async fn every_late_read_is_a_timeout(world: &World) -> Outcome {
    let job = world.stored_job("crm").await?;
    let event = job.event_id.ok_or_else(|| Failure::new("a stored job has its event"))?;
    let late = late(world);
    let all = WhereEvents::default;
    expect_late("find_event", late.find_event(event).await)?;
    expect_late("find_job", late.find_job(job.id).await)?;
    expect_late("find_transition", late.find_transition(latest(&job)?.id).await)?;
    expect_late("find_events", late.find_events(all()).await)?;
    expect_late("find_jobs", late.find_jobs(all()).await)?;
    expect_late("find_transitions", late.find_transitions(all()).await)?;
    expect_late("pauses", late.pauses().await)?;
    expect_late("stats", late.stats().await)?;
    expect_late("wakeups", late.wakeups().await.map(|_| "a stream"))
}

/// Whoever is late gives up, whatever the call was; so that no answer depends on how far a check had come.
async fn a_late_call_is_told_so_before_it_is_checked(world: &World) -> Outcome {
    let late = late(world);
    expect_late("an empty batch", late.add_events(vec![]).await)?;
    expect_late("an unknown id", late.find_event(world.toolkit.event_id()).await)?;
    expect_late("what is refused in time", late.purge(PurgeRequest::default()).await)
}

async fn a_generous_deadline_changes_nothing(world: &World) -> Outcome {
    let store = within(world, Duration::from_hours(1));
    let event = world.event().with_job(world.job("crm"));
    store.add_events(vec![event.clone()]).await?;
    let claimed = store.claim(ClaimRequest::new(WORKER, LEASE, [Want::any(10)])).await?;
    let (_, job) = claimed.queue.jobs().next().ok_or_else(|| Failure::new("no job is due"))?;
    let request = ExtendRequest::new(WORKER, LEASE, [token(job)?]);
    store.extend_leases(request).await?;
    let appended = store.add_transitions(vec![world.next(job, Status::Succeeded)?]).await?;
    expect_eq("outcomes", appended.new, 1)?;
    expect_eq("jobs found", store.find_jobs(WhereEvents::default()).await?.entries.len(), 1)?;
    expect_eq("queues", store.stats().await?.len(), 1)?;
    store.maintain().await?;
    let purged = store.purge(PurgeRequest::everything().with_recent()).await?;
    expect_eq("what was purged", (purged.events, purged.more), (1, false))?;

    // Longer than a clock can tell.
    let endless = within(world, Duration::MAX);
    expect_eq("events added", endless.add_events(vec![event]).await?.events, 1)
}

/// What is left of it shrinks from call to call.
async fn a_deadline_is_an_instant_and_not_a_length(world: &World) -> Outcome {
    let toolkit = world.toolkit.clone().with_timeout(Duration::from_millis(50));
    let began = Instant::now();
    loop {
        let answer = world.store.raw().pauses(&toolkit).await;
        if answer.is_err() {
            return expect_late("pauses", answer);
        }
        ensure!(
            began.elapsed() < Duration::from_secs(30),
            "a deadline after 50 ms did not stop calls for 30 s"
        );
    }
}

/// Timeouts from one that cannot be kept to one that mostly can.
fn short_timeouts() -> impl Iterator<Item = Duration> {
    (0..40).map(|step| Duration::from_micros(20 + 5 * step * step))
}

async fn short_deadlines_never_leave_a_read_in_doubt(world: &World) -> Outcome {
    world.stored_jobs("crm", 500).await?;
    for timeout in short_timeouts() {
        let store = within(world, timeout);
        let read = store.find_jobs(WhereEvents::default().with_limit(1_000)).await;
        if read.is_err() {
            expect_late("find_jobs", read)?;
        }
        let read = store.find_events(WhereEvents::default()).await;
        if read.is_err() {
            expect_late("find_events", read)?;
        }
    }
    Ok(())
}

async fn a_write_that_was_surely_not_done_is_not_there(world: &World) -> Outcome {
    let mut sent = Vec::new();
    for timeout in short_timeouts() {
        let jobs = (0..20).map(|_| world.job("crm"));
        let event = jobs.fold(world.event(), blacksmith_store_core::Event::with_job);
        let answer = within(world, timeout).add_events(vec![event.clone()]).await;
        match &answer {
            Ok(added) => expect_eq("jobs added", added.jobs, 20)?,
            Err(error) => expect_eq("the error's kind", error.kind(), ErrorKind::Timeout)?,
        }
        sent.push((event.id, answer.map_err(|error| error.retry())));
    }
    // Also after everything that was under way has ended.
    for (id, answer) in sent {
        let found = world.store.find_event(id).await;
        match answer {
            Ok(_) => expect_eq("the jobs of an event that was added", found?.jobs.len(), 20)?,
            Err(Retry::Safe) => {
                expect_error("a write of which nothing was done", found, ErrorKind::NotFound)?;
            }
            Err(_) => {}
        }
    }
    Ok(())
}

async fn a_write_in_doubt_is_settled_by_sending_it_again(world: &World) -> Outcome {
    for timeout in short_timeouts() {
        let event = world.event().with_job(world.job("crm")).with_job(world.job("crm"));
        // Whatever became of it.
        drop(within(world, timeout).add_events(vec![event.clone()]).await);
        let added = world.store.add_events(vec![event.clone()]).await?;
        let counts = (added.events, added.events_known, added.jobs, added.jobs_known);
        ensure!(
            matches!(counts, (1, 0, 2, 0) | (0, 1, 0, 2)),
            "sent again, the event is neither new nor known as a whole: {added:?}"
        );
        expect_eq("its jobs", world.store.find_event(event.id).await?.jobs.len(), 2)?;
    }
    Ok(())
}
