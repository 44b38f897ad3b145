//! What must hold of a store whatever was done to it: the history of every job is a life that the table allows, and
//! `stats` and `find_jobs` agree with it.

use std::collections::{BTreeMap, HashMap, HashSet};

use blacksmith_store_core::{
    Counts, Cursor, Job, JobId, MAX_PAGE_LIMIT, Order, Page, Result, Store, Timestamp, Toolkit,
    Transition, WhereEvents,
};

use crate::{
    failure::{Failure, Outcome, ensure, expect_eq},
    life,
};

/// Everything that a store holds of jobs, read through its own searches.
pub(crate) struct Contents {
    /// Every job, in ascending id.
    pub(crate) jobs: Vec<Job>,
    /// The transitions of each job, in the order of their sequences.
    pub(crate) chains: HashMap<JobId, Vec<Transition>>,
}

impl Contents {
    /// Reads a store page by page.
    pub(crate) async fn read(store: &dyn Store, toolkit: &Toolkit) -> Outcome<Self> {
        let mut jobs = Vec::new();
        let mut cursor = None;
        while let Some(filter) = next_page(cursor, jobs.is_empty()) {
            cursor = take(store.find_jobs(toolkit, filter).await, &mut jobs)?;
        }
        let mut transitions = Vec::new();
        let mut cursor = None;
        while let Some(filter) = next_page(cursor, transitions.is_empty()) {
            cursor = take(store.find_transitions(toolkit, filter).await, &mut transitions)?;
        }

        let mut chains: HashMap<JobId, Vec<Transition>> = HashMap::new();
        let mut ids = HashSet::new();
        for transition in transitions {
            ensure!(ids.insert(transition.id), "the transition {} was found twice", transition.id);
            let Some(job) = transition.job_id else {
                return Err(Failure::new(format!("a transition without a job: {transition:?}")));
            };
            chains.entry(job).or_default().push(transition);
        }
        for chain in chains.values_mut() {
            chain.sort_by_key(|transition| transition.sequence);
        }
        Ok(Self { jobs, chains })
    }
}

fn next_page(cursor: Option<Cursor>, is_first: bool) -> Option<WhereEvents> {
    let page = WhereEvents::default().with_order(Order::Oldest).with_limit(MAX_PAGE_LIMIT);
    match cursor {
        Some(cursor) => Some(page.with_cursor(cursor)),
        None => is_first.then_some(page),
    }
}

fn take<T>(page: Result<Page<T>>, into: &mut Vec<T>) -> Outcome<Option<Cursor>> {
    let page = page?;
    ensure!(
        page.meta.next_cursor.is_none() || !page.entries.is_empty(),
        "a page without entries has a next cursor"
    );
    into.extend(page.entries);
    Ok(page.meta.next_cursor)
}

/// Checks a store after a case.
pub(crate) async fn check(store: &dyn Store, toolkit: &Toolkit) -> Outcome {
    let contents = Contents::read(store, toolkit).await?;
    let mut counts: BTreeMap<(String, String), (Counts, Option<Timestamp>)> = BTreeMap::new();
    let now = toolkit.now();
    let mut clock_went_back = false;

    let mut ids = HashSet::new();
    for job in &contents.jobs {
        let id = job.id;
        ensure!(ids.insert(id), "the job {id} was found twice");
        let Some(chain) = contents.chains.get(&id) else {
            return Err(Failure::new(format!("the job {id} has no transition")));
        };
        life::replay(chain).map_err(|why| {
            Failure::new(format!("the history of job {id} is broken: {why}\n  {chain:#?}"))
        })?;
        expect_eq(
            format!("the latest transition of job {id}, and the last of its history"),
            job.transition.as_ref(),
            chain.last(),
        )?;
        ensure!(
            chain.iter().all(|transition| transition.event_id == job.event_id),
            "a transition of job {id} names another event than the job"
        );

        let Some(latest) = chain.last() else { continue };
        let queue = counts.entry((job.destination.clone(), job.action.clone())).or_default();
        *queue.0.of_mut(latest.state_after) += 1;
        clock_went_back |= latest.created_at.is_some_and(|created| created > now);
        let place = latest.run_at.max(latest.created_at);
        if latest.state_after.is_waiting() && place.is_some_and(|place| place <= now) {
            queue.1 = queue.1.into_iter().chain(place).min();
        }
    }
    if let Some(orphan) = contents.chains.keys().find(|job| !ids.contains(job)) {
        return Err(Failure::new(format!(
            "transitions are left of the job {orphan}, which is gone"
        )));
    }

    let stats = store.stats(toolkit).await?;
    let told: Vec<_> = stats
        .iter()
        .map(|queue| ((queue.destination.clone(), queue.action.clone()), queue.counts))
        .collect();
    let counted: Vec<_> =
        counts.iter().map(|(queue, (counts, _))| (queue.clone(), *counts)).collect();
    expect_eq("stats, and the counts made from every job's history", told, counted)?;
    if !clock_went_back {
        let told: Vec<_> = stats.iter().map(|queue| queue.earliest_due).collect();
        let due: Vec<_> = counts.values().map(|(_, due)| *due).collect();
        expect_eq(
            "earliest_due of stats, and the earliest made from every job's history",
            told,
            due,
        )?;
    }
    Ok(())
}
