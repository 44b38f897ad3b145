//! The store: hands each method of the contract to its connection.

use std::{any::Any, sync::Arc};

use blacksmith_store_core::{
    Added, Appended, Capabilities, Change, ChangeOutcome, ClaimRequest, Claimed, Event, EventId,
    ExpireRequest, ExtendRequest, Extended, Job, JobId, Maintained, Options, Page, Pause, PauseId,
    PurgeRequest, Purged, QueueStats, Result, Store, StoreError, Toolkit, Transition, TransitionId,
    Wakeups, WhereEvents, async_trait,
};
use rusqlite::Connection;

use crate::{
    adding, claiming,
    connection::{Role, connect},
    counting,
    executor::Executor,
    expiring, extending, finding, maintaining, pausing, purging,
    settings::{Place, Settings},
    wakeups::Bell,
};

/// The name under which the adapter is registered.
pub(crate) const NAME: &str = "sqlite";

/// A store in one SQLite database.
pub(crate) struct SqliteStore {
    options: Options,
    settings: Settings,
    capabilities: Capabilities,
    executor: Executor,
    bell: Arc<Bell>,
}

impl SqliteStore {
    pub(crate) fn new(
        options: Options,
        settings: Settings,
        capabilities: Capabilities,
        executor: Executor,
        bell: Arc<Bell>,
    ) -> Self {
        Self { options, settings, capabilities, executor, bell }
    }

    pub(crate) fn bell(&self) -> &Arc<Bell> {
        &self.bell
    }

    /// Refuses a connection to another database.
    pub(crate) fn check_same_file(&self, connection: &Connection) -> Result<()> {
        let Place::File(path) = &self.settings.place else {
            return Err(StoreError::config(
                "a store in memory has no other connection than its own",
            ));
        };
        let same = connection.path().is_some_and(|theirs| {
            match (std::fs::canonicalize(theirs), std::fs::canonicalize(path)) {
                (Ok(theirs), Ok(ours)) => theirs == ours,
                _ => false,
            }
        });
        if same {
            Ok(())
        } else {
            Err(StoreError::config("the transaction is one of another database than the store's"))
        }
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.bell.close();
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn name(&self) -> &'static str {
        NAME
    }

    fn options(&self) -> &Options {
        &self.options
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    async fn add_events(&self, toolkit: &Toolkit, events: Vec<Event>) -> Result<Added> {
        let clock = toolkit.clone();
        let entries = events.iter().map(|event| 1 + event.jobs.len()).sum();
        self.executor
            .write(toolkit, entries, move |connection, attempt| {
                adding::add_events(connection, &events, clock.now(), attempt)
            })
            .await
    }

    async fn add_jobs(&self, toolkit: &Toolkit, jobs: Vec<Job>) -> Result<Added> {
        let clock = toolkit.clone();
        self.executor
            .write(toolkit, jobs.len(), move |connection, attempt| {
                adding::add_jobs(connection, &jobs, clock.now(), attempt)
            })
            .await
    }

    async fn add_transitions(
        &self,
        toolkit: &Toolkit,
        transitions: Vec<Transition>,
    ) -> Result<Appended> {
        let clock = toolkit.clone();
        self.executor
            .write(toolkit, transitions.len(), move |connection, attempt| {
                adding::add_transitions(connection, &transitions, clock.now(), attempt)
            })
            .await
    }

    async fn apply(&self, toolkit: &Toolkit, changes: Vec<Change>) -> Result<Vec<ChangeOutcome>> {
        let clock = toolkit.clone();
        self.executor
            .write(toolkit, changes.len(), move |connection, attempt| {
                adding::apply(connection, &changes, clock.now(), attempt)
            })
            .await
    }

    async fn find_event(&self, toolkit: &Toolkit, id: EventId) -> Result<Event> {
        self.executor.read(toolkit, move |connection| finding::event(connection, id)).await
    }

    async fn find_job(&self, toolkit: &Toolkit, id: JobId) -> Result<Job> {
        self.executor.read(toolkit, move |connection| finding::job(connection, id)).await
    }

    async fn find_transition(&self, toolkit: &Toolkit, id: TransitionId) -> Result<Transition> {
        self.executor.read(toolkit, move |connection| finding::transition(connection, id)).await
    }

    async fn find_events(&self, toolkit: &Toolkit, filter: WhereEvents) -> Result<Page<Event>> {
        self.executor.read(toolkit, move |connection| finding::events(connection, &filter)).await
    }

    async fn find_jobs(&self, toolkit: &Toolkit, filter: WhereEvents) -> Result<Page<Job>> {
        self.executor.read(toolkit, move |connection| finding::jobs(connection, &filter)).await
    }

    async fn find_transitions(
        &self,
        toolkit: &Toolkit,
        filter: WhereEvents,
    ) -> Result<Page<Transition>> {
        self.executor
            .read(toolkit, move |connection| finding::transitions(connection, &filter))
            .await
    }

    async fn claim(&self, toolkit: &Toolkit, request: ClaimRequest) -> Result<Claimed> {
        let claiming = toolkit.clone();
        let entries = request.wants.iter().map(|want| want.limit).sum();
        self.executor
            .write(toolkit, entries, move |connection, _| {
                claiming::claim(connection, &claiming, &request)
            })
            .await
    }

    async fn extend_leases(&self, toolkit: &Toolkit, request: ExtendRequest) -> Result<Extended> {
        let clock = toolkit.clone();
        self.executor
            .write(toolkit, request.tokens.len(), move |connection, _| {
                extending::extend(connection, &request, clock.now())
            })
            .await
    }

    async fn expire_leases(&self, toolkit: &Toolkit, request: ExpireRequest) -> Result<u64> {
        let expiring = toolkit.clone();
        self.executor
            .write(toolkit, request.limit, move |connection, _| {
                expiring::expire(connection, &expiring, &request)
            })
            .await
    }

    async fn pause(&self, toolkit: &Toolkit, pause: Pause) -> Result<bool> {
        let clock = toolkit.clone();
        self.executor
            .write(toolkit, 1, move |connection, _| pausing::pause(connection, &pause, clock.now()))
            .await
    }

    async fn resume(&self, toolkit: &Toolkit, id: PauseId) -> Result<bool> {
        let clock = toolkit.clone();
        self.executor
            .write(toolkit, 1, move |connection, _| pausing::resume(connection, id, clock.now()))
            .await
    }

    async fn pauses(&self, toolkit: &Toolkit) -> Result<Vec<Pause>> {
        self.executor.read(toolkit, pausing::pauses).await
    }

    async fn purge(&self, toolkit: &Toolkit, request: PurgeRequest) -> Result<Purged> {
        purging::purge(&self.executor, toolkit, request).await
    }

    async fn stats(&self, toolkit: &Toolkit) -> Result<Vec<QueueStats>> {
        let now = toolkit.now();
        self.executor.read(toolkit, move |connection| counting::stats(connection, now)).await
    }

    async fn wakeups(&self, _: &Toolkit) -> Result<Wakeups> {
        // First, so that the thread which watches has somebody to watch for.
        let wakeups = self.bell.listen();
        if self.settings.place != Place::Memory {
            let settings = &self.settings;
            self.bell.watch(|| Ok(connect(settings, Role::Read)?))?;
        }
        Ok(wakeups)
    }

    async fn maintain(&self, toolkit: &Toolkit) -> Result<Maintained> {
        maintaining::maintain(&self.executor, toolkit).await
    }
}
