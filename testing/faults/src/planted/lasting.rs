//! Faults in what is left when a store is closed, or its process is killed.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use blacksmith_store_core::{
    Added, Change, ChangeOutcome, Event, Result, Status, Store, Toolkit, Transition, async_trait,
};

use super::{
    losing::{SendsPieces, all_new},
    pausing::KeepsAlone,
    racing::WritesLater,
    sharing::executing,
};
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
        || Arc::new(WritesLater::after(MEANWHILE)),
    ),
    Planted::in_a_file(
        "acknowledges outcomes and writes them a moment later",
        &["crashes::acknowledged_outcomes_are_there_with_their_follow_ups"],
        || Arc::new(WritesLater::after(MEANWHILE)),
    ),
    Planted::in_a_file(
        "commits a batch event by event",
        &["crashes::acknowledged_events_and_jobs_are_there_and_none_is_there_in_part"],
        || Arc::new(SendsPieces(MEANWHILE)),
    ),
    Planted::in_a_file(
        "commits outcomes first and their follow-ups behind them",
        &["crashes::acknowledged_outcomes_are_there_with_their_follow_ups"],
        || Arc::new(CommitsFollowUpsBehind),
    ),
];

/// Between the two halves of what should be one: much longer than each of them, so that a kill comes between them.
const MEANWHILE: Duration = Duration::from_millis(25);

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

/// A change that is sent again is known, and its follow-ups are not added any more.
struct CommitsFollowUpsBehind;

#[async_trait]
impl Fault for CommitsFollowUpsBehind {
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
