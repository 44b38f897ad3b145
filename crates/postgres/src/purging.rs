//! `purge`.

use std::collections::{HashMap, HashSet};

use blacksmith_store_core::{
    EventId, JobId, PURGE_SPARES, PurgeRequest, Purged, Status, Timestamp, Toolkit,
};

use crate::{
    connection::Session,
    error::Outcome,
    ledger::bytes,
    queues::QueueNumber,
    retries::Retries,
    row::Columns,
    searching::{Key, Purgeable, purgeable},
    statement::Statement,
    store::Inner,
};

/// Events that one transaction looks at.
const BATCH: u64 = 500;

/// What one transaction did.
struct Batch {
    purged: Purged,
    /// The last event it looked at; none when there is nothing behind.
    last: Option<Key>,
}

impl Inner {
    pub(crate) async fn purge(&self, toolkit: &Toolkit, request: &PurgeRequest) -> Outcome<Purged> {
        let mut total = Purged::default();
        let mut last: Option<Key> = None;
        let mut retries = Retries::new(toolkit);
        loop {
            let left = request.max_events.map_or(u64::MAX, |most| most - total.events);
            let batch = match self.purge_batch(toolkit, request, last, left).await {
                Ok(batch) => batch,
                Err(failure) if retries.again(&failure).await => continue,
                Err(failure) => return Ok(total.stopped_by(failure.into())?),
            };
            let Batch { purged, last: looked_at } = batch;
            total.events += purged.events;
            total.jobs += purged.jobs;
            total.transitions += purged.transitions;
            total.left_unfinished += purged.left_unfinished;
            total.left_recent += purged.left_recent;
            total.more = purged.more;
            if looked_at.is_none() || purged.more {
                return Ok(total);
            }
            last = looked_at;
            if toolkit.remaining().is_some_and(|left| left.is_zero()) {
                total.more = true;
                return Ok(total);
            }
        }
    }

    async fn purge_batch(
        &self,
        toolkit: &Toolkit,
        request: &PurgeRequest,
        last: Option<Key>,
        left: u64,
    ) -> Outcome<Batch> {
        let session = self.database.session(toolkit).await?;
        let now = self.clock.now(&session, toolkit).await?;
        let until = request
            .older_than
            .filter(|age| !age.is_zero())
            .and_then(|age| chrono::Duration::from_std(age).ok())
            .map(|age| now.checked_sub_signed(age).unwrap_or(blacksmith_store_core::never()));
        let scope = Purgeable::Behind(last, BATCH);
        let keys = purgeable(&session, &self.schema, &request.filter, scope, until).await?;
        let Some(highest) = keys.last().copied() else {
            return Ok(Batch { purged: Purged::default(), last: None });
        };
        session.begin().await?;
        let outcome = self.purge_in(&session, request, &keys, left, until, now).await;
        let purged = session.end(outcome).await?;
        Ok(Batch { purged, last: Some(highest) })
    }

    /// Decides again what of these events is to go, when nobody can change it any more, and deletes it.
    async fn purge_in(
        &self,
        session: &Session<'_>,
        request: &PurgeRequest,
        keys: &[Key],
        left: u64,
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Outcome<Purged> {
        let locked = Locked::all_of(session, keys).await?;
        let scope = Purgeable::Among(keys);
        let matching = purgeable(session, &self.schema, &request.filter, scope, until).await?;
        let recent_since = now - PURGE_SPARES;

        let mut purged = Purged::default();
        let mut gone: Vec<EventId> = Vec::new();
        for key in matching {
            if gone.len() as u64 == left {
                purged.more = true;
                break;
            }
            let event = EventId::from_bytes(key);
            let Some(ingested_at) = locked.events.get(&event) else { continue };
            let is_unfinished = locked.unfinished.contains(&event) && !request.include_unfinished;
            if is_unfinished || locked.executing.contains(&event) {
                purged.left_unfinished += 1;
            } else if *ingested_at > recent_since && !request.include_recent {
                purged.left_recent += 1;
            } else {
                gone.push(event);
            }
        }
        if gone.is_empty() {
            return Ok(purged);
        }
        let jobs: Vec<(QueueNumber, JobId)> =
            gone.iter().filter_map(|event| locked.jobs.get(event)).flatten().copied().collect();
        let queues: Vec<QueueNumber> = jobs.iter().map(|(queue, _)| *queue).collect();
        let jobs: Vec<JobId> = jobs.into_iter().map(|(_, job)| job).collect();
        let (events, jobs) = (bytes(&gone, EventId::as_bytes), bytes(&jobs, JobId::as_bytes));
        let rows = session.query(Statement::PURGE_DELETE, &[&events, &queues, &jobs]).await?;
        let mut columns = Columns::of(&rows[0]);
        purged.events = columns.number()?;
        purged.jobs = columns.number()?;
        purged.transitions = columns.number()?;
        Ok(purged)
    }
}

/// Events with their jobs, which nobody else can change: no job can come to them, and none can move.
#[derive(Default)]
struct Locked {
    /// When each was ingested.
    events: HashMap<EventId, Timestamp>,
    jobs: HashMap<EventId, Vec<(QueueNumber, JobId)>>,
    /// Events with a job that is neither succeeded nor discarded, and with one that executes.
    unfinished: HashSet<EventId>,
    executing: HashSet<EventId>,
}

impl Locked {
    async fn all_of(session: &Session<'_>, keys: &[Key]) -> Outcome<Self> {
        let mut locked = Self::default();
        let ids: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
        for row in session.query(Statement::PURGE_LOCK_EVENTS, &[&ids]).await? {
            let mut columns = Columns::of(&row);
            locked.events.insert(columns.event_id()?, columns.next()?);
        }
        let mut owners: HashMap<JobId, EventId> = HashMap::new();
        for row in session.query(Statement::PURGE_LOCK_JOBS, &[&ids]).await? {
            let mut columns = Columns::of(&row);
            let (job, event, queue) = (columns.job_id()?, columns.event_id()?, columns.next()?);
            owners.insert(job, event);
            locked.jobs.entry(event).or_default().push((queue, job));
        }
        let jobs: Vec<(QueueNumber, JobId)> = locked.jobs.values().flatten().copied().collect();
        let queues: Vec<QueueNumber> = jobs.iter().map(|(queue, _)| *queue).collect();
        let ids: Vec<JobId> = jobs.into_iter().map(|(_, job)| job).collect();
        let ids = bytes(&ids, JobId::as_bytes);
        for row in session.query(Statement::LIVE_LOCK, &[&queues, &ids]).await? {
            let mut columns = Columns::of(&row);
            let (job, status) = (columns.job_id()?, columns.status()?);
            let Some(event) = owners.get(&job) else { continue };
            locked.unfinished.insert(*event);
            if status == Status::Executing {
                locked.executing.insert(*event);
            }
        }
        Ok(locked)
    }
}
