//! The statements of a search.

use blacksmith_store_core::{Count, Cursor, Entries, Order, Position, WhereEvents};
use sea_query::{Expr, ExprTrait as _, Query, SelectStatement};

use crate::{Column, Layout, Matching};

/// The statements of a search.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Search {
    /// Finds the keys of a page in its order, and one more where there are more.
    pub keys: SelectStatement,
    /// Counts what matches, up to one above the cap where the filter caps; `None` where it asks for no count.
    pub count: Option<SelectStatement>,
}

/// The statements that find the keys of `entries` that match `filter`, which has passed core's checks.
pub fn search(layout: &dyn Layout, filter: &WhereEvents, entries: Entries) -> Search {
    let matching = select(layout, filter, entries);
    Search { keys: keys(layout, filter, entries, matching.clone()), count: count(filter, matching) }
}

/// Everything that matches, without a column.
fn select(layout: &dyn Layout, filter: &WhereEvents, entries: Entries) -> SelectStatement {
    let matching = Matching::new(layout, filter);
    let mut select = Query::select();
    match entries {
        Entries::Events => {
            layout.select_events(&mut select, filter);
            select.cond_where(matching.event());
        }
        Entries::Jobs => {
            layout.select_jobs(&mut select, filter);
            if matching.looks_at_event() {
                layout.join_event(&mut select);
            }
            if matching.looks_at_transition() {
                layout.join_latest(&mut select);
            }
            select.cond_where(matching.job());
        }
        Entries::Transitions => {
            layout.select_transitions(&mut select, filter);
            if matching.looks_at_job() || matching.looks_at_event() {
                layout.join_job(&mut select);
            }
            if matching.looks_at_event() {
                layout.join_event(&mut select);
            }
            select.cond_where(matching.job());
        }
    }
    select
}

fn keys(
    layout: &dyn Layout,
    filter: &WhereEvents,
    entries: Entries,
    mut select: SelectStatement,
) -> SelectStatement {
    let order_by = match entries {
        Entries::Events => Column::EventId,
        Entries::Jobs => Column::JobId,
        Entries::Transitions if filter.job_id().is_some() => Column::Sequence,
        Entries::Transitions => Column::TransitionId,
    };
    match entries {
        Entries::Events => layout.event_keys(&mut select),
        Entries::Jobs => layout.job_keys(&mut select),
        Entries::Transitions => layout.transition_keys(&mut select),
    }
    if let Some(cursor) = &filter.cursor {
        select.and_where(beyond(layout, order_by, filter.order, cursor));
    }
    let order = match filter.order {
        Order::Newest => sea_query::Order::Desc,
        Order::Oldest => sea_query::Order::Asc,
    };
    let limit = filter.limit.unwrap_or(blacksmith_store_core::DEFAULT_PAGE_LIMIT);
    select.order_by_expr(layout.column(order_by), order).limit(limit + 1);
    if let Some(offset) = filter.offset {
        select.offset(offset);
    }
    select
}

/// What lies behind a cursor.
fn beyond(layout: &dyn Layout, column: Column, order: Order, cursor: &Cursor) -> Expr {
    let dialect = layout.dialect();
    let position = match cursor.position() {
        Position::Id(id) => dialect.bytes(&id),
        // A sequence beyond what a database can hold lies behind every transition.
        Position::Sequence(sequence) => {
            dialect.integer(i64::try_from(sequence).unwrap_or(i64::MAX))
        }
    };
    match order {
        Order::Newest => layout.column(column).lt(position),
        Order::Oldest => layout.column(column).gt(position),
    }
}

fn count(filter: &WhereEvents, mut matching: SelectStatement) -> Option<SelectStatement> {
    const ALL: &str = "count(*)";
    match filter.count {
        Count::None => None,
        Count::Exact => Some(matching.expr(Expr::cust(ALL)).take()),
        Count::UpTo(cap) => {
            // A cap that no table reaches is none; LIMIT is a signed number.
            let cap = std::cmp::min(cap, i64::MAX as u64 - 1);
            matching.expr(Expr::cust("1")).limit(cap + 1);
            Some(Query::select().expr(Expr::cust(ALL)).from_subquery(matching, "matching").take())
        }
    }
}
