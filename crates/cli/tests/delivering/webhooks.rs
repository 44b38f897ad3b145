//! The input: real payloads, each with a fresh id.

use std::{collections::HashMap, fmt::Write as _};

use blacksmith_store::{EventId, JobId};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Real payloads, ten lines; see the notice beside them.
const WEBHOOKS: &str = include_str!("../data/github-webhooks.ndjson");

/// Events as lines of JSON.
pub(crate) struct Webhooks {
    text: String,
    rounds: usize,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
}

impl Webhooks {
    /// Enough for a test of seconds.
    pub(crate) fn few() -> Self {
        Self { text: WEBHOOKS.to_owned(), rounds: 10 }
    }

    /// Those that the environment names; else what there is, 30 times over.
    pub(crate) fn all() -> Self {
        let text = match std::env::var_os("BLACKSMITH_TEST_WEBHOOKS") {
            Some(path) => std::fs::read_to_string(path).unwrap(),
            None => WEBHOOKS.to_owned(),
        };
        let rounds = std::env::var("BLACKSMITH_TEST_ROUNDS").ok();
        Self { text, rounds: rounds.map_or(30, |rounds| rounds.parse().unwrap()) }
    }

    /// The lines of each round, every line with an id of its own, and the payload of every event.
    pub(crate) fn rounds(&self) -> (Vec<String>, HashMap<EventId, Vec<u8>>) {
        let mut payloads = HashMap::new();
        let mut rounds = Vec::new();
        for _ in 0..self.rounds {
            let mut lines = String::new();
            for line in self.text.lines() {
                let id = event_id(payloads.len());
                let Line { data } = serde_json::from_str(line).unwrap();
                payloads.insert(id, data.get().as_bytes().to_vec());
                writeln!(lines, "{{\"id\":\"{id}\",{}", &line[1..]).unwrap();
            }
            rounds.push(lines);
        }
        (rounds, payloads)
    }
}

fn event_id(number: usize) -> EventId {
    let mut bytes = [7; 20];
    bytes[16..].copy_from_slice(&u32::try_from(number).unwrap().to_be_bytes());
    EventId::from_bytes(bytes)
}

/// The job that a route makes of an event.
pub(crate) fn job(event: EventId, (destination, action): (&str, &str)) -> JobId {
    JobId::derived(event, destination, action)
}
