//! The planner's statistics, which the store does without.
//!
//! Statements are written for the plans that SQLite makes when it knows nothing of a table. Statistics are worse: those of a
//! program that shares the file and runs `ANALYZE` while the store is nearly empty let SQLite walk through tables that have
//! grown since.

use rusqlite::{Connection, OptionalExtension as _};

use crate::error::Failure;

const TABLES: [(&str, &str); 2] = [
    (
        "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'",
        "DELETE FROM sqlite_stat1 WHERE tbl LIKE 'blacksmith\\_%' ESCAPE '\\'",
    ),
    (
        "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat4'",
        "DELETE FROM sqlite_stat4 WHERE tbl LIKE 'blacksmith\\_%' ESCAPE '\\'",
    ),
];

/// Lets this connection read the statistics again; it makes none.
const READ_AGAIN: &str = "ANALYZE sqlite_schema";

/// Forgets the statistics of the store's tables, if there are any.
pub(crate) fn forget(connection: &Connection) -> Result<(), Failure> {
    let mut forgotten = 0;
    for (is_there, forget) in TABLES {
        if connection.query_row(is_there, [], |_| Ok(())).optional()?.is_some() {
            forgotten += connection.execute(forget, [])?;
        }
    }
    if forgotten > 0 {
        connection.execute_batch(READ_AGAIN)?;
        connection.flush_prepared_statement_cache();
    }
    Ok(())
}
