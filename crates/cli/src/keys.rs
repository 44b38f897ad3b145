//! Single keys, for a command that runs until a person has seen enough.

use std::{
    io::{self, IsTerminal as _, Read as _},
    sync::Arc,
    thread,
};

use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use tokio::sync::Notify;

use crate::{
    failure::{Failure, Result},
    terminal::Terminal,
};

/// `q`, and what a terminal sends for Ctrl-C when it makes no signal of it.
const QUITS: [u8; 3] = [b'q', b'Q', 3];

/// Takes keys as they are pressed, until it is dropped.
pub(crate) struct Keys {
    quit: Arc<Notify>,
    takes_keys: bool,
}

impl Keys {
    /// Listens, where a person sees the output and can press a key; elsewhere nothing is read.
    pub(crate) fn listen(terminal: &Terminal) -> Result<Self> {
        let quit = Arc::new(Notify::new());
        let takes_keys = terminal.shows_output && io::stdin().is_terminal();
        if takes_keys {
            enable_raw_mode().map_err(|error| Failure::input_output("listen to keys", error))?;
            let quit = Arc::clone(&quit);
            // It waits for a key for ever, and ends with the process.
            thread::spawn(move || {
                let mut key = [0];
                // The end of the input means quit too.
                while matches!(io::stdin().read(&mut key), Ok(1)) && !QUITS.contains(&key[0]) {}
                quit.notify_one();
            });
        }
        Ok(Self { quit, takes_keys })
    }

    /// Whether there is somebody to press them.
    pub(crate) fn are_taken(&self) -> bool {
        self.takes_keys
    }

    /// Waits for `q` or Ctrl-C.
    pub(crate) async fn quit(&self) {
        self.quit.notified().await;
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        if self.takes_keys {
            // There is nothing to be done about a terminal that is gone.
            let _ = disable_raw_mode();
        }
    }
}
