//! The conformance suite on this adapter, a schema a case.
//!
//! With `BLACKSMITH_TEST_PGBOUNCER=1` the stores are reached through PgBouncer in transaction mode, and listen on connections to
//! the server itself.

use std::{process::ExitCode, sync::OnceLock};

use blacksmith_store_conformance::{Fixture, FixtureError, Place, run};
use blacksmith_store_core::{Adapter, Options};
use blacksmith_testing_postgres_server::{Pooler, shared};

mod support;

/// The variable that puts PgBouncer between the stores and the server.
const ENV_POOLER: &str = "BLACKSMITH_TEST_PGBOUNCER";

struct Postgres;

impl Fixture for Postgres {
    fn adapter(&self) -> impl Adapter + 'static {
        blacksmith_store_postgres::adapter()
    }

    async fn place(&self) -> Result<Place, FixtureError> {
        let schema = support::Schema::migrated().await?;
        let options = if std::env::var_os(ENV_POOLER).is_some() {
            through_pooler(&schema)?
        } else {
            schema.options()
        };
        Ok(Place::new(options).with_guard(schema))
    }
}

fn through_pooler(schema: &support::Schema) -> Result<Options, FixtureError> {
    static POOLER: OnceLock<Result<Pooler, String>> = OnceLock::new();
    let pooler = POOLER.get_or_init(|| Pooler::start(shared()).map_err(|error| error.to_string()));
    let url = pooler.as_ref().map_err(Clone::clone)?.url("postgres");
    Ok(schema
        .options_at(&url)
        .with_context("prepared_statements", "off")
        .with_context("listen", shared().url("postgres")))
}

fn main() -> ExitCode {
    run(Postgres)
}
