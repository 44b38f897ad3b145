//! How fast two destinations deliver beside a third that is dead (each call to it hangs until its timeout) and has a backlog of
//! due jobs, and how fast without it, in alternating rounds, each on a store of its own:
//!
//!     cargo run --release -p blacksmith-scheduler --example isolation -- memory|sqlite|postgres [JOBS [BACKLOG [ROUNDS]]]
//!
//! Without `BLACKSMITH_TEST_POSTGRES_URL`, a durable server is started.

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use blacksmith_scheduler::{Destination, Failure, Scheduler, each};
use blacksmith_store::{Status, Toolkit};
use support::{Place, Result, Shared, add, count, median};
use tokio::sync::Notify;

const LIVE: [&str; 2] = ["crm", "search"];
const TIMEOUT: Duration = Duration::from_secs(1);

#[tokio::main]
#[allow(clippy::print_stdout, reason = "an example speaks to who runs it")]
async fn main() -> Result {
    let mut arguments = std::env::args().skip(1);
    let adapter = arguments.next().unwrap_or_else(|| "memory".to_owned());
    let mut number = |default: usize| arguments.next().map_or(Ok(default), |text| text.parse());
    let (jobs, backlog, rounds) = (number(50_000)?, number(100_000)?, number(5)?);

    let mut place = Place::of(&adapter)?;
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        // The one that comes first has the quieter disk.
        let order = if round % 2 == 0 { [0, backlog] } else { [backlog, 0] };
        for backlog in order {
            let store = place.fresh().await?.open().await?;
            let (rate, timeouts) = deliver(&store, jobs, backlog).await?;
            println!("backlog {backlog:>6}: {rate:>8.0} jobs a second, {timeouts} calls hung");
            if backlog == 0 { alone.push(rate) } else { beside.push(rate) }
        }
    }
    let mut ratios: Vec<f64> =
        alone.iter().zip(&beside).map(|(alone, beside)| beside / alone).collect();
    let ratio = median(&mut beside) / median(&mut alone);
    println!(
        "{adapter}: {ratio:.3} of the rate without it (medians; median of the rounds {:.3})",
        median(&mut ratios)
    );
    Ok(())
}

/// How many jobs a second the two that live deliver, and how many calls of the dead one timed out meanwhile.
async fn deliver(store: &Shared, jobs: usize, backlog: usize) -> Result<(f64, u64)> {
    let toolkit = Toolkit::new();
    add(&**store, &toolkit, "dead", backlog).await?;
    for destination in LIVE {
        add(&**store, &toolkit, destination, jobs).await?;
    }
    let (left, all_done) = (Arc::new(AtomicUsize::new(LIVE.len() * jobs)), Arc::new(Notify::new()));
    let mut scheduler = Scheduler::new(store.clone()).with_shutdown_timeout(Duration::from_secs(5));
    for destination in LIVE {
        let (left, all_done) = (left.clone(), all_done.clone());
        let upsert = each("upsert", move |_| {
            if left.fetch_sub(1, Ordering::Relaxed) == 1 {
                all_done.notify_one();
            }
            async { Ok(()) }
        });
        scheduler = scheduler.with_destination(Destination::new(destination).with_action(upsert));
    }
    let hang = each("upsert", |_| std::future::pending::<Result<(), Failure>>());
    let dead = Destination::new("dead").with_action(hang.with_timeout(TIMEOUT));
    scheduler = scheduler.with_destination(dead);

    let began = Instant::now();
    let took = Arc::new(std::sync::OnceLock::new());
    let stopwatch = took.clone();
    let stop = async move {
        all_done.notified().await;
        let _ = stopwatch.set(began.elapsed());
    };
    scheduler.run(stop).await?;
    for destination in LIVE {
        let delivered = count(&**store, &toolkit, destination, Status::Succeeded).await?;
        if delivered != jobs as u64 {
            return Err(
                format!("{delivered} of {jobs} jobs of {destination} were delivered").into()
            );
        }
    }
    let timeouts = count(&**store, &toolkit, "dead", Status::Failed).await?;
    let took = took.get().ok_or("the scheduler stopped before its time")?;
    let delivered = u32::try_from(LIVE.len() * jobs)?;
    Ok((f64::from(delivered) / took.as_secs_f64(), timeouts))
}
