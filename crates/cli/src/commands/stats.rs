//! `blacksmith stats`

use blacksmith_store::{Counts, Pause, QueueStats, Status};
use serde::Serialize;

use crate::{
    context::Context,
    exit::Exit,
    failure::Result,
    instant::age,
    table::{Column, Table},
};

const COLUMNS: &[Column] = &[
    Column::whole("DESTINATION"),
    Column::whole("ACTION"),
    Column::number("ACKNOWLEDGED"),
    Column::number("AWAITING"),
    Column::number("EXECUTING"),
    Column::number("SUCCEEDED"),
    Column::number("FAILED"),
    Column::number("DISCARDED"),
    Column::number("UNKNOWN"),
    Column::number("TOTAL"),
    Column::whole("DUE FOR"),
    Column::whole("PAUSED"),
];

/// The document of `--json`.
#[derive(Serialize)]
struct Stats<'a> {
    queues: &'a [QueueStats],
    totals: Counts,
    total: u64,
}

/// Counts the jobs of every destination and action by status.
pub(crate) async fn run(context: &mut Context<'_>) -> Result<Exit> {
    let store = context.open().await?;
    let queues = store.stats(&context.toolkit()).await?;
    let mut totals = Counts::default();
    for queue in &queues {
        for status in Status::ALL {
            *totals.of_mut(status) += queue.counts.of(status);
        }
    }
    if context.json {
        context.terminal.print_json(&Stats { queues: &queues, totals, total: totals.total() })?;
        return Ok(Exit::Done);
    }
    let pauses = store.pauses(&context.toolkit()).await?;
    let now = context.toolkit().now();
    let mut rows: Vec<_> = queues
        .iter()
        .map(|queue| {
            let waiting = queue.earliest_due.map(|due| age(due, now)).unwrap_or_default();
            let note = if is_paused(queue, &pauses) { "paused" } else { "" };
            row(&queue.destination, &queue.action, &queue.counts, &waiting, note)
        })
        .collect();
    if queues.len() > 1 {
        rows.push(row("total", "", &totals, "", ""));
    }
    Table::new(COLUMNS).in_one_portion().print(&rows, &mut context.terminal)?;
    if queues.is_empty() {
        context.terminal.note("no jobs are stored");
    }
    Ok(Exit::Done)
}

fn row(destination: &str, action: &str, counts: &Counts, due: &str, paused: &str) -> Vec<String> {
    let mut cells = vec![destination.to_owned(), action.to_owned()];
    cells.extend(Status::ALL.map(|status| counts.of(status).to_string()));
    cells.extend([counts.total().to_string(), due.to_owned(), paused.to_owned()]);
    cells
}

fn is_paused(queue: &QueueStats, pauses: &[Pause]) -> bool {
    pauses.iter().any(|pause| {
        pause.destination == queue.destination
            && pause.action.as_ref().is_none_or(|action| *action == queue.action)
    })
}
