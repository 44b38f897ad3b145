//! `find_event`, `find_job`, `find_transition`, and their plurals.

use std::collections::HashMap;

use blacksmith_store_core::{
    Carry, Entries, ErrorKind, Event, EventId, Job, JobId, Page, Position, Result, StoreError,
    Toolkit, Transition, TransitionId, WhereEvents,
};

use crate::{
    connection::Session,
    error::Outcome,
    row::Columns,
    searching::{self, Found, Key},
    statement::Statement,
    store::Inner,
};

impl Inner {
    pub(crate) async fn find_event(&self, toolkit: &Toolkit, id: EventId) -> Outcome<Event> {
        let session = self.database.session(toolkit).await?;
        session.begin_reading().await?;
        let (keys, everything) = ([*id.as_bytes()], WhereEvents::default());
        let events = events(&session, &keys, true, Carry::All, &everything).await;
        let events = session.end(events).await?;
        let not_found =
            || StoreError::naming(ErrorKind::NotFound, "no event is stored with the id", [id]);
        Ok(events.into_iter().next().ok_or_else(not_found)?)
    }

    pub(crate) async fn find_job(&self, toolkit: &Toolkit, id: JobId) -> Outcome<Job> {
        let session = self.database.session(toolkit).await?;
        let jobs = jobs(&session, &[*id.as_bytes()], true).await?;
        let not_found =
            || StoreError::naming(ErrorKind::NotFound, "no job is stored with the id", [id]);
        Ok(jobs.into_iter().next().ok_or_else(not_found)?)
    }

    pub(crate) async fn find_transition(
        &self,
        toolkit: &Toolkit,
        id: TransitionId,
    ) -> Outcome<Transition> {
        let session = self.database.session(toolkit).await?;
        let transitions = transitions(&session, &[*id.as_bytes()]).await?;
        let not_found =
            || StoreError::naming(ErrorKind::NotFound, "no transition is stored with the id", [id]);
        Ok(transitions.into_iter().next().ok_or_else(not_found)?)
    }

    pub(crate) async fn find_events(
        &self,
        toolkit: &Toolkit,
        filter: &WhereEvents,
    ) -> Outcome<Page<Event>> {
        let session = self.database.session(toolkit).await?;
        session.begin_reading().await?;
        let found = self.events_in(&session, filter).await;
        let (events, count) = session.end(found).await?;
        let position = |event: &Event| Position::Id(*event.id.as_bytes());
        Ok(Page::assemble(filter, Entries::Events, events, count, position))
    }

    async fn events_in(
        &self,
        session: &Session<'_>,
        filter: &WhereEvents,
    ) -> Outcome<(Vec<Event>, Option<u64>)> {
        let Found { keys, count } = searching::events(session, &self.schema, filter).await?;
        let payloads = !filter.without_payloads;
        Ok((events(session, &keys, payloads, filter.carry, filter).await?, count))
    }

    pub(crate) async fn find_jobs(
        &self,
        toolkit: &Toolkit,
        filter: &WhereEvents,
    ) -> Outcome<Page<Job>> {
        let session = self.database.session(toolkit).await?;
        session.begin_reading().await?;
        let found = self.jobs_in(&session, filter).await;
        let (jobs, count) = session.end(found).await?;
        let position = |job: &Job| Position::Id(*job.id.as_bytes());
        Ok(Page::assemble(filter, Entries::Jobs, jobs, count, position))
    }

    async fn jobs_in(
        &self,
        session: &Session<'_>,
        filter: &WhereEvents,
    ) -> Outcome<(Vec<Job>, Option<u64>)> {
        let Found { keys, count } =
            searching::jobs(session, &self.schema, &self.queues, filter).await?;
        Ok((jobs(session, &keys, !filter.without_payloads).await?, count))
    }

    pub(crate) async fn find_transitions(
        &self,
        toolkit: &Toolkit,
        filter: &WhereEvents,
    ) -> Outcome<Page<Transition>> {
        let session = self.database.session(toolkit).await?;
        session.begin_reading().await?;
        let found = self.transitions_in(&session, filter).await;
        let (transitions, count) = session.end(found).await?;
        let by_sequence = filter.job_id().is_some();
        let position = |transition: &Transition| match transition.sequence {
            Some(sequence) if by_sequence => Position::Sequence(sequence),
            _ => Position::Id(*transition.id.as_bytes()),
        };
        Ok(Page::assemble(filter, Entries::Transitions, transitions, count, position))
    }

    async fn transitions_in(
        &self,
        session: &Session<'_>,
        filter: &WhereEvents,
    ) -> Outcome<(Vec<Transition>, Option<u64>)> {
        let Found { keys, count } = searching::transitions(session, &self.schema, filter).await?;
        Ok((transitions(session, &keys).await?, count))
    }
}

/// Brings what was read in the order of the keys.
fn in_order<T>(keys: &[Key], read: impl Iterator<Item = Result<(Key, T)>>) -> Outcome<Vec<T>> {
    let mut read: HashMap<Key, T> = read.collect::<Result<_>>()?;
    Ok(keys.iter().filter_map(|key| read.remove(key)).collect())
}

fn parameter(keys: &[Key]) -> Vec<&[u8]> {
    keys.iter().map(|key| &key[..]).collect()
}

/// Events by their ids, with the jobs that they are to carry.
async fn events(
    session: &Session<'_>,
    keys: &[Key],
    payloads: bool,
    carry: Carry,
    filter: &WhereEvents,
) -> Outcome<Vec<Event>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let ids = parameter(keys);
    let rows = session.read(Statement::EVENTS, &[&ids, &payloads]).await?;
    let read = rows.iter().map(|row| {
        let event = Columns::of(row).event()?;
        Ok((*event.id.as_bytes(), event))
    });
    let mut events = in_order(keys, read)?;
    if carry == Carry::None {
        return Ok(events);
    }
    let places: HashMap<EventId, usize> =
        events.iter().enumerate().map(|(place, event)| (event.id, place)).collect();
    for row in session.read(Statement::JOBS_OF_EVENTS, &[&ids, &payloads]).await? {
        let job = Columns::of(&row).job_with_transition()?;
        let place = job.event_id.and_then(|event| places.get(&event));
        if let Some(place) = place
            && (carry == Carry::All || filter.carries_job(&job))
        {
            events[*place].jobs.push(job);
        }
    }
    Ok(events)
}

/// Jobs by their ids, with their latest transitions.
async fn jobs(session: &Session<'_>, keys: &[Key], payloads: bool) -> Outcome<Vec<Job>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let rows = session.read(Statement::JOBS, &[&parameter(keys), &payloads]).await?;
    let read = rows.iter().map(|row| {
        let job = Columns::of(row).job_with_transition()?;
        Ok((*job.id.as_bytes(), job))
    });
    in_order(keys, read)
}

/// Transitions by their ids.
async fn transitions(session: &Session<'_>, keys: &[Key]) -> Outcome<Vec<Transition>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let rows = session.read(Statement::TRANSITIONS, &[&parameter(keys)]).await?;
    let read = rows.iter().map(|row| {
        let transition = Columns::of(row).transition()?;
        Ok((*transition.id.as_bytes(), transition))
    });
    in_order(keys, read)
}
