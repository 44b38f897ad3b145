//! Several processes on the same data are one store.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use blacksmith_store_core::{
    ClaimRequest, ErrorKind, Event, ExpireRequest, ExtendRequest, JobId, Pause, PurgeRequest,
    Status, Token, Want, WhereEvents,
};
use futures_util::{FutureExt as _, StreamExt as _};

use crate::{
    case::family,
    failure::{Failure, Outcome, ensure, expect_eq, expect_error},
    families::{
        handles::stats_count_what_is_added_beside,
        races::{PATIENCE, at_once},
    },
    handle::Handle,
    world::{LEASE, World, token},
};

family! {
    "processes";
    [several_processes] what_one_process_writes_another_sees,
    [several_processes] the_same_events_added_by_three_processes_are_stored_once,
    [several_processes] claims_of_many_processes_are_disjoint_and_complete,
    [several_processes] a_lost_answer_is_told_in_another_process,
    [several_processes] a_process_that_ends_takes_nothing_along,
    [several_processes] stats_count_what_all_processes_do,
    [several_processes] work_added_by_one_process_wakes_another,
}

/// The ids of the jobs that a claim gets.
async fn claim(store: &Handle, actor: &str, limit: usize) -> Outcome<(Vec<JobId>, bool)> {
    let claimed = store.claim(ClaimRequest::new(actor, LEASE, [Want::any(limit)])).await?;
    let ids = claimed.queue.jobs().map(|(_, job)| job.id).collect();
    Ok((ids, claimed.next_due.is_some()))
}

async fn what_one_process_writes_another_sees(world: &World) -> Outcome {
    let other = world.handle_in(&world.another_process().await?);
    let event = world.event().with_data("\0 x").with_job(world.job("crm").with_context(""));
    other.add_events(vec![event.clone()]).await?;
    let found = world.store.find_event(event.id).await?;
    expect_eq("its data", found.data.as_deref(), Some(&b"\0 x"[..]))?;
    expect_eq("the event, in both", &other.find_event(event.id).await?, &found)?;
    let known = world.store.add_events(vec![event.clone()]).await?;
    expect_eq("added again", (known.events_known, known.jobs_known), (1, 1))?;
    let refused = other.add_events(vec![event.with_data("y")]).await;
    expect_error("with other data", refused, ErrorKind::Conflict)?;

    let discarded = world.next(&found.jobs[0], Status::Discarded)?;
    world.store.add_transitions(vec![discarded.clone()]).await?;
    let seen = other.find_transition(discarded.id).await?;
    expect_eq("a move, in both", &seen, &world.store.find_transition(discarded.id).await?)?;
    let page = other.find_jobs(WhereEvents::default()).await?;
    expect_eq("in a search", page.entries[0].status(), Some(Status::Discarded))?;

    let pause = Pause::new(world.toolkit.pause_id(), "crm", "operator");
    ensure!(other.pause(pause.clone()).await?, "the pause is new");
    expect_eq("pauses, in both", other.pauses().await?, world.store.pauses().await?)?;
    ensure!(!world.store.pause(pause).await?, "the pause is known");

    other.purge(PurgeRequest::everything().with_recent()).await?;
    expect_error("what was purged", world.store.find_event(found.id).await, ErrorKind::NotFound)?;
    Ok(())
}

async fn the_same_events_added_by_three_processes_are_stored_once(world: &World) -> Outcome {
    let mut stores = Vec::new();
    for _ in 0..3 {
        stores.push(world.handle_in(&world.another_process().await?));
    }
    for round in 0..8 {
        let event = || world.event().with_job(world.job("crm")).with_job(world.job("crm"));
        let events: Vec<Event> = (0..5).map(|_| event()).collect();
        let calls = stores.iter().enumerate().map(|(place, store)| {
            let (store, mut events) = (store.clone(), events.clone());
            events.rotate_left(place);
            async move { Ok(store.add_events(events).await?) }.boxed()
        });
        let added = at_once(round, calls).await?;
        let sum = |count: fn(&blacksmith_store_core::Added) -> u64| added.iter().map(count).sum();
        let new: (u64, u64) = (sum(|added| added.events), sum(|added| added.jobs));
        let known: (u64, u64) = (sum(|added| added.events_known), sum(|added| added.jobs_known));
        expect_eq("events and jobs: new, known", (new, known), ((5, 10), (10, 20)))?;
    }
    Ok(())
}

/// One of them adds while the others claim.
async fn claims_of_many_processes_are_disjoint_and_complete(world: &World) -> Outcome {
    const BATCHES: usize = 30;
    const JOBS: usize = BATCHES * 5;
    let adder = world.handle_in(&world.another_process().await?);
    let batches: Vec<Event> = (0..BATCHES)
        .map(|_| (0..5).fold(world.event(), |event, _| event.with_job(world.job("crm"))))
        .collect();
    let jobs: HashSet<JobId> =
        batches.iter().flat_map(|event| event.jobs.iter().map(|job| job.id)).collect();
    let mut calls = vec![
        async move {
            for event in batches {
                adder.add_events(vec![event]).await?;
            }
            Ok(Vec::new())
        }
        .boxed(),
    ];
    for number in 0..3 {
        let store = world.handle_in(&world.another_process().await?);
        calls.push(
            async move {
                let mut taken = Vec::new();
                let mut in_vain = 0;
                // Others may get what is due, and the last jobs may not be there yet.
                while in_vain < 20 {
                    let (got, _) = claim(&store, &format!("worker-{number}"), 7).await?;
                    in_vain = if got.is_empty() { in_vain + 1 } else { 0 };
                    taken.extend(got);
                    tokio::task::yield_now().await;
                }
                Ok(taken)
            }
            .boxed(),
        );
    }
    let mut taken = at_once(0, calls).await?.concat();
    let deadline = Instant::now() + PATIENCE;
    while taken.len() < JOBS {
        ensure!(Instant::now() < deadline, "{} jobs of {JOBS} are handed out", taken.len());
        taken.extend(claim(&world.store, "last", 100).await?.0);
    }
    expect_eq("jobs handed out", taken.len(), JOBS)?;
    expect_eq("each of them once", taken.into_iter().collect::<HashSet<_>>(), jobs)
}

async fn a_lost_answer_is_told_in_another_process(world: &World) -> Outcome {
    let other = world.handle_in(&world.another_process().await?);
    let jobs = world.stored_jobs("crm", 3).await?;
    let claimed = world.claim("crm", 10).await?;
    let others = other.extend_leases(ExtendRequest::new("worker", LEASE, [])).await?.others;
    let told: Vec<_> = others.jobs().map(|(_, job)| job.id).collect();
    expect_eq("jobs that the worker holds", told, jobs)?;

    world.advance(LEASE / 2);
    let request =
        |actor: &str| Ok::<_, Failure>(ExtendRequest::new(actor, LEASE, [token(&claimed[0])?]));
    let extended = other.extend_leases(request("somebody")?).await?;
    expect_eq("extended by somebody else", extended.tokens, vec![Token::Lost])?;
    let extended = other.extend_leases(request("worker")?).await?;
    expect_eq("extended by its holder", extended.tokens, vec![Token::Kept])?;
    world.advance(LEASE / 2);
    let expire = || ExpireRequest::new("sweeper", 10);
    let expired = world.store.expire_leases(expire()).await?;
    expect_eq("claims that expired when the first lease would have ended", expired, 0)?;
    world.advance(LEASE / 2);
    let expired = other.expire_leases(expire()).await?;
    expect_eq("claims that expired when the lease had ended", expired, 3)?;
    let stale = world.next(&claimed[0], Status::Succeeded)?;
    let refused = world.store.add_transitions(vec![stale]).await;
    expect_error("a late outcome", refused, ErrorKind::Conflict)?;
    Ok(())
}

async fn a_process_that_ends_takes_nothing_along(world: &World) -> Outcome {
    let process = world.another_process().await?;
    let other = world.handle_in(&process);
    let event = world.event().with_job(world.job("crm")).with_job(world.job("crm"));
    other.add_events(vec![event.clone()]).await?;
    let claimed = other.claim(ClaimRequest::new("other", LEASE, [Want::any(1)])).await?;
    drop(other);
    drop(process);

    let held: Vec<_> = claimed.queue.jobs().map(|(_, job)| job).collect();
    expect_eq("jobs that it claimed", held.len(), 1)?;
    expect_eq("its event", world.store.find_event(event.id).await?.jobs.len(), 2)?;
    let tokens = held.iter().map(|job| token(job)).collect::<Outcome<Vec<_>>>()?;
    let extended = world.store.extend_leases(ExtendRequest::new("other", LEASE, tokens)).await?;
    expect_eq("its claim", extended.tokens, vec![Token::Kept])?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (rest, _) = claim(&world.store, "worker", 10).await?;
        if !rest.is_empty() {
            let waiting: Vec<_> =
                event.jobs.iter().map(|job| job.id).filter(|id| *id != held[0].id).collect();
            return expect_eq("what is left", rest, waiting);
        }
        ensure!(Instant::now() < deadline, "the other job is not handed out");
    }
}

async fn stats_count_what_all_processes_do(world: &World) -> Outcome {
    let other = world.handle_in(&world.another_process().await?);
    stats_count_what_is_added_beside(world, &other, 6).await
}

/// For adapters that have wake-ups.
async fn work_added_by_one_process_wakes_another(world: &World) -> Outcome {
    if !world.store.capabilities().wakeups {
        return Ok(());
    }
    let other = world.handle_in(&world.another_process().await?);
    let mut wakeups = world.store.wakeups().await?;
    for round in 1..=3 {
        other.add_events(vec![world.event().with_job(world.job("crm"))]).await?;
        match tokio::time::timeout(Duration::from_secs(10), wakeups.next()).await {
            Ok(Some(_)) => {}
            Ok(None) => return Err(Failure::new("the stream ended while its store is open")),
            Err(_) => return Err(Failure::new(format!("round {round}: the stream does not fire"))),
        }
    }
    Ok(())
}
