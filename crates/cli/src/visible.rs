//! Stored text as a terminal may show it.

use std::{borrow::Cow, fmt::Write as _};

/// Whether a terminal could act on the character instead of showing it: control characters, and those that change the
/// direction of the text around them.
fn acts(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text on one line, with characters that a terminal could act on as Rust's escapes: a stored name that holds
/// `\u{1b}[2J` shows so, and clears no screen.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// The same, but lines and tabs stay as they are.
pub(crate) fn visible_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |character| matches!(character, '\n' | '\t'))
}

fn escaped(text: &str, keeps: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(|character| acts(character) && !keeps(character)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if acts(character) && !keeps(character) {
            // Writing to a string cannot fail.
            let _ = write!(shown, "{}", character.escape_default());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_could_act_on_is_escaped() {
        assert_eq!(visible("crm/upsert é 漢"), "crm/upsert é 漢");
        assert_eq!(visible("\u{1b}[2J\n\t\0"), "\\u{1b}[2J\\n\\t\\u{0}");
        assert_eq!(visible("\u{9b}31m\u{7f}\u{202e}txt"), "\\u{9b}31m\\u{7f}\\u{202e}txt");
        assert_eq!(visible_lines("a\n\tb\r\u{1b}c"), "a\n\tb\\r\\u{1b}c");
    }
}
