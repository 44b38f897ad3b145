//! Faults in what is left when a store is closed, or its process is killed.

use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use blacksmith_store_core::{
    Added, Change, ChangeOutcome, Event, Result, Status, Store, Toolkit, Transition, async_trait,
};

use super::{pausing::KeepsAlone, sharing::executing};
use crate::fault::{Fault, Planted};

pub(super) const FAULTS: &[Planted] = &[
    Planted::in_a_file(
        "loses the last write when it is closed",
        &["durability::every_call_that_was_answered_is_kept"],
        || Arc::new(LosesTheLastWrite::default()),
    ),
    Planted::in_a_file(
        "keeps pauses in its process alone",
        &[
            "durability::pauses_last",
            "handles::pauses_hold_for_every_handle",
            "crashes::acknowledged_pauses_and_resumes_hold",
        ],
        || Arc::new(KeepsAlone::default()),
    ),
    Planted::in_a_file(
        "takes whatever is executing for abandoned when it is opened",
        &[
            "durability::a_claim_and_its_lease_last",
            "handles::a_closed_handle_takes_nothing_along",
            "crashes::claims_of_the_dead_expire_and_their_jobs_are_done_by_others",
        ],
        || Arc::new(TakesOver),
    ),
    Planted::in_a_file(
        "acknowledges events and writes them a moment later",
        &["crashes::acknowledged_events_and_jobs_are_there_and_none_is_there_in_part"],
        || Arc::new(WritesLater::default()),
    ),
    Planted::in_a_file(
        "acknowledges outcomes and writes them a moment later",
        &["crashes::acknowledged_outcomes_are_there_with_their_follow_ups"],
        || Arc::new(WritesLater::default()),
    ),
    Planted::in_a_file(
        "commits a batch event by event",
        &["crashes::acknowledged_events_and_jobs_are_there_and_none_is_there_in_part"],
        || Arc::new(CommitsInPieces),
    ),
    Planted::in_a_file(
        "commits outcomes first and their follow-ups behind them",
        &["crashes::acknowledged_outcomes_are_there_with_their_follow_ups"],
        || Arc::new(CommitsInPieces),
    ),
];

/// Between the two halves of what should be one: much longer than each of them, so that a kill comes between them.
const MEANWHILE: Duration = Duration::from_millis(25);

/// What `add_events` answers when nothing of it was known.
fn all_new(events: &[Event]) -> Added {
    let mut added = Added::default();
    added.events = events.len() as u64;
    added.jobs = events.iter().map(|event| event.jobs.len() as u64).sum();
    added
}

/// Writes what it was told when it is told something else.
#[derive(Default)]
struct LosesTheLastWrite(Mutex<Option<Vec<Event>>>);

#[async_trait]
impl Fault for LosesTheLastWrite {
    async fn add_events(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        events: Vec<Event>,
    ) -> Result<Added> {
        let added = all_new(&events);
        let before = self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(events);
        if let Some(before) = before {
            store.add_events(toolkit, before).await?;
        }
        Ok(added)
    }
}

struct TakesOver;

#[async_trait]
impl Fault for TakesOver {
    async fn opened(&self, store: &Arc<dyn Store>) -> Result<()> {
        let toolkit = Toolkit::new();
        let found = store.find_jobs(&toolkit, executing()).await?;
        let awaiting =
            found.entries.iter().map(|job| job.next(toolkit.transition_id(), Status::Awaiting));
        store.add_transitions(&toolkit, awaiting.collect::<Result<Vec<Transition>>>()?).await?;
        Ok(())
    }
}

#[derive(Default)]
struct WritesLater(OnceLock<Arc<dyn Store>>);

impl WritesLater {
    /// Does something with the store when the caller has had the answer for a moment.
    fn later<F>(&self, write: impl FnOnce(Arc<dyn Store>) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let store = self.0.get().cloned();
        tokio::spawn(async move {
            tokio::time::sleep(MEANWHILE).await;
            if let Some(store) = store {
                write(store).await;
            }
        });
    }
}

#[async_trait]
impl Fault for WritesLater {
    async fn opened(&self, store: &Arc<dyn Store>) -> Result<()> {
        self.0.get_or_init(|| Arc::clone(store));
        Ok(())
    }

    async fn add_events(
        &self,
        _: &dyn Store,
        toolkit: &Toolkit,
        events: Vec<Event>,
    ) -> Result<Added> {
        let (added, toolkit) = (all_new(&events), toolkit.clone());
        self.later(async move |store| drop(store.add_events(&toolkit, events).await));
        Ok(added)
    }

    async fn apply(
        &self,
        _: &dyn Store,
        toolkit: &Toolkit,
        changes: Vec<Change>,
    ) -> Result<Vec<ChangeOutcome>> {
        let (outcomes, toolkit) = (vec![ChangeOutcome::Applied; changes.len()], toolkit.clone());
        self.later(async move |store| drop(store.apply(&toolkit, changes).await));
        Ok(outcomes)
    }
}

struct CommitsInPieces;

#[async_trait]
impl Fault for CommitsInPieces {
    async fn add_events(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        events: Vec<Event>,
    ) -> Result<Added> {
        let mut added = Added::default();
        for (number, event) in events.into_iter().enumerate() {
            if number > 0 {
                tokio::time::sleep(MEANWHILE).await;
            }
            let one = store.add_events(toolkit, vec![event]).await?;
            added.events += one.events;
            added.events_known += one.events_known;
            added.jobs += one.jobs;
            added.jobs_known += one.jobs_known;
        }
        Ok(added)
    }

    async fn apply(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        mut changes: Vec<Change>,
    ) -> Result<Vec<ChangeOutcome>> {
        let mut follow_ups = Vec::new();
        for change in &mut changes {
            follow_ups.append(&mut change.events);
        }
        let outcomes = store.apply(toolkit, changes).await?;
        if outcomes.contains(&ChangeOutcome::Applied) {
            tokio::time::sleep(MEANWHILE).await;
            store.add_events(toolkit, follow_ups).await?;
        }
        Ok(outcomes)
    }
}
