//! Rows as models.

use blacksmith_store_core::{
    Bytes, Event, EventId, ID_BYTES, Job, JobError, JobId, Pause, PauseId, Result, Status,
    StoreError, Timestamp, Transition, TransitionId, from_micros,
};
use rusqlite::Row;

use crate::error::Failure;

/// The 20 bytes of an id.
pub(crate) type IdBytes = [u8; ID_BYTES];

/// The columns that [`event`] reads; `?1` leaves payloads out.
macro_rules! event_columns {
    () => {
        r#"e.id, e.source, e."trigger", e.version, e.sent_at, e.received_at, e.ingested_at, e.parent_event_id,
           CASE WHEN ?1 THEN NULL ELSE e.context END, CASE WHEN ?1 THEN NULL ELSE e.data END, e.n"#
    };
}

/// What [`job`] reads from; `?1` leaves payloads out.
macro_rules! select_jobs {
    ($($condition:literal)+) => {
        concat!(
            "SELECT j.id, q.destination, q.action, j.version, j.created_at, j.parent_job_id, e.id,
                    s.sequence, s.attempt, s.status, s.claim IS NOT NULL, s.token, s.at, c.actor,
                    j.first_id, j.first_run_at, j.first_actor, j.first_error,
                    g.id, g.status_before, g.started_id IS NOT NULL, g.run_at, g.actor, g.error,
                    CASE WHEN ?1 THEN NULL ELSE j.context END, CASE WHEN ?1 THEN NULL ELSE j.data END
             FROM blacksmith_jobs AS j
             CROSS JOIN blacksmith_states AS s ON s.job = j.n
             CROSS JOIN blacksmith_events AS e ON e.n = j.event
             CROSS JOIN blacksmith_queues AS q ON q.n = j.queue
             LEFT JOIN blacksmith_log AS g ON g.job = s.job AND g.sequence = s.sequence
             LEFT JOIN blacksmith_claims AS c ON c.n = s.claim ",
            $($condition),+
        )
    };
}

pub(crate) use {event_columns, select_jobs};

/// An event without its jobs, and its number.
pub(crate) fn event(row: &Row<'_>) -> Result<(i64, Event), Failure> {
    let mut event = Event::new(
        EventId::from_bytes(row.get(0)?),
        row.get::<_, String>(1)?,
        row.get::<_, String>(2)?,
    );
    event.version = row.get(3)?;
    event.sent_at = optional_instant(row.get(4)?)?;
    event.received_at = Some(instant(row.get(5)?)?);
    event.ingested_at = Some(instant(row.get(6)?)?);
    event.parent_event_id = row.get::<_, Option<IdBytes>>(7)?.map(EventId::from_bytes);
    event.context = payload(row, 8)?;
    event.data = payload(row, 9)?;
    Ok((row.get(10)?, event))
}

/// A job with its latest transition.
pub(crate) fn job(row: &Row<'_>) -> Result<Job, Failure> {
    let id = JobId::from_bytes(row.get(0)?);
    let mut job = Job::new(id, row.get::<_, String>(1)?, row.get::<_, String>(2)?);
    job.version = row.get(3)?;
    job.created_at = Some(instant(row.get(4)?)?);
    job.parent_job_id = row.get::<_, Option<IdBytes>>(5)?.map(JobId::from_bytes);
    job.event_id = Some(EventId::from_bytes(row.get(6)?));
    job.context = payload(row, 24)?;
    job.data = payload(row, 25)?;

    let sequence = sequence(row.get(7)?)?;
    let (stored_status, executes) = (status(row.get(9)?)?, row.get::<_, bool>(10)?);
    let mut latest = if executes {
        let mut start = Transition::first(token(row.get(11)?)?, Status::Executing);
        start.state_before = Some(stored_status);
        start.actor = row.get(13)?;
        start
    } else if sequence == 0 {
        let mut first = Transition::first(TransitionId::from_bytes(row.get(14)?), stored_status);
        first.run_at = optional_instant(row.get(15)?)?;
        first.actor = row.get(16)?;
        first.error = job_error(row.get(17)?)?;
        first
    } else {
        let id: Option<IdBytes> = row.get(18)?;
        let id = id.ok_or_else(|| StoreError::corrupt("a job lacks its log"))?;
        let mut end = Transition::first(TransitionId::from_bytes(id), stored_status);
        end.state_before =
            Some(if row.get(20)? { Status::Executing } else { status(row.get(19)?)? });
        end.run_at = optional_instant(row.get(21)?)?;
        end.actor = row.get(22)?;
        end.error = job_error(row.get(23)?)?;
        end
    };
    latest.sequence = Some(sequence);
    latest.attempt = row.get(8)?;
    latest.created_at = Some(instant(row.get(12)?)?);
    latest.job_id = Some(id);
    latest.event_id = job.event_id;
    job.transition = Some(latest);
    Ok(job)
}

/// A transition: id, job's id, event's id, sequence, attempt, status before, status, created at, run at, actor, error.
pub(crate) fn transition(row: &Row<'_>) -> Result<Transition, Failure> {
    let mut transition =
        Transition::first(TransitionId::from_bytes(row.get(0)?), status(row.get(6)?)?);
    transition.job_id = Some(JobId::from_bytes(row.get(1)?));
    transition.event_id = Some(EventId::from_bytes(row.get(2)?));
    transition.sequence = Some(sequence(row.get(3)?)?);
    transition.attempt = row.get(4)?;
    transition.state_before = row.get::<_, Option<i64>>(5)?.map(status).transpose()?;
    transition.created_at = Some(instant(row.get(7)?)?);
    transition.run_at = optional_instant(row.get(8)?)?;
    transition.actor = row.get(9)?;
    transition.error = job_error(row.get(10)?)?;
    Ok(transition)
}

/// A pause: id, destination, action, actor, reason, created at.
pub(crate) fn pause(row: &Row<'_>) -> Result<Pause, Failure> {
    let mut pause = Pause::new(
        PauseId::from_bytes(row.get(0)?),
        row.get::<_, String>(1)?,
        row.get::<_, String>(3)?,
    );
    pause.action = row.get(2)?;
    pause.reason = row.get(4)?;
    pause.created_at = Some(instant(row.get(5)?)?);
    Ok(pause)
}

/// A stored instant.
pub(crate) fn instant(micros: i64) -> Result<Timestamp> {
    from_micros(micros)
        .ok_or_else(|| StoreError::corrupt(format!("a stored instant is {micros} microseconds")))
}

pub(crate) fn optional_instant(micros: Option<i64>) -> Result<Option<Timestamp>> {
    micros.map(instant).transpose()
}

/// A stored status.
pub(crate) fn status(number: i64) -> Result<Status> {
    Status::from_number(number)
}

pub(crate) fn sequence(number: i64) -> Result<u64> {
    u64::try_from(number).map_err(|_| StoreError::corrupt(format!("a stored sequence is {number}")))
}

pub(crate) fn payload(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Bytes>> {
    Ok(row.get::<_, Option<Vec<u8>>>(column)?.map(Bytes::from))
}

/// The id of an executing transition.
pub(crate) fn token(bytes: Option<IdBytes>) -> Result<TransitionId> {
    let bytes = bytes.ok_or_else(|| StoreError::corrupt("an executing job lacks its token"))?;
    Ok(TransitionId::from_bytes(bytes))
}

fn job_error(text: Option<String>) -> Result<Option<JobError>> {
    text.map(JobError::from_stored).transpose()
}
