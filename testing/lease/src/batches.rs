//! Batches: one call brings an outcome each of two claims, with its follow-up job. Answers are lost, copies come late, batches
//! are sent again, whole, in part or in another order, while jobs are expired, taken up again and purged.

mod configurations;
mod model;
mod state;
mod store;

pub(crate) use configurations::configurations;
