//! What lies in the file: the tables, and a transaction of either kind with all of them open.

use blacksmith_store_core::{ID_BYTES, Result, StoreError};
use redb::{
    ReadOnlyTable, ReadTransaction, ReadableTable, Table, TableDefinition, TableError,
    WriteTransaction,
};

use crate::error::failed;

/// An id of any kind, as it lies in a key.
pub(crate) type Id = &'static [u8; ID_BYTES];

/// Declares the tables: [`Snapshot`] and [`Batch`] have each of them open, and [`Tables`] reads from either.
macro_rules! tables {
    ($($(#[$doc:meta])* $table:ident: $key:ty => $value:ty;)*) => {
        /// The tables of a read or of a write transaction, to be read.
        pub(crate) trait Tables {
            $($(#[$doc])* fn $table(&self) -> &impl ReadableTable<$key, $value>;)*
        }

        /// Everything as it was when a read began; what is written meanwhile does not reach it.
        pub(crate) struct Snapshot {
            $($table: ReadOnlyTable<$key, $value>,)*
        }

        impl Snapshot {
            pub(crate) fn open(transaction: &ReadTransaction) -> Result<Self, TableError> {
                Ok(Self {
                    $($table: transaction.open_table(definition::$table())?,)*
                })
            }
        }

        impl Tables for Snapshot {
            $(fn $table(&self) -> &impl ReadableTable<$key, $value> {
                &self.$table
            })*
        }

        /// The tables of a write transaction: what is written here is stored when it commits, whole or not at all.
        pub(crate) struct Batch<'t> {
            $(pub(crate) $table: Table<'t, $key, $value>,)*
            /// Whether there is more to claim than before: then who waits is woken.
            pub(crate) arrived: bool,
        }

        impl<'t> Batch<'t> {
            /// Opens the tables, and makes those that are not there.
            pub(crate) fn open(transaction: &'t WriteTransaction) -> Result<Self, TableError> {
                Ok(Self {
                    $($table: transaction.open_table(definition::$table())?,)*
                    arrived: false,
                })
            }
        }

        impl Tables for Batch<'_> {
            $(fn $table(&self) -> &impl ReadableTable<$key, $value> {
                &self.$table
            })*
        }

        /// Each table under its name.
        mod definition {
            use super::{EventRow, Id, JobRow, PauseRow, TableDefinition, TransitionRow};

            $(pub(super) const fn $table() -> TableDefinition<'static, $key, $value> {
                TableDefinition::new(stringify!($table))
            })*
        }
    };
}

/// Source, trigger, version, `sent_at`, `received_at`, `ingested_at`, parent. In every row instants are microseconds since
/// 1970, and text that is not set is empty: core lets no empty version, actor or error through.
pub(crate) type EventRow =
    (&'static str, &'static str, &'static str, Option<i64>, i64, i64, Option<Id>);

/// Destination, action, version, `created_at`, event, parent, latest transition.
pub(crate) type JobRow = (&'static str, &'static str, &'static str, i64, Id, Option<Id>, Id);

/// Job, event, sequence, attempt, state before, state after, error, `created_at`, `run_at`, actor.
pub(crate) type TransitionRow =
    (Id, Id, u64, u32, Option<u8>, u8, &'static str, i64, Option<i64>, &'static str);

/// Destination, action, actor, reason, `created_at`, the instant of its end if it has ended. A reason may be empty, so what is
/// not set is none here.
pub(crate) type PauseRow =
    (&'static str, Option<&'static [u8]>, &'static str, Option<&'static [u8]>, i64, Option<i64>);

tables! {
    /// Events, without their jobs and payloads.
    events: Id => EventRow;
    /// Jobs, without payloads.
    jobs: Id => JobRow;
    /// Every transition.
    transitions: Id => TransitionRow;
    /// The `context` and `data` of events and jobs, apart: a search reads rows without carrying them along.
    payloads: (u8, Id) => &'static [u8];

    /// Index: the jobs of each event.
    jobs_of_event: (Id, Id) => ();
    /// Index: the transitions of each job, by sequence.
    chains: (Id, u64) => Id;
    /// Index: the waiting jobs of each destination and action, by their place: instant, job.
    waiting: (&'static str, &'static str, i64, Id) => ();
    /// How many jobs of each destination and action are in which state, by the number of the status.
    counts: (&'static str, &'static str) => [u64; 7];

    /// The claim calls of which something still executes: actor, end of the lease, how many jobs.
    claims: u64 => (&'static str, i64, u64);
    /// Which claim call a token belongs to.
    tokens: Id => u64;
    /// What each claim call took: token, job. Tokens ascend in the order in which their jobs were due.
    taken: (u64, Id) => Id;

    /// Pauses that last, and those that ended lately.
    pauses: Id => PauseRow;
    /// What a reader of the file must know first.
    about: &'static str => u64;
}

/// The version of this layout, in the table `about`. A file of another one is refused; an adapter that changes its layout
/// offers a [`Migrator`](blacksmith_store_core::Migrator) instead.
const LAYOUT: u64 = 1;

/// Makes the tables of a new file, and refuses one of another layout.
pub(crate) fn prepare(transaction: &WriteTransaction) -> Result<()> {
    let mut batch = Batch::open(transaction).map_err(failed)?;
    let found = batch.about().get("layout").map_err(failed)?.map(|version| version.value());
    match found {
        None => {
            batch.about.insert("layout", LAYOUT).map_err(failed)?;
            Ok(())
        }
        Some(LAYOUT) => Ok(()),
        Some(other) => Err(StoreError::config(format!(
            "the file has layout {other} of this adapter, and this program knows layout {LAYOUT}"
        ))),
    }
}
