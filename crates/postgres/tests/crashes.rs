//! A server that is killed in the middle of writes comes back with everything that it had acknowledged, and nothing half.

#[path = "support/invariants.rs"]
mod invariants;
mod support;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use blacksmith_store_core::{
    ErrorKind, EventId, JobId, Retry, Status, Store, StoreError, Toolkit, TransitionId,
};
use blacksmith_testing_postgres_server::{Server, Settings};

use support::{Schema, claim, event, eventually};

type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

const WRITERS: usize = 8;
const CRASHES: usize = 10;

/// What a writer was told is stored.
#[derive(Default)]
struct Acknowledged {
    events: Vec<EventId>,
    jobs: Vec<JobId>,
    outcomes: Vec<TransitionId>,
}

/// Adds, claims and reports until the server is gone.
async fn write(store: Arc<dyn Store>, number: usize) -> Result<Acknowledged, StoreError> {
    let toolkit = Toolkit::new();
    let mut acknowledged = Acknowledged::default();
    loop {
        let events: Vec<_> = (0..=number % 3).map(|_| event(&toolkit, &["crm", "erp"])).collect();
        let ids: Vec<_> = events.iter().map(|event| event.id).collect();
        let jobs: Vec<_> = events.iter().flat_map(|event| &event.jobs).map(|job| job.id).collect();
        match store.add_events(&toolkit, events).await {
            Ok(_) => {
                acknowledged.events.extend(ids);
                acknowledged.jobs.extend(jobs);
            }
            Err(error) => return is_lost(error).map(|()| acknowledged),
        }
        let claimed = match claim(&*store, &toolkit, &format!("writer-{number}"), "crm", 3).await {
            Ok(claimed) => claimed,
            Err(error) => return is_lost(error).map(|()| acknowledged),
        };
        let outcomes: Vec<_> = claimed
            .iter()
            .map(|job| job.next(toolkit.transition_id(), Status::Succeeded))
            .collect::<Result<_, _>>()?;
        let ids: Vec<_> = outcomes.iter().map(|outcome| outcome.id).collect();
        match store.add_transitions(&toolkit, outcomes).await {
            Ok(_) => acknowledged.outcomes.extend(ids),
            Err(error) => return is_lost(error).map(|()| acknowledged),
        }
    }
}

/// A server that goes down may say so, or nothing at all.
fn is_lost(error: StoreError) -> Result<(), StoreError> {
    match (error.kind(), error.retry()) {
        (ErrorKind::Unavailable, Retry::Safe | Retry::OutcomeUnknown) => Ok(()),
        _ => Err(error),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_has_all_that_it_acknowledged_and_nothing_half() -> Result {
    let server = Server::start_with(&Settings::new().durable())?;
    let schema = Schema::migrated_at(&server.url("postgres")).await?;
    let store = schema.open().await?;
    let mut total = 0;
    for crash in 0..CRASHES {
        let writers: Vec<_> =
            (0..WRITERS).map(|number| tokio::spawn(write(Arc::clone(&store), number))).collect();
        // Each time at another moment of the work.
        tokio::time::sleep(Duration::from_millis(150 + 37 * crash as u64)).await;
        tokio::task::block_in_place(|| server.crash())?;
        let mut acknowledged = Acknowledged::default();
        for writer in writers {
            let written = writer.await??;
            acknowledged.events.extend(written.events);
            acknowledged.jobs.extend(written.jobs);
            acknowledged.outcomes.extend(written.outcomes);
        }
        tokio::task::block_in_place(|| server.restart())?;
        eventually("the store serves again", || async {
            store.stats(&Toolkit::new()).await.is_ok()
        })
        .await;

        let client = schema.client().await;
        let missing = async |ids: Vec<Vec<u8>>, text: &str| -> Result<i64> {
            let text = format!(
                "SELECT count(*) FROM unnest($1::bytea[]) AS x (id) WHERE NOT EXISTS ({text})"
            );
            Ok(client.query_one(&text, &[&ids]).await?.get(0))
        };
        let events = acknowledged.events.iter().map(|id| id.as_bytes().to_vec()).collect();
        let jobs = acknowledged.jobs.iter().map(|id| id.as_bytes().to_vec()).collect();
        let outcomes = acknowledged.outcomes.iter().map(|id| id.as_bytes().to_vec()).collect();
        assert_eq!(missing(events, "SELECT FROM events e WHERE e.id = x.id").await?, 0);
        assert_eq!(missing(jobs, "SELECT FROM jobs j WHERE j.id = x.id").await?, 0);
        assert_eq!(missing(outcomes, "SELECT FROM log g WHERE g.end_id = x.id").await?, 0);
        let half: i64 = client
            .query_one(
                "SELECT count(*) FROM events e WHERE (SELECT count(*) FROM jobs j WHERE j.event_id = e.id) <> 2",
                &[],
            )
            .await?
            .get(0);
        assert_eq!(half, 0, "there are events with a part of their jobs");
        invariants::check(&client).await;
        total += acknowledged.events.len();
    }
    // A busy machine may acknowledge nothing before one of the crashes, but not before all of them.
    assert!(total > 0);
    eprintln!("{CRASHES} crashes, {total} acknowledged events");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_crashes_under_a_call_is_unavailable() -> Result {
    let server = Server::start_with(&Settings::new().durable())?;
    let schema = Schema::migrated_at(&server.url("postgres")).await?;
    let store = schema.open().await?;
    let toolkit = Toolkit::new();
    store.add_events(&toolkit, vec![event(&toolkit, &["crm"])]).await?;
    let mut client = schema.client().await;
    let transaction = client.transaction().await?;
    transaction.batch_execute("LOCK TABLE events").await?;
    let adding = tokio::spawn({
        let (store, toolkit) = (Arc::clone(&store), toolkit.clone());
        async move { store.add_events(&toolkit, vec![event(&toolkit, &["crm"])]).await }
    });
    support::eventually_blocked(&schema.client().await, "Events with their jobs").await;
    tokio::task::block_in_place(|| server.crash())?;
    let error = adding.await?.expect_err("the server is gone");
    assert_eq!(
        (error.kind(), error.retry()),
        (ErrorKind::Unavailable, Retry::OutcomeUnknown),
        "{error:?}"
    );
    let begun = Instant::now();
    let error = store.stats(&toolkit).await.expect_err("the server is gone");
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Safe), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    tokio::task::block_in_place(|| server.restart())?;
    eventually("the store serves again", || async { store.stats(&toolkit).await.is_ok() }).await;
    Ok(())
}
