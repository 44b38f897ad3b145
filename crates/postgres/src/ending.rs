//! Outcomes of runs of this handle: one statement, if all of them fit as they are sent.

use std::sync::Arc;

use blacksmith_store_core::{Change, JobError, Timestamp, Toolkit, Transition};
use futures_util::future::BoxFuture;

use crate::{
    connection::{Parameter, Session},
    deciding::ends_run,
    error::{Failure, Outcome},
    retries::Retries,
    row::{lane, number},
    running::{Ending, Fitting},
    sharing::{ENTRY_WEIGHT, Lane, Part, SMALL, Shared, share},
    statement::Statement,
    store::Inner,
};

/// The outcomes that one call brings.
pub(crate) struct Outcomes(Vec<Fitting>);

impl Part for Outcomes {
    fn weight(&self) -> usize {
        let weight = |outcome: &Fitting| {
            let error = outcome.end.error.as_ref().map_or(0, |error| error.as_json().len());
            ENTRY_WEIGHT + error
        };
        self.0.iter().map(weight).sum()
    }

    fn lane(inner: &Inner) -> &Lane<Self> {
        &inner.ending
    }

    fn commit<'a>(
        inner: &'a Inner,
        session: &'a Session<'_>,
        toolkit: &'a Toolkit,
        parts: &'a [Arc<Self>],
    ) -> BoxFuture<'a, Outcome<()>> {
        let outcomes = parts.iter().flat_map(|part| &part.0).collect();
        Box::pin(inner.end(session, toolkit, outcomes))
    }
}

impl Inner {
    /// Stores outcomes of runs of this handle, if the changes are nothing else and all of them fit; answers how many.
    pub(crate) async fn end_runs(
        self: &Arc<Self>,
        toolkit: &Toolkit,
        changes: &[Change],
    ) -> Outcome<Option<u64>> {
        let is_outcome = |change: &Change| {
            change.events.is_empty()
                && change.jobs.is_empty()
                && !change.transitions.is_empty()
                && change.transitions.iter().all(ends_run)
        };
        if !changes.iter().all(is_outcome) {
            return Ok(None);
        }
        let ends: Vec<&Transition> =
            changes.iter().flat_map(|change| &change.transitions).collect();
        let Some(outcomes) = self.running.fitting(&ends) else {
            return Ok(None);
        };
        let outcomes = Arc::new(Outcomes(outcomes));
        let count = outcomes.0.len() as u64;
        if toolkit.set_instant().is_none() && outcomes.weight() <= SMALL {
            let shared = share(self, toolkit, Arc::clone(&outcomes)).await?;
            return Ok(matches!(shared, Shared::Committed).then_some(count));
        }
        let session = self.database.session(toolkit).await?;
        match self.end(&session, toolkit, outcomes.0.iter().collect()).await {
            Ok(()) => Ok(Some(count)),
            Err(failure) if failure.is_unique_violation() || failure.is_misfit() => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Stores outcomes, all or none of them.
    async fn end(
        &self,
        session: &Session<'_>,
        toolkit: &Toolkit,
        mut outcomes: Vec<&Fitting>,
    ) -> Outcome<()> {
        // In one order, so that two calls do not wait for each other in a circle.
        outcomes.sort_unstable_by_key(|outcome| outcome.run.job);
        let mut retries = Retries::new(toolkit);
        loop {
            let now = self.clock.now(session, toolkit).await?;
            let ending = self.running.ending(&outcomes);
            let Err(failure) = run(session, &outcomes, &ending, now).await else {
                let ended = outcomes.iter().map(|outcome| (outcome.run.job, outcome.run.token));
                self.running.end(ended, &ending);
                return Ok(());
            };
            self.running.not_deleted(ending);
            let is_decided = failure.is_unique_violation() || failure.is_misfit();
            if is_decided || !retries.again(&failure).await {
                return Err(failure);
            }
        }
    }
}

/// Runs the statement.
async fn run(
    session: &Session<'_>,
    outcomes: &[&Fitting],
    ending: &Ending,
    now: Timestamp,
) -> Result<(), Failure> {
    fn column<'a, T>(outcomes: &[&'a Fitting], value: impl Fn(&'a Fitting) -> T) -> Vec<T> {
        outcomes.iter().map(|outcome| value(outcome)).collect()
    }
    let queue = column(outcomes, |outcome| outcome.run.queue);
    let lane = column(outcomes, |outcome| lane(outcome.run.event));
    let job = column(outcomes, |outcome| &outcome.run.job.as_bytes()[..]);
    let token = column(outcomes, |outcome| &outcome.run.token.as_bytes()[..]);
    let id = column(outcomes, |outcome| &outcome.end.id.as_bytes()[..]);
    let after = column(outcomes, |outcome| number(outcome.end.state_after));
    let attempt =
        column(outcomes, |outcome| i32::try_from(outcome.end.attempt).unwrap_or(i32::MAX));
    let run_at = column(outcomes, |outcome| outcome.end.run_at);
    let error = column(outcomes, |outcome| outcome.end.error.as_ref().map(JobError::as_json));
    let actor = column(outcomes, |outcome| outcome.end.actor.as_deref());
    let claimant = column(outcomes, |outcome| {
        Some(&*outcome.actor).filter(|claimant| Some(*claimant) != outcome.end.actor.as_deref())
    });
    let ending: Vec<&[u8]> = ending.rows().map(|row| &row.as_bytes()[..]).collect();
    let (lowest, highest) = (id.iter().min(), id.iter().max());
    let parameters: [Parameter<'_>; 15] = [
        &queue, &lane, &job, &token, &id, &after, &attempt, &run_at, &error, &actor, &claimant,
        &now, &ending, &lowest, &highest,
    ];
    session.query(Statement::OUTCOME, &parameters).await.map(drop)
}
