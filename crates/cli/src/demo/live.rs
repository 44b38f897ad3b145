//! What is seen while a demo runs.

use std::time::{Duration, Instant};

use chrono::TimeDelta;

use super::Tally;
use crate::{
    board::{Board, Layout},
    failure::Result,
    instant::span,
    screen::Screen,
    table::Table,
    terminal::Terminal,
    wording::counted,
};

/// A table that is drawn over itself on a screen; elsewhere a line from time to time.
pub(crate) struct Live {
    started: Instant,
    layout: Layout,
    screen: Screen,
    on_screen: bool,
    earlier: Option<Board>,
}

impl Live {
    pub(crate) fn new(terminal: &Terminal) -> Self {
        Self {
            started: Instant::now(),
            layout: Layout::screen(),
            screen: Screen::default(),
            on_screen: terminal.shows_output,
            earlier: None,
        }
    }

    /// How long to wait between two looks.
    pub(crate) fn interval(&self) -> Duration {
        if self.on_screen { Duration::from_millis(250) } else { Duration::from_secs(2) }
    }

    /// How long it has been going on.
    pub(crate) fn elapsed(&self) -> String {
        span(TimeDelta::from_std(self.started.elapsed()).unwrap_or(TimeDelta::MAX))
    }

    /// Shows what was counted, with so many of all events stored.
    pub(crate) fn show(
        &mut self,
        board: Board,
        events: (u64, u64),
        tally: &Tally,
        terminal: &mut Terminal,
    ) -> Result<()> {
        let (stored, of) = events;
        let (elapsed, again) = (self.elapsed(), format!("retries: {}", tally.again));
        self.layout.note(&board);
        let lines = if self.on_screen {
            let mut lines = vec![
                format!("{elapsed}: {stored} of {of} events in, {again}"),
                in_short(tally),
                String::new(),
            ];
            let rows = board.rows(self.layout, self.earlier.as_ref());
            lines.extend(Table::new(&self.layout.columns()).in_one_portion().lines(&rows, true));
            lines
        } else {
            let rate = self.earlier.as_ref().map(|earlier| board.rate_since(earlier).succeeded);
            let rate = rate.map(|rate| format!("; {rate:.1} succeeded/s")).unwrap_or_default();
            let jobs = board.in_words();
            vec![format!("{elapsed}: {stored} of {of} events in; {jobs}; {again}{rate}")]
        };
        self.earlier = Some(board);
        if self.on_screen {
            return self.screen.draw(&lines, terminal);
        }
        for line in lines {
            terminal.print(line)?;
        }
        terminal.flush()
    }
}

/// What a receiver did, in a line of 80 columns.
fn in_short(tally: &Tally) -> String {
    let Tally { requests, taken, broken, gone, silent, closed, .. } = tally;
    format!(
        "receiver: {requests} requests; {taken} taken, {broken} x 500, {gone} x 410, {silent} silent, {closed} hung up"
    )
}

/// What a receiver did, behind "the receiver".
pub(crate) fn told(tally: &Tally) -> String {
    let Tally { requests, taken, broken, gone, silent, closed, .. } = tally;
    format!(
        "got {}: it took {taken}, answered 500 to {broken} and 410 to {gone}, was silent to {silent} and hung up on {closed}",
        counted(*requests, "request")
    )
}
