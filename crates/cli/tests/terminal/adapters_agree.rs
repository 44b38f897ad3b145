//! The same commands on SQLite and on PostgreSQL: the same answers, but for instants and for ids that chance makes.

use blacksmith_store::Timestamp;
use blacksmith_testing_postgres_server::{Server, Settings};
use serde_json::Value;

use crate::shell::{Shell, WEBHOOKS, event_id, with_ids};

/// Leaves out what differs from run to run: what a clock says, and the ids of transitions and pauses.
fn comparable(value: &mut Value, is_transition: bool) {
    match value {
        Value::Array(values) => {
            for value in values {
                comparable(value, is_transition);
            }
        }
        Value::Object(members) => {
            for (name, value) in members.iter_mut() {
                let is_instant =
                    ["_at", "_after", "_before", "_due"].iter().any(|end| name.ends_with(end));
                let is_chance = name == "next_cursor" || name == "id" && is_transition;
                let is_state = name.starts_with("state_");
                if value.is_string() && !is_state && (is_instant || is_chance) {
                    *value = "left out".into();
                }
                comparable(value, is_transition || name == "transitions" || name == "transition");
            }
        }
        _ => {}
    }
}

/// A text without the instants in it.
fn without_instants(text: &str) -> String {
    let is_instant = |word: &str| word.ends_with('Z') && word.parse::<Timestamp>().is_ok();
    text.split(' ')
        .map(|words| words.split('\n').map(|word| if is_instant(word) { "left out" } else { word }))
        .map(|words| words.collect::<Vec<_>>().join("\n"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// The JSON documents that a command prints, made comparable, or its plain text; and its exit code.
fn answer(shell: &Shell, store: &str, arguments: &[&str]) -> (i32, Vec<Value>, String) {
    let ran = shell.run(&[&["--store", store], arguments].concat());
    let are_transitions = arguments[0] == "transitions" || arguments[0] == "pauses";
    let documents: serde_json::Result<Vec<Value>> =
        serde_json::Deserializer::from_str(&ran.output).into_iter().collect();
    let mut documents = documents.unwrap_or_else(|_| vec![without_instants(&ran.output).into()]);
    for document in &mut documents {
        comparable(document, are_transitions);
    }
    if are_transitions {
        // They come in the order of their ids, which chance makes where two processes write within a second.
        for entries in documents.iter_mut().filter_map(|page| page.get_mut("entries")) {
            if let Some(entries) = entries.as_array_mut() {
                entries
                    .sort_by_key(|entry| (entry["job_id"].to_string(), entry["sequence"].as_u64()));
            }
        }
        documents.sort_by_key(|entry| (entry["job_id"].to_string(), entry["sequence"].as_u64()));
    }
    (ran.code, documents, ran.errors)
}

#[test]
fn every_command_answers_the_same_on_sqlite_and_on_postgres() {
    if std::env::var("BLACKSMITH_CONFORMANCE_SKIP").is_ok_and(|skip| skip.contains("postgres")) {
        eprintln!("PostgreSQL was left out on purpose");
        return;
    }
    let server = Server::start_with(&Settings::new()).unwrap();
    let (sqlite, postgres) = ("sqlite://queue.db", server.url("postgres"));
    let shell = Shell::new();
    shell.write("webhooks.ndjson", with_ids(WEBHOOKS));
    for store in [sqlite, &postgres] {
        let migrated = shell.run(&["--store", store, "migrate", "up"]);
        assert_eq!(migrated.code, 0, "{}", migrated.errors);
    }
    for store in [sqlite, &postgres] {
        // It prints the pause's id, which is never the same.
        let flags = ["--store", store, "pause", "crm/upsert", "--reason", "their migration"];
        assert_eq!(shell.run(&flags).code, 0);
    }
    let event = event_id(2).to_string();
    let ingest = ["ingest", "webhooks.ndjson", "--to", "crm/upsert", "--to", "warehouse/append"];
    let same = |arguments: &[&str]| {
        let expected = answer(&shell, sqlite, arguments);
        assert_eq!(answer(&shell, &postgres, arguments), expected, "{arguments:?}");
        expected
    };
    assert_eq!(same(&ingest).0, 0);
    // Again: everything is known.
    assert_eq!(same(&ingest).0, 0);
    for change in [
        &["discard", "--destination", "warehouse", "--trigger", "ping", "--yes"][..],
        &["discard", "--destination", "crm", "--dry-run"],
        &["retry", "--status", "discarded", "--yes"],
        &["discard", "--trigger", "push", "--reason", "moved", "--yes"],
        &["purge", "--source", "github", "--dry-run"],
        &["purge", "--trigger", "push", "--include-recent", "--yes"],
        &["pauses", "--json"],
        &["events", "show", &event, "--json"],
        &["events", "show", &event, "--raw", "data"],
        &["events", "show", "1srOrx2ZWZBpBUvZwXKQmoEYga2"],
        &["stats", "--json"],
        &["migrate", "validate"],
    ] {
        same(change);
    }
    for filter in [
        &[][..],
        &["--source", "github"],
        &["--not-source", "github"],
        &["--trigger", "security_advisory.published"],
        &["--not-trigger", "ping", "--not-trigger", "push"],
        &["--created-after", "1h"],
        &["--received-before", "2020-01-01T00:00:00Z"],
        &["--destination", "crm"],
        &["--not-destination", "crm"],
        &["--destination", "warehouse", "--action", "append", "--status", "acknowledged"],
        &["--status", "discarded,awaiting"],
        &["--not-status", "acknowledged"],
        &["--min-attempts", "0", "--max-attempts", "0"],
        &["--event", &event],
        &["--where", r#"{"triggers_in":["ping"],"jobs":{"destinations_in":["crm"]}}"#],
        &["-n", "3"],
        &["-n", "3", "--exact"],
        &["--all"],
    ] {
        for entries in ["events", "jobs", "transitions"] {
            if entries == "transitions" && filter.first() == Some(&"-n") {
                continue;
            }
            let (code, documents, errors) =
                same(&[&[entries, "list"], filter, &["--json"]].concat());
            assert_eq!(code, 0, "{entries} {filter:?}: {errors}");
            let text = documents.first().is_some_and(Value::is_string);
            assert!(!text, "{entries} {filter:?} prints JSON: {documents:?}");
        }
    }
}
