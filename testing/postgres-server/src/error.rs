//! Why there is no server.

use std::{io, path::PathBuf};

/// Why no server could be started, stopped or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No binaries anywhere.
    #[error(
        "PostgreSQL was not found: install it (Debian: `apt-get install postgresql`, macOS: `brew install postgresql`), \
         name the folder of its binaries in {bin}, or a server in {url}",
        bin = crate::ENV_BIN, url = crate::ENV_URL
    )]
    NotFound,
    /// PostgreSQL refuses to run as root, and there is no other user.
    #[error("PostgreSQL does not run as root, and neither the user postgres nor nobody exists")]
    NoUser,
    /// No pooler.
    #[error("PgBouncer was not found: install it (Debian: `apt-get install pgbouncer`)")]
    NoPooler,
    /// A step failed.
    #[error("{step} failed: {output}")]
    Failed {
        /// What was done.
        step: &'static str,
        /// What it printed.
        output: String,
    },
    /// A file or a process could not be reached.
    #[error("{step}: {source}")]
    Io {
        /// What was done.
        step: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The server did not come up, or down, in time.
    #[error("the server did not {what} within {seconds} s; its log is {log}")]
    TooSlow {
        /// What it should have done.
        what: &'static str,
        /// How long it had.
        seconds: u64,
        /// Where to look.
        log: PathBuf,
    },
    /// The server that the environment names is not ours to stop.
    #[error("the server that {} names is not stopped by tests", crate::ENV_URL)]
    NotOurs,
}

impl Error {
    pub(crate) fn io(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { step, source }
    }
}
