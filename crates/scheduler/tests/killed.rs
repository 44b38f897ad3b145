//! A job whose action kills the process that runs it. Each test starts this program again, with that one test and a variable
//! that names the file, as often as it dies.

mod world;

use std::{process::Command, time::Duration};

use blacksmith_scheduler::{Batch, Delivery, Destination, Scheduler, Then, batch, each};
use blacksmith_store::{
    Event, Job, JobId, Options, Schedule,
    Status::{self, Discarded, Succeeded},
    Store, Toolkit,
};
use world::{add, expect_legal, history, start, until, within};

const FILE: &str = "BLACKSMITH_TEST_FILE";

/// Jobs that are due before the one that kills, and as many after it.
const OTHERS: usize = 12;
const MAX_RETRIES: u32 = 3;
/// Of processes that die at once, only a short one is worth waiting for.
const LEASE: Duration = Duration::from_millis(600);

fn run<T>(work: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().expect("a runtime").block_on(work)
}

async fn open(file: &str) -> std::sync::Arc<dyn Store> {
    let options = Options::new("sqlite").with_connection(file);
    blacksmith_store::open(options).await.expect("a store")
}

/// A process that delivers until all jobs have ended, or it is killed by one.
async fn deliver(file: &str, destination: Destination) {
    let (store, toolkit) = (open(file).await, Toolkit::new());
    let destination = destination.with_schedule(Schedule::new(true, "@every 1s", MAX_RETRIES));
    let scheduler = Scheduler::new(store.clone()).with_lease(LEASE).with_destination(destination);
    let scheduler = start(scheduler);
    let all_have_ended = async || {
        let counts = world::counts(&*store, &toolkit).await;
        counts.total() == counts.succeeded + counts.discarded
    };
    within(Duration::from_mins(2), until("all jobs have ended", all_have_ended)).await;
    assert_eq!(scheduler.stop().await.left_executing, 0);
}

/// Runs `destination` in processes that die, one after the other, until one of them gets through.
fn only_the_job_that_kills_is_discarded(test: &str, destination: Destination) {
    if let Ok(file) = std::env::var(FILE) {
        return run(deliver(&file, destination));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("jobs.db");
    let file = file.to_str().expect("a path");
    let toolkit = Toolkit::new();
    let (poison, others) = run(async {
        let store = open(file).await;
        let mut others = add(&*store, &toolkit, "crm", "upsert", OTHERS).await;
        let job = Job::new(toolkit.job_id(), "crm", "upsert");
        let poison = job.id;
        let event = Event::new(toolkit.event_id(), "shop", "order.paid").with_data("poison");
        store.add_events(&toolkit, vec![event.with_job(job)]).await.expect("stored");
        others.extend(add(&*store, &toolkit, "crm", "upsert", OTHERS).await);
        (poison, others)
    });

    let process = || {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--exact", test, "--nocapture"]).env(FILE, file);
        command.output().expect("a process")
    };
    let mut deaths = 0;
    loop {
        let output = process();
        if output.status.success() {
            break;
        }
        assert_eq!(output.status.code(), None, "{}", String::from_utf8_lossy(&output.stderr));
        deaths += 1;
        assert!(deaths <= MAX_RETRIES + 1, "an attempt was made beyond the retries");
    }
    assert_eq!(deaths, MAX_RETRIES + 1);

    run(async {
        let store = open(file).await;
        tells_its_story(&*store, &toolkit, poison).await;
        for job in others {
            let chain = history(&*store, &toolkit, job).await;
            expect_legal(&chain);
            assert_eq!(chain[chain.len() - 1].state_after, Succeeded, "{chain:#?}");
        }
    });
}

/// That the history of the job that kills has all its runs, each begun by another process and given up by the next.
async fn tells_its_story(store: &dyn Store, toolkit: &Toolkit, poison: JobId) {
    let chain = history(store, toolkit, poison).await;
    expect_legal(&chain);
    let last = &chain[chain.len() - 1];
    assert_eq!((last.state_after, last.attempt), (Discarded, MAX_RETRIES + 2));
    let reason = last.error.as_ref().expect("a reason").message();
    assert!(reason.contains("beyond the retries"), "{reason}");
    let mut workers = Vec::new();
    for pair in chain.windows(2).filter(|pair| pair[1].state_after == Status::Unknown) {
        assert_eq!(pair[0].state_after, Status::Executing);
        assert_ne!(pair[0].actor, pair[1].actor, "rescued by another");
        workers.push(pair[0].actor.clone().expect("a worker"));
    }
    workers.dedup();
    assert_eq!(u32::try_from(workers.len()), Ok(MAX_RETRIES + 1), "{chain:#?}");
}

fn dies_of(data: Option<&[u8]>) {
    if data == Some(b"poison") {
        std::process::abort();
    }
}

#[test]
fn a_job_that_kills_its_process_is_discarded_and_those_that_ran_beside_it_are_delivered() {
    let upsert = each("upsert", async |delivery: Delivery| {
        dies_of(delivery.data().map(|data| &data[..]));
        Ok(())
    });
    only_the_job_that_kills_is_discarded(
        "a_job_that_kills_its_process_is_discarded_and_those_that_ran_beside_it_are_delivered",
        Destination::new("crm").with_action(upsert),
    );
}

#[test]
fn a_job_that_kills_its_process_is_discarded_and_the_others_of_its_batch_are_delivered() {
    let upsert = batch("upsert", async |batch: Batch| {
        for (event, job) in batch.queue.jobs() {
            dies_of(job.data.as_ref().or(event.data.as_ref()).map(|data| &data[..]));
        }
        batch.report.then(Then::succeeded());
        Ok(())
    });
    only_the_job_that_kills_is_discarded(
        "a_job_that_kills_its_process_is_discarded_and_the_others_of_its_batch_are_delivered",
        Destination::new("crm").with_action(upsert),
    );
}
