//! An opened store with the toolkit of its calls.

use std::{sync::Arc, time::Instant};

use blacksmith_store_core::{
    Added, Appended, Capabilities, Change, ChangeOutcome, ClaimRequest, Claimed, Event, EventId,
    ExpireRequest, ExtendRequest, Extended, Job, JobId, Maintained, Options, Page, Pause, PauseId,
    PurgeRequest, Purged, QueueStats, Result, Store, Toolkit, Transition, TransitionId, Wakeups,
    WhereEvents, for_each_method,
};

use crate::journal::{Call, Journal, summary};

/// A handle on the store under test; every call is written into the case's journal.
#[derive(Clone)]
pub(crate) struct Handle {
    /// None only while the store is closed to be opened again.
    store: Option<Arc<dyn Store>>,
    toolkit: Toolkit,
    journal: Arc<Journal>,
}

/// The methods of the contract, without the toolkit.
macro_rules! calls {
    ($($method:ident($($argument:ident: $type:ty)?) -> $answer:ty;)*) => {$(
        pub(crate) async fn $method(&self $(, $argument: $type)?) -> Result<$answer> {
            #[allow(unused_mut, unused_assignments, reason = "some methods take nothing")]
            let mut request = String::new();
            $(request = summary(&$argument);)?
            let began = Instant::now();
            let answer = self.raw().$method(&self.toolkit $(, $argument)?).await;
            let call = Call { operation: stringify!($method), request, took: began.elapsed() };
            self.journal.record(&call, &calls!(@noted $method answer));
            answer
        }
    )*};
    (@noted wakeups $answer:ident) => { $answer.as_ref().map(|_| "a stream") };
    (@noted $method:ident $answer:ident) => { $answer.as_ref() };
}

impl Handle {
    pub(crate) fn new(store: Arc<dyn Store>, toolkit: Toolkit, journal: Arc<Journal>) -> Self {
        Self { store: Some(store), toolkit, journal }
    }

    /// The same store, called with another toolkit.
    pub(crate) fn with_toolkit(&self, toolkit: Toolkit) -> Self {
        Self { toolkit, ..self.clone() }
    }

    /// The store itself, for a call that is not to be driven to its end.
    pub(crate) fn raw(&self) -> &Arc<dyn Store> {
        self.store.as_ref().expect("a closed handle is not called")
    }

    /// Lets go of the store; the handle is to be replaced.
    pub(crate) fn close(&mut self) {
        self.store = None;
    }

    pub(crate) fn name(&self) -> &'static str {
        self.raw().name()
    }

    pub(crate) fn options(&self) -> &Options {
        self.raw().options()
    }

    pub(crate) fn capabilities(&self) -> Capabilities {
        self.raw().capabilities()
    }

    for_each_method!(calls);
}
