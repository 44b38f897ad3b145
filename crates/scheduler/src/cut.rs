//! Error texts are kept short: a response body may be as long as it likes.

use std::borrow::Cow;

use blacksmith_store_core::JobError;

/// Most bytes of text that an error of a job keeps: 4 KiB.
pub const ERROR_TEXT_LIMIT: usize = 4 << 10;

/// The first `limit` bytes of `text`, at a character's boundary, and how much was left out.
///
/// ```
/// use blacksmith_scheduler::cut;
///
/// assert_eq!(cut("short", 10), "short");
/// assert_eq!(cut("größer", 3), "gr… (6 bytes more)");
/// ```
pub fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    let kept = text.floor_char_boundary(limit);
    Cow::Owned(format!("{}… ({} bytes more)", &text[..kept], text.len() - kept))
}

/// The same error within the limit: its message is cut, and when that is not enough, only message and status code are kept.
pub(crate) fn bounded(error: JobError) -> JobError {
    // Twice the text: escapes and the other members need room, too.
    if error.as_json().len() <= 2 * ERROR_TEXT_LIMIT {
        return error;
    }
    let message = error.message();
    let message = if message.is_empty() { error.as_json() } else { &message };
    let short = JobError::new(cut(message, ERROR_TEXT_LIMIT));
    match error.status_code().and_then(|code| u16::try_from(code).ok()) {
        Some(code) => short.with_status_code(code),
        None => short,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_is_too_long_keeps_its_code_and_the_start_of_its_message() {
        let long = JobError::new("x".repeat(100_000)).with_status_code(502);
        let short = bounded(long);
        assert_eq!(short.status_code(), Some(502));
        assert!(short.message().ends_with("x… (95904 bytes more)"), "{short}");
        assert!(short.as_json().len() < 2 * ERROR_TEXT_LIMIT);
    }

    #[test]
    fn an_error_within_the_limit_stays_as_it_is() {
        let error = JobError::from_json(r#"{"message":"no","code":7}"#).expect("JSON");
        assert_eq!(bounded(error.clone()), error);
    }

    #[test]
    fn an_error_without_a_message_keeps_the_start_of_its_json() {
        let error = JobError::from_json(format!("[{:?}]", "y".repeat(50_000))).expect("JSON");
        assert!(bounded(error).message().starts_with("[\"yyy"));
    }
}
