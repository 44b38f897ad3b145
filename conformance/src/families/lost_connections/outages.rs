//! A server that is away for a while, and what lasts longer than a call: the store itself and its wake-ups.

use std::{
    fmt::Debug,
    time::{Duration, Instant},
};

use blacksmith_store_core::{
    ClaimRequest, ErrorKind, Pause, PurgeRequest, Result, Retry, StoreError, Want, WhereEvents,
};
use futures_util::{FutureExt as _, StreamExt as _};

use super::{
    PATIENCE,
    line::{Line, MOMENTS, cut, in_time, proxy},
};
use crate::{
    failure::{Failure, Outcome, ensure, expect_eq},
    handle::Handle,
    world::{LEASE, WORKER, World},
};

/// How long callers wait for a server that is away; a store may try until then.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Fails unless a call was not answered, for the server is away.
#[track_caller]
fn expect_away<T: Debug>(what: &str, answer: Result<T>) -> Outcome<StoreError> {
    match answer {
        Err(error)
            if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout)
                && error.retry() != Retry::Never =>
        {
            Ok(error)
        }
        answer => Err(Failure::new(format!(
            "{what} while the server is away\n  expected:  unavailable, to be sent again\n  came back: {answer:?}"
        ))),
    }
}

pub(super) async fn away(world: &World) -> Outcome {
    let line = Line::open(world).await?;
    world.stored_job("crm").await?;
    let before = world.contents().await?;
    line.proxy.close();
    world.journal.note("the server is away".into());
    let event = world.event().with_job(world.job("crm"));
    let pause = Pause::new(world.toolkit.pause_id(), "crm", "operator");
    // Connections of before are used up first, and then there are no new ones.
    for _ in 0..3 {
        let store: Handle = line.store.with_toolkit(world.toolkit.clone().with_timeout(TIMEOUT));
        let added = line.answer(store.add_events(vec![event.clone()])).await?;
        expect_away("add_events", added)?;
        let claim = ClaimRequest::new(WORKER, LEASE, [Want::any(1)]);
        expect_away("claim", line.answer(store.claim(claim)).await?)?;
        expect_away("pause", line.answer(store.pause(pause.clone())).await?)?;
        let purge = PurgeRequest::everything().with_recent().with_unfinished();
        expect_away("purge", line.answer(store.purge(purge)).await?)?;
        let found = line.answer(store.find_events(WhereEvents::default())).await?;
        let error = expect_away("find_events", found)?;
        expect_eq("whether a read may be repeated", error.retry(), Retry::Safe)?;
    }
    world.expect_unchanged("calls to a server that is away", &before).await?;

    line.open_up();
    let (added, is_unknown) =
        line.until_answered(|| line.store.add_events(vec![event.clone()])).await?;
    ensure!(added.events == 1 || is_unknown, "an event that never came is known: {added:?}");
    let (is_new, is_unknown) = line.until_answered(|| line.store.pause(pause.clone())).await?;
    ensure!(is_new || is_unknown, "a pause that never came is known");
    expect_eq("what is stored", world.contents().await?.events.len(), before.events.len() + 1)
}

/// A store that connects when it is opened cannot be opened, and one that connects later is used later.
pub(super) async fn opening(world: &World) -> Outcome {
    let job = world.stored_job("crm").await?;
    let (proxy, options) = proxy(world).await?;
    let before = proxy.passed();
    let opened = in_time(world.adapters.open(options.clone())).await??;
    let passed = proxy.passed_since(before);
    drop(opened);
    for moment in MOMENTS {
        cut(world, &proxy, moment, passed);
        let opened = in_time(world.adapters.open(options.clone())).await?;
        proxy.open();
        world.journal.note("the proxy lets everything pass again".into());
        let store = match opened {
            Ok(store) => store,
            Err(error) => {
                ensure!(
                    error.kind() == ErrorKind::Unavailable && error.retry() == Retry::Safe,
                    "an opening whose connection was lost\n  expected:  {}, Safe\n  came back: {error} ({:?})",
                    ErrorKind::Unavailable,
                    error.retry()
                );
                in_time(world.adapters.open(options.clone())).await??
            }
        };
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = in_time(store.find_job(&world.toolkit, job.id)).await? {
            let may_pass = error.kind() == ErrorKind::Unavailable && Instant::now() < deadline;
            ensure!(may_pass, "a store that was opened does not answer: {error}");
        }
    }
    Ok(())
}

pub(super) async fn wakeups(world: &World) -> Outcome {
    const OFTEN: Duration = Duration::from_millis(100);
    let line = Line::open(world).await?;
    let mut wakeups = line.store.wakeups().await?;
    for _ in 0..3 {
        line.proxy.cut_all();
        world.journal.note("all connections are cut".into());
        // What fired before.
        while wakeups.next().now_or_never().flatten().is_some() {}
        let deadline = Instant::now() + PATIENCE;
        loop {
            // Firings may be lost while nobody listens.
            world.stored_job("crm").await?;
            match tokio::time::timeout(OFTEN, wakeups.next()).await {
                Ok(Some(_)) => break,
                Ok(None) => return Err(Failure::new("the stream ended with its connection")),
                Err(_) => ensure!(
                    Instant::now() < deadline,
                    "{PATIENCE:?} after its connection was lost, the stream does not fire"
                ),
            }
        }
    }
    Ok(())
}
