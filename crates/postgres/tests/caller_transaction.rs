//! `add_events_in` a transaction of the caller's.

#[path = "support/invariants.rs"]
mod invariants;
mod support;

use blacksmith_store_core::{AvailableAdapters, ErrorKind, Options, Toolkit, WhereEvents};
use blacksmith_store_postgres::add_events_in;
use futures_util::{FutureExt as _, StreamExt as _};

use support::{Schema, event};

type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

#[tokio::test(flavor = "multi_thread")]
async fn events_are_stored_with_what_the_caller_commits() -> Result {
    let schema = Schema::migrated().await?;
    let store = schema.open().await?;
    let toolkit = Toolkit::new();
    let mut client = schema.client().await;
    client.batch_execute("CREATE TABLE orders (id int PRIMARY KEY)").await?;
    let event = event(&toolkit, &["crm", "erp"]);
    let id = event.id;

    let transaction = client.transaction().await?;
    transaction.execute("INSERT INTO orders VALUES (1)", &[]).await?;
    let added = add_events_in(&*store, &toolkit, &transaction, vec![event]).await?;
    assert_eq!((added.added().events, added.added().jobs), (1, 2));
    assert_eq!(
        store.find_event(&toolkit, id).await.map_err(|error| error.kind()),
        Err(ErrorKind::NotFound)
    );
    let mut wakeups = store.wakeups(&toolkit).await?;
    // It fires once when it begins to listen.
    let _ = wakeups.next().now_or_never();
    transaction.commit().await?;
    added.committed();
    assert!(tokio::time::timeout(support::PATIENCE, wakeups.next()).await?.is_some());
    assert_eq!(store.find_event(&toolkit, id).await?.jobs.len(), 2);
    invariants::check(&client).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_stored_of_what_the_caller_takes_back() -> Result {
    let schema = Schema::migrated().await?;
    let store = schema.open().await?;
    let toolkit = Toolkit::new();
    let mut client = schema.client().await;
    let transaction = client.transaction().await?;
    drop(add_events_in(&*store, &toolkit, &transaction, vec![event(&toolkit, &["crm"])]).await?);
    transaction.rollback().await?;
    assert_eq!(store.find_events(&toolkit, WhereEvents::default()).await?.meta.count, Some(0));
    assert_eq!(store.stats(&toolkit).await?, []);
    invariants::check(&client).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn known_and_new_events_may_come_together_and_a_conflict_leaves_the_transaction_usable()
-> Result {
    let schema = Schema::migrated().await?;
    let store = schema.open().await?;
    let toolkit = Toolkit::new();
    let known = event(&toolkit, &["crm"]);
    store.add_events(&toolkit, vec![known.clone()]).await?;
    let mut client = schema.client().await;

    let transaction = client.transaction().await?;
    let both = vec![known.clone(), event(&toolkit, &["crm"])];
    let added = add_events_in(&*store, &toolkit, &transaction, both.clone()).await?.added();
    assert_eq!((added.events, added.events_known, added.jobs, added.jobs_known), (1, 1, 1, 1));
    let again = add_events_in(&*store, &toolkit, &transaction, both).await?.added();
    assert_eq!((again.events, again.events_known), (0, 2));

    let changed = known.with_data("other");
    let refused = add_events_in(&*store, &toolkit, &transaction, vec![changed]).await;
    let error = refused.expect_err("other content");
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Conflict, "add_events"));
    let last = event(&toolkit, &["crm"]);
    drop(add_events_in(&*store, &toolkit, &transaction, vec![last]).await?);
    transaction.commit().await?;
    assert_eq!(store.find_events(&toolkit, WhereEvents::default()).await?.meta.count, Some(3));
    invariants::check(&client).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn cores_checks_are_made_and_an_empty_batch_does_nothing() -> Result {
    let schema = Schema::migrated().await?;
    let store = schema.open().await?;
    let toolkit = Toolkit::new();
    let mut client = schema.client().await;
    let transaction = client.transaction().await?;
    let mut nameless = event(&toolkit, &["crm"]);
    nameless.source.clear();
    let refused = add_events_in(&*store, &toolkit, &transaction, vec![nameless]).await;
    assert_eq!(refused.expect_err("no source").kind(), ErrorKind::InvalidInput);
    let nothing = add_events_in(&*store, &toolkit, &transaction, Vec::new()).await?;
    assert_eq!(nothing.added().events, 0);
    transaction.commit().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_another_adapter_is_unsupported() -> Result {
    let adapters = AvailableAdapters::new().with(blacksmith_store_memory::adapter())?;
    let store = adapters.open(Options::new("memory")).await?;
    let toolkit = Toolkit::new();
    let schema = Schema::absent();
    let mut client = schema.client_without_path().await;
    let transaction = client.transaction().await?;
    let refused = add_events_in(&*store, &toolkit, &transaction, vec![event(&toolkit, &[])]).await;
    assert_eq!(refused.expect_err("memory").kind(), ErrorKind::Unsupported);
    Ok(())
}
