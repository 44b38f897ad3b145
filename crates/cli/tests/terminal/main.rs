//! The binary `blacksmith`, as a shell runs it: on a SQLite store in a folder of its own, with real GitHub webhooks.

#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, reason = "tests")]

#[cfg(feature = "postgres")]
mod adapters_agree;
mod beginning;
mod configuring;
mod conforming;
mod delivering;
mod demonstrating;
mod exit_codes;
mod finding;
mod ingesting;
mod interrupting;
mod migrating;
mod operating;
mod receiver;
mod running_programs;
mod secrets;
mod shell;
mod watching;
