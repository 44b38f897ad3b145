//! Opening connections.

use std::{
    thread,
    time::{Duration, Instant},
};

use blacksmith_store_core::StoreError;
use rusqlite::{Connection, ErrorCode, OpenFlags, Row, config::DbConfig};

use crate::{
    error::{Failure, is_busy},
    settings::{Place, Settings},
};

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Writes, migrations and, in memory, everything.
    Write,
    /// Reads alone; the file is there.
    Read,
}

/// Statements kept prepared. More than the adapter has, so that those of searches find room too.
const STATEMENTS: usize = 128;

/// Pages of 4 KiB in the WAL before a commit copies them into the database, and waits for the disk twice more.
const CHECKPOINT_PAGES: u32 = 10_000;

/// Pages kept in memory by each connection. More is slower: a commit whose pages were split walks through all of them.
const CACHE_KIBIBYTES: i64 = 16 << 10;

/// Bytes that the WAL keeps on disk once it was copied.
const WAL_BYTES_KEPT: u32 = 64 << 20;

/// Opens a connection; the first one to a new file makes it.
pub(crate) fn connect(settings: &Settings, role: Role) -> Result<Connection, Failure> {
    let mut flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if settings.read_only {
        flags |= OpenFlags::SQLITE_OPEN_READ_ONLY;
    } else {
        flags |= OpenFlags::SQLITE_OPEN_READ_WRITE;
        if settings.create && role == Role::Write {
            flags |= OpenFlags::SQLITE_OPEN_CREATE;
        }
    }
    let connection = match (&settings.place, &settings.vfs) {
        (Place::Memory, None) => Connection::open_in_memory_with_flags(flags),
        (Place::Memory, Some(vfs)) => {
            Connection::open_in_memory_with_flags_and_vfs(flags, vfs.as_str())
        }
        (Place::File(path), None) => Connection::open_with_flags(path, flags),
        (Place::File(path), Some(vfs)) => {
            Connection::open_with_flags_and_vfs(path, flags, vfs.as_str())
        }
    }
    .map_err(|error| match settings.vfs {
        // SQLite says so in words alone.
        Some(_) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => StoreError::config(
            "the setting \"vfs\" of the adapter \"sqlite\" names a VFS that is not registered",
        )
        .into(),
        _ => Failure::from(error),
    })?;
    connection.busy_timeout(settings.busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // The same text has the same plan, whatever is bound; otherwise SQLite prepares some of them again at each new value.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "synchronous", settings.synchronous)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIBIBYTES)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    if let Some(pages) = settings.max_page_count {
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    if role == Role::Write && !settings.read_only {
        prepare_file(&connection, settings)?;
    }
    Ok(connection)
}

/// What is written into the file, or counts for those who write.
fn prepare_file(connection: &Connection, settings: &Settings) -> Result<(), Failure> {
    // Does nothing once there is a table, so it comes before the first one.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    let deadline = Instant::now() + settings.busy_timeout;
    let mode = loop {
        let read = |row: &Row<'_>| row.get::<_, String>(0);
        match connection.pragma_update_and_check(None, "journal_mode", "WAL", read) {
            Ok(mode) => break mode,
            // SQLite does not wait by itself where another connection is making the same change.
            Err(error) if is_busy(&error) && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(1));
            }
            Err(error) => return Err(error.into()),
        }
    };
    if mode != "wal" && settings.place != Place::Memory {
        return Err(StoreError::config(
            "the database cannot use a write-ahead log: its file system has no shared memory",
        )
        .into());
    }
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT)?;
    Ok(())
}
