//! `extend_leases`.

use std::collections::{BTreeSet, HashMap, HashSet};

use blacksmith_store_core::{
    Event, EventId, ExtendRequest, Extended, Job, JobId, Result, Timestamp, Token, Toolkit,
    TransitionId,
};

use crate::{
    claiming::queue_of,
    connection::{Parameter, Session},
    error::Outcome,
    ledger::bytes,
    queues::QueueNumber,
    retries::Retries,
    row::Columns,
    statement::Statement,
    store::Inner,
};

/// Rows of `claims`, column by column, as statements take them again.
#[derive(Default)]
pub(crate) struct Claims {
    pub(crate) id: Vec<TransitionId>,
    pub(crate) last_id: Vec<TransitionId>,
    pub(crate) queue: Vec<QueueNumber>,
    pub(crate) low: Vec<Timestamp>,
    pub(crate) high: Vec<Timestamp>,
}

impl Claims {
    pub(crate) fn push(&mut self, columns: &mut Columns<'_>) -> Result<()> {
        self.id.push(columns.transition_id()?);
        self.last_id.push(columns.transition_id()?);
        self.queue.push(columns.next()?);
        self.low.push(columns.next()?);
        self.high.push(columns.next()?);
        Ok(())
    }

    /// The place of the claim that a token belongs to; the claims are in ascending id.
    fn of_token(&self, token: TransitionId) -> Option<usize> {
        let place = self.id.partition_point(|id| *id <= token).checked_sub(1)?;
        (token <= self.last_id[place]).then_some(place)
    }
}

impl Inner {
    pub(crate) async fn extend_leases(
        &self,
        toolkit: &Toolkit,
        request: &ExtendRequest,
    ) -> Outcome<Extended> {
        let mut retries = Retries::new(toolkit);
        loop {
            let session = self.database.session(toolkit).await?;
            let now = self.clock.now(&session, toolkit).await?;
            session.begin().await?;
            let outcome = self.extend_in(&session, request, now).await;
            match session.end(outcome).await {
                Err(failure) if retries.again(&failure).await => {}
                outcome => return outcome,
            }
        }
    }

    /// Any token names its claim call, also one whose own run has ended.
    async fn extend_in(
        &self,
        session: &Session<'_>,
        request: &ExtendRequest,
        now: Timestamp,
    ) -> Outcome<Extended> {
        let mut calls: Vec<TransitionId> = Vec::new();
        let mut claims = Claims::default();
        for row in session.query(Statement::CLAIMS_OF_ACTOR, &[&request.actor]).await? {
            let mut columns = Columns::of(&row);
            calls.push(columns.transition_id()?);
            claims.push(&mut columns)?;
        }
        let executing = executing(session, &claims).await?;
        let live: HashSet<TransitionId> = executing.iter().map(|(_, _, token)| *token).collect();

        let mut named: BTreeSet<TransitionId> = BTreeSet::new();
        let mut tokens = Vec::with_capacity(request.tokens.len());
        for token in &request.tokens {
            named.extend(claims.of_token(*token).map(|place| calls[place]));
            tokens.push(if live.contains(token) { Token::Kept } else { Token::Lost });
        }
        if !named.is_empty() {
            let named: Vec<TransitionId> = named.iter().copied().collect();
            let named = bytes(&named, TransitionId::as_bytes);
            let until = now + request.lease;
            session.execute(Statement::EXTEND, &[&request.actor, &named, &until]).await?;
        }
        let others: Vec<JobId> = executing
            .iter()
            .filter(|(place, _, _)| !named.contains(&calls[*place]))
            .map(|(_, job, _)| *job)
            .collect();
        let others = queue_of(self.jobs_with_events(session, &others).await?);
        Ok(Extended::new(tokens, others))
    }

    /// Jobs with their latest transitions and their events, in the order given.
    async fn jobs_with_events(
        &self,
        session: &Session<'_>,
        ids: &[JobId],
    ) -> Outcome<Vec<(Event, Job)>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = session.read(Statement::JOBS, &[&bytes(ids, JobId::as_bytes), &true]).await?;
        let read = rows.iter().map(|row| {
            let job = Columns::of(row).job_with_transition()?;
            Ok((job.id, job))
        });
        let mut jobs: HashMap<JobId, Job> = read.collect::<Result<_>>()?;
        let of_jobs: BTreeSet<EventId> = jobs.values().filter_map(|job| job.event_id).collect();
        let of_jobs: Vec<EventId> = of_jobs.into_iter().collect();
        let parameters: [Parameter<'_>; 2] = [&bytes(&of_jobs, EventId::as_bytes), &true];
        let rows = session.read(Statement::EVENTS, &parameters).await?;
        let read = rows.iter().map(|row| {
            let event = Columns::of(row).event()?;
            Ok((event.id, event))
        });
        let events: HashMap<EventId, Event> = read.collect::<Result<_>>()?;
        let in_order = ids.iter().filter_map(|id| {
            let job = jobs.remove(id)?;
            Some((events.get(&job.event_id?)?.clone(), job))
        });
        Ok(in_order.collect())
    }
}

/// What is executing under claims: the claim's place, the job, the token.
async fn executing(
    session: &Session<'_>,
    claims: &Claims,
) -> Outcome<Vec<(usize, JobId, TransitionId)>> {
    if claims.id.is_empty() {
        return Ok(Vec::new());
    }
    let (id, last_id) =
        (bytes(&claims.id, TransitionId::as_bytes), bytes(&claims.last_id, TransitionId::as_bytes));
    let parameters: [Parameter<'_>; 5] = [&claims.queue, &claims.low, &claims.high, &id, &last_id];
    let rows = session.read(Statement::EXECUTING, &parameters).await?;
    let read = rows.iter().map(|row| {
        let mut columns = Columns::of(row);
        Ok((place(&mut columns)?, columns.job_id()?, columns.transition_id()?))
    });
    Ok(read.collect::<Result<_>>()?)
}

/// A place in an array, which SQL counts from 1.
pub(crate) fn place(columns: &mut Columns<'_>) -> Result<usize> {
    Ok(columns.number::<usize>()?.saturating_sub(1))
}
