//! An adapter's tables, as far as filters look at them.

use blacksmith_store_core::WhereEvents;
use sea_query::{Expr, SelectStatement};

use crate::Dialect;

/// What a filter looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the member of its model")]
pub enum Column {
    EventId,
    Source,
    Trigger,
    /// An absent version is `''`.
    EventVersion,
    ReceivedAt,
    IngestedAt,
    JobId,
    Destination,
    Action,
    /// An absent version is `''`.
    JobVersion,
    JobCreatedAt,
    TransitionId,
    Sequence,
    /// The number of the state after.
    Status,
    Attempt,
    TransitionCreatedAt,
}

/// Where the three kinds of rows are and how they belong together.
///
/// A layout names its tables as it likes; the expressions of [`column`](Self::column) must fit what its `from` and `join`
/// methods have added. Inside a condition on an event, the same names are used in a subquery over the event's jobs.
pub trait Layout {
    /// How values are taken.
    fn dialect(&self) -> Dialect;

    /// The expression of a column, in a statement that has the rows of its kind.
    fn column(&self, column: Column) -> Expr;

    /// Adds the events: `FROM events`.
    fn select_events(&self, select: &mut SelectStatement, filter: &WhereEvents);

    /// Adds the jobs: `FROM jobs`.
    fn select_jobs(&self, select: &mut SelectStatement, filter: &WhereEvents);

    /// Adds all transitions: `FROM transitions`.
    fn select_transitions(&self, select: &mut SelectStatement, filter: &WhereEvents);

    /// Adds the job of each transition to [`select_transitions`](Self::select_transitions); nothing where that has added it.
    fn join_job(&self, select: &mut SelectStatement);

    /// Adds the event of each job.
    fn join_event(&self, select: &mut SelectStatement);

    /// Adds the latest transition of each job.
    fn join_latest(&self, select: &mut SelectStatement);

    /// Within a subquery that has jobs: whether the job belongs to the event of the statement around it.
    fn job_of_event(&self) -> Expr;

    /// Adds the keys of events, by which the adapter reads a page's rows, to the statement's answer.
    fn event_keys(&self, select: &mut SelectStatement);

    /// Adds the keys of jobs.
    fn job_keys(&self, select: &mut SelectStatement);

    /// Adds the keys of transitions.
    fn transition_keys(&self, select: &mut SelectStatement);

    /// Whether a name is one of `names`; `column` is one of those that hold names. A layout that keeps names in a table of
    /// their own overrides it.
    fn one_of_names(&self, column: Column, names: &[String]) -> Expr {
        self.dialect().one_of_names(self.column(column), names)
    }
}
