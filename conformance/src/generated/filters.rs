//! Filters with any constraints, alone and together.

use std::time::Duration;

use blacksmith_store_core::{
    Carry, Count, EventId, JobId, Order, Status, Timestamp, WhereEvents, WhereJobs,
    WhereTransitions,
};
use proptest::{
    collection::vec,
    option::weighted,
    prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof},
    sample::select,
};

use super::names::{self, NAMES, VERBS, VERSIONS};

/// How often a constraint is set. Many together, and hardly anything would be found.
#[derive(Clone, Copy)]
struct Rate(f64);

impl Rate {
    /// Two constraints of one field: one of them, or both.
    fn two<T: Clone + std::fmt::Debug + 'static>(
        self,
        one: impl Strategy<Value = T> + Clone + 'static,
        other: impl Strategy<Value = T> + Clone + 'static,
    ) -> impl Strategy<Value = (Option<T>, Option<T>)> {
        let some = prop_oneof![
            3 => one.clone().prop_map(|one| (Some(one), None)),
            3 => other.clone().prop_map(|other| (None, Some(other))),
            2 => (one, other).prop_map(|(one, other)| (Some(one), Some(other))),
        ];
        weighted(2.0 * self.0, some).prop_map(|two| two.unwrap_or((None, None)))
    }

    /// What a field may be and what not, of these values.
    fn lists<T: Clone + std::fmt::Debug + 'static>(
        self,
        values: impl Strategy<Value = T> + Clone + 'static,
    ) -> impl Strategy<Value = (Vec<T>, Vec<T>)> {
        let some = vec(values, 1..4);
        self.two(some.clone(), some).prop_map(|(is_in, is_not_in)| {
            (is_in.unwrap_or_default(), is_not_in.unwrap_or_default())
        })
    }

    fn names<const N: usize>(
        self,
        names: &'static [&'static str; N],
    ) -> impl Strategy<Value = (Vec<String>, Vec<String>)> {
        self.lists(select(&names[..]).prop_map(str::to_owned))
    }

    /// What an instant is before and after.
    fn bounds(self) -> impl Strategy<Value = (Option<Timestamp>, Option<Timestamp>)> {
        let touching = (instant(), nanoseconds())
            .prop_map(|(after, distance)| (Some(beside(after, distance)), Some(after)));
        let touching = weighted(self.0 / 2.0, touching);
        (self.two(instant(), instant()), touching)
            .prop_map(|(bounds, touching)| touching.unwrap_or(bounds))
    }
}

/// A second at which something may have happened, or next to it; fractions of a microsecond are cut.
fn instant() -> BoxedStrategy<Timestamp> {
    (-10..60_i64, nanoseconds())
        .prop_map(|(second, distance)| beside(names::second(second), distance))
        .boxed()
}

fn nanoseconds() -> impl Strategy<Value = i64> + Clone {
    prop_oneof![4 => Just(0_i64), 4 => select(vec![-1_000, -1, 1, 1_000])]
}

fn beside(instant: Timestamp, nanoseconds: i64) -> Timestamp {
    let distance = Duration::from_nanos(nanoseconds.unsigned_abs());
    if nanoseconds < 0 { instant - distance } else { instant + distance }
}

fn on_transitions(rate: Rate) -> BoxedStrategy<WhereTransitions> {
    let states = Rate(2.0 * rate.0).lists(select(&Status::ALL[..]));
    (states, rate.two(0..4_u32, 0..4_u32), rate.bounds())
        .prop_map(|(states, attempts, created)| {
            let mut filter = WhereTransitions::default();
            (filter.status_in, filter.status_notin) = states;
            (filter.min_attempts, filter.max_attempts) = attempts;
            (filter.created_before, filter.created_after) = created;
            filter
        })
        .boxed()
}

fn on_jobs(rate: Rate) -> BoxedStrategy<WhereJobs> {
    let lists = (rate.names(&NAMES), rate.names(&VERBS), rate.names(&VERSIONS));
    (lists, rate.bounds(), weighted(0.6, on_transitions(rate)))
        .prop_map(|((destinations, actions, versions), created, transitions)| {
            let mut filter = WhereJobs::default();
            (filter.destinations_in, filter.destinations_notin) = destinations;
            (filter.actions_in, filter.actions_notin) = actions;
            (filter.versions_in, filter.versions_notin) = versions;
            (filter.created_before, filter.created_after) = created;
            filter.transitions = transitions;
            filter
        })
        .boxed()
}

fn on_events(rate: Rate) -> BoxedStrategy<WhereEvents> {
    let lists = (rate.names(&NAMES), rate.names(&VERBS), rate.names(&VERSIONS));
    (lists, rate.bounds(), rate.bounds(), weighted(0.75, on_jobs(rate)))
        .prop_map(|((sources, triggers, versions), created, received, jobs)| {
            let mut filter = WhereEvents::default();
            (filter.sources_in, filter.sources_notin) = sources;
            (filter.triggers_in, filter.triggers_notin) = triggers;
            (filter.versions_in, filter.versions_notin) = versions;
            (filter.created_before, filter.created_after) = created;
            (filter.received_before, filter.received_after) = received;
            filter.jobs = jobs;
            filter
        })
        .boxed()
}

/// Sets ids in a filter, beside what it has.
fn with_ids(filter: WhereEvents, event: Option<EventId>, job: Option<JobId>) -> WhereEvents {
    let mut jobs = filter.jobs.clone().unwrap_or_default();
    if event.is_some() {
        jobs.event_id = event;
    }
    if job.is_some() {
        let mut transitions = jobs.transitions.take().unwrap_or_default();
        transitions.job_id = job;
        jobs.transitions = Some(transitions);
    }
    if event.is_some() || job.is_some() { filter.with_jobs(jobs) } else { filter }
}

/// Any constraints, ids of events and jobs among them; the numbers of ids are below these, or just above: nobody's.
pub(crate) fn constraints(events: usize, jobs: usize) -> BoxedStrategy<WhereEvents> {
    let ids = (weighted(0.06, 0..=events), weighted(0.06, 0..=jobs));
    let filter = prop_oneof![3 => on_events(Rate(0.04)), 2 => on_events(Rate(0.12))];
    (filter, ids)
        .prop_map(|(filter, (event, job))| {
            with_ids(filter, event.map(names::event_id), job.map(names::job_id))
        })
        .boxed()
}

/// Any constraints, and any way of asking for a page.
pub(crate) fn searches(events: usize, jobs: usize) -> BoxedStrategy<WhereEvents> {
    let limit = prop_oneof![
        3 => (1..8_u64).prop_map(Some),
        1 => select(vec![Some(0), Some(5_000), None]),
    ];
    let offset = weighted(0.4, prop_oneof![4 => 0..20_u64, 1 => Just(1_000)]);
    let order = prop_oneof![Just(Order::Newest), Just(Order::Oldest)];
    let count = prop_oneof![
        3 => Just(Count::Exact),
        1 => Just(Count::None),
        2 => (0..12_u64).prop_map(Count::UpTo)
    ];
    let carry = select(vec![Carry::All, Carry::Matching, Carry::None]);
    let page = (limit, offset, order, count, carry, any::<bool>());
    (constraints(events, jobs), page)
        .prop_map(|(mut filter, page)| {
            (filter.limit, filter.offset, filter.order) = (page.0, page.1, page.2);
            (filter.count, filter.carry, filter.without_payloads) = (page.3, page.4, page.5);
            filter
        })
        .boxed()
}
