//! Faults in `stats`, `maintain` and `wakeups`.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use blacksmith_store_core::{Maintained, QueueStats, Result, Store, Toolkit, Wakeups, async_trait};

use crate::fault::{Fault, Planted};

pub(super) const FAULTS: &[Planted] = &[
    Planted::new("counts no finished jobs", &["stats::every_status_is_counted"], || {
        stats(|queues| {
            for queue in queues {
                (queue.counts.succeeded, queue.counts.discarded) = (0, 0);
            }
        })
    }),
    Planted::new(
        "counts executing jobs as waiting",
        &["stats::the_counts_follow_every_move"],
        || {
            stats(|queues| {
                for queue in queues {
                    queue.counts.acknowledged += std::mem::take(&mut queue.counts.executing);
                }
            })
        },
    ),
    Planted::new(
        "adds up the actions of a destination",
        &["stats::destinations_and_actions_are_counted_apart_and_ascend"],
        || {
            stats(|queues| {
                queues.dedup_by(|later, kept| {
                    let is_one = later.destination == kept.destination;
                    if is_one {
                        kept.counts.acknowledged += later.counts.acknowledged;
                    }
                    is_one
                });
            })
        },
    ),
    Planted::new(
        "tells queues in any order",
        &["stats::destinations_and_actions_are_counted_apart_and_ascend"],
        || stats(|queues| queues.reverse()),
    ),
    Planted::new(
        "does not say since when work is due",
        &["stats::the_earliest_due_is_the_least_place_of_the_waiting"],
        || {
            stats(|queues| {
                for queue in queues {
                    queue.earliest_due = None;
                }
            })
        },
    ),
    Planted::new(
        "counts a job more each time it adds its counts up",
        &["stats::counts_stay_exact_however_often_they_are_added_up"],
        || Arc::new(Drifts::default()),
    ),
    Planted::new(
        "wakes nobody",
        &["wakeups::added_events_wake", "wakeups::every_listener_is_woken"],
        || Arc::new(WakesNobody),
    ),
];

/// A fault that changes the answers of `stats`.
struct Stats(fn(&mut Vec<QueueStats>));

fn stats(edit: fn(&mut Vec<QueueStats>)) -> Arc<dyn Fault> {
    Arc::new(Stats(edit))
}

#[async_trait]
impl Fault for Stats {
    async fn stats(&self, store: &dyn Store, toolkit: &Toolkit) -> Result<Vec<QueueStats>> {
        let mut queues = store.stats(toolkit).await?;
        (self.0)(&mut queues);
        Ok(queues)
    }
}

#[derive(Default)]
struct Drifts(AtomicU64);

#[async_trait]
impl Fault for Drifts {
    async fn maintain(&self, store: &dyn Store, toolkit: &Toolkit) -> Result<Maintained> {
        self.0.fetch_add(1, Ordering::SeqCst);
        store.maintain(toolkit).await
    }

    async fn stats(&self, store: &dyn Store, toolkit: &Toolkit) -> Result<Vec<QueueStats>> {
        let mut queues = store.stats(toolkit).await?;
        if let Some(queue) = queues.first_mut() {
            queue.counts.succeeded += self.0.load(Ordering::SeqCst);
        }
        Ok(queues)
    }
}

pub(super) struct WakesNobody;

#[async_trait]
impl Fault for WakesNobody {
    async fn wakeups(&self, _: &dyn Store, _: &Toolkit) -> Result<Wakeups> {
        Ok(Box::pin(futures_util::stream::pending()))
    }
}
