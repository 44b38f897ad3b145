//! What is this adapter's own, so that the conformance suite does not see it.

use std::{sync::Arc, time::Duration};

use blacksmith_store_core::{
    AvailableAdapters, Clock, ErrorKind, Event, Job, Options, PurgeRequest, Result, SetClock,
    Store, Toolkit, WhereEvents,
};
use futures_util::{FutureExt as _, StreamExt as _};

async fn open(url: &str) -> Result<Arc<dyn Store>> {
    let adapters = AvailableAdapters::new().with(blacksmith_store_memory::adapter())?;
    adapters.open(Options::from_url(url)?).await
}

fn event(toolkit: &Toolkit) -> Event {
    Event::new(toolkit.event_id(), "shop", "order.paid").with_job(Job::new(
        toolkit.job_id(),
        "crm",
        "upsert",
    ))
}

async fn count(store: &dyn Store, toolkit: &Toolkit) -> Result<Option<u64>> {
    Ok(store.find_events(toolkit, WhereEvents::default()).await?.meta.count)
}

#[tokio::test]
async fn each_open_is_a_store_of_its_own_and_its_clones_share_it() -> Result<()> {
    let toolkit = Toolkit::new();
    let (store, other) = (open("memory:").await?, open("memory:").await?);
    let clone = Arc::clone(&store);

    store.add_events(&toolkit, vec![event(&toolkit)]).await?;

    assert_eq!(count(clone.as_ref(), &toolkit).await?, Some(1));
    assert_eq!(count(other.as_ref(), &toolkit).await?, Some(0));
    Ok(())
}

#[tokio::test]
async fn a_connection_and_a_setting_are_refused() {
    for (url, named) in [("memory://hunter2", "connection"), ("memory:?size=5", "size")] {
        let error = open(url).await.err().expect(url);
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        assert!(error.message().contains(named), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn a_payload_is_shared_and_not_copied() -> Result<()> {
    let toolkit = Toolkit::new();
    let store = open("memory:").await?;
    let event = event(&toolkit).with_data(vec![7; 1 << 20]);
    let given = event.data.clone().expect("it was set");

    store.add_events(&toolkit, vec![event.clone()]).await?;

    let found = store.find_event(&toolkit, event.id).await?.data.expect("it was stored");
    assert_eq!(found.as_ptr(), given.as_ptr());
    Ok(())
}

#[tokio::test]
async fn wakeups_end_when_the_store_is_gone() -> Result<()> {
    let store = open("memory:").await?;
    let wakeups = store.wakeups(&Toolkit::new()).await?;
    drop(store);
    assert_eq!(wakeups.count().await, 0);
    Ok(())
}

#[tokio::test]
async fn a_purge_lets_others_in_between_its_batches() -> Result<()> {
    let clock = SetClock::at("2026-01-01T00:00:00Z".parse().expect("an instant"));
    let toolkit = Toolkit::new().with_clock(Clock::Set(clock.clone()));
    let store = open("memory:").await?;
    store.add_events(&toolkit, (0..2_500).map(|_| event(&toolkit)).collect()).await?;
    clock.advance(Duration::from_hours(2));

    let everything = PurgeRequest::everything().with_unfinished();
    let mut purge = store.purge(&toolkit, everything.clone());
    assert!(purge.as_mut().now_or_never().is_none(), "it was done in one go");
    let left = count(store.as_ref(), &toolkit).await?;
    assert!(left.is_some_and(|left| (1..2_500).contains(&left)), "{left:?} are left");

    // Dropped in between, it has deleted whole events, and the next one deletes the rest.
    drop(purge);
    let purged = store.purge(&toolkit, everything).await?;
    assert_eq!((Some(purged.events), purged.jobs), (left, purged.events));
    assert_eq!(count(store.as_ref(), &toolkit).await?, Some(0));
    assert!(store.stats(&toolkit).await?.is_empty());
    Ok(())
}
