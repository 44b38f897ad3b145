//! A handle whose connections pass a proxy.

use std::time::{Duration, Instant};

use blacksmith_store_core::{ErrorKind, Options, Result, Retry, StoreError};

use super::PATIENCE;
use crate::{
    failure::{Failure, Outcome, ensure},
    handle::Handle,
    proxy::{Cut, Passed, Proxy},
    world::World,
};

/// How long a caller waits before it sends a call again.
pub(super) const PAUSE: Duration = Duration::from_millis(5);

/// Where a call is cut, as a part of what passes when it is not.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    /// After so many bytes of the request.
    Request(Place),
    /// After so many bytes of the answer.
    Answer(Place),
}

/// Which byte.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Bytes(u64),
    /// Drawn from the seed.
    Drawn,
    AllButOne,
    All,
}

/// Before the request reaches the server, while it does, and until its answer is complete.
pub(super) const MOMENTS: [Moment; 9] = [
    Moment::Request(Place::Bytes(0)),
    Moment::Request(Place::Bytes(1)),
    Moment::Request(Place::Drawn),
    Moment::Request(Place::Drawn),
    Moment::Request(Place::AllButOne),
    Moment::Request(Place::All),
    Moment::Answer(Place::Bytes(0)),
    Moment::Answer(Place::Drawn),
    Moment::Answer(Place::AllButOne),
];

/// A handle whose connections pass a proxy.
pub(super) struct Line<'a> {
    pub(super) world: &'a World,
    pub(super) proxy: Proxy,
    pub(super) store: Handle,
}

impl<'a> Line<'a> {
    pub(super) async fn open(world: &'a World) -> Outcome<Self> {
        let (proxy, options) = proxy(world).await?;
        world.journal.note("open another handle, through a proxy".into());
        let store = world.adapters.open(options).await?;
        let store = Handle::new(store, world.toolkit.clone(), world.journal.clone());
        store.stats().await?;
        ensure!(
            proxy.passed().requests > 0,
            "the options that `Fixture::server` moves to another address do not lead there"
        );
        Ok(Self { world, proxy, store })
    }

    /// What a call is answered.
    pub(super) async fn answer<T>(
        &self,
        call: impl Future<Output = Result<T>>,
    ) -> Outcome<Result<T>> {
        in_time(call).await
    }

    /// Cuts a connection at this moment of a call during which so much passes.
    pub(super) fn cut(&self, moment: Moment, passed: Passed) {
        cut(self.world, &self.proxy, moment, passed);
    }

    /// Lets everything pass.
    pub(super) fn open_up(&self) {
        self.proxy.open();
        self.world.journal.note("the proxy lets everything pass again".into());
    }

    /// What passes during a call that is not cut.
    pub(super) async fn measure<T>(
        &self,
        call: impl Future<Output = Result<T>>,
    ) -> Outcome<(T, Passed)> {
        let before = self.proxy.passed();
        let answer = self.answer(call).await??;
        Ok((answer, self.proxy.passed_since(before)))
    }

    /// Sends a call until it is answered; also says whether one of the errors left open what became of it.
    pub(super) async fn until_answered<T, F: Future<Output = Result<T>>>(
        &self,
        mut call: impl FnMut() -> F,
    ) -> Outcome<(T, bool)> {
        let deadline = Instant::now() + PATIENCE;
        let mut is_unknown = false;
        loop {
            let error = match self.answer(call()).await? {
                Ok(answer) => return Ok((answer, is_unknown)),
                Err(error) => error,
            };
            is_unknown |= is_unknown_after(&error)?;
            ensure!(
                Instant::now() < deadline,
                "a call is not answered, sent again and again: {error}"
            );
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// What a call is answered. One whose connection has ended must end too.
pub(super) async fn in_time<T>(call: impl Future<Output = Result<T>>) -> Outcome<Result<T>> {
    match tokio::time::timeout(PATIENCE, call).await {
        Ok(answer) => Ok(answer),
        Err(_) => Err(Failure::new(format!(
            "a call whose connection was cut is not answered after {PATIENCE:?}"
        ))),
    }
}

/// Cuts a connection at this moment of a call during which so much passes.
pub(super) fn cut(world: &World, proxy: &Proxy, moment: Moment, passed: Passed) {
    let at = |place, total: u64| match place {
        Place::Bytes(bytes) => bytes,
        Place::Drawn => world.toolkit.random() % total.max(1),
        Place::AllButOne => total.saturating_sub(1),
        Place::All => total,
    };
    let cut = match moment {
        Moment::Request(place) => Cut::Request(at(place, passed.requests)),
        Moment::Answer(place) => Cut::Answer(at(place, passed.answers)),
    };
    world.journal.note(format!(
        "the next call is cut, {cut:?}; else {} and {} bytes would pass",
        passed.requests, passed.answers
    ));
    proxy.cut(cut);
}

/// A proxy in front of the world's server, and the options that lead through it.
pub(super) async fn proxy(world: &World) -> Outcome<(Proxy, Options)> {
    let server = world.server.as_ref();
    let address = server.and_then(|server| server.address(&world.options));
    let (Some(server), Some(address)) = (server, address) else {
        return Err(Failure::new(
            "the options of the place lead to no server that is reached by TCP; let `Fixture::server` say where it is, or that \
             there is none",
        ));
    };
    let proxy = Proxy::start(address)
        .await
        .map_err(|error| Failure::new(format!("the proxy cannot listen: {error}")))?;
    let options = server.moved(&world.options, proxy.address());
    Ok((proxy, options))
}

/// Whether the error of a lost connection leaves open what became of the call; fails for one that does not say that it may be
/// sent again.
#[track_caller]
pub(super) fn is_unknown_after(error: &StoreError) -> Outcome<bool> {
    let is_lost = error.kind() == ErrorKind::Unavailable && error.retry() != Retry::Never;
    if is_lost {
        return Ok(error.retry() == Retry::OutcomeUnknown);
    }
    Err(Failure::new(format!(
        "a call whose connection was lost\n  expected:  {}, Safe or OutcomeUnknown\n  came back: {error} ({:?})",
        ErrorKind::Unavailable,
        error.retry()
    )))
}
