//! Faults in leases: who holds a claim, and what becomes of one whose holder is gone.

use std::sync::Arc;

use blacksmith_store_core::{
    Appended, ExpireRequest, ExtendRequest, Extended, MAX_CALL_ENTRIES, Result, Status, Store,
    Token, Toolkit, Transition, async_trait,
};

use super::claiming::early;
use crate::fault::{Fault, Planted};

pub(super) const FAULTS: &[Planted] = &[
    Planted::new(
        "lets an old token extend its successor's lease (C3, Y2)",
        &["leases::an_old_token_extends_no_successor"],
        || Arc::new(ExtendsSuccessors),
    ),
    Planted::new(
        "tells nobody of a claim whose answer was lost (C11)",
        &[
            "leases::others_are_the_claims_of_calls_that_no_token_names",
            "dropped_futures::a_dropped_claim_is_told_by_extend_leases",
        ],
        || extensions(|extended| extended.others.events.clear()),
    ),
    Planted::new(
        "calls every token kept",
        &["leases::a_token_of_an_ended_claim_is_lost", "leases::an_unknown_token_is_lost"],
        || extensions(|extended| extended.tokens.fill(Token::Kept)),
    ),
    Planted::new("calls every token lost", &["leases::a_live_token_is_kept"], || {
        extensions(|extended| extended.tokens.fill(Token::Lost))
    }),
    Planted::new(
        "answers tokens in another order",
        &["leases::tokens_are_answered_in_the_order_asked"],
        || extensions(|extended| extended.tokens.reverse()),
    ),
    Planted::new("extends also what no token names", &["leases::others_are_not_extended"], || {
        Arc::new(ExtendsOthers)
    }),
    Planted::new("extends by half a lease", &["leases::an_extension_lasts_from_now_on"], || {
        Arc::new(ExtendsByHalf)
    }),
    Planted::new(
        "expires a lease a microsecond before its end",
        &["leases::nothing_is_expired_before_its_end"],
        || Arc::new(ExpiresEarly),
    ),
    Planted::new(
        "expires more claims than it was asked to",
        &["leases::a_limit_cuts_within_a_call"],
        || Arc::new(ExpiresAll),
    ),
    Planted::new(
        "refuses a late outcome before the claim was expired",
        &["leases::a_late_outcome_is_accepted_until_the_claim_is_expired"],
        || Arc::new(ExpiresByItself),
    ),
    Planted::new(
        "counts expired claims and leaves them as they are",
        &[
            "leases::an_expired_claim_is_written_into_the_history",
            "leases::an_expired_claim_is_expired_once",
        ],
        || Arc::new(ExpiresNothing),
    ),
];

/// A fault that changes the answers of extensions.
struct Extensions(fn(&mut Extended));

fn extensions(edit: fn(&mut Extended)) -> Arc<dyn Fault> {
    Arc::new(Extensions(edit))
}

#[async_trait]
impl Fault for Extensions {
    async fn extend_leases(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        request: ExtendRequest,
    ) -> Result<Extended> {
        let mut extended = store.extend_leases(toolkit, request).await?;
        (self.0)(&mut extended);
        Ok(extended)
    }
}

struct ExtendsSuccessors;

#[async_trait]
impl Fault for ExtendsSuccessors {
    async fn extend_leases(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        request: ExtendRequest,
    ) -> Result<Extended> {
        for token in &request.tokens {
            let Ok(Transition { job_id: Some(job), .. }) =
                store.find_transition(toolkit, *token).await
            else {
                continue;
            };
            if let Some(latest) = store.find_job(toolkit, job).await?.transition
                && latest.state_after == Status::Executing
                && let Some(actor) = latest.actor
            {
                let successor = ExtendRequest::new(actor, request.lease, [latest.id]);
                store.extend_leases(toolkit, successor).await?;
            }
        }
        store.extend_leases(toolkit, request).await
    }
}

struct ExtendsOthers;

#[async_trait]
impl Fault for ExtendsOthers {
    async fn extend_leases(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        request: ExtendRequest,
    ) -> Result<Extended> {
        let extended = store.extend_leases(toolkit, request.clone()).await?;
        let tokens =
            extended.others.jobs().filter_map(|(_, job)| Some(job.transition.as_ref()?.id));
        let others = ExtendRequest::new(request.actor, request.lease, tokens);
        if !others.tokens.is_empty() {
            store.extend_leases(toolkit, others).await?;
        }
        Ok(extended)
    }
}

struct ExtendsByHalf;

#[async_trait]
impl Fault for ExtendsByHalf {
    async fn extend_leases(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        mut request: ExtendRequest,
    ) -> Result<Extended> {
        request.lease /= 2;
        store.extend_leases(toolkit, request).await
    }
}

struct ExpiresEarly;

#[async_trait]
impl Fault for ExpiresEarly {
    async fn expire_leases(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        request: ExpireRequest,
    ) -> Result<u64> {
        store.expire_leases(&early(toolkit), request).await
    }
}

struct ExpiresAll;

#[async_trait]
impl Fault for ExpiresAll {
    async fn expire_leases(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        mut request: ExpireRequest,
    ) -> Result<u64> {
        request.limit = MAX_CALL_ENTRIES;
        store.expire_leases(toolkit, request).await
    }
}

struct ExpiresByItself;

#[async_trait]
impl Fault for ExpiresByItself {
    async fn add_transitions(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        transitions: Vec<Transition>,
    ) -> Result<Appended> {
        store.expire_leases(toolkit, ExpireRequest::new("store", MAX_CALL_ENTRIES)).await?;
        store.add_transitions(toolkit, transitions).await
    }
}

struct ExpiresNothing;

#[async_trait]
impl Fault for ExpiresNothing {
    async fn expire_leases(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        _: ExpireRequest,
    ) -> Result<u64> {
        let executing = store.stats(toolkit).await?;
        Ok(executing.iter().map(|queue| queue.counts.executing).sum())
    }
}
