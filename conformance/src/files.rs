//! The fixture of adapters that keep a store in a file.

use blacksmith_store_core::{Adapter, Options};

use crate::fixture::{Fixture, FixtureError, Place};

/// Stores in files, each in a folder of its own that goes with it: for adapters whose connection is the path of a file, which
/// they make.
///
/// ```no_run
/// use std::process::ExitCode;
/// use blacksmith_store_conformance::{Files, run};
///
/// fn suite<A: blacksmith_store_core::Adapter + 'static>(adapter: fn() -> A) -> ExitCode {
///     run(Files::of(adapter))
/// }
/// ```
pub struct Files<F> {
    adapter: F,
}

impl<F> Files<F> {
    /// Files of the adapter that this function makes.
    pub fn of(adapter: F) -> Self {
        Self { adapter }
    }
}

impl<F, A> Fixture for Files<F>
where
    F: Fn() -> A + Send + Sync + 'static,
    A: Adapter + 'static,
{
    fn adapter(&self) -> impl Adapter + 'static {
        (self.adapter)()
    }

    async fn place(&self) -> Result<Place, FixtureError> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("store").to_string_lossy().into_owned();
        let options = Options::new((self.adapter)().name()).with_connection(file);
        Ok(Place::new(options).with_guard(folder))
    }
}
