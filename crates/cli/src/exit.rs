//! Exit codes.

use std::process::ExitCode;

use blacksmith_store::ErrorKind;

/// What the shell is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    Partly = 1,
    Usage = 2,
    NotFound = 3,
    Conflict = 4,
    Unavailable = 5,
    Config = 6,
    Corrupt = 7,
    Unsupported = 8,
    InputOutput = 9,
    Internal = 10,
    Interrupted = 130,
}

/// The exit codes, as the long help lists them.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    done in part (bad lines, jobs left alone), not confirmed, or `validate` found differences
  2    wrong usage: a flag, a value, or a request that no store accepts
  3    what was named is not stored
  4    conflict with what is stored
  5    the database cannot be reached, is busy, or took too long: try again
  6    the configuration is wrong: adapter, credentials, database, schema, permissions
  7    what is stored is damaged
  8    this store does not do that
  9    a file, the input or the output cannot be read or written
  10   a fault of this program
  130  interrupted; what was stored until then stays";

impl Exit {
    /// The code for an error of a store.
    pub(crate) fn of_kind(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::Conflict => Self::Conflict,
            ErrorKind::InvalidInput => Self::Usage,
            ErrorKind::Unsupported => Self::Unsupported,
            ErrorKind::Unavailable | ErrorKind::Timeout => Self::Unavailable,
            ErrorKind::Config => Self::Config,
            ErrorKind::Corrupt => Self::Corrupt,
            _ => Self::Internal,
        }
    }

    /// `Done` if everything was done, else `Partly`.
    pub(crate) fn complete(is_complete: bool) -> Self {
        if is_complete { Self::Done } else { Self::Partly }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        // The discriminants fit a byte.
        Self::from(exit as u8)
    }
}
