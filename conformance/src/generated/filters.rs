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
    /// A list of names, most often an empty one.
    fn list<const N: usize>(
        self,
        names: &'static [&'static str; N],
    ) -> impl Strategy<Value = Vec<String>> {
        let some = vec(select(&names[..]).prop_map(str::to_owned), 1..4);
        weighted(self.0, some).prop_map(Option::unwrap_or_default)
    }

    fn states(self) -> impl Strategy<Value = Vec<Status>> {
        let some = vec(select(&Status::ALL[..]), 1..4);
        weighted(2.0 * self.0, some).prop_map(Option::unwrap_or_default)
    }

    /// A bound on a second at which something may have happened, or next to it; fractions of a microsecond are cut.
    fn bound(self) -> impl Strategy<Value = Option<Timestamp>> {
        let nanoseconds = prop_oneof![4 => Just(0_i64), 4 => select(vec![-1_000, -1, 1, 1_000])];
        let instant = (-10..60_i64, nanoseconds).prop_map(|(second, beside)| {
            let distance = Duration::from_nanos(beside.unsigned_abs());
            let second = names::second(second);
            if beside < 0 { second - distance } else { second + distance }
        });
        weighted(self.0, instant)
    }
}

fn on_transitions(rate: Rate) -> BoxedStrategy<WhereTransitions> {
    let attempts = || weighted(rate.0, 0..4_u32);
    (rate.states(), rate.states(), attempts(), attempts(), rate.bound(), rate.bound())
        .prop_map(|(status_in, status_notin, min, max, before, after)| {
            let mut filter = WhereTransitions::default();
            (filter.status_in, filter.status_notin) = (status_in, status_notin);
            (filter.min_attempts, filter.max_attempts) = (min, max);
            (filter.created_before, filter.created_after) = (before, after);
            filter
        })
        .boxed()
}

fn on_jobs(rate: Rate) -> BoxedStrategy<WhereJobs> {
    let lists = (
        rate.list(&NAMES),
        rate.list(&NAMES),
        rate.list(&VERBS),
        rate.list(&VERBS),
        rate.list(&VERSIONS),
        rate.list(&VERSIONS),
    );
    (lists, rate.bound(), rate.bound(), weighted(0.6, on_transitions(rate)))
        .prop_map(|(lists, before, after, transitions)| {
            let mut filter = WhereJobs::default();
            (filter.destinations_in, filter.destinations_notin) = (lists.0, lists.1);
            (filter.actions_in, filter.actions_notin) = (lists.2, lists.3);
            (filter.versions_in, filter.versions_notin) = (lists.4, lists.5);
            (filter.created_before, filter.created_after) = (before, after);
            filter.transitions = transitions;
            filter
        })
        .boxed()
}

fn on_events(rate: Rate) -> BoxedStrategy<WhereEvents> {
    let lists = (
        rate.list(&NAMES),
        rate.list(&NAMES),
        rate.list(&VERBS),
        rate.list(&VERBS),
        rate.list(&VERSIONS),
        rate.list(&VERSIONS),
    );
    (lists, rate.bound(), rate.bound(), rate.bound(), rate.bound(), weighted(0.75, on_jobs(rate)))
        .prop_map(|(lists, before, after, received_before, received_after, jobs)| {
            let mut filter = WhereEvents::default();
            (filter.sources_in, filter.sources_notin) = (lists.0, lists.1);
            (filter.triggers_in, filter.triggers_notin) = (lists.2, lists.3);
            (filter.versions_in, filter.versions_notin) = (lists.4, lists.5);
            (filter.created_before, filter.created_after) = (before, after);
            (filter.received_before, filter.received_after) = (received_before, received_after);
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
