//! One job of one event: its claimers, a gateway, operators, an expirer and a purge, over a network that delays, loses and
//! repeats. Time is not counted here: a lease may end at any moment after it was given (`clocks` counts time).
//!
//! A request is a message on its way. It may be delivered at any later time, or never. A client that stops waiting does not
//! know whether its request has been, will be, or will never be executed. A resend adds a second copy, so the first one can
//! still commit after the resend. The number of faults is bounded in each configuration, progress is not.

mod chain;
mod configurations;
mod housekeeping;
mod model;
mod operator;
mod promise;
mod replayed;
mod rules;
mod state;
mod store;
mod worker;

#[cfg(test)]
mod tests;

pub(crate) use configurations::configurations;
