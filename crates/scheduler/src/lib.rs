//! Destinations, actions, schedules and outcomes of the scheduler.
mod action;
mod backoff;
mod closure;
mod cut;
mod delivery;
mod destination;
mod engine;
mod failure;
mod held;
mod interval;
mod outcome;
mod plan;
mod policy;
mod purge;
mod reporter;
mod run;
mod scheduler;
mod simulation;
mod then;

pub use crate::{
    action::{Action, ActionOptions},
    backoff::Backoff,
    closure::{ClosureAction, batch, each},
    cut::{ERROR_TEXT_LIMIT, cut},
    delivery::{Batch, Delivery},
    destination::Destination,
    engine::Stopped,
    failure::Failure,
    interval::Interval,
    reporter::Reporter,
    scheduler::Scheduler,
    simulation::Simulation,
    then::{FollowUp, Then},
};
