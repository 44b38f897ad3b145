//! What this adapter knows more exactly about a lost connection than the suite's family `lost_connections` may ask for: that
//! nothing was done if a transaction was not to commit yet; and that a claim that was lost hides nothing behind a watermark.

#[path = "support/proxy.rs"]
mod proxy;
mod support;

use std::{sync::Arc, time::Duration};

use blacksmith_store_core::{
    ClaimRequest, Clock, ErrorKind, Job, Retry, SetClock, Status, Store, StoreError, Toolkit, Want,
};
use blacksmith_testing_postgres_server::shared;

use proxy::{Proxy, Way};
use support::{Schema, adapters, claim, event};

type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// A store behind a proxy, whose statements are prepared.
struct Cut {
    schema: Schema,
    proxy: Proxy,
    store: Arc<dyn Store>,
    toolkit: Toolkit,
}

impl Cut {
    async fn new() -> Result<Self> {
        let schema = Schema::migrated().await?;
        let proxy = Proxy::start(&shared().url("postgres")).await;
        let mut options = schema.options_at(proxy.url());
        options.context.insert("pool_size".into(), "1".into());
        options.context.insert("listen".into(), "off".into());
        let store = adapters().open(options).await?;
        let toolkit = Toolkit::new();
        let warm = event(&toolkit, &["warm"]);
        store.add_events(&toolkit, vec![warm.clone()]).await?;
        store.add_events(&toolkit, vec![warm]).await?;
        let job = claim(&*store, &toolkit, "w", "warm", 1).await?.remove(0);
        store
            .add_transitions(&toolkit, vec![job.next(toolkit.transition_id(), Status::Succeeded)?])
            .await?;
        Ok(Self { schema, proxy, store, toolkit })
    }
}

impl Cut {
    /// Lets what follows pass in this way. The store has just looked at the server's clock, so that the next request is the
    /// statement itself.
    async fn set(&self, way: Way) -> Result {
        self.store.stats(&self.toolkit).await?;
        self.proxy.set(way);
        Ok(())
    }

    /// Lets everything pass again. A connection that is still to be cut may be in the pool; reads, which are safe to repeat,
    /// use it up.
    async fn open(&self) -> Result {
        self.proxy.set(Way::Open);
        for _ in 0..20 {
            match self.store.stats(&self.toolkit).await {
                Err(error) if error.retry() == Retry::Safe => {}
                answer => return Ok(answer.map(drop)?),
            }
        }
        Err("no read passes an open proxy".into())
    }
}

fn expect_lost<T: std::fmt::Debug>(outcome: Result<T, StoreError>, retry: Retry) {
    let error = outcome.expect_err("the connection was cut");
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, retry), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_lost_before_its_commit_is_safe_to_repeat() -> Result {
    let cut = Cut::new().await?;
    let parent = event(&cut.toolkit, &[]);
    let job = Job::new(cut.toolkit.job_id(), "warm", "upsert").with_event_id(parent.id);
    cut.store.add_events(&cut.toolkit, vec![parent]).await?;
    cut.set(Way::AnswersCut).await?;
    expect_lost(cut.store.add_jobs(&cut.toolkit, vec![job.clone()]).await, Retry::Safe);
    cut.open().await?;
    assert_eq!(cut.store.add_jobs(&cut.toolkit, vec![job]).await?.jobs, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_did_not_reach_the_server_hides_no_job_from_the_next_one() -> Result {
    let cut = Cut::new().await?;
    let events = (0..20).map(|_| event(&cut.toolkit, &["warm"])).collect();
    cut.store.add_events(&cut.toolkit, events).await?;
    let mut taken = Vec::new();
    while taken.len() < 20 {
        cut.set(Way::RequestsCut).await?;
        // On a slow machine the request that is cut may be the look at the server's clock, which is safe to repeat.
        let lost = claim(&*cut.store, &cut.toolkit, "w", "warm", 5).await;
        let retry = lost.expect_err("the connection was cut").retry();
        assert!(matches!(retry, Retry::OutcomeUnknown | Retry::Safe), "{retry:?}");
        cut.open().await?;
        let jobs = claim(&*cut.store, &cut.toolkit, "w", "warm", 5).await?;
        assert_eq!(jobs.len(), 5);
        taken.extend(jobs);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_under_a_set_clock_that_is_lost_may_be_made_again() -> Result {
    let cut = Cut::new().await?;
    let clock = SetClock::at("2026-01-01T00:00:00Z".parse()?);
    let toolkit = Toolkit::new().with_clock(Clock::Set(clock));
    cut.store.add_events(&toolkit, vec![event(&toolkit, &["warm"])]).await?;
    let want = || ClaimRequest::new("w", Duration::from_secs(1), [Want::any(5)]);
    cut.store
        .claim(&toolkit, ClaimRequest::new("w", Duration::from_secs(1), [Want::any(0)]))
        .await?;
    cut.set(Way::RequestsCut).await?;
    expect_lost(cut.store.claim(&toolkit, want()).await, Retry::Safe);
    cut.open().await?;
    assert_eq!(cut.store.claim(&toolkit, want()).await?.queue.jobs().count(), 1);
    assert!(!cut.schema.name().is_empty());
    Ok(())
}
