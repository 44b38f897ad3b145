//! `purge`: candidates are found beside the writer, and decided upon again in bounded batches under its lock.

use std::time::Instant;

use blacksmith_store_core::{
    PURGE_SPARES, PurgeRequest, Purged, Result, Status, Timestamp, Toolkit,
};
use blacksmith_store_sql::{
    Matching,
    sea_query::{Expr, Order, Query, SelectStatement, SqliteQueryBuilder},
};
use rusqlite::{Connection, params, params_from_iter};

use crate::{
    counting::Ledger,
    error::Failure,
    executor::Executor,
    layout::Tables,
    row,
    searching::{json, param},
    writer::Done,
};

/// Candidates of one batch.
const BATCH: usize = 500;

const LAST_EVENT: &str = "SELECT coalesce(max(n), 0) FROM blacksmith_events";
/// The states of the jobs of these events. Served by `blacksmith_jobs_event`.
pub(crate) const STATES: &str = "
    SELECT j.event, s.queue, iif(s.claim IS NULL, s.status, 2), s.sequence
    FROM json_each(?1) AS doomed
    CROSS JOIN blacksmith_jobs AS j ON j.event = doomed.value
    CROSS JOIN blacksmith_states AS s ON s.job = j.n";
/// In this order: what leads to other rows goes last.
pub(crate) const DELETE: [&str; 5] = [
    "DELETE FROM blacksmith_transition_ids WHERE id IN (
         SELECT j.first_id FROM json_each(?1) AS doomed
         CROSS JOIN blacksmith_jobs AS j ON j.event = doomed.value
         UNION ALL
         SELECT g.id FROM json_each(?1) AS doomed
         CROSS JOIN blacksmith_jobs AS j ON j.event = doomed.value
         CROSS JOIN blacksmith_log AS g ON g.job = j.n
         UNION ALL
         SELECT g.started_id FROM json_each(?1) AS doomed
         CROSS JOIN blacksmith_jobs AS j ON j.event = doomed.value
         CROSS JOIN blacksmith_log AS g ON g.job = j.n
         WHERE g.started_id IS NOT NULL)",
    "DELETE FROM blacksmith_log WHERE job IN (
         SELECT j.n FROM json_each(?1) AS doomed
         CROSS JOIN blacksmith_jobs AS j ON j.event = doomed.value)",
    "DELETE FROM blacksmith_states WHERE job IN (
         SELECT j.n FROM json_each(?1) AS doomed
         CROSS JOIN blacksmith_jobs AS j ON j.event = doomed.value)",
    "DELETE FROM blacksmith_jobs WHERE event IN (SELECT value FROM json_each(?1))",
    "DELETE FROM blacksmith_events WHERE n IN (SELECT value FROM json_each(?1))",
];

/// `purge`.
pub(crate) async fn purge(
    executor: &Executor,
    toolkit: &Toolkit,
    request: PurgeRequest,
) -> Result<Purged> {
    let mut purged = Purged::default();
    // A purge does not chase what comes while it runs.
    let last = executor.read(toolkit, last_event).await?;
    let mut behind = 0;
    loop {
        let (filter, now) = (request.clone(), toolkit.now());
        let found = executor
            .read(toolkit, move |connection| candidates(connection, &filter, behind, last, now));
        let candidates = match found.await {
            Ok(candidates) => candidates,
            Err(error) => return purged.stopped_by(error),
        };
        let Some(last_candidate) = candidates.last().copied() else { return Ok(purged) };
        let is_last = candidates.len() < BATCH;
        let (batch, room, toolkit_of_batch) =
            (request.clone(), request.max_events.map(|max| max - purged.events), toolkit.clone());
        let deleted = executor.write(toolkit, candidates.len(), move |connection, _| {
            delete(connection, &batch, &candidates, room, toolkit_of_batch.now())
        });
        let step = match deleted.await {
            Ok(step) => step,
            Err(error) => return purged.stopped_by(error),
        };
        purged.events += step.events;
        purged.jobs += step.jobs;
        purged.transitions += step.transitions;
        purged.left_unfinished += step.left_unfinished;
        purged.left_recent += step.left_recent;
        purged.more = step.more || (!is_last && request.max_events == Some(purged.events));
        if purged.more || is_last {
            return Ok(purged);
        }
        if toolkit.deadline().is_some_and(|deadline| deadline <= Instant::now()) {
            purged.more = true;
            return Ok(purged);
        }
        behind = last_candidate;
    }
}

fn last_event(connection: &Connection) -> Result<i64, Failure> {
    Ok(connection.prepare_cached(LAST_EVENT)?.query_row([], |row| row.get(0))?)
}

/// The events that match the request now, without looking at what spares them.
fn matching(request: &PurgeRequest, now: Timestamp) -> SelectStatement {
    let mut select = Query::select();
    select
        .from_as("blacksmith_events", "e")
        .cond_where(Matching::new(&Tables::All, &request.filter).event());
    if let Some(age) = request.older_than {
        let youngest = micros_before(now, age);
        select.and_where(Expr::cust_with_values("e.ingested_at <= ?", [youngest]));
    }
    select
}

/// The instant, in microseconds, at which what is `age` old now was new.
fn micros_before(now: Timestamp, age: std::time::Duration) -> i64 {
    let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
    now.timestamp_micros().saturating_sub(age)
}

/// The numbers of the next events that match.
fn candidates(
    connection: &Connection,
    request: &PurgeRequest,
    behind: i64,
    last: i64,
    now: Timestamp,
) -> Result<Vec<i64>, Failure> {
    let mut select = matching(request, now);
    select
        .expr(Expr::cust("e.n"))
        .and_where(Expr::cust_with_values("e.n > ? AND e.n <= ?", [behind, last]))
        .order_by_expr(Expr::cust("e.n"), Order::Asc)
        .limit(BATCH as u64);
    let (sql, values) = select.build(SqliteQueryBuilder);
    let mut statement = connection.prepare_cached(&sql)?;
    let rows =
        statement.query_map(params_from_iter(values.0.into_iter().map(param)), |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// An event that still matches, and the jobs that it has.
struct Doomed {
    number: i64,
    is_recent: bool,
    jobs: Vec<(i64, Status, i64)>,
}

/// Deletes those of the candidates that are still to be deleted, at most `room`.
fn delete(
    connection: &Connection,
    request: &PurgeRequest,
    candidates: &[i64],
    room: Option<u64>,
    now: Timestamp,
) -> Result<Done<Purged>, Failure> {
    let mut purged = Purged::default();
    let mut ledger = Ledger::default();
    let mut deleted = Vec::new();
    for event in still_matching(connection, request, candidates, now)? {
        let is_in_the_way = |status: Status| {
            status == Status::Executing || !(request.include_unfinished || status.is_finished())
        };
        if event.jobs.iter().any(|(_, status, _)| is_in_the_way(*status)) {
            purged.left_unfinished += 1;
        } else if event.is_recent && !request.include_recent {
            purged.left_recent += 1;
        } else if room == Some(purged.events) {
            purged.more = true;
            break;
        } else {
            purged.events += 1;
            for (queue, status, sequence) in event.jobs {
                purged.jobs += 1;
                purged.transitions += row::sequence(sequence)? + 1;
                ledger.deleted(queue, status, 1);
            }
            deleted.push(event.number);
        }
    }
    if !deleted.is_empty() {
        let deleted = json(&deleted);
        for statement in DELETE {
            connection.prepare_cached(statement)?.execute([&deleted])?;
        }
        ledger.write(connection)?;
    }
    Ok(Done { answer: purged, wakes: false })
}

fn still_matching(
    connection: &Connection,
    request: &PurgeRequest,
    candidates: &[i64],
    now: Timestamp,
) -> Result<Vec<Doomed>, Failure> {
    let candidates = json(candidates);
    let mut select = matching(request, now);
    select
        .expr(Expr::cust("e.n"))
        .expr(Expr::cust("e.ingested_at"))
        .and_where(Expr::cust_with_values(
            "e.n IN (SELECT value FROM json_each(?))",
            [candidates.as_str()],
        ))
        .order_by_expr(Expr::cust("e.n"), Order::Asc);
    let (sql, values) = select.build(SqliteQueryBuilder);
    let recent = micros_before(now, PURGE_SPARES);
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values.0.into_iter().map(param)), |row| {
        let ingested_at: i64 = row.get(1)?;
        Ok(Doomed { number: row.get(0)?, is_recent: ingested_at > recent, jobs: Vec::new() })
    })?;
    let mut events = rows.collect::<rusqlite::Result<Vec<_>>>()?;

    let mut statement = connection.prepare_cached(STATES)?;
    let mut rows = statement.query(params![candidates])?;
    while let Some(row) = rows.next()? {
        let number: i64 = row.get(0)?;
        if let Ok(place) = events.binary_search_by_key(&number, |event| event.number) {
            events[place].jobs.push((row.get(1)?, row::status(row.get(2)?)?, row.get(3)?));
        }
    }
    Ok(events)
}
