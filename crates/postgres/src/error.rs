//! What goes wrong on the way to the database and in it, as errors of the contract.

use std::{error::Error, fmt, io};

use blacksmith_store_core::{ErrorKind, Retry, StoreError};
use tokio_postgres::{Error as DriverError, error::SqlState};

/// Why a call to the database failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The driver or the server says so.
    Driver {
        error: DriverError,
        /// Whether what was sent could commit.
        could_commit: bool,
        /// Where it was to connect to, if it could not.
        address: Option<String>,
    },
    /// The deadline passed.
    Deadline {
        /// Whether something was sent that could commit, and was not answered.
        could_commit: bool,
    },
    /// It is an error of the contract already.
    Store(StoreError),
}

/// What a call to the database answers.
pub(crate) type Outcome<T> = std::result::Result<T, Failure>;

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Store(error) => error,
            Failure::Deadline { could_commit: false } => Self::timeout(
                "the deadline passed before the database was asked to commit anything",
            ),
            Failure::Deadline { could_commit: true } => {
                Self::timeout("the deadline passed before the database answered")
                    .with_retry(Retry::OutcomeUnknown)
            }
            Failure::Driver { error, could_commit, address } => {
                let place = address.map(|address| format!(" ({address})")).unwrap_or_default();
                of_driver(error, could_commit, &place)
            }
        }
    }
}

impl Failure {
    /// The server's code for it.
    pub(crate) fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Driver { error, .. } => error.code(),
            _ => None,
        }
    }

    /// Whether the same transaction may succeed at once: a deadlock was broken, or transactions could not be put in a row.
    pub(crate) fn is_transient(&self) -> bool {
        self.code().is_some_and(|code| {
            *code == SqlState::T_R_DEADLOCK_DETECTED || *code == SqlState::T_R_SERIALIZATION_FAILURE
        })
    }

    /// Whether something with one of the ids is stored already.
    pub(crate) fn is_unique_violation(&self) -> bool {
        self.code() == Some(&SqlState::UNIQUE_VIOLATION)
    }

    /// Whether a statement's own words for "this does not fit" came back: they are no number.
    pub(crate) fn is_misfit(&self) -> bool {
        self.code() == Some(&SqlState::INVALID_TEXT_REPRESENTATION)
    }

    /// Whether the connection may serve another call.
    pub(crate) fn leaves_connection(&self) -> bool {
        match self {
            Self::Driver { error, .. } => error.code().is_some_and(|code| !ends_connection(code)),
            Self::Deadline { .. } => false,
            Self::Store(_) => true,
        }
    }
}

/// The classes of connection loss and of a server that goes down.
fn ends_connection(code: &SqlState) -> bool {
    code.code().starts_with("08") || code.code().starts_with("57P")
}

/// A driver's error: the kind by SQLSTATE, or by where it arose.
fn of_driver(error: DriverError, could_commit: bool, place: &str) -> StoreError {
    let Some(code) = error.code().cloned() else {
        return without_code(error, could_commit, place);
    };
    let said = error.as_db_error().map(|error| error.message().to_owned()).unwrap_or_default();
    let Verdict { kind, sentence } = verdict(&code);
    let mapped =
        StoreError::new(kind, format!("{sentence}{place}: {said} (SQLSTATE {})", code.code()));
    // A server that goes down may have committed, and not have said so.
    let is_unknown = could_commit
        && (ends_connection(&code) || code == SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN);
    let mapped = if is_unknown { mapped.with_retry(Retry::OutcomeUnknown) } else { mapped };
    mapped.with_source(error)
}

struct Verdict {
    kind: ErrorKind,
    sentence: &'static str,
}

/// Every SQLSTATE that matters, on purpose; the tests provoke them.
fn verdict(code: &SqlState) -> Verdict {
    let of = |kind, sentence| Verdict { kind, sentence };
    match *code {
        SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            of(ErrorKind::Config, "the database does not let this user in")
        }
        SqlState::INVALID_CATALOG_NAME => of(ErrorKind::Config, "there is no such database"),
        SqlState::UNDEFINED_TABLE
        | SqlState::INVALID_SCHEMA_NAME
        | SqlState::UNDEFINED_COLUMN
        | SqlState::UNDEFINED_FUNCTION => of(
            ErrorKind::Config,
            "the database does not have the schema that this program needs; run `blacksmith migrate up`",
        ),
        SqlState::INSUFFICIENT_PRIVILEGE => {
            of(ErrorKind::Config, "this user may not do that in the database")
        }
        SqlState::READ_ONLY_SQL_TRANSACTION => {
            of(ErrorKind::Config, "the database takes no writes; it may be a standby")
        }
        SqlState::INVALID_SQL_STATEMENT_NAME | SqlState::DUPLICATE_PSTATEMENT => of(
            ErrorKind::Config,
            "prepared statements get lost between this program and the database; behind a pooler in transaction mode that \
             does not keep them, set `context.prepared_statements` to off",
        ),
        SqlState::DISK_FULL => of(ErrorKind::Unavailable, "the disk of the database is full"),
        SqlState::TOO_MANY_CONNECTIONS => {
            of(ErrorKind::Unavailable, "the database has too many connections")
        }
        SqlState::OUT_OF_MEMORY
        | SqlState::INSUFFICIENT_RESOURCES
        | SqlState::CONFIGURATION_LIMIT_EXCEEDED
        | SqlState::IO_ERROR
        | SqlState::SYSTEM_ERROR => of(ErrorKind::Unavailable, "the database is out of resources"),
        SqlState::ADMIN_SHUTDOWN
        | SqlState::CRASH_SHUTDOWN
        | SqlState::CANNOT_CONNECT_NOW
        | SqlState::DATABASE_DROPPED => {
            of(ErrorKind::Unavailable, "the database is shutting down or starting up")
        }
        SqlState::T_R_DEADLOCK_DETECTED | SqlState::T_R_SERIALIZATION_FAILURE => of(
            ErrorKind::Unavailable,
            "other transactions stayed in the way after several attempts",
        ),
        SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN => {
            of(ErrorKind::Unavailable, "the database does not know whether it committed")
        }
        SqlState::UNIQUE_VIOLATION => {
            of(ErrorKind::Unavailable, "other calls kept storing the same ids at the same time")
        }
        SqlState::QUERY_CANCELED => of(ErrorKind::Timeout, "the database gave the statement up"),
        SqlState::LOCK_NOT_AVAILABLE => of(ErrorKind::Timeout, "a lock was not to be had in time"),
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => {
            of(ErrorKind::Timeout, "the database gave the transaction up")
        }
        SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => {
            of(ErrorKind::Corrupt, "the database is damaged")
        }
        SqlState::CHARACTER_NOT_IN_REPERTOIRE | SqlState::UNTRANSLATABLE_CHARACTER => {
            of(ErrorKind::Config, "the database cannot hold this text; its encoding must be UTF8")
        }
        _ if code.code().starts_with("08") => {
            of(ErrorKind::Unavailable, "the connection to the database broke")
        }
        _ if code.code().starts_with("57P") => {
            of(ErrorKind::Unavailable, "the database ended the connection")
        }
        // transaction_timeout of PostgreSQL 17.
        _ if code.code() == "25P04" => {
            of(ErrorKind::Timeout, "the database gave the transaction up")
        }
        _ => of(ErrorKind::Internal, "the database refused a statement of the adapter"),
    }
}

/// An error that the server has not sent: it arose on the way, or before there was one.
fn without_code(error: DriverError, could_commit: bool, place: &str) -> StoreError {
    let (kind, sentence) = match error.to_string().as_str() {
        "error connecting to server" => (ErrorKind::Unavailable, unreached(&error)),
        "timeout waiting for server" => {
            (ErrorKind::Unavailable, "the database did not answer while connecting".to_owned())
        }
        "error performing TLS handshake" => {
            let why = source_text(&error);
            return StoreError::config(format!(
                "there is no TLS between this program and the database as `sslmode` asks for{place}{why}"
            ))
            .with_source(error);
        }
        "authentication error" => {
            let why = source_text(&error);
            return StoreError::config(format!(
                "the database does not let this user in{place}{why}"
            ))
            .with_source(error);
        }
        "invalid configuration" | "invalid connection string" => {
            let why = source_text(&error);
            return StoreError::config(format!("the connection cannot work{place}{why}"))
                .with_source(error);
        }
        text if text.starts_with("error serializing")
            || text.starts_with("error deserializing") =>
        {
            let text = text.to_owned();
            return StoreError::internal(text).with_source(error);
        }
        _ => (ErrorKind::Unavailable, "the connection to the database broke".to_owned()),
    };
    let mapped = StoreError::new(kind, format!("{sentence}{place}"));
    let mapped = if could_commit { mapped.with_retry(Retry::OutcomeUnknown) } else { mapped };
    mapped.with_source(error)
}

fn unreached(error: &DriverError) -> String {
    let kind =
        error.source().and_then(|source| source.downcast_ref::<io::Error>()).map(io::Error::kind);
    match kind {
        Some(io::ErrorKind::ConnectionRefused) => "nothing takes connections there".to_owned(),
        Some(io::ErrorKind::NotFound) => "there is no such socket".to_owned(),
        Some(io::ErrorKind::TimedOut) => "the host does not answer".to_owned(),
        _ => format!("the host cannot be reached{}", source_text(error)),
    }
}

/// The driver's `Display` leaves its causes out.
fn source_text(error: &DriverError) -> String {
    let mut text = String::new();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// An error with its causes, for a log line.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}
