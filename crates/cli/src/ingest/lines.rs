//! Lines of bounded length.

use std::io::{self, BufRead};

use bytes::Bytes;

/// The longest line: two payloads of 16 MiB, and room for those of a few jobs.
const MAX_LINE_BYTES: usize = 64 << 20;

/// A line that does not go in, and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadLine {
    /// Its number, from 1.
    pub(crate) number: u64,
    pub(crate) reason: String,
}

/// Reads lines one by one, never holding more than the longest one allowed.
pub(super) struct Lines<R> {
    input: R,
    number: u64,
    consumed: u64,
    longest: usize,
}

/// What came next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Line { number: u64, text: Bytes },
    Bad(BadLine),
    End,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, number: 0, consumed: 0, longest: MAX_LINE_BYTES }
    }

    /// So many bytes were read so far.
    pub(super) fn consumed(&self) -> u64 {
        self.consumed
    }

    /// The next line that is not blank, without the byte order mark that a first line may have.
    pub(super) fn next(&mut self) -> io::Result<Next> {
        loop {
            let mut line = Vec::new();
            let Some(is_whole) = self.read_line(&mut line)? else { return Ok(Next::End) };
            self.number += 1;
            let number = self.number;
            if !is_whole {
                let reason = format!("a line has at most {} MiB", self.longest >> 20);
                return Ok(Next::Bad(BadLine { number, reason }));
            }
            let mut text = Bytes::from(line);
            if number == 1 && text.starts_with(b"\xef\xbb\xbf") {
                text = text.slice(3..);
            }
            if !text.trim_ascii().is_empty() {
                return Ok(Next::Line { number, text });
            }
        }
    }

    /// Reads up to the end of the line; `None` at the end of the input, `false` where the line was too long and is skipped.
    fn read_line(&mut self, line: &mut Vec<u8>) -> io::Result<Option<bool>> {
        let (mut is_whole, mut is_begun) = (true, false);
        loop {
            let available = match self.input.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available.is_empty() {
                return Ok(is_begun.then_some(is_whole));
            }
            is_begun = true;
            let end = available.iter().position(|byte| *byte == b'\n');
            let part = &available[..end.unwrap_or(available.len())];
            if line.len() + part.len() > self.longest {
                is_whole = false;
                *line = Vec::new();
            }
            if is_whole {
                line.extend_from_slice(part);
            }
            let read = end.map_or(available.len(), |end| end + 1);
            self.input.consume(read);
            self.consumed += read as u64;
            if end.is_some() {
                return Ok(Some(is_whole));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_numbered_also_where_blank_ones_and_long_ones_are_skipped() -> io::Result<()> {
        let text = "\u{feff}one\r\n\n  \t\nfour is too long\nfive";
        // A buffer of three bytes, so that lines lie across several.
        let mut lines = Lines::new(io::BufReader::with_capacity(3, text.as_bytes()));
        lines.longest = 8;

        let line = |number, text: &'static str| Next::Line { number, text: text.into() };
        assert_eq!(lines.next()?, line(1, "one\r"));
        assert!(matches!(lines.next()?, Next::Bad(BadLine { number: 4, .. })));
        assert_eq!(lines.next()?, line(5, "five"));
        assert_eq!(lines.next()?, Next::End);
        assert_eq!(lines.consumed(), text.len() as u64);
        Ok(())
    }
}
