//! The conditions of a filter; they say what core's `matching.rs` says.

use blacksmith_store_core::{Status, Timestamp, WhereEvents, WhereJobs, WhereTransitions};
use sea_query::{Cond, Condition, Expr, ExprTrait as _, Query};

use crate::{Column, Layout};

/// A filter over a layout.
#[derive(Clone, Copy)]
pub struct Matching<'a> {
    layout: &'a dyn Layout,
    filter: &'a WhereEvents,
}

impl<'a> Matching<'a> {
    /// The conditions of `filter`, which has passed core's checks, over the tables of `layout`.
    pub fn new(layout: &'a dyn Layout, filter: &'a WhereEvents) -> Self {
        Self { layout, filter }
    }

    /// Whether the conditions on jobs and on transitions look at the event.
    pub fn looks_at_event(self) -> bool {
        self.filter.event_id().is_some() || !self.meets(Cond::all()).is_empty()
    }

    /// Whether the conditions on transitions look at their job.
    pub fn looks_at_job(self) -> bool {
        self.filter.job_id().is_some()
            || self.filter.jobs.as_ref().is_some_and(|jobs| {
                !self.job_admitted(jobs).is_empty() || !self.job_excluded(jobs).is_empty()
            })
    }

    /// Whether the conditions on jobs look at their transitions.
    pub fn looks_at_transition(self) -> bool {
        self.transitions().is_some_and(|transitions| {
            !self.transition_admitted(transitions).is_empty()
                || !transitions.status_notin.is_empty()
        })
    }

    /// Whether an event matches.
    pub fn event(self) -> Condition {
        let mut all = Cond::all();
        if self.names_ids() {
            if let Some(id) = self.filter.event_id() {
                all = all.add(self.id(Column::EventId, id.as_bytes()));
            }
            if let Some(id) = self.filter.job_id() {
                all = all.add(
                    self.some_job(Cond::all().add(self.id(Column::JobId, id.as_bytes())), false),
                );
            }
            return all;
        }
        all = self.meets(all);
        let Some(jobs) = &self.filter.jobs else {
            return all;
        };
        let excluded = self.excluded(jobs);
        if !excluded.is_empty() {
            let latest = self.transitions().is_some_and(|filter| !filter.status_notin.is_empty());
            all = all.add(self.some_job(excluded, latest).not());
        }
        let admitted = self.admitted(jobs);
        if !admitted.is_empty() {
            let latest = self
                .transitions()
                .is_some_and(|filter| !self.transition_admitted(filter).is_empty());
            all = all.add(self.some_job(admitted, latest));
        }
        all
    }

    /// Whether a job with its latest transition, or a transition with its job, matches.
    pub fn job(self) -> Condition {
        let mut all = Cond::all();
        if self.names_ids() {
            if let Some(id) = self.filter.event_id() {
                all = all.add(self.id(Column::EventId, id.as_bytes()));
            }
            if let Some(id) = self.filter.job_id() {
                all = all.add(self.id(Column::JobId, id.as_bytes()));
            }
            return all;
        }
        all = self.meets(all);
        if let Some(jobs) = &self.filter.jobs {
            all = joined(all, self.admitted(jobs));
            let excluded = self.excluded(jobs);
            if !excluded.is_empty() {
                all = all.add(excluded.not());
            }
        }
        all
    }

    fn transitions(self) -> Option<&'a WhereTransitions> {
        self.filter.jobs.as_ref()?.transitions.as_ref()
    }

    fn names_ids(self) -> bool {
        self.filter.event_id().is_some() || self.filter.job_id().is_some()
    }

    fn id(self, column: Column, bytes: &[u8]) -> Expr {
        self.layout.column(column).eq(self.layout.dialect().bytes(bytes))
    }

    /// The constraints on the event itself.
    fn meets(self, all: Condition) -> Condition {
        let filter = self.filter;
        let all = self.names(all, Column::Source, &filter.sources_in, &filter.sources_notin);
        let all = self.names(all, Column::Trigger, &filter.triggers_in, &filter.triggers_notin);
        let all =
            self.names(all, Column::EventVersion, &filter.versions_in, &filter.versions_notin);
        let all = self.within(all, Column::IngestedAt, filter.created_after, filter.created_before);
        self.within(all, Column::ReceivedAt, filter.received_after, filter.received_before)
    }

    fn names(
        self,
        all: Condition,
        column: Column,
        among: &[String],
        none_of: &[String],
    ) -> Condition {
        all.add_option(self.any_name(column, among))
            .add_option(self.any_name(column, none_of).map(Expr::not))
    }

    fn any_name(self, column: Column, names: &[String]) -> Option<Expr> {
        (!names.is_empty()).then(|| self.layout.one_of_names(column, names))
    }

    fn any_status(self, statuses: &[Status]) -> Option<Expr> {
        let column = self.layout.column(Column::Status);
        (!statuses.is_empty()).then(|| self.layout.dialect().one_of_statuses(column, statuses))
    }

    fn within(
        self,
        all: Condition,
        column: Column,
        after: Option<Timestamp>,
        before: Option<Timestamp>,
    ) -> Condition {
        let dialect = self.layout.dialect();
        let expression = || self.layout.column(column);
        all.add_option(after.map(|after| expression().gt(dialect.instant(after))))
            .add_option(before.map(|before| expression().lt(dialect.instant(before))))
    }

    /// All positive constraints on one job and its transition; empty when there are none.
    fn admitted(self, jobs: &WhereJobs) -> Condition {
        let all = self.job_admitted(jobs);
        match &jobs.transitions {
            Some(filter) => joined(all, self.transition_admitted(filter)),
            None => all,
        }
    }

    fn job_admitted(self, jobs: &WhereJobs) -> Condition {
        let all = Cond::all()
            .add_option(self.any_name(Column::Destination, &jobs.destinations_in))
            .add_option(self.any_name(Column::Action, &jobs.actions_in))
            .add_option(self.any_name(Column::JobVersion, &jobs.versions_in));
        self.within(all, Column::JobCreatedAt, jobs.created_after, jobs.created_before)
    }

    fn transition_admitted(self, filter: &WhereTransitions) -> Condition {
        let dialect = self.layout.dialect();
        let attempt = || self.layout.column(Column::Attempt);
        let all = Cond::all()
            .add_option(self.any_status(&filter.status_in))
            .add_option(filter.min_attempts.map(|min| attempt().gte(dialect.integer(min))))
            .add_option(filter.max_attempts.map(|max| attempt().lte(dialect.integer(max))));
        let column = Column::TransitionCreatedAt;
        self.within(all, column, filter.created_after, filter.created_before)
    }

    /// Any negative constraint on one job and its transition; empty when there are none.
    fn excluded(self, jobs: &WhereJobs) -> Condition {
        let statuses = jobs.transitions.as_ref().map_or(&[][..], |filter| &filter.status_notin);
        self.job_excluded(jobs).add_option(self.any_status(statuses))
    }

    fn job_excluded(self, jobs: &WhereJobs) -> Condition {
        Cond::any()
            .add_option(self.any_name(Column::Destination, &jobs.destinations_notin))
            .add_option(self.any_name(Column::Action, &jobs.actions_notin))
            .add_option(self.any_name(Column::JobVersion, &jobs.versions_notin))
    }

    /// Whether a job of the event meets `condition`.
    fn some_job(self, condition: Condition, latest: bool) -> Expr {
        let mut jobs = Query::select();
        jobs.expr(Expr::cust("1"));
        self.layout.select_jobs(&mut jobs, &WhereEvents::default());
        if latest {
            self.layout.join_latest(&mut jobs);
        }
        jobs.and_where(self.layout.job_of_event()).cond_where(condition);
        Expr::exists(jobs)
    }
}

/// Both conditions, without an empty pair of parentheses where one is empty.
fn joined(all: Condition, more: Condition) -> Condition {
    match (all.is_empty(), more.is_empty()) {
        (_, true) => all,
        (true, false) => more,
        (false, false) => all.add(more),
    }
}
