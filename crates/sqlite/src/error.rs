//! What SQLite says, as errors of the store.

use std::fmt;

use blacksmith_store_core::{ErrorKind, Retry, StoreError};
use rusqlite::{Error as Sqlite, ErrorCode, ffi};

/// Why a step inside the adapter did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The answer for the caller.
    Refused(StoreError),
    /// SQLite failed.
    Sqlite(Sqlite),
    /// Not everything is new, as a first attempt had assumed: look at each entry, and begin again.
    NotNew,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl From<Sqlite> for Failure {
    fn from(error: Sqlite) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(error) => error,
            Failure::Sqlite(error) => store_error(&error),
            Failure::NotNew => {
                StoreError::internal("an id is stored although it was looked up and not found")
            }
        }
    }
}

/// Whether a unique constraint refused a row.
pub(crate) fn is_duplicate(error: &Sqlite) -> bool {
    matches!(
        error.sqlite_error().map(|cause| cause.extended_code),
        Some(
            ffi::SQLITE_CONSTRAINT_UNIQUE
                | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
                | ffi::SQLITE_CONSTRAINT_ROWID
        )
    )
}

/// Whether somebody else holds a lock that the statement needs.
pub(crate) fn is_busy(error: &Sqlite) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// The error of a COMMIT that failed. What was written may still be found after a crash where the file could not be synced.
pub(crate) fn commit_error(error: &Sqlite) -> StoreError {
    let answer = store_error(error);
    match error.sqlite_error_code() {
        Some(ErrorCode::SystemIoFailure) => answer.with_retry(Retry::OutcomeUnknown),
        _ => answer,
    }
}

/// The error that a failed statement means for a caller.
pub(crate) fn store_error(error: &Sqlite) -> StoreError {
    let Some(cause) = error.sqlite_error().copied() else {
        return conversion_error(error);
    };
    let (kind, sentence) = meaning(cause, error);
    StoreError::new(kind, sentence).with_source(Cause::new(cause, error))
}

fn meaning(cause: ffi::Error, error: &Sqlite) -> (ErrorKind, &'static str) {
    use ErrorKind::{Config, Conflict, Corrupt, Internal, InvalidInput, Timeout, Unavailable};
    match cause.extended_code {
        ffi::SQLITE_IOERR_CORRUPTFS | ffi::SQLITE_IOERR_DATA => {
            return (Corrupt, "the file system returns other bytes than were written");
        }
        ffi::SQLITE_READONLY_DBMOVED => {
            return (Unavailable, "the database file was moved or removed while it was open");
        }
        ffi::SQLITE_IOERR_SHMSIZE | ffi::SQLITE_IOERR_SHMMAP | ffi::SQLITE_IOERR_SHMOPEN => {
            return (
                Unavailable,
                "the shared-memory file beside the database cannot be made; is the disk full?",
            );
        }
        _ => {}
    }
    match cause.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            (Unavailable, "the database is busy: another process has been writing for too long")
        }
        ErrorCode::FileLockingProtocolFailed => {
            (Unavailable, "the locks of the database file do not come free")
        }
        ErrorCode::DiskFull => (Unavailable, "the disk is full, or the file has its largest size"),
        ErrorCode::OutOfMemory => (Unavailable, "SQLite got no memory"),
        ErrorCode::SystemIoFailure => (Unavailable, "the file system failed"),
        ErrorCode::DatabaseCorrupt => (Corrupt, "the database file is damaged"),
        ErrorCode::NotADatabase => (Config, "the file is not an SQLite database"),
        ErrorCode::ReadOnly => (Config, "the database cannot be written: it is read-only"),
        ErrorCode::CannotOpen => (
            Config,
            "the database file cannot be opened: does its folder exist, and may it be written?",
        ),
        ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied => {
            (Config, "the access to the database is denied")
        }
        ErrorCode::NoLargeFileSupport => (Config, "the file system has no large files"),
        ErrorCode::OperationInterrupted | ErrorCode::OperationAborted => {
            (Timeout, "the statement was interrupted")
        }
        ErrorCode::TooBig => (InvalidInput, "a value is larger than SQLite can hold"),
        ErrorCode::ConstraintViolation if is_duplicate(error) => {
            (Conflict, "an id is stored already")
        }
        ErrorCode::ConstraintViolation => {
            (Internal, "a constraint of the database refuses what the adapter writes")
        }
        ErrorCode::TypeMismatch => (Corrupt, "a stored value has another type than its column"),
        ErrorCode::SchemaChanged => (Unavailable, "the schema keeps changing"),
        _ if lacks_schema(error) => (
            Config,
            "the database lacks a table or a column of the store; compare it with `blacksmith migrate validate`",
        ),
        _ => (Internal, "SQLite refuses a statement of the adapter"),
    }
}

/// SQLite tells a missing table from a syntax error by words alone.
fn lacks_schema(error: &Sqlite) -> bool {
    let text = match error {
        Sqlite::SqliteFailure(_, Some(text)) => text,
        Sqlite::SqlInputError { msg, .. } => msg,
        _ => return false,
    };
    ["no such table", "no such column", "no such index", "has no column named"]
        .iter()
        .any(|words| text.contains(words))
}

/// A value that was read is not what the adapter has written.
fn conversion_error(error: &Sqlite) -> StoreError {
    match error {
        Sqlite::FromSqlConversionFailure(column, ..)
        | Sqlite::IntegralValueOutOfRange(column, _)
        | Sqlite::Utf8Error(column, _)
        | Sqlite::InvalidColumnType(column, ..) => {
            StoreError::corrupt(format!("a stored row is damaged in its column {column}"))
        }
        Sqlite::InvalidPath(_) | Sqlite::NulError(_) => {
            StoreError::config("the path of the database cannot be passed to SQLite")
        }
        _ => StoreError::internal("the adapter uses SQLite in a wrong way"),
    }
}

/// SQLite's code and words, without the path of the database, which SQLite appends where it cannot open it.
#[derive(Debug)]
struct Cause {
    code: i32,
    words: String,
}

impl Cause {
    fn new(cause: ffi::Error, error: &Sqlite) -> Self {
        let told = match error {
            Sqlite::SqliteFailure(_, Some(text)) if cause.code != ErrorCode::CannotOpen => text,
            Sqlite::SqlInputError { msg, .. } => msg,
            _ => ffi::code_to_str(cause.extended_code),
        };
        Self { code: cause.extended_code, words: told.to_owned() }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (SQLite code {})", self.words, self.code)
    }
}

impl std::error::Error for Cause {}
