//! Pauses: destinations and actions that `claim` passes over.

use std::collections::{BTreeMap, HashSet};

use blacksmith_store_core::{PAUSE_MEMORY, Pause, PauseId, Timestamp};

use crate::error::Refusal;

/// The pauses that last, and those that ended lately.
#[derive(Default)]
pub(crate) struct Pauses {
    lasting: BTreeMap<PauseId, Pause>,
    /// With the instant of their end, so that a late copy of one does not pause again.
    ended: BTreeMap<PauseId, (Pause, Timestamp)>,
    ends: u64,
}

impl Pauses {
    /// Pauses; `false` for a pause that is known already.
    pub(crate) fn begin(&mut self, pause: Pause, now: Timestamp) -> Result<bool, Refusal> {
        self.forget(now);
        let ended = self.ended.get(&pause.id).map(|(pause, _)| pause);
        match self.lasting.get(&pause.id).or(ended) {
            Some(known) if known.same_content(&pause) => Ok(false),
            Some(_) => Err(Refusal::OtherPause(pause.id)),
            None => {
                let mut pause = pause;
                pause.created_at = Some(now);
                self.lasting.insert(pause.id, pause);
                Ok(true)
            }
        }
    }

    /// Ends one pause; `false` when it does not last.
    pub(crate) fn end(&mut self, id: PauseId, now: Timestamp) -> bool {
        match self.lasting.remove(&id) {
            Some(pause) => {
                self.ended.insert(id, (pause, now));
                self.ends += 1;
                true
            }
            None => false,
        }
    }

    /// How many pauses have ended.
    pub(crate) fn ends(&self) -> u64 {
        self.ends
    }

    /// Forgets the pauses that ended long ago; answers how many.
    pub(crate) fn forget(&mut self, now: Timestamp) -> u64 {
        let before = self.ended.len();
        self.ended.retain(|_, (_, ended)| now <= *ended + PAUSE_MEMORY);
        (before - self.ended.len()) as u64
    }

    /// The pauses that last, in ascending id.
    pub(crate) fn lasting(&self) -> Vec<Pause> {
        self.lasting.values().cloned().collect()
    }

    /// What is paused.
    pub(crate) fn paused(&self) -> Paused<'_> {
        let lasting = self.lasting.values();
        Paused(lasting.map(|pause| (pause.destination.as_str(), pause.action.as_deref())).collect())
    }
}

/// The destinations, and actions of destinations, that are paused.
pub(crate) struct Paused<'a>(HashSet<(&'a str, Option<&'a str>)>);

impl Paused<'_> {
    /// Whether the jobs of this destination and action are passed over.
    pub(crate) fn covers(&self, destination: &str, action: &str) -> bool {
        self.0.contains(&(destination, None)) || self.0.contains(&(destination, Some(action)))
    }
}
