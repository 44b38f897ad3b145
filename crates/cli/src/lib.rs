//! The terminal of Blacksmith store: ingest, deliver, find, retry, discard, pause, purge, migrate.
//!
//! The binary `blacksmith` is [`run()`] with the adapters that are compiled in. A program that has an adapter of its own gets
//! the whole terminal for it with one line, and every command works on it:
//!
//! ```no_run
//! use std::process::ExitCode;
//! use blacksmith_cli::blacksmith_store::{AvailableAdapters, CompiledIn as _};
//!
//! fn main() -> ExitCode {
//!     blacksmith_cli::run(&AvailableAdapters::compiled_in()) // .with(their::adapter())?
//! }
//! ```

mod actor;
mod arguments;
mod board;
mod commands;
mod configuration;
mod confirm;
mod context;
mod deliver;
mod demo;
mod details;
mod exit;
mod failure;
mod filter_flags;
mod first_steps;
mod ingest;
mod instant;
mod interrupt;
mod keys;
mod listing;
mod log;
mod moving;
mod page_flags;
mod progress;
mod resend;
mod route;
mod run;
mod screen;
mod secrets;
mod store_choice;
mod story;
mod table;
mod terminal;
#[cfg(all(test, feature = "memory"))]
mod testing;
#[cfg(all(test, feature = "memory"))]
mod tests;
mod visible;
mod wording;

pub use blacksmith_store;

pub use crate::run::run;
