//! Faults in what is stored and how a repetition is told.

use std::sync::Arc;

use blacksmith_store_core::{
    Added, Bytes, ErrorKind, Event, Job, Result, Retry, Status, Store, StoreError, Timestamp,
    Toolkit, Transition, async_trait,
};

use crate::fault::{Fault, Planted};

pub(super) const FAULTS: &[Planted] = &[
    Planted::new(
        "loses the last job of a batch",
        &[
            "round_trip::an_event_carries_its_jobs_in_ascending_id",
            "atomic_batches::a_large_batch_goes_in_whole",
        ],
        || {
            edits(|events| {
                if events.iter().map(|event| event.jobs.len()).sum::<usize>() > 1
                    && let Some(event) = events.iter_mut().rfind(|event| !event.jobs.is_empty())
                {
                    event.jobs.pop();
                }
            })
        },
    ),
    Planted::new(
        "commits half a batch",
        &[
            "atomic_batches::a_conflicting_event_among_new_ones",
            "atomic_batches::a_conflicting_job_among_new_ones",
        ],
        || Arc::new(CommitsHalf),
    ),
    Planted::new(
        "commits half a batch when its caller goes away",
        &["dropped_futures::a_dropped_add_events_is_done_whole_or_not_at_all"],
        || Arc::new(CommitsHalf),
    ),
    Planted::new(
        "stores the jobs of known events and leaves out those of missing ones",
        &["atomic_batches::jobs_of_missing_events_among_others"],
        || Arc::new(LeavesOrphansOut),
    ),
    Planted::new(
        "counts what it knows as new",
        &[
            "idempotency::a_resent_event_is_known_and_changes_nothing",
            "idempotency::new_and_known_entries_of_one_call_are_counted_apart",
        ],
        || Arc::new(CountsKnownAsNew),
    ),
    Planted::new(
        "takes an id with other content for known",
        &[
            "conflicts::an_event_that_differs_in_a_compared_member",
            "conflicts::a_job_in_its_event_that_differs_in_a_compared_member",
        ],
        || Arc::new(TakesConflictsForKnown),
    ),
    Planted::new(
        "puts a finished job back to work when its event is sent again",
        &["idempotency::a_resend_after_the_job_moved_on_is_known"],
        || Arc::new(RevivesResentJobs),
    ),
    Planted::new(
        "truncates microseconds",
        &[
            "round_trip::every_field_of_an_event",
            "timestamps::instants_are_cut_down_to_the_microsecond",
        ],
        || {
            edits(|events| {
                for event in events {
                    event.sent_at = event.sent_at.map(whole_milliseconds);
                    event.received_at = event.received_at.map(whole_milliseconds);
                }
            })
        },
    ),
    Planted::new(
        "drops NUL bytes",
        &["bytes::every_payload_of_an_event_and_its_jobs_is_kept"],
        || {
            edits(|events| {
                payloads(events, |bytes| bytes.iter().copied().filter(|byte| *byte != 0).collect());
            })
        },
    ),
    Planted::new(
        "makes text of payloads",
        &["bytes::every_payload_of_an_event_and_its_jobs_is_kept"],
        || {
            edits(|events| {
                payloads(events, |bytes| String::from_utf8_lossy(&bytes).into_owned().into());
            })
        },
    ),
    Planted::new(
        "takes an empty payload for none",
        &["round_trip::an_empty_payload_is_not_the_same_as_none"],
        || {
            edits(|events| {
                for event in events {
                    event.data = event.data.take().filter(|data| !data.is_empty());
                    event.context = event.context.take().filter(|context| !context.is_empty());
                }
            })
        },
    ),
    Planted::new(
        "forgets run_at",
        &[
            "claims::a_job_is_due_from_its_run_at_on",
            "round_trip::every_field_of_a_first_transition",
        ],
        || {
            edits(|events| {
                for transition in firsts(events) {
                    transition.run_at = None;
                }
            })
        },
    ),
    Planted::new(
        "forgets who sent an event's first transition",
        &["round_trip::every_field_of_a_first_transition"],
        || {
            edits(|events| {
                for transition in firsts(events) {
                    transition.actor = None;
                }
            })
        },
    ),
    Planted::new(
        "forgets parents",
        &[
            "round_trip::every_field_of_an_event",
            "conflicts::an_event_that_differs_in_a_compared_member",
        ],
        || {
            edits(|events| {
                for event in events {
                    event.parent_event_id = None;
                }
            })
        },
    ),
    Planted::new("stamps received_at by itself", &["round_trip::every_field_of_an_event"], || {
        edits(|events| {
            for event in events {
                event.received_at = None;
            }
        })
    }),
    Planted::new("trims names", &["hostile_strings::names_come_back_as_they_went_in"], || {
        edits(|events| {
            for event in events {
                let trimmed = event.source.trim();
                if !trimmed.is_empty() {
                    event.source = trimmed.to_owned();
                }
            }
        })
    }),
    Planted::new("cuts names at 63 bytes", &["limits::a_name_has_1_to_255_bytes"], || {
        edits(|events| {
            for event in events {
                let end = event.source.floor_char_boundary(63);
                event.source.truncate(end);
            }
        })
    }),
    Planted::new("shows a payload in an error", &["errors::no_error_shows_a_payload"], || {
        Arc::new(ShowsPayloads)
    }),
    Planted::new(
        "says that a write was surely not done, and has done it",
        &["deadlines::a_write_that_was_surely_not_done_is_not_there"],
        || Arc::new(DeniesWhatItDid),
    ),
];

/// A fault that changes events before they are stored.
struct Edits(fn(&mut Vec<Event>));

fn edits(edit: fn(&mut Vec<Event>)) -> Arc<dyn Fault> {
    Arc::new(Edits(edit))
}

#[async_trait]
impl Fault for Edits {
    async fn add_events(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        mut events: Vec<Event>,
    ) -> Result<Added> {
        (self.0)(&mut events);
        store.add_events(toolkit, events).await
    }
}

fn whole_milliseconds(instant: Timestamp) -> Timestamp {
    Timestamp::from_timestamp_millis(instant.timestamp_millis()).unwrap_or(instant)
}

/// Changes every payload of events and their jobs.
fn payloads(events: &mut [Event], change: impl Fn(Bytes) -> Bytes) {
    for event in events {
        event.data = event.data.take().map(&change);
        for job in &mut event.jobs {
            job.data = job.data.take().map(&change);
        }
    }
}

fn firsts(events: &mut [Event]) -> impl Iterator<Item = &mut Transition> {
    events.iter_mut().flat_map(|event| &mut event.jobs).filter_map(|job| job.transition.as_mut())
}

fn sum(one: Added, other: Added) -> Added {
    let mut sum = one;
    sum.events += other.events;
    sum.events_known += other.events_known;
    sum.jobs += other.jobs;
    sum.jobs_known += other.jobs_known;
    sum
}

struct CommitsHalf;

#[async_trait]
impl Fault for CommitsHalf {
    async fn add_events(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        mut events: Vec<Event>,
    ) -> Result<Added> {
        let rest = events.split_off(events.len() / 2);
        let mut added = Added::default();
        if !events.is_empty() {
            added = store.add_events(toolkit, events).await?;
            tokio::task::yield_now().await;
        }
        Ok(sum(added, store.add_events(toolkit, rest).await?))
    }
}

struct LeavesOrphansOut;

#[async_trait]
impl Fault for LeavesOrphansOut {
    async fn add_jobs(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        jobs: Vec<Job>,
    ) -> Result<Added> {
        let mut with_event = Vec::new();
        for job in jobs {
            if let Some(event) = job.event_id
                && store.find_event(toolkit, event).await.is_ok()
            {
                with_event.push(job);
            }
        }
        store.add_jobs(toolkit, with_event).await
    }
}

struct CountsKnownAsNew;

#[async_trait]
impl Fault for CountsKnownAsNew {
    async fn add_events(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        events: Vec<Event>,
    ) -> Result<Added> {
        let mut added = store.add_events(toolkit, events).await?;
        added.events += std::mem::take(&mut added.events_known);
        added.jobs += std::mem::take(&mut added.jobs_known);
        Ok(added)
    }
}

struct TakesConflictsForKnown;

#[async_trait]
impl Fault for TakesConflictsForKnown {
    async fn add_events(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        events: Vec<Event>,
    ) -> Result<Added> {
        let mut known = Added::default();
        known.events_known = events.len() as u64;
        match store.add_events(toolkit, events).await {
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(known),
            answer => answer,
        }
    }
}

struct RevivesResentJobs;

#[async_trait]
impl Fault for RevivesResentJobs {
    async fn add_events(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        events: Vec<Event>,
    ) -> Result<Added> {
        let jobs: Vec<_> = events.iter().flat_map(|event| &event.jobs).map(|job| job.id).collect();
        let added = store.add_events(toolkit, events).await?;
        for id in jobs {
            let job = store.find_job(toolkit, id).await?;
            if matches!(job.status(), Some(Status::Succeeded | Status::Discarded)) {
                let retry = job.next(toolkit.transition_id(), Status::Awaiting)?;
                store.add_transitions(toolkit, vec![retry]).await?;
            }
        }
        Ok(added)
    }
}

struct ShowsPayloads;

#[async_trait]
impl Fault for ShowsPayloads {
    async fn add_events(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        events: Vec<Event>,
    ) -> Result<Added> {
        let shown = events.iter().find_map(|event| event.data.clone()).unwrap_or_default();
        store.add_events(toolkit, events).await.map_err(|error| {
            StoreError::new(
                error.kind(),
                format!("{}: {}", error.message(), String::from_utf8_lossy(&shown)),
            )
        })
    }
}

struct DeniesWhatItDid;

#[async_trait]
impl Fault for DeniesWhatItDid {
    async fn add_events(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        events: Vec<Event>,
    ) -> Result<Added> {
        let added = store.add_events(toolkit, events).await?;
        match toolkit.deadline() {
            Some(_) => Err(StoreError::timeout("the deadline has passed").with_retry(Retry::Safe)),
            None => Ok(added),
        }
    }
}
