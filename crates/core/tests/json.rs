//! What the JSON of the models means: the facts behind the files of `data/go-json`, and the members that Go does not have.

use std::{fs, path::Path};

use blacksmith_store_core::{
    Bytes, Carry, Count, Event, Job, JobError, Options, Order, PurgePolicy, Status, Timestamp,
    Toolkit, Transition, Validation, WhereEvents, WhereJobs, WhereTransitions, floor_to_micros,
    is_legal, never,
};
use serde::de::DeserializeOwned;
use serde_json::json;

type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// A file of the Go package's JSON.
fn go<T: DeserializeOwned>(name: &str) -> Result<T> {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/go-json/{name}.json"));
    Ok(serde_json::from_str(&fs::read_to_string(file)?)?)
}

fn instant(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// The error of a filter that is refused.
fn refused(filter: &str) -> String {
    serde_json::from_str::<WhereEvents>(filter).expect_err(filter).to_string()
}

#[test]
fn payloads_come_back_byte_for_byte() -> Result {
    type Payload<'a> = Option<&'a [u8]>;
    let all: Vec<u8> = (0..=255).collect();
    let cases: [(&str, Payload, Payload); 7] = [
        ("payload-nul-bytes", Some(b"\0"), Some(b"a\0b\0")),
        ("payload-not-utf8", Some(b"\xC3\x28"), Some(b"\xFF\xFE\x00\x80\xED\xA0\x80")),
        ("payload-empty", None, None),
        ("payload-nil", None, None),
        ("payload-base64-alphabet", Some(b"\xFB\xFF\xBF"), Some(b"\x3E\x3F\xBE\xBF\xFE")),
        ("payload-all-256-bytes", None, Some(&all)),
        ("v0.18/event-payload-empty", Some(b""), Some(b"")),
    ];
    for (name, context, data) in cases {
        let event: Event = go(name)?;
        assert_eq!((event.context.as_deref(), event.data.as_deref()), (context, data), "{name}");
    }
    let event: Event = go("payload-json-text")?;
    let data = event.data.ok_or("no data")?;
    assert_eq!(
        data,
        "{\n  \"b\" : 1,\n  \"a\" : 1.0,\n  \"a\" : 1e2,\n  \"s\" : \"\\u00e9\u{2028}\"\n}\n"
    );
    Ok(())
}

#[test]
fn instants_keep_nine_digits_and_are_cut_down_to_six() -> Result {
    let cases = [
        (
            "times-nanoseconds",
            ["54.123456789", "54.123456999", "54.000000001"],
            ["54.123456", "54.123456", "54"],
        ),
        ("times-trailing-zeros", ["54.1", "54.12", "54.00000123"], ["54.1", "54.12", "54.000001"]),
        ("times-with-offsets", ["54.25", "54.5", "54.75"], ["54.25", "54.5", "54.75"]),
    ];
    for (name, nanos, micros) in cases {
        let event: Event = go(name)?;
        let read = [event.sent_at, event.received_at, event.ingested_at];
        assert_eq!(
            read,
            nanos.map(|second| Some(instant(&format!("2020-10-30T13:19:{second}Z")))),
            "{name}"
        );
        assert_eq!(
            read.map(|instant| instant.map(floor_to_micros)),
            micros.map(|second| Some(instant(&format!("2020-10-30T13:19:{second}Z")))),
            "{name}"
        );
    }
    let year_end: Event = go("times-just-below-a-second")?;
    for instant in [year_end.sent_at, year_end.received_at, year_end.ingested_at] {
        let cut = floor_to_micros(instant.ok_or("not set")?);
        assert_eq!(cut.to_rfc3339(), "2020-12-31T23:59:59.999999+00:00");
    }
    Ok(())
}

#[test]
fn gos_zero_time_is_not_set_where_a_member_is_always_written() -> Result {
    assert_eq!(go::<Event>("times-received-at-never-set")?.received_at, None);
    assert_eq!(go::<Job>("job-created-at-never-set")?.created_at, None);
    // Elsewhere it is kept as it was written, until a call takes it for "not set".
    assert_eq!(go::<Event>("times-pointers-to-zero")?.sent_at, Some(never()));
    Ok(())
}

#[test]
fn what_means_none_reads_as_none() -> Result {
    assert_eq!(go::<Event>("event-jobs-nil")?.jobs, []);
    assert_eq!(go::<Event>("event-jobs-empty")?.jobs, []);
    assert_eq!(go::<Job>("job-parent-is-empty-string")?.parent_job_id, None);
    assert_eq!(go::<Event>("v0.18/event-parent-is-empty-string")?.parent_event_id, None);
    assert_eq!(go::<Transition>("error-typed-nil")?.error, None);
    assert_eq!(go::<Job>("job-without-transition")?.status(), None);

    let job: Job = serde_json::from_value(json!({
        "id": "1jbDemoUM7nJ2dc162oALJLY01M", "destination": "d", "action": "a", "version": "", "event_id": "",
        "transitions": [{
            "id": "1UYc8EebLqCAFMOSkbYZdJwNLAJ", "attempt": 0, "state_after": "awaiting",
            "event_id": null, "job_id": "", "actor": "", "run_at": null, "sequence": null,
        }],
    }))?;
    assert_eq!((job.version, job.event_id), (None, None));
    let first = Transition::first("1UYc8EebLqCAFMOSkbYZdJwNLAJ".parse()?, Status::Awaiting);
    assert_eq!(job.transition, Some(first));
    Ok(())
}

#[test]
fn a_transition_array_holds_the_latest_one() -> Result {
    let job: Job = go("job-with-transition")?;
    assert_eq!(job.status(), Some(Status::Succeeded));
    assert_eq!(job.transition.map(|latest| latest.attempt), Some(3));
    Ok(())
}

#[test]
fn the_seven_words_are_the_seven_statuses() -> Result {
    let transitions: Vec<Transition> = go("transitions-every-status")?;
    let read: Vec<_> = transitions.iter().map(|one| (one.attempt, one.state_after)).collect();
    assert_eq!(read, (0..).zip(Status::ALL).collect::<Vec<_>>());
    for status in Status::ALL {
        assert_eq!(status.as_str().parse::<Status>()?, status);
        assert_eq!(Status::from_number(status.number().into())?, status);
        assert_eq!(serde_json::to_value(status)?, status.as_str());
    }
    Ok(())
}

#[test]
fn a_life_that_the_go_package_wrote_is_legal() -> Result {
    let mut life: Vec<Transition> = go("transitions-of-one-job")?;
    life.reverse();
    let mut before = None;
    for transition in life {
        assert_eq!(transition.state_before, before);
        if let Some(before) = before {
            assert!(is_legal(before, transition.state_after), "{transition:?}");
        }
        before = Some(transition.state_after);
    }
    assert_eq!(before, Some(Status::Succeeded));
    Ok(())
}

#[test]
fn an_error_says_what_its_json_says() -> Result {
    let nested = r#"{"statusCode":500,"message":"Internal Server Error"}"#;
    let cases = [
        ("error-full", "Unprocessable Entity", Some(422), "422: Unprocessable Entity"),
        ("error-message-only", "connection refused", None, "connection refused"),
        ("error-errors-new", "", None, "{}"),
        ("error-is-a-string", "temporarily unavailable", None, "temporarily unavailable"),
        ("error-message-holds-json", nested, None, nested),
        ("error-with-other-members", "Too many requests", Some(429), "429: Too many requests"),
    ];
    for (name, message, status_code, shown) in cases {
        let error = go::<Transition>(name)?.error.ok_or("no error")?;
        assert_eq!(
            (error.message().as_str(), error.status_code()),
            (message, status_code),
            "{name}"
        );
        assert_eq!(error.to_string(), shown, "{name}");
    }
    let full = go::<Transition>("error-full")?.error.ok_or("no error")?;
    let validations = [
        Validation::new("must not be blank", ["data", "email"]),
        Validation::new("too long", ["data", "name"]),
    ];
    assert_eq!(full.validations(), validations);
    let built =
        JobError::new("Unprocessable Entity").with_status_code(422).with_validations(validations);
    assert_eq!(built.to_value(), full.to_value());

    let pathless: Vec<Transition> = go("transitions-of-one-job")?;
    let pathless = pathless.into_iter().find_map(|one| one.error).ok_or("no error")?;
    assert_eq!(pathless.validations(), [Validation::new("Request-rate limit exceeded", [""; 0])]);
    Ok(())
}

#[test]
fn an_errors_text_is_kept_to_the_byte() -> Result {
    let text = "{ \"b\":1.0, \"a\":[1e2, \"\\u0000\"],\n \"b\": 2 }";
    let transition = format!(
        r#"{{"id":"1UYc8EebLqCAFMOSkbYZdJwNLAJ","attempt":1,"state_after":"failed","error":{text}}}"#
    );
    let transition: Transition = serde_json::from_str(&transition)?;
    assert_eq!(transition.error.as_ref().map(JobError::as_json), Some(text));
    assert!(serde_json::to_string(&transition)?.contains(text));
    assert!(JobError::from_json("null").is_err());
    assert!(JobError::from_json("{").is_err());
    Ok(())
}

#[test]
fn additions_are_omitted_when_not_set_and_come_back_when_set() -> Result {
    let toolkit = Toolkit::new();
    let mut transition = Transition::first(toolkit.transition_id(), Status::Acknowledged);
    let bare = serde_json::to_value(&transition)?;
    let members: Vec<_> = bare.as_object().ok_or("no object")?.keys().map(String::as_str).collect();
    assert_eq!(members, ["attempt", "created_at", "id", "state_after", "state_before"]);

    transition = transition.with_actor("ana").with_run_at("2030-01-01T00:00:00.5Z".parse()?);
    transition.sequence = Some(0);
    let text = serde_json::to_string(&transition)?;
    assert!(
        text.ends_with(r#""sequence":0,"run_at":"2030-01-01T00:00:00.500Z","actor":"ana"}"#),
        "{text}"
    );
    assert_eq!(serde_json::from_str::<Transition>(&text)?, transition);
    Ok(())
}

#[test]
fn both_sets_of_names_read_to_the_same_filter() -> Result {
    let prefixed: WhereEvents = go("v0.18/where-all-fields")?;
    let plain: WhereEvents = serde_json::from_value(json!({
        "sources_in": ["github"], "sources_notin": ["test"],
        "triggers_in": ["issues.opened"], "triggers_notin": ["ping"],
        "versions_in": ["2020-10-01"], "versions_notin": ["2020-06-01"],
        "received_before": "2021-07-01T00:00:00Z", "received_after": "2021-06-01T00:00:00Z",
        "jobs": {
            "event_id": "1u7BAwp5OGbNZRShkaSGu3SvfpI",
            "destinations_in": ["crm"], "destinations_notin": ["mail"],
            "actions_in": ["upsert"], "actions_notin": ["receipt"],
            "versions_in": ["v1.0"], "versions_notin": ["v0.9"],
            "created_before": "2021-07-01T00:00:00Z", "created_after": "2021-06-01T00:00:00Z",
            "transitions": {
                "job_id": "1u7BAv3ivkOczLsqoocHaCYJsSd",
                "status_in": ["failed"], "status_notin": ["succeeded", "discarded"],
                "min_attempts": 1, "max_attempts": 72,
            },
        },
        "offset": 50, "limit": 50,
    }))?;
    assert_eq!(prefixed, plain);

    let v014: WhereEvents =
        serde_json::from_value(json!({"events.created_before": "2021-07-01T00:00:00Z"}))?;
    assert_eq!(v014.created_before, Some(instant("2021-07-01T00:00:00Z")));

    let weekly: Options = go("v0.18/options-purge-weekly")?;
    assert_eq!(weekly.purge, [PurgePolicy::new(go("where-purge-succeeded")?, "@weekly")]);
    Ok(())
}

#[test]
fn a_filter_with_a_member_that_is_not_known_is_refused_at_every_level() {
    for filter in [
        r#"{"sources": ["a"]}"#,
        r#"{"jobs": {"destination_in": ["a"]}}"#,
        r#"{"jobs": {"transitions": {"states_in": ["failed"]}}}"#,
        r#"{"jobs": {"events.sources_in": ["a"]}}"#,
        r#"{"jobs.destinations_in": ["a"]}"#,
    ] {
        assert!(refused(filter).contains("unknown field"), "{filter}");
    }
    let policy = r#"{"where": {"jobs": {"status_in": ["succeeded"]}}, "interval": "@daily"}"#;
    let error = serde_json::from_str::<PurgePolicy>(policy).expect_err("refused").to_string();
    assert!(error.contains("unknown field `status_in`"), "{error}");
}

#[test]
fn both_spellings_of_one_member_together_are_refused() {
    for (plain, prefixed) in [
        ("sources_in", "events.sources_in"),
        ("created_before", "events.created_before"),
        ("received_after", "events.received_after"),
    ] {
        let filter = format!(r#"{{"{plain}": null, "{prefixed}": null}}"#);
        assert!(refused(&filter).contains("duplicate field"), "{filter}");
    }
    for filter in [
        r#"{"jobs": {"event_id": "", "event.id": ""}}"#,
        r#"{"jobs": {"jobs.actions_in": [], "actions_in": []}}"#,
        r#"{"jobs": {"transitions": {"job_id": "", "job.id": ""}}}"#,
        r#"{"jobs": {"transitions": {"min_attempts": 1, "jobs.min_attempts": 1}}}"#,
    ] {
        assert!(refused(filter).contains("duplicate field"), "{filter}");
    }
}

#[test]
fn new_members_of_a_filter_are_omitted_by_default_and_come_back_when_set() -> Result {
    assert_eq!(serde_json::to_value(WhereEvents::default())?, json!({}));

    let mut filter =
        WhereEvents::default().with_order(Order::Oldest).with_count(Count::UpTo(10_000)).with_jobs(
            WhereJobs::default().with_transitions(WhereTransitions::default().with_max_attempts(0)),
        );
    filter.carry = Carry::Matching;
    filter.without_payloads = true;
    let value = serde_json::to_value(&filter)?;
    assert_eq!(
        value,
        json!({
            "order": "oldest", "count": 10_000, "carry": "matching", "without_payloads": true,
            "jobs": {"transitions": {"max_attempts": 0}},
        })
    );
    assert_eq!(serde_json::from_value::<WhereEvents>(value)?, filter);

    for (text, count) in
        [("\"exact\"", Count::Exact), ("\"none\"", Count::None), ("7", Count::UpTo(7))]
    {
        assert_eq!(serde_json::from_str::<Count>(text)?, count);
        assert_eq!(serde_json::to_string(&count)?, text);
    }
    Ok(())
}

#[test]
fn an_empty_payload_is_kept_apart_from_none() -> Result {
    let toolkit = Toolkit::new();
    let none = Event::new(toolkit.event_id(), "s", "t");
    let empty = none.clone().with_data("");
    assert!(!serde_json::to_string(&none)?.contains("data"));
    assert!(serde_json::to_string(&empty)?.contains(r#""data":"""#));
    let read: Event = serde_json::from_str(&serde_json::to_string(&empty)?)?;
    assert_eq!(read.data, Some(Bytes::new()));
    assert!(!none.same_content(&empty));
    Ok(())
}
