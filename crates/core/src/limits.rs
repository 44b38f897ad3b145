//! The limits of the contract, and the checks of single values.

use crate::{Result, StoreError, Timestamp, time};

/// Most bytes of a name: source, trigger, destination, action, version, actor.
pub const MAX_NAME_BYTES: usize = 255;

/// Most bytes of a `context` or of a `data`: 16 MiB.
pub const MAX_PAYLOAD_BYTES: usize = 16 << 20;

/// Most entries of a call: events + jobs + transitions, or filter values, or tokens, or jobs claimed.
pub const MAX_CALL_ENTRIES: usize = 10_000;

/// Most bytes of payload in a call: 256 MiB.
pub const MAX_CALL_PAYLOAD_BYTES: usize = 256 << 20;

/// Most bytes of a transition's error, as JSON text: 64 KiB.
pub const MAX_ERROR_BYTES: usize = 64 << 10;

/// Most bytes of the reason of a pause.
pub const MAX_REASON_BYTES: usize = 1_024;

/// Entries of a page when the filter names no limit.
pub const DEFAULT_PAGE_LIMIT: u64 = 100;

/// Most entries of a page; a higher limit is clamped.
pub const MAX_PAGE_LIMIT: u64 = 1_000;

/// Longest lease: a day.
pub const MAX_LEASE: std::time::Duration = std::time::Duration::from_hours(24);

/// Refuses what cannot be a name; `what` says where it stands.
pub(crate) fn check_name(what: &dyn std::fmt::Display, name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(StoreError::invalid_input(format!(
            "{what} is empty; a name has 1 to 255 bytes"
        )));
    }
    check_text(what, name, MAX_NAME_BYTES)
}

/// Refuses text that is too long or holds a NUL.
pub(crate) fn check_text(what: &dyn std::fmt::Display, text: &str, limit: usize) -> Result<()> {
    if text.len() > limit {
        let len = text.len();
        return Err(StoreError::invalid_input(format!(
            "{what} has {len} bytes; the limit is {limit}"
        )));
    }
    if text.contains('\0') {
        return Err(StoreError::invalid_input(format!("{what} contains a NUL byte")));
    }
    Ok(())
}

/// Cuts an instant to the microsecond; refuses years outside 1 to 9999.
pub(crate) fn check_instant(what: &dyn std::fmt::Display, instant: Timestamp) -> Result<Timestamp> {
    let cut = time::floor_to_micros(instant);
    if time::in_range(cut) {
        Ok(cut)
    } else {
        Err(StoreError::invalid_input(format!(
            "{what} is {instant}; an instant lies in the years 1 to 9999"
        )))
    }
}
