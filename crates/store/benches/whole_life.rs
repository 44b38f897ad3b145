//! How many jobs a second live their whole life in a store: added with their event, claimed, reported as succeeded.
//!
//! ```text
//! cargo bench -p blacksmith-store --bench whole_life -- [URL] [JOBS] [ROUNDS] [WORKERS]
//! cargo bench -p blacksmith-store --bench whole_life -- sqlite:///var/tmp/life.db 200_000 5 1
//! ```
//!
//! The store, `memory:` by default, must be empty. Each round adds that many jobs (100,000 by default), one in an event,
//! with about 200 bytes of payload in either, then claims and reports them, all in batches of 1,000, by so many workers at
//! once (1 by default); what earlier rounds stored stays there. Printed are jobs a second of each round (5 by default) and
//! the medians. Ratios between two stores measured in one hour on one machine mean something; absolute rates do not.

#![allow(clippy::print_stdout, reason = "the figures are what a benchmark is for")]

mod figures;

use std::{
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use blacksmith_store::{
    Change, ChangeOutcome, ClaimRequest, Event, Result, Status, Store, StoreError, Toolkit, Want,
};

use crate::figures::{Arguments, BATCH, events, median};

fn main() -> ExitCode {
    figures::bench(run)
}

async fn run(arguments: Arguments) -> Result<()> {
    let jobs = arguments.number(1, 100_000_usize)?;
    let rounds = arguments.number(2, 5_usize)?;
    let workers = arguments.number(3, 1_usize)?;
    let store = arguments.open().await?;

    println!("{:>8} {:>12} {:>12} {:>12} {:>12}", "jobs/s", "insert", "claim", "complete", "whole");
    let mut all = Vec::new();
    for number in 1..=rounds {
        let round = round(&store, jobs, workers).await?;
        print_rates(&number.to_string(), round);
        all.push(round);
    }
    let medians = std::array::from_fn(|figure| median(all.iter().map(|round| round[figure])));
    print_rates("median", medians);
    Ok(())
}

/// Jobs a second: inserted, claimed, completed, and through all of it.
type Rates = [f64; 4];

fn print_rates(name: &str, rates: Rates) {
    let [insert, claim, complete, whole] = rates;
    println!("{name:>8} {insert:>12.0} {claim:>12.0} {complete:>12.0} {whole:>12.0}");
}

async fn round(store: &Arc<dyn Store>, jobs: usize, workers: usize) -> Result<Rates> {
    let toolkit = Toolkit::new();
    let share = jobs.div_ceil(workers);
    let batches = |toolkit| -> Vec<Vec<Event>> {
        let of = |count| events(toolkit, count, &[("crm", "upsert")]);
        (0..share).step_by(BATCH).map(|begun| of((share - begun).min(BATCH))).collect()
    };
    // What is stored is made before the clock starts.
    let shares: Vec<_> = (0..workers).map(|_| batches(&toolkit)).collect();

    let started = Instant::now();
    let inserts = shares.into_iter().map(|share| tokio::spawn(insert(store.clone(), share)));
    for insert in inserts.collect::<Vec<_>>() {
        join(insert.await)?;
    }
    let inserting = started.elapsed();

    let started = Instant::now();
    let drains = (0..workers).map(|number| tokio::spawn(drain(store.clone(), number)));
    let (mut claiming, mut completing) = (Duration::ZERO, Duration::ZERO);
    let mut done = 0;
    for drain in drains.collect::<Vec<_>>() {
        let drained = join(drain.await)?;
        claiming += drained.claiming;
        completing += drained.completing;
        done += drained.jobs;
    }
    let draining = started.elapsed();

    let stored = share * workers;
    if done != stored {
        return Err(StoreError::internal(format!("{done} of {stored} jobs came through")));
    }
    // Workers claim and complete side by side: each one's time is a part of all workers' time.
    let rate = |time: Duration, side_by_side: usize| {
        #[allow(clippy::cast_precision_loss, reason = "a rate is rounded anyway")]
        let (stored, side_by_side) = (stored as f64, side_by_side as f64);
        stored * side_by_side / time.as_secs_f64()
    };
    Ok([
        rate(inserting, 1),
        rate(claiming, workers),
        rate(completing, workers),
        rate(inserting + draining, 1),
    ])
}

fn join<T>(ended: Result<Result<T>, tokio::task::JoinError>) -> Result<T> {
    ended.unwrap_or_else(|error| Err(StoreError::internal(format!("a worker died: {error}"))))
}

async fn insert(store: Arc<dyn Store>, batches: Vec<Vec<Event>>) -> Result<()> {
    let toolkit = Toolkit::new();
    for batch in batches {
        store.add_events(&toolkit, batch).await?;
    }
    Ok(())
}

#[derive(Default)]
struct Drained {
    claiming: Duration,
    completing: Duration,
    jobs: usize,
}

/// Claims and reports until nothing is due.
async fn drain(store: Arc<dyn Store>, number: usize) -> Result<Drained> {
    let toolkit = Toolkit::new();
    let actor = format!("worker-{number}");
    let mut drained = Drained::default();
    loop {
        let started = Instant::now();
        let wants = [Want::destination("crm", BATCH)];
        let request = ClaimRequest::new(actor.as_str(), Duration::from_mins(1), wants);
        let claimed = store.claim(&toolkit, request).await?;
        drained.claiming += started.elapsed();
        if claimed.queue.events.is_empty() {
            return Ok(drained);
        }

        let started = Instant::now();
        let done = |job: &blacksmith_store::Job| {
            let outcome = job.next(toolkit.transition_id(), Status::Succeeded)?;
            Ok(Change::new(outcome.with_actor(actor.as_str())))
        };
        let changes = claimed.queue.jobs().map(|(_, job)| done(job)).collect::<Result<Vec<_>>>()?;
        let outcomes = store.apply(&toolkit, changes).await?;
        drained.completing += started.elapsed();
        if outcomes.iter().any(|outcome| *outcome != ChangeOutcome::Applied) {
            return Err(StoreError::internal("an outcome was not applied"));
        }
        drained.jobs += outcomes.len();
    }
}
