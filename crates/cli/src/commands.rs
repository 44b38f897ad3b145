//! The commands, a module each.

pub(crate) mod adapters;
pub(crate) mod conformance;
pub(crate) mod demo;
pub(crate) mod discard;
pub(crate) mod events;
pub(crate) mod ingest;
pub(crate) mod init;
pub(crate) mod jobs;
pub(crate) mod migrate;
pub(crate) mod pause;
pub(crate) mod purge;
pub(crate) mod retry;
pub(crate) mod run;
pub(crate) mod show;
pub(crate) mod stats;
pub(crate) mod top;
pub(crate) mod transitions;
