//! The four ways in which what is stored changes: an event or a job comes, a transition follows, an event goes.
//!
//! [`Ledger`] is what core needs to decide `add_events`, `add_jobs`, `add_transitions` and `apply`; the indexes are kept here.

use std::borrow::Cow;

use blacksmith_store_core::{
    Bytes, Event, EventId, ID_BYTES, Job, JobId, Result, Status, Transition, TransitionId,
    decide::Ledger,
};
use redb::ReadableTable;

use crate::{
    error::{damaged, failed},
    layout::Batch,
    rows::{Payload, Rows as _, micros, row_of_event, row_of_job, row_of_transition, set},
};

impl Ledger for Batch<'_> {
    fn event(&self, id: EventId) -> Result<Option<Cow<'_, Event>>> {
        let Some(event) = self.event_row(id)? else { return Ok(None) };
        self.with_event_payloads(event).map(|event| Some(Cow::Owned(event)))
    }

    fn has_event(&self, id: EventId) -> Result<bool> {
        Ok(self.events.get(id.as_bytes()).map_err(failed)?.is_some())
    }

    fn job(&self, id: JobId) -> Result<Option<Cow<'_, Job>>> {
        let Some(job) = self.job_row(id)? else { return Ok(None) };
        self.with_job_payloads(job).map(|job| Some(Cow::Owned(job)))
    }

    fn latest(&self, job: JobId) -> Result<Option<Cow<'_, Transition>>> {
        Ok(self.job_row(job)?.and_then(|job| job.transition).map(Cow::Owned))
    }

    fn transition(&self, id: TransitionId) -> Result<Option<Cow<'_, Transition>>> {
        Ok(self.transition_row(id)?.map(Cow::Owned))
    }

    fn insert_event(&mut self, mut event: Event) -> Result<()> {
        let id = *event.id.as_bytes();
        self.insert_payload(Payload::EventContext, &id, event.context.take())?;
        self.insert_payload(Payload::EventData, &id, event.data.take())?;
        self.events.insert(&id, row_of_event(&event)?).map_err(failed)?;
        Ok(())
    }

    fn insert_job(&mut self, mut job: Job) -> Result<()> {
        let id = *job.id.as_bytes();
        self.insert_payload(Payload::JobContext, &id, job.context.take())?;
        self.insert_payload(Payload::JobData, &id, job.data.take())?;
        let event = set(job.event_id)?;
        self.jobs_of_event.insert((event.as_bytes(), &id), ()).map_err(failed)?;
        self.insert_latest(&job)
    }

    fn append(&mut self, transition: Transition) -> Result<()> {
        let mut job = self.indexed_job(set(transition.job_id)?)?;
        self.leave_queue(&job)?;
        if let Some(previous) = job.transition.replace(transition)
            && previous.state_after == Status::Executing
        {
            self.end_claim(previous.id)?;
        }
        self.insert_latest(&job)
    }
}

impl Batch<'_> {
    /// Writes a job's row, its latest transition, and what the indexes say of both.
    fn insert_latest(&mut self, job: &Job) -> Result<()> {
        let id = job.id.as_bytes();
        let latest = latest_of(job)?;
        let sequence = set(latest.sequence)?;
        self.jobs.insert(id, row_of_job(job)?).map_err(failed)?;
        let row = row_of_transition(latest)?;
        self.transitions.insert(latest.id.as_bytes(), row).map_err(failed)?;
        self.chains.insert((id, sequence), latest.id.as_bytes()).map_err(failed)?;
        self.enter_queue(job)
    }

    /// Enters a job into its queue, as its latest transition says.
    fn enter_queue(&mut self, job: &Job) -> Result<()> {
        let latest = latest_of(job)?;
        self.count(job, latest.state_after, 1)?;
        if latest.state_after.is_waiting() {
            self.waiting.insert(place_of(job)?, ()).map_err(failed)?;
            self.arrived = true;
        }
        Ok(())
    }

    /// Takes a job out of its queue, which it entered in the same state.
    fn leave_queue(&mut self, job: &Job) -> Result<()> {
        let latest = latest_of(job)?;
        self.count(job, latest.state_after, -1)?;
        if latest.state_after.is_waiting() {
            self.waiting.remove(place_of(job)?).map_err(failed)?;
        }
        Ok(())
    }

    /// Adds to the count of a job's queue and state; a queue without jobs is forgotten.
    fn count(&mut self, job: &Job, status: Status, change: i64) -> Result<()> {
        let queue = (job.destination.as_str(), job.action.as_str());
        let found = self.counts.get(queue).map_err(failed)?.map(|counts| counts.value());
        let mut counts = found.unwrap_or_default();
        let count = &mut counts[usize::from(status.number())];
        *count = count.checked_add_signed(change).ok_or_else(|| damaged("the count of a queue"))?;
        if counts.iter().all(|count| *count == 0) {
            self.counts.remove(queue).map_err(failed)?;
        } else {
            self.counts.insert(queue, counts).map_err(failed)?;
        }
        Ok(())
    }

    fn insert_payload(
        &mut self,
        which: Payload,
        id: &[u8; ID_BYTES],
        payload: Option<Bytes>,
    ) -> Result<()> {
        if let Some(bytes) = payload {
            self.payloads.insert((which as u8, id), &*bytes).map_err(failed)?;
        }
        Ok(())
    }

    /// Deletes an event with these jobs, which are all of its jobs, none executing; answers how many transitions they had.
    pub(crate) fn remove_event(&mut self, event: EventId, jobs: &[Job]) -> Result<u64> {
        let mut transitions = 0;
        for job in jobs {
            self.leave_queue(job)?;
            transitions += self.remove_job(event, job)?;
        }
        let id = event.as_bytes();
        for which in [Payload::EventContext, Payload::EventData] {
            self.payloads.remove((which as u8, id)).map_err(failed)?;
        }
        self.events.remove(id).map_err(failed)?;
        Ok(transitions)
    }

    fn remove_job(&mut self, event: EventId, job: &Job) -> Result<u64> {
        let id = job.id.as_bytes();
        let length = latest_of(job)?.sequence.unwrap_or_default() + 1;
        for sequence in 0..length {
            let link = self.chains.remove((id, sequence)).map_err(failed)?;
            let link = link.ok_or_else(|| damaged("the chain of a job"))?;
            self.transitions.remove(link.value()).map_err(failed)?;
        }
        for which in [Payload::JobContext, Payload::JobData] {
            self.payloads.remove((which as u8, id)).map_err(failed)?;
        }
        self.jobs_of_event.remove((event.as_bytes(), id)).map_err(failed)?;
        self.jobs.remove(id).map_err(failed)?;
        Ok(length)
    }
}

/// A stored job's latest transition.
pub(crate) fn latest_of(job: &Job) -> Result<&Transition> {
    job.transition.as_ref().ok_or_else(|| damaged("a job without a transition"))
}

/// The key of a waiting job in the index of what waits.
fn place_of(job: &Job) -> Result<(&str, &str, i64, &[u8; ID_BYTES])> {
    let place = latest_of(job)?.place().ok_or_else(|| damaged("a transition's instant"))?;
    Ok((&job.destination, &job.action, micros(place), job.id.as_bytes()))
}
