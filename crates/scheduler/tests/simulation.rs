//! Days of retries on a set clock.

mod world;

use blacksmith_scheduler::{
    Backoff, Delivery, Destination, Failure, FollowUp, Scheduler, Then, batch, each,
};
use blacksmith_store::{
    Clock, JobError, Options, Order, Schedule, SetClock, Status, Store, Timestamp, Toolkit,
    Transition, WhereEvents,
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use world::{add, counts, expect_legal, history, memory, start_instant};

fn toolkit(seed: u64) -> (SetClock, Toolkit) {
    let clock = SetClock::at(start_instant());
    let toolkit = Toolkit::new().with_clock(Clock::Set(clock.clone())).with_seed(seed);
    (clock, toolkit)
}

async fn run_to_the_end(
    store: &Arc<dyn Store>,
    clock: &SetClock,
    toolkit: &Toolkit,
    destinations: Vec<Destination>,
) {
    let mut scheduler = Scheduler::new(store.clone()).with_toolkit(toolkit.clone());
    for destination in destinations {
        scheduler = scheduler.with_destination(destination);
    }
    let mut simulation = scheduler.simulate().expect("a simulation");
    while let Some(next) = simulation.run_due().await.expect("a step") {
        assert!(next > clock.now(), "a step leaves nothing due");
        clock.set(next);
    }
}

#[tokio::test]
async fn a_job_that_always_fails_has_73_attempts_in_three_days() {
    let store = memory(Options::new("memory")).await;
    let (clock, toolkit) = toolkit(1);
    // A smaller form of the 10,000 jobs that the example `three_days` runs.
    let jobs = add(&*store, &toolkit, "crm", "upsert", 100).await;
    let runs = Arc::new(AtomicUsize::new(0));
    let count = runs.clone();
    let crm = Destination::new("crm").with_action(each("upsert", move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        async { Err::<(), _>(Failure::new("down").with_status_code(503)) }
    }));
    run_to_the_end(&store, &clock, &toolkit, vec![crm]).await;

    assert_eq!(clock.now(), start_instant() + Duration::from_hours(72));
    assert_eq!(runs.load(Ordering::Relaxed), 7_300);
    let counts = counts(&*store, &toolkit).await;
    assert_eq!((counts.discarded, counts.total()), (100, 100));
    for job in jobs {
        let chain = history(&*store, &toolkit, job).await;
        expect_legal(&chain);
        // Acknowledged, then two for each attempt.
        assert_eq!(chain.len(), 1 + 2 * 73);
        let last = &chain[chain.len() - 1];
        assert_eq!((last.state_after, last.attempt), (Status::Discarded, 73));
        assert_eq!(last.error.as_ref().and_then(JobError::status_code), Some(503));
    }
}

/// Everything that is stored of transitions, in an order that is the same for the same history.
async fn everything(store: &dyn Store, toolkit: &Toolkit) -> Vec<Transition> {
    let mut all = Vec::new();
    let mut filter = WhereEvents::default().with_order(Order::Oldest).with_limit(1_000);
    loop {
        let page = store.find_transitions(toolkit, filter.clone()).await.expect("a page");
        all.extend(page.entries);
        match page.meta.next_cursor {
            Some(cursor) => filter = filter.with_cursor(cursor),
            None => return all,
        }
    }
}

async fn random_history(seed: u64) -> Vec<Transition> {
    let store = memory(Options::new("memory")).await;
    let (clock, toolkit) = toolkit(seed);
    add(&*store, &toolkit, "crm", "upsert", 40).await;
    let crm = Destination::new("crm")
        .with_backoff(Backoff::new(Duration::from_secs(1), Duration::from_mins(10)))
        .with_action(each("upsert", async |delivery: Delivery| {
            match delivery.toolkit.random() % 4 {
                0 => Ok(Then::succeeded().on_succeeded("notify")),
                1 => Err(Failure::new("gone").discard()),
                2 => Err(Failure::new("busy").retry_after(Duration::from_secs(7))),
                _ => Err(Failure::new("down")),
            }
        }))
        .with_action(batch("notify", async |batch| {
            // Every second job is not reported.
            let jobs: Vec<_> = batch.queue.jobs().map(|(_, job)| job.id).step_by(2).collect();
            batch.report.then(Then::succeeded().of(jobs));
            Ok(())
        }));
    run_to_the_end(&store, &clock, &toolkit, vec![crm]).await;
    everything(&*store, &toolkit).await
}

#[tokio::test]
async fn the_same_seed_gives_the_same_history_ids_included() {
    let first = random_history(7).await;
    assert!(first.len() > 200);
    assert_eq!(first, random_history(7).await);
    assert_ne!(first, random_history(8).await);
}

#[tokio::test]
async fn jobs_that_are_not_realtime_run_at_the_tick_as_one_batch() {
    let store = memory(Options::new("memory")).await;
    let (clock, toolkit) = toolkit(1);
    clock.advance(Duration::from_mins(20));
    let jobs = add(&*store, &toolkit, "warehouse", "append", 1_500).await;
    let seen: Arc<Mutex<Vec<(Timestamp, usize)>>> = Arc::default();
    let sizes = seen.clone();
    let warehouse = Destination::new("warehouse")
        .with_schedule(Schedule::new(false, "@every 1h", 2))
        .with_action(batch("append", move |batch| {
            let (sizes, jobs) = (sizes.clone(), batch.queue.jobs().count());
            async move {
                sizes.lock().expect("no panic").push((batch.toolkit.now(), jobs));
                if jobs > 1 { Err(Failure::new("too many")) } else { Ok(()) }
            }
        }));
    let mut simulation = Scheduler::new(store.clone())
        .with_destination(warehouse)
        .with_toolkit(toolkit.clone())
        .simulate()
        .expect("a simulation");

    let hours = |n| start_instant() + Duration::from_hours(n);
    assert_eq!(simulation.run_due().await.expect("a step"), Some(hours(1)));
    assert!(seen.lock().expect("no panic").is_empty());
    clock.set(hours(1));
    assert_eq!(simulation.run_due().await.expect("a step"), Some(hours(2)));
    clock.set(hours(2));
    assert_eq!(simulation.run_due().await.expect("a step"), Some(hours(3)));
    clock.set(hours(3));
    assert_eq!(simulation.run_due().await.expect("a step"), None);

    let expected = [(hours(1), 1_500), (hours(2), 1_500), (hours(3), 1_500)];
    assert_eq!(*seen.lock().expect("no panic"), expected);
    assert_eq!(counts(&*store, &toolkit).await.discarded, 1_500);
    expect_legal(&history(&*store, &toolkit, jobs[0]).await);
}

#[tokio::test]
async fn follow_ups_run_in_the_step_of_their_parent() {
    let store = memory(Options::new("memory")).await;
    let (clock, toolkit) = toolkit(1);
    let jobs = add(&*store, &toolkit, "crm", "upsert", 1).await;
    let seen: Arc<Mutex<Vec<Delivery>>> = Arc::default();
    let deliveries = seen.clone();
    let crm = Destination::new("crm")
        .with_action(each("upsert", async |_| {
            Ok(Then::succeeded().on_succeeded(FollowUp::new("notify").with_data("told")))
        }))
        .with_action(each("notify", move |delivery| {
            deliveries.lock().expect("no panic").push(delivery);
            async { Ok(()) }
        }));
    run_to_the_end(&store, &clock, &toolkit, vec![crm]).await;

    assert_eq!(clock.now(), start_instant());
    let seen = seen.lock().expect("no panic");
    let [delivery] = &seen[..] else { panic!("one follow-up") };
    assert_eq!(delivery.job.parent_job_id, Some(jobs[0]));
    assert_eq!(delivery.data().map(|data| &data[..]), Some(&b"told"[..]));
    assert_eq!(delivery.context().map(|context| &context[..]), Some(&b"context 0"[..]));
    assert_eq!(delivery.job.event_id, Some(delivery.event.id));
    assert_eq!(delivery.attempt(), 1);
}
