//! Stores to measure on.

#![allow(dead_code, reason = "every example uses a part of it")]

use std::{error::Error, sync::Arc, time::Duration};

use blacksmith_store::{
    AvailableAdapters, CompiledIn as _, Event, Job, Options, Status, Store, Toolkit,
};
use blacksmith_testing_postgres_server::{ENV_URL, Server, Settings};
use tempfile::TempDir;

pub(crate) type Result<T = (), E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// Where stores are made: `memory`, `sqlite` (in a folder of its own, with syncs) or `postgres` (the server that
/// `BLACKSMITH_TEST_POSTGRES_URL` names, or one that is started for it and is durable).
pub(crate) struct Place {
    adapter: String,
    folder: TempDir,
    server: Option<Server>,
    count: u32,
}

impl Place {
    pub(crate) fn of(adapter: &str) -> Result<Self> {
        let server = match (adapter, std::env::var_os(ENV_URL)) {
            ("postgres", Some(_)) => Some(Server::start()?),
            ("postgres", None) => Some(Server::start_with(&Settings::new().durable())?),
            ("memory" | "sqlite", _) => None,
            (other, _) => return Err(format!("{other}: memory, sqlite or postgres").into()),
        };
        let folder = tempfile::tempdir()?;
        Ok(Self { adapter: adapter.to_owned(), folder, server, count: 0 })
    }

    /// A store that nobody has used yet.
    pub(crate) async fn fresh(&mut self) -> Result<Target> {
        self.count += 1;
        let adapter = self.adapter.clone();
        let Some(server) = &self.server else {
            let file = self.folder.path().join(format!("{}.db", self.count));
            let connection = match &*adapter {
                "memory" => String::new(),
                _ => file.to_str().ok_or("a path without a text")?.to_owned(),
            };
            return Ok(Target { adapter, connection, schema: String::new() });
        };
        let schema = format!("measured_{}_{}", std::process::id(), self.count);
        let target = Target { adapter, connection: server.url("postgres"), schema };
        AvailableAdapters::compiled_in().migrator(&target.options()).await?.up(None).await?;
        Ok(target)
    }
}

/// Where a store is; empty where there is nothing to say.
pub(crate) struct Target {
    pub(crate) adapter: String,
    pub(crate) connection: String,
    pub(crate) schema: String,
}

impl Target {
    fn options(&self) -> Options {
        let mut options = Options::new(&self.adapter);
        if !self.connection.is_empty() {
            options = options.with_connection(self.connection.clone());
        }
        if !self.schema.is_empty() {
            options = options.with_context("schema", self.schema.clone());
        }
        options
    }

    pub(crate) async fn open(&self) -> Result<Shared> {
        Ok(blacksmith_store::open(self.options()).await?)
    }
}

/// Adds events with a job each, and 200 bytes of data.
pub(crate) async fn add(
    store: &dyn Store,
    toolkit: &Toolkit,
    destination: &str,
    jobs: usize,
) -> Result {
    let event = |_| {
        Event::new(toolkit.event_id(), "shop", "order.paid")
            .with_data("x".repeat(200))
            .with_job(Job::new(toolkit.job_id(), destination, "upsert"))
    };
    for begin in (0..jobs).step_by(1_000) {
        let events = (begin..jobs.min(begin + 1_000)).map(event).collect();
        store.add_events(toolkit, events).await?;
    }
    Ok(())
}

/// How many jobs of a destination have a status.
pub(crate) async fn count(
    store: &dyn Store,
    toolkit: &Toolkit,
    destination: &str,
    status: Status,
) -> Result<u64> {
    let queues = store.stats(toolkit).await?;
    let queues = queues.iter().filter(|queue| queue.destination == destination);
    Ok(queues.map(|queue| queue.counts.of(status)).sum())
}

/// The value in the middle; `values` are not empty.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    percentile(values, 50)
}

/// The value below which so many percent of them lie.
pub(crate) fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) * percent / 100]
}

/// Processor time that this process has used, on Linux.
pub(crate) fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |place: usize| fields.get(place)?.parse::<u64>().ok();
    // Linux counts hundredths of a second for programs, whatever its own clock does.
    Some(Duration::from_millis(10 * (ticks(11)? + ticks(12)?)))
}

pub(crate) type Shared = Arc<dyn Store>;
