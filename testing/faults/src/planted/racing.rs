//! Faults that show when calls race: what was looked at has changed when it is written, or is not written yet.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use blacksmith_store_core::{
    Added, Appended, Change, ChangeOutcome, ErrorKind, Event, Pause, Result, Store, Toolkit,
    Transition, async_trait,
};

use super::losing::all_new;
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
        || Arc::new(WritesLater::after(LATER)),
    ),
];

/// Between a look and what is written after it.
const MEANWHILE: Duration = Duration::from_millis(5);

/// Between an answer and what is written after it: long enough for another process to begin a call.
pub(super) const LATER: Duration = Duration::from_millis(200);

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

/// A store that answers some writes at once, and does them a moment later.
pub(super) struct WritesLater {
    moment: Duration,
    store: OnceLock<Arc<dyn Store>>,
}

impl WritesLater {
    pub(super) fn after(moment: Duration) -> Self {
        Self { moment, store: OnceLock::new() }
    }

    fn later<F>(&self, write: impl FnOnce(Arc<dyn Store>) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (moment, store) = (self.moment, self.store.get().cloned());
        tokio::spawn(async move {
            tokio::time::sleep(moment).await;
            if let Some(store) = store {
                write(store).await;
            }
        });
    }
}

/// Whether a late write fails, nobody is there to be told.
#[async_trait]
impl Fault for WritesLater {
    async fn opened(&self, store: &Arc<dyn Store>) -> Result<()> {
        self.store.get_or_init(|| Arc::clone(store));
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

    async fn pause(&self, _: &dyn Store, toolkit: &Toolkit, pause: Pause) -> Result<bool> {
        let toolkit = toolkit.clone();
        self.later(async move |store| drop(store.pause(&toolkit, pause).await));
        Ok(true)
    }
}
