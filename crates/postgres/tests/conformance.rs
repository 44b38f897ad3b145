//! The conformance suite on this adapter, a schema a case.

use std::process::ExitCode;

use blacksmith_store_conformance::{Fixture, FixtureError, Place, run};
use blacksmith_store_core::Adapter;

mod support;

struct Postgres;

impl Fixture for Postgres {
    fn adapter(&self) -> impl Adapter + 'static {
        blacksmith_store_postgres::adapter()
    }

    async fn place(&self) -> Result<Place, FixtureError> {
        let schema = support::Schema::migrated().await?;
        Ok(Place::new(schema.options()).with_guard(schema))
    }
}

fn main() -> ExitCode {
    run(Postgres)
}
