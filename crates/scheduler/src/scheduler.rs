//! The scheduler, and what it is told.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use blacksmith_store_core::{MAX_LEASE, MAX_NAME_BYTES, Result, Store, StoreError, Toolkit};

use crate::{
    Destination, Simulation,
    engine::{Engine, Settings, Stopped},
    plan::Plan,
    purge::{self, PurgeTicks},
};

/// Delivers the jobs of a store to destinations: claims what is due, runs the actions, and stores the outcomes.
///
/// Any number of schedulers work on one store, in one process or in many.
///
/// ```no_run
/// # use std::sync::Arc;
/// # use blacksmith_scheduler::{Destination, Scheduler, each};
/// # use blacksmith_store_core::{Result, Store};
/// # async fn example(store: Arc<dyn Store>, ctrl_c: impl Future<Output = ()>) -> Result<()> {
/// let crm = Destination::new("crm").with_action(each("upsert", async |delivery| {
///     println!("{} {:?}", delivery.job.id, delivery.data());
///     Ok(())
/// }));
/// Scheduler::new(store).with_destination(crm).run(ctrl_c).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Scheduler {
    store: Arc<dyn Store>,
    toolkit: Toolkit,
    destinations: Vec<Destination>,
    actor: Option<String>,
    settings: Settings,
}

impl Scheduler {
    /// A scheduler for the jobs of `store`, without destinations.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            toolkit: Toolkit::new(),
            destinations: Vec::new(),
            actor: None,
            settings: Settings::default(),
        }
    }

    /// The same with one destination more.
    pub fn with_destination(mut self, destination: Destination) -> Self {
        self.destinations.push(destination);
        self
    }

    /// The same with another clock and source of ids. With a set clock, use [`simulate`](Self::simulate).
    pub fn with_toolkit(self, toolkit: Toolkit) -> Self {
        Self { toolkit, ..self }
    }

    /// The same under another name than host, process and a random number, which stands in the history of its jobs. It must
    /// be unique per scheduler and start: who has the same name has the same claims.
    pub fn with_actor(self, actor: impl Into<String>) -> Self {
        Self { actor: Some(actor.into()), ..self }
    }

    /// The same with another time for which claims are held without a word; 30 seconds by default. After a crash, jobs that
    /// ran are run again when it has passed.
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.settings.lease = lease;
        self
    }

    /// The same with another time that a shutdown may take; 30 seconds by default.
    pub fn with_shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.settings.shutdown_timeout = timeout;
        self
    }

    /// The same with another longest time between two looks for due jobs; a second by default. It is the fallback: wake-ups
    /// and the instant of the next due job come first.
    pub fn with_poll_interval(mut self, interval: Duration) -> Self {
        self.settings.poll_interval = interval;
        self
    }

    /// The same with another time between two calls of the store's housekeeping; 30 seconds by default.
    pub fn with_maintain_interval(mut self, interval: Duration) -> Self {
        self.settings.maintain_interval = interval;
        self
    }

    /// Works until `stop` is ready, then shuts down: claims nothing more, gives back what has not started, lets what runs
    /// end, and cancels it shortly before the shutdown timeout, so that the end of every claim is stored before it returns.
    ///
    /// While the store does not answer, it waits and tries again, for as long as it takes. Dropping the future stops at once;
    /// the claims are then given up when their leases have ended.
    ///
    /// # Errors
    /// `Config` before it begins: a name or interval that is none, a name twice, a lease that is none.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<Stopped> {
        let (plan, ticks, actor) = self.prepare()?;
        Ok(Engine::new(self.store, self.toolkit, plan, ticks, actor, self.settings).run(stop).await)
    }

    /// The same work in steps of a [set clock](blacksmith_store_core::SetClock), by one worker, in an order that repeats
    /// itself.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn simulate(self) -> Result<Simulation> {
        let (plan, ticks, actor) = self.prepare()?;
        Ok(Simulation::new(self.store, self.toolkit, plan, ticks, actor, &self.settings))
    }

    fn prepare(&self) -> Result<(Plan, PurgeTicks, String)> {
        if self.settings.lease.is_zero() || self.settings.lease > MAX_LEASE {
            return Err(StoreError::config("a lease lasts more than no time, and at most a day"));
        }
        let actor = self.actor.clone().unwrap_or_else(|| new_actor(&self.toolkit));
        if actor.is_empty() || actor.len() > MAX_NAME_BYTES || actor.contains('\0') {
            return Err(StoreError::config(
                "the name of a scheduler has 1 to 255 bytes, without NUL",
            ));
        }
        let ticks = PurgeTicks::new(&self.store.options().purge, self.toolkit.now())?;
        let housekeeping = (!ticks.is_empty()).then(|| purge::destination(Arc::clone(&self.store)));
        let plan = Plan::of(&self.destinations, housekeeping.as_ref())?;
        Ok((plan, ticks, actor))
    }
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduler")
            .field("store", &self.store.name())
            .field("destinations", &self.destinations)
            .field("actor", &self.actor)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// A name that no other scheduler has. With a set clock it repeats itself with the toolkit's seed.
fn new_actor(toolkit: &Toolkit) -> String {
    let random = toolkit.random();
    if toolkit.set_instant().is_some() {
        return format!("simulation-{random:016x}");
    }
    let host: String = host_name().chars().filter(|c| !c.is_control()).take(60).collect();
    format!("{host}-{}-{random:016x}", std::process::id())
}

fn host_name() -> String {
    let read = |path| std::fs::read_to_string(path).ok().map(|name| name.trim().to_owned());
    read("/proc/sys/kernel/hostname")
        .or_else(|| read("/etc/hostname"))
        .or_else(|| std::env::var("HOSTNAME").ok())
        .or_else(|| std::env::var("COMPUTERNAME").ok())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "host".to_owned())
}

#[cfg(test)]
mod tests {
    use blacksmith_store_core::{Clock, SetClock, Timestamp};

    use super::*;

    #[test]
    fn two_schedulers_of_one_process_have_two_names() {
        let toolkit = Toolkit::new();
        let (one, other) = (new_actor(&toolkit), new_actor(&toolkit));
        assert_ne!(one, other);
        assert!(one.contains(&std::process::id().to_string()) && one.len() < MAX_NAME_BYTES);
    }

    #[test]
    fn the_name_of_a_simulation_repeats_itself() {
        let name = || {
            let clock = Clock::Set(SetClock::at(Timestamp::default()));
            new_actor(&Toolkit::new().with_clock(clock).with_seed(3))
        };
        assert_eq!(name(), name());
    }
}
