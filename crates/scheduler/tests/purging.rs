//! Purge policies and the store's upkeep.

mod world;

use std::time::Duration;

use blacksmith_scheduler::{Destination, Scheduler, each};
use blacksmith_store::{
    Clock, ErrorKind, Event, Options, PurgePolicy, SetClock, Status, Toolkit, WhereEvents,
    WhereJobs, WhereTransitions,
};
use world::{Fault, World, add, counts, memory, start, start_instant, until};

fn delivered() -> WhereEvents {
    let succeeded = WhereTransitions::default().with_status_in([Status::Succeeded]);
    WhereEvents::default()
        .with_sources_in(["shop"])
        .with_jobs(WhereJobs::default().with_transitions(succeeded))
}

fn options() -> Options {
    let policy = PurgePolicy::new(delivered(), "@every 1h")
        .with_name("delivered")
        .with_older_than(Duration::from_mins(90));
    Options::new("memory").with_purge(policy)
}

fn crm() -> Destination {
    Destination::new("crm").with_action(each("upsert", async |_| Ok(())))
}

async fn purges(world: &World) -> Vec<Event> {
    let filter = WhereEvents::default().with_sources_in(["blacksmith"]).with_limit(1_000);
    world.store.inner().find_events(&world.toolkit, filter).await.expect("events").entries
}

#[tokio::test(start_paused = true)]
async fn of_many_schedulers_one_does_each_tick_of_a_policy() {
    let world = World::with_options(options()).await;
    world.add("crm", "upsert", 20).await;
    let left = world.add("crm", "delete", 1).await;
    let schedulers: Vec<_> = ["one", "other", "third"]
        .into_iter()
        .map(|name| {
            let scheduler = world.scheduler(name).with_poll_interval(Duration::from_secs(1));
            start(scheduler.with_destination(crm()))
        })
        .collect();
    world.until_second(3_700.0).await;
    assert_eq!(world.counts().await.succeeded, 20 + 2);
    world.until_second(2.0 * 3_600.0 + 100.0).await;
    for scheduler in schedulers {
        scheduler.stop().await;
    }

    // At 0, 1 and 2 hours; in the second hour the events were old enough.
    let purges = purges(&world).await;
    assert_eq!(purges.len(), 3);
    for (hours, event) in (0..3).rev().zip(&purges) {
        assert_eq!(event.sent_at, Some(start_instant() + Duration::from_hours(hours)));
        let [job] = &event.jobs[..] else { panic!("one job") };
        assert_eq!((job.destination.as_str(), job.action.as_str()), ("blacksmith", "purge"));
        let latest = job.transition.as_ref().expect("stored");
        assert_eq!((latest.state_after, latest.attempt), (Status::Succeeded, 1));
    }
    let counts = world.counts().await;
    assert_eq!((counts.succeeded, counts.total()), (3, 4));
    assert_eq!(world.status(left[0]).await, Status::Acknowledged);
}

#[tokio::test(start_paused = true)]
async fn a_purge_that_fails_is_tried_again() {
    let world = World::with_options(options()).await;
    world.store.fail_next("purge", [Fault::Refused, Fault::AnswerLost]);
    world.store.fail_next("add_events", [Fault::AnswerLost, Fault::Refused]);
    let scheduler = start(world.scheduler("one").with_destination(crm()));
    world.until_finished().await;
    until("it is done", async || world.counts().await.succeeded == 1).await;
    scheduler.stop().await;
    let purges = purges(&world).await;
    assert_eq!(purges.len(), 1);
    let history = world.history(purges[0].jobs[0].id).await;
    assert_eq!(history[history.len() - 1].attempt, 3);
    assert!(history[2].error.as_ref().is_some_and(|error| error.message().contains("refused")));
}

#[tokio::test]
async fn a_simulation_purges_at_the_ticks_it_passes() {
    let store = memory(options()).await;
    let clock = SetClock::at(start_instant());
    let toolkit = Toolkit::new().with_clock(Clock::Set(clock.clone()));
    let scheduler = Scheduler::new(store.clone()).with_destination(crm());
    let mut simulation = scheduler.with_toolkit(toolkit.clone()).simulate().expect("a simulation");
    add(&*store, &toolkit, "crm", "upsert", 3).await;
    for _ in 0..4 {
        simulation.run_due().await.expect("a step");
        clock.advance(Duration::from_hours(1));
    }
    // Those of the ticks at 0, 1, 2 and 3 hours; the three events are gone.
    let counts = counts(&*store, &toolkit).await;
    assert_eq!((counts.succeeded, counts.total()), (4, 4));
}

#[tokio::test(start_paused = true)]
async fn the_stores_upkeep_is_done_on_its_interval() {
    let world = World::new().await;
    let scheduler = start(
        world
            .scheduler("one")
            .with_maintain_interval(Duration::from_secs(20))
            .with_destination(crm()),
    );
    world.until_second(205.0).await;
    scheduler.stop().await;
    let calls = world.store.calls("maintain");
    assert!((9..=11).contains(&calls), "{calls}");
}

#[tokio::test]
async fn a_policy_without_a_bound_or_with_no_interval_is_refused_before_anything_runs() {
    for policy in [
        PurgePolicy::new(WhereEvents::default(), "@daily"),
        PurgePolicy::new(delivered(), "sometimes"),
    ] {
        let store = memory(Options::new("memory").with_purge(policy)).await;
        let refused = Scheduler::new(store).run(std::future::pending()).await;
        assert_eq!(refused.expect_err("a refusal").kind(), ErrorKind::Config);
    }
}
