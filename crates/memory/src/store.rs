//! The adapter, and the store that it opens: takes the lock, calls the state, wakes who waits.

use std::{
    any::Any,
    sync::{Arc, Mutex},
};

use blacksmith_store_core::{
    Adapter, Added, Appended, CONTRACT_VERSION, Capabilities, Change, ChangeOutcome, ClaimRequest,
    Claimed, ErrorKind, Event, EventId, ExpireRequest, ExtendRequest, Extended, Job, JobId,
    Maintained, Options, Page, Pause, PauseId, PurgeRequest, Purged, QueueStats, Result, Store,
    StoreError, Timestamp, Toolkit, Transition, TransitionId, Wakeup, Wakeups, WhereEvents,
    async_trait, decide,
};
use tokio::sync::watch;

use crate::{error::Refusal, state::State};

/// The name under which it is registered.
const NAME: &str = "memory";

/// What its stores support: they end with the process, and each open is one of its own.
const CAPABILITIES: Capabilities = Capabilities::NONE.with_wakeups();

/// The in-memory adapter, for [`AvailableAdapters`](blacksmith_store_core::AvailableAdapters).
pub fn adapter() -> MemoryAdapter {
    MemoryAdapter(())
}

/// Opens stores in memory, each open one of its own.
#[derive(Clone, Copy, Debug)]
pub struct MemoryAdapter(());

#[async_trait]
impl Adapter for MemoryAdapter {
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
        "memory:"
    }

    async fn open(&self, options: Options) -> Result<Arc<dyn Store>> {
        if options.expose_connection().is_some() {
            return Err(StoreError::config(
                "the adapter \"memory\" takes no connection: each open is an empty store of its own; its URL is memory:",
            ));
        }
        options.check_context(&[])?;
        Ok(Arc::new(MemoryStore::new(options)))
    }

    /// Every open makes a store of its own.
    fn scratch(&self, options: &Options, _: &str) -> Result<Options> {
        Ok(options.clone())
    }
}

/// A store in memory.
struct MemoryStore {
    options: Options,
    state: Mutex<State>,
    arrivals: watch::Sender<()>,
}

impl MemoryStore {
    fn new(options: Options) -> Self {
        Self { options, state: Mutex::default(), arrivals: watch::Sender::default() }
    }

    /// Calls `operation` with the state, alone, and wakes who waits if it let work arrive.
    ///
    /// Nothing is awaited under the lock, so a call whose future is dropped was done whole or not begun.
    fn with<T, E: Into<StoreError>>(
        &self,
        toolkit: &Toolkit,
        operation: impl FnOnce(&mut State, Timestamp) -> Result<T, E>,
    ) -> Result<T> {
        let mut state = self.state.lock().map_err(|_| Refusal::Broken)?;
        if toolkit.remaining().is_some_and(|left| left.is_zero()) {
            return Err(Refusal::Late.into());
        }
        let before = state.arrivals();
        // The clock is read under the lock, so that instants do not go back from one write to the next.
        let answer = operation(&mut state, toolkit.now());
        let arrived = state.arrivals() != before;
        drop(state);
        if arrived {
            self.arrivals.send_replace(());
        }
        answer.map_err(Into::into)
    }

    /// [`with`](Self::with) for an operation that refuses nothing.
    fn ask<T>(
        &self,
        toolkit: &Toolkit,
        operation: impl FnOnce(&mut State, Timestamp) -> T,
    ) -> Result<T> {
        self.with(toolkit, |state, now| Result::<T>::Ok(operation(state, now)))
    }
}

#[async_trait]
impl Store for MemoryStore {
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
        self.with(toolkit, |state, now| decide::add_events(state, events, now))
    }

    async fn add_jobs(&self, toolkit: &Toolkit, jobs: Vec<Job>) -> Result<Added> {
        self.with(toolkit, |state, now| decide::add_jobs(state, jobs, now))
    }

    async fn add_transitions(
        &self,
        toolkit: &Toolkit,
        transitions: Vec<Transition>,
    ) -> Result<Appended> {
        self.with(toolkit, |state, now| decide::add_transitions(state, transitions, now))
    }

    async fn apply(&self, toolkit: &Toolkit, changes: Vec<Change>) -> Result<Vec<ChangeOutcome>> {
        self.with(toolkit, |state, now| decide::apply(state, changes, now))
    }

    async fn find_event(&self, toolkit: &Toolkit, id: EventId) -> Result<Event> {
        self.with(toolkit, |state, _| state.find_event(id))
    }

    async fn find_job(&self, toolkit: &Toolkit, id: JobId) -> Result<Job> {
        self.with(toolkit, |state, _| state.find_job(id))
    }

    async fn find_transition(&self, toolkit: &Toolkit, id: TransitionId) -> Result<Transition> {
        self.with(toolkit, |state, _| state.find_transition(id))
    }

    async fn find_events(&self, toolkit: &Toolkit, filter: WhereEvents) -> Result<Page<Event>> {
        self.with(toolkit, |state, _| state.find_events(toolkit, &filter))
    }

    async fn find_jobs(&self, toolkit: &Toolkit, filter: WhereEvents) -> Result<Page<Job>> {
        self.with(toolkit, |state, _| state.find_jobs(toolkit, &filter))
    }

    async fn find_transitions(
        &self,
        toolkit: &Toolkit,
        filter: WhereEvents,
    ) -> Result<Page<Transition>> {
        self.with(toolkit, |state, _| state.find_transitions(toolkit, &filter))
    }

    async fn claim(&self, toolkit: &Toolkit, request: ClaimRequest) -> Result<Claimed> {
        self.with(toolkit, |state, now| state.claim(toolkit, request, now))
    }

    async fn extend_leases(&self, toolkit: &Toolkit, request: ExtendRequest) -> Result<Extended> {
        self.ask(toolkit, |state, now| state.extend_leases(&request, now))
    }

    async fn expire_leases(&self, toolkit: &Toolkit, request: ExpireRequest) -> Result<u64> {
        self.with(toolkit, |state, now| state.expire_leases(toolkit, &request, now))
    }

    async fn pause(&self, toolkit: &Toolkit, pause: Pause) -> Result<bool> {
        self.with(toolkit, |state, now| state.pauses.begin(pause, now))
    }

    async fn resume(&self, toolkit: &Toolkit, id: PauseId) -> Result<bool> {
        self.ask(toolkit, |state, now| state.pauses.end(id, now))
    }

    async fn pauses(&self, toolkit: &Toolkit) -> Result<Vec<Pause>> {
        self.ask(toolkit, |state, _| state.pauses.lasting())
    }

    async fn purge(&self, toolkit: &Toolkit, request: PurgeRequest) -> Result<Purged> {
        let mut progress = self.ask(toolkit, |state, _| state.begin_purge(&request))?;
        loop {
            match self.ask(toolkit, |state, now| state.purge_batch(&request, &mut progress, now)) {
                Ok(true) => tokio::task::yield_now().await,
                Ok(false) => return Ok(progress.purged),
                // What was deleted until now is gone, and must be told.
                Err(error) if error.kind() == ErrorKind::Timeout => {
                    progress.purged.more = true;
                    return Ok(progress.purged);
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn stats(&self, toolkit: &Toolkit) -> Result<Vec<QueueStats>> {
        self.ask(toolkit, |state, now| state.queues.stats(now))
    }

    async fn wakeups(&self, _: &Toolkit) -> Result<Wakeups> {
        let arrivals = self.arrivals.subscribe();
        Ok(Box::pin(futures_util::stream::unfold(arrivals, |mut arrivals| async move {
            // An error says that the store is gone: the stream ends.
            arrivals.changed().await.ok()?;
            Some((Wakeup::default(), arrivals))
        })))
    }

    async fn maintain(&self, toolkit: &Toolkit) -> Result<Maintained> {
        self.ask(toolkit, |state, now| {
            let mut maintained = Maintained::default();
            maintained.rows = state.pauses.forget(now);
            maintained
        })
    }
}
