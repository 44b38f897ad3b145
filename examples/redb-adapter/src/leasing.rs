//! Leases: they belong to claim calls, which are numbered in the order in which they were made.

use std::collections::HashSet;

use blacksmith_store_core::{
    ExpireRequest, ExtendRequest, Extended, JobId, Result, Status, Timestamp, Token, Toolkit,
    TransitionId, decide, due_after_expiry,
};
use redb::ReadableTable;

use crate::{
    claiming::queue_of,
    error::{damaged, failed},
    layout::{Batch, Tables},
    rows::{FIRST, LAST, Rows as _, micros},
};

/// A claim call of which something still executes.
struct Claim {
    number: u64,
    actor: String,
    lease_end: i64,
}

impl Batch<'_> {
    /// Begins the lease of a call that took these jobs, in the order in which they were due.
    pub(crate) fn begin_claim(
        &mut self,
        actor: &str,
        lease_end: Timestamp,
        jobs: &[(TransitionId, JobId)],
    ) -> Result<()> {
        if jobs.is_empty() {
            return Ok(());
        }
        let last = self.claims.last().map_err(failed)?.map(|(number, _)| number.value());
        let number = last.unwrap_or(0) + 1;
        let claim = (actor, micros(lease_end), jobs.len() as u64);
        self.claims.insert(number, claim).map_err(failed)?;
        for (token, job) in jobs {
            let token = token.as_bytes();
            self.tokens.insert(token, number).map_err(failed)?;
            self.taken.insert((number, token), job.as_bytes()).map_err(failed)?;
        }
        Ok(())
    }

    /// A run has ended, and with the last one its call.
    pub(crate) fn end_claim(&mut self, token: TransitionId) -> Result<()> {
        let number = call_of(self, token)?;
        let number = number.ok_or_else(|| damaged("the token of an executing job"))?;
        let (actor, lease_end, live) = {
            let claim = self.claims.get(number).map_err(failed)?;
            let claim = claim.ok_or_else(|| damaged("the claim of an executing job"))?;
            let (actor, lease_end, live) = claim.value();
            (actor.to_owned(), lease_end, live)
        };
        if live > 1 {
            self.claims.insert(number, (actor.as_str(), lease_end, live - 1)).map_err(failed)?;
            return Ok(());
        }
        self.claims.remove(number).map_err(failed)?;
        for (token, _) in taken_by(self, number)? {
            self.tokens.remove(token.as_bytes()).map_err(failed)?;
            self.taken.remove((number, token.as_bytes())).map_err(failed)?;
        }
        Ok(())
    }

    /// `extend_leases`. Any token names its claim call, also one whose own run has ended.
    pub(crate) fn extend_leases(
        &mut self,
        request: &ExtendRequest,
        now: Timestamp,
    ) -> Result<Extended> {
        let mut own = claims(self)?;
        own.retain(|claim| claim.actor == request.actor);
        let mut named = HashSet::new();
        let mut tokens = Vec::with_capacity(request.tokens.len());
        for token in &request.tokens {
            let call = call_of(self, *token)?;
            let call = call.filter(|number| own.iter().any(|claim| claim.number == *number));
            named.extend(call);
            let is_live = call.is_some() && is_executing(self, *token)?;
            tokens.push(if is_live { Token::Kept } else { Token::Lost });
        }

        let mut others = Vec::new();
        for claim in own {
            if named.contains(&claim.number) {
                self.set_lease_end(&claim, now + request.lease)?;
            } else {
                others.extend(live_jobs(self, claim.number)?);
            }
        }
        Ok(Extended::new(tokens, queue_of(self, others)?))
    }

    fn set_lease_end(&mut self, claim: &Claim, lease_end: Timestamp) -> Result<()> {
        let stored = self.claims.get(claim.number).map_err(failed)?;
        let live = stored.ok_or_else(|| damaged("a claim"))?.value().2;
        let extended = (claim.actor.as_str(), micros(lease_end), live);
        self.claims.insert(claim.number, extended).map_err(failed)?;
        Ok(())
    }

    /// `expire_leases`.
    pub(crate) fn expire_leases(
        &mut self,
        toolkit: &Toolkit,
        request: &ExpireRequest,
        now: Timestamp,
    ) -> Result<u64> {
        let mut ended = claims(self)?;
        ended.retain(|claim| claim.lease_end <= micros(now));
        ended.sort_by_key(|claim| (claim.lease_end, claim.number));
        let mut jobs = Vec::new();
        for claim in ended {
            jobs.extend(live_jobs(self, claim.number)?);
            if jobs.len() >= request.limit {
                break;
            }
        }
        jobs.truncate(request.limit);

        let ids = toolkit
            .unused_transition_ids(jobs.len(), |id| Ok(self.transition_row(id)?.is_some()))?;
        for (job, id) in jobs.iter().zip(ids) {
            let end = self.indexed_job(*job)?.next(id, Status::Unknown)?;
            let due = due_after_expiry(now, end.attempt);
            let end = end.with_run_at(due).with_actor(request.actor.as_str());
            decide::append(self, end, now)?;
        }
        Ok(jobs.len() as u64)
    }
}

/// The claim calls of which something still executes, the oldest first. There are as many as workers hold, which is few.
fn claims(tables: &impl Tables) -> Result<Vec<Claim>> {
    let claims = tables.claims().iter().map_err(failed)?;
    claims
        .map(|entry| {
            let (number, claim) = entry.map_err(failed)?;
            let (actor, lease_end, _) = claim.value();
            Ok(Claim { number: number.value(), actor: actor.to_owned(), lease_end })
        })
        .collect()
}

/// The claim call that a token belongs to, if something of it still executes.
fn call_of(tables: &impl Tables, token: TransitionId) -> Result<Option<u64>> {
    let number = tables.tokens().get(token.as_bytes()).map_err(failed)?;
    Ok(number.map(|number| number.value()))
}

/// What a claim call took, in the order in which it was due; also what has ended since.
fn taken_by(tables: &impl Tables, number: u64) -> Result<Vec<(TransitionId, JobId)>> {
    let entries = tables.taken().range((number, FIRST)..=(number, LAST)).map_err(failed)?;
    entries
        .map(|entry| {
            let (key, job) = entry.map_err(failed)?;
            let token = TransitionId::from_bytes(*key.value().1);
            Ok((token, JobId::from_bytes(*job.value())))
        })
        .collect()
}

/// The jobs of a claim call that still execute.
fn live_jobs(tables: &impl Tables, number: u64) -> Result<Vec<JobId>> {
    let mut live = Vec::new();
    for (token, job) in taken_by(tables, number)? {
        if is_executing(tables, token)? {
            live.push(job);
        }
    }
    Ok(live)
}

/// Whether the run of this token goes on.
fn is_executing(tables: &impl Tables, token: TransitionId) -> Result<bool> {
    let Some(start) = tables.transition_row(token)? else { return Ok(false) };
    let Some(job) = start.job_id else { return Err(damaged("a transition without its job")) };
    // A purged job may be found no more, though none that executes is ever purged.
    let latest = tables.job_row(job)?.and_then(|job| job.transition);
    Ok(latest.is_some_and(|latest| latest.id == token && latest.state_after == Status::Executing))
}
