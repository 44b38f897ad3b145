//! Progress, for a person who waits at a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::terminal::Terminal;

/// A bar where the end is known, else a count; silent unless a person reads standard error.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Of `total` bytes, or of as many as come.
    pub(crate) fn of_bytes(total: Option<u64>, terminal: &Terminal) -> Self {
        match total {
            Some(_) => Self::new(
                total,
                "{wide_bar} {bytes}/{total_bytes} {msg} [{elapsed}, {eta} to go]",
                terminal,
            ),
            None => Self::new(None, "{spinner} {bytes} {msg} [{elapsed}]", terminal),
        }
    }

    /// Of `total` entries, or of as many as there are.
    pub(crate) fn of_entries(total: Option<u64>, terminal: &Terminal) -> Self {
        match total {
            Some(_) => {
                Self::new(total, "{wide_bar} {pos}/{len} {msg} [{elapsed}, {eta} to go]", terminal)
            }
            None => Self::new(None, "{spinner} {pos} {msg} [{elapsed}]", terminal),
        }
    }

    fn new(total: Option<u64>, template: &str, terminal: &Terminal) -> Self {
        if !terminal.shows_errors || terminal.is_quiet() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template(template).expect("the templates above are right");
        bar.set_style(style);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// Moves on to `position`.
    pub(crate) fn set(&self, position: u64, message: impl Into<String>) {
        self.0.set_position(position);
        self.0.set_message(message.into());
    }

    /// Does something that prints, without the bar in its way.
    pub(crate) fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.0.suspend(print)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
