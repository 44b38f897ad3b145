//! The jobs of every destination and action, counted by status: what `stats`, `top` and `demo` show.

use std::{collections::HashMap, time::Instant};

use blacksmith_store::{Counts, Pause, QueueStats, Result, Status, Store, Timestamp, Toolkit};
use serde::Serialize;

use crate::{commands::pause::is_paused, instant::span, table::Column};

/// The titles of the statuses: the word, and what a screen has room for.
const STATUSES: [(&str, &str); 7] = [
    ("ACKNOWLEDGED", "ACKD"),
    ("AWAITING", "AWAIT"),
    ("EXECUTING", "EXEC"),
    ("SUCCEEDED", "SUCC"),
    ("FAILED", "FAIL"),
    ("DISCARDED", "DISC"),
    ("UNKNOWN", "UNKN"),
];

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

/// How a table is set.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Layout {
    /// Every column, with its whole title; with the rates or without.
    Full { rates: bool },
    /// What fits 80 columns: short titles, what an operator looks at first on the left. A status that no job has been seen in
    /// is left out.
    Screen { unseen: [bool; 7] },
}

impl Layout {
    /// For a screen, on which nothing has been seen yet.
    pub(crate) fn screen() -> Self {
        Self::Screen { unseen: [true; 7] }
    }

    /// Remembers which statuses have been seen.
    pub(crate) fn note(&mut self, board: &Board) {
        if let Self::Screen { unseen } = self {
            for (unseen, status) in unseen.iter_mut().zip(Status::ALL) {
                *unseen &= board.totals.of(status) == 0;
            }
        }
    }

    pub(crate) fn columns(self) -> Vec<Column> {
        match self {
            Self::Full { rates } => {
                let mut columns = vec![Column::whole("DESTINATION"), Column::whole("ACTION")];
                columns.extend(STATUSES.map(|(title, _)| Column::number(title)));
                columns.push(Column::number("TOTAL"));
                if rates {
                    columns.extend([Column::number("SUCCEEDED/S"), Column::number("FAILING/S")]);
                }
                columns.extend([Column::whole("DUE FOR"), Column::whole("PAUSED")]);
                columns
            }
            Self::Screen { .. } => {
                let mut columns = ["JOBS FOR", "PAUSED", "DUE FOR"].map(Column::whole).to_vec();
                columns.extend(["SUCC/S", "FAIL/S"].map(Column::number));
                columns.extend(STATUSES.map(|(_, title)| Column::number(title)));
                columns
            }
        }
    }

    fn cells(self, line: &Line<'_>) -> Vec<String> {
        let Line { destination, action, counts, rate, due_for, is_paused } = line;
        let paused = if *is_paused { "paused" } else { "" }.to_owned();
        let rates = rate.map_or_else(Default::default, |rate| {
            [rate.succeeded, rate.failing].map(|rate| format!("{rate:.1}"))
        });
        let statuses = Status::ALL.map(|status| counts.of(status).to_string());
        match self {
            Self::Full { rates: has_rates } => {
                let mut cells = vec![(*destination).to_owned(), (*action).to_owned()];
                cells.extend(statuses);
                cells.push(counts.total().to_string());
                if has_rates {
                    cells.extend(rates);
                }
                cells.extend([due_for.clone(), paused]);
                cells
            }
            Self::Screen { unseen } => {
                let slash = if action.is_empty() { "" } else { "/" };
                let mut cells = vec![format!("{destination}{slash}{action}")];
                cells.extend([paused, due_for.clone()]);
                cells.extend(rates);
                let seen = statuses.into_iter().zip(unseen);
                cells
                    .extend(seen.map(|(count, unseen)| if unseen { String::new() } else { count }));
                cells
            }
        }
    }
}

/// What stands in one row.
struct Line<'a> {
    destination: &'a str,
    action: &'a str,
    counts: &'a Counts,
    rate: Option<Rate>,
    due_for: String,
    is_paused: bool,
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

    /// Whether no job waits or runs.
    pub(crate) fn has_ended(&self) -> bool {
        self.total == self.totals.succeeded + self.totals.discarded
    }

    /// `crm/upsert: 120 succeeded, 30 failed; archive/append: 160 succeeded`
    pub(crate) fn in_words(&self) -> String {
        let of_queue = |queue: &QueueStats| {
            let seen = Status::ALL.into_iter().filter(|status| queue.counts.of(*status) > 0);
            let parts: Vec<_> =
                seen.map(|status| format!("{} {status}", queue.counts.of(status))).collect();
            format!("{}/{}: {}", queue.destination, queue.action, parts.join(", "))
        };
        let queues: Vec<_> = self.queues.iter().map(of_queue).collect();
        if queues.is_empty() { "no jobs yet".to_owned() } else { queues.join("; ") }
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
    pub(crate) fn rows(&self, layout: Layout, earlier: Option<&Self>) -> Vec<Vec<String>> {
        let before: HashMap<_, _> = earlier
            .iter()
            .flat_map(|earlier| &earlier.queues)
            .map(|queue| ((&queue.destination, &queue.action), queue.counts))
            .collect();
        let line = |queue: &QueueStats| {
            let QueueStats { destination, action, counts, earliest_due, .. } = queue;
            let before = before.get(&(destination, action)).copied().unwrap_or_default();
            layout.cells(&Line {
                destination,
                action,
                counts,
                rate: earlier.map(|earlier| self.rate(earlier, counts, &before)),
                due_for: earliest_due.map(|due| span(self.at - due)).unwrap_or_default(),
                is_paused: is_paused(queue, &self.pauses),
            })
        };
        let mut rows: Vec<_> = self.queues.iter().map(line).collect();
        if self.queues.len() > 1 {
            rows.push(layout.cells(&Line {
                destination: "total",
                action: "",
                counts: &self.totals,
                rate: earlier.map(|earlier| self.rate_since(earlier)),
                due_for: String::new(),
                is_paused: false,
            }));
        }
        rows
    }
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

        let rows = board.rows(Layout::Full { rates: true }, Some(&earlier));

        let rates: Vec<_> = rows.iter().map(|row| [row[10].as_str(), row[11].as_str()]).collect();
        assert_eq!(rates, [["10.0", "-1.5"], ["1.5", "0.0"], ["0.0", "0.0"], ["10.5", "-1.5"]]);
        assert_eq!(rows[0][12], "2 h");
        let first = board.rows(Layout::Full { rates: true }, None);
        assert_eq!(first[0][10..12], ["", ""], "there is nothing to compare with");
    }

    #[test]
    fn a_screen_leaves_out_what_was_never_seen_and_keeps_what_was() {
        let now = Instant::now();
        let mut shown = Layout::screen();
        let cells = |shown: Layout, board: &Board| board.rows(shown, None)[0][5..].to_vec();

        let quiet = board(now, &[("crm", 1, 0)]);
        shown.note(&quiet);
        assert_eq!(cells(shown, &quiet), ["", "", "", "1", "", "", ""]);
        shown.note(&board(now, &[("crm", 1, 2)]));
        shown.note(&quiet);
        assert_eq!(cells(shown, &quiet), ["", "", "", "1", "0", "", ""]);
    }

    #[test]
    fn every_row_has_a_cell_for_every_column() {
        let board = board(Instant::now(), &[("crm", 1, 0), ("warehouse", 2, 3)]);
        for layout in
            [Layout::Full { rates: false }, Layout::Full { rates: true }, Layout::screen()]
        {
            let columns = layout.columns().len();
            assert!(board.rows(layout, None).iter().all(|row| row.len() == columns), "{layout:?}");
        }
    }
}
