//! The adapters whose features are on.

use blacksmith_store_core::AvailableAdapters;

/// Adds [`compiled_in`](Self::compiled_in) to [`AvailableAdapters`], which itself knows no adapter.
pub trait CompiledIn {
    /// The adapters of this crate whose cargo feature is on; the others are known by name, with how to have them.
    fn compiled_in() -> Self;
}

impl CompiledIn for AvailableAdapters {
    fn compiled_in() -> Self {
        let adapters = Self::new();

        #[cfg(feature = "memory")]
        let adapters = with(adapters, blacksmith_store_memory::adapter());
        #[cfg(not(feature = "memory"))]
        let adapters = adapters.with_absent("memory", "its feature `memory` is off in this build");

        #[cfg(feature = "sqlite")]
        let adapters = with(adapters, blacksmith_store_sqlite::adapter());
        #[cfg(not(feature = "sqlite"))]
        let adapters = adapters.with_absent("sqlite", "its feature `sqlite` is off in this build");

        #[cfg(feature = "postgres")]
        let adapters = with(adapters, blacksmith_store_postgres::adapter());
        #[cfg(not(feature = "postgres"))]
        let adapters =
            adapters.with_absent("postgres", "its feature `postgres` is off in this build");

        adapters
    }
}

#[cfg(any(feature = "memory", feature = "sqlite", feature = "postgres"))]
fn with(
    adapters: AvailableAdapters,
    adapter: impl blacksmith_store_core::Adapter + 'static,
) -> AvailableAdapters {
    adapters.with(adapter).expect("the adapters of this crate have different names")
}

#[cfg(test)]
mod tests {
    use blacksmith_store_core::{ErrorKind, Options};

    use super::*;

    #[test]
    fn every_adapter_is_available_or_known_to_be_absent() {
        let adapters = AvailableAdapters::compiled_in();
        for (name, compiled_in) in [
            ("memory", cfg!(feature = "memory")),
            ("sqlite", cfg!(feature = "sqlite")),
            ("postgres", cfg!(feature = "postgres")),
        ] {
            match adapters.select(&Options::new(name)) {
                Ok(adapter) => assert_eq!((adapter.name(), true), (name, compiled_in)),
                Err(error) => {
                    assert!(!compiled_in, "{error}");
                    assert_eq!(error.kind(), ErrorKind::Config);
                    assert!(error.message().contains("; it"), "the remedy is missing: {error}");
                }
            }
        }
    }
}
