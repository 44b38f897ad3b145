//! The SQLite adapter of Blacksmith store: a store in one file, embedded in the program.
//!
//! ```no_run
//! use blacksmith_store_core::{AvailableAdapters, Options, Result};
//!
//! # async fn example() -> Result<()> {
//! let adapters = AvailableAdapters::new().with(blacksmith_store_sqlite::adapter())?;
//! let store = adapters.open(Options::from_url("sqlite://queue.db")?).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # How it behaves
//! - The connection is a path, or `:memory:` for a private store that ends with its handle. Opening creates the file and
//!   migrates it; folders are not created.
//! - **Writes** go through one thread, which commits together what has queued up meanwhile: one `fsync` serves many callers,
//!   and the error of one never reaches another. **Reads** run on connections of their own, beside the writer (WAL).
//! - What was answered survives the power cut (`synchronous=full`).
//! - Several handles and several processes may share the file. While another process writes, calls wait for it, as long as
//!   their deadline allows, or for `busy_timeout`. Not over a network file system: SQLite's locks do not work there.
//! - A call whose deadline passes before the writer has begun with it is never executed (`Timeout`, `Retry::Safe`); after
//!   that it is executed whole or not at all, and the answer is lost (`Retry::OutcomeUnknown`).
//! - The program's own tables may live in the same file (see the setting `shared`), and [`add_events_in`] adds events inside
//!   the program's own transaction. The tables of the store begin with `blacksmith_`; the views `blacksmith_transitions` and
//!   `blacksmith_latest` are for readers who use SQL.
//! - Never open the file by other means than SQLite in a process that uses the store, not even to copy it: closing it would
//!   drop SQLite's locks. Back it up with SQLite's backup or `VACUUM INTO`.
//!
//! # Settings (`Options::context`, or the parameters of the URL)
//! | name | values | default |
//! | --- | --- | --- |
//! | `synchronous` | `off`, `normal`, `full`, `extra`, as SQLite's pragma | `full` |
//! | `busy_timeout` | how long a call without a deadline waits for other processes, as `500ms` or `1m` | `30s` |
//! | `readers` | connections that read, 1 to 64 | 4 |
//! | `writer` | `thread`; `inline` runs every call on the caller's thread, for simulations | `thread` |
//! | `create` | `false` refuses a file that does not exist | `true` |
//! | `read_only` | `true` opens a store that has all its migrations for reading alone | `false` |
//! | `shared` | `true` puts the store into a file that holds tables of another program | `false` |
//! | `vfs` | the name of a registered SQLite VFS | the system's |
//! | `max_page_count` | the file grows to this many pages of 4 KiB, then it counts as a full disk | SQLite's |

mod adapter;
mod adding;
mod appending;
mod caller_transaction;
mod calls;
mod claiming;
mod connection;
mod counting;
mod error;
mod executor;
mod expiring;
mod extending;
mod finding;
mod gathering;
mod grouping;
mod layout;
mod maintaining;
mod migrate;
mod pausing;
mod planning;
#[cfg(test)]
mod plans;
mod purging;
mod queues;
mod readers;
mod row;
mod searching;
mod settings;
mod statistics;
mod store;
mod wakeups;
mod writer;

pub use crate::{
    adapter::{SqliteAdapter, adapter},
    caller_transaction::{AddedInTransaction, add_events_in},
};
pub use rusqlite;
