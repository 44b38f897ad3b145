//! Several destinations, several schedulers, pauses.

mod world;

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use blacksmith_scheduler::{Delivery, Destination, each};
use blacksmith_store::{
    Pause,
    Status::{Acknowledged, Awaiting, Executing, Succeeded},
    Store as _,
};
use tokio::sync::Notify;
use world::{Fault, World, expect_legal, start, until};

#[tokio::test(start_paused = true)]
async fn schedulers_on_one_store_share_the_work_and_run_no_job_twice() {
    let world = World::new().await;
    let jobs = world.add("crm", "upsert", 3_000).await;
    let seen: Arc<Mutex<Vec<_>>> = Arc::default();
    let schedulers: Vec<_> = ["one", "other", "third"]
        .into_iter()
        .map(|name| {
            let seen = seen.clone();
            let upsert = each("upsert", move |delivery: Delivery| {
                seen.lock().expect("no panic").push((name, delivery.job.id));
                async {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    Ok(())
                }
            });
            let crm = Destination::new("crm").with_action(upsert);
            start(world.scheduler(name).with_destination(crm))
        })
        .collect();
    world.until_finished().await;
    for scheduler in schedulers {
        assert_eq!(scheduler.stop().await.left_executing, 0);
    }
    for job in jobs {
        assert_eq!(world.states(job).await, [Acknowledged, Executing, Succeeded]);
    }
    let seen = seen.lock().expect("no panic");
    assert_eq!(seen.len(), 3_000);
    assert_eq!(seen.iter().map(|(_, job)| *job).collect::<HashSet<_>>().len(), 3_000);
    for name in ["one", "other", "third"] {
        let share = seen.iter().filter(|(who, _)| *who == name).count();
        assert!(share > 500, "{name} had {share}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_destination_with_a_backlog_costs_the_others_nothing() {
    /// How long 1,000 jobs of `crm` take.
    async fn time(backlog: usize) -> Duration {
        let world = World::new().await;
        world.add("dead", "call", backlog).await;
        let jobs = world.add("crm", "upsert", 1_000).await;
        let dead = each("call", async |_| {
            std::future::pending::<()>().await;
            Ok(())
        });
        let alive = each("upsert", async |_| {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(())
        });
        let began = tokio::time::Instant::now();
        let scheduler = start(
            world
                .scheduler("one")
                .with_shutdown_timeout(Duration::from_secs(4))
                .with_destination(
                    Destination::new("dead").with_action(dead.with_timeout(Duration::from_secs(1))),
                )
                .with_destination(Destination::new("crm").with_action(alive)),
        );
        for job in jobs {
            world.until_status(job, Succeeded).await;
        }
        let took = began.elapsed();
        assert_eq!(scheduler.stop().await.left_executing, 0);
        took
    }
    let alone = time(0).await;
    let beside = time(3_000).await;
    assert!(beside.as_secs_f64() < alone.as_secs_f64() / 0.95, "{alone:?} became {beside:?}");
}

#[tokio::test(start_paused = true)]
async fn a_busy_destination_does_not_keep_the_others_from_being_looked_at() {
    let world = World::new().await;
    // No wake-ups: only looking finds new work.
    world.store.fail_next("wakeups", [Fault::Broken; 1_000]);
    let busy = world.add("busy", "call", 5_000).await;
    let call = each("call", async |_| {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok(())
    });
    let crm = Destination::new("crm").with_action(each("upsert", async |_| Ok(())));
    let scheduler = start(
        world
            .scheduler("one")
            .with_destination(Destination::new("busy").with_action(call.with_concurrency(1)))
            .with_destination(crm),
    );
    world.until_status(busy[100], Succeeded).await;
    let job = world.add("crm", "upsert", 1).await[0];
    world.until_status(job, Succeeded).await;
    assert!(world.counts().await.acknowledged > 3_000);
    scheduler.stop().await;
}

#[tokio::test(start_paused = true)]
async fn work_that_arrives_while_a_claim_is_on_its_way_is_not_overlooked() {
    let world = World::new().await;
    world.store.fail_next("claim", [Fault::AnswerLate(Duration::from_millis(300))]);
    let scheduler =
        start(world.scheduler("one").with_poll_interval(Duration::from_secs(20)).with_destination(
            Destination::new("crm").with_action(each("upsert", async |_| Ok(()))),
        ));
    until("the claim is on its way", async || world.store.calls("claim") == 1).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let job = world.add("crm", "upsert", 1).await[0];
    world.until_status(job, Succeeded).await;
    assert!(world.seconds() < 0.5, "{}", world.seconds());
    scheduler.stop().await;
}

#[tokio::test(start_paused = true)]
async fn jobs_that_wait_for_a_destination_that_is_paused_are_given_back_and_started_ones_go_on() {
    let world = World::new().await;
    let jobs = world.add("crm", "upsert", 10).await;
    let (started, go_on) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let (count, signal) = (started.clone(), go_on.clone());
    let upsert = each("upsert", move |_| {
        let (run, signal) = (count.fetch_add(1, Ordering::SeqCst), signal.clone());
        async move {
            if run < 2 {
                signal.notified().await;
            }
            Ok(())
        }
    });
    let crm = Destination::new("crm").with_action(upsert.with_concurrency(2).with_prefetch(8));
    let scheduler = start(world.scheduler("one").with_destination(crm));
    until("all are claimed", async || world.counts().await.executing == 10).await;
    let pause = Pause::new(world.toolkit.pause_id(), "crm", "operator");
    let id = pause.id;
    world.store.pause(&world.toolkit, pause).await.expect("paused");
    until("those that wait are given back", async || world.counts().await.awaiting == 8).await;
    assert_eq!(started.load(Ordering::SeqCst), 2);
    go_on.notify_waiters();
    until("the started ones end", async || world.counts().await.succeeded == 2).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(started.load(Ordering::SeqCst), 2);

    world.store.resume(&world.toolkit, id).await.expect("resumed");
    world.until_finished().await;
    scheduler.stop().await;
    assert_eq!(started.load(Ordering::SeqCst), 10);
    let mut given_back = 0;
    for job in jobs {
        let chain = world.history(job).await;
        expect_legal(&chain);
        assert_eq!(chain[chain.len() - 1].attempt, 1);
        given_back += usize::from(world.states(job).await.contains(&Awaiting));
    }
    assert_eq!(given_back, 8);
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_one_action_leaves_the_others_alone() {
    let world = World::new().await;
    world.add("crm", "delete", 5).await;
    let upserts = world.add("crm", "upsert", 5).await;
    let pause = Pause::new(world.toolkit.pause_id(), "crm", "operator").with_action("delete");
    world.store.pause(&world.toolkit, pause).await.expect("paused");
    let crm = Destination::new("crm")
        .with_action(each("delete", async |_| Ok(())))
        .with_action(each("upsert", async |_| Ok(())));
    let scheduler = start(world.scheduler("one").with_destination(crm));
    for job in upserts {
        world.until_status(job, Succeeded).await;
    }
    tokio::time::sleep(Duration::from_mins(1)).await;
    scheduler.stop().await;
    assert_eq!(world.counts().await.acknowledged, 5);
}
