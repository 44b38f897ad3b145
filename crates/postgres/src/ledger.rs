//! What is stored of the entries that a call names, read under locks: what the call is held against when it is decided row by
//! row.

use std::collections::{HashMap, HashSet};

use blacksmith_store_core::{
    ChainEnd, Change, Event, EventId, Job, JobId, Result, Status, Timestamp, Transition,
    TransitionId,
};

use crate::{
    connection::Session, error::Outcome, queues::QueueNumber, row::Columns, statement::Statement,
};

/// The entries of a call as the database has them, in a transaction that keeps them so.
#[derive(Default)]
pub(crate) struct Ledger {
    /// Stored events that the call adds again, without jobs.
    pub(crate) events: HashMap<EventId, Event>,
    /// Stored events, those above and those that the call adds jobs to.
    pub(crate) event_ids: HashSet<EventId>,
    /// Stored jobs that the call adds again, without transitions.
    pub(crate) jobs: HashMap<JobId, Job>,
    /// The chains of the stored jobs that the call moves.
    pub(crate) chains: HashMap<JobId, Chain>,
    /// Stored transitions that have an id of the call.
    pub(crate) transitions: HashMap<TransitionId, Transition>,
}

/// Where a job's chain stands.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub(crate) event: EventId,
    pub(crate) lane: i16,
    pub(crate) queue: QueueNumber,
    pub(crate) end: ChainEnd,
    /// When the latest transition was stored.
    pub(crate) at: Timestamp,
    /// The executing transition, while it is the latest.
    pub(crate) run: Option<RunStart>,
}

/// An executing transition.
#[derive(Clone, Debug)]
pub(crate) struct RunStart {
    pub(crate) id: TransitionId,
    pub(crate) before: Status,
    pub(crate) actor: Option<String>,
}

impl Ledger {
    /// Reads what `changes` name. Rows are locked in ascending id, so that two calls seldom wait for each other.
    pub(crate) async fn read(session: &Session<'_>, changes: &[Change]) -> Outcome<Self> {
        let named = Named::of(changes);
        let mut ledger = Self::default();
        ledger.read_events(session, &named).await?;
        ledger.read_jobs(session, &named).await?;
        ledger.read_chains(session, &named).await?;
        ledger.read_transitions(session, &named).await?;
        Ok(ledger)
    }

    async fn read_events(&mut self, session: &Session<'_>, named: &Named) -> Outcome<()> {
        if !named.events.is_empty() {
            let ids = bytes(&named.events, EventId::as_bytes);
            for row in session.query(Statement::EVENTS_STORED, &[&ids]).await? {
                let event = Columns::of(&row).event()?;
                self.event_ids.insert(event.id);
                self.events.insert(event.id, event);
            }
        }
        if !named.parents.is_empty() {
            let ids = bytes(&named.parents, EventId::as_bytes);
            for row in session.query(Statement::EVENTS_LOCK, &[&ids]).await? {
                self.event_ids.insert(Columns::of(&row).event_id()?);
            }
        }
        Ok(())
    }

    async fn read_jobs(&mut self, session: &Session<'_>, named: &Named) -> Outcome<()> {
        if !named.jobs.is_empty() {
            let ids = bytes(&named.jobs, JobId::as_bytes);
            for row in session.query(Statement::JOBS_STORED, &[&ids]).await? {
                let job = Columns::of(&row).named_job()?;
                self.jobs.insert(job.id, job);
            }
        }
        Ok(())
    }

    async fn read_chains(&mut self, session: &Session<'_>, named: &Named) -> Outcome<()> {
        if named.moved.is_empty() {
            return Ok(());
        }
        let ids = bytes(&named.moved, JobId::as_bytes);
        let rows = session.query(Statement::JOBS_LOCK, &[&ids]).await?;
        for row in &rows {
            let mut columns = Columns::of(row);
            let job = columns.job_id()?;
            let (event, lane, queue) = (columns.event_id()?, columns.next()?, columns.next()?);
            let at = columns.next()?;
            let end = ChainEnd { sequence: 0, status: columns.status()?, attempt: 0 };
            self.chains.insert(job, Chain { event, lane, queue, end, at, run: None });
        }
        let stored: Vec<JobId> = self.chains.keys().copied().collect();
        let ids = bytes(&stored, JobId::as_bytes);
        let queues: Vec<QueueNumber> = stored.iter().map(|job| self.chains[job].queue).collect();

        // The rows of live are locked before log is read: an outcome that is stored meanwhile is then seen there.
        let live = session.query(Statement::LIVE_LOCK, &[&queues, &ids]).await?;
        for row in session.query(Statement::LATEST, &[&ids]).await? {
            let mut columns = Columns::of(&row);
            let job = columns.job_id()?;
            let (sequence, attempt): (i32, i32) = (columns.next()?, columns.next()?);
            let status = columns.status()?;
            if let Some(chain) = self.chains.get_mut(&job) {
                chain.end = chain_end(sequence, status, attempt)?;
                chain.at = columns.next()?;
            }
        }
        for row in live {
            let mut columns = Columns::of(&row);
            let job = columns.job_id()?;
            let status = columns.status()?;
            let (sequence, attempt): (i32, i32) = (columns.next()?, columns.next()?);
            let before: Option<i16> = columns.next()?;
            let id: Option<&[u8]> = columns.next()?;
            let at: Option<Timestamp> = columns.next()?;
            let actor: Option<String> = columns.next()?;
            let Some(chain) = self.chains.get_mut(&job) else { continue };
            chain.end = chain_end(sequence, status, attempt)?;
            if status == Status::Executing
                && let (Some(id), Some(before), Some(at)) = (id, before, at)
            {
                let (id, before) =
                    (TransitionId::from_slice(id)?, Status::from_number(before.into())?);
                chain.at = at;
                chain.run = Some(RunStart { id, before, actor });
            }
        }
        Ok(())
    }

    async fn read_transitions(&mut self, session: &Session<'_>, named: &Named) -> Outcome<()> {
        if !named.transitions.is_empty() {
            let ids = bytes(&named.transitions, TransitionId::as_bytes);
            for row in session.read(Statement::TRANSITIONS, &[&ids]).await? {
                let transition = Columns::of(&row).transition()?;
                self.transitions.insert(transition.id, transition);
            }
        }
        Ok(())
    }
}

fn chain_end(sequence: i32, status: Status, attempt: i32) -> Result<ChainEnd> {
    let corrupt = |_| {
        blacksmith_store_core::StoreError::corrupt(
            "a stored job has a sequence or an attempt below zero",
        )
    };
    Ok(ChainEnd {
        sequence: u64::try_from(sequence).map_err(corrupt)?,
        status,
        attempt: u32::try_from(attempt).map_err(corrupt)?,
    })
}

/// The ids of a call.
struct Named {
    events: Vec<EventId>,
    /// Events that only the call's jobs name.
    parents: Vec<EventId>,
    jobs: Vec<JobId>,
    moved: Vec<JobId>,
    transitions: Vec<TransitionId>,
}

impl Named {
    fn of(changes: &[Change]) -> Self {
        let mut events = HashSet::new();
        let mut parents = HashSet::new();
        let mut jobs = HashSet::new();
        let mut moved = HashSet::new();
        let mut transitions = HashSet::new();
        for change in changes {
            events.extend(change.events.iter().map(|event| event.id));
            for job in all_jobs(change) {
                jobs.insert(job.id);
                parents.extend(job.event_id);
                transitions.extend(job.transition.as_ref().map(|first| first.id));
            }
            for transition in &change.transitions {
                moved.extend(transition.job_id);
                transitions.insert(transition.id);
            }
        }
        parents.retain(|event| !events.contains(event));
        Self {
            events: sorted(events),
            parents: sorted(parents),
            jobs: sorted(jobs),
            moved: sorted(moved),
            transitions: sorted(transitions),
        }
    }
}

/// The jobs of a change, those inside its events first.
pub(crate) fn all_jobs(change: &Change) -> impl Iterator<Item = &Job> + Clone {
    change.events.iter().flat_map(|event| &event.jobs).chain(&change.jobs)
}

fn sorted<T: Ord>(ids: HashSet<T>) -> Vec<T> {
    let mut ids: Vec<T> = ids.into_iter().collect();
    ids.sort_unstable();
    ids
}

/// Ids as a parameter takes them.
pub(crate) fn bytes<T>(ids: &[T], as_bytes: impl Fn(&T) -> &[u8; 20]) -> Vec<&[u8]> {
    ids.iter().map(|id| &as_bytes(id)[..]).collect()
}
