//! Lines of JSON: what the kind `file` writes.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use blacksmith_store::{Event, Job};
use serde::{Serialize, de::IgnoredAny};
use serde_json::value::RawValue;

/// How every line begins, by which a line that was cut off in a crash is known.
pub(super) const START: &str = "{\"job_id\":\"";

#[derive(Serialize)]
struct Line<'a> {
    job_id: String,
    event_id: String,
    source: &'a str,
    trigger: &'a str,
    destination: &'a str,
    action: &'a str,
    attempt: u32,
    /// The payload, where it is JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
    /// The payload in base64, where it is something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    data_base64: Option<String>,
}

/// Whether a payload is a JSON document.
pub(super) fn is_json(payload: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(payload).is_ok()
}

/// Appends the line of a job, its line feed included.
pub(super) fn push_line(lines: &mut Vec<u8>, event: &Event, job: &Job) -> serde_json::Result<()> {
    let payload = job.data.as_ref().or(event.data.as_ref());
    // Line breaks in JSON stand between its tokens only, where a space says the same.
    let one_line: Option<Vec<u8>> = payload.map(|payload| {
        payload
            .iter()
            .map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte })
            .collect()
    });
    let data: Option<&RawValue> = match (payload, &one_line) {
        (Some(payload), Some(one_line)) if is_json(payload) => {
            Some(serde_json::from_slice(one_line)?)
        }
        _ => None,
    };
    let line = Line {
        job_id: job.id.to_string(),
        event_id: event.id.to_string(),
        source: &event.source,
        trigger: &event.trigger,
        destination: &job.destination,
        action: &job.action,
        attempt: job.transition.as_ref().map_or(1, |executing| executing.attempt),
        data,
        data_base64: payload.filter(|_| data.is_none()).map(|payload| STANDARD.encode(payload)),
    };
    serde_json::to_writer(&mut *lines, &line)?;
    lines.push(b'\n');
    Ok(())
}
