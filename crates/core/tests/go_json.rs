//! Every file of `data/go-json`, JSON as the Go package writes it, is read into its type and written again. The two values
//! are equal but for what the rules in its README allow, which [`as_we_write`] spells out; what must be refused is refused.

use std::{collections::BTreeSet, fs, path::Path};

use blacksmith_store_core::{
    DestinationOptions, Event, Job, Meta, Options, Pagination, Queue, Schedule, Transition,
    WhereEvents,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

type Error = Box<dyn std::error::Error>;

/// The type that a file is read into.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Event,
    Events,
    Job,
    Transition,
    Transitions,
    Queue,
    Filter,
    Meta,
    Options,
    DestinationOptions,
    Schedule,
    /// Inputs of Go's `Paginate` and what it makes of them.
    Pages,
}

/// What becomes of a file.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// Read, and written again.
    Kept,
    /// Refused; of a list each value alone. The errors hold these words.
    Refused(&'static [&'static str]),
    /// The given text is read as Go reads it.
    LikeGo,
    /// The same, but for this member, which Go loses.
    LikeGoBut(&'static str),
    /// The given text is read and written again; Go refuses it, or loses some of it.
    KeptUnlikeGo,
    /// The pages are computed as Go computes them.
    Computed,
    /// Go divides by zero or its numbers wrap; ours do neither.
    NotImitated,
}

use Fate::{Computed, Kept, KeptUnlikeGo, LikeGo, LikeGoBut, NotImitated, Refused};

#[rustfmt::skip]
const FILES: [(&str, Kind, Fate); 111] = [
    ("destination-options-defaults", Kind::DestinationOptions, Kept),
    ("error-custom-struct", Kind::Transition, Kept),
    ("error-errors-new", Kind::Transition, Kept),
    ("error-full", Kind::Transition, Kept),
    ("error-is-a-string", Kind::Transition, Kept),
    ("error-message-holds-json", Kind::Transition, Kept),
    ("error-message-only", Kind::Transition, Kept),
    ("error-path-error", Kind::Transition, Kept),
    ("error-typed-nil", Kind::Transition, Kept),
    ("error-validations-empty", Kind::Transition, Kept),
    ("error-with-other-members", Kind::Transition, Kept),
    ("error-wrapped", Kind::Transition, Kept),
    ("event-all-fields", Kind::Event, Kept),
    ("event-jobs-empty", Kind::Event, Kept),
    ("event-jobs-nil", Kind::Event, Kept),
    ("event-minimal", Kind::Event, Kept),
    ("event-two-jobs-and-a-child", Kind::Event, Kept),
    ("event-zero-value", Kind::Event, Refused(&["\"\" is not a valid event id"])),
    ("ids-smallest-and-largest", Kind::Event, Kept),
    ("ids-that-are-not-ksuids", Kind::Events, Refused(&["27 characters", "above the largest", "0-9, A-Z and a-z"])),
    ("job-all-fields", Kind::Job, Kept),
    ("job-created-at-never-set", Kind::Job, Kept),
    ("job-parent-is-empty-string", Kind::Job, Kept),
    ("job-with-transition", Kind::Job, Kept),
    ("job-without-transition", Kind::Job, Kept),
    ("job-zero-value", Kind::Job, Refused(&["\"\" is not a valid job id"])),
    ("meta-first-page", Kind::Meta, Kept),
    ("meta-last-page", Kind::Meta, Kept),
    ("meta-nil-pointers", Kind::Meta, Kept),
    ("meta-uint16-max", Kind::Meta, Kept),
    ("options-connection-is-not-written", Kind::Options, Kept),
    ("options-defaults", Kind::Options, Kept),
    ("payload-all-256-bytes", Kind::Event, Kept),
    ("payload-base64-alphabet", Kind::Event, Kept),
    ("payload-empty", Kind::Event, Kept),
    ("payload-json-text", Kind::Event, Kept),
    ("payload-nil", Kind::Event, Kept),
    ("payload-not-utf8", Kind::Event, Kept),
    ("payload-nul-bytes", Kind::Event, Kept),
    ("queue-empty", Kind::Queue, Kept),
    ("queue-nil", Kind::Queue, Kept),
    ("queue-two-events", Kind::Queue, Kept),
    ("read-attempt-above-uint16", Kind::Transition, KeptUnlikeGo),
    ("read-created-at-empty-string", Kind::Job, Refused(&["\"\" is not an RFC 3339 instant"])),
    ("read-created-at-null", Kind::Job, LikeGo),
    ("read-error-null", Kind::Transition, LikeGo),
    ("read-error-refused", Kind::Transition, KeptUnlikeGo),
    ("read-jobs-null", Kind::Event, LikeGo),
    ("read-key-twice", Kind::Job, Refused(&["duplicate field `destination`"])),
    ("read-lone-surrogate", Kind::Job, Refused(&["at line 1"])),
    ("read-payload-null-and-empty", Kind::Job, LikeGoBut("data")),
    ("read-payload-url-alphabet", Kind::Job, Refused(&["not standard base64"])),
    ("read-transitions-absent", Kind::Job, LikeGo),
    ("read-transitions-empty", Kind::Job, LikeGo),
    ("read-transitions-null", Kind::Job, LikeGo),
    ("read-transitions-two", Kind::Job, Refused(&["`transitions` holds the latest transition alone"])),
    ("read-unknown-members", Kind::Job, LikeGo),
    ("read-where-null-members", Kind::Filter, LikeGo),
    ("read-where-v0.18-names", Kind::Filter, KeptUnlikeGo),
    ("schedule-cron", Kind::Schedule, Kept),
    ("strings-control-characters", Kind::Event, Kept),
    ("strings-html-escapes", Kind::Event, Kept),
    ("strings-line-separators", Kind::Event, Kept),
    ("strings-quotes-and-backslashes", Kind::Event, Kept),
    ("strings-unicode", Kind::Event, Kept),
    ("times-just-below-a-second", Kind::Event, Kept),
    ("times-nanoseconds", Kind::Event, Kept),
    ("times-pointers-to-zero", Kind::Event, Kept),
    ("times-received-at-never-set", Kind::Event, Kept),
    ("times-trailing-zeros", Kind::Event, Kept),
    ("times-whole-seconds", Kind::Event, Kept),
    ("times-with-offsets", Kind::Event, Kept),
    ("transition-attempt-max", Kind::Transition, Kept),
    ("transition-failed", Kind::Transition, Kept),
    ("transition-first", Kind::Transition, Kept),
    ("transition-strange-states", Kind::Transitions, Refused(&["unknown variant `cancelled`", "unknown variant `SUCCEEDED`", "unknown variant ``"])),
    ("transition-succeeded", Kind::Transition, Kept),
    ("transitions-every-status", Kind::Transitions, Kept),
    ("transitions-of-one-job", Kind::Transitions, Kept),
    ("where-all-fields", Kind::Filter, Kept),
    ("where-empty", Kind::Filter, Kept),
    ("where-empty-children", Kind::Filter, Kept),
    ("where-empty-slices", Kind::Filter, Kept),
    ("where-event-id", Kind::Filter, Kept),
    ("where-job-id", Kind::Filter, Kept),
    ("where-purge-succeeded", Kind::Filter, Kept),
    ("where-uint16-max", Kind::Filter, Kept),
    ("where-zero-attempts", Kind::Filter, Kept),
    ("v0.18/error-errors-new", Kind::Transition, Kept),
    ("v0.18/error-zero-value", Kind::Transition, Kept),
    ("v0.18/event-all-fields", Kind::Event, Kept),
    ("v0.18/event-minimal", Kind::Event, Kept),
    ("v0.18/event-parent-is-empty-string", Kind::Event, Kept),
    ("v0.18/event-payload-empty", Kind::Event, Kept),
    ("v0.18/event-zero-value", Kind::Event, Refused(&["\"\" is not a valid event id"])),
    ("v0.18/job-without-transition", Kind::Job, Kept),
    ("v0.18/meta-first-page", Kind::Meta, Kept),
    ("v0.18/meta-no-results", Kind::Meta, Kept),
    ("v0.18/options-defaults", Kind::Options, Kept),
    ("v0.18/options-purge-nil", Kind::Options, Kept),
    ("v0.18/options-purge-weekly", Kind::Options, Kept),
    ("v0.18/options-two-policies", Kind::Options, Kept),
    ("v0.18/paginate", Kind::Pages, Computed),
    ("v0.18/paginate-limit-zero", Kind::Pages, NotImitated),
    ("v0.18/queue-parent-and-sub-events", Kind::Queue, Kept),
    ("v0.18/read-event-with-v0.13-omissions", Kind::Event, LikeGo),
    ("v0.18/transition-first", Kind::Transition, Kept),
    ("v0.18/where-all-fields", Kind::Filter, Kept),
    ("v0.18/where-empty", Kind::Filter, Kept),
    ("v0.18/where-event-id", Kind::Filter, Kept),
    ("v0.18/where-zero-attempts", Kind::Filter, Kept),
];

#[test]
fn every_file_of_the_folder_is_in_the_table_once() -> Result<(), Error> {
    let mut found = BTreeSet::new();
    for (folder, prefix) in [(".", ""), ("v0.18", "v0.18/")] {
        for entry in fs::read_dir(data().join(folder))? {
            let name = entry?.file_name().into_string().map_err(|_| "a file's name is no text")?;
            match name.strip_suffix(".json") {
                Some(stem) => assert!(found.insert(format!("{prefix}{stem}"))),
                None => assert!(["README.md", "v0.18"].contains(&&*name), "{name} is not tested"),
            }
        }
    }
    let listed: BTreeSet<String> = FILES.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(listed.len(), FILES.len(), "a file is listed twice");
    assert_eq!(found, listed);
    Ok(())
}

#[test]
fn what_go_wrote_is_read_and_written_again() -> Result<(), Error> {
    for (name, kind, fate) in FILES {
        let text = text_of(name)?;
        if matches!(fate, Kept) {
            let go = serde_json::from_str(&text)?;
            assert_written(name, kind, &text, go)?;
        }
    }
    Ok(())
}

#[test]
fn what_go_reads_is_read_the_same_or_better() -> Result<(), Error> {
    for (name, kind, fate) in FILES.into_iter().filter(|(name, ..)| name.contains("read-")) {
        let (given, go) = reading(name, kind)?;
        let expected = match (fate, go) {
            (LikeGo, Some(go)) => go,
            (LikeGoBut(member), Some(mut go)) => {
                go[member] = serde_json::from_str::<Value>(&given)?[member].clone();
                go
            }
            (KeptUnlikeGo, _) => serde_json::from_str(&given)?,
            (Refused(_), _) => continue,
            (fate, go) => return Err(format!("{name}: {fate:?} beside {go:?}").into()),
        };
        assert_written(name, kind, &given, expected)?;
    }
    Ok(())
}

#[test]
fn what_must_be_refused_is_refused_with_its_reason() -> Result<(), Error> {
    for (name, kind, fate) in FILES {
        let Refused(reasons) = fate else { continue };
        let alone = match kind {
            Kind::Events => Kind::Event,
            Kind::Transitions => Kind::Transition,
            _ => kind,
        };
        let texts: Vec<String> = if name.contains("read-") {
            vec![reading(name, kind)?.0]
        } else if alone == kind {
            vec![text_of(name)?]
        } else {
            let list: Vec<Value> = serde_json::from_str(&text_of(name)?)?;
            list.iter().map(Value::to_string).collect()
        };
        assert_eq!(texts.len(), reasons.len(), "{name}");
        for (text, reason) in texts.iter().zip(reasons) {
            match rewrite(alone, text) {
                Ok(written) => return Err(format!("{name} is read as {written}").into()),
                Err(error) => assert!(error.to_string().contains(reason), "{name}: {error}"),
            }
        }
    }
    Ok(())
}

#[test]
fn pages_are_computed_as_go_computes_them_but_that_nothing_has_one_page() -> Result<(), Error> {
    for mut row in pages(Computed)? {
        let ours = Pagination::counted(row.count, row.offset, row.limit);
        if row.count == 0 {
            row.pagination["last"] = json!(1);
        }
        assert_eq!(serde_json::to_value(ours)?, row.pagination, "{row:?}");
    }
    Ok(())
}

#[test]
fn pages_neither_divide_by_zero_nor_wrap_where_go_does() -> Result<(), Error> {
    let ours = pages(NotImitated)?
        .iter()
        .map(|row| Pagination::counted(row.count, row.offset, row.limit))
        .map(|page| (page.current, page.previous, page.next, page.first, page.last))
        .collect::<Vec<_>>();
    // A limit of 0 never gets here from a store, which applies the default limit instead.
    assert_eq!(
        ours,
        [
            (1, None, Some(2), 1, Some(10)),
            (6, Some(5), Some(7), 1, Some(10)),
            (65_535, Some(65_534), None, 1, Some(65_535)),
            (65_536, Some(65_535), None, 1, Some(65_535)),
        ]
    );
    Ok(())
}

/// A row of the pagination files.
#[derive(Debug, serde::Deserialize)]
struct Row {
    count: u64,
    offset: u64,
    limit: u64,
    pagination: Value,
}

fn pages(wanted: Fate) -> Result<Vec<Row>, Error> {
    let is_wanted = |fate: &Fate| std::mem::discriminant(fate) == std::mem::discriminant(&wanted);
    let mut rows = Vec::new();
    for (name, ..) in FILES.iter().filter(|(_, kind, fate)| *kind == Kind::Pages && is_wanted(fate))
    {
        rows.append(&mut serde_json::from_str(&text_of(name)?)?);
    }
    assert!(!rows.is_empty());
    Ok(rows)
}

fn data() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/go-json")
}

fn text_of(name: &str) -> Result<String, Error> {
    Ok(fs::read_to_string(data().join(format!("{name}.json")))?)
}

/// The text that a `read-…` file gives, and what Go made of it; nothing when Go refused it.
fn reading(name: &str, kind: Kind) -> Result<(String, Option<Value>), Error> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Reading {
        r#type: String,
        given_text: String,
        go_reads_as: Option<Value>,
        go_error: Option<String>,
    }
    let Reading { r#type, given_text, go_reads_as, go_error } =
        serde_json::from_str(&text_of(name)?)?;
    let go_type = match kind {
        Kind::Filter => "store.WhereEvents".to_owned(),
        kind => format!("store.{kind:?}"),
    };
    assert_eq!(r#type, go_type, "{name}");
    assert!(go_reads_as.is_some() != go_error.is_some(), "{name}");
    Ok((given_text, go_reads_as))
}

/// Reads `text` as a `kind`, writes it, and compares that with what Go wrote.
fn assert_written(name: &str, kind: Kind, text: &str, mut go: Value) -> Result<(), Error> {
    let mut ours = rewrite(kind, text).map_err(|error| format!("{name}: {error}"))?;
    as_we_write(kind, &mut go);
    settle_instants(&mut go)?;
    settle_instants(&mut ours)?;
    assert_eq!(ours, go, "{name}");
    Ok(())
}

/// Reads `text` as a `kind` and writes it again.
fn rewrite(kind: Kind, text: &str) -> serde_json::Result<Value> {
    fn through<T: Serialize + DeserializeOwned>(text: &str) -> serde_json::Result<Value> {
        serde_json::from_str(&serde_json::to_string(&serde_json::from_str::<T>(text)?)?)
    }
    match kind {
        Kind::Event => through::<Event>(text),
        Kind::Events => through::<Vec<Event>>(text),
        Kind::Job => through::<Job>(text),
        Kind::Transition => through::<Transition>(text),
        Kind::Transitions => through::<Vec<Transition>>(text),
        Kind::Queue => through::<Queue>(text),
        Kind::Filter => through::<WhereEvents>(text),
        Kind::Meta => through::<Meta>(text),
        Kind::Options => through::<Options>(text),
        Kind::DestinationOptions => through::<DestinationOptions>(text),
        Kind::Schedule => through::<Schedule>(text),
        Kind::Pages => through::<Vec<Pagination>>(text),
    }
}

/// Turns what Go wrote into what we write: the differences that the rules allow, and no others.
fn as_we_write(kind: Kind, value: &mut Value) {
    match kind {
        Kind::Event => {
            empty_for_null(value, "jobs");
            left_out(value, "parent_event_id", &[json!("")]);
            payloads(value);
            each(value, "jobs", |job| as_we_write(Kind::Job, job));
        }
        Kind::Job => {
            left_out(value, "parent_job_id", &[json!("")]);
            payloads(value);
            each(value, "transitions", |transition| as_we_write(Kind::Transition, transition));
        }
        Kind::Transition => left_out(value, "error", &[Value::Null]),
        Kind::Queue => {
            empty_for_null(value, "events");
            each(value, "events", |event| as_we_write(Kind::Event, event));
        }
        Kind::Filter => filter_names(value),
        Kind::Meta => filter_names(&mut value["where"]),
        Kind::Options => {
            each(value, "purge", |policy| filter_names(&mut policy["where"]));
            left_out(value, "purge", &[Value::Null, json!([])]);
        }
        Kind::Events
        | Kind::Transitions
        | Kind::DestinationOptions
        | Kind::Schedule
        | Kind::Pages => {}
    }
}

/// v0.18 writes payloads that are nil.
fn payloads(value: &mut Value) {
    left_out(value, "context", &[Value::Null]);
    left_out(value, "data", &[Value::Null]);
}

/// v0.14 and later put prefixes before a filter's members, and write an offset and a limit of 0.
fn filter_names(filter: &mut Value) {
    let Value::Object(members) = filter else { return };
    for (name, mut value) in std::mem::take(members) {
        let name = match name.as_str() {
            "event.id" => "event_id",
            "job.id" => "job_id",
            name => name.strip_prefix("events.").or(name.strip_prefix("jobs.")).unwrap_or(name),
        };
        filter_names(&mut value);
        members.insert(name.to_owned(), value);
    }
    left_out(filter, "offset", &[json!(0)]);
    left_out(filter, "limit", &[json!(0)]);
}

fn each(value: &mut Value, member: &str, change: impl FnMut(&mut Value)) {
    value.get_mut(member).and_then(Value::as_array_mut).into_iter().flatten().for_each(change);
}

fn empty_for_null(value: &mut Value, member: &str) {
    if value[member].is_null() {
        value[member] = json!([]);
    }
}

fn left_out(value: &mut Value, member: &str, when: &[Value]) {
    if let Value::Object(members) = value
        && members.get(member).is_some_and(|value| when.contains(value))
    {
        members.remove(member);
    }
}

/// Writes every instant in one way, for its text may differ where its value does not.
fn settle_instants(value: &mut Value) -> Result<(), Error> {
    match value {
        Value::Array(values) => values.iter_mut().try_for_each(settle_instants),
        Value::Object(members) => members.iter_mut().try_for_each(|(name, value)| {
            let is_instant = name.ends_with("_at")
                || name.starts_with("created_")
                || name.starts_with("received_");
            match value {
                Value::String(text) if is_instant => {
                    *text = chrono::DateTime::parse_from_rfc3339(text)?.to_utc().to_rfc3339();
                    Ok(())
                }
                // What a program wrote as an error is none of ours.
                _ if name == "error" => Ok(()),
                value => settle_instants(value),
            }
        }),
        _ => Ok(()),
    }
}
