//! Claims that outlive a crash, a lost answer, or their lease.

mod world;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use blacksmith_scheduler::{Delivery, Destination, Then, each};
use blacksmith_store::{
    PurgeRequest,
    Status::{Acknowledged, Discarded, Executing, Succeeded, Unknown},
    Store as _,
};
use tokio::sync::Notify;
use world::{Fault, World, expect_legal, seconds, start, until};

/// An action that counts its runs, and each waits until it is told to go on.
struct Held {
    runs: Arc<AtomicUsize>,
    go_on: Arc<Notify>,
    destination: Destination,
}

fn held() -> Held {
    let (runs, go_on) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let (count, signal) = (runs.clone(), go_on.clone());
    let upsert = each("upsert", move |delivery: Delivery| {
        count.fetch_add(1, Ordering::SeqCst);
        let signal = signal.clone();
        async move {
            if delivery.attempt() == 1 {
                signal.notified().await;
            }
            Ok(Then::succeeded().on_succeeded("notify"))
        }
    });
    let destination = Destination::new("crm").with_action(upsert.with_timeout(None));
    Held { runs, go_on, destination }
}

/// An action that counts its runs.
fn counting() -> (Arc<AtomicUsize>, Destination) {
    let runs = Arc::new(AtomicUsize::new(0));
    let count = runs.clone();
    let upsert = each("upsert", move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Ok(()) }
    });
    (runs, Destination::new("crm").with_action(upsert))
}

#[tokio::test(start_paused = true)]
async fn a_run_that_takes_many_leases_is_not_rescued_by_others() {
    let world = World::new().await;
    let job = world.add("crm", "upsert", 1).await[0];
    let Held { runs, go_on, destination } = held();
    let one = start(world.scheduler("one").with_destination(destination));
    world.until_status(job, Executing).await;
    let other = start(world.scheduler("other").with_destination(counting().1));
    world.until_second(300.0).await;
    assert!(world.store.calls("expire_leases") > 10);
    go_on.notify_one();
    world.until_status(job, Succeeded).await;
    one.stop().await;
    other.stop().await;
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    assert_eq!(world.states(job).await, [Acknowledged, Executing, Succeeded]);
}

#[tokio::test(start_paused = true)]
async fn jobs_of_a_killed_scheduler_are_rescued_when_its_lease_has_ended() {
    let world = World::new().await;
    let job = world.add("crm", "upsert", 1).await[0];
    let first = start(world.scheduler("first").with_destination(held().destination));
    world.until_status(job, Executing).await;
    first.kill().await;
    let (runs, destination) = counting();
    let second = start(world.scheduler("second").with_destination(destination));
    world.until_status(job, Succeeded).await;
    second.stop().await;

    assert_eq!(runs.load(Ordering::SeqCst), 1);
    let chain = world.history(job).await;
    expect_legal(&chain);
    assert_eq!(world.states(job).await, [Acknowledged, Executing, Unknown, Executing, Succeeded]);
    let rescued = seconds(chain[2].created_at.expect("a stored transition"));
    assert!((30.0..45.0).contains(&rescued), "{rescued}");
}

#[tokio::test(start_paused = true)]
async fn claims_whose_answer_was_lost_are_taken_up_and_run_once_an_extension_has_named_them() {
    let world = World::new().await;
    world.store.fail_next("claim", [Fault::AnswerLost]);
    let jobs = world.add("crm", "upsert", 5).await;
    let (runs, destination) = counting();
    let scheduler = start(world.scheduler("one").with_destination(destination));
    world.until_finished().await;
    // The first told of them, the second named them.
    assert!(world.store.calls("extend_leases") >= 2);
    // Long before their lease would have ended.
    assert!(world.seconds() < 2.0, "{}", world.seconds());
    scheduler.stop().await;
    assert_eq!(runs.load(Ordering::SeqCst), 5);
    for job in jobs {
        assert_eq!(world.states(job).await, [Acknowledged, Executing, Succeeded]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_claim_lost_while_an_extension_is_on_its_way_is_found_by_the_next() {
    let world = World::new().await;
    let (_, destination) = counting();
    world.store.fail_next("extend_leases", [Fault::AnswerLate(Duration::from_secs(2))]);
    let scheduler = start(world.scheduler("one").with_destination(destination));
    until("it is on its way", async || world.store.calls("extend_leases") == 1).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.store.fail_next("claim", [Fault::AnswerLost]);
    let job = world.add("crm", "upsert", 1).await[0];
    world.until_status(job, Succeeded).await;
    scheduler.stop().await;
    // The regular extensions are ten seconds apart.
    assert!(world.seconds() < 13.0, "{}", world.seconds());
}

#[tokio::test(start_paused = true)]
async fn jobs_that_were_taken_up_do_not_start_before_an_extension_has_named_them() {
    let world = World::new().await;
    world.store.fail_next("claim", [Fault::AnswerLost]);
    // The first extension tells of them; those that would name them fail.
    world.store.fail_next("extend_leases", [Fault::AnswerLate(Duration::ZERO)]);
    world.store.fail_next("extend_leases", [Fault::Refused; 4]);
    world.add("crm", "upsert", 3).await;
    let (runs, destination) = counting();
    let scheduler = start(world.scheduler("one").with_destination(destination));
    until("they were not named", async || world.store.calls("extend_leases") == 5).await;
    assert_eq!(runs.load(Ordering::SeqCst), 0);
    world.until_finished().await;
    scheduler.stop().await;
    assert_eq!(runs.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn a_claims_answer_that_comes_after_its_jobs_were_taken_up_is_ignored() {
    let world = World::new().await;
    // The regular extension at ten seconds tells of them, the next one names them, they run; then comes the answer.
    world.store.fail_next("claim", [Fault::AnswerLate(Duration::from_millis(10_500))]);
    let jobs = world.add("crm", "upsert", 5).await;
    let (runs, destination) = counting();
    let scheduler = start(world.scheduler("one").with_destination(destination));
    world.until_finished().await;
    assert!(world.seconds() < 10.4, "{}", world.seconds());
    world.until_second(20.0).await;
    scheduler.stop().await;
    assert_eq!(runs.load(Ordering::SeqCst), 5);
    for job in jobs {
        assert_eq!(world.states(job).await, [Acknowledged, Executing, Succeeded]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_claims_answer_that_comes_after_the_end_of_its_lease_starts_nothing() {
    let world = World::new().await;
    // The answers of extensions are late too, so that nothing tells of the claim before.
    world.store.fail_next("claim", [Fault::AnswerLate(Duration::from_secs(2))]);
    world.store.fail_next("extend_leases", [Fault::Refused; 3]);
    let job = world.add("crm", "upsert", 1).await[0];
    let (runs, destination) = counting();
    let scheduler = start(
        world
            .scheduler("one")
            .with_lease(Duration::from_millis(1_900))
            .with_destination(destination),
    );
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(world.status(job).await, Executing);
    world.until_finished().await;
    scheduler.stop().await;
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    expect_legal(&world.history(job).await);
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_claim_is_lost_is_cancelled_and_reports_nothing() {
    let world = World::new().await;
    let job = world.add("crm", "upsert", 1).await[0];
    let Held { runs, destination, .. } = held();
    let scheduler = start(world.scheduler("one").with_destination(destination));
    world.until_status(job, Executing).await;
    assert_eq!(world.expire_all().await, 1);
    world.until_status(job, Succeeded).await;
    scheduler.stop().await;
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    let chain = world.history(job).await;
    expect_legal(&chain);
    assert_eq!(world.states(job).await, [Acknowledged, Executing, Unknown, Executing, Succeeded]);
    assert_eq!(chain[2].actor.as_deref(), Some("rescuer"));
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_comes_too_late_is_dropped_with_its_follow_ups() {
    let world = World::new().await;
    let job = world.add("crm", "upsert", 1).await[0];
    let Held { runs, go_on, destination } = held();
    let scheduler = start(world.scheduler("one").with_destination(destination));
    world.until_status(job, Executing).await;
    assert_eq!(world.expire_all().await, 1);
    go_on.notify_one();
    until("the job has ended", async || world.status(job).await == Succeeded).await;
    scheduler.stop().await;
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    expect_legal(&world.history(job).await);
    // The follow-up of the second run alone.
    assert_eq!(world.counts().await.total(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_outcome_whose_job_was_purged_is_dropped() {
    let world = World::new().await;
    let job = world.add("crm", "upsert", 1).await[0];
    let Held { go_on, destination, .. } = held();
    let scheduler = start(world.scheduler("one").with_destination(destination));
    world.until_status(job, Executing).await;
    world
        .store
        .inner()
        .pause(
            &world.toolkit,
            blacksmith_store::Pause::new(world.toolkit.pause_id(), "crm", "operator"),
        )
        .await
        .expect("paused");
    world.expire_all().await;
    let given_up =
        world.job(job).await.next(world.toolkit.transition_id(), Discarded).expect("a legal move");
    world.store.inner().add_transitions(&world.toolkit, vec![given_up]).await.expect("stored");
    let all = PurgeRequest::everything().with_recent();
    let purged = world.store.inner().purge(&world.toolkit, all).await.expect("purged");
    assert_eq!(purged.jobs, 1);

    go_on.notify_one();
    let applies = world.store.calls("apply");
    until("the outcome is answered", async || world.store.calls("apply") > applies).await;
    assert_eq!(scheduler.stop().await.left_executing, 0);
    assert_eq!(world.counts().await.total(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_kills_its_process_is_discarded_in_the_end_without_another_run() {
    let world = World::new().await;
    let job = world.add("crm", "upsert", 1).await[0];
    for _ in 0..3 {
        let due = world.job(job).await.transition.expect("stored").run_at;
        until("it is due", async || due.is_none_or(|due| due <= world.clock.now())).await;
        world.claim_and_die("crm", "upsert", 1).await;
        world.expire_all().await;
    }
    let (runs, destination) = counting();
    let destination =
        destination.with_schedule(blacksmith_store::Schedule::new(true, "@every 1s", 2));
    let scheduler = start(world.scheduler("one").with_destination(destination.clone()));
    world.until_status(job, Discarded).await;
    assert_eq!(runs.load(Ordering::SeqCst), 0);
    let chain = world.history(job).await;
    expect_legal(&chain);
    assert_eq!(chain[chain.len() - 1].attempt, 4);

    // An operator's retry always gets a run.
    let again = world
        .job(job)
        .await
        .next(world.toolkit.transition_id(), blacksmith_store::Status::Awaiting)
        .expect("a legal move");
    world.store.add_transitions(&world.toolkit, vec![again]).await.expect("stored");
    world.until_status(job, Succeeded).await;
    scheduler.stop().await;
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}
