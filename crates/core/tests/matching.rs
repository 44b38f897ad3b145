//! What a filter finds, as a table: the definition that every adapter is held to.

use blacksmith_store_core::{
    Event, EventId, Job, JobId, Status, Timestamp, Transition, TransitionId, WhereEvents,
};
use serde_json::{Value, json};

fn instant(text: &str) -> Timestamp {
    format!("2020-10-30T{text}Z").parse().expect("an instant")
}

fn job(number: u8, destination: &str, version: Option<&str>, status: Status, attempt: u32) -> Job {
    let mut job = Job::new(JobId::from_bytes([number; 20]), destination, "upsert");
    job.version = version.map(str::to_owned);
    job.created_at = Some(instant(&format!("12:0{number}:00")));
    job.event_id = Some(EventId::from_bytes([1; 20]));
    let mut latest = Transition::first(TransitionId::from_bytes([number; 20]), status);
    latest.attempt = attempt;
    latest.created_at = Some(instant(&format!("13:0{number}:00")));
    job.with_transition(latest)
}

/// Received at 11:00 and ingested at 12:00, with two jobs: 1, created at 12:01, succeeded at 13:01 on attempt 1; and 2, created
/// at 12:02, failed at 13:02 on attempt 3.
fn event() -> Event {
    let mut event = Event::new(EventId::from_bytes([1; 20]), "github", "issues.opened")
        .with_version("v2")
        .with_job(job(1, "crm", Some("v1"), Status::Succeeded, 1))
        .with_job(job(2, "mail", None, Status::Failed, 3));
    event.received_at = Some(instant("11:00:00"));
    event.ingested_at = Some(instant("12:00:00"));
    event
}

/// The same event without jobs, and without a version.
fn childless() -> Event {
    let mut event = event();
    event.id = EventId::from_bytes([2; 20]);
    event.version = None;
    event.jobs.clear();
    event
}

/// What a filter finds.
#[derive(Debug, PartialEq)]
struct Found {
    event: bool,
    childless: bool,
    jobs: [bool; 2],
}

fn found(filter: &Value) -> Found {
    let filter: WhereEvents = serde_json::from_value(filter.clone()).expect("a filter");
    let event = event();
    let jobs = [0, 1].map(|index| filter.matches_job(&event, &event.jobs[index]));
    // A job is a transition's event and job too: its latest one is found where it is.
    for (job, found) in event.jobs.iter().zip(jobs) {
        let latest = job.transition.as_ref().expect("a latest transition");
        assert_eq!(filter.matches_transition(&event, job, latest), found);
    }
    let mut apart = event.clone();
    apart.jobs.clear();
    let is_found = filter.matches_event(&event);
    assert_eq!(filter.matches_event_with(&apart, event.jobs.iter()), is_found);
    Found { event: is_found, childless: filter.matches_event(&childless()), jobs }
}

const ALL: Found = Found { event: true, childless: true, jobs: [true, true] };
const NONE: Found = Found { event: false, childless: false, jobs: [false, false] };
/// What concerns events alone is as true of their jobs.
const NOT_CHILDLESS: Found = Found { event: true, childless: false, jobs: [true, true] };
const ONLY_CHILDLESS: Found = Found { event: false, childless: true, jobs: [false, false] };

/// Found for one of its jobs.
const fn through(jobs: [bool; 2]) -> Found {
    Found { event: true, childless: false, jobs }
}

/// Not found for one of its jobs, which excludes the event but not the other job.
const fn but(jobs: [bool; 2]) -> Found {
    Found { event: false, childless: true, jobs }
}

#[allow(clippy::needless_pass_by_value, reason = "a filter is written where it is passed")]
fn jobs(filter: Value) -> Value {
    json!({ "jobs": filter })
}

#[allow(clippy::needless_pass_by_value, reason = "a filter is written where it is passed")]
fn transitions(filter: Value) -> Value {
    json!({ "jobs": { "transitions": filter } })
}

#[test]
fn constraints_on_events() {
    for (filter, expected) in [
        (json!({}), ALL),
        (json!({"sources_in": []}), ALL),
        (json!({"sources_in": ["github", "x"]}), ALL),
        (json!({"sources_in": ["Github"]}), NONE),
        (json!({"sources_notin": ["x"]}), ALL),
        (json!({"sources_notin": ["x", "github"]}), NONE),
        (json!({"sources_in": ["github"], "sources_notin": ["github"]}), NONE),
        (json!({"triggers_in": ["issues.opened"]}), ALL),
        (json!({"triggers_in": ["issues"]}), NONE),
        (json!({"triggers_notin": ["issues.opened"]}), NONE),
        // An absent version counts as "".
        (json!({"versions_in": ["v2"]}), NOT_CHILDLESS),
        (json!({"versions_in": [""]}), ONLY_CHILDLESS),
        (json!({"versions_in": ["", "v2"]}), ALL),
        (json!({"versions_notin": ["v2"]}), ONLY_CHILDLESS),
        (json!({"versions_notin": [""]}), NOT_CHILDLESS),
        (json!({"sources_in": ["github"], "triggers_in": ["x"]}), NONE),
    ] {
        assert_eq!(found(&filter), expected, "{filter}");
    }
}

#[test]
fn bounds_are_exclusive_and_created_is_when_it_was_ingested() {
    let at = |time: &str| format!("2020-10-30T{time}Z");
    for (member, time) in [("created", "12:00:00"), ("received", "11:00:00")] {
        let (before, after) = (format!("{member}_before"), format!("{member}_after"));
        assert_eq!(found(&json!({ (before.clone()): at(time) })), NONE, "{member}");
        assert_eq!(found(&json!({ (after.clone()): at(time) })), NONE, "{member}");
        assert_eq!(
            found(&json!({ (before.clone()): at(&format!("{time}.000001")) })),
            ALL,
            "{member}"
        );
        assert_eq!(found(&json!({ (after.clone()): at("10:59:59.999999") })), ALL, "{member}");
        assert_eq!(
            found(&json!({ (after): at("10:59:59.999999"), (before): at("12:00:00.000001") })),
            ALL,
            "{member}"
        );
    }
}

#[test]
fn positive_constraints_on_jobs_need_one_job_that_meets_all_of_them() {
    for (filter, expected) in [
        (jobs(json!({})), ALL),
        (jobs(json!({"destinations_in": []})), ALL),
        (jobs(json!({"destinations_in": ["crm"]})), through([true, false])),
        (jobs(json!({"destinations_in": ["crm", "mail"]})), NOT_CHILDLESS),
        (jobs(json!({"destinations_in": ["x"]})), NONE),
        (jobs(json!({"actions_in": ["upsert"]})), NOT_CHILDLESS),
        (jobs(json!({"versions_in": ["v1"]})), through([true, false])),
        (jobs(json!({"versions_in": [""]})), through([false, true])),
        (jobs(json!({"created_before": "2020-10-30T12:02:00Z"})), through([true, false])),
        (jobs(json!({"created_after": "2020-10-30T12:01:00Z"})), through([false, true])),
        (jobs(json!({"created_after": "2020-10-30T12:02:00Z"})), NONE),
        // One job of each, but none of both.
        (jobs(json!({"destinations_in": ["crm"], "versions_in": [""]})), NONE),
        (
            jobs(json!({"destinations_in": ["mail"], "transitions": {"status_in": ["succeeded"]}})),
            NONE,
        ),
        (
            jobs(json!({"destinations_in": ["mail"], "transitions": {"status_in": ["failed"]}})),
            through([false, true]),
        ),
        (json!({"sources_in": ["x"], "jobs": {"destinations_in": ["crm"]}}), NONE),
    ] {
        assert_eq!(found(&filter), expected, "{filter}");
    }
}

#[test]
fn negative_constraints_on_jobs_exclude_an_event_for_any_job() {
    for (filter, expected) in [
        (jobs(json!({"destinations_notin": []})), ALL),
        (jobs(json!({"destinations_notin": ["x"]})), ALL),
        (jobs(json!({"destinations_notin": ["crm"]})), but([false, true])),
        (jobs(json!({"actions_notin": ["upsert"]})), ONLY_CHILDLESS),
        (jobs(json!({"versions_notin": ["v1"]})), but([false, true])),
        (jobs(json!({"versions_notin": [""]})), but([true, false])),
        (transitions(json!({"status_notin": ["discarded"]})), ALL),
        (transitions(json!({"status_notin": ["failed"]})), but([true, false])),
        (transitions(json!({"status_notin": ["failed", "succeeded"]})), ONLY_CHILDLESS),
    ] {
        assert_eq!(found(&filter), expected, "{filter}");
    }
}

#[test]
fn positives_and_negatives_together_must_both_hold() {
    for (filter, expected) in [
        // The purge policy of every generated application: one failed job saves the event.
        (
            transitions(json!({"status_in": ["succeeded"], "status_notin": ["failed"]})),
            Found { event: false, childless: false, jobs: [true, false] },
        ),
        (
            transitions(json!({"status_in": ["succeeded"], "status_notin": ["discarded"]})),
            through([true, false]),
        ),
        (
            jobs(json!({"destinations_in": ["crm"], "versions_notin": [""]})),
            Found { event: false, childless: false, jobs: [true, false] },
        ),
    ] {
        assert_eq!(found(&filter), expected, "{filter}");
    }
}

#[test]
fn constraints_on_transitions() {
    for (filter, expected) in [
        (transitions(json!({})), ALL),
        (transitions(json!({"status_in": ["succeeded"]})), through([true, false])),
        (transitions(json!({"status_in": ["failed", "unknown"]})), through([false, true])),
        (transitions(json!({"status_in": ["awaiting"]})), NONE),
        // 0 is a bound: it needs a job, like any other.
        (transitions(json!({"min_attempts": 0})), NOT_CHILDLESS),
        (transitions(json!({"max_attempts": 0})), NONE),
        (transitions(json!({"min_attempts": 1})), NOT_CHILDLESS),
        (transitions(json!({"min_attempts": 2})), through([false, true])),
        (transitions(json!({"max_attempts": 1})), through([true, false])),
        (transitions(json!({"min_attempts": 2, "max_attempts": 2})), NONE),
        (transitions(json!({"min_attempts": 3, "max_attempts": 3})), through([false, true])),
        (transitions(json!({"created_before": "2020-10-30T13:02:00Z"})), through([true, false])),
        (transitions(json!({"created_after": "2020-10-30T13:01:00Z"})), through([false, true])),
        (transitions(json!({"created_after": "2020-10-30T13:02:00Z"})), NONE),
        (transitions(json!({"status_in": ["succeeded"], "min_attempts": 2})), NONE),
    ] {
        assert_eq!(found(&filter), expected, "{filter}");
    }
}

#[test]
fn beside_an_id_all_other_constraints_are_ignored() {
    let (event, childless) = (EventId::from_bytes([1; 20]), EventId::from_bytes([2; 20]));
    let (first, second) = (JobId::from_bytes([1; 20]), JobId::from_bytes([2; 20]));
    let unmet = json!({"status_in": ["awaiting"], "status_notin": ["failed"]});
    let with_job = |id: JobId| {
        let mut filter = unmet.clone();
        filter["job_id"] = json!(id);
        filter
    };
    for (filter, expected) in [
        (
            jobs(json!({"event_id": event, "destinations_in": ["x"], "transitions": unmet})),
            NOT_CHILDLESS,
        ),
        (json!({"sources_in": ["x"], "jobs": {"event_id": childless}}), ONLY_CHILDLESS),
        (transitions(with_job(first)), through([true, false])),
        (jobs(json!({"event_id": event, "transitions": with_job(second)})), through([false, true])),
        (jobs(json!({"event_id": childless, "transitions": with_job(second)})), NONE),
        (transitions(json!({"job_id": JobId::from_bytes([9; 20])})), NONE),
    ] {
        assert_eq!(found(&filter), expected, "{filter}");
    }
}

#[test]
fn of_transitions_every_one_counts_not_only_the_latest() {
    let event = event();
    let failed_job = &event.jobs[1];
    let mut first = Transition::first(TransitionId::from_bytes([9; 20]), Status::Acknowledged);
    first.created_at = Some(instant("12:02:00"));
    let finds = |filter: &Value| {
        let filter: WhereEvents = serde_json::from_value(filter.clone()).expect("a filter");
        filter.matches_transition(&event, failed_job, &first)
    };
    for filter in [
        transitions(json!({"status_in": ["acknowledged"]})),
        transitions(json!({"status_notin": ["failed"]})),
        transitions(json!({"max_attempts": 0})),
        transitions(json!({"created_before": "2020-10-30T13:00:00Z"})),
        jobs(json!({"destinations_in": ["mail"]})),
        json!({"sources_in": ["github"]}),
    ] {
        assert!(finds(&filter), "{filter}");
    }
    for filter in [
        transitions(json!({"status_in": ["failed"]})),
        transitions(json!({"status_notin": ["acknowledged"]})),
        transitions(json!({"min_attempts": 1})),
        jobs(json!({"destinations_notin": ["mail"]})),
        json!({"sources_notin": ["github"]}),
    ] {
        assert!(!finds(&filter), "{filter}");
    }
}

#[test]
fn a_found_event_carries_the_jobs_that_meet_every_constraint_on_jobs() {
    let (event_id, first) = (EventId::from_bytes([1; 20]), JobId::from_bytes([1; 20]));
    for (filter, expected) in [
        (json!({}), [true, true]),
        (json!({"sources_notin": ["github"]}), [true, true]),
        (jobs(json!({"destinations_in": ["crm"]})), [true, false]),
        (jobs(json!({"destinations_notin": ["crm"]})), [false, true]),
        (
            transitions(json!({"status_in": ["succeeded"], "status_notin": ["failed"]})),
            [true, false],
        ),
        (jobs(json!({"event_id": event_id, "destinations_in": ["x"]})), [true, true]),
        (transitions(json!({"job_id": first, "status_in": ["failed"]})), [true, false]),
    ] {
        let typed: WhereEvents = serde_json::from_value(filter.clone()).expect("a filter");
        let carried = [0, 1].map(|index| typed.carries_job(&event().jobs[index]));
        assert_eq!(carried, expected, "{filter}");
    }
}

#[test]
fn a_filter_knows_when_it_constrains_nothing() {
    for (filter, nothing) in [
        (json!({}), true),
        (json!({"sources_in": [], "jobs": {"transitions": {"status_notin": []}}}), true),
        (
            json!({"offset": 3, "limit": 5, "order": "oldest", "count": "none", "carry": "none"}),
            true,
        ),
        (json!({"without_payloads": true}), true),
        (json!({"versions_in": [""]}), false),
        (jobs(json!({"event_id": EventId::from_bytes([1; 20])})), false),
        (transitions(json!({"min_attempts": 0})), false),
    ] {
        let typed: WhereEvents = serde_json::from_value(filter.clone()).expect("a filter");
        assert_eq!(typed.constrains_nothing(), nothing, "{filter}");
    }
}

/// No stored job is without one; a filter still has an answer.
#[test]
fn a_job_without_a_transition_meets_negatives_only() {
    let mut event = event();
    event.jobs[0].transition = None;
    for (filter, expected) in [
        (transitions(json!({"status_notin": ["failed"]})), true),
        (transitions(json!({"status_in": ["failed"]})), false),
        (transitions(json!({"min_attempts": 0})), false),
        (jobs(json!({"destinations_in": ["crm"]})), true),
    ] {
        let typed: WhereEvents = serde_json::from_value(filter.clone()).expect("a filter");
        assert_eq!(typed.matches_job(&event, &event.jobs[0]), expected, "{filter}");
    }
}
