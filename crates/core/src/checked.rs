//! The wrapper around every opened adapter; its methods are in `store.rs`.

use std::sync::Arc;

use crate::{Retry, Store, StoreError};

/// A store behind the checks of the contract, so that no adapter can forget them.
///
/// [`AvailableAdapters::open`](crate::AvailableAdapters::open) makes it. An adapter's own tests, which do not go through a
/// registry, may wrap what they test.
pub struct Checked {
    pub(crate) store: Arc<dyn Store>,
}

impl Checked {
    /// Wraps a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }
}

/// Whether a method changes what is stored.
#[allow(non_camel_case_types, reason = "the words of the declaration in store.rs")]
#[derive(Clone, Copy)]
pub(crate) enum Access {
    read,
    write,
}

impl Access {
    /// A read whose answer was lost may always be sent again.
    pub(crate) fn settle(self, error: StoreError) -> StoreError {
        match (self, error.retry()) {
            (Self::read, Retry::OutcomeUnknown) => error.with_retry(Retry::Safe),
            _ => error,
        }
    }
}
