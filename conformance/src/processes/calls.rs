//! Every method of the contract, on both sides: a child's process as a store, and the child that makes the call.

use blacksmith_store_core::{
    Added, Appended, Capabilities, Change, ChangeOutcome, ClaimRequest, Claimed, Event, EventId,
    ExpireRequest, ExtendRequest, Extended, Job, JobId, Maintained, Options, Page, Pause, PauseId,
    PurgeRequest, Purged, QueueStats, Result, Store, StoreError, Toolkit, Transition, TransitionId,
    Wakeups, WhereEvents, async_trait, for_each_method,
};
use serde_json::value::RawValue;

use super::{carried::Carried, process::Process};

/// What is wrong with the lines between the processes, which is no fault of the store.
fn broken(error: serde_json::Error) -> StoreError {
    StoreError::internal("a line between two processes of the suite is broken").with_source(error)
}

macro_rules! calls {
    ($($method:ident($($argument:ident: $type:ty)?) -> $answer:ty;)*) => {
        /// The child's side: makes a call, and packs its answer.
        pub(super) async fn make(
            store: &dyn Store,
            toolkit: &Toolkit,
            method: &str,
            argument: &RawValue,
        ) -> Result<Box<RawValue>> {
            match method {
                $(stringify!($method) => {
                    $(let $argument = <$type>::unpack(argument).map_err(broken)?;)?
                    store.$method(toolkit $(, $argument)?).await?.pack().map_err(broken)
                })*
                _ => Err(StoreError::internal(format!("processes do not carry {method}"))),
            }
        }

        /// The parent's side. The checks of the contract are made in the child.
        #[async_trait]
        impl Store for Process {
            fn name(&self) -> &'static str {
                "process"
            }

            fn options(&self) -> &Options {
                Process::options(self)
            }

            fn capabilities(&self) -> Capabilities {
                Capabilities::NONE
            }

            $(
                async fn $method(&self, toolkit: &Toolkit $(, $argument: $type)?) -> Result<$answer> {
                    let argument = calls!(@argument $($argument)?);
                    let called = async {
                        let argument = argument.pack().map_err(broken)?;
                        let answer = self.call(toolkit, stringify!($method), argument).await?;
                        <$answer>::unpack(&answer).map_err(broken)
                    };
                    called.await.map_err(|error: StoreError| error.with_operation(stringify!($method)))
                }
            )*
        }
    };
    // A method that takes nothing is called with anything.
    (@argument) => { true };
    (@argument $argument:ident) => { $argument };
}

for_each_method!(calls);
