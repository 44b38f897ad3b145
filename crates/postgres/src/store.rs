//! The store that the adapter opens.

use std::{any::Any, sync::Arc};

use blacksmith_store_core::{
    Added, Appended, Capabilities, Change, ChangeOutcome, ClaimRequest, Claimed, Event, EventId,
    ExpireRequest, ExtendRequest, Extended, Job, JobId, Maintained, Options, Page, Pause, PauseId,
    PurgeRequest, Purged, QueueStats, Result, Status, Store, Toolkit, Transition, TransitionId,
    Wakeups, WhereEvents, async_trait,
};

use crate::{
    adapter::{CAPABILITIES, NAME},
    adding::NewEvents,
    clock::ServerClock,
    connection::Database,
    ending::Outcomes,
    queues::Queues,
    running::Running,
    settings::{Listen, Settings},
    sharing::Lane,
    wakeups::Bell,
    watermark::Watermarks,
};

/// A store in a schema of a PostgreSQL database.
pub(crate) struct PostgresStore {
    options: Options,
    pub(crate) inner: Arc<Inner>,
}

/// What the calls of one handle share.
pub(crate) struct Inner {
    pub(crate) database: Arc<Database>,
    pub(crate) schema: String,
    pub(crate) clock: ServerClock,
    pub(crate) queues: Queues,
    pub(crate) watermarks: Watermarks,
    pub(crate) running: Running,
    pub(crate) adding: Lane<NewEvents>,
    pub(crate) ending: Lane<Outcomes>,
    pub(crate) bell: Bell,
}

impl PostgresStore {
    pub(crate) fn new(
        options: Options,
        settings: Settings,
        database: Database,
        has_connector: bool,
    ) -> Self {
        let database = Arc::new(database);
        let listen = if has_connector { Listen::Off } else { settings.listen };
        let bell = Bell::new(Arc::clone(&database), &settings.schema, listen);
        let inner = Inner {
            database,
            schema: settings.schema,
            clock: ServerClock::default(),
            queues: Queues::default(),
            watermarks: Watermarks::default(),
            running: Running::default(),
            adding: Lane::default(),
            ending: Lane::default(),
            bell,
        };
        Self { options, inner: Arc::new(inner) }
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn name(&self) -> &'static str {
        NAME
    }

    fn options(&self) -> &Options {
        &self.options
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    async fn add_events(&self, toolkit: &Toolkit, events: Vec<Event>) -> Result<Added> {
        let added = self.inner.add_events(toolkit, events).await?;
        if added.jobs > 0 {
            self.inner.bell.ring();
        }
        Ok(added)
    }

    async fn add_jobs(&self, toolkit: &Toolkit, jobs: Vec<Job>) -> Result<Added> {
        let added = self.inner.add_jobs(toolkit, jobs).await?;
        if added.jobs > 0 {
            self.inner.bell.ring();
        }
        Ok(added)
    }

    async fn add_transitions(
        &self,
        toolkit: &Toolkit,
        transitions: Vec<Transition>,
    ) -> Result<Appended> {
        let lets_wait = transitions.iter().any(|transition| transition.state_after.is_waiting());
        let appended = self.inner.add_transitions(toolkit, transitions).await?;
        if lets_wait && appended.new > 0 {
            self.inner.bell.ring();
        }
        Ok(appended)
    }

    async fn apply(&self, toolkit: &Toolkit, changes: Vec<Change>) -> Result<Vec<ChangeOutcome>> {
        let brings_work = |change: &Change| {
            let mut after = change.transitions.iter().map(|transition| transition.state_after);
            !change.jobs.is_empty()
                || change.events.iter().any(|event| !event.jobs.is_empty())
                || after.any(Status::is_waiting)
        };
        let brings_work = changes.iter().any(brings_work);
        let outcomes = self.inner.apply(toolkit, changes).await?;
        if brings_work && outcomes.contains(&ChangeOutcome::Applied) {
            self.inner.bell.ring();
        }
        Ok(outcomes)
    }

    async fn find_event(&self, toolkit: &Toolkit, id: EventId) -> Result<Event> {
        Ok(self.inner.find_event(toolkit, id).await?)
    }

    async fn find_job(&self, toolkit: &Toolkit, id: JobId) -> Result<Job> {
        Ok(self.inner.find_job(toolkit, id).await?)
    }

    async fn find_transition(&self, toolkit: &Toolkit, id: TransitionId) -> Result<Transition> {
        Ok(self.inner.find_transition(toolkit, id).await?)
    }

    async fn find_events(&self, toolkit: &Toolkit, filter: WhereEvents) -> Result<Page<Event>> {
        Ok(self.inner.find_events(toolkit, &filter).await?)
    }

    async fn find_jobs(&self, toolkit: &Toolkit, filter: WhereEvents) -> Result<Page<Job>> {
        Ok(self.inner.find_jobs(toolkit, &filter).await?)
    }

    async fn find_transitions(
        &self,
        toolkit: &Toolkit,
        filter: WhereEvents,
    ) -> Result<Page<Transition>> {
        Ok(self.inner.find_transitions(toolkit, &filter).await?)
    }

    async fn claim(&self, toolkit: &Toolkit, request: ClaimRequest) -> Result<Claimed> {
        Ok(self.inner.claim(toolkit, &request).await?)
    }

    async fn extend_leases(&self, toolkit: &Toolkit, request: ExtendRequest) -> Result<Extended> {
        Ok(self.inner.extend_leases(toolkit, &request).await?)
    }

    async fn expire_leases(&self, toolkit: &Toolkit, request: ExpireRequest) -> Result<u64> {
        let expired = self.inner.expire_leases(toolkit, &request).await?;
        if expired > 0 {
            self.inner.bell.ring();
        }
        Ok(expired)
    }

    async fn pause(&self, toolkit: &Toolkit, pause: Pause) -> Result<bool> {
        Ok(self.inner.pause(toolkit, &pause).await?)
    }

    async fn resume(&self, toolkit: &Toolkit, id: PauseId) -> Result<bool> {
        let is_resumed = self.inner.resume(toolkit, id).await?;
        if is_resumed {
            self.inner.bell.ring();
        }
        Ok(is_resumed)
    }

    async fn pauses(&self, toolkit: &Toolkit) -> Result<Vec<Pause>> {
        Ok(self.inner.pauses(toolkit).await?)
    }

    async fn purge(&self, toolkit: &Toolkit, request: PurgeRequest) -> Result<Purged> {
        Ok(self.inner.purge(toolkit, &request).await?)
    }

    async fn stats(&self, toolkit: &Toolkit) -> Result<Vec<QueueStats>> {
        Ok(self.inner.stats(toolkit).await?)
    }

    async fn wakeups(&self, toolkit: &Toolkit) -> Result<Wakeups> {
        Ok(self.inner.bell.listen(toolkit).await?)
    }

    async fn maintain(&self, toolkit: &Toolkit) -> Result<Maintained> {
        Ok(self.inner.maintain(toolkit).await?)
    }
}
