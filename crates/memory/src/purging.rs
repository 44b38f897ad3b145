//! `purge`: deletes in batches, so that other calls come in between.

use std::ops::Bound;

use blacksmith_store_core::{EventId, Fate, PurgeRequest, Purged, Timestamp};

use crate::state::{State, StoredEvent};

/// Events looked at in one batch.
const BATCH: usize = 1_000;

/// How far a purge has come.
pub(crate) struct Progress {
    pub(crate) purged: Purged,
    /// Where the next batch begins.
    from: Bound<EventId>,
    /// The last event to look at, if there is any: a purge does not chase what comes while it runs.
    until: Option<EventId>,
}

impl State {
    /// Begins a purge; nothing is deleted yet.
    pub(crate) fn begin_purge(&self, request: &PurgeRequest) -> Progress {
        let filter = &request.filter;
        let of_job = |id| self.jobs.get(&id).map(|stored| stored.event.id);
        let (from, until) = match (filter.event_id(), filter.job_id()) {
            (None, None) => (Bound::Unbounded, self.events.last_key_value().map(|(id, _)| *id)),
            (Some(event), _) => (Bound::Included(event), Some(event)),
            (None, Some(job)) => match of_job(job) {
                Some(event) => (Bound::Included(event), Some(event)),
                None => (Bound::Unbounded, None),
            },
        };
        Progress { purged: Purged::default(), from, until }
    }

    /// Looks at the next batch of events and deletes those that are to be deleted. Answers whether it shall go on.
    pub(crate) fn purge_batch(
        &mut self,
        request: &PurgeRequest,
        progress: &mut Progress,
        now: Timestamp,
    ) -> bool {
        let Progress { purged, from, until: Some(until) } = progress else { return false };
        let rest = (*from, Bound::Included(*until));
        let batch: Vec<EventId> = self.events.range(rest).map(|(id, _)| *id).take(BATCH).collect();
        for id in &batch {
            if request.max_events == Some(purged.events) {
                purged.more = true;
                return false;
            }
            match self.fate(request, &self.events[id], now) {
                Fate::Unmatched => {}
                Fate::LeftUnfinished => purged.left_unfinished += 1,
                Fate::LeftRecent => purged.left_recent += 1,
                Fate::Deleted => {
                    let (jobs, transitions) = self.remove_event(*id);
                    purged.events += 1;
                    purged.jobs += jobs;
                    purged.transitions += transitions;
                }
            }
            *from = Bound::Excluded(*id);
        }
        batch.len() == BATCH
    }

    fn fate(&self, request: &PurgeRequest, stored: &StoredEvent, now: Timestamp) -> Fate {
        request.fate(&stored.event, self.jobs_of(stored).map(|stored| &stored.job), now)
    }
}
