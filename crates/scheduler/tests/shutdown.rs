//! A graceful end: within its time, and with nothing left executing.

mod world;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use blacksmith_scheduler::{Destination, each};
use blacksmith_store::Status::{self, Acknowledged, Awaiting, Executing, Succeeded, Unknown};
use tokio::time::Instant;
use world::{Fault, World, expect_legal, start, until, within};

const SHUTDOWN: Duration = Duration::from_secs(10);

/// An action whose runs take that long; `None`: for ever.
fn taking(time: Option<Duration>, concurrency: usize, prefetch: usize) -> Destination {
    let upsert = each("upsert", move |_| async move {
        match time {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
        Ok(())
    });
    let upsert = upsert.with_concurrency(concurrency).with_prefetch(prefetch).with_timeout(None);
    Destination::new("crm").with_action(upsert)
}

#[tokio::test(start_paused = true)]
async fn what_runs_ends_and_what_has_not_started_is_given_back() {
    let world = World::new().await;
    let jobs = world.add("crm", "upsert", 12).await;
    let scheduler =
        start(world.scheduler("one").with_shutdown_timeout(SHUTDOWN).with_destination(taking(
            Some(Duration::from_secs(3)),
            2,
            10,
        )));
    until("all are claimed", async || world.counts().await.executing == 12).await;
    let began = Instant::now();
    let stopped = scheduler.stop().await;
    assert_eq!(stopped.left_executing, 0);
    assert_eq!((stopped.succeeded, stopped.retried, stopped.discarded), (2, 0, 0));
    let took = began.elapsed();
    assert!(took > Duration::from_secs(2) && took < Duration::from_secs(4), "{took:?}");

    let mut ends = Vec::new();
    for job in jobs {
        let chain = world.history(job).await;
        expect_legal(&chain);
        ends.push((chain[chain.len() - 1].state_after, chain[chain.len() - 1].attempt));
    }
    ends.sort_unstable();
    // What was given back used no attempt up.
    let expected: Vec<(Status, u32)> =
        std::iter::repeat_n((Awaiting, 0), 10).chain([(Succeeded, 1); 2]).collect();
    assert_eq!(ends, expected);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_end_in_time_is_cancelled_and_reported_unknown() {
    let world = World::new().await;
    let jobs = world.add("crm", "upsert", 3).await;
    let scheduler = start(
        world.scheduler("one").with_shutdown_timeout(SHUTDOWN).with_destination(taking(None, 3, 0)),
    );
    until("all run", async || world.counts().await.executing == 3).await;
    let stopped = within(SHUTDOWN, scheduler.stop()).await;
    assert_eq!(stopped.left_executing, 0);
    for job in jobs {
        assert_eq!(world.states(job).await, [Acknowledged, Executing, Unknown]);
        let error = world.history(job).await[2].error.clone().expect("a reason");
        assert!(error.message().contains("had to stop"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_claim_on_its_way_is_waited_for_and_given_back() {
    let world = World::new().await;
    let jobs = world.add("crm", "upsert", 5).await;
    world.store.fail_next("claim", [Fault::AnswerLate(Duration::from_secs(2))]);
    let mut scheduler =
        start(world.scheduler("one").with_shutdown_timeout(SHUTDOWN).with_destination(taking(
            Some(Duration::ZERO),
            5,
            0,
        )));
    until("the claim is on its way", async || world.counts().await.executing == 5).await;
    scheduler.ask_to_stop();
    assert_eq!(scheduler.stop().await.left_executing, 0);
    for job in jobs {
        assert_eq!(world.states(job).await, [Acknowledged, Executing, Awaiting]);
    }
}

#[tokio::test(start_paused = true)]
async fn claims_whose_answer_was_lost_are_given_back_too() {
    let world = World::new().await;
    let jobs = world.add("crm", "upsert", 5).await;
    world.store.fail_next("claim", [Fault::AnswerLost]);
    world.store.fail_next("extend_leases", [Fault::Refused; 3]);
    let scheduler =
        start(world.scheduler("one").with_shutdown_timeout(SHUTDOWN).with_destination(taking(
            Some(Duration::ZERO),
            5,
            0,
        )));
    until("they are claimed", async || world.counts().await.executing == 5).await;
    let stopped = within(SHUTDOWN, scheduler.stop()).await;
    assert_eq!(stopped.left_executing, 0);
    for job in jobs {
        assert_eq!(world.states(job).await, [Acknowledged, Executing, Awaiting]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_without_the_store_ends_in_time_and_says_what_it_left() {
    let world = World::new().await;
    world.add("crm", "upsert", 4).await;
    let scheduler =
        start(world.scheduler("one").with_shutdown_timeout(SHUTDOWN).with_destination(taking(
            Some(Duration::from_secs(1)),
            4,
            0,
        )));
    until("all run", async || world.counts().await.executing == 4).await;
    world.store.set_outage(Some(Fault::Refused));
    let began = Instant::now();
    assert_eq!(scheduler.stop().await.left_executing, 4);
    assert!(began.elapsed() <= SHUTDOWN + Duration::from_millis(10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_blocks_its_thread_does_not_hold_the_shutdown_up() {
    let world = World::new().await;
    let job = world.add("crm", "upsert", 1).await[0];
    let crm = Destination::new("crm").with_action(each("upsert", async |_| {
        std::thread::sleep(Duration::from_secs(2));
        Ok(())
    }));
    let scheduler = start(
        world.scheduler("one").with_shutdown_timeout(Duration::from_secs(1)).with_destination(crm),
    );
    world.until_status(job, Executing).await;
    assert_eq!(scheduler.stop().await.left_executing, 0);
    assert_eq!(world.states(job).await, [Acknowledged, Executing, Unknown]);
}

#[tokio::test(start_paused = true)]
async fn an_idle_scheduler_stops_at_once() {
    let world = World::new().await;
    let scheduler =
        start(world.scheduler("one").with_destination(taking(Some(Duration::ZERO), 1, 0)));
    until("it works", async || world.store.calls("claim") > 0).await;
    within(Duration::from_millis(50), scheduler.stop()).await;
}

#[tokio::test(start_paused = true)]
async fn under_load_nothing_is_left_executing_and_nothing_is_lost() {
    let world = World::new().await;
    let jobs = world.add("crm", "upsert", 400).await;
    for round in 0..5_u64 {
        let scheduler = start(world.scheduler(&format!("round {round}")).with_destination(taking(
            Some(Duration::from_millis(20)),
            5,
            20,
        )));
        tokio::time::sleep(Duration::from_millis(100 + 37 * round)).await;
        assert_eq!(scheduler.stop().await.left_executing, 0);
        assert_eq!(world.counts().await.executing, 0);
    }
    let runs = Arc::new(AtomicUsize::new(0));
    let count = runs.clone();
    let crm = Destination::new("crm").with_action(each("upsert", move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Ok(()) }
    }));
    let before = world.counts().await.succeeded;
    let last = start(world.scheduler("last").with_destination(crm));
    world.until_finished().await;
    last.stop().await;
    assert!(before > 0);
    assert_eq!(before + runs.load(Ordering::SeqCst) as u64, 400);
    for job in jobs {
        let chain = world.history(job).await;
        expect_legal(&chain);
        assert_eq!(chain[chain.len() - 1].attempt, 1);
    }
}
