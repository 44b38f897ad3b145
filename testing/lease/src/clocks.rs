//! Counted time: the database's clock, the workers' clocks, frozen workers, a stepping database clock, an outage.
//!
//! One job, which a claim takes when the lease before has ended (rescue and claim in one step), and two workers.

mod configurations;
mod model;
mod state;

pub(crate) use configurations::configurations;
