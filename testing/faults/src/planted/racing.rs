//! Faults that show when calls race: what was looked at has changed when it is written, or is not written yet.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use blacksmith_store_core::{
    Appended, ErrorKind, Pause, Result, Store, Toolkit, Transition, async_trait,
};

use crate::fault::{Fault, Planted};

pub(super) const FAULTS: &[Planted] = &[
    Planted::new(
        "looks whether a transition fits, and not again when it writes",
        &["races::a_worker_or_an_operator_moves_a_job"],
        || Arc::new(LooksOnce),
    ),
    Planted::new(
        "answers a pause before it holds",
        &["races::no_claim_that_begins_after_a_pause_gets_its_jobs"],
        || Arc::new(PausesLater::default()),
    ),
];

/// Between a look and what is written after it.
const MEANWHILE: Duration = Duration::from_millis(5);

/// Between an answer and what is written after it: long enough for another process to begin a call.
const LATER: Duration = Duration::from_millis(200);

pub(super) struct LooksOnce;

#[async_trait]
impl Fault for LooksOnce {
    async fn add_transitions(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        transitions: Vec<Transition>,
    ) -> Result<Appended> {
        let mut fits = true;
        for transition in &transitions {
            let Some(id) = transition.job_id else { continue };
            let latest = store.find_job(toolkit, id).await?.transition;
            let state = latest.map(|latest| latest.state_after);
            fits &= state == transition.state_before;
        }
        tokio::time::sleep(MEANWHILE).await;
        let new = transitions.len() as u64;
        match store.add_transitions(toolkit, transitions).await {
            Err(error) if fits && error.kind() == ErrorKind::Conflict => {
                let mut appended = Appended::default();
                appended.new = new;
                Ok(appended)
            }
            answer => answer,
        }
    }
}

/// A store that answers pauses at once, and writes them a moment later.
#[derive(Default)]
pub(super) struct PausesLater(OnceLock<Arc<dyn Store>>);

#[async_trait]
impl Fault for PausesLater {
    async fn opened(&self, store: &Arc<dyn Store>) -> Result<()> {
        self.0.get_or_init(|| Arc::clone(store));
        Ok(())
    }

    async fn pause(&self, _: &dyn Store, toolkit: &Toolkit, pause: Pause) -> Result<bool> {
        let (store, toolkit) = (self.0.get().cloned(), toolkit.clone());
        tokio::spawn(async move {
            tokio::time::sleep(LATER).await;
            if let Some(store) = store {
                // Nobody is there who could be told.
                let _ = store.pause(&toolkit, pause).await;
            }
        });
        Ok(true)
    }
}
