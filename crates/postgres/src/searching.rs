//! Which entries match a filter: their keys, in the order of the page, and how many there are.
//!
//! A filter by destination, action, status or source goes through the entries of each queue and state in the order of their ids,
//! and takes from each what one page may need, so that it never reads what does not match. Transitions lie in four places, each
//! with an index by id; a page takes what it may need from each.

use blacksmith_store_core::{
    Count, Entries, ErrorKind, Order, Status, StoreError, Timestamp, WhereEvents, WhereJobs,
};
use blacksmith_store_sql::{
    Matching, Search,
    sea_query::{
        ArrayType, Expr, JoinType, PostgresQueryBuilder, Query, SelectStatement, UnionType, Value,
    },
    search,
};
use tokio_postgres::types::{ToSql, Type};

use crate::{
    connection::{Parameter, Session},
    error::Outcome,
    layout::{Rows, Tables, UNFINISHED, array},
    queues::{QueueName, QueueNumber, Queues},
    row::{Columns, number},
};

/// The bytes of a key.
pub(crate) type Key = [u8; 20];

/// Keys of a page, in its order, and one more where there are more; and how many entries match where that was asked.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) keys: Vec<Key>,
    pub(crate) count: Option<u64>,
}

/// Rows in groups, each of which has an index in the order of the page.
struct Part<'a> {
    rows: Rows<'a>,
    /// What tells the groups, `p`; empty where there are none.
    groups: Vec<SelectStatement>,
}

/// Up to so many groups stand in the statement one by one, so that the planner knows how many rows each has.
const ONE_BY_ONE: usize = 32;

/// Whether the conditions on transitions look at their jobs or events.
pub(crate) fn looks_at_job(filter: &WhereEvents) -> bool {
    let layout = Tables { schema: "", rows: Rows::Ends };
    let matching = Matching::new(&layout, filter);
    matching.looks_at_job() || matching.looks_at_event()
}

/// Whether the conditions on jobs look at more than their states, so that the jobs themselves are needed.
pub(crate) fn looks_beyond_states(filter: &WhereEvents) -> bool {
    let layout = Tables { schema: "", rows: Rows::Jobs };
    let matching = Matching::new(&layout, filter);
    matching.looks_at_job() || matching.looks_at_event() || matching.looks_at_transition()
}

/// The events that match.
pub(crate) async fn events(
    session: &Session<'_>,
    schema: &str,
    filter: &WhereEvents,
) -> Outcome<Found> {
    let mut rest = filter.clone();
    let mut sources = std::mem::take(&mut rest.sources_in);
    if sources.is_empty() {
        let part = Part { rows: Rows::Events, groups: Vec::new() };
        return found(session, schema, filter, &rest, Entries::Events, &[part]).await;
    }
    sources.sort_unstable();
    sources.dedup();
    let groups = if sources.len() <= ONE_BY_ONE {
        let of_source = |source: String| {
            let source = Expr::cust_with_exprs("$1::text", [Expr::val(source)]);
            Query::select().expr_as(source, "source").take()
        };
        sources.into_iter().map(of_source).collect()
    } else {
        let sources = array(ArrayType::String, sources.into_iter().map(Value::from));
        let sources = Expr::cust_with_exprs("unnest($1::text[])", [sources]);
        vec![Query::select().expr_as(sources, "source").take()]
    };
    let part = Part { rows: Rows::EventsOfSource, groups };
    found(session, schema, filter, &rest, Entries::Events, &[part]).await
}

/// The jobs that match.
pub(crate) async fn jobs(
    session: &Session<'_>,
    schema: &str,
    queues: &Queues,
    filter: &WhereEvents,
) -> Outcome<Found> {
    let Some(grouping) = Grouping::of(filter) else {
        let part = Part { rows: Rows::Jobs, groups: Vec::new() };
        return found(session, schema, filter, filter, Entries::Jobs, &[part]).await;
    };
    queues.refresh(session).await?;
    let queues = queues.picked(|queue| grouping.takes(queue));
    let unfinished = grouping.unfinished();
    let parts = grouping.parts(&queues, &unfinished);
    if queues.is_empty() || parts.is_empty() {
        let count = (filter.count != Count::None).then_some(0);
        return Ok(Found { keys: Vec::new(), count });
    }
    let rest = &grouping.rest;
    if rest.constrains_nothing() && filter.count != Count::None {
        // Everything that the filter asks for is counted already.
        let uncounted = rest.clone().with_count(Count::None);
        let mut found = found(session, schema, filter, &uncounted, Entries::Jobs, &parts).await?;
        found.count = Some(tallied(session, schema, &queues, &grouping.statuses).await?);
        return Ok(found);
    }
    found(session, schema, filter, rest, Entries::Jobs, &parts).await
}

/// The transitions that match.
pub(crate) async fn transitions(
    session: &Session<'_>,
    schema: &str,
    filter: &WhereEvents,
) -> Outcome<Found> {
    let parts = [Rows::Firsts, Rows::Starts, Rows::Ends, Rows::Runs];
    let parts = parts.map(|rows| Part { rows, groups: Vec::new() });
    found(session, schema, filter, filter, Entries::Transitions, &parts).await
}

/// The events of a purge: those behind `last` that match and are old enough, in ascending id.
pub(crate) async fn purgeable(
    session: &Session<'_>,
    schema: &str,
    filter: &WhereEvents,
    among: Purgeable<'_>,
    ingested_until: Option<Timestamp>,
) -> Outcome<Vec<Key>> {
    let layout = Tables { schema, rows: Rows::Events };
    let ascending = filter.constraints().with_count(Count::None).with_order(Order::Oldest);
    let mut select = search(&layout, &ascending, Entries::Events).keys;
    match among {
        Purgeable::Behind(last, limit) => {
            if let Some(last) = last {
                let last = Expr::val(last.to_vec());
                select.and_where(Expr::cust_with_exprs("e.id > $1::bytea", [last]));
            }
            select.reset_limit().limit(limit);
        }
        Purgeable::Among(keys) => {
            let keys = array(ArrayType::Bytes, keys.iter().map(|key| Value::from(key.to_vec())));
            select.and_where(Expr::cust_with_exprs("e.id = ANY ($1::bytea[])", [keys]));
            select.reset_limit();
        }
    }
    if let Some(until) = ingested_until {
        let until = Expr::val(until);
        select.and_where(Expr::cust_with_exprs("e.ingested_at <= $1::timestamptz", [until]));
    }
    keys(&run(session, &select).await?)
}

/// Which events a purge looks at.
#[derive(Clone, Copy)]
pub(crate) enum Purgeable<'a> {
    /// The next ones behind a key.
    Behind(Option<Key>, u64),
    /// These, again.
    Among(&'a [Key]),
}

/// What a filter says about queues and states, and the rest of it.
struct Grouping<'a> {
    jobs: &'a WhereJobs,
    statuses: Vec<Status>,
    rest: WhereEvents,
}

impl<'a> Grouping<'a> {
    /// The grouping of a filter that says something about queues or states, and names no id.
    fn of(filter: &'a WhereEvents) -> Option<Self> {
        if filter.event_id().is_some() || filter.job_id().is_some() {
            return None;
        }
        let jobs = filter.jobs.as_ref()?;
        let (status_in, status_notin) = jobs
            .transitions
            .as_ref()
            .map_or((&[][..], &[][..]), |filter| (&filter.status_in[..], &filter.status_notin[..]));
        let takes = |status: &Status| {
            (status_in.is_empty() || status_in.contains(status)) && !status_notin.contains(status)
        };
        let statuses: Vec<Status> = Status::ALL.into_iter().filter(takes).collect();
        let says_nothing = statuses.len() == Status::ALL.len()
            && jobs.destinations_in.is_empty()
            && jobs.destinations_notin.is_empty()
            && jobs.actions_in.is_empty()
            && jobs.actions_notin.is_empty();
        if says_nothing {
            return None;
        }
        let mut rest = filter.clone();
        if let Some(jobs) = &mut rest.jobs {
            jobs.destinations_in.clear();
            jobs.destinations_notin.clear();
            jobs.actions_in.clear();
            jobs.actions_notin.clear();
            if let Some(transitions) = &mut jobs.transitions {
                transitions.status_in.clear();
                transitions.status_notin.clear();
            }
        }
        Some(Self { jobs, statuses, rest })
    }

    fn takes(&self, queue: &QueueName) -> bool {
        let one_of = |names: &[String], name: &String| names.is_empty() || names.contains(name);
        one_of(&self.jobs.destinations_in, &queue.destination)
            && one_of(&self.jobs.actions_in, &queue.action)
            && !self.jobs.destinations_notin.contains(&queue.destination)
            && !self.jobs.actions_notin.contains(&queue.action)
    }

    fn takes_every_status(&self) -> bool {
        self.statuses.len() == Status::ALL.len()
    }

    /// The parts that a search for jobs of these queues goes through.
    fn parts<'b>(&self, queues: &[QueueNumber], unfinished: &'b [Status]) -> Vec<Part<'b>> {
        if self.takes_every_status() {
            return vec![Part { rows: Rows::JobsOfQueue, groups: groups(queues, None) }];
        }
        let finished = self.finished();
        let mut parts = Vec::new();
        if !unfinished.is_empty() {
            let rows = Rows::Unfinished(unfinished);
            parts.push(Part { rows, groups: groups(queues, None) });
        }
        if !finished.is_empty() {
            let groups = groups(queues, Some(&finished));
            parts.push(Part { rows: Rows::Finished, groups });
        }
        parts
    }

    fn unfinished(&self) -> Vec<Status> {
        UNFINISHED.into_iter().filter(|status| self.statuses.contains(status)).collect()
    }

    fn finished(&self) -> Vec<Status> {
        self.statuses.iter().copied().filter(|status| status.is_finished()).collect()
    }
}

/// The groups of some queues, or of each of them with each of some states.
fn groups(queues: &[QueueNumber], statuses: Option<&[Status]>) -> Vec<SelectStatement> {
    let numbers = |status: &Status| Some(number(*status));
    let statuses: Vec<Option<i16>> =
        statuses.map_or(vec![None], |statuses| statuses.iter().map(numbers).collect());
    let pairs: Vec<(QueueNumber, Option<i16>)> = queues
        .iter()
        .flat_map(|queue| statuses.iter().map(move |status| (*queue, *status)))
        .collect();
    if pairs.len() <= ONE_BY_ONE {
        let of_pair = |(queue, status): (QueueNumber, Option<i16>)| {
            let mut group = Query::select();
            group.expr_as(Expr::cust_with_exprs("$1::int4", [Expr::val(queue)]), "queue");
            if let Some(status) = status {
                group.expr_as(Expr::cust_with_exprs("$1::int2", [Expr::val(status)]), "status");
            }
            group
        };
        return pairs.into_iter().map(of_pair).collect();
    }
    let queues = array(ArrayType::Int, pairs.iter().map(|(queue, _)| Value::from(*queue)));
    let statuses: Vec<Value> =
        pairs.iter().filter_map(|(_, status)| status.map(Value::from)).collect();
    let mut all = Query::select();
    all.expr_as(Expr::cust_with_exprs("unnest($1::int4[])", [queues]), "queue");
    if !statuses.is_empty() {
        let statuses = array(ArrayType::SmallInt, statuses);
        all.expr_as(Expr::cust_with_exprs("unnest($1::int2[])", [statuses]), "status");
    }
    vec![all]
}

/// Runs a search over parts. `rest` is what of the filter is left to be looked at in each row.
async fn found(
    session: &Session<'_>,
    schema: &str,
    filter: &WhereEvents,
    rest: &WhereEvents,
    entries: Entries,
    parts: &[Part<'_>],
) -> Outcome<Found> {
    let Statements { page, count } = statements(schema, filter, rest, entries, parts);
    let keys = keys(&run(session, &page).await?)?;
    let count = match count {
        None => None,
        Some(count) => {
            let rows = run(session, &count).await?;
            Some(Columns::of(&rows[0]).number()?)
        }
    };
    Ok(Found { keys, count })
}

/// The statements of a search.
struct Statements {
    page: SelectStatement,
    count: Option<SelectStatement>,
}

fn statements(
    schema: &str,
    filter: &WhereEvents,
    rest: &WhereEvents,
    entries: Entries,
    parts: &[Part<'_>],
) -> Statements {
    let limit = filter.limit.unwrap_or(blacksmith_store_core::DEFAULT_PAGE_LIMIT);
    let offset = filter.offset.unwrap_or(0);
    // Each part gives all that the page may need of it.
    let mut deep = rest.clone().with_limit(limit.saturating_add(offset).min(i64::MAX as u64 - 1));
    deep.offset = None;
    let mut pages: Option<SelectStatement> = None;
    let mut counts: Option<SelectStatement> = None;
    for part in parts {
        let layout = Tables { schema, rows: part.rows };
        let Search { keys, count, .. } = search(&layout, &deep, entries);
        let columns = &["id", "sequence"][..key_columns(entries)];
        of_groups(part, &keys, columns).for_each(|page| append(&mut pages, page));
        if let Some(mut count) = count {
            let mut named = Query::select();
            named.expr_as(Expr::cust("c.count"), "n").from_subquery(count.take(), "c");
            of_groups(part, &named, &["n"]).for_each(|count| append(&mut counts, count));
        }
    }
    let order = match filter.order {
        Order::Newest => blacksmith_store_sql::sea_query::Order::Desc,
        Order::Oldest => blacksmith_store_sql::sea_query::Order::Asc,
    };
    let by_sequence = entries == Entries::Transitions && filter.job_id().is_some();
    let order_by = if by_sequence { "v.sequence" } else { "v.id" };
    let page = Query::select()
        .expr(Expr::cust("v.id"))
        .from_subquery(pages.expect("a search has parts"), "v")
        .order_by_expr(Expr::cust(order_by), order)
        .limit(limit + 1)
        .offset(offset)
        .take();
    let total = |counts| {
        Query::select()
            .expr(Expr::cust("coalesce(sum(v.n), 0)::int8"))
            .from_subquery(counts, "v")
            .take()
    };
    Statements { page, count: counts.map(total) }
}

fn key_columns(entries: Entries) -> usize {
    if entries == Entries::Transitions { 2 } else { 1 }
}

/// The statement for each of the groups of a part, or the statement itself where there are none.
fn of_groups<'a>(
    part: &'a Part<'_>,
    statement: &'a SelectStatement,
    columns: &'a [&'static str],
) -> impl Iterator<Item = SelectStatement> + 'a {
    let select = || {
        let mut select = Query::select();
        select.columns(columns.iter().map(|column| ("c", *column)));
        select
    };
    let alone = part.groups.is_empty().then(|| {
        let mut select = select();
        select.from_subquery(statement.clone(), "c");
        select
    });
    alone.into_iter().chain(part.groups.iter().map(move |group| {
        let mut select = select();
        let of_group = statement.clone();
        select.from_subquery(group.clone(), "p");
        select.join_lateral(JoinType::InnerJoin, of_group, "c", Expr::cust("true"));
        select
    }))
}

fn append(all: &mut Option<SelectStatement>, part: SelectStatement) {
    match all {
        None => *all = Some(part),
        Some(all) => {
            all.union(UnionType::All, part);
        }
    }
}

/// How many jobs of these queues are in these states.
async fn tallied(
    session: &Session<'_>,
    schema: &str,
    queues: &[QueueNumber],
    statuses: &[Status],
) -> Outcome<u64> {
    let queues = array(ArrayType::Int, queues.iter().map(|queue| Value::from(*queue)));
    let statuses =
        array(ArrayType::SmallInt, statuses.iter().map(|status| Value::from(number(*status))));
    let select = Query::select()
        .expr(Expr::cust("coalesce(sum(t.n), 0)::int8"))
        .from_as((blacksmith_store_sql::sea_query::Alias::new(schema), "tally"), "t")
        .and_where(Expr::cust_with_exprs("t.queue = ANY ($1::int4[])", [queues]))
        .and_where(Expr::cust_with_exprs("t.status = ANY ($1::int2[])", [statuses]))
        .take();
    let rows = run(session, &select).await?;
    Ok(Columns::of(&rows[0]).number()?)
}

fn keys(rows: &[tokio_postgres::Row]) -> Outcome<Vec<Key>> {
    let key = |row| {
        let bytes: &[u8] = Columns::of(row).next()?;
        Key::try_from(bytes)
            .map_err(|_| StoreError::new(ErrorKind::Corrupt, "a stored id has not 20 bytes"))
    };
    Ok(rows.iter().map(key).collect::<Result<_, StoreError>>()?)
}

/// Runs a statement that was built.
async fn run(session: &Session<'_>, select: &SelectStatement) -> Outcome<Vec<tokio_postgres::Row>> {
    run_after("", session, select).await
}

/// The plan of the statement that finds the keys of jobs.
#[cfg(test)]
pub(crate) async fn plan_of_jobs(
    session: &Session<'_>,
    schema: &str,
    queues: &Queues,
    filter: &WhereEvents,
) -> Outcome<String> {
    queues.refresh(session).await?;
    let page = match Grouping::of(filter) {
        None => {
            let part = Part { rows: Rows::Jobs, groups: Vec::new() };
            statements(schema, filter, filter, Entries::Jobs, &[part]).page
        }
        Some(grouping) => {
            let queues = queues.picked(|queue| grouping.takes(queue));
            let unfinished = grouping.unfinished();
            let parts = grouping.parts(&queues, &unfinished);
            statements(schema, filter, &grouping.rest, Entries::Jobs, &parts).page
        }
    };
    let rows = run_after("EXPLAIN ANALYZE ", session, &page).await?;
    let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    Ok(lines.join("\n"))
}

async fn run_after(
    words: &str,
    session: &Session<'_>,
    select: &SelectStatement,
) -> Outcome<Vec<tokio_postgres::Row>> {
    let (text, values) = select.build(PostgresQueryBuilder);
    let text = format!("{words}{text}");
    let values: Vec<(Box<dyn ToSql + Send + Sync>, Type)> =
        values.into_iter().map(bound).collect::<Result<_, StoreError>>()?;
    let parameters: Vec<(Parameter<'_>, Type)> =
        values.iter().map(|(value, kind)| (&**value as Parameter<'_>, kind.clone())).collect();
    session.query_built(&text, &parameters).await
}

/// A value as the driver takes it.
fn bound(value: Value) -> Result<(Box<dyn ToSql + Send + Sync>, Type), StoreError> {
    let unknown = || StoreError::internal("a filter binds a value of a kind that it should not");
    Ok(match value {
        Value::SmallInt(number) => (Box::new(number), Type::INT2),
        Value::Int(number) => (Box::new(number), Type::INT4),
        Value::BigInt(number) => (Box::new(number), Type::INT8),
        Value::BigUnsigned(number) => {
            let number = number.map(i64::try_from).transpose().map_err(|_| unknown())?;
            (Box::new(number), Type::INT8)
        }
        Value::String(text) => (Box::new(text), Type::TEXT),
        Value::Bytes(bytes) => (Box::new(bytes), Type::BYTEA),
        Value::ChronoDateTimeUtc(instant) => (Box::new(instant), Type::TIMESTAMPTZ),
        Value::Array(ArrayType::String, Some(values)) => (
            Box::new(list(*values, |value| match value {
                Value::String(text) => text,
                _ => None,
            })?),
            Type::TEXT_ARRAY,
        ),
        Value::Array(ArrayType::SmallInt, Some(values)) => (
            Box::new(list(*values, |value| match value {
                Value::SmallInt(number) => number,
                _ => None,
            })?),
            Type::INT2_ARRAY,
        ),
        Value::Array(ArrayType::Int, Some(values)) => (
            Box::new(list(*values, |value| match value {
                Value::Int(number) => number,
                _ => None,
            })?),
            Type::INT4_ARRAY,
        ),
        Value::Array(ArrayType::Bytes, Some(values)) => (
            Box::new(list(*values, |value| match value {
                Value::Bytes(bytes) => bytes,
                _ => None,
            })?),
            Type::BYTEA_ARRAY,
        ),
        _ => return Err(unknown()),
    })
}

fn list<T>(values: Vec<Value>, take: impl Fn(Value) -> Option<T>) -> Result<Vec<T>, StoreError> {
    let all: Option<Vec<T>> = values.into_iter().map(take).collect();
    all.ok_or_else(|| StoreError::internal("a filter binds a list of values of several kinds"))
}
