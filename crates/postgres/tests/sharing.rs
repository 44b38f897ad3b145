//! Small calls share commits, and nobody sees what another one did wrong.

#[path = "support/invariants.rs"]
mod invariants;
mod support;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use blacksmith_store_core::{
    ErrorKind, Event, Retry, Status, Store, StoreError, Toolkit, WhereEvents,
};

use support::{Schema, claim, event, eventually_blocked};

type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

fn add(
    store: &Arc<dyn Store>,
    toolkit: &Toolkit,
    event: Event,
) -> tokio::task::JoinHandle<Result<u64, StoreError>> {
    let (store, toolkit) = (Arc::clone(store), toolkit.clone());
    tokio::spawn(async move { Ok(store.add_events(&toolkit, vec![event]).await?.events) })
}

#[tokio::test(flavor = "multi_thread")]
async fn single_adds_share_commits() -> Result {
    let schema = Schema::migrated().await?;
    let store = schema.open().await?;
    let toolkit = Toolkit::new();
    let adds: Vec<_> = (0..200).map(|_| add(&store, &toolkit, event(&toolkit, &["crm"]))).collect();
    for added in adds {
        assert_eq!(added.await??, 1);
    }
    let page = store.find_events(&toolkit, WhereEvents::default().with_limit(1_000)).await?;
    assert_eq!(page.entries.len(), 200);
    let commits: BTreeSet<_> = page.entries.iter().map(|event| event.ingested_at).collect();
    assert!(commits.len() < 150, "{} commits for 200 calls", commits.len());
    invariants::check(&schema.client().await).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_of_one_caller_reaches_no_other() -> Result {
    let schema = Schema::migrated().await?;
    let store = schema.open().await?;
    let toolkit = Toolkit::new();
    let stored = event(&toolkit, &["crm"]);
    store.add_events(&toolkit, vec![stored.clone()]).await?;
    let resent = stored.clone();
    let changed = stored.with_data("other");
    let adds: Vec<_> = (0..100)
        .map(|number| {
            let event = match number % 10 {
                3 => changed.clone(),
                7 => resent.clone(),
                _ => event(&toolkit, &["crm"]),
            };
            (number, add(&store, &toolkit, event))
        })
        .collect();
    for (number, added) in adds {
        match (number % 10, added.await?) {
            (3, Err(error)) => assert_eq!(error.kind(), ErrorKind::Conflict),
            (7, added) => assert_eq!(added?, 0),
            (_, added) => assert_eq!(added?, 1),
        }
    }
    invariants::check(&schema.client().await).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_outcome_of_one_caller_reaches_no_other() -> Result {
    let schema = Schema::migrated().await?;
    let store = schema.open().await?;
    let toolkit = Toolkit::new();
    let events = (0..100).map(|_| event(&toolkit, &["crm"])).collect();
    store.add_events(&toolkit, events).await?;
    let jobs = claim(&*store, &toolkit, "worker", "crm", 100).await?;
    // Every tenth is reported twice, by different transitions.
    let report = |job: &blacksmith_store_core::Job| {
        let (store, toolkit) = (Arc::clone(&store), toolkit.clone());
        let outcome = job.next(toolkit.transition_id(), Status::Succeeded).expect("it executes");
        tokio::spawn(async move { store.add_transitions(&toolkit, vec![outcome]).await })
    };
    let firsts: Vec<_> = jobs.iter().map(report).collect();
    let seconds: Vec<_> = jobs.iter().step_by(10).map(report).collect();
    let (mut stored, mut stale) = (0, 0);
    for outcome in firsts.into_iter().chain(seconds) {
        match outcome.await? {
            Ok(appended) => stored += appended.new,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
                stale += 1;
            }
        }
    }
    assert_eq!((stored, stale), (100, 10));
    let client = schema.client().await;
    invariants::check(&client).await;
    store.maintain(&toolkit).await?;
    let claims: i64 = client.query_one("SELECT count(*) FROM claims", &[]).await?.get(0);
    assert_eq!(claims, 0, "the claim has ended with its last job");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_that_go_leave_the_store_usable_and_their_calls_done_or_not() -> Result {
    let schema = Schema::migrated().await?;
    let store = schema.open().await?;
    let toolkit = Toolkit::new();
    for round in 0..20_u64 {
        let adds: Vec<_> =
            (0..20).map(|_| add(&store, &toolkit, event(&toolkit, &["crm", "erp"]))).collect();
        tokio::time::sleep(Duration::from_micros(round * 300)).await;
        for added in adds.iter().step_by(2) {
            added.abort();
        }
        for added in adds.into_iter().skip(1).step_by(2) {
            assert_eq!(added.await??, 1);
        }
    }
    let client = schema.client().await;
    invariants::check(&client).await;
    let half: i64 = client
        .query_one("SELECT count(*) FROM events e WHERE (SELECT count(*) FROM jobs j WHERE j.event_id = e.id) <> 2", &[])
        .await?
        .get(0);
    assert_eq!(half, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_tells_what_was_sent_from_what_was_not() -> Result {
    let schema = Schema::migrated().await?;
    let mut options = schema.options();
    options.context.insert("pool_size".into(), "1".into());
    let store = support::adapters().open(options).await?;
    let toolkit = Toolkit::new();
    store.add_events(&toolkit, vec![event(&toolkit, &["crm"])]).await?;
    let mut client = schema.client().await;
    let transaction = client.transaction().await?;
    transaction.batch_execute("LOCK TABLE events").await?;
    let sent = toolkit.clone().with_timeout(Duration::from_secs(2));
    let sent = add(&store, &sent, event(&toolkit, &["crm"]));
    eventually_blocked(&schema.client().await, schema.name()).await;
    // The one connection is busy with that.
    let waiting = toolkit.clone().with_timeout(Duration::from_millis(100));
    let waiting = add(&store, &waiting, event(&toolkit, &["crm"]));
    let error = waiting.await?.expect_err("late");
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Timeout, Retry::Safe), "{error}");
    let error = sent.await?.expect_err("late");
    assert_eq!(
        (error.kind(), error.retry()),
        (ErrorKind::Timeout, Retry::OutcomeUnknown),
        "{error}"
    );
    transaction.rollback().await?;
    assert_eq!(add(&store, &toolkit, event(&toolkit, &["crm"])).await??, 1);
    Ok(())
}
