//! The tables, as filters look at them: `e` an event, `j` a job, `s` its state; `t` a transition's id, `f` its job if it is the
//! first, `g` and `x` the rows of the log in which it is an outcome or a start.

use blacksmith_store_core::{Status, WhereEvents};
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
    /// The jobs that execute.
    Executing,
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
            let on = Expr::cust("j.n = s.job");
            select.join_as(JoinType::InnerJoin, "blacksmith_jobs", "j", on);
        }
    }
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
        if *self == Self::OfSource {
            select.and_where(Expr::cust_with_values("e.source = ?", [""]));
        }
    }

    fn select_jobs(&self, select: &mut SelectStatement, filter: &WhereEvents) {
        match self {
            Self::OfQueue { executing } => {
                select.from_as("blacksmith_states", "s");
                self.join_jobs_of_states(select, filter);
                select.and_where(Expr::cust_with_values("s.queue = ? AND s.status = ?", [0, 0]));
                if !executing {
                    select.and_where(Expr::cust("s.claim IS NULL"));
                }
            }
            Self::Executing => {
                select.from_as("blacksmith_claims", "c");
                let lies_between = "t.id BETWEEN c.first_token AND c.last_token";
                let on = Expr::cust(lies_between);
                select.join_as(JoinType::InnerJoin, "blacksmith_transition_ids", "t", on);
                let on = Expr::cust("s.job = t.job AND s.claim = c.n AND s.token = t.id");
                select.join_as(JoinType::InnerJoin, "blacksmith_states", "s", on);
                self.join_jobs_of_states(select, filter);
                select.and_where(Expr::cust_with_values(
                    "s.queue IN (SELECT value FROM json_each(?))",
                    [""],
                ));
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
        select.join_as(JoinType::InnerJoin, "blacksmith_events", "e", Expr::cust("e.n = j.event"));
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

/// What a filter says about queues and statuses, and the rest of it.
pub(crate) struct Grouping {
    /// Statuses that match.
    pub(crate) statuses: Vec<Status>,
    /// What groups by queue and status leave to look at.
    pub(crate) rest: WhereEvents,
}

impl Grouping {
    /// The grouping of a filter that says something about destinations, actions or statuses, and names no id.
    pub(crate) fn of(filter: &WhereEvents) -> Option<Self> {
        if filter.event_id().is_some() || filter.job_id().is_some() {
            return None;
        }
        let mut rest = filter.clone();
        let jobs = rest.jobs.as_mut()?;
        let mut grouped = [
            std::mem::take(&mut jobs.destinations_in),
            std::mem::take(&mut jobs.destinations_notin),
            std::mem::take(&mut jobs.actions_in),
            std::mem::take(&mut jobs.actions_notin),
        ]
        .iter()
        .any(|names| !names.is_empty());
        let (mut among, mut none_of) = (Vec::new(), Vec::new());
        if let Some(transitions) = &mut jobs.transitions {
            among = std::mem::take(&mut transitions.status_in);
            none_of = std::mem::take(&mut transitions.status_notin);
            grouped |= !(among.is_empty() && none_of.is_empty());
        }
        let wanted = |status: &Status| {
            (among.is_empty() || among.contains(status)) && !none_of.contains(status)
        };
        grouped.then(|| Self { statuses: Status::ALL.into_iter().filter(wanted).collect(), rest })
    }

    /// Whether jobs that execute match whatever their status before was, as all others do that are unfinished.
    pub(crate) fn takes_all_unfinished(&self) -> bool {
        Status::ALL
            .into_iter()
            .all(|status| status.is_finished() || self.statuses.contains(&status))
    }
}
