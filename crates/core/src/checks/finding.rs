//! Filters on their way in.

#![allow(
    clippy::needless_pass_by_value,
    reason = "requests are passed as the methods of the contract get them"
)]

use std::fmt::Display;

use crate::{
    DEFAULT_PAGE_LIMIT, Entries, Event, EventId, Job, JobId, MAX_PAGE_LIMIT, Page, Position,
    Result, StoreError, Timestamp, Toolkit, Transition, TransitionId, WhereEvents, WhereJobs,
    WhereTransitions,
    checks::Admitted,
    limits::{MAX_CALL_ENTRIES, check_instant, check_name},
    time,
};

pub(crate) fn find_event(_: &Toolkit, id: EventId) -> Result<Admitted<EventId, Event>> {
    Ok(Admitted::call(id))
}

pub(crate) fn find_job(_: &Toolkit, id: JobId) -> Result<Admitted<JobId, Job>> {
    Ok(Admitted::call(id))
}

pub(crate) fn find_transition(
    _: &Toolkit,
    id: TransitionId,
) -> Result<Admitted<TransitionId, Transition>> {
    Ok(Admitted::call(id))
}

pub(crate) fn find_events(
    _: &Toolkit,
    filter: WhereEvents,
) -> Result<Admitted<WhereEvents, Page<Event>>> {
    page(&filter, Entries::Events).map(Admitted::call)
}

pub(crate) fn find_jobs(
    _: &Toolkit,
    filter: WhereEvents,
) -> Result<Admitted<WhereEvents, Page<Job>>> {
    page(&filter, Entries::Jobs).map(Admitted::call)
}

pub(crate) fn find_transitions(
    _: &Toolkit,
    filter: WhereEvents,
) -> Result<Admitted<WhereEvents, Page<Transition>>> {
    page(&filter, Entries::Transitions).map(Admitted::call)
}

/// The filter as it is applied: ids alone where one is set, a limit in bounds, a cursor that fits.
fn page(filter: &WhereEvents, entries: Entries) -> Result<WhereEvents> {
    let mut applied = constraints(filter)?;
    if applied.event_id().is_some() || applied.job_id().is_some() {
        applied = ids_alone(&applied);
    }
    let limit = filter.limit.filter(|limit| *limit != 0).unwrap_or(DEFAULT_PAGE_LIMIT);
    let applied = WhereEvents {
        offset: filter.offset.filter(|offset| *offset != 0),
        limit: Some(limit.min(MAX_PAGE_LIMIT)),
        order: filter.order,
        cursor: filter.cursor,
        count: filter.count,
        carry: filter.carry,
        without_payloads: filter.without_payloads,
        ..applied
    };
    if applied.offset.is_some_and(|offset| i64::try_from(offset).is_err()) {
        return Err(StoreError::invalid_input("the offset is above 2^63-1"));
    }
    if let Some(cursor) = &applied.cursor {
        if applied.offset.is_some() {
            return Err(StoreError::invalid_input("a cursor excludes an offset"));
        }
        cursor.check(entries, &applied)?;
        let by_sequence = entries == Entries::Transitions && applied.job_id().is_some();
        if by_sequence != matches!(cursor.position(), Position::Sequence(_)) {
            return Err(StoreError::invalid_input("the cursor is none that a page has given out"));
        }
    }
    Ok(applied)
}

/// The ids of a filter and nothing else.
fn ids_alone(filter: &WhereEvents) -> WhereEvents {
    let transitions = filter
        .job_id()
        .map(|id| WhereTransitions { job_id: Some(id), ..WhereTransitions::default() });
    WhereEvents::default().with_jobs(WhereJobs {
        event_id: filter.event_id(),
        transitions,
        ..WhereJobs::default()
    })
}

/// The constraints of a filter, each of them checked.
pub(super) fn constraints(filter: &WhereEvents) -> Result<WhereEvents> {
    let mut filter = filter.constraints();
    let mut values = 0;
    check_names(&mut values, "sources_in", &filter.sources_in)?;
    check_names(&mut values, "sources_notin", &filter.sources_notin)?;
    check_names(&mut values, "triggers_in", &filter.triggers_in)?;
    check_names(&mut values, "triggers_notin", &filter.triggers_notin)?;
    check_versions(&mut values, "versions_in", &filter.versions_in)?;
    check_versions(&mut values, "versions_notin", &filter.versions_notin)?;
    bound("created_before", &mut filter.created_before)?;
    bound("created_after", &mut filter.created_after)?;
    bound("received_before", &mut filter.received_before)?;
    bound("received_after", &mut filter.received_after)?;
    if let Some(jobs) = &mut filter.jobs {
        check_names(&mut values, "jobs.destinations_in", &jobs.destinations_in)?;
        check_names(&mut values, "jobs.destinations_notin", &jobs.destinations_notin)?;
        check_names(&mut values, "jobs.actions_in", &jobs.actions_in)?;
        check_names(&mut values, "jobs.actions_notin", &jobs.actions_notin)?;
        check_versions(&mut values, "jobs.versions_in", &jobs.versions_in)?;
        check_versions(&mut values, "jobs.versions_notin", &jobs.versions_notin)?;
        bound("jobs.created_before", &mut jobs.created_before)?;
        bound("jobs.created_after", &mut jobs.created_after)?;
        if let Some(transitions) = &mut jobs.transitions {
            count_values(
                &mut values,
                transitions.status_in.len() + transitions.status_notin.len(),
            )?;
            bound("jobs.transitions.created_before", &mut transitions.created_before)?;
            bound("jobs.transitions.created_after", &mut transitions.created_after)?;
        }
    }
    // A bound that is Go's zero time constrains nothing and is gone now, and with it perhaps a child.
    Ok(filter.constraints())
}

fn count_values(values: &mut usize, more: usize) -> Result<()> {
    *values += more;
    if *values > MAX_CALL_ENTRIES {
        return Err(StoreError::invalid_input(format!(
            "the filter has more than {MAX_CALL_ENTRIES} values"
        )));
    }
    Ok(())
}

fn check_names(values: &mut usize, member: &str, names: &[String]) -> Result<()> {
    count_values(values, names.len())?;
    names.iter().try_for_each(|name| check_name(&value_of(member), name))
}

fn check_versions(values: &mut usize, member: &str, versions: &[String]) -> Result<()> {
    count_values(values, versions.len())?;
    let named = versions.iter().filter(|version| !version.is_empty());
    named.map(String::as_str).try_for_each(|version| check_name(&value_of(member), version))
}

fn value_of(member: &str) -> impl Display + '_ {
    std::fmt::from_fn(move |f| write!(f, "a value of {member}"))
}

fn bound(member: &str, instant: &mut Option<Timestamp>) -> Result<()> {
    *instant = match *instant {
        Some(instant) if !time::is_never(instant) => Some(check_instant(&member, instant)?),
        _ => None,
    };
    Ok(())
}
