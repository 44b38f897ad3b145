//! `pause`, `resume`, `pauses`.

use std::collections::HashSet;

use blacksmith_store_core::{ErrorKind, PAUSE_MEMORY, Pause, PauseId, StoreError, Timestamp};
use rusqlite::{Connection, params};

use crate::{error::Failure, row, writer::Done};

const FIND: &str = "SELECT id, destination, action, actor, reason, created_at FROM blacksmith_pauses WHERE id = ?1";
const ADD: &str = "
    INSERT INTO blacksmith_pauses (id, destination, action, actor, reason, created_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const END: &str = "UPDATE blacksmith_pauses SET ended_at = ?2 WHERE id = ?1 AND ended_at IS NULL";
const LASTING: &str = "
    SELECT id, destination, action, actor, reason, created_at
    FROM blacksmith_pauses WHERE ended_at IS NULL ORDER BY id";
const FORGET: &str = "DELETE FROM blacksmith_pauses WHERE ended_at < ?1";

/// `pause`.
pub(crate) fn pause(
    connection: &Connection,
    pause: &Pause,
    now: Timestamp,
) -> Result<Done<bool>, Failure> {
    forget(connection, now)?;
    let known = {
        let mut statement = connection.prepare_cached(FIND)?;
        let mut rows = statement.query([pause.id.as_bytes()])?;
        rows.next()?.map(row::pause).transpose()?
    };
    match known {
        Some(known) if known.same_content(pause) => {
            return Ok(Done { answer: false, wakes: false });
        }
        Some(_) => {
            let sentence = "known with other content is the pause";
            return Err(StoreError::naming(ErrorKind::Conflict, sentence, [pause.id]).into());
        }
        None => {}
    }
    connection.prepare_cached(ADD)?.execute(params![
        pause.id.as_bytes(),
        pause.destination,
        pause.action,
        pause.actor,
        pause.reason,
        now.timestamp_micros(),
    ])?;
    Ok(Done { answer: true, wakes: false })
}

/// `resume`.
pub(crate) fn resume(
    connection: &Connection,
    id: PauseId,
    now: Timestamp,
) -> Result<Done<bool>, Failure> {
    let ended = (id.as_bytes(), now.timestamp_micros());
    let lasted = connection.prepare_cached(END)?.execute(ended)? == 1;
    Ok(Done { answer: lasted, wakes: lasted })
}

/// `pauses`.
pub(crate) fn pauses(connection: &Connection) -> Result<Vec<Pause>, Failure> {
    let mut statement = connection.prepare_cached(LASTING)?;
    let mut rows = statement.query([])?;
    let mut pauses = Vec::new();
    while let Some(row) = rows.next()? {
        pauses.push(row::pause(row)?);
    }
    Ok(pauses)
}

/// Forgets the pauses that ended long ago; answers how many.
pub(crate) fn forget(connection: &Connection, now: Timestamp) -> Result<u64, Failure> {
    let long_ago = (now - PAUSE_MEMORY).timestamp_micros();
    Ok(connection.prepare_cached(FORGET)?.execute([long_ago])? as u64)
}

/// The destinations, and actions of destinations, that are paused.
pub(crate) struct Paused(HashSet<(String, Option<String>)>);

impl Paused {
    pub(crate) fn read(connection: &Connection) -> Result<Self, Failure> {
        let pauses = pauses(connection)?.into_iter();
        Ok(Self(pauses.map(|pause| (pause.destination, pause.action)).collect()))
    }

    /// Whether the jobs of this destination and action are passed over.
    pub(crate) fn covers(&self, destination: &str, action: &str) -> bool {
        let of = |action: Option<&str>| (destination.to_owned(), action.map(str::to_owned));
        !self.0.is_empty() && (self.0.contains(&of(None)) || self.0.contains(&of(Some(action))))
    }
}
