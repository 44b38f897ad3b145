//! What a filter says about the queue and the state of jobs: by this the index of queues chooses which ones to look at.

use std::collections::BTreeSet;

use blacksmith_store_core::{JobId, Status, WhereEvents};

use crate::queues::Queues;

/// Values to take, any if there are none, and values to leave out.
#[derive(Clone, Copy)]
struct Choice<'a, T> {
    only: &'a [T],
    without: &'a [T],
}

impl<T> Choice<'_, T> {
    const ANY: Self = Self { only: &[], without: &[] };

    fn is_any(&self) -> bool {
        self.only.is_empty() && self.without.is_empty()
    }

    fn takes<V: ?Sized>(&self, value: &V) -> bool
    where
        T: PartialEq<V>,
    {
        let among = |list: &[T]| list.iter().any(|entry| entry == value);
        (self.only.is_empty() || among(self.only)) && !among(self.without)
    }
}

/// The constraints of a filter that choose among queues and states.
pub(crate) struct JobChoice<'a> {
    destinations: Choice<'a, String>,
    actions: Choice<'a, String>,
    states: Choice<'a, Status>,
}

impl<'a> JobChoice<'a> {
    pub(crate) fn of(filter: &'a WhereEvents) -> Self {
        let Some(jobs) = &filter.jobs else {
            return Self { destinations: Choice::ANY, actions: Choice::ANY, states: Choice::ANY };
        };
        let states = jobs.transitions.as_ref().map_or(Choice::ANY, |transitions| Choice {
            only: &transitions.status_in,
            without: &transitions.status_notin,
        });
        Self {
            destinations: Choice { only: &jobs.destinations_in, without: &jobs.destinations_notin },
            actions: Choice { only: &jobs.actions_in, without: &jobs.actions_notin },
            states,
        }
    }

    /// The same for jobs in any state.
    pub(crate) fn in_any_state(self) -> Self {
        Self { states: Choice::ANY, ..self }
    }

    /// Whether every job is chosen.
    pub(crate) fn is_any(&self) -> bool {
        self.destinations.is_any() && self.actions.is_any() && self.states.is_any()
    }

    /// Whether the filter asks for a job that is chosen, instead of only for none that is not.
    pub(crate) fn is_positive(&self) -> bool {
        !(self.destinations.only.is_empty()
            && self.actions.only.is_empty()
            && self.states.only.is_empty())
    }

    /// The sets of the index that hold exactly the chosen jobs.
    pub(crate) fn sets<'s>(&self, queues: &'s Queues) -> Vec<&'s BTreeSet<JobId>> {
        queues
            .iter()
            .filter(|(destination, action, _)| {
                self.destinations.takes(*destination) && self.actions.takes(*action)
            })
            .flat_map(|(_, _, queue)| {
                let states = Status::ALL.into_iter().filter(|status| self.states.takes(status));
                states.map(|status| queue.in_state(status))
            })
            .collect()
    }
}

/// Whether a filter constrains nothing but queues and states, so that every chosen job is found.
pub(crate) fn chooses_alone(filter: &WhereEvents) -> bool {
    let mut rest = filter.clone();
    if let Some(jobs) = &mut rest.jobs {
        for names in [
            &mut jobs.destinations_in,
            &mut jobs.destinations_notin,
            &mut jobs.actions_in,
            &mut jobs.actions_notin,
        ] {
            names.clear();
        }
        if let Some(transitions) = &mut jobs.transitions {
            transitions.status_in.clear();
            transitions.status_notin.clear();
        }
    }
    rest.constrains_nothing()
}

/// How many jobs there are in sets that have none in common.
pub(crate) fn jobs_in(sets: &[&BTreeSet<JobId>]) -> usize {
    sets.iter().map(|set| set.len()).sum()
}
