//! Faults that show when the connection to a server is lost.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use blacksmith_store_core::{
    Added, Appended, Change, ChangeOutcome, ClaimRequest, Claimed, Entries, Event, ExtendRequest,
    Extended, Page, Position, PurgeRequest, Purged, Result, Retry, Store, StoreError, Toolkit,
    Transition, WhereEvents, async_trait,
};

use crate::fault::{Fault, Planted};

pub(super) const FAULTS: &[Planted] = &[
    Planted::behind_a_server(
        "says that a lost write was surely not done",
        &[
            "lost_connections::events_are_added_once",
            "lost_connections::jobs_of_a_lost_claim_are_told_by_extend_leases",
        ],
        || Arc::new(CallsEverythingSafe),
    ),
    Planted::behind_a_server(
        "sends lost events again by itself, under new ids",
        &["lost_connections::events_are_added_once"],
        || Arc::new(ResendsUnderNewIds),
    ),
    Planted::behind_a_server(
        "sends a lost outcome again by itself, as a transition of its own",
        &[
            "lost_connections::outcomes_of_this_handles_claims_are_appended_once",
            "lost_connections::outcomes_of_others_claims_are_appended_once",
        ],
        || Arc::new(ResendsOutcomesAnew),
    ),
    Planted::behind_a_server(
        "calls a lost write done",
        &["lost_connections::events_are_added_once"],
        || Arc::new(CallsEverythingDone),
    ),
    Planted::behind_a_server(
        "sends a batch in pieces",
        &["lost_connections::events_are_added_once"],
        || Arc::new(SendsPieces(Duration::ZERO)),
    ),
    Planted::behind_a_server(
        "sends outcomes first and their follow-ups behind them",
        &["lost_connections::outcomes_are_applied_once_with_their_follow_ups"],
        || Arc::new(SendsFollowUpsBehind),
    ),
    Planted::behind_a_server(
        "calls a lost connection its own fault, not to be tried again",
        &["lost_connections::jobs_are_added_once", "lost_connections::events_are_added_once"],
        || Arc::new(CallsItInternal),
    ),
    Planted::behind_a_server(
        "answers an empty page when a search was lost",
        &["lost_connections::reads_are_safe_to_repeat_and_never_shortened"],
        || Arc::new(ShortensReads),
    ),
    Planted::behind_a_server(
        "tells nobody of a claim whose connection was lost (C11)",
        &["lost_connections::jobs_of_a_lost_claim_are_told_by_extend_leases"],
        || Arc::new(ForgetsLostClaims),
    ),
    Planted::behind_a_server(
        "says that a purge did nothing when its first batches were done",
        &["lost_connections::a_purge_of_many_events_is_told_and_takes_whole_events"],
        || Arc::new(ForgetsItsBatches),
    ),
    Planted::behind_a_server(
        "has to be opened again when its connection was lost",
        &["lost_connections::a_server_that_is_away_is_unavailable_until_it_is_back"],
        || Arc::new(StaysAway(AtomicBool::new(false))),
    ),
];

struct CallsEverythingSafe;

#[async_trait]
impl Fault for CallsEverythingSafe {
    async fn add_events(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        events: Vec<Event>,
    ) -> Result<Added> {
        let added = store.add_events(toolkit, events).await;
        added.map_err(|error| error.with_retry(Retry::Safe))
    }

    async fn claim(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        request: ClaimRequest,
    ) -> Result<Claimed> {
        let claimed = store.claim(toolkit, request).await;
        claimed.map_err(|error| error.with_retry(Retry::Safe))
    }
}

struct ResendsUnderNewIds;

#[async_trait]
impl Fault for ResendsUnderNewIds {
    async fn add_events(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        mut events: Vec<Event>,
    ) -> Result<Added> {
        match store.add_events(toolkit, events.clone()).await {
            Err(error) if error.retry() == Retry::OutcomeUnknown => {}
            answer => return answer,
        }
        for event in &mut events {
            event.id = toolkit.event_id();
            for job in &mut event.jobs {
                job.id = toolkit.job_id();
                job.event_id = Some(event.id);
                if let Some(first) = &mut job.transition {
                    first.id = toolkit.transition_id();
                    (first.job_id, first.event_id) = (Some(job.id), Some(event.id));
                }
            }
        }
        store.add_events(toolkit, events).await
    }
}

struct ResendsOutcomesAnew;

#[async_trait]
impl Fault for ResendsOutcomesAnew {
    async fn add_transitions(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        mut transitions: Vec<Transition>,
    ) -> Result<Appended> {
        match store.add_transitions(toolkit, transitions.clone()).await {
            Err(error) if error.retry() == Retry::OutcomeUnknown => {}
            answer => return answer,
        }
        for transition in &mut transitions {
            transition.id = toolkit.transition_id();
        }
        store.add_transitions(toolkit, transitions).await
    }
}

/// What `add_events` answers when nothing of it was known.
pub(super) fn all_new(events: &[Event]) -> Added {
    let mut added = Added::default();
    added.events = events.len() as u64;
    added.jobs = events.iter().map(|event| event.jobs.len() as u64).sum();
    added
}

struct CallsEverythingDone;

#[async_trait]
impl Fault for CallsEverythingDone {
    async fn add_events(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        events: Vec<Event>,
    ) -> Result<Added> {
        let done = all_new(&events);
        store.add_events(toolkit, events).await.or(Ok(done))
    }
}

/// With a pause between two pieces.
pub(super) struct SendsPieces(pub(super) Duration);

#[async_trait]
impl Fault for SendsPieces {
    async fn add_events(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        events: Vec<Event>,
    ) -> Result<Added> {
        let mut sum = Added::default();
        for event in events {
            let added = store.add_events(toolkit, vec![event]).await?;
            sum.events += added.events;
            sum.events_known += added.events_known;
            sum.jobs += added.jobs;
            sum.jobs_known += added.jobs_known;
            tokio::time::sleep(self.0).await;
        }
        Ok(sum)
    }
}

struct SendsFollowUpsBehind;

#[async_trait]
impl Fault for SendsFollowUpsBehind {
    async fn apply(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        changes: Vec<Change>,
    ) -> Result<Vec<ChangeOutcome>> {
        let mut outcomes = changes.clone();
        for change in &mut outcomes {
            change.events.clear();
        }
        let outcomes = store.apply(toolkit, outcomes).await?;
        let follow_ups = changes.into_iter().flat_map(|change| change.events).collect();
        store.add_events(toolkit, follow_ups).await?;
        Ok(outcomes)
    }
}

struct CallsItInternal;

fn internal(error: StoreError) -> StoreError {
    match error.retry() {
        Retry::OutcomeUnknown => StoreError::internal("a connection broke").with_source(error),
        _ => error,
    }
}

#[async_trait]
impl Fault for CallsItInternal {
    async fn add_events(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        events: Vec<Event>,
    ) -> Result<Added> {
        store.add_events(toolkit, events).await.map_err(internal)
    }

    async fn add_jobs(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        jobs: Vec<blacksmith_store_core::Job>,
    ) -> Result<Added> {
        store.add_jobs(toolkit, jobs).await.map_err(internal)
    }
}

struct ShortensReads;

#[async_trait]
impl Fault for ShortensReads {
    async fn find_events(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        filter: WhereEvents,
    ) -> Result<Page<Event>> {
        let position = |event: &Event| Position::Id(*event.id.as_bytes());
        let nothing = || Page::assemble(&filter, Entries::Events, Vec::new(), Some(0), position);
        Ok(store.find_events(toolkit, filter.clone()).await.unwrap_or_else(|_| nothing()))
    }
}

struct ForgetsLostClaims;

#[async_trait]
impl Fault for ForgetsLostClaims {
    async fn extend_leases(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        request: ExtendRequest,
    ) -> Result<Extended> {
        let mut extended = store.extend_leases(toolkit, request).await?;
        extended.others.events.clear();
        Ok(extended)
    }
}

struct ForgetsItsBatches;

#[async_trait]
impl Fault for ForgetsItsBatches {
    async fn purge(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        request: PurgeRequest,
    ) -> Result<Purged> {
        let mut sum = Purged::default();
        loop {
            let batch = request.clone().with_max_events(100);
            let purged = store.purge(toolkit, batch).await;
            let purged = purged.map_err(|error| error.with_retry(Retry::Safe))?;
            sum.events += purged.events;
            sum.jobs += purged.jobs;
            sum.transitions += purged.transitions;
            if !purged.more {
                return Ok(sum);
            }
        }
    }
}

struct StaysAway(AtomicBool);

#[async_trait]
impl Fault for StaysAway {
    async fn add_events(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        events: Vec<Event>,
    ) -> Result<Added> {
        if self.0.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable("the connection is gone"));
        }
        let added = store.add_events(toolkit, events).await;
        self.0.store(added.is_err(), Ordering::SeqCst);
        added
    }
}
