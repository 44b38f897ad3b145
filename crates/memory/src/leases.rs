//! The claim calls that are live. A lease belongs to a call, not to a job.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use blacksmith_store_core::{JobId, Timestamp, TransitionId};

/// One claim call of which something is still executing.
pub(crate) struct Claim {
    pub(crate) actor: String,
    /// What it took, in the order in which it was due, also what has ended since.
    pub(crate) taken: Vec<(TransitionId, JobId)>,
    live: usize,
    lease_end: Timestamp,
}

/// Numbers claim calls in the order in which they were made.
pub(crate) type ClaimNumber = u64;

/// The live claim calls, findable by their tokens and by the end of their leases.
#[derive(Default)]
pub(crate) struct Claims {
    calls: BTreeMap<ClaimNumber, Claim>,
    tokens: HashMap<TransitionId, ClaimNumber>,
    ends: BTreeSet<(Timestamp, ClaimNumber)>,
    begun: ClaimNumber,
}

impl Claims {
    /// Begins the lease of a call that took something.
    pub(crate) fn begin(
        &mut self,
        actor: String,
        lease_end: Timestamp,
        taken: Vec<(TransitionId, JobId)>,
    ) {
        self.begun += 1;
        self.tokens.extend(taken.iter().map(|(token, _)| (*token, self.begun)));
        self.ends.insert((lease_end, self.begun));
        self.calls.insert(self.begun, Claim { actor, live: taken.len(), taken, lease_end });
    }

    /// A run has ended, and with the last one its call.
    pub(crate) fn end(&mut self, token: TransitionId) {
        let number = *self.tokens.get(&token).expect("an executing job has a claim");
        let claim = self.calls.get_mut(&number).expect("a live token has a claim call");
        claim.live -= 1;
        if claim.live > 0 {
            return;
        }
        self.ends.remove(&(claim.lease_end, number));
        for (token, _) in &claim.taken {
            self.tokens.remove(token);
        }
        self.calls.remove(&number);
    }

    /// Lets the lease of a call end at another instant.
    pub(crate) fn extend(&mut self, number: ClaimNumber, lease_end: Timestamp) {
        let claim = self.calls.get_mut(&number).expect("the call was found by its token");
        self.ends.remove(&(claim.lease_end, number));
        claim.lease_end = lease_end;
        self.ends.insert((lease_end, number));
    }

    /// The live call of `actor` that this token belongs to, whether or not its own run has ended.
    pub(crate) fn of_token(&self, token: TransitionId, actor: &str) -> Option<ClaimNumber> {
        let number = *self.tokens.get(&token)?;
        self.calls.get(&number).filter(|claim| claim.actor == actor).map(|_| number)
    }

    /// The live calls of `actor`, the oldest first.
    pub(crate) fn of_actor(&self, actor: &str) -> impl Iterator<Item = (ClaimNumber, &Claim)> {
        let calls = self.calls.iter().map(|(number, claim)| (*number, claim));
        calls.filter(move |(_, claim)| claim.actor == actor)
    }

    /// The calls whose lease has ended, the longest ended first.
    pub(crate) fn ended(&self, now: Timestamp) -> impl Iterator<Item = &Claim> {
        let ended = self.ends.iter().take_while(move |(end, _)| *end <= now);
        ended.filter_map(|(_, number)| self.calls.get(number))
    }
}
