//! The searches: what each of them looks at, and what it makes of what matches.

use blacksmith_store_core::{
    Carry, Entries, Event, EventId, Job, JobId, Page, Position, Result, Toolkit, Transition,
    TransitionId, WhereEvents,
};
use redb::ReadableTableMetadata as _;

use crate::{
    error::{damaged, failed, no_event, no_job, no_transition},
    layout::Tables,
    rows::Rows as _,
    searching::{Search, Source, every, these},
};

/// `find_event`.
pub(crate) fn find_event(tables: &impl Tables, id: EventId) -> Result<Event> {
    let event = tables.event_row(id)?.ok_or_else(|| no_event(id))?;
    loaded_event(tables, &WhereEvents::default(), event)
}

/// `find_job`.
pub(crate) fn find_job(tables: &impl Tables, id: JobId) -> Result<Job> {
    tables.with_job_payloads(tables.job_row(id)?.ok_or_else(|| no_job(id))?)
}

/// `find_transition`.
pub(crate) fn find_transition(tables: &impl Tables, id: TransitionId) -> Result<Transition> {
    tables.transition_row(id)?.ok_or_else(|| no_transition(id))
}

/// `find_events`.
pub(crate) fn find_events(
    tables: &impl Tables,
    toolkit: &Toolkit,
    filter: &WhereEvents,
) -> Result<Page<Event>> {
    let position = |event: &Event| Position::Id(*event.id.as_bytes());
    let source: Source<'_, Event> = if has_id(filter) {
        // Of both ids, the job's leads to the one event that may match.
        let event = match filter.job_id() {
            Some(job) => tables.job_row(job)?.and_then(|job| job.event_id),
            None => filter.event_id(),
        };
        let event = event.map(|id| tables.event_row(id)).transpose()?.flatten();
        these(event.into_iter().collect(), position)
    } else {
        every(tables.events(), |id| tables.event_row(EventId::from_bytes(id)))
    };
    let all = filter.constrains_nothing().then(|| tables.events().len());
    let all = all.transpose().map_err(failed)?;
    let (found, counted) = Search { toolkit, filter, source, all }.page(|event| {
        if all.is_some() {
            return Ok(true);
        }
        let jobs = tables.jobs_of(event.id)?;
        Ok(filter.matches_event_with(event, jobs.iter()))
    })?;
    let events = found.into_iter().map(|event| loaded_event(tables, filter, event));
    let events = events.collect::<Result<Vec<_>>>()?;
    Ok(Page::assemble(filter, Entries::Events, events, counted, position))
}

/// `find_jobs`.
pub(crate) fn find_jobs(
    tables: &impl Tables,
    toolkit: &Toolkit,
    filter: &WhereEvents,
) -> Result<Page<Job>> {
    let position = |job: &Job| Position::Id(*job.id.as_bytes());
    let source: Source<'_, Job> = match (filter.job_id(), filter.event_id()) {
        (Some(job), _) => these(tables.job_row(job)?.into_iter().collect(), position),
        (None, Some(event)) => these(tables.jobs_of(event)?, position),
        (None, None) => every(tables.jobs(), |id| tables.job_row(JobId::from_bytes(id))),
    };
    let all = filter.constrains_nothing().then(|| tables.jobs().len());
    let all = all.transpose().map_err(failed)?;
    let (found, counted) = Search { toolkit, filter, source, all }
        .page(|job| Ok(all.is_some() || filter.matches_job(&tables.event_of(job)?, job)))?;
    let jobs = found.into_iter().map(|job| loaded_job(tables, filter, job));
    let jobs = jobs.collect::<Result<Vec<_>>>()?;
    Ok(Page::assemble(filter, Entries::Jobs, jobs, counted, position))
}

/// `find_transitions`: of one job by sequence, else by id.
pub(crate) fn find_transitions(
    tables: &impl Tables,
    toolkit: &Toolkit,
    filter: &WhereEvents,
) -> Result<Page<Transition>> {
    let by_id = |found: &Transition| Position::Id(*found.id.as_bytes());
    let by_sequence = |found: &Transition| Position::Sequence(found.sequence.unwrap_or_default());
    let source: Source<'_, Transition> = match (filter.job_id(), filter.event_id()) {
        (Some(job), _) => these(chain(tables, job)?, by_sequence),
        (None, Some(event)) => {
            let mut all = Vec::new();
            for job in tables.jobs_of(event)? {
                all.extend(chain(tables, job.id)?);
            }
            all.sort_by_key(|transition| transition.id);
            these(all, by_id)
        }
        (None, None) => {
            every(tables.transitions(), |id| tables.transition_row(TransitionId::from_bytes(id)))
        }
    };
    let all = filter.constrains_nothing().then(|| tables.transitions().len());
    let all = all.transpose().map_err(failed)?;
    let (found, counted) = Search { toolkit, filter, source, all }.page(|transition| {
        if all.is_some() {
            return Ok(true);
        }
        let job = transition.job_id.ok_or_else(|| damaged("a transition without its job"))?;
        let job = tables.indexed_job(job)?;
        Ok(filter.matches_transition(&tables.event_of(&job)?, &job, transition))
    })?;
    Ok(match filter.job_id() {
        Some(_) => Page::assemble(filter, Entries::Transitions, found, counted, by_sequence),
        None => Page::assemble(filter, Entries::Transitions, found, counted, by_id),
    })
}

/// Whether the filter names an event or a job, of which few entries can match.
fn has_id(filter: &WhereEvents) -> bool {
    filter.event_id().is_some() || filter.job_id().is_some()
}

/// A job's transitions, by sequence.
fn chain(tables: &impl Tables, job: JobId) -> Result<Vec<Transition>> {
    let mut chain = Vec::new();
    while let Some(next) = tables.transition_at(job, chain.len() as u64)? {
        chain.push(next);
    }
    Ok(chain)
}

/// An event with its payloads, and those of its jobs that the filter wants it to carry.
fn loaded_event(tables: &impl Tables, filter: &WhereEvents, mut event: Event) -> Result<Event> {
    let is_carried = |job: &Job| match filter.carry {
        Carry::All => true,
        Carry::Matching => filter.carries_job(job),
        Carry::None => false,
    };
    if filter.carry != Carry::None {
        let jobs = tables.jobs_of(event.id)?.into_iter().filter(is_carried);
        event.jobs = jobs.map(|job| loaded_job(tables, filter, job)).collect::<Result<_>>()?;
    }
    if filter.without_payloads { Ok(event) } else { tables.with_event_payloads(event) }
}

fn loaded_job(tables: &impl Tables, filter: &WhereEvents, job: Job) -> Result<Job> {
    if filter.without_payloads { Ok(job) } else { tables.with_job_payloads(job) }
}
