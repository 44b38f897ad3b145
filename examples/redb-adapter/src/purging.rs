//! `purge`: deletes in batches, so that other calls come in between.

use std::ops::Bound;

use blacksmith_store_core::{EventId, Fate, ID_BYTES, PurgeRequest, Purged, Result, Timestamp};
use redb::ReadableTable;

use crate::{
    error::failed,
    layout::{Batch, Tables},
    rows::Rows as _,
};

/// Events looked at in one batch.
const BATCH: usize = 500;

/// How far a purge has come.
pub(crate) struct Progress {
    pub(crate) purged: Purged,
    /// Where the next batch begins.
    from: Bound<EventId>,
    /// The last event to look at, if there is any: a purge does not chase what comes while it runs.
    until: Option<EventId>,
}

impl Progress {
    /// A purge that has deleted nothing yet.
    pub(crate) fn begin(tables: &impl Tables, request: &PurgeRequest) -> Result<Self> {
        let filter = &request.filter;
        let (from, until) = match (filter.event_id(), filter.job_id()) {
            (Some(event), _) => (Bound::Included(event), Some(event)),
            (None, Some(job)) => {
                let event = tables.job_row(job)?.and_then(|job| job.event_id);
                (event.map_or(Bound::Unbounded, Bound::Included), event)
            }
            (None, None) => {
                let last = tables.events().last().map_err(failed)?;
                (Bound::Unbounded, last.map(|(id, _)| EventId::from_bytes(*id.value())))
            }
        };
        Ok(Self { purged: Purged::default(), from, until })
    }

    /// The next events to look at.
    fn next(&self, tables: &impl Tables) -> Result<Vec<EventId>> {
        let Some(until) = &self.until else { return Ok(Vec::new()) };
        let from = self.from.as_ref().map(EventId::as_bytes);
        let rest = (from, Bound::Included(until.as_bytes()));
        let rest = tables.events().range::<&[u8; ID_BYTES]>(rest);
        let ids = rest.map_err(failed)?.take(BATCH).map(|entry| {
            let (id, _) = entry.map_err(failed)?;
            Ok(EventId::from_bytes(*id.value()))
        });
        ids.collect()
    }
}

impl Batch<'_> {
    /// Looks at the next events and deletes those that are to be deleted. Answers whether it shall go on.
    pub(crate) fn purge(
        &mut self,
        request: &PurgeRequest,
        progress: &mut Progress,
        now: Timestamp,
    ) -> Result<bool> {
        let events = progress.next(self)?;
        for id in &events {
            if request.max_events == Some(progress.purged.events) {
                progress.purged.more = true;
                return Ok(false);
            }
            self.purge_event(request, &mut progress.purged, *id, now)?;
            progress.from = Bound::Excluded(*id);
        }
        Ok(events.len() == BATCH)
    }

    fn purge_event(
        &mut self,
        request: &PurgeRequest,
        purged: &mut Purged,
        id: EventId,
        now: Timestamp,
    ) -> Result<()> {
        let Some(event) = self.event_row(id)? else { return Ok(()) };
        let jobs = self.jobs_of(id)?;
        match request.fate(&event, jobs.iter(), now) {
            Fate::Unmatched => {}
            Fate::LeftUnfinished => purged.left_unfinished += 1,
            Fate::LeftRecent => purged.left_recent += 1,
            Fate::Deleted => {
                purged.transitions += self.remove_event(id, &jobs)?;
                purged.jobs += jobs.len() as u64;
                purged.events += 1;
            }
        }
        Ok(())
    }
}
