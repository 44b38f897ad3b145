//! Why a command ended early.

use std::{error::Error, io};

use blacksmith_store::{ErrorKind, Retry, StoreError};

use crate::exit::Exit;

/// The result of a command's steps.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why a command ended early; decides the exit code and what stands on standard error.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The flags and values together make no sense.
    Usage(String),
    /// What was named is not there.
    NotFound(String),
    /// There is no store yet.
    NoStore,
    /// A call to the store failed.
    Store(StoreError),
    /// A file, standard input or standard output failed.
    InputOutput { what: String, source: io::Error },
    /// The answer to a question was not yes.
    NotConfirmed,
    /// Ctrl-C.
    Interrupted,
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// `what` completes "cannot …".
    pub(crate) fn input_output(what: impl Into<String>, source: io::Error) -> Self {
        Self::InputOutput { what: what.into(), source }
    }

    /// Whether whoever read standard output wants no more of it, as `head` does.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::InputOutput { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::NotFound(_) => Exit::NotFound,
            Self::Store(error) => Exit::of_kind(error.kind()),
            Self::NoStore => Exit::of_kind(ErrorKind::Config),
            Self::InputOutput { .. } => Exit::InputOutput,
            Self::NotConfirmed => Exit::Partly,
            Self::Interrupted => Exit::Interrupted,
        }
    }

    /// The lines for standard error, without `error: ` before the first.
    pub(crate) fn lines(&self) -> Vec<String> {
        match self {
            Self::Usage(message) | Self::NotFound(message) => vec![message.clone()],
            Self::NoStore => vec!["there is no store at the place that was chosen".to_owned()],
            Self::Store(error) => {
                let causes = std::iter::successors(error.source(), |&cause| cause.source());
                let causes = causes.map(|cause| format!("  because: {cause}"));
                std::iter::once(error.to_string()).chain(causes).collect()
            }
            Self::InputOutput { what, source } => vec![format!("cannot {what}: {source}")],
            Self::NotConfirmed => vec!["not confirmed; nothing was changed".to_owned()],
            Self::Interrupted => vec!["interrupted".to_owned()],
        }
    }

    /// What to do about it, where that helps.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        let error = match self {
            Self::Store(error) => error,
            Self::NoStore => {
                return Some(
                    "`blacksmith ingest` makes one; --store, BLACKSMITH_STORE_URL or blacksmith.toml name another",
                );
            }
            _ => return None,
        };
        let message = error.message();
        match error.kind() {
            ErrorKind::Config if message.contains("no available adapter") => {
                Some("`blacksmith adapters` lists what this program can open")
            }
            ErrorKind::Config if message.contains("begins with the name of an adapter") => Some(
                "name the store with --store sqlite://FILE, or in BLACKSMITH_STORE_URL or blacksmith.toml",
            ),
            ErrorKind::Config if message.contains("schema") && !message.contains("migrate") => {
                Some(
                    "`blacksmith migrate status` shows the schema, `blacksmith migrate up` brings it up to date",
                )
            }
            ErrorKind::Unavailable | ErrorKind::Timeout
                if error.retry() == Retry::OutcomeUnknown =>
            {
                Some("it may have been done; look before you repeat it")
            }
            ErrorKind::Unavailable | ErrorKind::Timeout => {
                Some("nothing was done by this call; the same command may be run again")
            }
            ErrorKind::Internal => Some("this is a fault of the program; please report it"),
            _ => None,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
