//! Events, and queues of them.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{EventId, Job, Timestamp, id, lenient, payload, time};

/// Something that a source triggered; it fans out to jobs. Blacksmith: `store.Event`.
///
/// ```
/// use blacksmith_store_core::{Event, Job, Toolkit};
///
/// let toolkit = Toolkit::new();
/// let event = Event::new(toolkit.event_id(), "github", "issues.opened")
///     .with_data(r#"{"action":"opened"}"#)
///     .with_job(Job::new(toolkit.job_id(), "crm", "upsert"));
/// assert_eq!(event.jobs[0].destination, "crm");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// Identifies the event; adding it again changes nothing.
    pub id: EventId,
    /// Where it came from, 1 to 255 bytes.
    pub source: String,
    /// What happened there, 1 to 255 bytes.
    pub trigger: String,
    /// The version of the source that the payload has, up to 255 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::text")]
    pub version: Option<String>,
    /// Opaque bytes, up to 16 MiB; an empty payload is not the same as none.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "payload")]
    pub context: Option<Bytes>,
    /// Opaque bytes, up to 16 MiB; an empty payload is not the same as none.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "payload")]
    pub data: Option<Bytes>,
    /// Its jobs, one for each destination that must learn of it; found events list them in ascending id.
    #[serde(default, deserialize_with = "lenient::list")]
    pub jobs: Vec<Job>,
    /// When the source sent it, if it said so.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "time::omitted")]
    pub sent_at: Option<Timestamp>,
    /// When the gateway received it; the store's now when it is not set.
    #[serde(default, with = "time::always")]
    pub received_at: Option<Timestamp>,
    /// When it was stored; always set by the store.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "time::omitted")]
    pub ingested_at: Option<Timestamp>,
    /// The event that led to this one. It may dangle: a purge does not follow it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "id::or_empty")]
    pub parent_event_id: Option<EventId>,
}

impl Event {
    /// An event with its required members; everything else is a public field.
    pub fn new(id: EventId, source: impl Into<String>, trigger: impl Into<String>) -> Self {
        Self {
            id,
            source: source.into(),
            trigger: trigger.into(),
            version: None,
            context: None,
            data: None,
            jobs: Vec::new(),
            sent_at: None,
            received_at: None,
            ingested_at: None,
            parent_event_id: None,
        }
    }

    /// The same with a version.
    pub fn with_version(self, version: impl Into<String>) -> Self {
        Self { version: Some(version.into()), ..self }
    }

    /// The same with a context.
    pub fn with_context(self, context: impl Into<Bytes>) -> Self {
        Self { context: Some(context.into()), ..self }
    }

    /// The same with data.
    pub fn with_data(self, data: impl Into<Bytes>) -> Self {
        Self { data: Some(data.into()), ..self }
    }

    /// The same with one job more.
    pub fn with_job(mut self, job: Job) -> Self {
        self.jobs.push(job);
        self
    }

    /// Whether `other` says the same: source, trigger, version, context, data, `sent_at` and parent; never times that the
    /// store sets, nor jobs. An event that is added again and differs is a conflict.
    pub fn same_content(&self, other: &Self) -> bool {
        self.id == other.id
            && self.source == other.source
            && self.trigger == other.trigger
            && self.version == other.version
            && self.context == other.context
            && self.data == other.data
            && self.sent_at == other.sent_at
            && self.parent_event_id == other.parent_event_id
    }
}

/// A queue of events with their jobs. Blacksmith: `store.Queue`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Queue {
    /// The events.
    #[serde(default, deserialize_with = "lenient::list")]
    pub events: Vec<Event>,
}

impl Queue {
    /// A queue of these events.
    pub fn new(events: Vec<Event>) -> Self {
        Self { events }
    }

    /// Every job in it, with its event.
    pub fn jobs(&self) -> impl Iterator<Item = (&Event, &Job)> {
        self.events.iter().flat_map(|event| event.jobs.iter().map(move |job| (event, job)))
    }
}
