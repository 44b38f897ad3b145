//! The store: hands each call to the function of its name, in a transaction.

use blacksmith_store_core::{
    Added, Appended, Capabilities, Change, ChangeOutcome, ClaimRequest, Claimed, Event, EventId,
    ExpireRequest, ExtendRequest, Extended, Job, JobId, Maintained, Options, Page, Pause, PauseId,
    PurgeRequest, Purged, QueueStats, Result, Store, Toolkit, Transition, TransitionId, Wakeup,
    Wakeups, WhereEvents, async_trait, decide,
};
use futures_util::stream;

use crate::{
    adapter::{CAPABILITIES, NAME},
    counting, finding,
    layout::Batch,
    pausing,
    purging::Progress,
    running::File,
};

/// A store in one file.
pub(crate) struct RedbStore {
    pub(crate) options: Options,
    pub(crate) file: File,
}

#[async_trait]
impl Store for RedbStore {
    fn name(&self) -> &'static str {
        NAME
    }

    fn options(&self) -> &Options {
        &self.options
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    async fn add_events(&self, toolkit: &Toolkit, events: Vec<Event>) -> Result<Added> {
        self.file.write(toolkit, |batch, now| decide::add_events(batch, events, now)).await
    }

    async fn add_jobs(&self, toolkit: &Toolkit, jobs: Vec<Job>) -> Result<Added> {
        self.file.write(toolkit, |batch, now| decide::add_jobs(batch, jobs, now)).await
    }

    async fn add_transitions(
        &self,
        toolkit: &Toolkit,
        transitions: Vec<Transition>,
    ) -> Result<Appended> {
        self.file
            .write(toolkit, |batch, now| decide::add_transitions(batch, transitions, now))
            .await
    }

    async fn apply(&self, toolkit: &Toolkit, changes: Vec<Change>) -> Result<Vec<ChangeOutcome>> {
        self.file.write(toolkit, |batch, now| decide::apply(batch, changes, now)).await
    }

    async fn find_event(&self, toolkit: &Toolkit, id: EventId) -> Result<Event> {
        self.file.read(toolkit, move |snapshot| finding::find_event(snapshot, id)).await
    }

    async fn find_job(&self, toolkit: &Toolkit, id: JobId) -> Result<Job> {
        self.file.read(toolkit, move |snapshot| finding::find_job(snapshot, id)).await
    }

    async fn find_transition(&self, toolkit: &Toolkit, id: TransitionId) -> Result<Transition> {
        self.file.read(toolkit, move |snapshot| finding::find_transition(snapshot, id)).await
    }

    async fn find_events(&self, toolkit: &Toolkit, filter: WhereEvents) -> Result<Page<Event>> {
        let given = toolkit.clone();
        let find = move |snapshot: &_| finding::find_events(snapshot, &given, &filter);
        self.file.read(toolkit, find).await
    }

    async fn find_jobs(&self, toolkit: &Toolkit, filter: WhereEvents) -> Result<Page<Job>> {
        let given = toolkit.clone();
        let find = move |snapshot: &_| finding::find_jobs(snapshot, &given, &filter);
        self.file.read(toolkit, find).await
    }

    async fn find_transitions(
        &self,
        toolkit: &Toolkit,
        filter: WhereEvents,
    ) -> Result<Page<Transition>> {
        let given = toolkit.clone();
        let find = move |snapshot: &_| finding::find_transitions(snapshot, &given, &filter);
        self.file.read(toolkit, find).await
    }

    async fn claim(&self, toolkit: &Toolkit, request: ClaimRequest) -> Result<Claimed> {
        let given = toolkit.clone();
        self.file.write(toolkit, move |batch, now| batch.claim(&given, &request, now)).await
    }

    async fn extend_leases(&self, toolkit: &Toolkit, request: ExtendRequest) -> Result<Extended> {
        self.file.write(toolkit, move |batch, now| batch.extend_leases(&request, now)).await
    }

    async fn expire_leases(&self, toolkit: &Toolkit, request: ExpireRequest) -> Result<u64> {
        let given = toolkit.clone();
        self.file.write(toolkit, move |batch, now| batch.expire_leases(&given, &request, now)).await
    }

    async fn pause(&self, toolkit: &Toolkit, pause: Pause) -> Result<bool> {
        self.file.write(toolkit, |batch, now| batch.pause(pause, now)).await
    }

    async fn resume(&self, toolkit: &Toolkit, id: PauseId) -> Result<bool> {
        self.file.write(toolkit, move |batch, now| batch.resume(id, now)).await
    }

    async fn pauses(&self, toolkit: &Toolkit) -> Result<Vec<Pause>> {
        self.file.read(toolkit, pausing::lasting).await
    }

    async fn purge(&self, toolkit: &Toolkit, request: PurgeRequest) -> Result<Purged> {
        let first = request.clone();
        let begin = move |snapshot: &_| Progress::begin(snapshot, &first);
        let mut progress = self.file.read(toolkit, begin).await?;
        loop {
            // What was deleted until now is gone, and must be told.
            let purged = progress.purged;
            let turn = match self.file.turn(toolkit).await {
                Ok(turn) => turn,
                Err(error) => return purged.stopped_by(error),
            };
            let request = request.clone();
            let batch = self.file.write_in(turn, toolkit, move |batch, now| {
                let goes_on = batch.purge(&request, &mut progress, now)?;
                Ok((goes_on, progress))
            });
            let goes_on;
            (goes_on, progress) = match batch.await {
                Ok(done) => done,
                Err(error) => return purged.stopped_by(error),
            };
            if !goes_on {
                return Ok(progress.purged);
            }
        }
    }

    async fn stats(&self, toolkit: &Toolkit) -> Result<Vec<QueueStats>> {
        let now = toolkit.now();
        self.file.read(toolkit, move |snapshot| counting::stats(snapshot, now)).await
    }

    async fn wakeups(&self, _: &Toolkit) -> Result<Wakeups> {
        Ok(Box::pin(stream::unfold(self.file.arrivals(), |mut arrivals| async move {
            // An error says that the store is gone: the stream ends.
            arrivals.changed().await.ok()?;
            Some((Wakeup::default(), arrivals))
        })))
    }

    async fn maintain(&self, toolkit: &Toolkit) -> Result<Maintained> {
        let forget = |batch: &mut Batch<'_>, now| {
            let mut maintained = Maintained::default();
            maintained.rows = batch.forget_pauses(now)?;
            Ok(maintained)
        };
        self.file.write(toolkit, forget).await
    }
}
