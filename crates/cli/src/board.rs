//! The jobs of every destination and action, counted by status: what `stats`, `top` and `demo` show.

use std::{collections::HashMap, time::Instant};

use blacksmith_store::{Counts, Pause, QueueStats, Result, Status, Store, Timestamp, Toolkit};
use serde::Serialize;

use crate::{instant::span, table::Column};

/// The columns before those of the statuses.
const NAMES: [Column; 2] = [Column::whole("DESTINATION"), Column::whole("ACTION")];

/// The columns of the statuses, in their order.
const STATUSES: [Column; 7] = [
    Column::number("ACKNOWLEDGED"),
    Column::number("AWAITING"),
    Column::number("EXECUTING"),
    Column::number("SUCCEEDED"),
    Column::number("FAILED"),
    Column::number("DISCARDED"),
    Column::number("UNKNOWN"),
];

/// The columns of the rates.
const RATES: [Column; 2] = [Column::number("SUCCEEDED/S"), Column::number("FAILING/S")];

/// What was counted at one instant; as it stands, the document of `--json`.
#[derive(Serialize)]
pub(crate) struct Board {
    queues: Vec<QueueStats>,
    pub(crate) totals: Counts,
    total: u64,
    #[serde(skip)]
    pauses: Vec<Pause>,
    #[serde(skip)]
    at: Timestamp,
    /// When it was read, by a clock that is never set.
    #[serde(skip)]
    read: Instant,
}

/// How fast things go between two boards; jobs a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Rate {
    /// Jobs delivered.
    pub(crate) succeeded: f64,
    /// By how much the failed, unknown and discarded jobs grew: below zero when they are made good for.
    pub(crate) failing: f64,
}

/// Which columns a table has.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shown {
    /// Those of the rates too.
    pub(crate) rates: bool,
    /// Statuses that no job has ever been seen in are left blank, so that a narrow screen can leave them out.
    hides: Option<[bool; 7]>,
}

impl Shown {
    /// Everything, with rates.
    pub(crate) fn with_rates() -> Self {
        Self { rates: true, hides: None }
    }

    /// The same for a screen: blank what has never been more than 0 on it.
    pub(crate) fn on_screen(self) -> Self {
        Self { hides: self.hides.or(Some([true; 7])), ..self }
    }

    /// Remembers which statuses have been seen.
    pub(crate) fn note(&mut self, board: &Board) {
        for (hides, status) in self.hides.iter_mut().flatten().zip(Status::ALL) {
            *hides &= board.totals.of(status) == 0;
        }
    }

    pub(crate) fn columns(self) -> Vec<Column> {
        let mut columns = NAMES.to_vec();
        columns.extend(STATUSES);
        columns.push(Column::number("TOTAL"));
        if self.rates {
            columns.extend(RATES);
        }
        columns.extend([Column::whole("DUE FOR"), Column::whole("PAUSED")]);
        columns
    }
}

impl Board {
    /// Counts; `toolkit` makes a toolkit for each call.
    pub(crate) async fn read(store: &dyn Store, toolkit: impl Fn() -> Toolkit) -> Result<Self> {
        let queues = store.stats(&toolkit()).await?;
        let read = Instant::now();
        let pauses = store.pauses(&toolkit()).await?;
        Ok(Self::of(queues, pauses, toolkit().now(), read))
    }

    fn of(queues: Vec<QueueStats>, pauses: Vec<Pause>, at: Timestamp, read: Instant) -> Self {
        let mut totals = Counts::default();
        for queue in &queues {
            for status in Status::ALL {
                *totals.of_mut(status) += queue.counts.of(status);
            }
        }
        Self { queues, totals, total: totals.total(), pauses, at, read }
    }

    /// Whether there are no jobs at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    /// When it was read.
    pub(crate) fn at(&self) -> Timestamp {
        self.at
    }

    /// How fast all jobs went since `earlier`.
    pub(crate) fn rate_since(&self, earlier: &Self) -> Rate {
        self.rate(earlier, &self.totals, &earlier.totals)
    }

    fn rate(&self, earlier: &Self, now: &Counts, before: &Counts) -> Rate {
        let seconds = self.read.duration_since(earlier.read).as_secs_f64();
        if seconds <= 0.0 {
            return Rate::default();
        }
        let growth = |of: fn(&Counts) -> u64| {
            #[allow(clippy::cast_precision_loss, reason = "a rate is shown with one digit")]
            let count = |counts: &Counts| of(counts) as f64;
            (count(now) - count(before)) / seconds
        };
        Rate {
            // A purge, or a retry of what had succeeded, delivers nothing.
            succeeded: growth(|counts| counts.succeeded).max(0.0),
            failing: growth(|counts| counts.failed + counts.unknown + counts.discarded),
        }
    }

    /// The rows of a table, with rates since `earlier` where there is one.
    pub(crate) fn rows(&self, shown: Shown, earlier: Option<&Self>) -> Vec<Vec<String>> {
        let before: HashMap<_, _> = earlier
            .iter()
            .flat_map(|earlier| &earlier.queues)
            .map(|queue| ((&queue.destination, &queue.action), queue.counts))
            .collect();
        let mut rows: Vec<_> = self
            .queues
            .iter()
            .map(|queue| {
                let key = (&queue.destination, &queue.action);
                let rate = earlier.map(|earlier| {
                    let before = before.get(&key).copied().unwrap_or_default();
                    self.rate(earlier, &queue.counts, &before)
                });
                let due = queue.earliest_due.map(|due| span(self.at - due)).unwrap_or_default();
                let note = if self.is_paused(queue) { "paused" } else { "" };
                row([&queue.destination, &queue.action], &queue.counts, shown, rate, [&due, note])
            })
            .collect();
        if self.queues.len() > 1 {
            let rate = earlier.map(|earlier| self.rate_since(earlier));
            rows.push(row(["total", ""], &self.totals, shown, rate, ["", ""]));
        }
        rows
    }

    fn is_paused(&self, queue: &QueueStats) -> bool {
        self.pauses.iter().any(|pause| {
            pause.destination == queue.destination
                && pause.action.as_ref().is_none_or(|action| *action == queue.action)
        })
    }
}

fn row(
    names: [&str; 2],
    counts: &Counts,
    shown: Shown,
    rate: Option<Rate>,
    notes: [&str; 2],
) -> Vec<String> {
    let mut cells = names.map(str::to_owned).to_vec();
    for (place, status) in Status::ALL.into_iter().enumerate() {
        let is_blank = shown.hides.is_some_and(|hides| hides[place]);
        cells.push(if is_blank { String::new() } else { counts.of(status).to_string() });
    }
    cells.push(counts.total().to_string());
    if shown.rates {
        let told = |rate: f64| format!("{rate:.1}");
        cells.push(rate.map(|rate| told(rate.succeeded)).unwrap_or_default());
        cells.push(rate.map(|rate| told(rate.failing)).unwrap_or_default());
    }
    cells.extend(notes.map(str::to_owned));
    cells
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::{TimeDelta, Utc};

    use super::*;

    fn board(read: Instant, counts: &[(&str, u64, u64)]) -> Board {
        let queues = counts.iter().map(|(destination, succeeded, failed)| {
            let mut queue = QueueStats::new(*destination, "upsert");
            queue.counts.succeeded = *succeeded;
            queue.counts.failed = *failed;
            queue.earliest_due = Some(Utc::now() - TimeDelta::hours(2));
            queue
        });
        Board::of(queues.collect(), Vec::new(), Utc::now(), read)
    }

    #[test]
    fn rates_are_what_grew_between_two_looks() {
        let start = Instant::now();
        let earlier = board(start, &[("crm", 100, 10), ("old", 7, 0)]);
        let later = start + Duration::from_secs(2);
        let board = board(later, &[("crm", 120, 7), ("new", 3, 0), ("old", 5, 0)]);

        let rows = board.rows(Shown::with_rates(), Some(&earlier));

        let rates: Vec<_> = rows.iter().map(|row| [row[10].as_str(), row[11].as_str()]).collect();
        assert_eq!(rates, [["10.0", "-1.5"], ["1.5", "0.0"], ["0.0", "0.0"], ["10.5", "-1.5"]]);
        assert_eq!(rows[0][12], "2 h");
        let first = board.rows(Shown::with_rates(), None);
        assert_eq!(first[0][10..12], ["", ""], "there is nothing to compare with");
    }

    #[test]
    fn a_screen_leaves_out_what_was_never_seen_and_keeps_what_was() {
        let now = Instant::now();
        let mut shown = Shown::with_rates().on_screen();
        let cells = |shown: Shown, board: &Board| board.rows(shown, None)[0][2..9].to_vec();

        let quiet = board(now, &[("crm", 1, 0)]);
        shown.note(&quiet);
        assert_eq!(cells(shown, &quiet), ["", "", "", "1", "", "", ""]);
        shown.note(&board(now, &[("crm", 1, 2)]));
        shown.note(&quiet);
        assert_eq!(cells(shown, &quiet), ["", "", "", "1", "0", "", ""]);
    }
}
