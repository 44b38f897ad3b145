//! Pauses: destinations and actions that `claim` passes over.

use blacksmith_store_core::{
    ErrorKind, PAUSE_MEMORY, Pause, PauseId, Result, StoreError, Timestamp,
};
use redb::{ReadableTable, ReadableTableMetadata as _, Value};

use crate::{
    error::{damaged, failed},
    layout::{Batch, PauseRow, Tables},
    rows::{instant, micros, set},
};

impl Batch<'_> {
    /// `pause`.
    pub(crate) fn pause(&mut self, mut pause: Pause, now: Timestamp) -> Result<bool> {
        self.forget_pauses(now)?;
        let id = *pause.id.as_bytes();
        let known = self.pauses.get(&id).map_err(failed)?;
        let known = known.map(|row| pause_of_row(pause.id, row.value())).transpose()?;
        match known {
            Some(known) if known.same_content(&pause) => Ok(false),
            Some(_) => {
                let sentence = "known with other content is the pause";
                Err(StoreError::naming(ErrorKind::Conflict, sentence, [pause.id]))
            }
            None => {
                pause.created_at = Some(now);
                self.pauses.insert(&id, row_of_pause(&pause, None)?).map_err(failed)?;
                Ok(true)
            }
        }
    }

    /// `resume`. The pause is remembered for a while, so that a late copy of it does not pause again.
    pub(crate) fn resume(&mut self, id: PauseId, now: Timestamp) -> Result<bool> {
        let Some(pause) = lasting(self)?.into_iter().find(|pause| pause.id == id) else {
            return Ok(false);
        };
        let ended = row_of_pause(&pause, Some(now))?;
        self.pauses.insert(id.as_bytes(), ended).map_err(failed)?;
        self.arrived = true;
        Ok(true)
    }

    /// Forgets the pauses that ended long ago; answers how many.
    pub(crate) fn forget_pauses(&mut self, now: Timestamp) -> Result<u64> {
        let horizon = micros(now - PAUSE_MEMORY);
        let before = self.pauses.len().map_err(failed)?;
        let is_kept = |ended: Option<i64>| ended.is_none_or(|ended| ended >= horizon);
        self.pauses.retain(|_, row| is_kept(row.5)).map_err(failed)?;
        Ok(before - self.pauses.len().map_err(failed)?)
    }
}

/// `pauses`: those that last, in ascending id.
pub(crate) fn lasting(tables: &impl Tables) -> Result<Vec<Pause>> {
    let mut lasting = Vec::new();
    for entry in tables.pauses().iter().map_err(failed)? {
        let (id, row) = entry.map_err(failed)?;
        if row.value().5.is_none() {
            lasting.push(pause_of_row(PauseId::from_bytes(*id.value()), row.value())?);
        }
    }
    Ok(lasting)
}

fn pause_of_row(id: PauseId, row: <PauseRow as Value>::SelfType<'_>) -> Result<Pause> {
    let (destination, action, actor, reason, created_at, _) = row;
    let text = |bytes: &[u8]| {
        String::from_utf8(bytes.to_vec()).map_err(|_| damaged("the text of a pause"))
    };
    let mut pause = Pause::new(id, destination, actor);
    pause.action = action.map(text).transpose()?;
    pause.reason = reason.map(text).transpose()?;
    pause.created_at = Some(instant(created_at)?);
    Ok(pause)
}

fn row_of_pause(
    pause: &Pause,
    ended_at: Option<Timestamp>,
) -> Result<<PauseRow as Value>::SelfType<'_>> {
    Ok((
        &pause.destination,
        pause.action.as_deref().map(str::as_bytes),
        &pause.actor,
        pause.reason.as_deref().map(str::as_bytes),
        micros(set(pause.created_at)?),
        ended_at.map(micros),
    ))
}

/// What is paused.
pub(crate) struct Paused(Vec<Pause>);

impl Paused {
    pub(crate) fn read(tables: &impl Tables) -> Result<Self> {
        lasting(tables).map(Self)
    }

    /// Whether the jobs of this destination and action are passed over.
    pub(crate) fn covers(&self, destination: &str, action: &str) -> bool {
        self.0.iter().any(|pause| {
            pause.destination == destination
                && pause.action.as_ref().is_none_or(|paused| paused == action)
        })
    }
}
