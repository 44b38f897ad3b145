//! What was done to a store: printed when a case fails.

use std::{
    fmt::{Debug, Write as _},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use blacksmith_store_core::{ErrorKind, Result, Retry, StoreError};

use crate::failure::{Failure, Outcome, limited};

/// How many calls are printed, the last ones.
const SHOWN: usize = 25;

/// A call that was answered.
pub(crate) struct Call {
    pub(crate) operation: &'static str,
    /// What it asked for, in short.
    pub(crate) request: String,
    pub(crate) took: Duration,
}

/// The calls of a case with their answers, and what was wrong with any call whatever the case is about.
#[derive(Default)]
pub(crate) struct Journal(Mutex<State>);

#[derive(Default)]
struct State {
    calls: Vec<String>,
    violations: Vec<String>,
}

impl Journal {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a call's answer, and checks what holds for every error.
    pub(crate) fn record<T: Debug>(&self, call: &Call, answer: &Result<T, &StoreError>) {
        let text = match answer {
            Ok(answer) => summary(answer),
            Err(error) => format!("refused: {error}"),
        };
        let Call { operation, request, took } = call;
        let mut state = self.state();
        state.calls.push(format!("{operation}({request})\n       -> {text} ({took:.1?})"));
        if let Err(error) = answer {
            state.violations.extend(violation(operation, error));
        }
    }

    /// Notes what is not a call.
    pub(crate) fn note(&self, text: String) {
        self.state().calls.push(text);
    }

    /// Fails if an error broke a rule that holds for all of them.
    pub(crate) fn check(&self) -> Outcome {
        match self.state().violations.first() {
            None => Ok(()),
            Some(violation) => Err(Failure::new(violation.clone())),
        }
    }

    /// The last calls, oldest first.
    pub(crate) fn text(&self) -> String {
        let state = self.state();
        let hidden = state.calls.len().saturating_sub(SHOWN);
        let mut text = match hidden {
            0 => "what was done:".to_owned(),
            _ => format!("what was done ({hidden} earlier calls are not shown):"),
        };
        for (index, call) in state.calls.iter().enumerate().skip(hidden) {
            // Writing to a string cannot fail.
            let _ = write!(text, "\n  {:>3}. {call}", index + 1);
        }
        text
    }
}

/// A value's `Debug` text without the members that are not set, cut to what a reader takes in.
pub(crate) fn summary(value: &dyn Debug) -> String {
    const SHOWN: usize = 500;
    let text = limited(value, 4 * SHOWN);
    let mut short = String::with_capacity(text.len());
    for member in text.split(", ") {
        let (member, closing) = match member.split_once(": None") {
            Some((name, closing)) if is_name(name) => ("", closing),
            _ => (member, ""),
        };
        if !short.is_empty() && !member.is_empty() {
            short.push_str(", ");
        }
        short.push_str(member);
        short.push_str(closing);
    }
    limited_text(short, SHOWN)
}

fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

fn limited_text(mut text: String, limit: usize) -> String {
    if let Some((cut, _)) = text.char_indices().nth(limit) {
        text.truncate(cut);
        text.push('…');
    }
    text
}

fn violation(operation: &str, error: &StoreError) -> Option<String> {
    let is_about_the_request = matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::Conflict
            | ErrorKind::InvalidInput
            | ErrorKind::Unsupported
            | ErrorKind::Config
    );
    if error.operation() != operation {
        Some(format!("the error of {operation} says that {:?} failed: {error}", error.operation()))
    } else if error.message().trim().is_empty() {
        Some(format!("the error of {operation} has no sentence: {error}"))
    } else if is_about_the_request && error.retry() != Retry::Never {
        Some(format!(
            "the same {operation} would be refused again, but its error says {:?}: {error}",
            error.retry()
        ))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_leaves_out_what_is_not_set() {
        let job = blacksmith_store_core::Job::new(
            blacksmith_store_core::JobId::from_bytes([0; 20]),
            "crm",
            "upsert",
        );
        assert_eq!(
            summary(&[job.with_version("1")]),
            "[Job { id: JobId(000000000000000000000000000), destination: \"crm\", \
             action: \"upsert\", version: Some(\"1\") }]"
        );
    }
}
