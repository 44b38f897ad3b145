//! A database used as a queue: events fan out to jobs, every attempt to run a job is kept, and the adapter is picked by a
//! config string.
//!
//! ```
//! # #[cfg(feature = "memory")]
//! # #[tokio::main]
//! # async fn main() -> Result<(), blacksmith_store::StoreError> {
//! use blacksmith_store::{ClaimRequest, Event, Job, Options, Status, Toolkit, WhereEvents, Want};
//!
//! let store = blacksmith_store::open(Options::from_url("memory:")?).await?; // or "sqlite://dev.db"
//! let toolkit = Toolkit::new();
//! let job = Job::new(toolkit.job_id(), "crm", "upsert");
//! let event = Event::new(toolkit.event_id(), "shop", "order.paid").with_data("{}").with_job(job);
//! store.add_events(&toolkit, vec![event]).await?;
//!
//! let wants = [Want::destination("crm", 10)];
//! let claimed = store.claim(&toolkit, ClaimRequest::new("worker-1", std::time::Duration::from_secs(30), wants)).await?;
//! for (_, job) in claimed.queue.jobs() {
//!     let done = job.next(toolkit.transition_id(), Status::Succeeded)?; // after the work
//!     store.add_transitions(&toolkit, vec![done]).await?;
//! }
//! let found = store.find_jobs(&toolkit, WhereEvents::default()).await?;
//! assert_eq!(found.entries[0].status(), Some(Status::Succeeded));
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "memory"))]
//! # fn main() {}
//! ```
//!
//! # Adapters
//! Each is a cargo feature: `memory` (for tests) and `sqlite` (embedded), both on by default, and `postgres` (production).
//! [`AvailableAdapters::compiled_in`](CompiledIn::compiled_in) has those whose feature is on; an adapter from elsewhere joins
//! them with [`AvailableAdapters::with`]:
//!
//! ```no_run
//! # use blacksmith_store::{Adapter, AvailableAdapters, CompiledIn as _, Options, Result};
//! # async fn example(theirs: impl Adapter + 'static) -> Result<()> {
//! let adapters = AvailableAdapters::compiled_in().with(theirs)?;
//! let store = adapters.open(Options::from_url("theirs://host/queue")?).await?;
//! # Ok(())
//! # }
//! ```
//!
//! What an adapter offers beside the [`Store`] trait, such as adding events inside a transaction of the caller's own, is in
//! its crate, which stands here under the name of its feature.

mod compiled_in;
mod open;

pub use blacksmith_store_core::*;
#[cfg(feature = "memory")]
pub use blacksmith_store_memory as memory;
#[cfg(feature = "postgres")]
pub use blacksmith_store_postgres as postgres;
#[cfg(feature = "sqlite")]
pub use blacksmith_store_sqlite as sqlite;

pub use crate::{compiled_in::CompiledIn, open::open};
