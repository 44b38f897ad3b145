//! The adapter: opens stores and migrators.

use std::{fmt, sync::Arc};

use blacksmith_store_core::{
    Adapter, CONTRACT_VERSION, Capabilities, Migrator, Options, Result, SCRATCH, Store, StoreError,
    Toolkit, async_trait,
};
use deadpool_postgres::Connect;

use crate::{
    connection::Database,
    migrate::{PostgresMigrator, check_schema},
    settings::{self, Settings},
    statement::quoted,
    store::PostgresStore,
};

/// The name under which it is registered.
pub(crate) const NAME: &str = "postgres";

/// What its stores support.
pub(crate) const CAPABILITIES: Capabilities = Capabilities::NONE
    .with_durable()
    .with_several_handles()
    .with_several_processes()
    .with_wakeups();

/// The PostgreSQL adapter, for [`AvailableAdapters`](blacksmith_store_core::AvailableAdapters).
pub fn adapter() -> PostgresAdapter {
    PostgresAdapter { connector: None }
}

/// Opens stores in PostgreSQL databases.
#[derive(Clone)]
pub struct PostgresAdapter {
    connector: Option<Arc<dyn Connect>>,
}

impl PostgresAdapter {
    /// The same, taking its connections from `connector` instead of making them, for example over a simulated network.
    ///
    /// Its stores are woken up by their own process alone, and do not ask a server to stop a statement whose caller has gone:
    /// both need connections beside those of the pool.
    pub fn with_connector(self, connector: impl Connect + 'static) -> Self {
        Self { connector: Some(Arc::new(connector)) }
    }
}

impl fmt::Debug for PostgresAdapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_connector = self.connector.is_some();
        f.debug_struct("PostgresAdapter").field("has_connector", &has_connector).finish()
    }
}

#[async_trait]
impl Adapter for PostgresAdapter {
    fn name(&self) -> &'static str {
        NAME
    }

    fn contract_version(&self) -> u32 {
        CONTRACT_VERSION
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    fn example_url(&self) -> &'static str {
        "postgres://user:password@localhost:5432/database"
    }

    async fn open(&self, options: Options) -> Result<Arc<dyn Store>> {
        let settings = Settings::of(&options)?;
        let database = Database::new(&settings, self.connector.clone())?;
        let session = database.session(&Toolkit::new()).await?;
        check_schema(&session, &settings.schema).await?;
        drop(session);
        let is_supplied = self.connector.is_some();
        Ok(Arc::new(PostgresStore::new(options, settings, database, is_supplied)))
    }

    async fn migrator(&self, options: &Options) -> Result<Box<dyn Migrator>> {
        let settings = Settings::of(options)?;
        let database = Database::new(&settings, self.connector.clone())?;
        Ok(Box::new(PostgresMigrator::new(database, settings.schema)))
    }

    /// A schema of the same database.
    fn scratch(&self, options: &Options, name: &str) -> Result<Options> {
        let options = options.clone().with_context(settings::SCHEMA, name);
        Settings::of(&options)?;
        Ok(options)
    }

    async fn remove_scratch(&self, options: &Options) -> Result<()> {
        let settings = Settings::of(options)?;
        if !settings.schema.starts_with(SCRATCH) {
            let sentence = format!("the schema {:?} is no store for tries", settings.schema);
            return Err(StoreError::invalid_input(sentence));
        }
        let database = Database::new(&settings, self.connector.clone())?;
        let session = database.session(&Toolkit::new()).await?;
        let schema = quoted(&settings.schema);
        Ok(session.run(&format!("DROP SCHEMA IF EXISTS {schema} CASCADE")).await?)
    }
}
