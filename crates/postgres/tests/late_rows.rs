//! Jobs that become visible late, while there is a backlog: claimed within two seconds of their commit if their transaction was
//! open for at most a second, and always within half a minute.

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use blacksmith_store_core::{Job, JobId, Status, Store, StoreError, Toolkit};
use blacksmith_store_postgres::add_events_in;
use tokio::sync::mpsc;

use support::{Schema, claim, event};

type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// There is always more due than a claim takes, but not so much that a job's turn comes late: what waits is below the place
/// where the worker is, not above it.
const BACKLOG: u64 = 200;
const BATCH: usize = 20;

/// Adds jobs as long as the run goes on.
async fn arrive(store: Arc<dyn Store>, goes_on: Arc<AtomicBool>) -> Result<(), StoreError> {
    let toolkit = Toolkit::new();
    while goes_on.load(Ordering::Relaxed) {
        let waiting =
            store.stats(&toolkit).await?.first().map_or(0, |queue| queue.counts.acknowledged);
        if waiting < BACKLOG {
            store
                .add_events(&toolkit, (0..100).map(|_| event(&toolkit, &["crm"])).collect())
                .await?;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Claims and completes small batches, so that the backlog lasts, and tells what was claimed.
async fn work(
    store: Arc<dyn Store>,
    goes_on: Arc<AtomicBool>,
    claimed: mpsc::UnboundedSender<(JobId, Instant)>,
) -> Result<(), StoreError> {
    let toolkit = Toolkit::new();
    while goes_on.load(Ordering::Relaxed) {
        let jobs: Vec<Job> = claim(&*store, &toolkit, "worker", "crm", BATCH).await?;
        let now = Instant::now();
        for job in &jobs {
            // The test may have seen all that it waits for.
            let _ = claimed.send((job.id, now));
        }
        let outcomes = jobs.iter().map(|job| job.next(toolkit.transition_id(), Status::Succeeded));
        store.add_transitions(&toolkit, outcomes.collect::<Result<_, _>>()?).await?;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Stores a job in a transaction that stays open; answers the job, and when it was committed.
async fn late(
    store: Arc<dyn Store>,
    mut client: tokio_postgres::Client,
    open: Duration,
) -> (JobId, Instant) {
    let toolkit = Toolkit::new();
    let event = event(&toolkit, &["crm"]);
    let job = event.jobs[0].id;
    let transaction = client.transaction().await.expect("a transaction");
    drop(add_events_in(&*store, &toolkit, &transaction, vec![event]).await.expect("it is added"));
    tokio::time::sleep(open).await;
    let committed = Instant::now();
    transaction.commit().await.expect("it is committed");
    (job, committed)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_job_is_claimed_in_time_although_there_is_a_backlog() -> Result {
    let schema = Schema::migrated().await?;
    let store = schema.open().await?;
    let goes_on = Arc::new(AtomicBool::new(true));
    let (sender, mut claimed) = mpsc::unbounded_channel();
    let arriving = tokio::spawn(arrive(Arc::clone(&store), Arc::clone(&goes_on)));
    let working = tokio::spawn(work(Arc::clone(&store), Arc::clone(&goes_on), sender));
    // The worker is in the middle of the backlog.
    for _ in 0..500 {
        claimed.recv().await.expect("the worker works");
    }
    let mut waits = Vec::new();
    for (open, bound) in [(0.5, 2), (0.9, 2), (3.0, 30), (20.0, 30)] {
        let open = Duration::from_secs_f64(open);
        let client = schema.client().await;
        let late = tokio::spawn(late(Arc::clone(&store), client, open));
        waits.push((late, open, Duration::from_secs(bound)));
    }
    let mut seen = std::collections::HashMap::new();
    for (late, open, bound) in waits {
        let (job, committed) = late.await?;
        let wait = loop {
            if let Some(at) = seen.get(&job) {
                break Instant::saturating_duration_since(at, committed);
            }
            let next = tokio::time::timeout(support::PATIENCE * 2, claimed.recv()).await?;
            let (id, at) = next.expect("the worker works");
            seen.insert(id, at);
        };
        eprintln!("open for {open:?}: claimed {wait:?} after its commit");
        assert!(wait <= bound, "open for {open:?}: claimed {wait:?} after its commit");
    }
    goes_on.store(false, Ordering::Relaxed);
    arriving.await??;
    working.await??;
    Ok(())
}
