//! How fast a scheduler gets through jobs that do nothing:
//!
//!     cargo run --release -p blacksmith-scheduler --example drain -- [memory|sqlite|postgres [JOBS [CONCURRENCY]]]
//!
//! Without `BLACKSMITH_TEST_POSTGRES_URL`, a durable server is started.

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use blacksmith_scheduler::{Destination, Scheduler, each};
use blacksmith_store::Toolkit;
use support::{Place, Result, add};
use tokio::sync::Notify;

#[tokio::main]
#[allow(clippy::print_stdout, reason = "an example speaks to who runs it")]
async fn main() -> Result {
    let mut arguments = std::env::args().skip(1);
    let adapter = arguments.next().unwrap_or_else(|| "memory".to_owned());
    let jobs: usize = arguments.next().as_deref().unwrap_or("200000").parse()?;
    let concurrency: usize = arguments.next().as_deref().unwrap_or("10").parse()?;

    let mut place = Place::of(&adapter)?;
    let store = place.fresh().await?.open().await?;
    let toolkit = Toolkit::new();
    add(&*store, &toolkit, "crm", jobs).await?;

    let (left, all_done) = (Arc::new(AtomicUsize::new(jobs)), Arc::new(Notify::new()));
    let (count, done) = (left.clone(), all_done.clone());
    let upsert = each("upsert", move |_| {
        if count.fetch_sub(1, Ordering::Relaxed) == 1 {
            done.notify_one();
        }
        async { Ok(()) }
    });
    let crm = Destination::new("crm").with_action(upsert.with_concurrency(concurrency));
    let began = Instant::now();
    // The shutdown stores what is left of the outcomes.
    Scheduler::new(store.clone()).with_destination(crm).run(all_done.notified()).await?;
    let took = began.elapsed();
    let rate = jobs as u128 * 1_000 / took.as_millis().max(1);
    println!("{adapter}: {jobs} jobs in {took:?}, {rate} a second");
    for queue in store.stats(&toolkit).await? {
        println!("{}/{}: {:?}", queue.destination, queue.action, queue.counts);
    }
    Ok(())
}
