//! The one error of every store.

use std::{error::Error, fmt, fmt::Write as _};

/// The result of a call to a store.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// What went wrong, for a caller that decides what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// What was named is not stored (any more).
    NotFound,
    /// It contradicts what is stored: an id with other content, a transition that no longer fits.
    Conflict,
    /// The request itself is wrong and changes nothing, whatever is stored.
    InvalidInput,
    /// This store does not do that.
    Unsupported,
    /// The database cannot serve now: refused, unreachable, lost, overloaded, shutting down, its disk full, or busy after
    /// the adapter's own retries.
    Unavailable,
    /// A deadline, statement or lock timeout has passed.
    Timeout,
    /// The configuration is wrong: adapter, credentials, database, TLS, schema, permissions, not a database.
    Config,
    /// What is stored is damaged.
    Corrupt,
    /// A fault of the adapter or of this library.
    Internal,
}

impl ErrorKind {
    /// The kind in words, as it begins an error's text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not found",
            Self::Conflict => "conflict",
            Self::InvalidInput => "invalid input",
            Self::Unsupported => "unsupported",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Config => "configuration",
            Self::Corrupt => "corrupt",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether sending the same call again helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Retry {
    /// The same call would fail again.
    Never,
    /// Nothing was done; the same call may be sent again.
    Safe,
    /// A write whose answer was lost: it may have been done. Send the same call with the same ids until it is answered.
    OutcomeUnknown,
}

/// Why a call to a store failed: a kind, the operation, whether a retry helps, a sentence, and the cause.
///
/// Its text never holds a connection string or a payload.
#[derive(thiserror::Error)]
#[error(transparent)]
pub struct StoreError(Box<Inner>);

#[derive(Debug, thiserror::Error)]
#[error("{operation}{}{kind}: {message}", if operation.is_empty() { "" } else { ": " })]
struct Inner {
    kind: ErrorKind,
    operation: &'static str,
    retry: Retry,
    message: String,
    ids: Vec<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// An error of `kind` with a sentence for whoever made the call. Retry is `Never`, but `Safe` for `Unavailable` and
    /// `Timeout`; the operation is filled in by the checks that wrap every opened adapter.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let retry = match kind {
            ErrorKind::Unavailable | ErrorKind::Timeout => Retry::Safe,
            _ => Retry::Never,
        };
        Self(Box::new(Inner {
            kind,
            operation: "",
            retry,
            message: message.into(),
            ids: Vec::new(),
            source: None,
        }))
    }

    /// An error of kind `NotFound`.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// An error of kind `Conflict`.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }

    /// An error of kind `InvalidInput`.
    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, message)
    }

    /// An error of kind `Unsupported`.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    /// An error of kind `Unavailable`.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// An error of kind `Timeout`.
    pub fn timeout(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Timeout, message)
    }

    /// An error of kind `Config`.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    /// An error of kind `Corrupt`.
    pub fn corrupt(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Corrupt, message)
    }

    /// An error of kind `Internal`.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// An error that names entries: `sentence`, then the first ten ids; [`ids`](Self::ids) has them all.
    ///
    /// ```
    /// use blacksmith_store_core::{ErrorKind, StoreError};
    ///
    /// let error = StoreError::naming(ErrorKind::NotFound, "no event is stored with the id", ["a", "b"]);
    /// assert_eq!(error.to_string(), "not found: no event is stored with the id a, b");
    /// ```
    pub fn naming<I: fmt::Display>(
        kind: ErrorKind,
        sentence: &str,
        ids: impl IntoIterator<Item = I>,
    ) -> Self {
        const SHOWN: usize = 10;
        let ids: Vec<String> = ids.into_iter().map(|id| id.to_string()).collect();
        let mut message = format!("{sentence} {}", ids[..ids.len().min(SHOWN)].join(", "));
        if ids.len() > SHOWN {
            // Writing to a string cannot fail.
            let _ = write!(message, " and {} more", ids.len() - SHOWN);
        }
        let mut error = Self::new(kind, message);
        error.0.ids = ids;
        error
    }

    /// The same with another answer to whether a retry helps.
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// The same with a cause. Its text must not hold a secret.
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same with the operation's name, unless it has one.
    pub fn with_operation(mut self, operation: &'static str) -> Self {
        if self.0.operation.is_empty() {
            self.0.operation = operation;
        }
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The method of [`Store`](crate::Store) that failed, `"open"` while opening; empty outside a store.
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// Whether sending the same call again helps.
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// The sentence alone, without operation and kind.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Every id that the error names.
    pub fn ids(&self) -> &[String] {
        &self.0.ids
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreError")
            .field("kind", &self.0.kind)
            .field("operation", &self.0.operation)
            .field("retry", &self.0.retry)
            .field("message", &self.0.message)
            .field("source", &self.0.source)
            .finish()
    }
}
