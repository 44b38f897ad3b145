//! One line of input, and the event that it describes.

use std::collections::HashMap;

use blacksmith_store::{
    Bytes, Event, EventId, Job, JobId, MAX_CALL_ENTRIES, Status, Timestamp, Toolkit, Transition,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{configuration::Routes, route::Route};

/// The members of a line. One that is not known is refused: to ignore a misspelt `sent_at` would lose it in silence.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(default)]
    id: Option<EventId>,
    source: String,
    trigger: String,
    #[serde(default)]
    version: Option<String>,
    #[serde(default, borrow)]
    context: Option<&'a RawValue>,
    #[serde(default, borrow)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    sent_at: Option<Timestamp>,
    #[serde(default)]
    received_at: Option<Timestamp>,
    #[serde(default, borrow)]
    jobs: Option<Vec<LineJob<'a>>>,
}

/// The members of a job in a line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LineJob<'a> {
    #[serde(default)]
    id: Option<JobId>,
    destination: String,
    action: String,
    #[serde(default)]
    version: Option<String>,
    #[serde(default, borrow)]
    context: Option<&'a RawValue>,
    #[serde(default, borrow)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    run_at: Option<Timestamp>,
}

/// The event of a line, with its own jobs and those that `routes` add to it.
///
/// Payloads are the bytes that stand in the line. Jobs without an id get derived ones, so that the same line with the same
/// event id makes the same jobs again. A route adds nothing to an event that brings a job for it.
///
/// # Errors
/// What is wrong with the line.
pub(crate) fn event(text: &Bytes, routes: &Routes, toolkit: &Toolkit) -> Result<Event, String> {
    let line: Line<'_> = serde_json::from_slice(text).map_err(|error| explained(&error))?;
    // A member that a line has is a slice of it; `null` is none.
    let payload = |raw: Option<&RawValue>| raw.map(|raw| text.slice_ref(raw.get().as_bytes()));

    let mut event =
        Event::new(line.id.unwrap_or_else(|| toolkit.event_id()), line.source, line.trigger);
    event.version = line.version;
    event.context = payload(line.context);
    event.data = payload(line.data);
    event.sent_at = line.sent_at;
    event.received_at = line.received_at;

    let mut jobs = Vec::new();
    let mut seen = Seen::default();
    for given in line.jobs.unwrap_or_default() {
        let derived = seen.derive(event.id, &given.destination, &given.action);
        let mut job = Job::new(given.id.unwrap_or(derived), given.destination, given.action);
        job.version = given.version;
        job.context = payload(given.context);
        job.data = payload(given.data);
        if let Some(run_at) = given.run_at {
            let first = Transition::first(toolkit.transition_id(), Status::Acknowledged);
            job.transition = Some(first.with_run_at(run_at));
        }
        jobs.push(job);
    }
    for Route { destination, action } in routes.of(&event.source, &event.trigger) {
        if !seen.has(destination, action) {
            let id = seen.derive(event.id, destination, action);
            jobs.push(Job::new(id, destination, action));
        }
    }
    event.jobs = jobs;
    let entries = entries(&event);
    if entries > MAX_CALL_ENTRIES {
        let jobs = event.jobs.len();
        return Err(format!(
            "an event with {jobs} jobs is more than one call to a store may bring"
        ));
    }
    Ok(event)
}

/// What an event counts for in a call: itself, its jobs, and their first transitions.
pub(super) fn entries(event: &Event) -> usize {
    1 + 2 * event.jobs.len()
}

/// What serde says, with the place in the line.
fn explained(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let said = text.rsplit_once(" at line ").map_or(text.as_str(), |(said, _)| said);
    format!("{said} (column {})", error.column())
}

/// The destinations and actions that an event's jobs have so far.
#[derive(Default)]
struct Seen(HashMap<(String, String), usize>);

impl Seen {
    fn has(&self, destination: &str, action: &str) -> bool {
        self.0.contains_key(&(destination.to_owned(), action.to_owned()))
    }

    /// The id of the event's next job for this destination and action. The first one's is the derived id; later ones' are
    /// derived with their number behind a NUL, which no action has in its name.
    fn derive(&mut self, event: EventId, destination: &str, action: &str) -> JobId {
        let count = self.0.entry((destination.to_owned(), action.to_owned())).or_default();
        *count += 1;
        match *count {
            1 => JobId::derived(event, destination, action),
            nth => JobId::derived(event, destination, &format!("{action}\0{nth}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &'static str, routes: &[&str]) -> Result<Event, String> {
        let routes: Vec<Route> =
            routes.iter().map(|route| route.parse().expect("a route")).collect();
        let routes = Routes::default().and_all(&routes);
        event(&Bytes::from_static(text.as_bytes()), &routes, &Toolkit::new())
    }

    #[test]
    fn payloads_are_the_bytes_of_the_line() {
        let text = r#"{ "source":"s","trigger":"t", "data" :  {"a" : 1.0e0,"é":"\u00e9", "a":[ ]} , "context":null}"#;
        let event = parsed(text, &[]).expect("an event");
        let data = event.data.expect("data");
        assert_eq!(&data[..], r#"{"a" : 1.0e0,"é":"\u00e9", "a":[ ]}"#.as_bytes());
        assert_eq!(event.context, None);
    }

    #[test]
    fn ids_of_jobs_are_derived_from_the_id_of_the_event() {
        let text = r#"{"id":"1UYc8EebLqCAFMOSkbYZdJwNLAJ","source":"s","trigger":"t","jobs":[
            {"destination":"crm","action":"upsert","data":1},{"destination":"crm","action":"upsert","data":2}]}"#;
        let one = parsed(text, &["crm/upsert", "warehouse/append"]).expect("an event");
        let other = parsed(text, &["crm/upsert", "warehouse/append"]).expect("an event");

        let ids: Vec<JobId> = one.jobs.iter().map(|job| job.id).collect();
        assert_eq!(ids, other.jobs.iter().map(|job| job.id).collect::<Vec<_>>());
        assert_eq!(ids.len(), 3, "the line brings the job of the first route itself");
        assert_eq!(ids[0], JobId::derived(one.id, "crm", "upsert"));
        assert_ne!(ids[0], ids[1]);
        assert_eq!(ids[2], JobId::derived(one.id, "warehouse", "append"));
    }

    #[test]
    fn what_is_wrong_with_a_line_is_said_in_its_terms() {
        for (text, said) in [
            ("", "EOF while parsing"),
            ("[1]", "invalid"),
            (r#"{"source":"s"}"#, "missing field `trigger`"),
            (
                r#"{"source":"s","trigger":"t","sentAt":1}"#,
                "unknown field `sentAt`, expected one of `id`",
            ),
            (r#"{"source":"s","trigger":"t","data":{} "x""#, "expected `,`"),
            (r#"{"source":"s","trigger":"t","id":"x"}"#, "not a valid event id"),
            (
                r#"{"source":"s","trigger":"t","jobs":[{"destination":"d"}]}"#,
                "missing field `action`",
            ),
            (r#"{"source":"s","source":"s","trigger":"t"}"#, "duplicate field `source`"),
        ] {
            let error = parsed(text, &[]).expect_err(text);
            assert!(error.contains(said) && !error.contains("line 1"), "{text}: {error}");
        }
    }
}
