//! The PostgreSQL adapter of Blacksmith store: the one for production.
//!
//! ```no_run
//! # use blacksmith_store_core::{AvailableAdapters, Options, Result};
//! # async fn example() -> Result<()> {
//! let adapters = AvailableAdapters::new().with(blacksmith_store_postgres::adapter())?;
//! let options = Options::from_url("postgres://me@localhost/queue?sslmode=verify-full")?;
//! adapters.migrator(&options).await?.up(None).await?;
//! let store = adapters.open(options).await?;
//! # Ok(())
//! # }
//! ```
//!
//! A store lives in a schema of its own, which [`migrate up`](blacksmith_store_core::Migrator::up) makes; opening a store never
//! changes a schema. Instants are the server's: what is due, and which lease has ended, does not depend on the clocks of the
//! workers. Nothing of a session is relied on but its prepared statements, so poolers in transaction mode work.
//!
//! # Settings
//! The connection is a URL or `key=value` pairs as libpq takes them; `sslmode` is one of `disable`, `prefer` (the default),
//! `require`, `verify-ca` and `verify-full`, with `sslrootcert`. `Options::context` may hold:
//!
//! | name | default | |
//! | --- | --- | --- |
//! | `schema` | `blacksmith_store` | the schema that holds the store |
//! | `pool_size` | 10 | connections opened at most, beside the one that listens |
//! | `listen` | `on` | whether processes wake each other up by LISTEN and NOTIFY, on a connection of its own: `on`, `off`, or where that connection leads, a secret like the other one. A pooler in transaction mode does not carry it, the server itself does |
//! | `prepared_statements` | `on` | to be `off` behind a pooler in transaction mode that does not keep prepared statements: PgBouncer before 1.21, or without `max_prepared_statements` |
//!
//! # How it is laid out
//! Jobs are immutable; those that are unfinished stand in a table of their own, and each attempt is one row of a log. The view
//! `history` shows one row a transition, for whoever reads the store with SQL. `migrations/postgres` explains the tables.

mod adapter;
mod adding;
mod additions;
mod caller_transaction;
mod claiming;
mod clock;
mod connection;
mod deciding;
mod ending;
mod error;
mod expiring;
mod extending;
mod finding;
mod layout;
mod ledger;
mod maintaining;
mod migrate;
mod pausing;
#[cfg(test)]
mod plans;
mod purging;
mod queues;
mod retries;
mod row;
mod running;
mod searching;
mod settings;
mod sharing;
mod statement;
mod store;
mod tls;
mod wakeups;
mod watermark;

pub use deadpool_postgres::Connect;

pub use crate::{
    adapter::{PostgresAdapter, adapter},
    caller_transaction::{AddedInTransaction, add_events_in},
    settings::DEFAULT_SCHEMA,
};
