//! The whole life of jobs (add, claim, report) through the contract, beside three plain tables through the bare driver.
//!
//! `cargo bench -p blacksmith-store-sqlite --bench whole_life -- [JOBS] [ROUNDS] [ours]`, by default 200,000 jobs in 3 rounds,
//! in a folder below `TMPDIR`; `ours` leaves the bare program out, for a profiler. Both write with `synchronous=FULL`, in batches of 1,000; the bare program is also measured with
//! claims and reports of 100, each of which costs it a sync. Rates depend on the machine, ratios hardly do.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program that measures some hundred thousand jobs and prints what it has measured"
)]

use std::{
    path::Path,
    time::{Duration, Instant},
};

use blacksmith_store_core::{
    AvailableAdapters, ClaimRequest, Event, Job, Options, Status, Store, Toolkit, Transition, Want,
};
use rusqlite::{Connection, TransactionBehavior, params};

/// Events of a call, and jobs of a claim and of a report.
const BATCH: usize = 1_000;

/// Bytes of a payload; an event has one and its job another.
const PAYLOAD: usize = 200;

/// What a round took, phase by phase.
struct Round {
    add: Duration,
    claim: Duration,
    report: Duration,
    bytes_a_job: u64,
}

impl Round {
    fn whole(&self) -> Duration {
        self.add + self.claim + self.report
    }
}

fn main() {
    let numbers: Vec<usize> =
        std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    // Under `cargo test` there is no `--bench`: then it only shows that it works.
    let measures = std::env::args().any(|argument| argument == "--bench");
    let (jobs, rounds) = match (measures, numbers.as_slice()) {
        (false, _) => (BATCH, 1),
        (true, [jobs, rounds, ..]) => (*jobs, *rounds),
        (true, [jobs]) => (*jobs, 3),
        (true, []) => (200_000, 3),
    };
    let jobs = jobs.next_multiple_of(BATCH);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: String| folder.path().join(name);
    let mut all: Vec<[Round; 3]> = Vec::new();
    for round in 0..rounds {
        if std::env::args().any(|argument| argument == "ours") {
            tell("ours", jobs, &ours(&file(format!("ours-{round}.db")), jobs));
            continue;
        }
        let ours = ours(&file(format!("ours-{round}.db")), jobs);
        let bare = bare(&file(format!("bare-{round}.db")), jobs, BATCH);
        let small = bare_in_hundreds(&file(format!("small-{round}.db")), jobs);
        tell("ours", jobs, &ours);
        tell("bare", jobs, &bare);
        tell("bare, claims of 100", jobs, &small);
        all.push([ours, bare, small]);
    }
    if all.is_empty() {
        return;
    }
    let ratio = |other: usize| {
        median(all.iter().map(|[ours, rest @ ..]| {
            rest[other].whole().as_secs_f64() / ours.whole().as_secs_f64()
        }))
    };
    println!(
        "whole life, median of {rounds}: {:.2} of the bare program, {:.2} of it with claims of 100",
        ratio(0),
        ratio(1)
    );
}

fn tell(who: &str, jobs: usize, round: &Round) {
    let rate = |took: Duration| jobs as f64 / took.as_secs_f64() / 1_000.0;
    println!(
        "{who:20} add {:6.1}k  claim {:6.1}k  report {:6.1}k  whole {:6.1}k jobs/s, {} B a job",
        rate(round.add),
        rate(round.claim),
        rate(round.report),
        rate(round.whole()),
        round.bytes_a_job,
    );
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn payload(number: usize) -> Vec<u8> {
    let mut text = format!(r#"{{"number":{number},"data":""#);
    while text.len() < PAYLOAD - 2 {
        text.push('x');
    }
    text.push_str("\"}");
    text.into_bytes()
}

fn bytes_a_job(file: &Path, jobs: usize) -> u64 {
    std::fs::metadata(file).unwrap().len() / jobs as u64
}

/// The store, through the registry and its checks.
fn ours(file: &Path, jobs: usize) -> Round {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let options = Options::new("sqlite").with_connection(file.to_string_lossy());
        let adapters = AvailableAdapters::new().with(blacksmith_store_sqlite::adapter()).unwrap();
        let store = adapters.open(options).await.unwrap();
        let (add, claim, report) = life(store.as_ref(), jobs).await;
        drop(store);
        Round { add, claim, report, bytes_a_job: bytes_a_job(file, jobs) }
    })
}

async fn life(store: &dyn Store, jobs: usize) -> (Duration, Duration, Duration) {
    let toolkit = Toolkit::new();
    // Made beforehand: the bare program's rows are, too.
    let batches: Vec<Vec<Event>> = (0..jobs / BATCH)
        .map(|batch| {
            (0..BATCH)
                .map(|place| {
                    let number = batch * BATCH + place;
                    let job =
                        Job::new(toolkit.job_id(), "crm", "upsert").with_data(payload(number));
                    Event::new(toolkit.event_id(), "github", "push")
                        .with_data(payload(number))
                        .with_job(job)
                })
                .collect()
        })
        .collect();
    let (mut add, mut claim, mut report) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    for batch in batches {
        let began = Instant::now();
        assert_eq!(store.add_events(&toolkit, batch).await.unwrap().jobs as usize, BATCH);
        add += began.elapsed();
    }
    let mut reported = 0;
    while reported < jobs {
        let began = Instant::now();
        let request =
            ClaimRequest::new("worker", Duration::from_mins(1), [Want::destination("crm", BATCH)]);
        let claimed = store.claim(&toolkit, request).await.unwrap();
        claim += began.elapsed();

        let began = Instant::now();
        let outcomes: Vec<Transition> = claimed
            .queue
            .jobs()
            .map(|(_, job)| job.next(toolkit.transition_id(), Status::Succeeded).unwrap())
            .collect();
        assert_eq!(outcomes.len(), BATCH);
        reported += store.add_transitions(&toolkit, outcomes).await.unwrap().new as usize;
        report += began.elapsed();
    }
    (add, claim, report)
}

fn bare_in_hundreds(file: &Path, jobs: usize) -> Round {
    bare(file, jobs, 100)
}

/// Three plain tables through the driver, with claims and reports of `portion` jobs.
fn bare(file: &Path, jobs: usize, portion: usize) -> Round {
    let mut connection = Connection::open(file).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536;
             PRAGMA temp_store = MEMORY;
             CREATE TABLE events (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
             CREATE TABLE jobs (id INTEGER PRIMARY KEY, event_id INTEGER NOT NULL, state INTEGER NOT NULL,
                                run_at INTEGER NOT NULL, body BLOB NOT NULL);
             CREATE INDEX jobs_runnable ON jobs (run_at, id) WHERE state = 0;
             CREATE TABLE transitions (id INTEGER PRIMARY KEY, job_id INTEGER NOT NULL, state INTEGER NOT NULL,
                                       at INTEGER NOT NULL);
             CREATE INDEX transitions_job ON transitions (job_id);",
        )
        .unwrap();
    let now = || {
        let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        i64::try_from(elapsed.unwrap().as_micros()).unwrap()
    };
    let bodies: Vec<(Vec<u8>, Vec<u8>)> =
        (0..jobs).map(|number| (payload(number), payload(number))).collect();

    let began = Instant::now();
    for (batch, rows) in bodies.chunks(BATCH).enumerate() {
        let transaction = connection.transaction().unwrap();
        {
            let mut event = transaction
                .prepare_cached("INSERT INTO events (id, body) VALUES (?1, ?2)")
                .unwrap();
            let mut job = transaction
                .prepare_cached("INSERT INTO jobs (id, event_id, state, run_at, body) VALUES (?1, ?1, 0, ?2, ?3)")
                .unwrap();
            let mut transition = transaction
                .prepare_cached("INSERT INTO transitions (job_id, state, at) VALUES (?1, 0, ?2)")
                .unwrap();
            for (place, (event_body, job_body)) in rows.iter().enumerate() {
                let (id, at) = ((batch * BATCH + place + 1) as i64, now());
                event.execute(params![id, event_body]).unwrap();
                job.execute(params![id, at, job_body]).unwrap();
                transition.execute(params![id, at]).unwrap();
            }
        }
        transaction.commit().unwrap();
    }
    let add = began.elapsed();

    let began = Instant::now();
    let mut claimed: Vec<Vec<(i64, Vec<u8>)>> = Vec::new();
    loop {
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
        let taken: Vec<(i64, Vec<u8>)> = {
            let mut take = transaction
                .prepare_cached(
                    "UPDATE jobs SET state = 1 WHERE id IN (
                         SELECT id FROM jobs WHERE state = 0 AND run_at <= ?1 ORDER BY run_at, id LIMIT ?2)
                     RETURNING id, body",
                )
                .unwrap();
            let rows =
                take.query_map(params![now(), portion], |row| Ok((row.get(0)?, row.get(1)?)));
            rows.unwrap().collect::<Result<_, _>>().unwrap()
        };
        let mut transition = transaction
            .prepare_cached("INSERT INTO transitions (job_id, state, at) VALUES (?1, 1, ?2)")
            .unwrap();
        for (id, _) in &taken {
            transition.execute(params![id, now()]).unwrap();
        }
        drop(transition);
        transaction.commit().unwrap();
        if taken.is_empty() {
            break;
        }
        claimed.push(taken);
    }
    let claim = began.elapsed();

    let began = Instant::now();
    for taken in &claimed {
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
        let mut end = transaction
            .prepare_cached("UPDATE jobs SET state = 2 WHERE id = ?1 AND state = 1")
            .unwrap();
        let mut transition = transaction
            .prepare_cached("INSERT INTO transitions (job_id, state, at) VALUES (?1, 2, ?2)")
            .unwrap();
        for (id, _) in taken {
            assert_eq!(end.execute([id]).unwrap(), 1);
            transition.execute(params![id, now()]).unwrap();
        }
        drop((end, transition));
        transaction.commit().unwrap();
    }
    let report = began.elapsed();
    drop(connection);
    Round { add, claim, report, bytes_a_job: bytes_a_job(file, jobs) }
}
