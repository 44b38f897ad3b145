//! The in-memory adapter of Blacksmith store: for unit tests, and to be read first by whoever writes an adapter.
//!
//! It keeps the whole contract with nothing but maps behind one lock, so it shows what an adapter does, without a database
//! in the way. Each open is a store of its own, which lives as long as it is held; its clones share it. It takes no
//! connection and has no settings.
//!
//! ```
//! use blacksmith_store_core::{AvailableAdapters, Event, Job, Options, Toolkit};
//!
//! # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
//! let adapters = AvailableAdapters::new().with(blacksmith_store_memory::adapter())?;
//! let store = adapters.open(Options::from_url("memory:")?).await?;
//!
//! let toolkit = Toolkit::new();
//! let event = Event::new(toolkit.event_id(), "github", "issues.opened")
//!     .with_job(Job::new(toolkit.job_id(), "crm", "upsert"));
//! let added = store.add_events(&toolkit, vec![event]).await?;
//! assert_eq!((added.events, added.jobs), (1, 1));
//! # Ok::<(), blacksmith_store_core::StoreError>(())
//! # }).expect("memory serves");
//! ```
//!
//! # How to read it
//!
//! Every write is a plan, then a commit: first everything is decided and nothing is touched, then everything is written and
//! nothing can fail. So a refused call changes nothing, without a transaction.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `store.rs` | the adapter and its [`Store`](blacksmith_store_core::Store): lock, call, wake |
//! | `state.rs` | what is stored, and the four ways in which it changes |
//! | `queues.rs` | the jobs of each destination and action, by status, and those that wait in the order of their turn |
//! | `adding.rs` | what core asks to decide `add_events`, `add_jobs`, `add_transitions` and `apply` |
//! | `finding.rs`, `choosing.rs`, `walk.rs`, `paging.rs` | the searches: which keys to look at, in which order, which page of them |
//! | `claiming.rs`, `leases.rs` | `claim`, `extend_leases`, `expire_leases`, and the claim calls that are live |
//! | `pausing.rs`, `purging.rs` | what their names say |
//! | `error.rs` | every refusal, and what it is called in the contract |

mod adding;
mod choosing;
mod claiming;
mod error;
mod finding;
mod leases;
mod paging;
mod pausing;
mod purging;
mod queues;
mod state;
mod store;
mod walk;

pub use crate::store::{MemoryAdapter, adapter};
