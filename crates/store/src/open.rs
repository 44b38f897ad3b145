//! Opening a store of one of this crate's adapters.

use std::sync::Arc;

use blacksmith_store_core::{AvailableAdapters, Options, Result, Store};

use crate::CompiledIn as _;

/// Opens the store that `options` describe, with the adapters that are compiled in.
///
/// Short for [`AvailableAdapters::compiled_in`](crate::CompiledIn::compiled_in) and [`AvailableAdapters::open`]; a program
/// that has adapters of its own registers them there.
///
/// # Errors
/// `Config` when `options.from` names no adapter that is compiled in, listing those that are, and for options that cannot
/// work; `Unavailable` when the database cannot be reached; `Corrupt` when it is damaged.
pub async fn open(options: Options) -> Result<Arc<dyn Store>> {
    AvailableAdapters::compiled_in().open(options).await
}
