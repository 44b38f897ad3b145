//! The contract of Blacksmith store: a database used as a queue.
//!
//! [`Event`]s fan out to [`Job`]s, one for each destination that must learn of them; every attempt to run a job appends
//! [`Transition`]s. A [`Store`] keeps all of it and hands due jobs to workers. This crate holds the models, the filters, the
//! errors, the trait, the checks that every adapter gets, and the registry that opens adapters by name; it knows no database.
//!
//! Applications depend on `blacksmith-store`, which adds the adapters. Authors of an adapter implement [`Store`] and
//! [`Adapter`] from this crate, and run the suite of `blacksmith-store-conformance`; the guide `docs/adapters.md` of the
//! repository leads through it, and [`decide`] does much of the work.

mod capabilities;
mod checked;
mod checks;
pub mod decide;
mod error;
mod event;
mod filter;
mod id;
mod job;
mod job_error;
mod lenient;
mod lifecycle;
mod limits;
mod matching;
mod migrate;
mod options;
mod page;
mod payload;
mod registry;
mod request;
mod schedule;
mod status;
mod store;
mod time;
mod toml_text;
mod toolkit;
mod transition;

pub use async_trait::async_trait;
pub use bytes::Bytes;

pub use crate::{
    capabilities::{CONTRACT_VERSION, Capabilities},
    checked::Checked,
    error::{ErrorKind, Result, Retry, StoreError},
    event::{Event, Queue},
    filter::{Carry, Count, Order, WhereEvents, WhereJobs, WhereTransitions},
    id::{EventId, ID_BYTES, JobId, PauseId, TransitionId},
    job::Job,
    job_error::{JobError, Validation},
    lifecycle::{ChainEnd, is_legal, next_attempt},
    limits::{
        DEFAULT_PAGE_LIMIT, MAX_CALL_ENTRIES, MAX_CALL_PAYLOAD_BYTES, MAX_ERROR_BYTES, MAX_LEASE,
        MAX_NAME_BYTES, MAX_PAGE_LIMIT, MAX_PAYLOAD_BYTES, MAX_REASON_BYTES,
    },
    migrate::{Direction, MigrationState, Migrator},
    options::{ENV_POSTGRES_URL, ENV_URL, Options, PurgePolicy},
    page::{Cursor, Entries, Meta, Page, Pagination, Position},
    registry::{Adapter, AvailableAdapters, SCRATCH},
    request::{
        Added, Appended, Change, ChangeOutcome, ClaimRequest, Claimed, Counts, ExpireRequest,
        ExtendRequest, Extended, Fate, Maintained, PAUSE_MEMORY, PURGE_SPARES, Pause, PurgeRequest,
        Purged, QueueStats, Token, Wakeup, Wakeups, Want, due_after_expiry,
    },
    schedule::{DestinationOptions, Schedule},
    status::Status,
    store::Store,
    time::{Timestamp, floor_to_micros, from_micros, is_never, never},
    toml_text::parse_toml,
    toolkit::{Clock, SetClock, Toolkit},
    transition::Transition,
};

/// The word for this interface. Blacksmith: `store.InterfaceStore`.
pub const INTERFACE_STORE: &str = "store";

/// The checks of a call that an adapter offers beside the trait, such as `add_events_in` a transaction of the caller's own.
pub mod admit {
    use crate::{Added, Event, Result, Toolkit, checks};

    /// Events that passed the checks of [`Store::add_events`](crate::Store::add_events).
    pub struct Events {
        /// What reaches the adapter; never empty.
        pub events: Vec<Event>,
        finish: checks::Finish<Added>,
    }

    impl Events {
        /// The answer for the caller, given what the adapter did.
        pub fn answer(self, added: Added) -> Added {
            (self.finish)(added)
        }
    }

    /// Checks and completes events as [`Store::add_events`](crate::Store::add_events) does; `None` for an empty batch.
    ///
    /// # Errors
    /// `InvalidInput` and `Conflict`, as there.
    pub fn add_events(toolkit: &Toolkit, events: Vec<Event>) -> Result<Option<Events>> {
        let admitted = checks::not_too_late(toolkit)
            .and_then(|()| checks::add_events(toolkit, events))
            .map_err(|error| error.with_operation("add_events"))?;
        Ok(match admitted {
            checks::Admitted::Answer(_) => None,
            checks::Admitted::Call(events, finish) => Some(Events { events, finish }),
        })
    }
}
