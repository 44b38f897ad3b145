//! `add_events`, `add_jobs`, `add_transitions`, `apply`.
//!
//! What fits as it is sent is one statement, which fails as a whole where something does not: an id is stored already, a run has
//! ended. Only then is the call decided row by row, in a transaction.

use std::sync::Arc;

use blacksmith_store_core::{
    Added, Appended, Bytes, Change, ChangeOutcome, Event, Job, JobId, Timestamp, Toolkit,
    Transition, TransitionId,
};
use futures_util::future::BoxFuture;

use crate::{
    additions::Additions,
    connection::Session,
    deciding::{Plan, Writes, check_events},
    error::Outcome,
    ledger::{Ledger, all_jobs},
    retries::Retries,
    running::Ending,
    sharing::{ENTRY_WEIGHT, Lane, Part, SMALL, Shared, share},
    store::Inner,
};

/// What became of a change that stood.
pub(crate) struct Decided {
    pub(crate) added: Added,
    pub(crate) appended: Appended,
    /// The runs that ended: their jobs and tokens.
    ended: Vec<(JobId, TransitionId)>,
}

/// The events that one call adds.
pub(crate) struct NewEvents(Change);

impl Part for NewEvents {
    fn weight(&self) -> usize {
        let payload = |payloads: [&Option<Bytes>; 2]| -> usize {
            payloads.into_iter().flatten().map(Bytes::len).sum()
        };
        let events = self.0.events.iter().map(|event| payload([&event.context, &event.data]));
        let jobs = all_jobs(&self.0).map(|job| payload([&job.context, &job.data]));
        events.chain(jobs).map(|payload| ENTRY_WEIGHT + payload).sum()
    }

    fn lane(inner: &Inner) -> &Lane<Self> {
        &inner.adding
    }

    fn commit<'a>(
        inner: &'a Inner,
        session: &'a Session<'_>,
        toolkit: &'a Toolkit,
        parts: &'a [Arc<Self>],
    ) -> BoxFuture<'a, Outcome<()>> {
        Box::pin(async move {
            let changes: Vec<&Change> = parts.iter().map(|part| &part.0).collect();
            inner.add_new(session, toolkit, &changes).await
        })
    }
}

/// The answer for a change of which nothing was stored before.
pub(crate) fn all_of(change: &Change) -> Added {
    let mut added = Added::default();
    added.events = change.events.len() as u64;
    added.jobs = all_jobs(change).count() as u64;
    added
}

impl Inner {
    pub(crate) async fn add_events(
        self: &Arc<Self>,
        toolkit: &Toolkit,
        events: Vec<Event>,
    ) -> Outcome<Added> {
        let mut change = Change::default();
        change.events = events;
        let part = Arc::new(NewEvents(change));
        let changes = std::slice::from_ref(&part.0);
        if toolkit.set_instant().is_none() && part.weight() <= SMALL {
            if let Shared::Committed = share(self, toolkit, Arc::clone(&part)).await? {
                return Ok(all_of(&part.0));
            }
            return Ok(self.decide(toolkit, changes).await?.added);
        }
        let session = self.database.session(toolkit).await?;
        match self.add_new(&session, toolkit, &[&part.0]).await {
            Ok(()) => Ok(all_of(&part.0)),
            Err(failure) if failure.is_unique_violation() || failure.is_misfit() => {
                drop(session);
                Ok(self.decide(toolkit, changes).await?.added)
            }
            Err(failure) => Err(failure),
        }
    }

    pub(crate) async fn add_jobs(&self, toolkit: &Toolkit, jobs: Vec<Job>) -> Outcome<Added> {
        let mut change = Change::default();
        change.jobs = jobs;
        Ok(self.decide(toolkit, &[change]).await?.added)
    }

    pub(crate) async fn add_transitions(
        self: &Arc<Self>,
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
        self: &Arc<Self>,
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
    pub(crate) async fn number_queues<'a>(
        &self,
        session: &Session<'_>,
        changes: impl Iterator<Item = &'a Change> + Clone,
    ) -> Outcome<()> {
        let jobs = changes.flat_map(all_jobs);
        let names = jobs.map(|job| (job.destination.as_str(), job.action.as_str()));
        self.queues.number_all(session, names).await
    }

    /// Adds events of which none is stored; if something is, nothing is added.
    async fn add_new(
        &self,
        session: &Session<'_>,
        toolkit: &Toolkit,
        changes: &[&Change],
    ) -> Outcome<()> {
        self.number_queues(session, changes.iter().copied()).await?;
        let mut retries = Retries::new(toolkit);
        loop {
            let now = self.clock.now(session, toolkit).await?;
            match self.additions(changes).insert(session, now).await {
                Err(failure) if failure.is_transient() && retries.again(&failure).await => {}
                outcome => return outcome,
            }
        }
    }

    /// Everything that changes add, as if nothing of it was stored.
    pub(crate) fn additions<'a>(&self, changes: &[&'a Change]) -> Additions<'a> {
        let numbered = |job: &'a Job| {
            let queue = self.queues.number(&job.destination, &job.action);
            (job, queue.expect("the queues of added jobs were numbered before"))
        };
        Additions {
            events: changes.iter().flat_map(|change| &change.events).collect(),
            jobs: changes.iter().copied().flat_map(all_jobs).map(numbered).collect(),
        }
    }

    /// Decides one change, all of which must stand, and writes it.
    async fn decide(&self, toolkit: &Toolkit, changes: &[Change]) -> Outcome<Decided> {
        let mut retries = Retries::new(toolkit);
        loop {
            match self.decide_once(toolkit, changes).await {
                // A unique violation here is a race with another call that stores the same: what it stored is seen next time.
                Err(failure) if retries.again(&failure).await => {}
                outcome => return outcome,
            }
        }
    }

    async fn decide_once(&self, toolkit: &Toolkit, changes: &[Change]) -> Outcome<Decided> {
        let session = self.database.session(toolkit).await?;
        self.number_queues(&session, changes.iter()).await?;
        let now = self.clock.now(&session, toolkit).await?;
        session.begin().await?;
        let outcome = self.decide_in(&session, changes, now).await;
        let decided = session.end(outcome).await?;
        self.running.end(decided.ended.iter().copied(), &Ending::default());
        Ok(decided)
    }

    /// Decides one change in a transaction, which another may have begun.
    pub(crate) async fn decide_in(
        &self,
        session: &Session<'_>,
        changes: &[Change],
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
        self.number_queues(&session, changes.iter()).await?;
        let now = self.clock.now(&session, toolkit).await?;
        session.begin().await?;
        let outcome = self.apply_in(&session, changes, now).await;
        let (outcomes, ended) = session.end(outcome).await?;
        self.running.end(ended, &Ending::default());
        Ok(outcomes)
    }

    /// Decides each change when those before it are.
    async fn apply_in(
        &self,
        session: &Session<'_>,
        changes: &[Change],
        now: Timestamp,
    ) -> Outcome<(Vec<ChangeOutcome>, Vec<(JobId, TransitionId)>)> {
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
