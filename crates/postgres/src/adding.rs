//! `add_events`, `add_jobs`, `add_transitions`, `apply`.
//!
//! What fits as it is sent is one statement, which fails as a whole where something does not: an id is stored already, a run has
//! ended. Only then is the call decided row by row, in a transaction.

use blacksmith_store_core::{
    Added, Appended, Change, ChangeOutcome, Event, Job, JobError, JobId, Timestamp, Toolkit,
    Transition, TransitionId,
};

use crate::{
    additions::Additions,
    connection::{Parameter, Session},
    deciding::{Plan, Writes, check_events, ends_run},
    error::Outcome,
    ledger::{Ledger, all_jobs},
    retries::Retries,
    row::{lane, number},
    running::Fitting,
    statement::Statement,
    store::Inner,
};

/// What became of a change that stood.
pub(crate) struct Decided {
    pub(crate) added: Added,
    pub(crate) appended: Appended,
    /// The jobs whose runs ended.
    ended: Vec<JobId>,
}

impl Inner {
    pub(crate) async fn add_events(&self, toolkit: &Toolkit, events: Vec<Event>) -> Outcome<Added> {
        let mut change = Change::default();
        change.events = events;
        let session = self.database.session(toolkit).await?;
        self.number_queues(&session, std::slice::from_ref(&change)).await?;
        if let Some(added) = self.add_new_events(&session, toolkit, &change).await? {
            return Ok(added);
        }
        drop(session);
        Ok(self.decide(toolkit, &[change]).await?.added)
    }

    pub(crate) async fn add_jobs(&self, toolkit: &Toolkit, jobs: Vec<Job>) -> Outcome<Added> {
        let mut change = Change::default();
        change.jobs = jobs;
        Ok(self.decide(toolkit, &[change]).await?.added)
    }

    pub(crate) async fn add_transitions(
        &self,
        toolkit: &Toolkit,
        transitions: Vec<Transition>,
    ) -> Outcome<Appended> {
        let mut change = Change::default();
        change.transitions = transitions;
        let changes = [change];
        if let Some(new) = self.end_runs(toolkit, &changes).await? {
            let mut appended = Appended::default();
            appended.new = new;
            return Ok(appended);
        }
        Ok(self.decide(toolkit, &changes).await?.appended)
    }

    pub(crate) async fn apply(
        &self,
        toolkit: &Toolkit,
        changes: Vec<Change>,
    ) -> Outcome<Vec<ChangeOutcome>> {
        if self.end_runs(toolkit, &changes).await?.is_some() {
            return Ok(vec![ChangeOutcome::Applied; changes.len()]);
        }
        let mut retries = Retries::new(toolkit);
        loop {
            match self.apply_once(toolkit, &changes).await {
                Err(failure) if retries.again(&failure).await => {}
                outcome => return outcome,
            }
        }
    }

    /// Numbers the queues of jobs that come.
    pub(crate) async fn number_queues(
        &self,
        session: &Session<'_>,
        changes: &[Change],
    ) -> Outcome<()> {
        let jobs = changes.iter().flat_map(all_jobs);
        let names = jobs.map(|job| (job.destination.as_str(), job.action.as_str()));
        self.queues.number_all(session, names).await
    }

    /// Adds events of which none is stored; `None` if something is.
    async fn add_new_events(
        &self,
        session: &Session<'_>,
        toolkit: &Toolkit,
        change: &Change,
    ) -> Outcome<Option<Added>> {
        let mut retries = Retries::new(toolkit);
        loop {
            let now = self.clock.now(session, toolkit).await?;
            let additions = self.additions(change);
            let mut added = Added::default();
            added.events = additions.events.len() as u64;
            added.jobs = additions.jobs.len() as u64;
            match additions.insert(session, now).await {
                Ok(()) => return Ok(Some(added)),
                Err(failure) if failure.is_unique_violation() || failure.is_misfit() => {
                    return Ok(None);
                }
                Err(failure) if retries.again(&failure).await => {}
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Everything that a change adds, as if nothing of it was stored.
    pub(crate) fn additions<'a>(&self, change: &'a Change) -> Additions<'a> {
        let numbered = |job: &'a Job| {
            let queue = self.queues.number(&job.destination, &job.action);
            (job, queue.expect("the queues of added jobs were numbered before"))
        };
        Additions {
            events: change.events.iter().collect(),
            jobs: all_jobs(change).map(numbered).collect(),
        }
    }

    /// Stores outcomes of runs of this handle, if the changes are nothing else and all of them fit; answers how many.
    async fn end_runs(&self, toolkit: &Toolkit, changes: &[Change]) -> Outcome<Option<u64>> {
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
        let Some(mut outcomes) = self.running.fitting(&ends) else {
            return Ok(None);
        };
        outcomes.sort_unstable_by_key(|outcome| outcome.run.job);
        let session = self.database.session(toolkit).await?;
        let mut retries = Retries::new(toolkit);
        loop {
            let now = self.clock.now(&session, toolkit).await?;
            let ending = self.running.ending(&outcomes);
            match end(&session, &outcomes, &ending, now).await {
                Ok(()) => {
                    self.running.end(outcomes.iter().map(|outcome| outcome.run.job), &ending);
                    return Ok(Some(outcomes.len() as u64));
                }
                Err(failure) => {
                    self.running.not_deleted(ending);
                    if failure.is_unique_violation() || failure.is_misfit() {
                        return Ok(None);
                    }
                    if !retries.again(&failure).await {
                        return Err(failure);
                    }
                }
            }
        }
    }

    /// Decides one change, all of which must stand, and writes it.
    async fn decide(&self, toolkit: &Toolkit, changes: &[Change; 1]) -> Outcome<Decided> {
        let mut retries = Retries::new(toolkit);
        loop {
            match self.decide_once(toolkit, changes).await {
                // A unique violation here is a race with another call that stores the same: what it stored is seen next time.
                Err(failure) if retries.again(&failure).await => {}
                outcome => return outcome,
            }
        }
    }

    async fn decide_once(&self, toolkit: &Toolkit, changes: &[Change; 1]) -> Outcome<Decided> {
        let session = self.database.session(toolkit).await?;
        self.number_queues(&session, changes).await?;
        let now = self.clock.now(&session, toolkit).await?;
        session.begin().await?;
        let outcome = self.decide_in(&session, changes, now).await;
        let decided = session.end(outcome).await?;
        self.running.end(decided.ended.iter().copied(), &[]);
        Ok(decided)
    }

    /// Decides one change in a transaction, which another may have begun.
    pub(crate) async fn decide_in(
        &self,
        session: &Session<'_>,
        changes: &[Change; 1],
        now: Timestamp,
    ) -> Outcome<Decided> {
        let mut ledger = Ledger::read(session, changes).await?;
        check_events(changes, &ledger)?;
        let plan = Plan::of(&changes[0], &ledger);
        plan.check()?;
        let (added, appended) = (plan.added(), plan.appended());
        let mut writes = Writes::default();
        writes.add(plan, &mut ledger, &self.queues, now);
        let ended = writes.ended_runs().collect();
        writes.write(session, now).await?;
        Ok(Decided { added, appended, ended })
    }

    async fn apply_once(
        &self,
        toolkit: &Toolkit,
        changes: &[Change],
    ) -> Outcome<Vec<ChangeOutcome>> {
        let session = self.database.session(toolkit).await?;
        self.number_queues(&session, changes).await?;
        let now = self.clock.now(&session, toolkit).await?;
        session.begin().await?;
        let outcome = self.apply_in(&session, changes, now).await;
        let (outcomes, ended) = session.end(outcome).await?;
        self.running.end(ended, &[]);
        Ok(outcomes)
    }

    /// Decides each change when those before it are.
    async fn apply_in(
        &self,
        session: &Session<'_>,
        changes: &[Change],
        now: Timestamp,
    ) -> Outcome<(Vec<ChangeOutcome>, Vec<JobId>)> {
        let mut ledger = Ledger::read(session, changes).await?;
        check_events(changes, &ledger)?;
        let mut writes = Writes::default();
        let mut outcomes = Vec::with_capacity(changes.len());
        for change in changes {
            let plan = Plan::of(change, &ledger);
            let outcome = plan.outcome(change);
            if outcome == ChangeOutcome::Applied {
                writes.add(plan, &mut ledger, &self.queues, now);
            }
            outcomes.push(outcome);
        }
        let ended = writes.ended_runs().collect();
        writes.write(session, now).await?;
        Ok((outcomes, ended))
    }
}

/// Runs the statement of outcomes, sorted by job.
async fn end(
    session: &Session<'_>,
    outcomes: &[Fitting<'_>],
    ending: &[TransitionId],
    now: Timestamp,
) -> Outcome<()> {
    fn column<'a, T>(outcomes: &'a [Fitting<'a>], value: impl Fn(&'a Fitting<'a>) -> T) -> Vec<T> {
        outcomes.iter().map(value).collect()
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
    let ending: Vec<&[u8]> = ending.iter().map(|claim| &claim.as_bytes()[..]).collect();
    let (lowest, highest) = (id.iter().min(), id.iter().max());
    let parameters: [Parameter<'_>; 15] = [
        &queue, &lane, &job, &token, &id, &after, &attempt, &run_at, &error, &actor, &claimant,
        &now, &ending, &lowest, &highest,
    ];
    session.query(Statement::OUTCOME, &parameters).await.map(drop)
}
