//! Claims, leases, pauses and purges on their way in.

use std::time::Duration;

use crate::{
    ClaimRequest, Claimed, ExpireRequest, ExtendRequest, Extended, MAX_CALL_ENTRIES, MAX_LEASE,
    MAX_REASON_BYTES, Pause, PauseId, PurgeRequest, Purged, Result, StoreError, Toolkit,
    WhereEvents, WhereJobs, WhereTransitions,
    checks::{Admitted, finding},
    limits::{check_name, check_text},
    time,
};

pub(crate) fn claim(
    _: &Toolkit,
    mut request: ClaimRequest,
) -> Result<Admitted<ClaimRequest, Claimed>> {
    check_name(&"the actor of a claim", &request.actor)?;
    request.lease = check_lease(request.lease)?;
    let mut total = 0_usize;
    for want in &request.wants {
        total = total.saturating_add(want.limit);
        if let Some(destination) = &want.destination {
            check_name(&"the destination of a want", destination)?;
        }
        if let Some(action) = &want.action {
            check_name(&"the action of a want", action)?;
            if want.destination.is_none() {
                return Err(StoreError::invalid_input(
                    "a want names an action without its destination",
                ));
            }
        }
    }
    if total > MAX_CALL_ENTRIES || request.wants.len() > MAX_CALL_ENTRIES {
        return Err(StoreError::invalid_input(format!(
            "a claim takes at most {MAX_CALL_ENTRIES} jobs, and {total} are wanted"
        )));
    }
    if request.wants.is_empty() {
        return Ok(Admitted::Answer(Claimed::default()));
    }
    Ok(Admitted::call(request))
}

pub(crate) fn extend_leases(
    _: &Toolkit,
    mut request: ExtendRequest,
) -> Result<Admitted<ExtendRequest, Extended>> {
    check_name(&"the actor of an extension", &request.actor)?;
    request.lease = check_lease(request.lease)?;
    if request.tokens.len() > MAX_CALL_ENTRIES {
        let count = request.tokens.len();
        return Err(StoreError::invalid_input(format!(
            "a call extends at most {MAX_CALL_ENTRIES} tokens, and there are {count}"
        )));
    }
    // Also without tokens: the actor may hold claims whose answer it never saw.
    Ok(Admitted::call(request))
}

pub(crate) fn expire_leases(
    _: &Toolkit,
    request: ExpireRequest,
) -> Result<Admitted<ExpireRequest, u64>> {
    check_name(&"the actor of an expiry", &request.actor)?;
    if request.limit > MAX_CALL_ENTRIES {
        let limit = request.limit;
        return Err(StoreError::invalid_input(format!(
            "a call expires at most {MAX_CALL_ENTRIES} claims, and the limit is {limit}"
        )));
    }
    if request.limit == 0 {
        return Ok(Admitted::Answer(0));
    }
    Ok(Admitted::call(request))
}

pub(crate) fn pause(_: &Toolkit, mut pause: Pause) -> Result<Admitted<Pause, bool>> {
    check_name(&"the destination of a pause", &pause.destination)?;
    if let Some(action) = &pause.action {
        check_name(&"the action of a pause", action)?;
    }
    check_name(&"the actor of a pause", &pause.actor)?;
    if let Some(reason) = &pause.reason {
        check_text(&"the reason of a pause", reason, MAX_REASON_BYTES)?;
    }
    pause.created_at = None;
    Ok(Admitted::call(pause))
}

pub(crate) fn resume(_: &Toolkit, id: PauseId) -> Result<Admitted<PauseId, bool>> {
    Ok(Admitted::call(id))
}

pub(crate) fn purge(
    toolkit: &Toolkit,
    mut request: PurgeRequest,
) -> Result<Admitted<PurgeRequest, Purged>> {
    let filter = finding::constraints(&request.filter)?;
    if filter.event_id().is_some() || filter.job_id().is_some() {
        if without_ids(&filter) != WhereEvents::default() || request.older_than.is_some() {
            return Err(StoreError::invalid_input(
                "a purge by event id or job id has no other constraints: they would be ignored",
            ));
        }
    } else if filter.constrains_nothing() && request.older_than.is_none() && !request.all {
        return Err(StoreError::invalid_input(
            "the filter of a purge constrains nothing, which would delete everything; ask for `all` to do that",
        ));
    }
    request.filter = filter;
    if request.older_than.is_some_and(|age| time::before(toolkit.now(), age).is_none()) {
        return Ok(Admitted::Answer(Purged::default()));
    }
    if request.max_events == Some(0) {
        return Ok(Admitted::Answer(Purged { more: true, ..Purged::default() }));
    }
    Ok(Admitted::call(request))
}

/// The constraints of a filter beside its ids.
fn without_ids(filter: &WhereEvents) -> WhereEvents {
    let jobs = filter.jobs.clone().map(|jobs| WhereJobs {
        event_id: None,
        transitions: jobs
            .transitions
            .map(|transitions| WhereTransitions { job_id: None, ..transitions }),
        ..jobs
    });
    WhereEvents { jobs, ..filter.clone() }.constraints()
}

fn check_lease(lease: Duration) -> Result<Duration> {
    let lease = Duration::from_micros(u64::try_from(lease.as_micros()).unwrap_or(u64::MAX));
    if lease.is_zero() || lease > MAX_LEASE {
        return Err(StoreError::invalid_input(
            "a lease lasts at least a microsecond and at most a day",
        ));
    }
    Ok(lease)
}
