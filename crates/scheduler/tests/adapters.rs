//! The whole machine on every adapter, on the system's clock and several threads.

mod world;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use blacksmith_scheduler::{Backoff, Delivery, Destination, Failure, Scheduler, batch, each};
use blacksmith_store::{
    AvailableAdapters, CompiledIn as _, Event, Job, JobId, Options, Order, Schedule, Status, Store,
    Toolkit, Transition, WhereEvents,
};
use blacksmith_testing_postgres_server::{Server, Settings, shared};
use tokio::time::Instant;
use world::{Started, counts, expect_legal, memory, start};

/// How often each attempt at each job of `http` was made.
type Seen = Arc<Mutex<HashMap<(JobId, u32), usize>>>;

/// Fails in all the ways that there are.
fn http(seen: &Seen) -> Destination {
    let seen = seen.clone();
    let post = each("post", move |delivery: Delivery| {
        let key = (delivery.job.id, delivery.attempt());
        *seen.lock().expect("no panic").entry(key).or_default() += 1;
        async move {
            match delivery.toolkit.random() % 100 {
                0..30 => Err(Failure::new("internal error").with_status_code(500)),
                // A panic, but without its text on the terminal.
                30 => std::panic::resume_unwind(Box::new("a panic on purpose")),
                31 => {
                    std::future::pending::<()>().await;
                    Ok(())
                }
                _ => Ok(()),
            }
        }
    });
    Destination::new("http").with_schedule(Schedule::new(true, "@every 1h", 20)).with_action(
        post.with_backoff(Backoff::new(Duration::from_millis(10), Duration::from_millis(100)))
            .with_concurrency(50)
            .with_timeout(Duration::from_millis(200)),
    )
}

/// A scheduler for three destinations.
fn scheduler(store: Arc<dyn Store>, seen: &Seen) -> Scheduler {
    let append = batch("append", async |batch| {
        batch.report.then(());
        Ok(())
    });
    let run = each("run", async |_| Err::<(), _>(Failure::new("exit code 1").discard()));
    Scheduler::new(store)
        .with_destination(http(seen))
        .with_destination(Destination::new("file").with_action(append))
        .with_destination(Destination::new("command").with_action(run))
}

/// Adds events with three jobs each.
async fn add(store: &dyn Store, toolkit: &Toolkit, count: usize) {
    let event = |_| {
        Event::new(toolkit.event_id(), "shop", "order.paid")
            .with_data("paid")
            .with_job(Job::new(toolkit.job_id(), "http", "post"))
            .with_job(Job::new(toolkit.job_id(), "file", "append"))
            .with_job(Job::new(toolkit.job_id(), "command", "run"))
    };
    let events = (0..count).map(event).collect();
    store.add_events(toolkit, events).await.expect("events are added");
}

async fn until_all_have_ended(store: &dyn Store, toolkit: &Toolkit, jobs: u64) {
    let deadline = Instant::now() + Duration::from_mins(3);
    loop {
        let counts = counts(store, toolkit).await;
        if counts.succeeded + counts.discarded == jobs {
            return;
        }
        assert!(Instant::now() < deadline, "{counts:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Every chain, found page by page.
async fn chains(store: &dyn Store, toolkit: &Toolkit) -> Vec<Vec<Transition>> {
    let mut chains: HashMap<_, Vec<Transition>> = HashMap::new();
    let mut filter = WhereEvents::default().with_order(Order::Oldest).with_limit(1_000);
    loop {
        let page = store.find_transitions(toolkit, filter.clone()).await.expect("a page");
        for transition in page.entries {
            chains.entry(transition.job_id).or_default().push(transition);
        }
        let Some(cursor) = page.meta.next_cursor else { break };
        filter = filter.with_cursor(cursor);
    }
    let mut chains: Vec<_> = chains.into_values().collect();
    for chain in &mut chains {
        chain.sort_by_key(|transition| transition.sequence);
    }
    chains
}

/// Events fan out to three destinations, two schedulers with a handle each deliver them, and every job ends as its history
/// tells.
async fn every_job_ends(handles: [Arc<dyn Store>; 2]) {
    const EVENTS: u64 = 1_000;
    let (store, toolkit) = (handles[0].clone(), Toolkit::new());
    let seen = Seen::default();
    let schedulers = handles.map(|store| start(scheduler(store, &seen)));
    for _ in 0..EVENTS / 100 {
        add(&*store, &toolkit, 100).await;
    }
    until_all_have_ended(&*store, &toolkit, 3 * EVENTS).await;
    for scheduler in schedulers {
        assert_eq!(scheduler.stop().await.left_executing, 0);
    }

    let chains = chains(&*store, &toolkit).await;
    assert_eq!(chains.len() as u64, 3 * EVENTS);
    let (mut attempts, mut timeouts) = (0, 0);
    for chain in &chains {
        expect_legal(chain);
        let last = &chain[chain.len() - 1];
        assert!(matches!(last.state_after, Status::Succeeded | Status::Discarded));
        attempts += u64::from(last.attempt);
        let errors = chain.iter().filter_map(|transition| transition.error.as_ref());
        timeouts += errors.filter(|error| error.message().contains("longer than")).count() as u64;
    }
    // Every attempt at `http` was seen once; but one may be over before a busy machine came to it.
    let seen = std::mem::take(&mut *seen.lock().expect("no panic"));
    assert!(seen.values().all(|times| *times == 1));
    let expected = attempts - 2 * EVENTS;
    assert!((expected - timeouts..=expected).contains(&(seen.len() as u64)));
}

async fn opened(options: &Options) -> Arc<dyn Store> {
    blacksmith_store::open(options.clone()).await.expect("a store")
}

/// A schema of its own, with all migrations.
async fn postgres(server: &Server) -> Options {
    let options = Options::new("postgres")
        .with_connection(server.url("postgres"))
        .with_context("schema", format!("scheduler_{}", std::process::id()));
    let migrator = AvailableAdapters::compiled_in().migrator(&options).await;
    migrator.expect("a migrator").up(None).await.expect("migrated");
    options
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_job_ends_in_memory() {
    let store = memory(Options::new("memory")).await;
    every_job_ends([store.clone(), store]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_job_ends_on_sqlite() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("jobs.db");
    let options = Options::new("sqlite").with_connection(path.to_str().expect("a path"));
    every_job_ends([opened(&options).await, opened(&options).await]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_job_ends_on_postgres() {
    let options = postgres(shared()).await;
    every_job_ends([opened(&options).await, opened(&options).await]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_scheduler_and_a_crashed_postgres_lose_nothing() {
    const LEASE: Duration = Duration::from_secs(3);
    // Durable: without it a crash takes back claims that were answered, and the attempts that they began are made again.
    let server = Server::start_with(&Settings::new().durable()).expect("a server");
    let options = postgres(&server).await;
    let (store, toolkit) = (opened(&options).await, Toolkit::new());
    let seen = Seen::default();
    let begin = async || -> Started {
        let store = opened(&options).await;
        start(scheduler(store, &seen).with_lease(LEASE))
    };
    let doomed = begin().await;
    let schedulers = [begin().await, begin().await];

    add(&*store, &toolkit, 500).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    doomed.kill().await;
    add(&*store, &toolkit, 500).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.crash().expect("crashed");
    // Longer than the lease: those that live must not lose their claims for it.
    tokio::time::sleep(LEASE + Duration::from_secs(1)).await;
    server.restart().expect("restarted");
    until_all_have_ended(&*store, &toolkit, 3_000).await;
    for scheduler in schedulers {
        assert_eq!(scheduler.stop().await.left_executing, 0);
    }
    for chain in chains(&*store, &toolkit).await {
        expect_legal(&chain);
    }
    // No attempt was made twice: what was cut counts as an attempt of its own.
    assert!(seen.lock().expect("no panic").values().all(|times| *times == 1));
}
