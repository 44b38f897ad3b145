//! The SQL migrations of Blacksmith store, and the planner that says which of them to run.
//!
//! The planner is pure: it knows no driver. An adapter reads its table of applied migrations, asks a [`Plan`] what to run,
//! and runs each [`Migration`] in a transaction of its own, in which it also records it as [`Applied`].
//!
//! The files are `<database>/<number>_<name>.up.sql` and `….down.sql`, numbered from 1 without gaps. A released file never
//! changes: a change is a new number.

mod migration;
mod plan;

pub use crate::{
    migration::{Applied, Migration, postgres, sqlite},
    plan::Plan,
};
