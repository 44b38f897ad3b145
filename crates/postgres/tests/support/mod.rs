//! What the tests of this adapter share: a server, a schema of a test's own, and a client beside the store.

#![allow(dead_code, unreachable_pub, reason = "each test program uses a part of it")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use blacksmith_store_core::{
    AvailableAdapters, ClaimRequest, Event, Job, Options, Result, Store, Toolkit, Want,
};
use blacksmith_store_postgres::adapter;
use blacksmith_testing_postgres_server::shared;
use tokio_postgres::{Client, NoTls};

/// Longer than anything takes that a test waits for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A schema that no other test uses; dropping it removes it.
pub(crate) struct Schema {
    name: String,
    /// The URL of its database.
    url: String,
}

impl Schema {
    /// A schema that does not exist yet.
    pub(crate) fn absent() -> Self {
        Self::absent_at(&shared().url("postgres"))
    }

    /// A schema that does not exist yet in the database of this URL.
    pub(crate) fn absent_at(url: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { name: format!("test_{}_{number}", std::process::id()), url: url.to_owned() }
    }

    /// A schema with all migrations.
    pub(crate) async fn migrated() -> Result<Self> {
        Self::migrated_at(&shared().url("postgres")).await
    }

    /// A schema with all migrations in the database of this URL.
    pub(crate) async fn migrated_at(url: &str) -> Result<Self> {
        let schema = Self::absent_at(url);
        adapters().migrator(&schema.options()).await?.up(None).await?;
        Ok(schema)
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The options of a store in it.
    pub(crate) fn options(&self) -> Options {
        self.options_with("")
    }

    /// The options of a store in it whose URL has these parameters.
    pub(crate) fn options_with(&self, parameters: &str) -> Options {
        let separator = if parameters.is_empty() { "" } else { "?" };
        self.options_at(&format!("{}{separator}{parameters}", self.url))
    }

    /// The options of a store in it that is reached by another URL.
    pub(crate) fn options_at(&self, url: &str) -> Options {
        // A store of a test is one of many that share the server's connections.
        Options::new("postgres")
            .with_connection(url)
            .with_context("schema", &self.name)
            .with_context("pool_size", "6")
    }

    /// A store in it.
    pub(crate) async fn open(&self) -> Result<Arc<dyn Store>> {
        adapters().open(self.options()).await
    }

    /// A connection to its database.
    pub(crate) async fn client_without_path(&self) -> Client {
        connect(&self.url).await
    }

    /// A connection beside the store, which looks into the schema.
    pub(crate) async fn client(&self) -> Client {
        let client = connect(&self.url).await;
        let path = format!("SET search_path = {}", self.name);
        client.batch_execute(&path).await.expect("the schema is there");
        client
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let (name, url) = (self.name.clone(), self.url.clone());
        // The test's runtime may be gone already, or be the one that runs this.
        let removed = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
                let driver = tokio::spawn(connection);
                let text =
                    format!("SET lock_timeout = '10s'; DROP SCHEMA IF EXISTS {name} CASCADE");
                client.batch_execute(&text).await?;
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

/// The adapter in a registry, with core's checks.
pub(crate) fn adapters() -> AvailableAdapters {
    AvailableAdapters::new().with(adapter()).expect("one adapter")
}

/// A connection beside any store.
pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) =
        tokio_postgres::connect(url, NoTls).await.expect("the server is there");
    tokio::spawn(connection);
    client
}

/// An event with a job for each of these destinations.
pub(crate) fn event(toolkit: &Toolkit, destinations: &[&str]) -> Event {
    let event = Event::new(toolkit.event_id(), "github", "push").with_data("{}");
    destinations.iter().fold(event, |event, destination| {
        event.with_job(Job::new(toolkit.job_id(), *destination, "upsert"))
    })
}

/// Claims up to `limit` jobs of a destination.
pub(crate) async fn claim(
    store: &dyn Store,
    toolkit: &Toolkit,
    actor: &str,
    destination: &str,
    limit: usize,
) -> Result<Vec<Job>> {
    let want = Want::action(destination, "upsert", limit);
    let request = ClaimRequest::new(actor, Duration::from_secs(30), [want]);
    let claimed = store.claim(toolkit, request).await?;
    Ok(claimed.queue.events.into_iter().flat_map(|event| event.jobs).collect())
}

/// Waits until `holds` answers true.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "it did not come about: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until a statement of the store's waits for a lock.
pub(crate) async fn eventually_blocked(client: &Client, words: &str) {
    let text = "SELECT count(*) FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND position($1 in query) > 0 AND pid <> pg_backend_pid()";
    eventually(&format!("a statement with {words:?} waits for a lock"), || async {
        client.query_one(text, &[&words]).await.expect("an answer").get::<_, i64>(0) > 0
    })
    .await;
}
