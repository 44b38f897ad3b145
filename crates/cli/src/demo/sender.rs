//! Real events, a few at a time.

use std::{sync::Arc, time::Duration};

use blacksmith_store::{Bytes, Event, Result, Store, StoreError, Toolkit};

use crate::{configuration::Routes, ingest};

/// Ten real payloads, one a line; see the notice beside them.
const WEBHOOKS: &str = include_str!("../../tests/data/github-webhooks.ndjson");

/// How long after one round of events the next one comes.
pub(crate) const EVERY: Duration = Duration::from_millis(250);

/// Stores events as `blacksmith ingest` does, with ids of their own each time.
pub(crate) struct Sender {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) toolkit: Toolkit,
    pub(crate) routes: Routes,
    /// What was stored, with its jobs.
    pub(crate) sent: Vec<Event>,
}

impl Sender {
    /// How many events so many rounds bring.
    pub(crate) fn events_in(rounds: u32) -> u64 {
        u64::from(rounds) * WEBHOOKS.lines().count() as u64
    }

    /// Stores every event of the sample once more.
    pub(crate) async fn send(&mut self) -> Result<()> {
        let events = WEBHOOKS
            .lines()
            .map(|line| {
                let line = Bytes::from_static(line.as_bytes());
                ingest::event(&line, &self.routes, &self.toolkit).map_err(StoreError::invalid_input)
            })
            .collect::<Result<Vec<_>>>()?;
        self.store.add_events(&self.toolkit, events.clone()).await?;
        self.sent.extend(events);
        Ok(())
    }
}
