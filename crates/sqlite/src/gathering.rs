//! Claimed jobs, gathered by event.

use std::collections::HashMap;

use blacksmith_store_core::{Event, Queue};
use rusqlite::Connection;

use crate::{error::Failure, finding::event_by_number};

/// Events in the order in which they were first asked for.
#[derive(Default)]
pub(crate) struct Gathered {
    events: Vec<Event>,
    places: HashMap<i64, usize>,
}

impl Gathered {
    /// The event of this number, read when it is asked for the first time, to add a job to.
    pub(crate) fn event(
        &mut self,
        connection: &Connection,
        number: i64,
    ) -> Result<&mut Event, Failure> {
        let place = if let Some(place) = self.places.get(&number) {
            *place
        } else {
            self.events.push(event_by_number(connection, number, false)?);
            self.places.insert(number, self.events.len() - 1);
            self.events.len() - 1
        };
        Ok(&mut self.events[place])
    }

    pub(crate) fn into_queue(self) -> Queue {
        Queue::new(self.events)
    }
}
