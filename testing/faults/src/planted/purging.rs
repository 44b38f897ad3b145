//! Faults in what a purge takes and what it spares.

use std::sync::Arc;

use blacksmith_store_core::{
    Order, PurgeRequest, Purged, Result, Status, Store, Toolkit, WhereEvents, async_trait,
};

use crate::fault::{Fault, Planted};

pub(super) const FAULTS: &[Planted] = &[
    Planted::new("purges one event too many", &["purge::at_most_so_many_events_go"], || {
        requests(|request| request.max_events = request.max_events.map(|max| max + 1))
    }),
    Planted::new(
        "purges what a resend may still meet (C6, Y1)",
        &["purge::recent_events_are_left_and_counted"],
        || requests(|request| request.include_recent = true),
    ),
    Planted::new(
        "purges unfinished events",
        &[
            "purge::unfinished_events_are_left_and_counted",
            "purge::one_unfinished_job_among_finished_ones_is_enough",
        ],
        || requests(|request| request.include_unfinished = true),
    ),
    Planted::new(
        "selects, then deletes: what was put back to work meanwhile goes too (C7)",
        &["purge::what_is_put_back_to_work_meanwhile_is_spared"],
        || Arc::new(SelectsThenDeletes),
    ),
    Planted::new(
        "forgets how old an event has to be",
        &["purge::older_than_compares_the_instant_of_ingestion"],
        || requests(|request| request.older_than = None),
    ),
    Planted::new("takes the children along", &["purge::children_stay_and_dangle"], || {
        Arc::new(FollowsChildren)
    }),
    Planted::new(
        "does not count what it leaves alone",
        &[
            "purge::unfinished_events_are_left_and_counted",
            "purge::recent_events_are_left_and_counted",
        ],
        || answers(|purged| (purged.left_recent, purged.left_unfinished) = (0, 0)),
    ),
    Planted::new(
        "says that nothing is left when there is more",
        &["purge::at_most_so_many_events_go"],
        || answers(|purged| purged.more = false),
    ),
];

/// A fault that changes requests.
struct Requests(fn(&mut PurgeRequest));

fn requests(edit: fn(&mut PurgeRequest)) -> Arc<dyn Fault> {
    Arc::new(Requests(edit))
}

#[async_trait]
impl Fault for Requests {
    async fn purge(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        mut request: PurgeRequest,
    ) -> Result<Purged> {
        (self.0)(&mut request);
        store.purge(toolkit, request).await
    }
}

/// A fault that changes answers.
struct Answers(fn(&mut Purged));

fn answers(edit: fn(&mut Purged)) -> Arc<dyn Fault> {
    Arc::new(Answers(edit))
}

#[async_trait]
impl Fault for Answers {
    async fn purge(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        request: PurgeRequest,
    ) -> Result<Purged> {
        let mut purged = store.purge(toolkit, request).await?;
        (self.0)(&mut purged);
        Ok(purged)
    }
}

fn sum(one: Purged, other: Purged) -> Purged {
    let mut sum = one;
    sum.events += other.events;
    sum.jobs += other.jobs;
    sum.transitions += other.transitions;
    sum
}

/// Purges a finished event by its id a moment after it was found to be finished.
struct SelectsThenDeletes;

#[async_trait]
impl Fault for SelectsThenDeletes {
    async fn purge(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        request: PurgeRequest,
    ) -> Result<Purged> {
        if request.include_unfinished
            || request.max_events.is_some()
            || request.older_than.is_some()
        {
            return store.purge(toolkit, request).await;
        }
        let filter = request.filter.clone().with_limit(1_000).with_order(Order::Oldest);
        let found = store.find_events(toolkit, filter).await?.entries;
        let finished = found.into_iter().filter(|event| {
            event
                .jobs
                .iter()
                .all(|job| matches!(job.status(), Some(Status::Succeeded | Status::Discarded)))
        });
        let mut purged = Purged::default();
        for event in finished {
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            let mut one = PurgeRequest::new(WhereEvents::of_event(event.id)).with_unfinished();
            one.include_recent = request.include_recent;
            purged = sum(purged, store.purge(toolkit, one).await?);
        }
        let rest = store.purge(toolkit, request).await?;
        let mut all = sum(purged, rest);
        (all.left_recent, all.left_unfinished) = (rest.left_recent, rest.left_unfinished);
        Ok(all)
    }
}

struct FollowsChildren;

#[async_trait]
impl Fault for FollowsChildren {
    async fn purge(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        request: PurgeRequest,
    ) -> Result<Purged> {
        let all = WhereEvents::default().with_limit(1_000);
        let before = store.find_events(toolkit, all).await?.entries;
        let mut purged = store.purge(toolkit, request).await?;
        for child in before.iter().filter(|event| event.parent_event_id.is_some()) {
            let Some(parent) = child.parent_event_id else { continue };
            let was_there = before.iter().any(|event| event.id == parent);
            if was_there && store.find_event(toolkit, parent).await.is_err() {
                let one = PurgeRequest::new(WhereEvents::of_event(child.id))
                    .with_unfinished()
                    .with_recent();
                purged = sum(purged, store.purge(toolkit, one).await?);
            }
        }
        Ok(purged)
    }
}
