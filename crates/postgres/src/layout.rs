//! The tables, as filters look at them: `e` an event, `j` a job; of a job's latest transition, or of the transition itself, `l` the
//! row of live, `g` that of log; `p` the group that a search goes through.

use blacksmith_store_core::{Status, WhereEvents};
use blacksmith_store_sql::{
    Column, Dialect, Layout,
    sea_query::{
        Alias, ArrayType, Expr, ExprTrait as _, IntoIden as _, JoinType, Query, SelectStatement,
        TableRef, Value,
    },
};

/// Which rows a search goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows<'a> {
    /// Events in the order of their ids.
    Events,
    /// The events of one source, `p.source`. Served by `events_source`.
    EventsOfSource,
    /// Jobs in the order of their ids.
    Jobs,
    /// The jobs of one queue, `p.queue`. Served by `jobs_queue`.
    JobsOfQueue,
    /// The unfinished jobs of one queue in one of these states. Served by `live_job`.
    Unfinished(&'a [Status]),
    /// The jobs of one queue that have ended in one state, `p.status`. Served by `log_final`.
    Finished,
    /// First transitions. Served by `jobs_first`.
    Firsts,
    /// Executing transitions of runs that have ended. Served by `log_exec`.
    Starts,
    /// Transitions that ended a run, or stand alone. Served by `log_end`.
    Ends,
    /// Executing transitions of runs that go on. Served by claims and `live_due`.
    Runs,
}

/// The tables of one schema.
#[derive(Clone, Copy)]
pub(crate) struct Tables<'a> {
    pub(crate) schema: &'a str,
    pub(crate) rows: Rows<'a>,
}

impl Tables<'_> {
    fn expression(self, column: Column) -> &'static str {
        use Rows::{Ends, Finished, Firsts, Runs, Starts, Unfinished};
        match (column, self.rows) {
            (Column::EventId, Rows::Events | Rows::EventsOfSource) => "e.id",
            (Column::EventId, _) => "j.event_id",
            (Column::Source, _) => "e.source",
            (Column::Trigger, _) => "e.trigger",
            (Column::EventVersion, _) => "coalesce(e.version, '')",
            (Column::ReceivedAt, _) => "e.received_at",
            (Column::IngestedAt, _) => "e.ingested_at",
            (Column::JobId, Unfinished(_)) => "l.job_id",
            (Column::JobId, Finished) => "g.job_id",
            (Column::JobId, _) => "j.id",
            // Names are looked for in the table of queues; see `one_of_names`.
            (Column::Destination | Column::Action, _) => "j.queue",
            (Column::JobVersion, _) => "coalesce(j.version, '')",
            (Column::JobCreatedAt, _) => "j.created_at",

            (Column::TransitionId, Firsts) => "j.first_id",
            (Column::TransitionId, Starts) => "g.exec_id",
            (Column::TransitionId, Runs) => "l.tr_id",
            (Column::TransitionId, _) => "g.end_id",
            (Column::Sequence, Firsts) => "0::int4",
            (Column::Sequence, Starts) => "(g.sequence - 1)",
            (Column::Sequence, Runs) => "l.sequence",
            (Column::Sequence, _) => "g.sequence",

            (Column::Status, Firsts) => "j.first_state",
            (Column::Status, Starts | Runs) => "2::int2",
            (Column::Status, Ends | Finished) => "g.after",
            (Column::Status, Unfinished(_)) => "l.status",
            (Column::Status, _) => "coalesce(l.status, g.after)",
            (Column::Attempt, Firsts) => "0",
            // A start's attempt is its outcome's, but for one that was given back.
            (Column::Attempt, Starts) => "(g.attempt + CASE WHEN g.after = 1 THEN 1 ELSE 0 END)",
            (Column::Attempt, Ends | Finished) => "g.attempt",
            (Column::Attempt, Runs | Unfinished(_)) => "l.attempt",
            (Column::Attempt, _) => "coalesce(l.attempt, g.attempt)",
            (Column::TransitionCreatedAt, Firsts) => "j.first_at",
            (Column::TransitionCreatedAt, Starts) => "g.exec_at",
            (Column::TransitionCreatedAt, Ends | Finished) => "g.end_at",
            (Column::TransitionCreatedAt, Runs) => "l.tr_at",
            (Column::TransitionCreatedAt, _) => {
                "CASE WHEN l.status = 2 THEN l.tr_at ELSE coalesce(g.end_at, j.first_at) END"
            }
        }
    }

    fn table(self, name: &'static str, alias: &'static str) -> TableRef {
        use blacksmith_store_sql::sea_query::IntoTableRef as _;
        (Alias::new(self.schema), name).into_table_ref().alias(alias.into_iden())
    }

    fn join(
        self,
        select: &mut SelectStatement,
        table: &'static str,
        alias: &'static str,
        on: &'static str,
    ) {
        select.join(JoinType::InnerJoin, self.table(table, alias), Expr::cust(on));
    }

    /// Adds the latest row of log of each job, null where there is none.
    fn join_log(self, select: &mut SelectStatement) {
        let mut latest = Query::select();
        latest
            .exprs(["g.sequence", "g.attempt", "g.after", "g.end_at"].map(Expr::cust))
            .from(self.table("log", "g"))
            .and_where(Expr::cust("g.job_id = j.id"))
            .order_by_expr(Expr::cust("g.sequence"), blacksmith_store_sql::sea_query::Order::Desc)
            .limit(1);
        select.join_lateral(JoinType::LeftJoin, latest, "g", Expr::cust("true"));
    }
}

impl Layout for Tables<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn column(&self, column: Column) -> Expr {
        Expr::cust(self.expression(column))
    }

    fn select_events(&self, select: &mut SelectStatement, _: &WhereEvents) {
        select.from(self.table("events", "e"));
        if self.rows == Rows::EventsOfSource {
            select.and_where(Expr::cust("e.source = p.source"));
        }
    }

    fn select_jobs(&self, select: &mut SelectStatement, filter: &WhereEvents) {
        match self.rows {
            Rows::Unfinished(statuses) => {
                select.from(self.table("live", "l"));
                if crate::searching::looks_beyond_states(filter) {
                    self.join(select, "jobs", "j", "j.id = l.job_id AND j.lane = l.lane");
                }
                select.and_where(Expr::cust("l.queue = p.queue"));
                if statuses.len() < UNFINISHED.len() {
                    let status = Expr::cust("l.status");
                    select.and_where(Dialect::Postgres.one_of_statuses(status, statuses));
                }
            }
            Rows::Finished => {
                // An older end of a job that was asked for again is passed over. OFFSET keeps the planner from making joins
                // of these two, for which it would give up the order of the index.
                let later = Query::select()
                    .expr(Expr::cust("1"))
                    .from(self.table("log", "n"))
                    .and_where(Expr::cust("n.job_id = g.job_id AND n.sequence > g.sequence"))
                    .offset(0)
                    .take();
                let unfinished = Query::select()
                    .expr(Expr::cust("1"))
                    .from(self.table("live", "l"))
                    .and_where(Expr::cust("l.queue = g.queue AND l.job_id = g.job_id"))
                    .offset(0)
                    .take();
                select.from(self.table("log", "g"));
                if crate::searching::looks_beyond_states(filter) {
                    self.join(select, "jobs", "j", "j.id = g.job_id AND j.lane = g.lane");
                }
                select
                    .and_where(Expr::cust(
                        "g.queue = p.queue AND g.after = p.status AND g.after IN (3, 5)",
                    ))
                    .and_where(Expr::exists(later).not())
                    .and_where(Expr::exists(unfinished).not());
            }
            Rows::JobsOfQueue => {
                select.from(self.table("jobs", "j")).and_where(Expr::cust("j.queue = p.queue"));
            }
            _ => {
                select.from(self.table("jobs", "j"));
            }
        }
    }

    fn select_transitions(&self, select: &mut SelectStatement, filter: &WhereEvents) {
        // With an id, the way leads from the jobs to their transitions.
        let has_id = filter.event_id().is_some() || filter.job_id().is_some();
        match self.rows {
            Rows::Firsts => {
                select.from(self.table("jobs", "j"));
            }
            Rows::Runs if has_id => {
                select.from(self.table("jobs", "j"));
                self.join(
                    select,
                    "live",
                    "l",
                    "l.queue = j.queue AND l.job_id = j.id AND l.status = 2",
                );
            }
            Rows::Runs => {
                let live = "l.lane >= 0 AND l.queue = k.queue AND l.run_at BETWEEN k.low AND k.high \
                     AND l.tr_id BETWEEN k.id AND k.last_id AND l.status = 2";
                select.from(self.table("claims", "k"));
                self.join(select, "live", "l", live);
            }
            _ if has_id => {
                select.from(self.table("jobs", "j"));
                self.join(select, "log", "g", "g.job_id = j.id AND g.lane = j.lane");
            }
            _ => {
                select.from(self.table("log", "g"));
            }
        }
        if self.rows == Rows::Starts {
            select.and_where(Expr::cust("g.exec_id IS NOT NULL"));
        }
        if !has_id && self.rows != Rows::Firsts && crate::searching::looks_at_job(filter) {
            let on = match self.rows {
                Rows::Runs => "j.id = l.job_id AND j.lane = l.lane",
                _ => "j.id = g.job_id AND j.lane = g.lane",
            };
            self.join(select, "jobs", "j", on);
        }
    }

    fn join_job(&self, _: &mut SelectStatement) {
        // `select_transitions` has added it.
    }

    fn join_event(&self, select: &mut SelectStatement) {
        self.join(select, "events", "e", "e.id = j.event_id AND e.lane = j.lane");
    }

    fn join_latest(&self, select: &mut SelectStatement) {
        match self.rows {
            Rows::Finished => {}
            Rows::Unfinished(_) => self.join_log(select),
            _ => {
                let on = Expr::cust("l.queue = j.queue AND l.job_id = j.id");
                select.join(JoinType::LeftJoin, self.table("live", "l"), on);
                self.join_log(select);
            }
        }
    }

    fn job_of_event(&self) -> Expr {
        Expr::cust("j.event_id = e.id AND j.lane = e.lane")
    }

    fn event_keys(&self, select: &mut SelectStatement) {
        select.expr_as(self.column(Column::EventId), "id");
    }

    fn job_keys(&self, select: &mut SelectStatement) {
        select.expr_as(self.column(Column::JobId), "id");
    }

    fn transition_keys(&self, select: &mut SelectStatement) {
        select
            .expr_as(self.column(Column::TransitionId), "id")
            .expr_as(self.column(Column::Sequence), "sequence");
    }

    fn one_of_names(&self, column: Column, names: &[String]) -> Expr {
        let name = match column {
            Column::Destination => "q.destination",
            Column::Action => "q.action",
            _ => return self.dialect().one_of_names(self.column(column), names),
        };
        let queues = Query::select()
            .expr(Expr::cust("q.id"))
            .from(self.table("queues", "q"))
            .and_where(self.dialect().one_of_names(Expr::cust(name), names))
            .take();
        Expr::cust("j.queue").in_subquery(queues)
    }
}

/// The states of jobs that stand in live.
pub(crate) const UNFINISHED: [Status; 5] =
    [Status::Acknowledged, Status::Awaiting, Status::Executing, Status::Failed, Status::Unknown];

/// A list as one bound value.
pub(crate) fn array(kind: ArrayType, values: impl IntoIterator<Item = Value>) -> Expr {
    Expr::val(Value::Array(kind, Some(Box::new(values.into_iter().collect()))))
}
