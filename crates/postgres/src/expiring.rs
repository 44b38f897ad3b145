//! `expire_leases`.

use std::collections::HashSet;

use blacksmith_store_core::{
    ExpireRequest, Result, Timestamp, Toolkit, TransitionId, due_after_expiry,
};
use tokio_postgres::Row;

use crate::{
    connection::{Parameter, Session},
    error::Outcome,
    extending::{Claims, place},
    ledger::bytes,
    queues::QueueNumber,
    retries::Retries,
    row::Columns,
    statement::Statement,
    store::Inner,
};

impl Inner {
    pub(crate) async fn expire_leases(
        &self,
        toolkit: &Toolkit,
        request: &ExpireRequest,
    ) -> Outcome<u64> {
        let mut retries = Retries::new(toolkit);
        let mut expired = 0;
        loop {
            let session = self.database.session(toolkit).await?;
            let now = self.clock.now(&session, toolkit).await?;
            session.begin().await?;
            let left = request.limit - expired;
            let outcome = expire_in(&session, toolkit, &request.actor, left, now).await;
            match session.end(outcome).await {
                Ok(batch) => {
                    expired += batch.runs;
                    if batch.is_last || expired >= request.limit {
                        return Ok(expired as u64);
                    }
                }
                Err(failure) if retries.again(&failure).await => {}
                // What was expired by earlier batches stays so.
                Err(_) if expired > 0 => return Ok(expired as u64),
                Err(failure) => return Err(failure),
            }
        }
    }
}

struct Batch {
    runs: usize,
    /// Whether no more claims than these have ended.
    is_last: bool,
}

/// Claims looked at in one transaction; the number in the statement.
const CLAIMS_A_BATCH: usize = 100;

async fn expire_in(
    session: &Session<'_>,
    toolkit: &Toolkit,
    actor: &str,
    limit: usize,
    now: Timestamp,
) -> Outcome<Batch> {
    let mut claims = Claims::default();
    let mut actors: Vec<String> = Vec::new();
    for row in session.query(Statement::CLAIMS_ENDED, &[&now]).await? {
        let mut columns = Columns::of(&row);
        claims.push(&mut columns)?;
        actors.push(columns.next()?);
    }
    if claims.id.is_empty() {
        return Ok(Batch { runs: 0, is_last: true });
    }
    let id = bytes(&claims.id, TransitionId::as_bytes);
    let last_id = bytes(&claims.last_id, TransitionId::as_bytes);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let parameters: [Parameter<'_>; 6] =
        [&claims.queue, &claims.low, &claims.high, &id, &last_id, &limit];
    let rows = session.query(Statement::EXPIRING, &parameters).await?;
    if !rows.is_empty() {
        expire(session, toolkit, actor, &actors, &rows, now).await?;
    }
    session.execute(Statement::CLAIMS_FORGET, &[&id]).await?;
    Ok(Batch { runs: rows.len(), is_last: claims.id.len() < CLAIMS_A_BATCH })
}

/// Ends the runs of these rows.
async fn expire(
    session: &Session<'_>,
    toolkit: &Toolkit,
    actor: &str,
    claimants: &[String],
    rows: &[Row],
    now: Timestamp,
) -> Outcome<()> {
    let mut queue: Vec<QueueNumber> = Vec::with_capacity(rows.len());
    let mut job: Vec<&[u8]> = Vec::with_capacity(rows.len());
    let mut due: Vec<Timestamp> = Vec::with_capacity(rows.len());
    let mut claimant: Vec<Option<&str>> = Vec::with_capacity(rows.len());
    for row in rows {
        let mut columns = Columns::of(row);
        let name = claimants.get(place(&mut columns)?).map(String::as_str);
        claimant.push(name.filter(|name| *name != actor));
        queue.push(columns.next()?);
        job.push(columns.next()?);
        let attempt: i32 = columns.next()?;
        due.push(due_after_expiry(now, attempt.unsigned_abs()));
    }
    let ids = fresh_ids(session, toolkit, rows.len()).await?;
    let ids = bytes(&ids, TransitionId::as_bytes);
    let parameters: [Parameter<'_>; 7] = [&queue, &job, &ids, &due, &claimant, &actor, &now];
    session.execute(Statement::EXPIRE, &parameters).await.map(drop)
}

/// New transition ids, ascending; a seeded source may repeat some that are stored, which are passed over.
async fn fresh_ids(
    session: &Session<'_>,
    toolkit: &Toolkit,
    count: usize,
) -> Outcome<Vec<TransitionId>> {
    let mut fresh: Vec<TransitionId> = Vec::with_capacity(count);
    while fresh.len() < count {
        let drawn = toolkit.transition_ids(count - fresh.len());
        let ids = bytes(&drawn, TransitionId::as_bytes);
        let rows = session.read(Statement::TRANSITIONS, &[&ids]).await?;
        let stored = rows.iter().map(|row| Ok(Columns::of(row).transition()?.id));
        let stored: HashSet<TransitionId> = stored.collect::<Result<_>>()?;
        fresh.extend(drawn.iter().filter(|id| !stored.contains(id)));
    }
    Ok(fresh)
}
