//! A store with one fault.

use std::sync::Arc;

use blacksmith_store_core::{
    Added, Appended, Capabilities, Change, ChangeOutcome, ClaimRequest, Claimed, Event, EventId,
    ExpireRequest, ExtendRequest, Extended, Job, JobId, Maintained, Options, Page, Pause, PauseId,
    PurgeRequest, Purged, QueueStats, Result, Store, Toolkit, Transition, TransitionId, Wakeups,
    WhereEvents, async_trait, for_each_method,
};
use futures_util::future::BoxFuture;

use crate::wire::Wired;

/// Where the stores are into which faults are planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ground {
    /// In memory, each open a store of its own.
    Memory,
    /// In memory, behind a small server.
    Server,
    /// In a SQLite file, which several handles and processes share and which outlasts them.
    File,
}

impl Ground {
    pub(crate) const ALL: [Self; 3] = [Self::Memory, Self::Server, Self::File];
}

/// A fault, what it breaks, and the cases that must catch it.
#[derive(Clone, Copy)]
pub(crate) struct Planted {
    /// What the store does wrong, as the end of the sentence "a store that …". It names the fault.
    pub(crate) story: &'static str,
    /// The cases that name the broken promise. Each must fail.
    pub(crate) caught_by: &'static [&'static str],
    /// The fault, for one handle.
    pub(crate) make: fn() -> Arc<dyn Fault>,
    pub(crate) ground: Ground,
}

impl Planted {
    pub(crate) const fn new(
        story: &'static str,
        caught_by: &'static [&'static str],
        make: fn() -> Arc<dyn Fault>,
    ) -> Self {
        Self { story, caught_by, make, ground: Ground::Memory }
    }

    /// The same, in a store that is behind a server.
    pub(crate) const fn behind_a_server(
        story: &'static str,
        caught_by: &'static [&'static str],
        make: fn() -> Arc<dyn Fault>,
    ) -> Self {
        Self { story, caught_by, make, ground: Ground::Server }
    }

    /// The same, in a store that is in a file.
    pub(crate) const fn in_a_file(
        story: &'static str,
        caught_by: &'static [&'static str],
        make: fn() -> Arc<dyn Fault>,
    ) -> Self {
        Self { story, caught_by, make, ground: Ground::File }
    }
}

/// Declares for every method of the contract what a fault may do instead, which is by default the right thing, the store that
/// asks a fault, and the one that asks a server.
macro_rules! faulty {
    ($($method:ident($($argument:ident: $type:ty)?) -> $answer:ty;)*) => {
        /// What a store does wrong: every method is by default that of the sound store below.
        #[async_trait]
        pub(crate) trait Fault: Send + Sync {
            /// The options that the store below is opened with.
            fn given(&self, options: Options) -> Options {
                options
            }

            /// The store below has been opened.
            async fn opened(&self, _: &Arc<dyn Store>) -> Result<()> {
                Ok(())
            }

            fn name(&self, store: &dyn Store) -> &'static str {
                store.name()
            }

            fn options<'a>(&'a self, applied: &'a Options) -> &'a Options {
                applied
            }

            fn capabilities(&self, store: &dyn Store) -> Capabilities {
                store.capabilities()
            }

            $(
            #[allow(missing_docs, reason = "the method of the contract")]
            async fn $method(
                &self, store: &dyn Store, toolkit: &Toolkit $(, $argument: $type)?
            ) -> Result<$answer> {
                store.$method(toolkit $(, $argument)?).await
            }
        )*}

        #[async_trait]
        impl Store for Faulty {
            fn name(&self) -> &'static str {
                self.fault.name(self.store.as_ref())
            }

            fn options(&self) -> &Options {
                self.fault.options(&self.options)
            }

            fn capabilities(&self) -> Capabilities {
                self.fault.capabilities(self.store.as_ref())
            }

            $(
                async fn $method(&self, toolkit: &Toolkit $(, $argument: $type)?) -> Result<$answer> {
                    self.fault.$method(self.store.as_ref(), toolkit $(, $argument)?).await
                }
            )*
        }

        #[async_trait]
        impl Store for Wired {
            fn name(&self) -> &'static str {
                Ground::Server.below().name()
            }

            fn options(&self) -> &Options {
                &self.options
            }

            fn capabilities(&self) -> Capabilities {
                Ground::Server.capabilities()
            }

            $(
                async fn $method(&self, toolkit: &Toolkit $(, $argument: $type)?) -> Result<$answer> {
                    let toolkit = toolkit.clone();
                    let ask = move |store: Arc<dyn Store>| -> BoxFuture<'static, Result<$answer>> {
                        Box::pin(async move { store.$method(&toolkit $(, $argument)?).await })
                    };
                    self.call(ask).await
                }
            )*
        }
    };
}

for_each_method!(faulty);

/// A sound store behind a fault.
pub(crate) struct Faulty {
    pub(crate) fault: Arc<dyn Fault>,
    pub(crate) store: Arc<dyn Store>,
    /// Those of the store, and what names the fault.
    pub(crate) options: Options,
}
