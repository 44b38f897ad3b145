//! Where a job stands, and the one way to append to its history.

use blacksmith_store_core::{ChainEnd, EventId, JobError, JobId, Status, Timestamp, Transition};
use rusqlite::{CachedStatement, Connection, Row, params};

use crate::{
    counting::Ledger,
    error::{Failure, is_duplicate},
    row::{self, IdBytes},
};

/// Served by `blacksmith_jobs_id`.
pub(crate) const STANDING: &str = "
    SELECT s.job, s.queue, s.status, s.sequence, s.attempt, s.at, s.claim, s.token, e.id
    FROM blacksmith_jobs AS j
    CROSS JOIN blacksmith_states AS s ON s.job = j.n
    CROSS JOIN blacksmith_events AS e ON e.n = j.event
    WHERE j.id = ?1";
pub(crate) const REGISTER: &str =
    "INSERT INTO blacksmith_transition_ids (id, job, sequence) VALUES (?1, ?2, ?3)";
pub(crate) const LOG: &str = "
    INSERT INTO blacksmith_log (job, sequence, status_before, started_id, started_at, started_actor,
                                id, status, attempt, at, run_at, actor, error)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
pub(crate) const MOVE: &str = "
    UPDATE blacksmith_states
    SET status = ?2, sequence = ?3, attempt = ?4, at = ?5, due_at = ?6, claim = NULL, token = NULL
    WHERE job = ?1";

/// Where a job stands.
pub(crate) struct Standing {
    pub(crate) job: i64,
    pub(crate) queue: i64,
    /// The status, or the one before while it executes.
    kept_status: Status,
    sequence: u64,
    attempt: u32,
    at: i64,
    claim: Option<i64>,
    token: Option<IdBytes>,
    pub(crate) event_id: EventId,
}

impl Standing {
    /// Where the job of this id stands, if it is stored.
    pub(crate) fn of(connection: &Connection, id: JobId) -> Result<Option<Self>, Failure> {
        let mut statement = connection.prepare_cached(STANDING)?;
        let mut rows = statement.query([id.as_bytes()])?;
        rows.next()?.map(Self::read).transpose()
    }

    /// The columns of a row: job, queue, status, sequence, attempt, at, claim, token, event's id.
    pub(crate) fn read(row: &Row<'_>) -> Result<Self, Failure> {
        Ok(Self {
            job: row.get(0)?,
            queue: row.get(1)?,
            kept_status: row::status(row.get(2)?)?,
            sequence: row::sequence(row.get(3)?)?,
            attempt: row.get(4)?,
            at: row.get(5)?,
            claim: row.get(6)?,
            token: row.get(7)?,
            event_id: EventId::from_bytes(row.get(8)?),
        })
    }

    /// The end of the job's chain.
    pub(crate) fn chain_end(&self) -> ChainEnd {
        let status = if self.claim.is_some() { Status::Executing } else { self.kept_status };
        ChainEnd { sequence: self.sequence, status, attempt: self.attempt }
    }
}

/// Appends to the histories of jobs; its statements serve a whole call.
pub(crate) struct Appending<'c> {
    connection: &'c Connection,
    now: i64,
    standing: CachedStatement<'c>,
    register: CachedStatement<'c>,
    log: CachedStatement<'c>,
    moving: CachedStatement<'c>,
    pub(crate) ledger: Ledger,
}

impl<'c> Appending<'c> {
    pub(crate) fn new(connection: &'c Connection, now: Timestamp) -> Result<Self, Failure> {
        Ok(Self {
            connection,
            now: now.timestamp_micros(),
            standing: connection.prepare_cached(STANDING)?,
            register: connection.prepare_cached(REGISTER)?,
            log: connection.prepare_cached(LOG)?,
            moving: connection.prepare_cached(MOVE)?,
            ledger: Ledger::default(),
        })
    }

    /// Where the job of this id stands, if it is stored.
    pub(crate) fn standing(&mut self, id: JobId) -> Result<Option<Standing>, Failure> {
        let mut rows = self.standing.query([id.as_bytes()])?;
        rows.next()?.map(Standing::read).transpose()
    }

    /// Makes a transition findable by its id; [`Failure::NotNew`] if it is already.
    pub(crate) fn register(
        &mut self,
        id: &IdBytes,
        job: i64,
        sequence: u64,
    ) -> Result<(), Failure> {
        self.register.execute(params![id, job, sequence]).map(drop).map_err(not_new)
    }

    /// Appends a transition that the end of the job's chain accepts.
    pub(crate) fn append(
        &mut self,
        standing: &Standing,
        transition: &Transition,
    ) -> Result<(), Failure> {
        // Never earlier than the one before, also when a clock went back.
        let at = self.now.max(standing.at);
        let run_at = transition.run_at.map(|run_at| run_at.timestamp_micros());
        let status = transition.state_after;
        let due_at = status.is_waiting().then(|| run_at.map_or(at, |run_at| run_at.max(at)));
        let sequence = standing.sequence + 1;
        self.register(transition.id.as_bytes(), standing.job, sequence)?;
        let started_actor = match standing.claim {
            Some(claim) => Some(self.ledger.ended(self.connection, claim)?),
            None => None,
        };
        self.log.execute(params![
            standing.job,
            sequence,
            standing.kept_status.number(),
            standing.token,
            standing.claim.map(|_| standing.at),
            started_actor,
            transition.id.as_bytes(),
            status.number(),
            transition.attempt,
            at,
            run_at,
            transition.actor,
            transition.error.as_ref().map(JobError::as_json),
        ])?;
        self.moving.execute(params![
            standing.job,
            status.number(),
            sequence,
            transition.attempt,
            at,
            due_at,
        ])?;
        self.ledger.moved(standing.queue, Some(standing.chain_end().status), status);
        Ok(())
    }

    /// Ends the call; answers whether a job has begun to wait.
    pub(crate) fn finish(self) -> Result<bool, Failure> {
        let wakes = self.ledger.wakes();
        self.ledger.write(self.connection)?;
        Ok(wakes)
    }
}

/// The failure of an INSERT; [`Failure::NotNew`] for an id that is stored already.
pub(crate) fn not_new(error: rusqlite::Error) -> Failure {
    if is_duplicate(&error) { Failure::NotNew } else { error.into() }
}
