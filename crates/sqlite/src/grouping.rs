//! What a filter says about queues and statuses: groups of jobs, each of which an index holds in the order of their ids.

use std::mem::take;

use blacksmith_store_core::{Status, WhereEvents};
use rusqlite::Connection;

use crate::{
    error::Failure,
    queues::{self, NumberedQueue},
    searching::json,
};

const COUNTED: &str = "SELECT coalesce(sum(jobs), 0) FROM blacksmith_counters
    WHERE queue IN (SELECT value FROM json_each(?1)) AND status IN (SELECT value FROM json_each(?2))";
/// Served by `blacksmith_states_status`; those that execute are kept under the status before.
pub(crate) const EVENTS: &str = "
    SELECT j.event FROM blacksmith_states AS s CROSS JOIN blacksmith_jobs AS j
    WHERE s.queue = ?1 AND s.status = ?2 AND j.n = s.job";
pub(crate) const EVENTS_OF_CLAIMS: &str = "
    SELECT j.event FROM blacksmith_claims AS c
    CROSS JOIN blacksmith_transition_ids AS t
    CROSS JOIN blacksmith_jobs AS j
    WHERE t.id BETWEEN c.first_token AND c.last_token AND j.n = t.job";

/// The queues and statuses of which jobs match.
#[derive(Default)]
pub(crate) struct Grouping {
    destinations_in: Vec<String>,
    destinations_notin: Vec<String>,
    actions_in: Vec<String>,
    actions_notin: Vec<String>,
    pub(crate) statuses: Vec<Status>,
    /// What is left of the filter.
    pub(crate) rest: WhereEvents,
}

impl Grouping {
    /// The groups in which every matching job is; `None` for a filter that says nothing about them, or names an id.
    pub(crate) fn of_jobs(filter: &WhereEvents) -> Option<Self> {
        let mut rest = filter.clone();
        let jobs = rest.jobs.as_mut()?;
        let mut grouping = Self {
            destinations_in: take(&mut jobs.destinations_in),
            destinations_notin: take(&mut jobs.destinations_notin),
            actions_in: take(&mut jobs.actions_in),
            actions_notin: take(&mut jobs.actions_notin),
            ..Self::default()
        };
        let (mut among, mut none_of) = (Vec::new(), Vec::new());
        if let Some(transitions) = &mut jobs.transitions {
            among = take(&mut transitions.status_in);
            none_of = take(&mut transitions.status_notin);
        }
        let wanted = |status: &Status| {
            (among.is_empty() || among.contains(status)) && !none_of.contains(status)
        };
        grouping.statuses = Status::ALL.into_iter().filter(wanted).collect();
        // Nothing was taken out of it.
        if rest == *filter {
            return None;
        }
        grouping.rest = rest;
        Some(grouping)
    }

    /// The groups in one of which every matching event has a job; `None` where it needs none.
    pub(crate) fn of_events(filter: &WhereEvents) -> Option<Self> {
        let mut positive = filter.clone();
        let jobs = positive.jobs.as_mut()?;
        jobs.destinations_notin.clear();
        jobs.actions_notin.clear();
        if let Some(transitions) = &mut jobs.transitions {
            transitions.status_notin.clear();
        }
        Self::of_jobs(&positive)
    }

    /// The numbers of the queues.
    pub(crate) fn queues(&self, connection: &Connection) -> Result<Vec<i64>, Failure> {
        let among = |names: &[String], name: &String| names.is_empty() || names.contains(name);
        let matches = |queue: &NumberedQueue| {
            among(&self.destinations_in, &queue.destination)
                && among(&self.actions_in, &queue.action)
                && !self.destinations_notin.contains(&queue.destination)
                && !self.actions_notin.contains(&queue.action)
        };
        let all = queues::all(connection)?.into_iter();
        Ok(all.filter(matches).map(|queue| queue.number).collect())
    }

    /// Whether jobs that execute match whatever their status before was, as all others do that are unfinished.
    pub(crate) fn takes_all_unfinished(&self) -> bool {
        let mut unfinished = Status::ALL.into_iter().filter(|status| !status.is_finished());
        unfinished.all(|status| self.statuses.contains(&status))
    }

    /// The statuses under which matching jobs are kept; those that execute are kept under the one before.
    pub(crate) fn kept_statuses(&self) -> impl Iterator<Item = Status> {
        self.statuses.iter().copied().filter(|status| *status != Status::Executing)
    }

    /// How many jobs are in the groups, by the counters.
    pub(crate) fn count(&self, connection: &Connection, queues: &[i64]) -> Result<u64, Failure> {
        let numbers: Vec<u8> = self.statuses.iter().map(|status| status.number()).collect();
        let mut statement = connection.prepare_cached(COUNTED)?;
        Ok(statement.query_row((json(queues), json(&numbers)), |row| row.get(0))?)
    }

    /// The events of the jobs in the groups, and perhaps of some more, each once.
    pub(crate) fn events(
        &self,
        connection: &Connection,
        queues: &[i64],
    ) -> Result<Vec<i64>, Failure> {
        let mut events: Vec<i64> = Vec::new();
        let mut of_group = connection.prepare_cached(EVENTS)?;
        for queue in queues {
            for status in self.kept_statuses() {
                let rows = of_group.query_map((queue, status.number()), |row| row.get(0))?;
                events.extend(rows.collect::<rusqlite::Result<Vec<i64>>>()?);
            }
        }
        if self.statuses.contains(&Status::Executing) {
            let mut of_claims = connection.prepare_cached(EVENTS_OF_CLAIMS)?;
            let rows = of_claims.query_map([], |row| row.get(0))?;
            events.extend(rows.collect::<rusqlite::Result<Vec<i64>>>()?);
        }
        events.sort_unstable();
        events.dedup();
        Ok(events)
    }
}
