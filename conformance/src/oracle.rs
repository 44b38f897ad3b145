//! What must hold of a store whatever was done to it: the history of every job is a life that the table allows, and
//! `stats` and `find_jobs` agree with it.

use std::collections::{BTreeMap, HashMap, HashSet};

use blacksmith_store_core::{
    Count, Counts, Event, Job, JobId, MAX_PAGE_LIMIT, Order, Page, Result, Store, Timestamp,
    Toolkit, Transition, WhereEvents,
};

use crate::{
    failure::{Failure, Outcome, ensure, expect_eq},
    life,
};

/// Everything that a store holds, read through its own searches.
#[derive(Debug, PartialEq)]
pub(crate) struct Contents {
    /// Every event with its jobs, in ascending id.
    pub(crate) events: Vec<Event>,
    /// Every job, in ascending id.
    pub(crate) jobs: Vec<Job>,
    /// The transitions of each job, in the order of their sequences.
    pub(crate) chains: HashMap<JobId, Vec<Transition>>,
}

impl Contents {
    /// Reads a store page by page.
    pub(crate) async fn read(store: &dyn Store, toolkit: &Toolkit) -> Outcome<Self> {
        let events = every(|filter| store.find_events(toolkit, filter)).await?;
        let jobs = every(|filter| store.find_jobs(toolkit, filter)).await?;
        let transitions = every(|filter| store.find_transitions(toolkit, filter)).await?;

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
        Ok(Self { events, jobs, chains })
    }
}

/// Every entry of a search, page by page in ascending id.
async fn every<T, F>(mut find: impl FnMut(WhereEvents) -> F) -> Outcome<Vec<T>>
where
    F: Future<Output = Result<Page<T>>>,
{
    // Not counted: a case with 10,000 jobs would count them for each of its pages.
    let pages = WhereEvents::default()
        .with_order(Order::Oldest)
        .with_limit(MAX_PAGE_LIMIT)
        .with_count(Count::None);
    let mut filter = pages.clone();
    let mut all = Vec::new();
    loop {
        let page = find(filter).await?;
        let is_empty = page.entries.is_empty();
        all.extend(page.entries);
        match page.meta.next_cursor {
            None => return Ok(all),
            Some(_) if is_empty => {
                return Err(Failure::new("a page without entries leads to another one"));
            }
            Some(cursor) => filter = pages.clone().with_cursor(cursor),
        }
    }
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

    check_events(&contents)?;

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

/// Every event carries its jobs, as they are found alone, and every job has its event.
fn check_events(contents: &Contents) -> Outcome {
    let mut jobs: HashMap<_, Vec<&Job>> = HashMap::new();
    for job in &contents.jobs {
        jobs.entry(job.event_id).or_default().push(job);
    }
    for event in &contents.events {
        let alone = jobs.remove(&Some(event.id)).unwrap_or_default();
        let carried: Vec<&Job> = event.jobs.iter().collect();
        expect_eq(format!("the jobs that event {} carries", event.id), carried, alone)?;
    }
    match jobs.into_values().next() {
        None => Ok(()),
        Some(orphans) => {
            Err(Failure::new(format!("jobs are left without their event: {orphans:?}")))
        }
    }
}
