//! `maintain`: gives space back, and forgets what has ended.

use blacksmith_store_core::{Maintained, Result, Toolkit};
use rusqlite::Connection;

use crate::{
    error::Failure,
    executor::Executor,
    pausing, statistics,
    writer::{Done, LARGE},
};

/// Pages of 4 KiB given back to the file system by one call.
const PAGES: i64 = 2_000;

const FREE_PAGES: &str = "PRAGMA freelist_count";
const GIVE_BACK: &str = "PRAGMA incremental_vacuum(2000)";
const CHECKPOINT: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// `maintain`.
pub(crate) async fn maintain(executor: &Executor, toolkit: &Toolkit) -> Result<Maintained> {
    let clock = toolkit.clone();
    let maintained = executor
        .write(toolkit, LARGE, move |connection, _| {
            let mut maintained = Maintained::default();
            statistics::forget(connection)?;
            maintained.rows = pausing::forget(connection, clock.now())?;
            let free = free_pages(connection)?;
            if free > 0 {
                give_back(connection)?;
                let left = free_pages(connection)?;
                maintained.rows += u64::try_from(free - left).unwrap_or_default();
                maintained.more = free > PAGES && left < free;
            }
            Ok(Done { answer: maintained, wakes: false })
        })
        .await?;
    // Beside the writer; it copies what no reader needs any more.
    executor.read(toolkit, checkpoint).await?;
    Ok(maintained)
}

fn free_pages(connection: &Connection) -> Result<i64, Failure> {
    Ok(connection.prepare_cached(FREE_PAGES)?.query_row([], |row| row.get(0))?)
}

/// Every step frees a page.
fn give_back(connection: &Connection) -> Result<(), Failure> {
    let mut statement = connection.prepare_cached(GIVE_BACK)?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

fn checkpoint(connection: &Connection) -> Result<(), Failure> {
    // In memory, inside the one transaction there is, there is nothing to copy.
    if connection.is_autocommit() {
        connection.prepare_cached(CHECKPOINT)?.query_row([], |_| Ok(()))?;
    }
    Ok(())
}
