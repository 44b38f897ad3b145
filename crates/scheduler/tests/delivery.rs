//! What an action gets, what it reports, and what becomes of its jobs.

mod world;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use blacksmith_scheduler::{
    Action, ActionOptions, Backoff, Delivery, Destination, Failure, FollowUp, Reporter, Then,
    batch, each,
};
use blacksmith_store::{
    JobError, JobId, Queue, Schedule,
    Status::{self, Acknowledged, Awaiting, Discarded, Executing, Failed, Succeeded, Unknown},
    Store as _, Toolkit, Transition, WhereEvents, WhereJobs, async_trait,
};
use tokio::sync::Notify;
use world::{World, expect_legal, start, until};

/// Retries every second.
fn every_second(max_retries: u32) -> Schedule {
    Schedule::new(true, "@every 1s", max_retries)
}

/// How long after the end of one attempt the next began, in milliseconds, for each but the first.
fn waits(chain: &[Transition]) -> Vec<i64> {
    let begun = |transition: &&Transition| transition.state_after == Executing;
    let places = chain.iter().enumerate().filter(|(_, transition)| begun(transition)).skip(1);
    let created = |place: usize| chain[place].created_at.expect("a stored transition");
    places.map(|(place, _)| (created(place) - created(place - 1)).num_milliseconds()).collect()
}

fn last_error(chain: &[Transition]) -> String {
    chain.last().and_then(|last| last.error.as_ref()).map(JobError::to_string).unwrap_or_default()
}

/// Runs what is stored to its end with one scheduler.
async fn deliver(world: &World, destination: Destination) {
    let scheduler = start(world.scheduler("one").with_destination(destination));
    world.until_finished().await;
    assert_eq!(scheduler.stop().await.left_executing, 0);
}

#[tokio::test(start_paused = true)]
async fn a_job_is_delivered_with_its_event_and_succeeds() {
    let world = World::new().await;
    let jobs = world.add("crm", "upsert", 3).await;
    let seen: Arc<Mutex<Vec<Delivery>>> = Arc::default();
    let deliveries = seen.clone();
    let upsert = each("upsert", move |delivery| {
        deliveries.lock().expect("no panic").push(delivery);
        async { Ok(()) }
    });
    deliver(&world, Destination::new("crm").with_default_version("v2").with_action(upsert)).await;

    for job in jobs {
        assert_eq!(world.states(job).await, [Acknowledged, Executing, Succeeded]);
        for transition in &world.history(job).await[1..] {
            assert_eq!(transition.actor.as_deref(), Some("one"));
        }
    }
    let seen = seen.lock().expect("no panic");
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[1].data().map(|data| &data[..]), Some(&b"data 1"[..]));
    assert_eq!((seen[1].event.source.as_str(), seen[1].attempt()), ("shop", 1));
    assert_eq!(seen[1].job.version.as_deref(), Some("v2"));
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_retried_at_its_interval_until_it_succeeds() {
    let world = World::new().await;
    let job = world.add("crm", "upsert", 1).await[0];
    let upsert =
        each(
            "upsert",
            async |delivery: Delivery| {
                if delivery.attempt() < 3 { Err(Failure::new("not yet")) } else { Ok(()) }
            },
        );
    let crm = Destination::new("crm").with_schedule(every_second(5)).with_action(upsert);
    deliver(&world, crm).await;

    let chain = world.history(job).await;
    expect_legal(&chain);
    assert_eq!(
        world.states(job).await,
        [Acknowledged, Executing, Failed, Executing, Failed, Executing, Succeeded]
    );
    for wait in waits(&chain) {
        assert!((980..1_200).contains(&wait), "{wait} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_chosen_delay_wins_over_the_schedule_and_the_action_over_its_destination() {
    let world = World::new().await;
    let chosen = world.add("crm", "chosen", 1).await[0];
    let own = world.add("crm", "own", 1).await[0];
    let inherited = world.add("crm", "inherited", 1).await[0];
    let backed_off = world.add("crm", "backed off", 1).await[0];
    let busy = || Failure::new("busy").with_status_code(429);
    let minute = Duration::from_mins(1);
    let crm =
        Destination::new("crm")
            .with_schedule(every_second(1))
            .with_action(each("chosen", move |_| async move {
                Err::<(), _>(busy().retry_after(minute))
            }))
            .with_action(
                each("own", move |_| async move { Err::<(), _>(busy()) })
                    .with_schedule(Schedule::new(true, "@every 10s", 2)),
            )
            .with_action(each("inherited", move |_| async move { Err::<(), _>(busy()) }))
            .with_action(
                each("backed off", move |_| async move { Err::<(), _>(busy()) })
                    .with_backoff(Backoff::new(Duration::ZERO, Duration::ZERO)),
            );
    deliver(&world, crm).await;

    for (job, expected) in [
        (chosen, vec![60_000]),
        (own, vec![10_000, 10_000]),
        (inherited, vec![1_000]),
        (backed_off, vec![0]),
    ] {
        let waits = waits(&world.history(job).await);
        assert_eq!(waits.len(), expected.len());
        for (wait, expected) in waits.iter().zip(expected) {
            assert!((expected - 20..expected + 200).contains(wait), "{wait} for {expected}");
        }
        assert_eq!(world.status(job).await, Discarded);
    }
}

#[tokio::test(start_paused = true)]
async fn a_discard_asked_for_ends_the_job_at_once() {
    let world = World::new().await;
    let job = world.add("crm", "upsert", 1).await[0];
    let upsert = each("upsert", async |_| {
        Err::<(), _>(Failure::new("no such customer").with_status_code(410).discard())
    });
    deliver(&world, Destination::new("crm").with_action(upsert)).await;
    assert_eq!(world.states(job).await, [Acknowledged, Executing, Discarded]);
    assert_eq!(last_error(&world.history(job).await), "410: no such customer");
}

#[tokio::test(start_paused = true)]
async fn the_last_failure_is_discarded_and_only_then_is_the_alert_raised() {
    let world = World::new().await;
    let job = world.add("crm", "upsert", 1).await[0];
    let upsert = each("upsert", async |_| {
        Ok(Then::failed(Failure::new("down")).on_failed("note").on_discarded("alert"))
    });
    let crm = Destination::new("crm")
        .with_schedule(every_second(2))
        .with_action(upsert)
        .with_action(each("note", async |_| Ok(())))
        .with_action(each("alert", async |_| Ok(())));
    deliver(&world, crm).await;

    assert_eq!(
        world.states(job).await,
        [Acknowledged, Executing, Failed, Executing, Failed, Executing, Discarded]
    );
    let stats = world.store.stats(&world.toolkit).await.expect("stats");
    let succeeded: Vec<_> =
        stats.iter().map(|queue| (queue.action.as_str(), queue.counts.succeeded)).collect();
    assert_eq!(succeeded, [("alert", 1), ("note", 2), ("upsert", 0)]);
}

#[tokio::test(start_paused = true)]
async fn a_follow_up_is_stored_with_the_outcome_and_runs_as_a_child() {
    let world = World::new().await;
    let job = world.add("crm", "upsert", 1).await[0];
    let seen: Arc<Mutex<Vec<Delivery>>> = Arc::default();
    let deliveries = seen.clone();
    let notify = each("notify", move |delivery| {
        deliveries.lock().expect("no panic").push(delivery);
        async { Ok(()) }
    });
    let upsert = each("upsert", async |_| {
        let own = FollowUp::new("notify").with_context("own").with_version("v9");
        Ok(Then::succeeded().on_succeeded("notify").on_succeeded(own))
    });
    deliver(&world, Destination::new("crm").with_action(upsert).with_action(notify)).await;

    let event = world.job(job).await.event_id;
    let mut seen = std::mem::take(&mut *seen.lock().expect("no panic"));
    seen.sort_by_key(|delivery| delivery.job.version.clone());
    let [plain, own] = &seen[..] else { panic!("two follow-ups") };
    for child in [plain, own] {
        assert_eq!(child.job.parent_job_id, Some(job));
        assert_eq!(child.job.event_id, event);
        assert_eq!(world.states(child.job.id).await, [Awaiting, Executing, Succeeded]);
    }
    assert_eq!(plain.context().map(|context| &context[..]), Some(&b"context 0"[..]));
    assert_eq!(own.context().map(|context| &context[..]), Some(&b"own"[..]));
    assert_eq!(own.job.version.as_deref(), Some("v9"));
}

#[tokio::test(start_paused = true)]
async fn jobs_that_are_not_reported_become_unknown_and_run_again() {
    let world = World::new().await;
    let jobs = world.add("crm", "append", 10).await;
    let append = batch("append", async |batch| {
        let first: Vec<_> = batch.queue.jobs().map(|(_, job)| job.id).take(3).collect();
        batch.report.then(Then::succeeded().of(first));
        Ok(())
    });
    deliver(&world, Destination::new("crm").with_schedule(every_second(9)).with_action(append))
        .await;

    let mut runs = Vec::new();
    for job in jobs {
        let chain = world.history(job).await;
        expect_legal(&chain);
        for unknown in chain.iter().filter(|transition| transition.state_after == Unknown) {
            let error = unknown.error.as_ref().expect("a reason").message();
            assert!(error.contains("without reporting"), "{error}");
        }
        runs.push(chain[chain.len() - 1].attempt);
    }
    // 3 of 10. The others may have something to do with it, and come one by one.
    assert_eq!(runs, [1, 1, 1, 2, 2, 2, 2, 2, 2, 2]);
}

#[tokio::test(start_paused = true)]
async fn reports_are_taken_while_the_action_works_and_the_first_one_counts() {
    let world = World::new().await;
    let jobs = world.add("crm", "append", 2).await;
    let go_on = Arc::new(Notify::new());
    let signal = go_on.clone();
    let append = batch("append", move |batch| {
        let signal = signal.clone();
        async move {
            let first = batch.queue.events[0].jobs[0].id;
            batch.report.then(Then::succeeded().of([first]));
            signal.notified().await;
            batch.report.then(Then::failed(Failure::new("too late").discard()).of([first]));
            Err(Failure::new("the rest").discard())
        }
    });
    let scheduler =
        start(world.scheduler("one").with_destination(Destination::new("crm").with_action(append)));
    world.until_status(jobs[0], Succeeded).await;
    assert_eq!(world.status(jobs[1]).await, Executing);
    go_on.notify_one();
    world.until_status(jobs[1], Discarded).await;
    scheduler.stop().await;
    assert_eq!(world.states(jobs[0]).await, [Acknowledged, Executing, Succeeded]);
    assert_eq!(last_error(&world.history(jobs[1]).await), "the rest");
}

#[tokio::test(start_paused = true)]
async fn a_panic_fails_its_jobs_and_nothing_else() {
    let world = World::new().await;
    let bad = world.add("crm", "explode", 2).await;
    let good = world.add("crm", "upsert", 20).await;
    let crm = Destination::new("crm")
        .with_schedule(every_second(1))
        .with_action(each("explode", async |delivery: Delivery| {
            assert!(delivery.attempt() > 9, "boom {}", delivery.attempt());
            Ok(())
        }))
        .with_action(each("upsert", async |_| Ok(())));
    deliver(&world, crm).await;
    for job in bad {
        assert_eq!(
            world.states(job).await,
            [Acknowledged, Executing, Failed, Executing, Discarded]
        );
        assert_eq!(last_error(&world.history(job).await), "the action panicked: boom 2");
    }
    for job in good {
        assert_eq!(world.status(job).await, Succeeded);
    }
}

#[tokio::test(start_paused = true)]
async fn an_action_that_hangs_past_its_timeout_fails_its_jobs_and_nothing_else() {
    let world = World::new().await;
    let bad = world.add("dead", "call", 30).await;
    let good = world.add("crm", "upsert", 30).await;
    let dead = Destination::new("dead").with_schedule(every_second(1)).with_action(
        each("call", async |_| {
            std::future::pending::<()>().await;
            Ok(())
        })
        .with_timeout(Duration::from_secs(20)),
    );
    let crm = Destination::new("crm").with_action(each("upsert", async |_| Ok(())));
    let scheduler = start(world.scheduler("one").with_destination(dead).with_destination(crm));
    for job in good {
        world.until_status(job, Succeeded).await;
    }
    for job in &bad {
        assert!(matches!(world.status(*job).await, Executing | Acknowledged));
    }
    world.until_finished().await;
    scheduler.stop().await;
    for job in bad {
        let chain = world.history(job).await;
        expect_legal(&chain);
        assert_eq!(chain[chain.len() - 1].attempt, 2);
        assert_eq!(last_error(&chain), "the action took longer than 20s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_error_is_cut() {
    let world = World::new().await;
    let job = world.add("crm", "upsert", 1).await[0];
    let upsert = each("upsert", async |_| {
        let body = "x".repeat(1 << 20);
        Err::<(), _>(Failure::of(JobError::new(body).with_status_code(500)).discard())
    });
    deliver(&world, Destination::new("crm").with_action(upsert)).await;
    let chain = world.history(job).await;
    let error = chain[2].error.as_ref().expect("an error");
    assert!(error.as_json().len() < 8 << 10);
    assert_eq!(error.status_code(), Some(500));
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_the_store_refuses_does_not_hold_the_others_up() {
    let world = World::new().await;
    let bad = world.add("crm", "upsert", 1).await[0];
    let good = world.add("crm", "other", 50).await;
    let crm = Destination::new("crm")
        .with_schedule(every_second(1))
        // No action can have this name.
        .with_action(each("upsert", async |_| Ok(Then::succeeded().on_succeeded("x".repeat(300)))))
        .with_action(each("other", async |_| Ok(())));
    deliver(&world, crm).await;
    for job in good {
        assert_eq!(world.status(job).await, Succeeded);
    }
    let chain = world.history(bad).await;
    expect_legal(&chain);
    assert!(last_error(&chain[..3]).contains("could not be stored"), "{chain:#?}");
    assert_eq!(world.status(bad).await, Discarded);
}

/// An action that is a type of its own.
struct Warehouse {
    sizes: Arc<Mutex<Vec<usize>>>,
}

#[async_trait]
impl Action for Warehouse {
    fn name(&self) -> &'static str {
        "append"
    }

    fn options(&self) -> ActionOptions {
        ActionOptions::default().with_batch_size(40).with_concurrency(1)
    }

    async fn load(&self, _: &Toolkit, queue: Queue, report: &Reporter) -> Result<(), Failure> {
        let jobs: Vec<JobId> = queue.jobs().map(|(_, job)| job.id).collect();
        for (_, job) in queue.jobs() {
            assert_eq!((job.destination.as_str(), job.action.as_str()), ("warehouse", "append"));
        }
        self.sizes.lock().expect("no panic").push(jobs.len());
        report.then(());
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_no_larger_than_asked_for_and_holds_its_own_jobs_only() {
    let world = World::new().await;
    world.add("warehouse", "append", 100).await;
    world.add("crm", "upsert", 10).await;
    let sizes: Arc<Mutex<Vec<usize>>> = Arc::default();
    let warehouse = Destination::new("warehouse").with_action(Warehouse { sizes: sizes.clone() });
    let crm = Destination::new("crm").with_action(each("upsert", async |_| Ok(())));
    let scheduler = start(world.scheduler("one").with_destination(warehouse).with_destination(crm));
    world.until_finished().await;
    scheduler.stop().await;
    let sizes = sizes.lock().expect("no panic");
    assert_eq!(sizes.iter().sum::<usize>(), 100);
    assert!(sizes.iter().all(|size| *size <= 40), "{sizes:?}");
}

#[tokio::test(start_paused = true)]
async fn no_more_runs_go_on_at_once_than_allowed() {
    let world = World::new().await;
    world.add("crm", "upsert", 50).await;
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, peak) = (running.clone(), most.clone());
    let upsert = each("upsert", move |_| {
        let (now, peak) = (now.clone(), peak.clone());
        async move {
            peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(100)).await;
            now.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        }
    });
    deliver(&world, Destination::new("crm").with_action(upsert.with_concurrency(4))).await;
    assert_eq!(most.load(Ordering::SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn jobs_of_others_are_left_alone() {
    let world = World::new().await;
    let theirs = world.add("crm", "delete", 5).await;
    let ours = world.add("crm", "upsert", 5).await;
    let scheduler =
        start(world.scheduler("one").with_destination(
            Destination::new("crm").with_action(each("upsert", async |_| Ok(()))),
        ));
    for job in ours {
        world.until_status(job, Succeeded).await;
    }
    scheduler.stop().await;
    for job in theirs {
        assert_eq!(world.states(job).await, [Acknowledged]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_actions_jobs_wait_for_its_tick_and_come_as_one_batch() {
    let world = World::new().await;
    world.add("warehouse", "append", 2_500).await;
    let sizes: Arc<Mutex<Vec<(String, usize)>>> = Arc::default();
    let seen = sizes.clone();
    let append = batch("append", move |batch| {
        let at = batch.toolkit.now().format("%H:%M").to_string();
        seen.lock().expect("no panic").push((at, batch.queue.jobs().count()));
        async move {
            batch.report.then(());
            Ok(())
        }
    });
    let warehouse = Destination::new("warehouse")
        .with_schedule(Schedule::new(false, "@every 10m", 3))
        .with_action(append);
    let scheduler = start(world.scheduler("one").with_destination(warehouse));
    world.until_finished().await;
    world.add("warehouse", "append", 7).await;
    world.until_finished().await;
    scheduler.stop().await;
    let expected = [("00:10".to_owned(), 2_500), ("00:20".to_owned(), 7)];
    assert_eq!(*sizes.lock().expect("no panic"), expected);
}

#[tokio::test(start_paused = true)]
async fn a_job_scheduled_for_later_waits_until_then() {
    let world = World::new().await;
    let job = world.add("crm", "upsert", 1).await[0];
    let later = world.toolkit.now() + Duration::from_mins(30);
    let stored = world.job(job).await;
    let wait = stored
        .next(world.toolkit.transition_id(), Status::Awaiting)
        .expect("a legal move")
        .with_run_at(later);
    world.store.add_transitions(&world.toolkit, vec![wait]).await.expect("stored");
    deliver(&world, Destination::new("crm").with_action(each("upsert", async |_| Ok(())))).await;
    let begun = world.history(job).await[2].created_at.expect("a stored transition");
    assert!((0..200).contains(&(begun - later).num_milliseconds()), "{begun}");
}

#[tokio::test(start_paused = true)]
async fn a_scheduler_without_work_asks_seldom_and_finds_new_work_soon() {
    let world = World::new().await;
    let scheduler =
        start(world.scheduler("one").with_poll_interval(Duration::from_secs(1)).with_destination(
            Destination::new("crm").with_action(each("upsert", async |_| Ok(()))),
        ));
    until("it is idle", async || world.store.calls("claim") > 3).await;
    let before = world.store.calls("claim");
    tokio::time::sleep(Duration::from_mins(1)).await;
    let claims = world.store.calls("claim") - before;
    assert!((55..70).contains(&claims), "{claims} claims in a minute");

    let job = world.add("crm", "upsert", 1).await[0];
    let added = world.toolkit.now();
    world.until_status(job, Succeeded).await;
    let took = (world.toolkit.now() - added).num_milliseconds();
    // The wake-up came long before the next poll.
    assert!(took < 100, "{took} ms");
    scheduler.stop().await;
    let filter =
        WhereEvents::default().with_jobs(WhereJobs::default().with_destinations_in(["crm"]));
    assert_eq!(world.store.find_jobs(&world.toolkit, filter).await.expect("jobs").entries.len(), 1);
}
