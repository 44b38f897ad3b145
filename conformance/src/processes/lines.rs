//! The lines between a process and its child, each of them JSON.

use std::collections::BTreeMap;

use blacksmith_store_core::{ErrorKind, Options, Retry, StoreError, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The first line to a child: which store to open. It holds a secret, so it has no `Debug`.
#[derive(Serialize, Deserialize)]
pub(super) struct Order {
    options: Options,
    // What `Options` leaves out of its JSON.
    context: BTreeMap<String, String>,
    connection: Option<String>,
    /// The seed of the child's ids.
    pub(super) seed: u64,
}

impl Order {
    pub(super) fn new(options: &Options, seed: u64) -> Self {
        Self {
            options: options.clone(),
            context: options.context.clone(),
            connection: options.expose_connection().map(str::to_owned),
            seed,
        }
    }

    pub(super) fn options(self) -> Options {
        let mut options = self.options;
        options.context = self.context;
        match self.connection {
            Some(connection) => options.with_connection(connection),
            None => options,
        }
    }
}

/// A call that a child is to make.
#[derive(Serialize, Deserialize)]
pub(super) struct Call {
    /// Not 0, which is the reply to the order.
    pub(super) number: u64,
    pub(super) method: String,
    /// What the clock shows.
    pub(super) at: Timestamp,
    pub(super) argument: Box<RawValue>,
}

/// What became of the order, or of a call.
#[derive(Serialize, Deserialize)]
pub(super) struct Reply {
    pub(super) number: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) answer: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refusal: Option<Refusal>,
}

/// A store's error.
#[derive(Serialize, Deserialize)]
pub(super) struct Refusal {
    kind: String,
    retry: usize,
    message: String,
}

/// Every kind, to find one by its text.
const KINDS: [ErrorKind; 9] = [
    ErrorKind::NotFound,
    ErrorKind::Conflict,
    ErrorKind::InvalidInput,
    ErrorKind::Unsupported,
    ErrorKind::Unavailable,
    ErrorKind::Timeout,
    ErrorKind::Config,
    ErrorKind::Corrupt,
    ErrorKind::Internal,
];

const RETRIES: [Retry; 3] = [Retry::Never, Retry::Safe, Retry::OutcomeUnknown];

impl From<&StoreError> for Refusal {
    fn from(error: &StoreError) -> Self {
        Self {
            kind: error.kind().as_str().to_owned(),
            retry: RETRIES.iter().position(|retry| *retry == error.retry()).unwrap_or_default(),
            message: error.message().to_owned(),
        }
    }
}

impl From<Refusal> for StoreError {
    /// The error in the parent, without the ids, which its text names.
    fn from(refusal: Refusal) -> Self {
        let kind = KINDS.into_iter().find(|kind| kind.as_str() == refusal.kind);
        let retry = RETRIES.get(refusal.retry).copied().unwrap_or(Retry::Never);
        Self::new(kind.unwrap_or(ErrorKind::Internal), refusal.message).with_retry(retry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_hands_the_whole_options_over() {
        let options = Options::new("theirs")
            .with_connection("theirs://user:secret@host")
            .with_context("schema", "tried");
        let line = serde_json::to_string(&Order::new(&options, 7)).expect("it is written");
        let order: Order = serde_json::from_str(&line).expect("it is read");
        assert_eq!(order.seed, 7);
        let handed = order.options();
        assert_eq!(handed.from, options.from);
        assert_eq!(handed.context, options.context);
        assert_eq!(handed.expose_connection(), options.expose_connection());
    }

    #[test]
    fn an_error_keeps_its_kind_and_whether_a_retry_helps() {
        for kind in KINDS {
            for retry in RETRIES {
                let error = StoreError::new(kind, "a sentence").with_retry(retry);
                let told = StoreError::from(Refusal::from(&error));
                assert_eq!((told.kind(), told.retry()), (kind, retry));
                assert_eq!(told.message(), error.message());
            }
        }
    }
}
