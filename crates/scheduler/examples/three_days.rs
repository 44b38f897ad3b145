//! Three days of hourly retries of 10,000 jobs, 730,000 attempts, on a set clock:
//!
//!     cargo run --release -p blacksmith-scheduler --example three_days -- [URL]
//!
//! A database is not to hold anything else; a Postgres one is to be migrated before.

use std::{error::Error, time::Instant};

use blacksmith_scheduler::{Destination, Failure, Scheduler, each};
use blacksmith_store::{Clock, Event, Job, Options, SetClock, Toolkit};

const JOBS: usize = 10_000;

#[tokio::main(flavor = "current_thread")]
#[allow(clippy::print_stdout, reason = "an example speaks to who runs it")]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "memory:".to_owned());
    let store = blacksmith_store::open(Options::from_url(&url)?).await?;

    let clock = SetClock::at("2026-01-01T00:00:00Z".parse()?);
    let toolkit = Toolkit::new().with_clock(Clock::Set(clock.clone())).with_seed(1);
    for _ in 0..JOBS / 1_000 {
        let event = |_| {
            Event::new(toolkit.event_id(), "shop", "order.paid").with_job(Job::new(
                toolkit.job_id(),
                "crm",
                "upsert",
            ))
        };
        store.add_events(&toolkit, (0..1_000).map(event).collect()).await?;
    }

    // By default a job is retried hourly, 72 times.
    let crm = Destination::new("crm")
        .with_action(each("upsert", async |_| Err::<(), _>(Failure::new("not today"))));
    let mut simulation = Scheduler::new(store.clone())
        .with_destination(crm)
        .with_toolkit(toolkit.clone())
        .simulate()?;
    let began = Instant::now();
    while let Some(next_due) = simulation.run_due().await? {
        clock.set(next_due);
    }
    println!("three days took {:?}", began.elapsed());
    for queue in store.stats(&toolkit).await? {
        println!("{}/{}: {:?}", queue.destination, queue.action, queue.counts);
    }
    Ok(())
}
