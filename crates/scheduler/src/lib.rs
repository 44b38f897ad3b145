//! The scheduler of Blacksmith store: it claims due jobs, runs their destination's action, and stores what became of them.
//!
//! ```
//! # use blacksmith_store::{Event, Job, Result, Status, Toolkit};
//! use blacksmith_scheduler::{Destination, Scheduler, each};
//! use blacksmith_store::Options;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<()> {
//! let store = blacksmith_store::open(Options::from_url("memory:")?).await?;
//! # let toolkit = Toolkit::new();
//! # let job = Job::new(toolkit.job_id(), "crm", "upsert");
//! # let id = job.id;
//! # let event = Event::new(toolkit.event_id(), "shop", "order.paid").with_job(job);
//! # store.add_events(&toolkit, vec![event]).await?;
//! # let until_done = {
//! #     let (store, toolkit) = (store.clone(), toolkit.clone());
//! #     async move {
//! #         while store.find_job(&toolkit, id).await.unwrap().status() != Some(Status::Succeeded) {
//! #             tokio::task::yield_now().await;
//! #         }
//! #     }
//! # };
//! let crm = Destination::new("crm").with_action(each("upsert", async |delivery| {
//!     println!("attempt {} of {}", delivery.attempt(), delivery.job.id);
//!     Ok(())
//! }));
//! Scheduler::new(store).with_destination(crm).run(until_done).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//! Deliveries happen *at least once*. What an action reports is stored once, whatever the store's connection does meanwhile;
//! what nobody reports becomes `unknown` and runs again. Every wait is in the store (`run_at`), so a restart forgets nothing,
//! and any number of schedulers share the work. A job runs twice at the same time only when its process was frozen for longer
//! than its lease, or the database's clock jumped; [`Delivery::attempt`] lets a receiver refuse a repetition.
//!
//! # What an action can say
//! Return `Ok(())` for success, or any error for a failure that is retried as the [`Schedule`](blacksmith_store_core::Schedule)
//! says, until it is discarded. A [`Failure`] can ask for a delay of its own (`Retry-After`) or to be
//! [discarded](Failure::discard) at once; a [`Then`] can name actions that follow. An action with a type of its own implements
//! [`Action`]; one that takes many jobs at once is a [`batch`].
//!
//! # How it runs
//! [`Scheduler::run`] is one task that claims, starts runs in tasks of their own, and writes outcomes in batches. It sleeps until
//! the next job is due or a wake-up comes. Jobs that are held, and outcomes that are not stored yet, count against what is
//! claimed: a slow action or a slow store slows the claims down, and a dead destination costs the others nothing.
//! [`Scheduler::simulate`] does the same work on a set clock, in an order that repeats itself.
//!
//! # Purge policies
//! A tick of a policy in [`Options::purge`](blacksmith_store_core::Options::purge) is an event of the source `blacksmith` with a job
//! `blacksmith`/`purge`. All schedulers derive the same ids from the policy and the instant, so the tick is stored once, one
//! scheduler claims it, it is retried like any job, and its history can be read. The latest tick is made up for at the start, for
//! a laptop sleeps at midnight. These events are deleted when they are 30 days old.

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
