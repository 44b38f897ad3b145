//! Why a run failed, and what is to be done about it.

use std::{error::Error, time::Duration};

use blacksmith_store_core::{JobError, Timestamp};

use crate::cut::{ERROR_TEXT_LIMIT, bounded, cut};

/// Why a run failed, and what is to be done about it: retry as scheduled (the default), retry after a delay of one's own, or
/// give up.
///
/// Any error becomes one with `?`; its text is that of the error and its sources, cut to [`ERROR_TEXT_LIMIT`].
///
/// ```
/// use std::time::Duration;
/// use blacksmith_scheduler::Failure;
///
/// fn parse(payload: &str) -> Result<u64, Failure> {
///     Ok(payload.parse()?)
/// }
/// assert!(parse("12").is_ok());
///
/// let busy = Failure::new("too many requests").with_status_code(429).retry_after(Duration::from_secs(30));
/// let gone = Failure::new("no such customer").with_status_code(410).discard();
/// # let _ = (busy, gone);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    pub(crate) error: JobError,
    pub(crate) remedy: Remedy,
}

/// What is to be done about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Retry as the schedule says.
    Schedule,
    /// Retry after this time.
    After(Duration),
    /// Retry at this instant.
    At(Timestamp),
    /// Give up.
    Discard,
}

impl Failure {
    /// A failure with a message, cut to [`ERROR_TEXT_LIMIT`].
    pub fn new(message: impl AsRef<str>) -> Self {
        Self::of(JobError::new(cut(message.as_ref(), ERROR_TEXT_LIMIT)))
    }

    /// A failure with an error of one's own making. One that is much longer than [`ERROR_TEXT_LIMIT`] is cut.
    pub fn of(error: JobError) -> Self {
        Self { error: bounded(error), remedy: Remedy::Schedule }
    }

    /// The same with a status code, such as HTTP's.
    pub fn with_status_code(self, code: u16) -> Self {
        Self { error: self.error.with_status_code(code), ..self }
    }

    /// The same, to be retried after `delay` whatever the schedule says, as a `Retry-After` asks for.
    pub fn retry_after(self, delay: Duration) -> Self {
        Self { remedy: Remedy::After(delay), ..self }
    }

    /// The same, to be retried at `instant` whatever the schedule says.
    pub fn retry_at(self, instant: Timestamp) -> Self {
        Self { remedy: Remedy::At(instant), ..self }
    }

    /// The same, never to be retried. Blacksmith: `Then.ForceDiscard`.
    pub fn discard(self) -> Self {
        Self { remedy: Remedy::Discard, ..self }
    }

    /// The error that the job's history will show.
    pub fn error(&self) -> &JobError {
        &self.error
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            // Many errors print their source themselves.
            if !text.ends_with(&cause_text) {
                text.push_str(": ");
                text.push_str(&cause_text);
            }
            source = cause.source();
        }
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the amount is no number")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn an_error_is_told_with_its_sources() {
        let cause = "x".parse::<u8>().expect_err("no number");
        let failure = Failure::from(Outer(cause));
        assert_eq!(
            failure.error().message(),
            "the amount is no number: invalid digit found in string"
        );
    }

    #[test]
    fn a_long_text_is_cut() {
        let failure = Failure::new("é".repeat(100_000)).with_status_code(500);
        assert!(failure.error().as_json().len() < 5_000);
        assert_eq!(failure.error().status_code(), Some(500));
    }
}
