//! `expire_leases`.

use blacksmith_store_core::{
    ExpireRequest, Status, Toolkit, Transition, due_after_expiry, next_attempt,
};
use rusqlite::{Connection, params};

use crate::{
    appending::{Appending, Standing},
    error::Failure,
    finding::{id_bytes, stored_transition},
    row::IdBytes,
    writer::Done,
};

/// The claims whose lease has ended, the longest ended first. Served by `blacksmith_claims_end`.
pub(crate) const ENDED: &str = "
    SELECT n, first_token, last_token FROM blacksmith_claims WHERE ends_at <= ?1 ORDER BY ends_at, n";
/// What of a claim goes on, as [`Standing::read`] reads it.
pub(crate) const EXECUTING: &str = "
    SELECT s.job, s.queue, s.status, s.sequence, s.attempt, s.at, s.claim, s.token, e.id
    FROM blacksmith_transition_ids AS t
    CROSS JOIN blacksmith_states AS s ON s.job = t.job AND s.token = t.id AND s.claim = ?1
    CROSS JOIN blacksmith_jobs AS j ON j.n = s.job
    CROSS JOIN blacksmith_events AS e ON e.n = j.event
    WHERE t.id BETWEEN ?2 AND ?3 ORDER BY t.id LIMIT ?4";

/// `expire_leases`.
pub(crate) fn expire(
    connection: &Connection,
    toolkit: &Toolkit,
    request: &ExpireRequest,
) -> Result<Done<u64>, Failure> {
    let now = toolkit.now();
    let mut given_up = Vec::new();
    {
        let mut ended = connection.prepare_cached(ENDED)?;
        let mut claims = ended.query([now.timestamp_micros()])?;
        while let Some(row) = claims.next()? {
            let room = request.limit - given_up.len();
            if room == 0 {
                break;
            }
            let (claim, first, last): (i64, IdBytes, IdBytes) =
                (row.get(0)?, id_bytes(row, 1)?, id_bytes(row, 2)?);
            let mut executing = connection.prepare_cached(EXECUTING)?;
            let mut jobs = executing.query(params![claim, first, last, room])?;
            while let Some(row) = jobs.next()? {
                given_up.push(Standing::read(row)?);
            }
        }
    }
    let mut ids = toolkit.transition_ids(given_up.len()).into_iter();
    let mut appending = Appending::new(connection, now)?;
    for standing in &given_up {
        let id = loop {
            let id = ids.next().unwrap_or_else(|| toolkit.transition_id());
            // A seeded source may repeat ids that are stored; they are passed over.
            if stored_transition(connection, id)?.is_none() {
                break id;
            }
        };
        let end = standing.chain_end();
        let attempt = next_attempt(end.status, end.attempt, Status::Unknown)
            .expect("an executing job may become unknown");
        let mut unknown = Transition::first(id, Status::Unknown)
            .with_actor(request.actor.as_str())
            .with_run_at(due_after_expiry(now, attempt));
        unknown.attempt = attempt;
        appending.append(standing, &unknown)?;
    }
    Ok(Done { answer: given_up.len() as u64, wakes: appending.finish()? })
}
