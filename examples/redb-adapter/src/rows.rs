//! Rows: how entries lie in the tables, and how they are read back.

use blacksmith_store_core::{
    Bytes, Event, EventId, ID_BYTES, Job, JobError, JobId, Result, Status, StoreError, Timestamp,
    Transition, TransitionId, from_micros,
};
use redb::{ReadableTable, Value};

use crate::{
    error::{damaged, failed},
    layout::{EventRow, JobRow, Tables, TransitionRow},
};

/// The payloads of an entry, in the table `payloads`.
#[derive(Clone, Copy)]
pub(crate) enum Payload {
    EventContext = 0,
    EventData = 1,
    JobContext = 2,
    JobData = 3,
}

/// A key below every id, and one above.
pub(crate) const FIRST: &[u8; ID_BYTES] = &[0; ID_BYTES];
pub(crate) const LAST: &[u8; ID_BYTES] = &[u8::MAX; ID_BYTES];

/// Reading of entries, from a snapshot or within a batch.
pub(crate) trait Rows: Tables {
    /// The event of this id, without jobs and payloads.
    fn event_row(&self, id: EventId) -> Result<Option<Event>> {
        let row = self.events().get(id.as_bytes()).map_err(failed)?;
        row.map(|row| event_of_row(id, row.value())).transpose()
    }

    /// The job of this id with its latest transition, without payloads.
    fn job_row(&self, id: JobId) -> Result<Option<Job>> {
        let Some(row) = self.jobs().get(id.as_bytes()).map_err(failed)? else { return Ok(None) };
        let (destination, action, version, created_at, event, parent, latest) = row.value();
        let mut job = Job::new(id, destination, action);
        job.version = text(version);
        job.created_at = Some(instant(created_at)?);
        job.event_id = Some(EventId::from_bytes(*event));
        job.parent_job_id = parent.map(|id| JobId::from_bytes(*id));
        job.transition = self.transition_row(TransitionId::from_bytes(*latest))?;
        Ok(Some(job))
    }

    /// The transition of this id.
    fn transition_row(&self, id: TransitionId) -> Result<Option<Transition>> {
        let row = self.transitions().get(id.as_bytes()).map_err(failed)?;
        row.map(|row| transition_of_row(id, row.value())).transpose()
    }

    /// The job of this id, which an index names.
    fn indexed_job(&self, id: JobId) -> Result<Job> {
        self.job_row(id)?.ok_or_else(|| damaged("the row of an indexed job"))
    }

    /// The event of a stored job.
    fn event_of(&self, job: &Job) -> Result<Event> {
        let event = job.event_id.map(|id| self.event_row(id)).transpose()?.flatten();
        event.ok_or_else(|| damaged("the row of a job's event"))
    }

    /// The jobs of an event in ascending id, without payloads.
    fn jobs_of(&self, event: EventId) -> Result<Vec<Job>> {
        let event = event.as_bytes();
        let index = self.jobs_of_event().range((event, FIRST)..=(event, LAST)).map_err(failed)?;
        index
            .map(|entry| {
                let (key, _) = entry.map_err(failed)?;
                self.indexed_job(JobId::from_bytes(*key.value().1))
            })
            .collect()
    }

    /// The transition at `sequence` of a job.
    fn transition_at(&self, job: JobId, sequence: u64) -> Result<Option<Transition>> {
        let entry = self.chains().get((job.as_bytes(), sequence)).map_err(failed)?;
        let Some(id) = entry.map(|id| TransitionId::from_bytes(*id.value())) else {
            return Ok(None);
        };
        self.transition_row(id)
    }

    /// The same event with its payloads.
    fn with_event_payloads(&self, mut event: Event) -> Result<Event> {
        event.context = self.payload(Payload::EventContext, event.id.as_bytes())?;
        event.data = self.payload(Payload::EventData, event.id.as_bytes())?;
        Ok(event)
    }

    /// The same job with its payloads.
    fn with_job_payloads(&self, mut job: Job) -> Result<Job> {
        job.context = self.payload(Payload::JobContext, job.id.as_bytes())?;
        job.data = self.payload(Payload::JobData, job.id.as_bytes())?;
        Ok(job)
    }

    /// A payload, if there is one.
    fn payload(&self, which: Payload, id: &[u8; ID_BYTES]) -> Result<Option<Bytes>> {
        let found = self.payloads().get((which as u8, id)).map_err(failed)?;
        Ok(found.map(|bytes| Bytes::copy_from_slice(bytes.value())))
    }
}

impl<T: Tables> Rows for T {}

fn event_of_row(id: EventId, row: <EventRow as Value>::SelfType<'_>) -> Result<Event> {
    let (source, trigger, version, sent_at, received_at, ingested_at, parent) = row;
    let mut event = Event::new(id, source, trigger);
    event.version = text(version);
    event.sent_at = sent_at.map(instant).transpose()?;
    event.received_at = Some(instant(received_at)?);
    event.ingested_at = Some(instant(ingested_at)?);
    event.parent_event_id = parent.map(|id| EventId::from_bytes(*id));
    Ok(event)
}

/// The row of a complete event.
pub(crate) fn row_of_event(event: &Event) -> Result<<EventRow as Value>::SelfType<'_>> {
    Ok((
        &event.source,
        &event.trigger,
        event.version.as_deref().unwrap_or_default(),
        event.sent_at.map(micros),
        micros(set(event.received_at)?),
        micros(set(event.ingested_at)?),
        event.parent_event_id.as_ref().map(EventId::as_bytes),
    ))
}

/// The row of a complete job.
pub(crate) fn row_of_job(job: &Job) -> Result<<JobRow as Value>::SelfType<'_>> {
    Ok((
        &job.destination,
        &job.action,
        job.version.as_deref().unwrap_or_default(),
        micros(set(job.created_at)?),
        set(job.event_id.as_ref())?.as_bytes(),
        job.parent_job_id.as_ref().map(JobId::as_bytes),
        set(job.transition.as_ref())?.id.as_bytes(),
    ))
}

fn transition_of_row(
    id: TransitionId,
    row: <TransitionRow as Value>::SelfType<'_>,
) -> Result<Transition> {
    let (job, event, sequence, attempt, before, after, error, created_at, run_at, actor) = row;
    let status = |number: u8| Status::from_number(number.into());
    let mut transition = Transition::first(id, status(after)?);
    transition.job_id = Some(JobId::from_bytes(*job));
    transition.event_id = Some(EventId::from_bytes(*event));
    transition.sequence = Some(sequence);
    transition.attempt = attempt;
    transition.state_before = before.map(status).transpose()?;
    transition.error = text(error).map(JobError::from_stored).transpose()?;
    transition.created_at = Some(instant(created_at)?);
    transition.run_at = run_at.map(instant).transpose()?;
    transition.actor = text(actor);
    Ok(transition)
}

/// The row of a complete transition.
pub(crate) fn row_of_transition(
    transition: &Transition,
) -> Result<<TransitionRow as Value>::SelfType<'_>> {
    Ok((
        set(transition.job_id.as_ref())?.as_bytes(),
        set(transition.event_id.as_ref())?.as_bytes(),
        set(transition.sequence)?,
        transition.attempt,
        transition.state_before.map(Status::number),
        transition.state_after.number(),
        transition.error.as_ref().map(JobError::as_json).unwrap_or_default(),
        micros(set(transition.created_at)?),
        transition.run_at.map(micros),
        transition.actor.as_deref().unwrap_or_default(),
    ))
}

/// Text in a row that is empty where it is not set.
fn text(column: &str) -> Option<String> {
    Some(column.to_owned()).filter(|text| !text.is_empty())
}

/// What every entry has that reaches a ledger.
pub(crate) fn set<T>(member: Option<T>) -> Result<T> {
    member.ok_or_else(|| StoreError::internal("an entry to be stored is not complete"))
}

/// An instant as it lies in a key: it sorts as a number does.
pub(crate) fn micros(instant: Timestamp) -> i64 {
    instant.timestamp_micros()
}

/// The instant in a key.
pub(crate) fn instant(micros: i64) -> Result<Timestamp> {
    from_micros(micros).ok_or_else(|| damaged("an instant in an index"))
}
