//! Jobs whose rows somebody else has locked are passed over, and hide no others.

mod support;

use std::time::{Duration, Instant};

use blacksmith_store_core::{ClaimRequest, JobId, Store, Toolkit, Want};
use tokio_postgres::Client;

use support::{Schema, event};

type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// Stores one job more for each of these destinations, in this order.
async fn stored(store: &dyn Store, toolkit: &Toolkit, destinations: &[&str]) -> Result<Vec<JobId>> {
    let mut jobs = Vec::new();
    for destination in destinations {
        let event = event(toolkit, &[destination]);
        jobs.push(event.jobs[0].id);
        store.add_events(toolkit, vec![event]).await?;
    }
    Ok(jobs)
}

/// Locks a job's row as a claim does that has not committed yet.
async fn lock(client: &Client, job: JobId) -> Result {
    client.batch_execute("BEGIN").await?;
    let text = "SELECT FROM live WHERE job_id = $1 FOR UPDATE";
    assert_eq!(client.execute(text, &[&&job.as_bytes()[..]]).await?, 1);
    Ok(())
}

/// What a want of any queue gets, and whether more is due.
async fn claimed(store: &dyn Store, toolkit: &Toolkit, limit: usize) -> Result<(Vec<JobId>, bool)> {
    let request = ClaimRequest::new("worker", Duration::from_secs(30), [Want::any(limit)]);
    let claimed = store.claim(toolkit, request).await?;
    let jobs = claimed.queue.jobs().map(|(_, job)| job.id).collect();
    Ok((jobs, claimed.next_due.is_some()))
}

#[tokio::test]
async fn the_oldest_jobs_do_not_hide_another_queue_while_somebody_else_takes_them() -> Result {
    let schema = Schema::migrated().await?;
    let (store, toolkit) = (schema.open().await?, Toolkit::new());
    let jobs = stored(&*store, &toolkit, &["crm", "erp", "crm", "mail"]).await?;
    let (one, two) = (schema.client().await, schema.client().await);
    lock(&one, jobs[0]).await?;
    lock(&two, jobs[1]).await?;

    assert_eq!(claimed(&*store, &toolkit, 1).await?.0, vec![jobs[2]], "of the first's queue");
    assert_eq!(claimed(&*store, &toolkit, 1).await?, (vec![jobs[3]], false), "of a third queue");
    assert_eq!(claimed(&*store, &toolkit, 1).await?, (vec![], false), "what is left is locked");

    // Whoever had them has gone. The claims that passed them over have gone on behind them, and look back within a second.
    one.batch_execute("ROLLBACK").await?;
    two.batch_execute("ROLLBACK").await?;
    let mut left: Vec<JobId> = Vec::new();
    let begun = Instant::now();
    while left.len() < 2 {
        assert!(begun.elapsed() < support::PATIENCE, "of what was locked there came {left:?}");
        left.extend(claimed(&*store, &toolkit, 10).await?.0);
    }
    left.sort_unstable();
    assert_eq!(left, jobs[..2]);
    Ok(())
}
