use std::process::Stdio;

use serde_json::Value;

use crate::shell::{Ran, Shell, WEBHOOKS, event_id};

/// The triggers in the file, in its order.
fn triggers() -> Vec<String> {
    let trigger =
        |line| serde_json::from_str::<Value>(line).unwrap()["trigger"].as_str().unwrap().to_owned();
    WEBHOOKS.lines().map(trigger).collect()
}

fn among(wanted: &[&str]) -> u64 {
    triggers().iter().filter(|trigger| wanted.contains(&trigger.as_str())).count() as u64
}

#[test]
fn every_filter_finds_what_the_file_has() {
    let shell = Shell::with_webhooks();
    let all = triggers().len() as u64;
    let published = among(&["security_advisory.published"]);
    let two = among(&["ping", "push"]);
    assert!(published >= 2 && two == 2, "the file has what this looks for");

    for (flags, events, jobs) in [
        (&["--source", "github"][..], all, 2 * all),
        (&["--source", "gitlab"], 0, 0),
        (&["--not-source", "github"], 0, 0),
        (&["--trigger", "security_advisory.published"], published, 2 * published),
        (&["--trigger", "ping", "--trigger", "push"], two, 2 * two),
        (&["--not-trigger", "ping", "--not-trigger", "push"], all - two, 2 * (all - two)),
        (&["--event-version", ""], all, 2 * all),
        (&["--version", "v1"], 0, 0),
        (&["--not-event-version", ""], 0, 0),
        (&["--created-after", "1h"], all, 2 * all),
        (&["--created-before", "1h"], 0, 0),
        (&["--received-after", "2020-01-01"], all, 2 * all),
        (&["--received-before", "2020-01-01T00:00:00Z"], 0, 0),
        (&["--destination", "crm"], all, all),
        (&["--destination", "crm", "--action", "append"], 0, 0),
        (&["--not-destination", "crm"], 0, all),
        (&["--action", "append"], all, all),
        (&["--not-action", "append"], 0, all),
        (&["--job-version", ""], all, 2 * all),
        (&["--not-job-version", ""], 0, 0),
        (&["--job-created-after", "1h"], all, 2 * all),
        (&["--job-created-before", "1h"], 0, 0),
        (&["--status", "acknowledged,failed"], all, 2 * all),
        (&["--not-status", "acknowledged"], 0, 0),
        (&["--min-attempts", "0", "--max-attempts", "0"], all, 2 * all),
        (&["--min-attempts", "1"], 0, 0),
        (&["--transition-created-after", "1h"], all, 2 * all),
        (&["--transition-created-before", "1h"], 0, 0),
        (&["--event", &event_id(2).to_string()], 1, 2),
        (&["--where", r#"{"triggers_in":["ping"],"jobs":{"destinations_in":["crm"]}}"#], 1, 1),
    ] {
        for (entries, expected) in [("events", events), ("jobs", jobs), ("transitions", jobs)] {
            let found = shell.count(&[&[entries, "list"], flags].concat());
            assert_eq!(found, expected, "{entries} {flags:?}");
        }
    }
}

#[test]
fn a_filter_may_come_from_a_file() {
    let shell = Shell::with_webhooks();
    shell.write("filter.json", r#"{"events.triggers_in":["ping"]}"#);
    assert_eq!(shell.count(&["events", "list", "--where", "@filter.json"]), 1);
    let job = shell.json(&["jobs", "list", "--trigger", "ping", "-n", "1"]);
    let id = job["entries"][0]["id"].as_str().unwrap();
    assert_eq!(shell.count(&["transitions", "list", "--job", id]), 1);
}

#[test]
fn a_table_that_is_piped_is_plain() {
    let shell = Shell::with_webhooks();
    for arguments in
        [&["events", "list"][..], &["jobs", "list"], &["transitions", "list"], &["stats"]]
    {
        let ran = shell.run(arguments);
        assert_eq!(ran.code, 0);
        assert!(!ran.output.contains(['\u{1b}', '\t', '\r']), "{}", ran.output);
        assert!(ran.output.lines().all(|line| line.trim_end() == line));
    }
    let events = shell.run(&["events", "list"]);
    assert_eq!(events.output.lines().count(), 11);
    assert!(events.output.starts_with("ID  "), "{}", events.output);
    assert_eq!(events.errors, "10 of 10 events\n");
    assert_eq!(shell.run(&["events", "list", "-q"]).errors, "");
    let none = shell.run(&["events", "list", "--source", "nobody"]);
    assert_eq!((none.output.as_str(), none.errors.as_str()), ("", "0 of 0 events\n"));
}

#[test]
fn counts_are_capped_unless_asked_for_exactly() {
    let shell = Shell::new();
    let lines = "{\"source\":\"s\",\"trigger\":\"t\"}\n".repeat(10_050);
    assert_eq!(shell.run_on(&lines, &["ingest", "-"]).code, 0);

    let capped = shell.json(&["events", "list", "-n", "1"]);
    assert_eq!(
        (&capped["meta"]["count"], &capped["meta"]["count_capped"]),
        (&10_000.into(), &true.into())
    );
    assert!(
        shell.run(&["events", "list", "-n", "1"]).errors.starts_with("1 of more than 10000 events")
    );
    assert_eq!(shell.count(&["events", "list", "-n", "1", "--exact"]), 10_050);

    let all = shell.run(&["events", "list", "--all", "--json"]);
    assert_eq!(all.output.lines().count(), 10_050);
    let table = shell.run(&["events", "list", "--all"]);
    assert_eq!(table.output.lines().count(), 10_051);
    assert_eq!(table.errors, "10050 events\n");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let shell = Shell::new();
    let lines = "{\"source\":\"s\",\"trigger\":\"t\"}\n".repeat(5_000);
    assert_eq!(shell.run_on(&lines, &["ingest", "-"]).code, 0);

    for flags in [&["events", "list", "--all"][..], &["events", "list", "--all", "--json"]] {
        let mut command = shell.command(flags);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ran = Ran::from(child.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.errors.as_str()), (0, ""));
    }
}

#[test]
fn an_event_is_shown_with_its_jobs_and_its_payload() {
    let shell = Shell::with_webhooks();
    let id = event_id(0).to_string();
    let shown = shell.run(&["events", "show", &id]).output;
    for part in [
        &format!("event     {id}\n"),
        "source    github\n",
        "jobs      2 acknowledged\n",
        "warehouse",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let line = WEBHOOKS.lines().next().unwrap();
    let data = &line[line.find("\"data\":").unwrap() + 7..line.len() - 1];
    assert!(shown.ends_with(&format!("\ndata, {} bytes:\n{data}\n", data.len())), "{shown}");
    let nothing = shell.run(&["events", "show", &id, "--raw", "context"]);
    assert_eq!((nothing.code, nothing.errors.as_str()), (3, "error: there is no context\n"));
}

#[test]
fn stats_add_up_to_what_was_ingested() {
    let shell = Shell::with_webhooks();
    let stats = shell.json(&["stats"]);
    assert_eq!(stats["total"], 20);
    assert_eq!(stats["totals"]["acknowledged"], 20);
    let queues: Vec<_> = stats["queues"]
        .as_array()
        .unwrap()
        .iter()
        .map(|queue| {
            (
                queue["destination"].as_str().unwrap(),
                queue["counts"]["acknowledged"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(queues, [("crm", 10), ("warehouse", 10)]);
}
