//! `find_events`, `find_jobs`, `find_transitions`: what a search finds, in which order, and what its page says.

use blacksmith_store_core::{
    Carry, Count, Event, Job, Order, Transition, WhereEvents, WhereJobs, WhereTransitions,
};

use super::{Reference, StoredJob, cut, filters};

/// What is asked of each page, whatever is searched.
pub(crate) struct Search {
    /// The filter as the page must say that it was applied.
    pub(crate) applied: WhereEvents,
    pub(crate) limit: usize,
    pub(crate) offset: usize,
}

/// Numbers of a page as it tells them: current, previous, next, first, last.
pub(crate) type Numbers = (u64, Option<u64>, Option<u64>, u64, Option<u64>);

/// The constraints alone, as they are applied: instants cut, children that constrain nothing left out.
pub(super) fn constraints(filter: &WhereEvents) -> WhereEvents {
    let mut constraints = WhereEvents::default();
    constraints.sources_in.clone_from(&filter.sources_in);
    constraints.sources_notin.clone_from(&filter.sources_notin);
    constraints.triggers_in.clone_from(&filter.triggers_in);
    constraints.triggers_notin.clone_from(&filter.triggers_notin);
    constraints.versions_in.clone_from(&filter.versions_in);
    constraints.versions_notin.clone_from(&filter.versions_notin);
    constraints.created_before = filter.created_before.map(cut);
    constraints.created_after = filter.created_after.map(cut);
    constraints.received_before = filter.received_before.map(cut);
    constraints.received_after = filter.received_after.map(cut);
    let jobs = filter.jobs.clone().map(|mut jobs| {
        jobs.created_before = jobs.created_before.map(cut);
        jobs.created_after = jobs.created_after.map(cut);
        jobs.transitions = jobs.transitions.map(|mut transitions| {
            transitions.created_before = transitions.created_before.map(cut);
            transitions.created_after = transitions.created_after.map(cut);
            transitions
        });
        jobs.transitions =
            jobs.transitions.filter(|transitions| *transitions != WhereTransitions::default());
        jobs
    });
    constraints.jobs = jobs.filter(|jobs| *jobs != WhereJobs::default());
    constraints
}

impl Search {
    pub(crate) fn new(filter: &WhereEvents) -> Self {
        const DEFAULT_LIMIT: u64 = 100;
        const MOST: u64 = 1_000;
        let mut applied = match filters::ids(filter) {
            None => constraints(filter),
            Some((event, job)) => {
                let mut jobs = WhereJobs::default();
                jobs.event_id = event;
                jobs.transitions = job.map(|id| {
                    let mut transitions = WhereTransitions::default();
                    transitions.job_id = Some(id);
                    transitions
                });
                WhereEvents::default().with_jobs(jobs)
            }
        };
        let limit = match filter.limit {
            None | Some(0) => DEFAULT_LIMIT,
            Some(limit) => limit.min(MOST),
        };
        let offset = filter.offset.unwrap_or(0);
        applied.limit = Some(limit);
        applied.offset = Some(offset).filter(|offset| *offset > 0);
        applied.order = filter.order;
        applied.cursor = filter.cursor;
        applied.count = filter.count;
        applied.carry = filter.carry;
        applied.without_payloads = filter.without_payloads;
        let size = |number| usize::try_from(number).unwrap_or(usize::MAX);
        Self { applied, limit: size(limit), offset: size(offset) }
    }

    /// How many match, as the page tells it, and whether that is a cap.
    pub(crate) fn count(&self, matching: usize) -> (Option<u64>, bool) {
        let matching = matching as u64;
        match self.applied.count {
            Count::Exact => (Some(matching), false),
            Count::None => (None, false),
            Count::UpTo(cap) => (Some(matching.min(cap)), matching > cap),
        }
    }

    /// The numbers of the page; `None` behind a cursor.
    pub(crate) fn numbers(&self, matching: usize) -> Option<Numbers> {
        if self.applied.cursor.is_some() {
            return None;
        }
        let current = self.offset.div_ceil(self.limit) + 1;
        let is_counted = matches!(self.count(matching), (Some(_), false));
        let last = matching.div_ceil(self.limit).max(1);
        let is_more = if is_counted {
            current < last
        } else {
            self.offset.saturating_add(self.limit) < matching
        };
        let number = |page: usize| page as u64;
        Some((
            number(current),
            (current > 1).then(|| number(current - 1)),
            is_more.then(|| number(current + 1)),
            1,
            is_counted.then(|| number(last)),
        ))
    }
}

/// In ascending order, or turned round.
fn ordered<T, K: Ord>(mut list: Vec<T>, order: Order, key: impl Fn(&T) -> K) -> Vec<T> {
    list.sort_by_key(key);
    if order == Order::Newest {
        list.reverse();
    }
    list
}

impl Reference {
    /// Every event that a filter finds, in order, as it is found.
    pub(crate) fn find_events(&self, filter: &WhereEvents) -> Vec<Event> {
        let matching = self.matching_events(filter);
        let carrying = matching.into_iter().map(|event| {
            let mut event = event.clone();
            event.jobs = match filter.carry {
                Carry::All => self.jobs_of(event.id).into_iter().map(StoredJob::found).collect(),
                Carry::Matching => self.carried(filter, event.id),
                Carry::None => Vec::new(),
            };
            if filter.without_payloads {
                (event.context, event.data) = (None, None);
                for job in &mut event.jobs {
                    (job.context, job.data) = (None, None);
                }
            }
            event
        });
        ordered(carrying.collect(), filter.order, |event| event.id)
    }

    /// Every job that a filter finds, in order, as it is found.
    pub(crate) fn find_jobs(&self, filter: &WhereEvents) -> Vec<Job> {
        let found = self.matching_jobs(filter).into_iter().map(|job| {
            let mut job = job.found();
            if filter.without_payloads {
                (job.context, job.data) = (None, None);
            }
            job
        });
        ordered(found.collect(), filter.order, |job| job.id)
    }

    /// Every transition that a filter finds, in order.
    pub(crate) fn find_transitions(&self, filter: &WhereEvents) -> Vec<Transition> {
        let found: Vec<Transition> =
            self.matching_transitions(filter).into_iter().cloned().collect();
        match filters::ids(filter) {
            Some((_, Some(_))) => ordered(found, filter.order, |transition| transition.sequence),
            _ => ordered(found, filter.order, |transition| transition.id),
        }
    }
}
