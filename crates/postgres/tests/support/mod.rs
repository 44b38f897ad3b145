//! What the tests of this adapter share: a server, and a schema of a test's own.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::sync::atomic::{AtomicU32, Ordering};

use blacksmith_store_core::{Adapter as _, Options, Result};
use blacksmith_testing_postgres_server::shared;

/// A schema that no other test uses; dropping it removes it.
pub(crate) struct Schema {
    name: String,
}

impl Schema {
    /// A schema that does not exist yet.
    pub(crate) fn absent() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { name: format!("test_{}_{number}", std::process::id()) }
    }

    /// A schema with all migrations.
    pub(crate) async fn migrated() -> Result<Self> {
        let schema = Self::absent();
        blacksmith_store_postgres::adapter().migrator(&schema.options()).await?.up(None).await?;
        Ok(schema)
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The options of a store in it.
    pub(crate) fn options(&self) -> Options {
        let options = Options::new("postgres").with_connection(shared().url("postgres"));
        // A store of a test is one of many that share the server's connections.
        options.with_context("schema", &self.name).with_context("pool_size", "6")
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let name = self.name.clone();
        // The test's runtime may be gone already, or be the one that runs this.
        let removed = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let url = shared().url("postgres");
                let (client, connection) =
                    tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
                let driver = tokio::spawn(connection);
                client.batch_execute(&format!("DROP SCHEMA IF EXISTS {name} CASCADE")).await?;
                drop(client);
                let _ = driver.await;
                Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
            })
        });
        match removed.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => eprintln!("a test's schema was not removed: {error}"),
            Err(_) => eprintln!("a test's schema was not removed"),
        }
    }
}
