//! `find_event`, `find_job`, `find_transition`, and the pages of searches.

use blacksmith_store_core::{
    Carry, Entries, ErrorKind, Event, EventId, ID_BYTES, Job, JobId, Page, Position, StoreError,
    Transition, TransitionId, WhereEvents,
};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{
    error::Failure,
    readers::snapshot,
    row::{self, IdBytes, event_columns, select_jobs},
    searching::{self, Found},
};

/// Served by `blacksmith_events_id`.
pub(crate) const EVENT_BY_ID: &str =
    concat!("SELECT ", event_columns!(), " FROM blacksmith_events AS e WHERE e.id = ?2");
pub(crate) const EVENT_BY_NUMBER: &str =
    concat!("SELECT ", event_columns!(), " FROM blacksmith_events AS e WHERE e.n = ?2");
/// Served by `blacksmith_jobs_id`.
pub(crate) const JOB_BY_ID: &str = select_jobs!("WHERE j.id = ?2");
const JOB_BY_NUMBER: &str = select_jobs!("WHERE j.n = ?2");
/// Served by `blacksmith_jobs_event`.
pub(crate) const JOBS_OF_EVENT: &str = select_jobs!("WHERE j.event = ?2 ORDER BY j.id");
pub(crate) const PLACE_OF_TRANSITION: &str =
    "SELECT job, sequence FROM blacksmith_transition_ids WHERE id = ?1";

/// The transition of the job `?1` with the sequence `?2`: its first, or an outcome, or the start of an attempt that has ended,
/// or the start of the one that goes on.
pub(crate) const TRANSITION: &str = "
    SELECT iif(?2 = 0, j.first_id, coalesce(g.id, x.started_id, s.token)), j.id, e.id, ?2,
           iif(?2 = 0, 0, coalesce(g.attempt, x.attempt + (x.status = 1), s.attempt)),
           CASE WHEN ?2 = 0 THEN NULL
                WHEN g.job IS NOT NULL THEN iif(g.started_id IS NULL, g.status_before, 2)
                ELSE coalesce(x.status_before, s.status) END,
           iif(?2 = 0, j.first_status, coalesce(g.status, 2)),
           iif(?2 = 0, j.first_at, coalesce(g.at, x.started_at, s.at)),
           iif(?2 = 0, j.first_run_at, g.run_at),
           CASE WHEN ?2 = 0 THEN j.first_actor
                WHEN g.job IS NOT NULL THEN g.actor
                WHEN x.job IS NOT NULL THEN x.started_actor
                ELSE c.actor END,
           iif(?2 = 0, j.first_error, g.error)
    FROM blacksmith_jobs AS j
    CROSS JOIN blacksmith_states AS s ON s.job = j.n
    CROSS JOIN blacksmith_events AS e ON e.n = j.event
    LEFT JOIN blacksmith_log AS g ON g.job = j.n AND g.sequence = ?2
    LEFT JOIN blacksmith_log AS x ON x.job = j.n AND x.sequence = ?2 + 1
    LEFT JOIN blacksmith_claims AS c ON c.n = s.claim
    WHERE j.n = ?1 AND ?2 <= s.sequence";

/// Whether payloads are left out.
const WITH_PAYLOADS: bool = false;

/// `find_event`.
pub(crate) fn event(connection: &Connection, id: EventId) -> Result<Event, Failure> {
    snapshot(connection, |connection| {
        let (number, mut event) = stored_event(connection, id)?.ok_or_else(|| {
            StoreError::naming(ErrorKind::NotFound, "no event is stored with the id", [id])
        })?;
        event.jobs = jobs_of_event(connection, number, WITH_PAYLOADS)?;
        Ok(event)
    })
}

/// `find_job`.
pub(crate) fn job(connection: &Connection, id: JobId) -> Result<Job, Failure> {
    stored_job(connection, id)?.ok_or_else(|| {
        StoreError::naming(ErrorKind::NotFound, "no job is stored with the id", [id]).into()
    })
}

/// `find_transition`.
pub(crate) fn transition(connection: &Connection, id: TransitionId) -> Result<Transition, Failure> {
    snapshot(connection, |connection| {
        stored_transition(connection, id)?.ok_or_else(|| {
            StoreError::naming(ErrorKind::NotFound, "no transition is stored with the id", [id])
                .into()
        })
    })
}

/// `find_events`.
pub(crate) fn events(
    connection: &Connection,
    filter: &WhereEvents,
) -> Result<Page<Event>, Failure> {
    snapshot(connection, |connection| {
        let Found { keys, count } = searching::events(connection, filter)?;
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            let mut event = event_by_number(connection, key, filter.without_payloads)?;
            if filter.carry != Carry::None {
                event.jobs = jobs_of_event(connection, key, filter.without_payloads)?;
            }
            if filter.carry == Carry::Matching {
                event.jobs.retain(|job| filter.carries_job(job));
            }
            found.push(event);
        }
        let position = |event: &Event| Position::Id(*event.id.as_bytes());
        Ok(Page::assemble(filter, Entries::Events, found, count, position))
    })
}

/// `find_jobs`.
pub(crate) fn jobs(connection: &Connection, filter: &WhereEvents) -> Result<Page<Job>, Failure> {
    snapshot(connection, |connection| {
        let Found { keys, count } = searching::jobs(connection, filter)?;
        let mut statement = connection.prepare_cached(JOB_BY_NUMBER)?;
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            let mut rows = statement.query(params![filter.without_payloads, key])?;
            found.push(row::job(rows.next()?.ok_or_else(vanished)?)?);
        }
        let position = |job: &Job| Position::Id(*job.id.as_bytes());
        Ok(Page::assemble(filter, Entries::Jobs, found, count, position))
    })
}

/// `find_transitions`.
pub(crate) fn transitions(
    connection: &Connection,
    filter: &WhereEvents,
) -> Result<Page<Transition>, Failure> {
    snapshot(connection, |connection| {
        let Found { keys, count } = searching::transitions(connection, filter)?;
        let mut found = Vec::with_capacity(keys.len());
        for (job, sequence) in keys {
            found.push(transition_at(connection, job, sequence)?);
        }
        let by_sequence = filter.job_id().is_some();
        let position = |transition: &Transition| match transition.sequence {
            Some(sequence) if by_sequence => Position::Sequence(sequence),
            _ => Position::Id(*transition.id.as_bytes()),
        };
        Ok(Page::assemble(filter, Entries::Transitions, found, count, position))
    })
}

/// A stored event without its jobs, and its number.
pub(crate) fn stored_event(
    connection: &Connection,
    id: EventId,
) -> Result<Option<(i64, Event)>, Failure> {
    let mut statement = connection.prepare_cached(EVENT_BY_ID)?;
    let mut rows = statement.query(params![WITH_PAYLOADS, id.as_bytes()])?;
    rows.next()?.map(row::event).transpose()
}

/// A stored job with its latest transition.
pub(crate) fn stored_job(connection: &Connection, id: JobId) -> Result<Option<Job>, Failure> {
    let mut statement = connection.prepare_cached(JOB_BY_ID)?;
    let mut rows = statement.query(params![WITH_PAYLOADS, id.as_bytes()])?;
    rows.next()?.map(row::job).transpose()
}

/// A stored transition.
pub(crate) fn stored_transition(
    connection: &Connection,
    id: TransitionId,
) -> Result<Option<Transition>, Failure> {
    let place = connection
        .prepare_cached(PLACE_OF_TRANSITION)?
        .query_row([id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    place.map(|(job, sequence)| transition_at(connection, job, sequence)).transpose()
}

/// An event without its jobs.
fn event_by_number(
    connection: &Connection,
    number: i64,
    without_payloads: bool,
) -> Result<Event, Failure> {
    let mut statement = connection.prepare_cached(EVENT_BY_NUMBER)?;
    let mut rows = statement.query(params![without_payloads, number])?;
    Ok(row::event(rows.next()?.ok_or_else(vanished)?)?.1)
}

/// The jobs of an event, in ascending id.
fn jobs_of_event(
    connection: &Connection,
    event: i64,
    without_payloads: bool,
) -> Result<Vec<Job>, Failure> {
    let mut statement = connection.prepare_cached(JOBS_OF_EVENT)?;
    let mut rows = statement.query(params![without_payloads, event])?;
    let mut jobs = Vec::new();
    while let Some(row) = rows.next()? {
        jobs.push(row::job(row)?);
    }
    Ok(jobs)
}

/// The transition of a job that has this sequence.
pub(crate) fn transition_at(
    connection: &Connection,
    job: i64,
    sequence: i64,
) -> Result<Transition, Failure> {
    let mut statement = connection.prepare_cached(TRANSITION)?;
    let mut rows = statement.query([job, sequence])?;
    row::transition(rows.next()?.ok_or_else(vanished)?)
}

/// A row whose key stands elsewhere is missing.
pub(crate) fn vanished() -> Failure {
    StoreError::corrupt("a row is missing to which another one points").into()
}

/// The bytes of an id, as a row has them.
pub(crate) fn id_bytes(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<IdBytes> {
    row.get::<_, [u8; ID_BYTES]>(column)
}
