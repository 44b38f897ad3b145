//! Which entries match a filter: their keys, in the order of the page, and how many there are.
//!
//! A filter by destination, action or status goes through the entries of each queue and status in the order of their ids, and
//! takes from each what one page may need, so that it never reads what does not match; a filter by sources likewise.

use std::{cmp::Reverse, mem::take};

use blacksmith_store_core::{Count, Entries, Order, Position, Status, Transition, WhereEvents};
use blacksmith_store_sql::{
    sea_query::{self, SqliteQueryBuilder, Value},
    search,
};
use rusqlite::{Connection, OptionalExtension as _, params_from_iter, types::Value as Param};

use crate::{
    error::Failure, finding::transition_at, grouping::Grouping, layout::Tables, row::IdBytes,
};

/// Keys of a page and one more where there are more, and how many entries match where that was asked.
pub(crate) struct Found<K> {
    pub(crate) keys: Vec<K>,
    pub(crate) count: Option<u64>,
}

/// A key with the id that it is ordered by.
type Candidate = (i64, IdBytes);

/// So many candidates are looked at one by one rather than going through all entries in their order.
const FEW: u64 = 10_000;

/// Served by `blacksmith_events_source`.
pub(crate) const EVENTS_OF_SOURCE: &str =
    "SELECT n FROM blacksmith_events WHERE source = ?1 LIMIT ?2";
/// Served by `blacksmith_jobs_id`.
const JOB: &str = "SELECT s.job, s.sequence FROM blacksmith_jobs AS j
    CROSS JOIN blacksmith_states AS s ON s.job = j.n
    CROSS JOIN blacksmith_events AS e ON e.n = j.event
    WHERE j.id = ?1 AND (?2 IS NULL OR e.id = ?2)";
/// Served by `blacksmith_events_id` and `blacksmith_jobs_event`.
const JOBS_OF_EVENT: &str = "SELECT s.job, s.sequence FROM blacksmith_events AS e
    CROSS JOIN blacksmith_jobs AS j ON j.event = e.n
    CROSS JOIN blacksmith_states AS s ON s.job = j.n
    WHERE e.id = ?1";

/// The events that match.
pub(crate) fn events(connection: &Connection, filter: &WhereEvents) -> Result<Found<i64>, Failure> {
    if names_an_id(filter) {
        return one_by_one(connection, filter, Entries::Events);
    }
    if let Some(few) = events_of_few_jobs(connection, filter)? {
        return among(connection, Tables::Among, filter, Entries::Events, &few);
    }
    if filter.sources_in.is_empty() {
        return one_by_one(connection, filter, Entries::Events);
    }
    let mut rest = filter.clone();
    let sources = sources(take(&mut rest.sources_in));
    let mut merge = Merge::new(connection, &rest, Entries::Events);
    merge.add(Tables::OfSource, sources.into_iter().map(|source| [Param::Text(source)]))?;
    Ok(merge.finish())
}

/// The jobs that match.
pub(crate) fn jobs(connection: &Connection, filter: &WhereEvents) -> Result<Found<i64>, Failure> {
    if names_an_id(filter) {
        return one_by_one(connection, filter, Entries::Jobs);
    }
    if let Some(few) = few_events_of_sources(connection, filter)? {
        return among(connection, Tables::OfEvents, filter, Entries::Jobs, &few);
    }
    let Some(grouping) = Grouping::of_jobs(filter) else {
        return one_by_one(connection, filter, Entries::Jobs);
    };
    let queues = grouping.queues(connection)?;
    let mut merge = Merge::new(connection, &grouping.rest, Entries::Jobs);
    if grouping.rest.constrains_nothing() && filter.count != Count::None {
        merge.count = Some(Counting::Known(grouping.count(connection, &queues)?));
    }
    let executing = grouping.takes_all_unfinished();
    let groups = queues.iter().flat_map(|queue| {
        let statuses = grouping.kept_statuses();
        statuses.map(|status| [Param::Integer(*queue), Param::Integer(status.number().into())])
    });
    merge.add(Tables::OfQueue { executing }, groups)?;
    if grouping.statuses.contains(&Status::Executing) && !executing {
        merge.add(Tables::Executing, [[Param::Text(json(&queues))]])?;
    }
    Ok(merge.finish())
}

fn names_an_id(filter: &WhereEvents) -> bool {
    filter.event_id().is_some() || filter.job_id().is_some()
}

/// Each source once.
fn sources(mut sources: Vec<String>) -> Vec<String> {
    sources.sort_unstable();
    sources.dedup();
    sources
}

/// The events that have one of the jobs that the filter asks for, where there are few such jobs.
fn events_of_few_jobs(
    connection: &Connection,
    filter: &WhereEvents,
) -> Result<Option<Vec<i64>>, Failure> {
    let Some(grouping) = Grouping::of_events(filter) else { return Ok(None) };
    let queues = grouping.queues(connection)?;
    if grouping.count(connection, &queues)? > FEW {
        return Ok(None);
    }
    grouping.events(connection, &queues).map(Some)
}

/// The events of the sources that the filter asks for, where there are few.
fn few_events_of_sources(
    connection: &Connection,
    filter: &WhereEvents,
) -> Result<Option<Vec<i64>>, Failure> {
    if filter.sources_in.is_empty() {
        return Ok(None);
    }
    let mut statement = connection.prepare_cached(EVENTS_OF_SOURCE)?;
    let mut events = Vec::new();
    for source in sources(filter.sources_in.clone()) {
        let room = FEW + 1 - events.len() as u64;
        let rows = statement.query_map((source, room), |row| row.get(0))?;
        events.extend(rows.collect::<rusqlite::Result<Vec<i64>>>()?);
        if events.len() as u64 > FEW {
            return Ok(None);
        }
    }
    Ok(Some(events))
}

/// The search that looks at these candidates alone.
fn among(
    connection: &Connection,
    tables: Tables,
    filter: &WhereEvents,
    entries: Entries,
    candidates: &[i64],
) -> Result<Found<i64>, Failure> {
    let group = [Param::Text(json(candidates))];
    let search = search(&tables, filter, entries);
    let keys = query(connection, &search.keys, &group, |row| row.get(0))?;
    let count = search.count.map(|count| total(connection, &count, &group)).transpose()?;
    Ok(Found { keys, count })
}

/// The transitions that match, by job and sequence.
pub(crate) fn transitions(
    connection: &Connection,
    filter: &WhereEvents,
) -> Result<Found<(i64, i64)>, Failure> {
    if let Some(job) = filter.job_id() {
        let event = filter.event_id().map(|event| event.as_bytes().to_vec());
        let job = connection
            .prepare_cached(JOB)?
            .query_row((job.as_bytes(), event), |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let keys = job.into_iter().flat_map(|(job, latest)| (0..=latest).map(move |at| (job, at)));
        let position = |key: &(i64, i64)| u64::try_from(key.1).unwrap_or_default();
        let behind = |behind: &Position| match behind {
            Position::Sequence(sequence) => *sequence,
            Position::Id(_) => u64::MAX,
        };
        return Ok(cut(filter, keys.collect(), position, behind));
    }
    if let Some(event) = filter.event_id() {
        let mut statement = connection.prepare_cached(JOBS_OF_EVENT)?;
        let mut rows = statement.query([event.as_bytes()])?;
        let mut keys: Vec<(IdBytes, (i64, i64))> = Vec::new();
        while let Some(row) = rows.next()? {
            let (job, latest): (i64, i64) = (row.get(0)?, row.get(1)?);
            for sequence in 0..=latest {
                let Transition { id, .. } = transition_at(connection, job, sequence)?;
                keys.push((*id.as_bytes(), (job, sequence)));
            }
        }
        keys.sort_unstable();
        let behind = |behind: &Position| match behind {
            Position::Id(id) => *id,
            Position::Sequence(_) => IdBytes::default(),
        };
        let Found { keys, count } = cut(filter, keys, |key| key.0, behind);
        return Ok(Found { keys: keys.into_iter().map(|(_, key)| key).collect(), count });
    }
    let search = search(&Tables::Transitions, filter, Entries::Transitions);
    let keys = query(connection, &search.keys, &[], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let count = search.count.map(|count| total(connection, &count, &[])).transpose()?;
    Ok(Found { keys, count })
}

/// A page of keys that are all at hand, in ascending order.
fn cut<K, P: Ord>(
    filter: &WhereEvents,
    mut keys: Vec<K>,
    position: impl Fn(&K) -> P,
    behind: impl Fn(&Position) -> P,
) -> Found<K> {
    let count = (filter.count != Count::None).then_some(keys.len() as u64);
    let behind = filter.cursor.map(|cursor| behind(&cursor.position()));
    if filter.order == Order::Newest {
        keys.reverse();
    }
    let is_beyond = |key: &K| match (&behind, filter.order) {
        (None, _) => true,
        (Some(behind), Order::Newest) => position(key) < *behind,
        (Some(behind), Order::Oldest) => position(key) > *behind,
    };
    let (offset, size) = page(filter);
    Found { keys: keys.into_iter().filter(is_beyond).skip(offset).take(size).collect(), count }
}

/// How many keys to pass over, and how many to find: one more than the page shows.
fn page(filter: &WhereEvents) -> (usize, usize) {
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let limit = filter.limit.unwrap_or(blacksmith_store_core::DEFAULT_PAGE_LIMIT);
    (number(filter.offset.unwrap_or(0)), number(limit).saturating_add(1))
}

/// The search that looks at one entry after the other in the order of their ids, unless an index serves better.
fn one_by_one(
    connection: &Connection,
    filter: &WhereEvents,
    entries: Entries,
) -> Result<Found<i64>, Failure> {
    let search = search(&Tables::All, filter, entries);
    let keys = query(connection, &search.keys, &[], |row| row.get(0))?;
    let count = search.count.map(|count| total(connection, &count, &[])).transpose()?;
    Ok(Found { keys, count })
}

/// How matches are counted.
enum Counting {
    /// Group by group.
    Sum(u64),
    /// By the counters.
    Known(u64),
}

/// A search in groups, each of which is in the order of the ids.
struct Merge<'a> {
    connection: &'a Connection,
    filter: WhereEvents,
    entries: Entries,
    candidates: Vec<Candidate>,
    offset: usize,
    size: usize,
    count: Option<Counting>,
}

impl<'a> Merge<'a> {
    fn new(connection: &'a Connection, filter: &WhereEvents, entries: Entries) -> Self {
        let (offset, size) = page(filter);
        // Each group may hold all that is passed over.
        let mut filter = filter.clone();
        filter.limit = Some(offset.saturating_add(size) as u64 - 1);
        filter.offset = None;
        let count = (filter.count != Count::None).then_some(Counting::Sum(0));
        Self { connection, filter, entries, candidates: Vec::new(), offset, size, count }
    }

    /// Searches through the groups of `tables` that these first parameters choose.
    fn add<const N: usize>(
        &mut self,
        tables: Tables,
        groups: impl IntoIterator<Item = [Param; N]>,
    ) -> Result<(), Failure> {
        let search = search(&tables, &self.filter, self.entries);
        let keys = Prepared::new(&search.keys);
        let count = search.count.as_ref().map(Prepared::new);
        for group in groups {
            self.candidates
                .extend(keys.rows(self.connection, &group, |row| Ok((row.get(0)?, row.get(1)?)))?);
            if let (Some(Counting::Sum(sum)), Some(count)) = (&mut self.count, &count) {
                *sum += count.total(self.connection, &group)?;
            }
            self.keep_the_first();
        }
        Ok(())
    }

    /// Drops candidates that no page will show.
    fn keep_the_first(&mut self) {
        let most = self.offset.saturating_add(self.size);
        if self.candidates.len() > most.saturating_mul(4) {
            self.sort();
            self.candidates.truncate(most);
        }
    }

    fn sort(&mut self) {
        match self.filter.order {
            Order::Newest => self.candidates.sort_unstable_by_key(|(_, id)| Reverse(*id)),
            Order::Oldest => self.candidates.sort_unstable_by_key(|(_, id)| *id),
        }
    }

    fn finish(mut self) -> Found<i64> {
        self.sort();
        let page = self.candidates.into_iter().skip(self.offset).take(self.size);
        let count = self.count.map(|count| match count {
            Counting::Sum(count) | Counting::Known(count) => count,
        });
        Found { keys: page.map(|(key, _)| key).collect(), count }
    }
}

/// A statement whose first parameters are a group's.
struct Prepared {
    sql: String,
    params: Vec<Param>,
}

impl Prepared {
    fn new(select: &sea_query::SelectStatement) -> Self {
        let (sql, values) = select.build(SqliteQueryBuilder);
        Self { sql, params: values.0.into_iter().map(param).collect() }
    }

    fn rows<T>(
        &self,
        connection: &Connection,
        group: &[Param],
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, Failure> {
        let mut statement = connection.prepare_cached(&self.sql)?;
        let params = group.iter().chain(&self.params[group.len()..]);
        let rows = statement.query_map(params_from_iter(params), read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn total(&self, connection: &Connection, group: &[Param]) -> Result<u64, Failure> {
        Ok(self.rows(connection, group, |row| row.get::<_, u64>(0))?.into_iter().sum())
    }
}

fn query<T>(
    connection: &Connection,
    select: &sea_query::SelectStatement,
    group: &[Param],
    read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, Failure> {
    Prepared::new(select).rows(connection, group, read)
}

fn total(
    connection: &Connection,
    select: &sea_query::SelectStatement,
    group: &[Param],
) -> Result<u64, Failure> {
    Prepared::new(select).total(connection, group)
}

/// A list, as SQLite takes it.
pub(crate) fn json<T: std::fmt::Display>(numbers: &[T]) -> String {
    let list: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    format!("[{}]", list.join(","))
}

/// A value of a search as a parameter. Searches have these kinds of values alone.
pub(crate) fn param(value: Value) -> Param {
    match value {
        Value::BigInt(Some(number)) => Param::Integer(number),
        Value::Int(Some(number)) => Param::Integer(number.into()),
        // A limit or an offset, which core keeps within the range.
        Value::BigUnsigned(Some(number)) => {
            Param::Integer(i64::try_from(number).unwrap_or(i64::MAX))
        }
        Value::String(Some(text)) => Param::Text(text),
        Value::Bytes(Some(bytes)) => Param::Blob(bytes),
        _ => Param::Null,
    }
}
