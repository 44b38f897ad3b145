//! A store that loses answers, or is away for a while.

mod world;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use blacksmith_scheduler::{Delivery, Destination, Then, each};
use blacksmith_store::Status::{Acknowledged, Executing, Succeeded, Unknown};
use tokio::sync::Notify;
use world::{Fault, World, expect_legal, seconds, start, until};

const LEASE: Duration = Duration::from_secs(30);

/// Counts the runs of `upsert`, and takes each as long as told.
fn counting(runs: &Arc<AtomicUsize>, takes: Duration) -> Destination {
    let runs = runs.clone();
    Destination::new("crm").with_action(
        each("upsert", move |_| {
            runs.fetch_add(1, Ordering::SeqCst);
            async move {
                tokio::time::sleep(takes).await;
                Ok(())
            }
        })
        .with_timeout(None),
    )
}

#[tokio::test(start_paused = true)]
async fn an_outcome_whose_answer_is_lost_is_sent_again_and_counts_once() {
    let world = World::new().await;
    let job = world.add("crm", "upsert", 1).await[0];
    world.store.fail_next("apply", [Fault::AnswerLost, Fault::Refused, Fault::AnswerLost]);
    let crm = Destination::new("crm")
        .with_action(each("upsert", async |_| Ok(Then::succeeded().on_succeeded("notify"))));
    let scheduler = start(world.scheduler("one").with_destination(crm));
    until("it is sent four times", async || world.store.calls("apply") == 4).await;
    assert_eq!(scheduler.stop().await.left_executing, 0);

    assert_eq!(world.states(job).await, [Acknowledged, Executing, Succeeded]);
    // One child, for the follow-up stands with the outcome.
    assert_eq!(world.counts().await.total(), 2);
}

#[tokio::test(start_paused = true)]
async fn outcomes_that_finish_during_an_outage_are_accepted_after_it() {
    let world = World::new().await;
    let jobs = world.add("crm", "upsert", 5).await;
    let runs = Arc::new(AtomicUsize::new(0));
    let one =
        start(world.scheduler("one").with_destination(counting(&runs, Duration::from_secs(5))));
    let other =
        start(world.scheduler("other").with_destination(counting(&runs, Duration::from_secs(5))));
    until("all run", async || runs.load(Ordering::SeqCst) == 5).await;

    // Three leases long: for the store, the leases end meanwhile.
    world.store.set_outage(Some(Fault::Refused));
    tokio::time::sleep(3 * LEASE).await;
    world.store.set_outage(None);

    world.until_finished().await;
    assert_eq!(one.stop().await.left_executing, 0);
    assert_eq!(other.stop().await.left_executing, 0);
    assert_eq!(runs.load(Ordering::SeqCst), 5);
    for job in jobs {
        assert_eq!(world.states(job).await, [Acknowledged, Executing, Succeeded]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_is_cut_when_its_lease_cannot_be_extended_and_becomes_unknown_after_the_outage() {
    struct Dropped(Arc<Mutex<Vec<f64>>>, f64, tokio::time::Instant);
    impl Drop for Dropped {
        fn drop(&mut self) {
            let at = self.1 + self.2.elapsed().as_secs_f64();
            self.0.lock().expect("no panic").push(at);
        }
    }

    let world = World::new().await;
    let job = world.add("crm", "upsert", 1).await[0];
    let dropped: Arc<Mutex<Vec<f64>>> = Arc::default();
    let drops = dropped.clone();
    let crm = Destination::new("crm").with_action(
        each("upsert", move |delivery: Delivery| {
            let guard = Dropped(
                drops.clone(),
                seconds(delivery.toolkit.now()),
                tokio::time::Instant::now(),
            );
            async move {
                if delivery.attempt() == 1 {
                    std::future::pending::<()>().await;
                }
                drop(guard);
                Ok(())
            }
        })
        .with_timeout(None),
    );
    let scheduler = start(world.scheduler("one").with_destination(crm));
    world.until_status(job, Executing).await;
    // The lease was extended at about 10 and 20 seconds, so it is believed in until 50.
    world.until_second(25.0).await;
    world.store.set_outage(Some(Fault::Refused));
    world.until_second(100.0).await;
    assert_eq!(world.states(job).await, [Acknowledged, Executing]);
    {
        let dropped = dropped.lock().expect("no panic");
        assert_eq!(dropped.len(), 1);
        assert!((49.0..50.1).contains(&dropped[0]), "{dropped:?}");
    }
    world.store.set_outage(None);
    world.until_finished().await;
    scheduler.stop().await;

    let chain = world.history(job).await;
    expect_legal(&chain);
    assert_eq!(world.states(job).await, [Acknowledged, Executing, Unknown, Executing, Succeeded]);
    assert_eq!(chain[2].actor.as_deref(), Some("one"));
    assert!(chain[2].error.as_ref().is_some_and(|error| error.message().contains("lease")));
    // Told soon after the store was back, and due at once.
    let told = seconds(chain[2].created_at.expect("a stored transition"));
    assert!((100.0..107.0).contains(&told), "{told}");
}

#[tokio::test(start_paused = true)]
async fn jobs_that_wait_through_an_outage_run_after_it_with_their_first_attempt() {
    let world = World::new().await;
    let jobs = world.add("crm", "upsert", 6).await;
    let go_on = Arc::new(Notify::new());
    let signal = go_on.clone();
    let runs = Arc::new(AtomicUsize::new(0));
    let count = runs.clone();
    let crm = Destination::new("crm").with_action(
        each("upsert", move |_| {
            let (signal, run) = (signal.clone(), count.fetch_add(1, Ordering::SeqCst));
            async move {
                if run == 0 {
                    signal.notified().await;
                }
                Ok(())
            }
        })
        .with_concurrency(1)
        .with_prefetch(5),
    );
    let scheduler = start(world.scheduler("one").with_destination(crm));
    until("all are claimed", async || world.counts().await.executing == 6).await;

    world.store.set_outage(Some(Fault::Refused));
    go_on.notify_one();
    tokio::time::sleep(Duration::from_mins(2)).await;
    // Some started before the belief in the lease became short; the others wait.
    let started = runs.load(Ordering::SeqCst);
    world.store.set_outage(None);
    world.until_finished().await;
    scheduler.stop().await;

    assert!(started >= 1);
    assert_eq!(runs.load(Ordering::SeqCst), 6);
    for job in jobs {
        assert_eq!(world.states(job).await, [Acknowledged, Executing, Succeeded]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_scheduler_whose_store_is_away_neither_exits_nor_spins() {
    for fault in [Fault::Refused, Fault::Broken, Fault::AnswerLost] {
        let world = World::new().await;
        let runs = Arc::new(AtomicUsize::new(0));
        let scheduler =
            start(world.scheduler("one").with_destination(counting(&runs, Duration::ZERO)));
        until("it works", async || world.store.calls("claim") > 2).await;
        world.store.set_outage(Some(fault));
        tokio::time::sleep(Duration::from_secs(30)).await;
        let methods = ["claim", "extend_leases", "apply", "expire_leases", "pauses", "maintain"];
        let calls = || methods.iter().map(|method| world.store.calls(method)).sum::<usize>();
        let before = calls();
        tokio::time::sleep(Duration::from_mins(10)).await;
        // At most every 2.5 seconds for each kind of call.
        let calls = calls() - before;
        assert!((60..1_200).contains(&calls), "{calls} calls in ten minutes of {fault:?}");
        assert!(scheduler.is_running());

        world.store.set_outage(None);
        let job = world.add("crm", "upsert", 1).await[0];
        world.until_status(job, Succeeded).await;
        scheduler.stop().await;
        assert_eq!(runs.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_nobody_is_rescued_before_the_living_could_report() {
    let world = World::new().await;
    let job = world.add("crm", "upsert", 1).await[0];
    world.claim_and_die("crm", "upsert", 1).await;
    let runs = Arc::new(AtomicUsize::new(0));
    let scheduler = start(world.scheduler("one").with_destination(counting(&runs, Duration::ZERO)));
    world.until_second(20.0).await;
    world.store.set_outage(Some(Fault::Refused));
    world.until_second(100.0).await;
    world.store.set_outage(None);
    world.until_finished().await;
    scheduler.stop().await;

    let chain = world.history(job).await;
    expect_legal(&chain);
    assert_eq!(world.states(job).await, [Acknowledged, Executing, Unknown, Executing, Succeeded]);
    let rescued = seconds(chain[2].created_at.expect("a stored transition"));
    assert!((130.0..150.0).contains(&rescued), "{rescued}");
    assert_eq!(chain[2].actor.as_deref(), Some("one"));
}
