//! Faults in pauses.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use blacksmith_store_core::{Pause, PauseId, Result, Store, Toolkit, async_trait};

use crate::fault::{Fault, Planted};

pub(super) const FAULTS: &[Planted] = &[
    Planted::new(
        "keeps pauses and hands out jobs nevertheless",
        &["pauses::a_paused_destination_is_passed_over"],
        || Arc::new(KeepsAlone::default()),
    ),
    Planted::new(
        "pauses the destination of a paused action",
        &["pauses::a_paused_action_is_passed_over"],
        || edits(|pause| pause.action = None),
    ),
    Planted::new(
        "loses the reason of a pause",
        &["pauses::a_pause_is_kept_as_it_was_given"],
        || edits(|pause| pause.reason = None),
    ),
    Planted::new(
        "lets a resume end another's pause (C12)",
        &["pauses::resume_ends_exactly_the_pause_that_it_names"],
        || Arc::new(ResumesEverything),
    ),
    Planted::new(
        "pauses again when an ended pause is sent again",
        &["pauses::a_resent_pause_that_has_ended_does_not_pause_again"],
        || Arc::new(PausesAgain),
    ),
    Planted::new(
        "says of every resume that it ended a pause",
        &["pauses::an_unknown_pause_is_not_resumed"],
        || Arc::new(ResumesAnything),
    ),
];

/// A fault that changes pauses before they are stored.
struct Edits(fn(&mut Pause));

fn edits(edit: fn(&mut Pause)) -> Arc<dyn Fault> {
    Arc::new(Edits(edit))
}

#[async_trait]
impl Fault for Edits {
    async fn pause(&self, store: &dyn Store, toolkit: &Toolkit, mut pause: Pause) -> Result<bool> {
        (self.0)(&mut pause);
        store.pause(toolkit, pause).await
    }
}

#[derive(Default)]
pub(super) struct KeepsAlone(Mutex<BTreeMap<PauseId, Pause>>);

#[async_trait]
impl Fault for KeepsAlone {
    async fn pause(&self, _: &dyn Store, toolkit: &Toolkit, mut pause: Pause) -> Result<bool> {
        pause.created_at = Some(toolkit.now());
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(kept.insert(pause.id, pause).is_none())
    }

    async fn resume(&self, _: &dyn Store, _: &Toolkit, id: PauseId) -> Result<bool> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(kept.remove(&id).is_some())
    }

    async fn pauses(&self, _: &dyn Store, _: &Toolkit) -> Result<Vec<Pause>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(kept.values().cloned().collect())
    }
}

struct ResumesEverything;

#[async_trait]
impl Fault for ResumesEverything {
    async fn resume(&self, store: &dyn Store, toolkit: &Toolkit, id: PauseId) -> Result<bool> {
        let resumed = store.resume(toolkit, id).await?;
        for pause in store.pauses(toolkit).await? {
            store.resume(toolkit, pause.id).await?;
        }
        Ok(resumed)
    }
}

struct PausesAgain;

#[async_trait]
impl Fault for PausesAgain {
    async fn pause(&self, store: &dyn Store, toolkit: &Toolkit, mut pause: Pause) -> Result<bool> {
        let is_new = store.pause(toolkit, pause.clone()).await?;
        let has_ended = store.pauses(toolkit).await?.iter().all(|live| live.id != pause.id);
        if has_ended {
            pause.id = toolkit.pause_id();
            store.pause(toolkit, pause).await?;
        }
        Ok(is_new)
    }
}

struct ResumesAnything;

#[async_trait]
impl Fault for ResumesAnything {
    async fn resume(&self, store: &dyn Store, toolkit: &Toolkit, id: PauseId) -> Result<bool> {
        store.resume(toolkit, id).await.map(|_| true)
    }
}
