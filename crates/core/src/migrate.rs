//! Migrations of an adapter's schema, as an operator sees them.

use async_trait::async_trait;
use serde::Serialize;

use crate::{Result, Timestamp};

/// One migration and whether it has run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MigrationState {
    /// Its number, from 1.
    pub version: u32,
    /// Its name.
    pub name: String,
    /// When it ran; `None` if it did not.
    pub applied_at: Option<Timestamp>,
}

impl MigrationState {
    /// A migration that has not run.
    pub fn new(version: u32, name: impl Into<String>) -> Self {
        Self { version, name: name.into(), applied_at: None }
    }

    /// The same, run at `instant`.
    pub fn with_applied_at(self, instant: Timestamp) -> Self {
        Self { applied_at: Some(instant), ..self }
    }
}

/// Which way to migrate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Towards the newest schema.
    Up,
    /// Towards an empty database; history is lost.
    Down,
}

/// Moves one database's schema. Every call takes a lock, so that several at once do the work once; each migration runs in
/// a transaction of its own, so that a failed one leaves nothing behind.
#[async_trait]
pub trait Migrator: Send + Sync {
    /// Every migration, in ascending order, with those that the database knows and this program does not.
    async fn status(&self) -> Result<Vec<MigrationState>>;

    /// Runs what is missing up to and including `to` (all if `None`), and answers what ran.
    async fn up(&self, to: Option<u32>) -> Result<Vec<MigrationState>>;

    /// Takes back what is above `to` (0: everything), newest first, and answers what was taken back.
    async fn down(&self, to: u32) -> Result<Vec<MigrationState>>;

    /// Compares the database with this program, and answers a sentence for each difference: checksums of migrations that ran,
    /// gaps, versions that this program does not know, a schema that was changed by other means. Empty when all is well.
    async fn validate(&self) -> Result<Vec<String>>;

    /// The SQL that `up` or `down` to `to` would run now; changes nothing.
    async fn sql(&self, direction: Direction, to: Option<u32>) -> Result<String>;
}
