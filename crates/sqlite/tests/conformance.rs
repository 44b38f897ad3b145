//! The conformance suite on this adapter: each case has a file in a folder of its own.

use blacksmith_store_conformance::{Fixture, FixtureError, Place, run};
use blacksmith_store_core::{Adapter, Options};

struct Sqlite;

impl Fixture for Sqlite {
    fn adapter(&self) -> impl Adapter + 'static {
        blacksmith_store_sqlite::adapter()
    }

    async fn place(&self) -> Result<Place, FixtureError> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("store.db").to_string_lossy().into_owned();
        Ok(Place::new(Options::new("sqlite").with_connection(file)).with_guard(folder))
    }
}

fn main() -> std::process::ExitCode {
    run(Sqlite)
}
