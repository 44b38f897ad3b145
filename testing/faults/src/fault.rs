//! A store with one fault.

use std::sync::Arc;

use blacksmith_store_conformance::{Fixture, FixtureError, Place};
use blacksmith_store_core::{
    Adapter, Added, Appended, CONTRACT_VERSION, Capabilities, Change, ChangeOutcome, ClaimRequest,
    Claimed, Event, EventId, ExpireRequest, ExtendRequest, Extended, Job, JobId, Maintained,
    Options, Page, Pause, PauseId, PurgeRequest, Purged, QueueStats, Result, Store, Toolkit,
    Transition, TransitionId, Wakeups, WhereEvents, async_trait, for_each_method,
};
use futures_util::future::BoxFuture;

use crate::wire::{Server, Wired};

/// A fault, what it breaks, and the cases that must catch it.
#[derive(Clone, Copy)]
pub(crate) struct Planted {
    /// What the store does wrong, as the end of the sentence "a store that …".
    pub(crate) story: &'static str,
    /// The cases that name the broken promise. Each must fail.
    pub(crate) caught_by: &'static [&'static str],
    /// The fault, for one store.
    pub(crate) make: fn() -> Arc<dyn Fault>,
    /// Whether the store is behind a server.
    pub(crate) is_wired: bool,
}

impl Planted {
    pub(crate) const fn new(
        story: &'static str,
        caught_by: &'static [&'static str],
        make: fn() -> Arc<dyn Fault>,
    ) -> Self {
        Self { story, caught_by, make, is_wired: false }
    }

    /// The same, in a store that is behind a server.
    pub(crate) const fn behind_a_server(
        story: &'static str,
        caught_by: &'static [&'static str],
        make: fn() -> Arc<dyn Fault>,
    ) -> Self {
        Self { story, caught_by, make, is_wired: true }
    }
}

/// Declares for every method of the contract what a fault may do instead, which is by default the right thing, the store that
/// asks a fault, and the one that asks a server.
macro_rules! faulty {
    ($($method:ident($($argument:ident: $type:ty)?) -> $answer:ty;)*) => {
        /// What a store does wrong: every method is by default that of the sound store below.
        #[async_trait]
        pub(crate) trait Fault: Send + Sync {$(
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
                NAME
            }

            fn options(&self) -> &Options {
                self.store.options()
            }

            fn capabilities(&self) -> Capabilities {
                self.store.capabilities()
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
                NAME
            }

            fn options(&self) -> &Options {
                &self.options
            }

            fn capabilities(&self) -> Capabilities {
                capabilities(true)
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
struct Faulty {
    fault: Arc<dyn Fault>,
    store: Arc<dyn Store>,
}

/// The name of the adapter of faulty stores. It is that of the adapter below, whose options they take.
const NAME: &str = "memory";

fn capabilities(is_wired: bool) -> Capabilities {
    let capabilities = blacksmith_store_memory::adapter().capabilities();
    if is_wired { capabilities.with_several_handles() } else { capabilities }
}

/// The memory adapter, behind a server or not, with a fault in each store that it opens; without one it is sound.
#[derive(Clone, Copy)]
pub(crate) struct FaultyMemory {
    pub(crate) is_wired: bool,
    pub(crate) fault: Option<Planted>,
}

impl FaultyMemory {
    pub(crate) fn sound(is_wired: bool) -> Self {
        Self { is_wired, fault: None }
    }

    pub(crate) fn with(planted: Planted) -> Self {
        Self { is_wired: planted.is_wired, fault: Some(planted) }
    }
}

#[async_trait]
impl Adapter for FaultyMemory {
    fn name(&self) -> &'static str {
        NAME
    }

    fn contract_version(&self) -> u32 {
        CONTRACT_VERSION
    }

    fn capabilities(&self) -> Capabilities {
        capabilities(self.is_wired)
    }

    fn example_url(&self) -> &'static str {
        if self.is_wired {
            "memory://localhost:4711/"
        } else {
            blacksmith_store_memory::adapter().example_url()
        }
    }

    async fn open(&self, options: Options) -> Result<Arc<dyn Store>> {
        let store: Arc<dyn Store> = if self.is_wired {
            Arc::new(Wired::open(options).await?)
        } else {
            blacksmith_store_memory::adapter().open(options).await?
        };
        Ok(match &self.fault {
            Some(planted) => Arc::new(Faulty { fault: (planted.make)(), store }),
            None => store,
        })
    }
}

impl Fixture for FaultyMemory {
    fn adapter(&self) -> impl Adapter + 'static {
        *self
    }

    async fn place(&self) -> std::result::Result<Place, FixtureError> {
        let options = Options::new(NAME);
        if !self.is_wired {
            return Ok(Place::new(options));
        }
        let server = Server::start().await?;
        Ok(Place::new(options.with_connection(server.url())).with_guard(server))
    }
}
