//! What a scheduler is to do, checked: every action with what holds for it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use blacksmith_store_core::{MAX_CALL_ENTRIES, MAX_NAME_BYTES, Result, StoreError, Want};

use crate::{Action, Destination, policy::Policy};

/// Most jobs of a run where nothing else is said.
const BATCH_SIZE: usize = 1_000;

/// Every action of every destination.
pub(crate) struct Plan {
    pub(crate) actions: Vec<Planned>,
    /// Destination, then action.
    places: HashMap<String, HashMap<String, usize>>,
}

/// One action, and how its jobs are run.
pub(crate) struct Planned {
    pub(crate) destination: String,
    /// The version that jobs without one are shown with.
    pub(crate) version: Option<String>,
    pub(crate) action: Arc<dyn Action>,
    pub(crate) policy: Policy,
    pub(crate) concurrency: usize,
    pub(crate) batch_size: usize,
    pub(crate) prefetch: Option<usize>,
    pub(crate) timeout: Option<Duration>,
    /// Of the scheduler itself: it is cancelled without ado when the scheduler stops.
    pub(crate) is_housekeeping: bool,
}

impl Plan {
    /// # Errors
    /// `Config` for a name that none can have, a name twice, or an interval that is none.
    pub(crate) fn of(
        destinations: &[Destination],
        housekeeping: Option<&Destination>,
    ) -> Result<Self> {
        let mut plan = Self { actions: Vec::new(), places: HashMap::new() };
        for destination in destinations {
            if housekeeping.is_some_and(|own| own.name == destination.name) {
                let name = &destination.name;
                return Err(StoreError::config(format!(
                    "the destination {name:?} is the scheduler's own"
                )));
            }
            plan.add(destination, false)?;
        }
        if let Some(destination) = housekeeping {
            plan.add(destination, true)?;
        }
        Ok(plan)
    }

    fn add(&mut self, destination: &Destination, is_housekeeping: bool) -> Result<()> {
        check_name("destination", &destination.name)?;
        if self.places.contains_key(&destination.name) {
            let name = &destination.name;
            return Err(StoreError::config(format!("two destinations are called {name:?}")));
        }
        let mut places = HashMap::new();
        for action in &destination.actions {
            let name = action.name();
            check_name("action", name)?;
            if places.insert(name.to_owned(), self.actions.len()).is_some() {
                return Err(StoreError::config(format!(
                    "two actions of the destination {:?} are called {name:?}",
                    destination.name
                )));
            }
            let options = action.options();
            let policy = Policy::of(destination, &options)?;
            let all = if policy.realtime { BATCH_SIZE } else { MAX_CALL_ENTRIES };
            self.actions.push(Planned {
                destination: destination.name.clone(),
                version: destination.version.clone(),
                action: Arc::clone(action),
                policy,
                concurrency: options.concurrency.max(1),
                batch_size: options.batch_size.unwrap_or(all).clamp(1, MAX_CALL_ENTRIES),
                prefetch: options.prefetch,
                timeout: options.timeout,
                is_housekeeping,
            });
        }
        self.places.insert(destination.name.clone(), places);
        Ok(())
    }

    /// The place of an action in [`actions`](Self::actions).
    pub(crate) fn find(&self, destination: &str, action: &str) -> Option<usize> {
        self.places.get(destination)?.get(action).copied()
    }
}

impl Planned {
    pub(crate) fn want(&self, limit: usize) -> Want {
        Want::action(&self.destination, self.action.name(), limit)
    }
}

fn check_name(what: &str, name: &str) -> Result<()> {
    if name.is_empty() || name.len() > MAX_NAME_BYTES || name.contains('\0') {
        return Err(StoreError::config(format!(
            "{name:?} cannot be the name of an {what}: a name has 1 to {MAX_NAME_BYTES} bytes, without NUL"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::each;

    fn refusal(destinations: &[Destination]) -> String {
        let own = Destination::new("blacksmith");
        Plan::of(destinations, Some(&own)).err().expect("a refusal").to_string()
    }

    #[test]
    fn names_are_checked_before_anything_runs() {
        let nothing = || each("upsert", async |_| Ok(()));
        let crm = Destination::new("crm").with_action(nothing());
        assert!(refusal(&[crm.clone(), crm.clone()]).contains("two destinations"));
        assert!(refusal(&[crm.with_action(nothing())]).contains("two actions"));
        assert!(refusal(&[Destination::new("")]).contains("1 to 255 bytes"));
        assert!(refusal(&[Destination::new("blacksmith")]).contains("scheduler's own"));
    }

    #[test]
    fn a_batch_is_all_that_is_due_where_jobs_wait_for_a_tick() {
        use blacksmith_store_core::Schedule;
        let append = || crate::batch("append", async |_| Ok(()));
        let hourly = Schedule::new(false, "@hourly", 3);
        let size = |destination: Destination| {
            Plan::of(&[destination], None).expect("a plan").actions[0].batch_size
        };
        let warehouse = Destination::new("warehouse");
        assert_eq!(size(warehouse.clone().with_action(append())), 1_000);
        assert_eq!(
            size(warehouse.clone().with_action(append().with_schedule(hourly.clone()))),
            10_000
        );
        let small = append().with_schedule(hourly).with_batch_size(7);
        assert_eq!(size(warehouse.with_action(small)), 7);
    }
}
