//! `stats`: counts are kept, not computed.

use blacksmith_store_core::{QueueStats, Result, Status, Timestamp};
use redb::ReadableTable as _;

use crate::{claiming::first_due, error::failed, layout::Tables};

/// `stats`, in ascending destination and action, for the keys sort so.
pub(crate) fn stats(tables: &impl Tables, now: Timestamp) -> Result<Vec<QueueStats>> {
    let queues = tables.counts().iter().map_err(failed)?;
    queues
        .map(|entry| {
            let (queue, counts) = entry.map_err(failed)?;
            let (destination, action) = queue.value();
            let mut stats = QueueStats::new(destination, action);
            for (status, count) in Status::ALL.into_iter().zip(counts.value()) {
                *stats.counts.of_mut(status) = count;
            }
            let due = first_due(tables, destination, action)?;
            stats.earliest_due = due.filter(|due| *due <= now);
            Ok(stats)
        })
        .collect()
}
