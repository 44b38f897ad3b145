//! What the tests of this crate share: folders, stores, jobs.

#![allow(dead_code, reason = "each test uses its part of it")]

use std::{path::PathBuf, sync::Arc, time::Duration};

use blacksmith_store_core::{
    AvailableAdapters, ClaimRequest, Event, Job, Options, Result, Status, Store, Toolkit,
    Transition, Wakeup, Wakeups, Want,
};

/// A folder of its own for each test, removed at its end.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder for temporary files"))
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The options of a store in this folder.
    pub(crate) fn options(&self) -> Options {
        Options::new("sqlite").with_connection(self.file("store.db").to_string_lossy())
    }

    /// The store in this folder.
    pub(crate) async fn open(&self) -> Result<Arc<dyn Store>> {
        open(self.options()).await
    }
}

pub(crate) fn adapters() -> AvailableAdapters {
    AvailableAdapters::new().with(blacksmith_store_sqlite::adapter()).expect("one adapter")
}

pub(crate) async fn open(options: Options) -> Result<Arc<dyn Store>> {
    adapters().open(options).await
}

/// The next firing; `None` at the end of the stream.
pub(crate) async fn next(wakeups: &mut Wakeups) -> Option<Wakeup> {
    let next = std::future::poll_fn(|context| wakeups.as_mut().poll_next(context));
    tokio::time::timeout(Duration::from_secs(20), next).await.expect("a wake-up within 20 seconds")
}

/// Events with one job each.
pub(crate) fn events(toolkit: &Toolkit, count: usize) -> Vec<Event> {
    (0..count)
        .map(|number| {
            Event::new(toolkit.event_id(), "github", "push")
                .with_data(format!("payload {number}"))
                .with_job(Job::new(toolkit.job_id(), "crm", "upsert"))
        })
        .collect()
}

pub(crate) fn claim(actor: &str, limit: usize) -> ClaimRequest {
    ClaimRequest::new(actor, Duration::from_mins(1), [Want::any(limit)])
}

/// The outcomes of claimed jobs.
pub(crate) fn succeeded(
    toolkit: &Toolkit,
    claimed: &blacksmith_store_core::Claimed,
) -> Result<Vec<Transition>> {
    let jobs = claimed.queue.jobs();
    jobs.map(|(_, job)| job.next(toolkit.transition_id(), Status::Succeeded)).collect()
}

/// Runs a test's future; several threads, so that calls of one test may wait for each other.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .expect("a runtime")
        .block_on(test)
}
