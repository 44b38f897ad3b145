//! Claimed jobs, gathered by event.

use std::collections::HashMap;

use blacksmith_store_core::{Event, Queue};
use rusqlite::{CachedStatement, Connection, params};

use crate::{
    error::Failure,
    finding::{EVENT_BY_NUMBER, vanished},
    row,
};

/// Events in the order in which they were first asked for.
pub(crate) struct Gathered<'c> {
    read: CachedStatement<'c>,
    events: Vec<Event>,
    places: HashMap<i64, usize>,
}

impl<'c> Gathered<'c> {
    /// No events yet.
    pub(crate) fn new(connection: &'c Connection) -> Result<Self, Failure> {
        let read = connection.prepare_cached(EVENT_BY_NUMBER)?;
        Ok(Self { read, events: Vec::new(), places: HashMap::new() })
    }

    /// The event of this number, read when it is asked for the first time, to add a job to.
    pub(crate) fn event(&mut self, number: i64) -> Result<&mut Event, Failure> {
        let place = if let Some(place) = self.places.get(&number) {
            *place
        } else {
            let mut rows = self.read.query(params![false, number])?;
            let (_, event) = row::event(rows.next()?.ok_or_else(vanished)?)?;
            self.events.push(event);
            self.places.insert(number, self.events.len() - 1);
            self.events.len() - 1
        };
        Ok(&mut self.events[place])
    }

    pub(crate) fn into_queue(self) -> Queue {
        Queue::new(self.events)
    }
}
