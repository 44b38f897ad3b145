//! `claim`, `extend_leases`, `expire_leases`.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashSet},
    iter::Peekable,
};

use blacksmith_store_core::{
    ClaimRequest, Claimed, ExpireRequest, ExtendRequest, Extended, JobId, Result, Status,
    Timestamp, Token, Toolkit, Transition, TransitionId, Want, decide, due_after_expiry,
};

use crate::{queues::Turn, state::State};

/// Jobs to claim, and when the next one will be due.
struct Choice {
    jobs: Vec<JobId>,
    next_due: Option<Timestamp>,
}

impl State {
    /// `claim`.
    pub(crate) fn claim(
        &mut self,
        toolkit: &Toolkit,
        request: ClaimRequest,
        now: Timestamp,
    ) -> Result<Claimed> {
        let Choice { jobs, next_due } = self.choose(&request.wants, now);
        let tokens = self.fresh_ids(toolkit, jobs.len())?;
        let starts = jobs
            .iter()
            .zip(&tokens)
            .map(|(job, token)| {
                let start = self.jobs[job].job.next(*token, Status::Executing)?;
                Ok(start.with_actor(request.actor.as_str()))
            })
            .collect::<Result<Vec<Transition>>>()?;

        for start in starts {
            decide::append(self, start, now)?;
        }
        if !jobs.is_empty() {
            let taken = tokens.into_iter().zip(jobs.iter().copied()).collect();
            self.claims.begin(request.actor, now + request.lease, taken);
        }
        Ok(Claimed::new(self.queue_of(jobs), next_due))
    }

    /// The due jobs that these wants get, oldest first.
    ///
    /// Every queue hands out its jobs in their order, whichever want asks, so what was taken from it is always its head: one
    /// iterator a queue, shared by the wants, is enough. A want for several queues takes the oldest of their heads.
    fn choose(&self, wants: &[Want], now: Timestamp) -> Choice {
        let paused = self.pauses.paused();
        let mut heads: BTreeMap<(&str, &str), Peekable<_>> = BTreeMap::new();
        let mut taken: Vec<Turn> = Vec::new();
        for want in wants {
            let mut oldest = BinaryHeap::new();
            for (destination, action, queue) in self.queues.wanted(want) {
                if paused.covers(destination, action) {
                    continue;
                }
                let name = (destination, action);
                let head = heads.entry(name).or_insert_with(|| queue.waiting().peekable());
                if let Some(turn) = head.peek() {
                    oldest.push(Reverse((*turn, name)));
                }
            }
            for _ in 0..want.limit {
                let Some(Reverse((turn, name))) = oldest.pop() else { break };
                if turn.0 > now {
                    break;
                }
                taken.push(turn);
                let head = heads.get_mut(&name).expect("the queue was entered above");
                head.next();
                if let Some(turn) = head.peek() {
                    oldest.push(Reverse((*turn, name)));
                }
            }
        }
        let next = heads.values_mut().filter_map(|head| head.peek()).min();
        let next_due = next.map(|(instant, _)| *instant);
        taken.sort_unstable();
        Choice { jobs: taken.into_iter().map(|(_, job)| job).collect(), next_due }
    }

    fn fresh_ids(&self, toolkit: &Toolkit, count: usize) -> Result<Vec<TransitionId>> {
        toolkit.unused_transition_ids(count, |id| Ok(self.transitions.contains_key(&id)))
    }

    /// `extend_leases`. Any token names its claim call, also one whose own run has ended.
    pub(crate) fn extend_leases(&mut self, request: &ExtendRequest, now: Timestamp) -> Extended {
        let mut named = HashSet::new();
        let mut tokens = Vec::with_capacity(request.tokens.len());
        for token in &request.tokens {
            let call = self.claims.of_token(*token, &request.actor);
            named.extend(call);
            let is_live = call.is_some() && self.is_executing(*token);
            tokens.push(if is_live { Token::Kept } else { Token::Lost });
        }
        for number in &named {
            self.claims.extend(*number, now + request.lease);
        }
        let others = self.claims.of_actor(&request.actor);
        let others = others.filter(|(number, _)| !named.contains(number));
        let live = others.flat_map(|(_, claim)| &claim.taken).filter_map(|(token, job)| {
            let is_live = self.is_executing(*token);
            is_live.then_some(*job)
        });
        Extended::new(tokens, self.queue_of(live))
    }

    /// `expire_leases`.
    pub(crate) fn expire_leases(
        &mut self,
        toolkit: &Toolkit,
        request: &ExpireRequest,
        now: Timestamp,
    ) -> Result<u64> {
        let ended = self.claims.ended(now).flat_map(|claim| &claim.taken);
        let live = ended.filter(|(token, _)| self.is_executing(*token));
        let jobs: Vec<JobId> = live.map(|(_, job)| *job).take(request.limit).collect();
        let ends = jobs
            .iter()
            .zip(self.fresh_ids(toolkit, jobs.len())?)
            .map(|(job, id)| {
                let end = self.jobs[job].job.next(id, Status::Unknown)?;
                let due = due_after_expiry(now, end.attempt);
                Ok(end.with_run_at(due).with_actor(request.actor.as_str()))
            })
            .collect::<Result<Vec<Transition>>>()?;

        for end in ends {
            decide::append(self, end, now)?;
        }
        Ok(jobs.len() as u64)
    }

    /// Whether the run of this token goes on.
    fn is_executing(&self, token: TransitionId) -> bool {
        self.transition(token).is_some_and(|(stored, _)| {
            let latest = stored.latest();
            latest.id == token && latest.state_after == Status::Executing
        })
    }
}
