//! The counters, and `stats`.

use std::collections::{BTreeMap, btree_map::Entry};

use blacksmith_store_core::{QueueStats, Status, Timestamp};
use rusqlite::{Connection, params};

use crate::{error::Failure, queues, readers::snapshot, row};

const COUNT: &str = "INSERT INTO blacksmith_counters (queue, status, jobs) VALUES (?1, ?2, ?3)
    ON CONFLICT (queue, status) DO UPDATE SET jobs = jobs + excluded.jobs";
pub(crate) const COUNTERS: &str =
    "SELECT status, jobs FROM blacksmith_counters WHERE queue = ?1 AND jobs <> 0";
/// Served by `blacksmith_states_due`.
pub(crate) const EARLIEST_DUE: &str =
    "SELECT min(due_at) FROM blacksmith_states WHERE queue = ?1 AND due_at IS NOT NULL";
const CLAIMANT: &str = "SELECT actor FROM blacksmith_claims WHERE n = ?1";
const END_RUNS: &str =
    "UPDATE blacksmith_claims SET executing = executing - ?2 WHERE n = ?1 RETURNING executing";
const END_CLAIM: &str = "DELETE FROM blacksmith_claims WHERE n = ?1";

/// What the moves of a call do to rows that many jobs share; written once at the end of the call.
#[derive(Default)]
pub(crate) struct Ledger {
    counts: BTreeMap<(i64, Status), i64>,
    claims: BTreeMap<i64, Claim>,
    wakes: bool,
}

/// A claim call of which runs have ended.
struct Claim {
    actor: String,
    ended: u64,
}

impl Ledger {
    /// A job of the queue has come to be in `to`, from `from` unless it is new.
    pub(crate) fn moved(&mut self, queue: i64, from: Option<Status>, to: Status) {
        if let Some(from) = from {
            *self.counts.entry((queue, from)).or_default() -= 1;
        }
        *self.counts.entry((queue, to)).or_default() += 1;
        self.wakes |= to.is_waiting();
    }

    /// Jobs of the queue that were in `status` are deleted.
    pub(crate) fn deleted(&mut self, queue: i64, status: Status, jobs: i64) {
        *self.counts.entry((queue, status)).or_default() -= jobs;
    }

    /// A run of this claim has ended; answers whose claim it is.
    pub(crate) fn ended(&mut self, connection: &Connection, claim: i64) -> Result<&str, Failure> {
        let claim = match self.claims.entry(claim) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let actor = connection
                    .prepare_cached(CLAIMANT)?
                    .query_row([claim], |row| row.get::<_, String>(0))?;
                entry.insert(Claim { actor, ended: 0 })
            }
        };
        claim.ended += 1;
        Ok(&claim.actor)
    }

    /// Whether a job has begun to wait for a claim.
    pub(crate) fn wakes(&self) -> bool {
        self.wakes
    }

    /// Writes it all.
    pub(crate) fn write(self, connection: &Connection) -> Result<(), Failure> {
        let mut count = connection.prepare_cached(COUNT)?;
        for ((queue, status), jobs) in self.counts.into_iter().filter(|(_, jobs)| *jobs != 0) {
            count.execute((queue, status.number(), jobs))?;
        }
        let mut end = connection.prepare_cached(END_RUNS)?;
        for (claim, Claim { ended, .. }) in self.claims {
            let executing: i64 = end.query_row(params![claim, ended], |row| row.get(0))?;
            if executing == 0 {
                connection.prepare_cached(END_CLAIM)?.execute([claim])?;
            }
        }
        Ok(())
    }
}

/// `stats`.
pub(crate) fn stats(connection: &Connection, now: Timestamp) -> Result<Vec<QueueStats>, Failure> {
    snapshot(connection, |connection| {
        let mut counters = connection.prepare_cached(COUNTERS)?;
        let mut earliest_due = connection.prepare_cached(EARLIEST_DUE)?;
        let mut all = Vec::new();
        for queue in queues::all(connection)? {
            let mut stats = QueueStats::new(queue.destination, queue.action);
            let mut rows = counters.query([queue.number])?;
            while let Some(row) = rows.next()? {
                *stats.counts.of_mut(row::status(row.get(0)?)?) = row.get(1)?;
            }
            if stats.counts.total() == 0 {
                continue;
            }
            let due: Option<i64> = earliest_due.query_row([queue.number], |row| row.get(0))?;
            stats.earliest_due = row::optional_instant(due)?.filter(|due| *due <= now);
            all.push(stats);
        }
        Ok(all)
    })
}
