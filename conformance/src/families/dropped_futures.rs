//! A call whose future is dropped leaves the store usable, and is done whole or not at all.

use std::{
    collections::BTreeSet,
    future::poll_fn,
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use blacksmith_store_core::{
    Change, ChangeOutcome, ClaimRequest, Event, ExpireRequest, ExtendRequest, Job, Pause,
    PurgeRequest, Status, Token, Want, WhereEvents,
};

use crate::{
    case::family,
    failure::{Failure, Outcome, ensure, expect_eq},
    world::{LEASE, WORKER, World, expect_once, latest, token, with},
};

family! {
    "dropped_futures";
    a_call_that_was_never_polled_does_nothing,
    a_dropped_add_events_is_done_whole_or_not_at_all,
    a_dropped_add_jobs_is_done_whole_or_not_at_all,
    a_dropped_add_transitions_is_done_whole_or_not_at_all,
    a_dropped_apply_is_done_whole_or_not_at_all,
    a_dropped_claim_is_told_by_extend_leases,
    a_dropped_extend_leases_loses_no_claim,
    a_dropped_expire_leases_is_done_whole_or_not_at_all,
    a_dropped_pause_and_resume_take_effect_once,
    a_dropped_purge_leaves_whole_events,
    dropped_reads_leave_the_store_usable,
    hundreds_of_dropped_calls_use_nothing_up,
    neighbours_of_a_dropped_call_are_answered,
}

/// How often a future is polled before it is dropped: from never to until it is certainly done in most stores.
const POLLS: [usize; 12] = [0, 1, 2, 3, 4, 5, 8, 13, 30, 100, 300, 1_000];

/// What must come comes by then.
const PATIENCE: Duration = Duration::from_secs(20);

/// Polls a future so many times, unless it is ready before, and drops it.
async fn dropped_after<T>(polls: usize, future: impl Future<Output = T>) {
    let mut future = pin!(future);
    for _ in 0..polls {
        let is_ready =
            poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await;
        if is_ready {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Three events of two jobs each.
fn events(world: &World) -> Vec<Event> {
    let event = || world.event().with_job(world.job("crm")).with_job(world.job("crm"));
    (0..3).map(|_| event()).collect()
}

async fn a_call_that_was_never_polled_does_nothing(world: &World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    world.stored_job("crm").await?;
    let before = world.contents().await?;
    let (store, toolkit) = (world.store.raw(), &world.toolkit);
    drop(store.add_events(toolkit, events(world)));
    drop(store.add_transitions(toolkit, vec![world.next(&job, Status::Succeeded)?]));
    drop(store.claim(toolkit, ClaimRequest::new(WORKER, LEASE, [Want::any(10)])));
    drop(store.purge(toolkit, PurgeRequest::everything().with_recent().with_unfinished()));
    world.expect_unchanged("calls that were never polled", &before).await
}

async fn a_dropped_add_events_is_done_whole_or_not_at_all(world: &World) -> Outcome {
    for polls in POLLS {
        let events = events(world);
        dropped_after(polls, world.store.raw().add_events(&world.toolkit, events.clone())).await;
        let stored = WhereEvents::default().with_limit(1_000);
        let stored = world.store.find_events(stored).await?.entries;
        let sent: Vec<_> = events.iter().map(|event| event.id).collect();
        let there = stored.iter().filter(|event| sent.contains(&event.id)).count();
        ensure!([0, 3].contains(&there), "after {polls} polls, {there} of 3 events are there");
        expect_once(
            format!("dropped after {polls} polls"),
            world.store.add_events(events).await?,
            3,
            6,
        )?;
    }
    Ok(())
}

async fn a_dropped_add_jobs_is_done_whole_or_not_at_all(world: &World) -> Outcome {
    for polls in POLLS {
        let event = world.event();
        world.store.add_events(vec![event.clone()]).await?;
        let jobs: Vec<Job> = (0..4).map(|_| world.job("crm").with_event_id(event.id)).collect();
        dropped_after(polls, world.store.raw().add_jobs(&world.toolkit, jobs.clone())).await;
        let there = world.store.find_event(event.id).await?.jobs.len();
        ensure!([0, 4].contains(&there), "after {polls} polls, {there} of 4 jobs are there");
        expect_once(
            format!("dropped after {polls} polls"),
            world.store.add_jobs(jobs).await?,
            0,
            4,
        )?;
    }
    Ok(())
}

async fn a_dropped_add_transitions_is_done_whole_or_not_at_all(world: &World) -> Outcome {
    for polls in POLLS {
        world.stored_jobs("crm", 3).await?;
        let claimed = world.claim("crm", 3).await?;
        let outcomes = claimed.iter().map(|job| world.next(job, Status::Succeeded));
        let outcomes = outcomes.collect::<Outcome<Vec<_>>>()?;
        let call = world.store.raw().add_transitions(&world.toolkit, outcomes.clone());
        dropped_after(polls, call).await;
        let appended = world.store.add_transitions(outcomes).await?;
        ensure!(
            [(3, 0), (0, 3)].contains(&(appended.new, appended.known)),
            "after {polls} polls and sent again, outcomes are new and known: {appended:?}"
        );
    }
    Ok(())
}

async fn a_dropped_apply_is_done_whole_or_not_at_all(world: &World) -> Outcome {
    for polls in POLLS {
        world.stored_jobs("crm", 3).await?;
        let claimed = world.claim("crm", 3).await?;
        let changes = claimed.iter().map(|job| {
            let follow_up = world.event().with_job(world.job("follow-up"));
            Ok(Change::new(world.next(job, Status::Succeeded)?).with_event(follow_up))
        });
        let changes = changes.collect::<Outcome<Vec<_>>>()?;
        dropped_after(polls, world.store.raw().apply(&world.toolkit, changes.clone())).await;
        let outcomes = world.store.apply(changes.clone()).await?;
        ensure!(
            outcomes == [ChangeOutcome::Applied; 3] || outcomes == [ChangeOutcome::Known; 3],
            "after {polls} polls and sent again, changes are new and known: {outcomes:?}"
        );
        for change in changes {
            let added = world.store.add_events(change.events).await?;
            expect_eq("a follow-up", (added.events_known, added.jobs_known), (1, 1))?;
        }
    }
    Ok(())
}

/// The jobs that the worker holds.
async fn held_by_worker(world: &World) -> Outcome<Vec<Job>> {
    let request = ExtendRequest::new(WORKER, LEASE, []);
    let others = world.store.extend_leases(request).await?.others;
    Ok(others.jobs().map(|(_, job)| job.clone()).collect())
}

async fn a_dropped_claim_is_told_by_extend_leases(world: &World) -> Outcome {
    for polls in POLLS {
        let jobs: BTreeSet<_> = world.stored_jobs("crm", 3).await?.into_iter().collect();
        let claim = || ClaimRequest::new(WORKER, LEASE, [Want::any(10)]);
        dropped_after(polls, world.store.raw().claim(&world.toolkit, claim())).await;

        let mut held = held_by_worker(world).await?;
        ensure!(
            [0, 3].contains(&held.len()),
            "after {polls} polls, a claim took {} of 3 jobs",
            held.len()
        );
        // It may still be under way, so that for a moment another claim finds nothing and an extension nothing yet.
        let deadline = Instant::now() + PATIENCE;
        while held.len() < jobs.len() {
            ensure!(
                Instant::now() < deadline,
                "after {polls} polls, {} of 3 jobs are held",
                held.len()
            );
            world.store.claim(claim()).await?;
            held = held_by_worker(world).await?;
            tokio::task::yield_now().await;
        }
        let ids: BTreeSet<_> = held.iter().map(|job| job.id).collect();
        expect_eq("the jobs that are held", ids, jobs)?;
        for job in held {
            expect_eq("runs that were begun", latest(&job)?.attempt, 1)?;
            world.moved(&job, Status::Succeeded).await?;
        }
    }
    Ok(())
}

async fn a_dropped_extend_leases_loses_no_claim(world: &World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    for polls in POLLS {
        world.advance(Duration::from_secs(1));
        let request = || Ok::<_, Failure>(ExtendRequest::new(WORKER, LEASE, [token(&job)?]));
        dropped_after(polls, world.store.raw().extend_leases(&world.toolkit, request()?)).await;
        let extended = world.store.extend_leases(request()?).await?;
        expect_eq(format!("after {polls} polls"), extended.tokens, vec![Token::Kept])?;
    }
    world.advance_almost(LEASE);
    let expired = world.store.expire_leases(ExpireRequest::new("sweeper", 10)).await?;
    expect_eq("claims that expired before the lease's end", expired, 0)
}

async fn a_dropped_expire_leases_is_done_whole_or_not_at_all(world: &World) -> Outcome {
    for polls in POLLS {
        let queue = format!("after {polls}");
        world.stored_jobs(&queue, 3).await?;
        let claimed = world.claim(&queue, 3).await?;
        world.advance(LEASE);
        let request = || ExpireRequest::new("sweeper", 10);
        dropped_after(polls, world.store.raw().expire_leases(&world.toolkit, request())).await;
        let is_given_up = |job: &Job| job.status() == Some(Status::Unknown);
        let mut jobs = read_again(world, &claimed).await?;
        let there = jobs.iter().filter(|job| is_given_up(job)).count();
        ensure!([0, 3].contains(&there), "after {polls} polls, {there} of 3 claims were given up");
        let deadline = Instant::now() + PATIENCE;
        while !jobs.iter().all(is_given_up) {
            ensure!(Instant::now() < deadline, "after {polls} polls, not all claims are given up");
            world.store.expire_leases(request()).await?;
            jobs = read_again(world, &claimed).await?;
            tokio::task::yield_now().await;
        }
        for job in jobs {
            world.moved(&job, Status::Discarded).await?;
        }
    }
    Ok(())
}

/// The jobs of one event as they are now, all seen at once: a dropped write may still be under way.
async fn read_again(world: &World, jobs: &[Job]) -> Outcome<Vec<Job>> {
    let Some(event) = jobs.first().and_then(|job| job.event_id) else {
        return Ok(Vec::new());
    };
    Ok(world.store.find_event(event).await?.jobs)
}

async fn a_dropped_pause_and_resume_take_effect_once(world: &World) -> Outcome {
    for polls in POLLS {
        let pause = Pause::new(world.toolkit.pause_id(), "crm", WORKER);
        dropped_after(polls, world.store.raw().pause(&world.toolkit, pause.clone())).await;
        world.store.pause(pause.clone()).await?;
        let pauses = world.store.pauses().await?;
        let pauses: Vec<_> = pauses.iter().map(|pause| pause.id).collect();
        expect_eq(format!("pauses after {polls} polls"), pauses, vec![pause.id])?;

        dropped_after(polls, world.store.raw().resume(&world.toolkit, pause.id)).await;
        world.store.resume(pause.id).await?;
        expect_eq(format!("pauses after {polls} polls"), world.store.pauses().await?, vec![])?;
    }
    Ok(())
}

/// The check that follows each case finds parts of events.
async fn a_dropped_purge_leaves_whole_events(world: &World) -> Outcome {
    let spared = with(world.event(), |event| event.source = "keeper".into());
    world.store.add_events(vec![spared.clone()]).await?;
    let request = || {
        let filter = WhereEvents::default().with_sources_in(["github"]);
        PurgeRequest::new(filter).with_recent().with_unfinished()
    };
    for polls in POLLS {
        let events = (0..100).map(|_| world.event().with_job(world.job("crm"))).collect();
        world.store.add_events(events).await?;
        dropped_after(polls, world.store.raw().purge(&world.toolkit, request())).await;
        let left = world.store.find_events(WhereEvents::default().with_limit(1_000)).await?;
        let halves =
            left.entries.iter().filter(|event| event.jobs.len() != 1 && event.id != spared.id);
        expect_eq(format!("after {polls} polls, events without their job"), halves.count(), 0)?;
        let deadline = Instant::now() + PATIENCE;
        while world.contents().await?.events.len() > 1 {
            ensure!(
                Instant::now() < deadline,
                "after {polls} polls, a purge does not come to its end"
            );
            let purged = world.store.purge(request()).await?;
            expect_eq("jobs and events that were left", purged.jobs, purged.events)?;
        }
        expect_eq("the spared one", world.store.find_event(spared.id).await?.id, spared.id)?;
    }
    Ok(())
}

async fn dropped_reads_leave_the_store_usable(world: &World) -> Outcome {
    let event = world.event().with_job(world.job("crm"));
    world.store.add_events(vec![event.clone()]).await?;
    let job = world.store.find_job(event.jobs[0].id).await?;
    let first = latest(&job)?.id;
    let before = world.contents().await?;
    let (store, toolkit) = (world.store.raw(), &world.toolkit);
    for polls in POLLS {
        dropped_after(polls, store.find_event(toolkit, event.id)).await;
        dropped_after(polls, store.find_job(toolkit, job.id)).await;
        dropped_after(polls, store.find_transition(toolkit, first)).await;
        dropped_after(polls, store.find_events(toolkit, WhereEvents::default())).await;
        dropped_after(polls, store.find_jobs(toolkit, WhereEvents::default())).await;
        dropped_after(polls, store.find_transitions(toolkit, WhereEvents::default())).await;
        dropped_after(polls, store.stats(toolkit)).await;
        dropped_after(polls, store.pauses(toolkit)).await;
        dropped_after(polls, store.wakeups(toolkit)).await;
        dropped_after(polls, store.maintain(toolkit)).await;
    }
    world.expect_unchanged("dropped reads", &before).await
}

/// No connection, lock or place in a line stays with a call that is gone.
async fn hundreds_of_dropped_calls_use_nothing_up(world: &World) -> Outcome {
    let (store, toolkit) = (world.store.raw(), &world.toolkit);
    for polls in 0..200 {
        dropped_after(polls % 4, store.add_events(toolkit, vec![world.event()])).await;
        dropped_after(polls % 4, store.stats(toolkit)).await;
        let claim = ClaimRequest::new(WORKER, LEASE, [Want::any(1)]);
        dropped_after(polls % 4, store.claim(toolkit, claim)).await;
    }
    let event = world.event();
    let call = async {
        world.store.add_events(vec![event.clone()]).await?;
        world.store.find_event(event.id).await
    };
    match tokio::time::timeout(PATIENCE, call).await {
        Ok(found) => expect_eq("the event", found?.id, event.id),
        Err(_) => expect_eq("the store after dropped calls", "it does not answer", "it answers"),
    }
}

/// Callers may share a commit; what one of them drops does not take the others along.
async fn neighbours_of_a_dropped_call_are_answered(world: &World) -> Outcome {
    for polls in 0..30 {
        let (dropped, kept) = (world.event(), world.event().with_job(world.job("crm")));
        let one = dropped_after(
            polls % 6,
            world.store.raw().add_events(&world.toolkit, vec![dropped.clone()]),
        );
        let (added, ()) = tokio::join!(world.store.add_events(vec![kept.clone()]), one);
        expect_eq("the neighbour's event", added?.events, 1)?;
        expect_eq("its jobs", world.store.find_event(kept.id).await?.jobs.len(), 1)?;
        expect_once(
            format!("dropped after {polls} polls"),
            world.store.add_events(vec![dropped]).await?,
            1,
            0,
        )?;
    }
    Ok(())
}
