//! Progress, for a person who waits at a terminal.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::terminal::Terminal;

/// What is done before this long needs no bar.
const PATIENCE: Duration = Duration::from_millis(300);

/// A bar where the end is known, else a count; silent unless a person reads standard error and waits.
pub(crate) struct Progress {
    bar: ProgressBar,
    /// Since when it might be shown, until it is.
    due: Cell<Option<Instant>>,
}

impl Progress {
    /// Of `total` bytes, or of as many as come.
    pub(crate) fn of_bytes(total: Option<u64>, terminal: &Terminal) -> Self {
        let template = match total {
            Some(_) => "{wide_bar} {bytes}/{total_bytes} {msg} [{elapsed}, {eta} to go]",
            None => "{spinner} {bytes} {msg} [{elapsed}]",
        };
        Self::new(total, template, terminal)
    }

    /// Of as many entries as there are.
    pub(crate) fn of_entries(terminal: &Terminal) -> Self {
        Self::new(None, "{spinner} {pos} {msg} [{elapsed}]", terminal)
    }

    fn new(total: Option<u64>, template: &str, terminal: &Terminal) -> Self {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
        bar.set_style(
            ProgressStyle::with_template(template).expect("the templates above are right"),
        );
        let is_seen = terminal.shows_errors && !terminal.is_quiet();
        Self { bar, due: Cell::new(is_seen.then(Instant::now)) }
    }

    /// Moves on to `position`.
    pub(crate) fn set(&self, position: u64, message: impl Into<String>) {
        self.bar.set_position(position);
        self.bar.set_message(message.into());
        if self.due.get().is_some_and(|since| since.elapsed() >= PATIENCE) {
            self.due.set(None);
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.bar.enable_steady_tick(Duration::from_millis(200));
        }
    }

    /// Does something that prints, without the bar in its way.
    pub(crate) fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
