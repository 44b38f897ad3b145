//! `extend_leases`.

use std::collections::HashSet;

use blacksmith_store_core::{ExtendRequest, Extended, Timestamp, Token};
use rusqlite::{Connection, params};

use crate::{
    error::Failure,
    finding::id_bytes,
    gathering::Gathered,
    row::{self, IdBytes, select_jobs},
    writer::Done,
};

/// The live claims of an actor. Served by `blacksmith_claims_actor`.
pub(crate) const CLAIMS: &str = "
    SELECT n, first_token, last_token FROM blacksmith_claims WHERE actor = ?1 ORDER BY n";
const EXTEND: &str = "UPDATE blacksmith_claims SET ends_at = ?2 WHERE n = ?1";
/// The claim under which the run of a token goes on.
pub(crate) const CLAIM_OF_TOKEN: &str = "
    SELECT s.claim FROM blacksmith_transition_ids AS t
    CROSS JOIN blacksmith_states AS s ON s.job = t.job AND s.token = t.id
    WHERE t.id = ?1";
/// What of a claim goes on, by the range of its tokens.
pub(crate) const EXECUTING: &str = "
    SELECT s.job, j.event FROM blacksmith_transition_ids AS t
    CROSS JOIN blacksmith_states AS s ON s.job = t.job AND s.token = t.id AND s.claim = ?1
    CROSS JOIN blacksmith_jobs AS j ON j.n = s.job
    WHERE t.id BETWEEN ?2 AND ?3 ORDER BY t.id";
const JOB: &str = select_jobs!("WHERE j.n = ?2");

/// A live claim call.
struct Claim {
    number: i64,
    first: IdBytes,
    last: IdBytes,
}

/// `extend_leases`. Any token names its claim call, also one whose own run has ended.
pub(crate) fn extend(
    connection: &Connection,
    request: &ExtendRequest,
    now: Timestamp,
) -> Result<Done<Extended>, Failure> {
    let claims = claims(connection, &request.actor)?;
    let mut claim_of_token = connection.prepare_cached(CLAIM_OF_TOKEN)?;
    let mut named = HashSet::new();
    let mut tokens = Vec::with_capacity(request.tokens.len());
    for token in &request.tokens {
        let bytes = token.as_bytes();
        let mut rows = claim_of_token.query([bytes])?;
        let live: Option<i64> = rows.next()?.map(|row| row.get(0)).transpose()?;
        let kept = live.is_some_and(|live| claims.iter().any(|claim| claim.number == live));
        tokens.push(if kept { Token::Kept } else { Token::Lost });
        // What has ended lies in the range of its claim still, and nothing else of this source of ids does.
        let of = |claim: &&Claim| claim.first <= *bytes && *bytes <= claim.last;
        named.extend(if kept { live } else { claims.iter().find(of).map(|claim| claim.number) });
    }
    let ends_at = (now + request.lease).timestamp_micros();
    for claim in &named {
        connection.prepare_cached(EXTEND)?.execute(params![claim, ends_at])?;
    }
    let mut others = Gathered::new(connection)?;
    for claim in claims.iter().filter(|claim| !named.contains(&claim.number)) {
        gather(connection, &mut others, claim)?;
    }
    Ok(Done { answer: Extended::new(tokens, others.into_queue()), wakes: false })
}

fn claims(connection: &Connection, actor: &str) -> Result<Vec<Claim>, Failure> {
    let mut statement = connection.prepare_cached(CLAIMS)?;
    let rows = statement.query_map([actor], |row| {
        Ok(Claim { number: row.get(0)?, first: id_bytes(row, 1)?, last: id_bytes(row, 2)? })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Adds what of a claim goes on.
fn gather(
    connection: &Connection,
    gathered: &mut Gathered<'_>,
    claim: &Claim,
) -> Result<(), Failure> {
    let mut executing = connection.prepare_cached(EXECUTING)?;
    let mut content = connection.prepare_cached(JOB)?;
    let mut runs = executing.query(params![claim.number, claim.first, claim.last])?;
    while let Some(run) = runs.next()? {
        let (job, event): (i64, i64) = (run.get(0)?, run.get(1)?);
        let mut rows = content.query(params![false, job])?;
        let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        gathered.event(event)?.jobs.push(row::job(row)?);
    }
    Ok(())
}
