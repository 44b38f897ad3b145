//! The calls to the store: each with a deadline, each answered to the engine's loop.

use std::{future::Future, sync::Arc, time::Duration};

use blacksmith_store_core::{
    ChangeOutcome, ClaimRequest, Claimed, Event, ExpireRequest, ExtendRequest, Extended,
    Maintained, Pause, Result, Retry, Store, StoreError, Timestamp, Toolkit, TransitionId, Wakeups,
};
use futures_util::{future::BoxFuture, stream::FuturesUnordered};
use tokio::time::Instant;

use crate::engine::outbox::Batch;

/// What came back from the store.
pub(crate) enum Answer {
    Claimed {
        sent: Instant,
        /// The places of the actions in the plan, and how many jobs were wanted of each.
        wanted: Vec<(usize, usize)>,
        result: Result<Claimed>,
    },
    Extended {
        sent: Instant,
        tokens: Vec<TransitionId>,
        result: Result<Extended>,
    },
    Applied {
        batch: Batch,
        result: Result<Vec<ChangeOutcome>>,
    },
    Expired(Result<u64>),
    Paused {
        sent: Instant,
        result: Result<Vec<Pause>>,
    },
    Maintained(Result<Maintained>),
    PurgeTicksAdded {
        now: Timestamp,
        result: Result<()>,
    },
    Wakeups(Result<Wakeups>),
}

/// Calls on their way.
pub(crate) type Calls = FuturesUnordered<BoxFuture<'static, Answer>>;

/// Makes calls to the store.
pub(crate) struct Caller {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) toolkit: Toolkit,
    pub(crate) timeout: Duration,
}

/// An adapter answers when the deadline of a call has passed; one that does not even do that is not waited for any longer.
const PATIENCE: Duration = Duration::from_secs(1);

impl Caller {
    fn call<T, F, Fut>(&self, call: F) -> impl Future<Output = Result<T>> + use<T, F, Fut>
    where
        F: FnOnce(Arc<dyn Store>, Toolkit) -> Fut,
        Fut: Future<Output = Result<T>>,
    {
        let call = call(Arc::clone(&self.store), self.toolkit.clone().with_timeout(self.timeout));
        let patience = self.timeout + PATIENCE;
        async move {
            tokio::time::timeout(patience, call).await.unwrap_or_else(|_| {
                Err(StoreError::timeout("the store let the deadline of a call pass")
                    .with_retry(Retry::OutcomeUnknown))
            })
        }
    }

    pub(crate) fn claim(
        &self,
        request: ClaimRequest,
        wanted: Vec<(usize, usize)>,
    ) -> BoxFuture<'static, Answer> {
        let sent = Instant::now();
        let call = self.call(|store, toolkit| async move { store.claim(&toolkit, request).await });
        Box::pin(async move { Answer::Claimed { sent, wanted, result: call.await } })
    }

    pub(crate) fn extend(&self, request: ExtendRequest) -> BoxFuture<'static, Answer> {
        let sent = Instant::now();
        let tokens = request.tokens.clone();
        let call =
            self.call(|store, toolkit| async move { store.extend_leases(&toolkit, request).await });
        Box::pin(async move { Answer::Extended { sent, tokens, result: call.await } })
    }

    pub(crate) fn apply(&self, batch: Batch) -> BoxFuture<'static, Answer> {
        let changes = batch.changes();
        let call = self.call(|store, toolkit| async move { store.apply(&toolkit, changes).await });
        Box::pin(async move { Answer::Applied { batch, result: call.await } })
    }

    pub(crate) fn expire(&self, request: ExpireRequest) -> BoxFuture<'static, Answer> {
        let call =
            self.call(|store, toolkit| async move { store.expire_leases(&toolkit, request).await });
        Box::pin(async move { Answer::Expired(call.await) })
    }

    pub(crate) fn pauses(&self) -> BoxFuture<'static, Answer> {
        let sent = Instant::now();
        let call = self.call(|store, toolkit| async move { store.pauses(&toolkit).await });
        Box::pin(async move { Answer::Paused { sent, result: call.await } })
    }

    pub(crate) fn maintain(&self) -> BoxFuture<'static, Answer> {
        let call = self.call(|store, toolkit| async move { store.maintain(&toolkit).await });
        Box::pin(async move { Answer::Maintained(call.await) })
    }

    pub(crate) fn add_purge_ticks(
        &self,
        now: Timestamp,
        events: Vec<Event>,
    ) -> BoxFuture<'static, Answer> {
        let call = self.call(|store, toolkit| async move {
            store.add_events(&toolkit, events).await.map(drop)
        });
        Box::pin(async move { Answer::PurgeTicksAdded { now, result: call.await } })
    }

    pub(crate) fn wakeups(&self) -> BoxFuture<'static, Answer> {
        let call = self.call(|store, toolkit| async move { store.wakeups(&toolkit).await });
        Box::pin(async move { Answer::Wakeups(call.await) })
    }
}
