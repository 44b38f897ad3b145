//! Batches of events, read ahead of the store by a thread of their own.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
    thread,
};

use blacksmith_store::{Event, MAX_CALL_ENTRIES, Toolkit};
use tokio::sync::mpsc;

use super::{
    line,
    lines::{BadLine, Lines, Next},
};
use crate::{
    configuration::Routes,
    failure::{Failure, Result},
};

/// Most lines of a batch.
const BATCH_LINES: usize = 1_000;

/// A batch is sent when its lines have this many bytes.
const BATCH_BYTES: usize = 8 << 20;

/// Lines that are sent together.
#[derive(Default)]
pub(crate) struct Batch {
    /// The events with the numbers of their lines.
    pub(crate) events: Vec<(u64, Event)>,
    /// The lines among them that are no events.
    pub(crate) bad: Vec<BadLine>,
    /// So many bytes of the input were read with it.
    pub(crate) consumed: u64,
    bytes: usize,
    entries: usize,
}

impl Batch {
    fn has_room_for(&self, event: &Event, bytes: usize) -> bool {
        self.events.is_empty()
            || (self.events.len() + self.bad.len() < BATCH_LINES
                && self.bytes + bytes <= BATCH_BYTES
                && self.entries + line::entries(event) <= MAX_CALL_ENTRIES)
    }

    fn push(&mut self, number: u64, event: Event, bytes: usize) {
        self.bytes += bytes;
        self.entries += line::entries(&event);
        self.events.push((number, event));
    }
}

/// Where lines come from.
pub(crate) struct Input {
    input: Box<dyn BufRead + Send>,
    /// How long it is, where that is known.
    pub(crate) bytes: Option<u64>,
}

impl Input {
    /// A file, or standard input for `-`.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        const BUFFER_BYTES: usize = 256 << 10;
        if path == Path::new("-") {
            let input = BufReader::with_capacity(BUFFER_BYTES, io::stdin());
            return Ok(Self { input: Box::new(input), bytes: None });
        }
        let failed = |error| Failure::input_output(format!("read {}", path.display()), error);
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        let input = BufReader::with_capacity(BUFFER_BYTES, file);
        // A pipe or a device has no length.
        Ok(Self { input: Box::new(input), bytes: metadata.is_file().then_some(metadata.len()) })
    }
}

/// Reads batches in a thread, one ahead of the one that is sent, so that what is held is bounded.
///
/// The thread may wait for a slow input for ever; dropping the receiver ends it at the next batch, and the end of the process
/// in any case.
pub(crate) fn read(
    input: Input,
    routes: Routes,
    toolkit: Toolkit,
) -> mpsc::Receiver<io::Result<Batch>> {
    let (sender, receiver) = mpsc::channel(1);
    thread::spawn(move || {
        let mut lines = Lines::new(input.input);
        if let Err(error) = read_all(&mut lines, &routes, &toolkit, &sender) {
            // A receiver that is gone wants to know no more.
            let _ = sender.blocking_send(Err(error));
        }
    });
    receiver
}

fn read_all(
    lines: &mut Lines<Box<dyn BufRead + Send>>,
    routes: &Routes,
    toolkit: &Toolkit,
    sender: &mpsc::Sender<io::Result<Batch>>,
) -> io::Result<()> {
    let mut batch = Batch::default();
    loop {
        let consumed = lines.consumed();
        let next = match lines.next() {
            Ok(next) => next,
            Err(error) => {
                // What was read before it still goes in.
                let _ = sender.blocking_send(Ok(Batch { consumed, ..batch }));
                return Err(error);
            }
        };
        match next {
            Next::End => {
                let last = Batch { consumed: lines.consumed(), ..batch };
                let _ = sender.blocking_send(Ok(last));
                return Ok(());
            }
            Next::Bad(bad) => batch.bad.push(bad),
            Next::Line { number, text } => match line::event(&text, routes, toolkit) {
                Err(reason) => batch.bad.push(BadLine { number, reason }),
                Ok(event) => {
                    if !batch.has_room_for(&event, text.len()) {
                        let full = Batch { consumed, ..std::mem::take(&mut batch) };
                        if sender.blocking_send(Ok(full)).is_err() {
                            return Ok(());
                        }
                    }
                    batch.push(number, event, text.len());
                }
            },
        }
        if batch.bad.len() >= BATCH_LINES {
            let full = Batch { consumed: lines.consumed(), ..std::mem::take(&mut batch) };
            if sender.blocking_send(Ok(full)).is_err() {
                return Ok(());
            }
        }
    }
}
