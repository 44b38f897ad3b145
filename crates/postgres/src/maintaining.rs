//! `stats`, `maintain`.

use blacksmith_store_core::{
    Maintained, PAUSE_MEMORY, QueueStats, Timestamp, Toolkit, TransitionId,
};

use crate::{
    connection::Session, error::Outcome, ledger::bytes, row::Columns, statement::Statement,
    store::Inner,
};

/// Rows of the tally that one call adds up at most; the number in the statement.
const FOLDED: u64 = 50_000;

impl Inner {
    pub(crate) async fn stats(&self, toolkit: &Toolkit) -> Outcome<Vec<QueueStats>> {
        let session = self.database.session(toolkit).await?;
        let now = self.clock.now(&session, toolkit).await?;
        let rows = session.read(Statement::STATS, &[&now]).await?;
        let mut all: Vec<QueueStats> = Vec::new();
        for row in rows {
            let mut columns = Columns::of(&row);
            let (destination, action): (&str, &str) = (columns.next()?, columns.next()?);
            let (state, count) = (columns.status()?, columns.number()?);
            let earliest_due: Option<Timestamp> = columns.next()?;
            let is_next = all
                .last()
                .is_none_or(|last| last.destination != destination || last.action != action);
            if is_next {
                all.push(QueueStats::new(destination, action));
            }
            if let Some(last) = all.last_mut() {
                *last.counts.of_mut(state) = count;
                last.earliest_due = earliest_due;
            }
        }
        Ok(all)
    }

    pub(crate) async fn maintain(&self, toolkit: &Toolkit) -> Outcome<Maintained> {
        let session = self.database.session(toolkit).await?;
        let now = self.clock.now(&session, toolkit).await?;
        let mut maintained = Maintained::default();

        let rows = session.query(Statement::FOLD, &[]).await?;
        let mut columns = Columns::of(&rows[0]);
        let (read, written): (u64, u64) = (columns.number()?, columns.number()?);
        maintained.rows += read.saturating_sub(written);
        maintained.more = read >= FOLDED;

        maintained.rows +=
            session.execute(Statement::PAUSES_FORGET, &[&(now - PAUSE_MEMORY)]).await?;

        let ended = self.running.take_ended();
        maintained.rows += forget_claims(&session, &ended).await?;
        Ok(maintained)
    }
}

async fn forget_claims(session: &Session<'_>, claims: &[TransitionId]) -> Outcome<u64> {
    if claims.is_empty() {
        return Ok(0);
    }
    session.execute(Statement::CLAIMS_FORGET, &[&bytes(claims, TransitionId::as_bytes)]).await
}
