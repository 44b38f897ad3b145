//! `pause`, `resume`, `pauses`.

use std::time::Duration;

use blacksmith_store_core::{ErrorKind, Pause, PauseId, Timestamp};

use super::{Answer, Reference, Refused, StoredJob};

/// For how long an ended pause must be remembered; whether it is afterwards is the store's affair.
pub(crate) const MEMORY: Duration = Duration::from_hours(1);

fn same(one: &Pause, other: &Pause) -> bool {
    one.destination == other.destination
        && one.action == other.action
        && one.actor == other.actor
        && one.reason == other.reason
}

impl Reference {
    pub(crate) fn pause(&mut self, mut pause: Pause, now: Timestamp) -> Answer<bool> {
        let ended = self.ended_pauses.iter().map(|(pause, _)| pause);
        match self.pauses.iter().chain(ended).find(|known| known.id == pause.id) {
            Some(known) if same(known, &pause) => Ok(false),
            Some(known) => Err(Refused::naming(ErrorKind::Conflict, [known.id])),
            None => {
                pause.created_at = Some(now);
                self.pauses.push(pause);
                self.pauses.sort_by_key(|pause| pause.id);
                Ok(true)
            }
        }
    }

    pub(crate) fn resume(&mut self, id: PauseId, now: Timestamp) -> bool {
        match self.pauses.iter().position(|pause| pause.id == id) {
            None => false,
            Some(place) => {
                self.ended_pauses.push((self.pauses.remove(place), now));
                true
            }
        }
    }

    pub(crate) fn pauses(&self) -> &[Pause] {
        &self.pauses
    }

    /// Whether the store may have forgotten this pause, which ended.
    pub(crate) fn may_be_forgotten(&self, id: PauseId, now: Timestamp) -> bool {
        self.ended_pauses.iter().any(|(pause, end)| pause.id == id && *end + MEMORY <= now)
    }

    pub(super) fn is_paused(&self, job: &StoredJob) -> bool {
        self.pauses.iter().any(|pause| {
            pause.destination == job.job.destination
                && pause.action.as_ref().is_none_or(|action| *action == job.job.action)
        })
    }
}
