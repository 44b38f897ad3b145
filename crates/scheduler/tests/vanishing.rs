//! A real server that is away for several leases, and what the schedulers do meanwhile. Alone in its program, for the processor
//! time of the whole process is looked at.

mod world;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use blacksmith_scheduler::{Delivery, Destination, Failure, Scheduler, each};
use blacksmith_store::{
    AvailableAdapters, CompiledIn as _, Options,
    Status::{Acknowledged, Executing, Succeeded, Unknown},
    Store, Toolkit,
};
use blacksmith_testing_postgres_server::{Server, Settings};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use world::{Started, add, counts, expect_legal, history, start, until, within};

const LEASE: Duration = Duration::from_secs(6);
const AWAY: Duration = Duration::from_secs(14);

/// A busy machine may take long.
const PATIENCE: Duration = Duration::from_mins(2);

/// Runs under way at once, in each scheduler and of each kind.
const CONCURRENCY: usize = 3;

async fn open(options: &Options) -> Arc<dyn Store> {
    blacksmith_store::open(options.clone()).await.expect("a store")
}

/// `brief` ends when it is told to; `endless` would not end at the first attempt.
fn begin(
    store: Arc<dyn Store>,
    actor: &str,
    running: &Arc<AtomicUsize>,
    is_over: &watch::Receiver<bool>,
) -> Started {
    let count = || {
        let running = running.clone();
        move || running.fetch_add(1, Ordering::SeqCst)
    };
    let (first, second) = (count(), count());
    let is_over = is_over.clone();
    let brief = each("run", move |_| {
        first();
        let mut is_over = is_over.clone();
        async move {
            is_over
                .wait_for(|is_over| *is_over)
                .await
                .map_err(|gone| Failure::new(gone.to_string()))?;
            Ok(())
        }
    });
    let endless = each("run", move |delivery: Delivery| {
        second();
        async move {
            if delivery.attempt() == 1 {
                std::future::pending::<()>().await;
            }
            Ok(())
        }
    });
    let destination = |name: &str, action: blacksmith_scheduler::ClosureAction| {
        let action = action.with_concurrency(CONCURRENCY).with_prefetch(0).with_timeout(None);
        Destination::new(name).with_action(action)
    };
    let scheduler = Scheduler::new(store).with_lease(LEASE).with_actor(actor);
    start(
        scheduler
            .with_destination(destination("brief", brief))
            .with_destination(destination("endless", endless)),
    )
}

/// Processor time of this process, where the system tells it.
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |place: usize| fields.get(place)?.parse::<u64>().ok();
    Some(Duration::from_millis(10 * (ticks(11)? + ticks(12)?)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schedulers_wait_for_a_server_that_vanishes_and_keep_what_they_hold() {
    let server = Server::start_with(&Settings::new().durable()).expect("a server");
    let options = Options::new("postgres").with_connection(server.url("postgres"));
    let migrator = AvailableAdapters::compiled_in().migrator(&options).await;
    migrator.expect("a migrator").up(None).await.expect("migrated");
    let (store, toolkit) = (open(&options).await, Toolkit::new());
    let brief = add(&*store, &toolkit, "brief", "run", 2 * CONCURRENCY).await;
    let endless = add(&*store, &toolkit, "endless", "run", 2 * CONCURRENCY).await;

    let running = Arc::new(AtomicUsize::new(0));
    let (end, is_over) = watch::channel(false);
    let schedulers = [
        begin(open(&options).await, "one", &running, &is_over),
        begin(open(&options).await, "other", &running, &is_over),
    ];
    let all_run = async || running.load(Ordering::SeqCst) >= 4 * CONCURRENCY;
    within(PATIENCE, until("all run", all_run)).await;
    server.stop_immediately().expect("stopped");
    end.send(true).expect("they wait for it");

    let (away_since, used) = (Instant::now(), processor_time());
    sleep(AWAY).await;
    if let (Some(before), Some(after)) = (used, processor_time()) {
        let share = after.saturating_sub(before).as_secs_f64() / away_since.elapsed().as_secs_f64();
        assert!(share < 0.1, "{:.0} % of a core went into waiting", 100.0 * share);
    }
    for scheduler in &schedulers {
        assert!(scheduler.is_running());
    }
    server.restart().expect("restarted");

    let all_have_ended = async || {
        store.stats(&toolkit).await.is_ok()
            && counts(&*store, &toolkit).await.succeeded == 4 * CONCURRENCY as u64
    };
    within(PATIENCE, until("all jobs have ended", all_have_ended)).await;
    for scheduler in schedulers {
        assert_eq!(scheduler.stop().await.left_executing, 0);
    }

    // What finished meanwhile was accepted, from the one that had claimed it.
    for job in brief {
        let chain = history(&*store, &toolkit, job).await;
        expect_legal(&chain);
        let states: Vec<_> = chain.iter().map(|transition| transition.state_after).collect();
        assert_eq!(states, [Acknowledged, Executing, Succeeded], "{chain:#?}");
        assert_eq!(chain[1].actor, chain[2].actor);
    }
    // What was cancelled for its lease is told so by the one that cancelled it, and run again.
    for job in endless {
        let chain = history(&*store, &toolkit, job).await;
        expect_legal(&chain);
        assert_eq!(chain[2].state_after, Unknown, "{chain:#?}");
        assert_eq!(chain[1].actor, chain[2].actor);
        let reason = chain[2].error.as_ref().expect("a reason").message();
        assert!(reason.contains("lease"), "{reason}");
        assert_eq!(chain[chain.len() - 1].attempt, 2);
    }
}
