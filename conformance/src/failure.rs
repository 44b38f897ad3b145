//! Why a case fails: where, what was expected, what came back.

use std::{
    error::Error as _,
    fmt::{self, Debug, Display, Write as _},
    panic::Location,
};

use blacksmith_store_core::{ErrorKind, Result as StoreResult, StoreError};

/// What a case answers.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Why a case failed.
pub(crate) struct Failure {
    text: String,
    at: &'static Location<'static>,
}

impl Failure {
    /// A failure with a sentence, at the caller's place.
    #[track_caller]
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), at: Location::caller() }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  (at {}:{})", self.text, self.at.file(), self.at.line())
    }
}

impl From<StoreError> for Failure {
    /// A call that had to succeed did not.
    #[track_caller]
    fn from(error: StoreError) -> Self {
        let mut text = format!("a call that had to succeed was refused: {error}");
        let mut source = error.source();
        while let Some(cause) = source {
            // Writing to a string cannot fail.
            let _ = write!(text, "\n  caused by: {cause}");
            source = cause.source();
        }
        Self::new(text)
    }
}

/// Fails the case unless the condition holds; the text says what was expected and what came back.
macro_rules! ensure {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err($crate::failure::Failure::new(format!($($text)+)));
        }
    };
}

pub(crate) use ensure;

/// Fails the case unless both are equal.
#[allow(clippy::needless_pass_by_value, reason = "cases compare literals and references alike")]
#[track_caller]
pub(crate) fn expect_eq<A, B>(what: impl Display, came_back: A, expected: B) -> Outcome
where
    A: Debug + PartialEq<B>,
    B: Debug,
{
    if came_back == expected {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{what}\n  expected:  {}\n  came back: {}",
        limited(&expected, 3_000),
        limited(&came_back, 3_000)
    )))
}

/// The error of a call that had to be refused with this kind.
#[track_caller]
pub(crate) fn expect_error<T: Debug>(
    what: impl Display,
    result: StoreResult<T>,
    kind: ErrorKind,
) -> Outcome<StoreError> {
    match result {
        Err(error) if error.kind() == kind => Ok(error),
        Err(error) => {
            Err(Failure::new(format!("{what}\n  expected:  {kind}\n  came back: {error}")))
        }
        Ok(answer) => Err(Failure::new(format!(
            "{what}\n  expected:  {kind}\n  came back: success, {}",
            limited(&answer, 1_000)
        ))),
    }
}

/// Fails the case unless the error names exactly these entries, in any order.
#[track_caller]
pub(crate) fn expect_names<I: ToString>(
    error: &StoreError,
    ids: impl IntoIterator<Item = I>,
) -> Outcome {
    let mut expected: Vec<String> = ids.into_iter().map(|id| id.to_string()).collect();
    let mut named = error.ids().to_vec();
    expected.sort();
    named.sort();
    expect_eq(format!("the ids that the error names ({error})"), named, expected)?;
    match error.ids().iter().take(10).find(|id| !error.message().contains(id.as_str())) {
        None => Ok(()),
        Some(id) => Err(Failure::new(format!("the text of the error lacks the id {id}: {error}"))),
    }
}

/// A value's `Debug` text, cut after `limit` characters; what is behind the cut is not even formatted.
pub(crate) fn limited(value: &dyn Debug, limit: usize) -> String {
    let mut text = Limited { text: String::new(), left: limit };
    if write!(text, "{value:?}").is_err() {
        text.text.push('…');
    }
    text.text
}

struct Limited {
    text: String,
    left: usize,
}

impl fmt::Write for Limited {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        for character in part.chars() {
            if self.left == 0 {
                return Err(fmt::Error);
            }
            self.left -= 1;
            self.text.push(character);
        }
        Ok(())
    }
}
