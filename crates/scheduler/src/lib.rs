//! Destinations, actions, schedules and outcomes of the scheduler.
mod action;
mod backoff;
mod closure;
mod cut;
mod delivery;
mod destination;
mod failure;
mod interval;
mod outcome;
mod policy;
mod reporter;
mod then;

pub use crate::{
    action::{Action, ActionOptions},
    backoff::Backoff,
    closure::{ClosureAction, batch, each},
    cut::{ERROR_TEXT_LIMIT, cut},
    delivery::{Batch, Delivery},
    destination::Destination,
    failure::Failure,
    interval::Interval,
    reporter::Reporter,
    then::{FollowUp, Then},
};
