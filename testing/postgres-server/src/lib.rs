//! A throw-away PostgreSQL server for tests: one command runs everything, without anything installed or started by hand.
//!
//! ```no_run
//! let server = blacksmith_testing_postgres_server::shared();
//! let url = server.url("postgres");
//! ```
//!
//! The server is, in this order: the one that `BLACKSMITH_TEST_POSTGRES_URL` names; one started from the binaries in
//! `BLACKSMITH_TEST_POSTGRES_BIN`, on the `PATH`, or in the places where packages put them; one started after installing
//! Debian's package `postgresql`, by root alone and with a message. Otherwise the tests fail, saying what to install.
//!
//! What was started is stopped and removed when the [`Server`] is dropped, and also when the process panics, is interrupted
//! or is killed: a small shell process stands between, which waits for the end of the pipe from here. Only processes that
//! were started here are ended, by their ids.

mod binaries;
mod error;
mod pooler;
mod server;
mod settings;
mod supervisor;
mod user;

pub use crate::{
    error::Error,
    pooler::Pooler,
    server::{Server, shared},
    settings::Settings,
};

/// The variable that names a server to use instead of starting one, as a URL with a password.
pub const ENV_URL: &str = "BLACKSMITH_TEST_POSTGRES_URL";

/// The variable that names the folder with the binaries to start, for tests with another version.
pub const ENV_BIN: &str = "BLACKSMITH_TEST_POSTGRES_BIN";
