//! What a store claims to support beyond the core of the contract.

use serde::Serialize;

/// The version of the contract that this crate describes.
pub const CONTRACT_VERSION: u32 = 1;

/// Optional capabilities; everything else in [`Store`](crate::Store) is never optional. They choose which cases of the
/// conformance suite run: a declared one is tested, an undeclared [`wakeups`](Self::wakeups) must answer `Unsupported`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Capabilities {
    /// What was answered survives the process.
    pub durable: bool,
    /// The same data may be opened several times at once in one process.
    pub several_handles: bool,
    /// The same data may be opened by several processes at once.
    pub several_processes: bool,
    /// `wakeups` gives a stream.
    pub wakeups: bool,
}

impl Capabilities {
    /// None of them.
    pub const NONE: Self =
        Self { durable: false, several_handles: false, several_processes: false, wakeups: false };

    /// The same, durable.
    pub const fn with_durable(self) -> Self {
        Self { durable: true, ..self }
    }

    /// The same, with several handles on the same data.
    pub const fn with_several_handles(self) -> Self {
        Self { several_handles: true, ..self }
    }

    /// The same, with several processes on the same data.
    pub const fn with_several_processes(self) -> Self {
        Self { several_processes: true, ..self }
    }

    /// The same, with wake-ups.
    pub const fn with_wakeups(self) -> Self {
        Self { wakeups: true, ..self }
    }
}
