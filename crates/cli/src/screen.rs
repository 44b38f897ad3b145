//! A table that is drawn again and again: over itself on a screen, one after the other elsewhere.

use std::io;

use crossterm::{
    cursor::MoveToPreviousLine,
    queue,
    terminal::{Clear, ClearType, DisableLineWrap, EnableLineWrap},
};

use crate::{
    failure::{Failure, Result},
    terminal::{Terminal, size},
};

/// The rows of a screen that does not tell.
const HEIGHT: u16 = 24;

/// What was drawn last, where the cursor stands below it.
#[derive(Default)]
pub(crate) struct Screen {
    rows: u16,
    is_begun: bool,
}

impl Screen {
    /// Draws these lines instead of those before.
    ///
    /// On a screen that is too low for them the last ones are left out, on one that is too narrow the ends of lines are.
    pub(crate) fn draw(&mut self, lines: &[String], terminal: &mut Terminal) -> Result<()> {
        if terminal.shows_output {
            let height = size().map_or(HEIGHT, |(_, height)| height);
            let (frame, rows) = frame(lines, self.rows, height)
                .map_err(|error| Failure::input_output("draw on the screen", error))?;
            self.rows = rows;
            terminal.print_bytes(&frame)?;
        } else {
            if self.is_begun {
                terminal.print("")?;
            }
            for line in lines {
                terminal.print(line)?;
            }
        }
        self.is_begun = true;
        // Whoever waits for it sees it now.
        terminal.flush()
    }
}

/// The bytes that draw `lines` over the `before` rows above the cursor, and how many rows they take.
fn frame(lines: &[String], before: u16, height: u16) -> io::Result<(Vec<u8>, u16)> {
    // The cursor has a row of its own.
    let room = usize::from(height.saturating_sub(1)).max(1);
    let mut shown: Vec<&str> = lines.iter().map(String::as_str).collect();
    let left_out = format!("and {} lines more", (shown.len() + 1).saturating_sub(room));
    if shown.len() > room {
        shown.truncate(room - 1);
        shown.push(&left_out);
    }
    let mut bytes = Vec::new();
    queue!(bytes, DisableLineWrap)?;
    if before > 0 {
        queue!(bytes, MoveToPreviousLine(before))?;
    }
    for line in &shown {
        bytes.extend_from_slice(line.as_bytes());
        // A screen that takes keys as they come does not return by itself.
        queue!(bytes, Clear(ClearType::UntilNewLine))?;
        bytes.extend_from_slice(b"\r\n");
    }
    queue!(bytes, Clear(ClearType::FromCursorDown), EnableLineWrap)?;
    Ok((bytes, u16::try_from(shown.len()).unwrap_or(u16::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(lines: &[&str], before: u16, height: u16) -> (String, u16) {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let (bytes, rows) = frame(&lines, before, height).expect("a vector takes everything");
        let text = String::from_utf8(bytes).expect("text");
        (text.replace('\u{1b}', "^"), rows)
    }

    #[test]
    fn a_frame_is_drawn_over_the_one_before() {
        let (first, rows) = drawn(&["one", "two"], 0, 24);
        assert_eq!(first, "^[?7lone^[K\r\ntwo^[K\r\n^[J^[?7h");
        assert_eq!(drawn(&["1"], rows, 24), ("^[?7l^[2F1^[K\r\n^[J^[?7h".to_owned(), 1));
    }

    #[test]
    fn what_a_low_screen_has_no_room_for_is_counted() {
        let (text, rows) = drawn(&["a", "b", "c", "d"], 0, 4);
        assert_eq!(rows, 3);
        assert!(text.contains("b^[K\r\nand 2 lines more") && !text.contains("d^"), "{text}");
        assert_eq!(drawn(&["a", "b", "c"], 0, 4).1, 3);
    }
}
