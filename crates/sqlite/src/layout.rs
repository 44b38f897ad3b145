//! The tables, as filters look at them: `e` an event, `j` a job, `s` its state; `t` a transition's id, `f` its job if it is the
//! first, `g` and `x` the rows of the log in which it is an outcome or a start.

use blacksmith_store_core::WhereEvents;
use blacksmith_store_sql::{
    Column, Dialect, Layout, Matching,
    sea_query::{Expr, JoinType, SelectStatement},
};

/// Which rows a search goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tables {
    /// Events, or jobs, in ascending or descending id.
    All,
    /// The events of one source, the first parameter.
    OfSource,
    /// The jobs of one queue in one status, the first two parameters. Only those that do not execute, unless `executing`:
    /// those that do are kept under the status before.
    OfQueue { executing: bool },
    /// The jobs that execute, of the queues in a list, the first parameter.
    Executing,
    /// The events in a list of numbers, the first parameter.
    Among,
    /// The jobs of the events in such a list.
    OfEvents,
    /// Transitions of any age.
    Transitions,
}

impl Tables {
    fn expression(self, column: Column) -> &'static str {
        match (self, column) {
            (Self::OfQueue { .. } | Self::Executing, Column::JobId) => "s.id",
            (Self::Transitions, Column::Status) => {
                "iif(t.sequence = 0, f.first_status, coalesce(g.status, 2))"
            }
            // A start's attempt is its outcome's, but for one that was given back.
            (Self::Transitions, Column::Attempt) => {
                "iif(t.sequence = 0, 0, coalesce(g.attempt, x.attempt + (x.status = 1), s.attempt))"
            }
            (Self::Transitions, Column::TransitionCreatedAt) => {
                "iif(t.sequence = 0, f.first_at, coalesce(g.at, x.started_at, s.at))"
            }
            (_, Column::EventId) => "e.id",
            (_, Column::Source) => "e.source",
            (_, Column::Trigger) => r#"e."trigger""#,
            (_, Column::EventVersion) => "coalesce(e.version, '')",
            (_, Column::ReceivedAt) => "e.received_at",
            (_, Column::IngestedAt) => "e.ingested_at",
            (_, Column::JobId) => "j.id",
            (_, Column::Destination) => {
                "(SELECT q.destination FROM blacksmith_queues AS q WHERE q.n = j.queue)"
            }
            (_, Column::Action) => {
                "(SELECT q.action FROM blacksmith_queues AS q WHERE q.n = j.queue)"
            }
            (_, Column::JobVersion) => "coalesce(j.version, '')",
            (_, Column::JobCreatedAt) => "j.created_at",
            (_, Column::TransitionId) => "t.id",
            (_, Column::Sequence) => "t.sequence",
            (_, Column::Status) => "iif(s.claim IS NULL, s.status, 2)",
            (_, Column::Attempt) => "s.attempt",
            (_, Column::TransitionCreatedAt) => "s.at",
        }
    }

    /// Adds the jobs to statements that begin with states, where a condition looks at them.
    fn join_jobs_of_states(self, select: &mut SelectStatement, filter: &WhereEvents) {
        let matching = Matching::new(&self, filter);
        if matching.looks_at_job() || matching.looks_at_event() {
            cross_join(select, "blacksmith_jobs", "j");
            select.and_where(Expr::cust("j.n = s.job"));
        }
    }
}

/// Joins a table after those that are there: SQLite keeps the order of a CROSS JOIN. The condition comes with the others.
fn cross_join(select: &mut SelectStatement, table: &'static str, alias: &'static str) {
    select.join_as(JoinType::CrossJoin, table, alias, Expr::cust("TRUE"));
}

impl Layout for Tables {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn column(&self, column: Column) -> Expr {
        Expr::cust(self.expression(column))
    }

    fn select_events(&self, select: &mut SelectStatement, _: &WhereEvents) {
        select.from_as("blacksmith_events", "e");
        match self {
            Self::OfSource => {
                select.and_where(Expr::cust_with_values("e.source = ?", [""]));
            }
            Self::Among => {
                let among = "e.n IN (SELECT value FROM json_each(?))";
                select.and_where(Expr::cust_with_values(among, [""]));
            }
            _ => {}
        }
    }

    fn select_jobs(&self, select: &mut SelectStatement, filter: &WhereEvents) {
        match self {
            Self::OfQueue { executing } => {
                select
                    .from_as("blacksmith_states", "s")
                    .and_where(Expr::cust_with_values("s.queue = ? AND s.status = ?", [0, 0]));
                if !executing {
                    select.and_where(Expr::cust("s.claim IS NULL"));
                }
                self.join_jobs_of_states(select, filter);
            }
            Self::Executing => {
                // From the few claims to the ranges of their tokens, in this order.
                select.from_as("blacksmith_claims", "c");
                cross_join(select, "blacksmith_transition_ids", "t");
                cross_join(select, "blacksmith_states", "s");
                self.join_jobs_of_states(select, filter);
                select
                    .and_where(Expr::cust_with_values(
                        "s.queue IN (SELECT value FROM json_each(?))",
                        [""],
                    ))
                    .and_where(Expr::cust("t.id BETWEEN c.first_token AND c.last_token"))
                    .and_where(Expr::cust("s.job = t.job AND s.claim = c.n AND s.token = t.id"));
            }
            Self::OfEvents => {
                let among = "j.event IN (SELECT value FROM json_each(?))";
                select
                    .from_as("blacksmith_jobs", "j")
                    .and_where(Expr::cust_with_values(among, [""]));
            }
            _ => {
                select.from_as("blacksmith_jobs", "j");
            }
        }
    }

    fn select_transitions(&self, select: &mut SelectStatement, _: &WhereEvents) {
        // SQLite leaves out those to which nothing refers.
        select
            .from_as("blacksmith_transition_ids", "t")
            .join_as(
                JoinType::LeftJoin,
                "blacksmith_jobs",
                "f",
                Expr::cust("f.n = t.job AND t.sequence = 0"),
            )
            .join_as(
                JoinType::LeftJoin,
                "blacksmith_log",
                "g",
                Expr::cust("g.job = t.job AND g.sequence = t.sequence"),
            )
            .join_as(
                JoinType::LeftJoin,
                "blacksmith_log",
                "x",
                Expr::cust("x.job = t.job AND x.sequence = t.sequence + 1"),
            )
            .join_as(JoinType::LeftJoin, "blacksmith_states", "s", Expr::cust("s.job = t.job"));
    }

    fn join_job(&self, select: &mut SelectStatement) {
        select.join_as(JoinType::InnerJoin, "blacksmith_jobs", "j", Expr::cust("j.n = t.job"));
    }

    fn join_event(&self, select: &mut SelectStatement) {
        let on = Expr::cust("e.n = j.event");
        if matches!(self, Self::OfQueue { .. } | Self::Executing) {
            cross_join(select, "blacksmith_events", "e");
            select.and_where(on);
        } else {
            select.join_as(JoinType::InnerJoin, "blacksmith_events", "e", on);
        }
    }

    fn join_latest(&self, select: &mut SelectStatement) {
        if !matches!(self, Self::OfQueue { .. } | Self::Executing) {
            select.join_as(
                JoinType::InnerJoin,
                "blacksmith_states",
                "s",
                Expr::cust("s.job = j.n"),
            );
        }
    }

    fn job_of_event(&self) -> Expr {
        Expr::cust("j.event = e.n")
    }

    fn event_keys(&self, select: &mut SelectStatement) {
        select.expr(Expr::cust("e.n")).expr(Expr::cust("e.id"));
    }

    fn job_keys(&self, select: &mut SelectStatement) {
        match self {
            Self::OfQueue { .. } | Self::Executing => {
                select.expr(Expr::cust("s.job")).expr(Expr::cust("s.id"))
            }
            _ => select.expr(Expr::cust("j.n")).expr(Expr::cust("j.id")),
        };
    }

    fn transition_keys(&self, select: &mut SelectStatement) {
        select.expr(Expr::cust("t.job")).expr(Expr::cust("t.sequence"));
    }

    /// Destinations and actions are looked up among the queues, of which there are few.
    fn one_of_names(&self, column: Column, names: &[String]) -> Expr {
        let of_queue = |name| {
            let is_named = self.dialect().one_of_names(Expr::cust(name), names);
            let text = "j.queue IN (SELECT q.n FROM blacksmith_queues AS q WHERE ?)";
            Expr::cust_with_exprs(text, [is_named])
        };
        match column {
            Column::Destination => of_queue("q.destination"),
            Column::Action => of_queue("q.action"),
            column => self.dialect().one_of_names(self.column(column), names),
        }
    }
}
