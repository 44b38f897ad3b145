//! An adapter of Blacksmith store for [redb](https://docs.rs/redb), an embedded key-value store in pure Rust: the example for
//! whoever writes an adapter for another database. It uses the published crates alone, passes the whole conformance suite,
//! and is written to be read; `docs/adapters.md` tells in which order.
//!
//! ```
//! use blacksmith_store_core::{AvailableAdapters, Event, Job, Options, Toolkit};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime").block_on(async {
//! # let folder = tempfile::tempdir().expect("a folder");
//! # std::env::set_current_dir(folder.path()).expect("a folder");
//! let adapters = AvailableAdapters::new().with(redb_adapter::adapter())?;
//! let store = adapters.open(Options::from_url("redb://queue.redb")?).await?;
//!
//! let toolkit = Toolkit::new();
//! let event = Event::new(toolkit.event_id(), "github", "issues.opened")
//!     .with_job(Job::new(toolkit.job_id(), "crm", "upsert"));
//! let added = store.add_events(&toolkit, vec![event]).await?;
//! assert_eq!((added.events, added.jobs), (1, 1));
//! # Ok::<(), blacksmith_store_core::StoreError>(())
//! # }).expect("redb serves");
//! ```
//!
//! # How it behaves
//! - The connection is the path of a file. A call is one transaction of redb, so it is done whole or not at all, and what was
//!   answered survives the power cut. One handle of one process may have the file open; a second one is `Unavailable`.
//! - Writes take turns, and a call whose deadline passes before its turn has done nothing. Reads see a snapshot, beside the
//!   writer. Both run on tokio's threads for blocking work, so a caller may drop its future at any time. The runtime needs its
//!   timer for calls with a deadline.
//! - Claims, outcomes and `stats` are served by indexes. Searches look at rows one by one: that is the price of simplicity.
//!
//! # Settings (`Options::context`, or the parameters of the URL)
//! | name | values | default |
//! | --- | --- | --- |
//! | `create` | `false` refuses a file that does not exist | `true` |
//! | `cache_size` | bytes of the file that redb keeps in memory | 64 MiB |
//!
//! # How to read it
//! | file | what it holds |
//! | --- | --- |
//! | `adapter.rs`, `settings.rs` | the adapter, and what its options say |
//! | `store.rs` | [`Store`](blacksmith_store_core::Store): each method in a line or two |
//! | `running.rs` | a call's transaction, its thread, its deadline |
//! | `layout.rs`, `rows.rs` | the tables, and how entries lie in them |
//! | `writing.rs` | how an event or a job comes, a transition follows, an event goes; core decides the rest of the writing calls |
//! | `finding.rs`, `searching.rs` | the searches, and the page that is cut from them |
//! | `claiming.rs`, `leasing.rs` | `claim`, `extend_leases`, `expire_leases` |
//! | `pausing.rs`, `purging.rs`, `counting.rs` | what their names say, and `stats` |
//! | `error.rs` | every error of redb, and what it is called in the contract |

mod adapter;
mod claiming;
mod counting;
mod error;
mod finding;
mod layout;
mod leasing;
mod pausing;
mod purging;
mod rows;
mod running;
mod searching;
mod settings;
mod store;
mod writing;

pub use crate::adapter::{RedbAdapter, adapter};
