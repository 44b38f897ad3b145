//! The whole machine on the system's clock and several threads.

mod common;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use blacksmith_scheduler::{Backoff, Delivery, Destination, Failure, Scheduler, batch, each};
use blacksmith_store_core::{
    Event, Job, Options, Order, Schedule, Status, Store, Toolkit, Transition, WhereEvents,
};
use common::{counts, expect_legal, memory, start};

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_fan_out_to_three_destinations_that_fail_and_every_job_ends() {
    const EVENTS: usize = 2_000;
    let store = memory(Options::new("memory")).await;
    let toolkit = Toolkit::new();
    let seen: Arc<Mutex<HashMap<(_, u32), usize>>> = Arc::default();
    let schedulers: Vec<_> = ["one", "other"]
        .into_iter()
        .map(|name| {
            let seen = seen.clone();
            let http = each("post", move |delivery: Delivery| {
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
            let file = batch("append", async |batch| {
                batch.report.then(());
                Ok(())
            });
            let command =
                each("run", async |_| Err::<(), _>(Failure::new("exit code 1").discard()));
            let retries = Schedule::new(true, "@every 1h", 20);
            let backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(100));
            start(
                Scheduler::new(store.clone())
                    .with_actor(name)
                    .with_destination(Destination::new("file").with_action(file))
                    .with_destination(Destination::new("command").with_action(command))
                    .with_destination(
                        Destination::new("http").with_schedule(retries).with_action(
                            http.with_backoff(backoff)
                                .with_concurrency(50)
                                .with_timeout(Duration::from_millis(200)),
                        ),
                    ),
            )
        })
        .collect();

    for _ in 0..EVENTS / 100 {
        let events = (0..100)
            .map(|_| {
                Event::new(toolkit.event_id(), "shop", "order.paid")
                    .with_data("paid")
                    .with_job(Job::new(toolkit.job_id(), "http", "post"))
                    .with_job(Job::new(toolkit.job_id(), "file", "append"))
                    .with_job(Job::new(toolkit.job_id(), "command", "run"))
            })
            .collect();
        store.add_events(&toolkit, events).await.expect("events are added");
    }
    let deadline = tokio::time::Instant::now() + Duration::from_mins(2);
    loop {
        let counts = counts(&*store, &toolkit).await;
        if counts.succeeded + counts.discarded == 3 * EVENTS as u64 {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{counts:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for scheduler in schedulers {
        assert_eq!(scheduler.stop().await.left_executing, 0);
    }

    let chains = chains(&*store, &toolkit).await;
    assert_eq!(chains.len(), 3 * EVENTS);
    let (mut attempts, mut timeouts) = (0, 0);
    for chain in &chains {
        expect_legal(chain);
        let last = &chain[chain.len() - 1];
        assert!(matches!(last.state_after, Status::Succeeded | Status::Discarded));
        attempts += last.attempt as usize;
        let errors = chain.iter().filter_map(|transition| transition.error.as_ref());
        timeouts += errors.filter(|error| error.message().contains("longer than")).count();
    }
    // Every attempt at `http` was seen once; but one may be over before a busy machine came to it.
    let seen = seen.lock().expect("no panic");
    assert!(seen.values().all(|times| *times == 1));
    let expected = attempts - 2 * EVENTS;
    assert!((expected - timeouts..=expected).contains(&seen.len()));
}
