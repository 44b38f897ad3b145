use blacksmith_store::{Event, Job, Status};

use crate::{
    exit::Exit,
    table::{Column, Table},
    testing::World,
};

#[test]
fn stored_text_that_a_terminal_could_act_on_is_escaped() {
    let world = World::new();
    let event = Event::new(world.toolkit.event_id(), "evil\u{1b}[2J", "a\tb\u{202e}")
        .with_data("line one\nline \u{7}two")
        .with_context(&b"\xff\x00"[..])
        .with_job(Job::new(world.toolkit.job_id(), "d\r\n", "\u{9b}m"));
    let id = event.id.to_string();
    world.wait(world.store.add_events(&world.toolkit, vec![event]));

    for arguments in
        [vec!["events", "list"], vec!["jobs", "list"], vec!["stats"], vec!["events", "show", &id]]
    {
        let output = world.run(&arguments).output;
        assert!(
            !output.contains(['\u{1b}', '\t', '\u{202e}', '\r', '\u{9b}', '\u{7}']),
            "{output}"
        );
    }
    let shown = world.run(&["events", "show", &id]).output;
    assert!(shown.contains("evil\\u{1b}[2J"), "{shown}");
    assert!(shown.contains("data, 18 bytes:\nline one\nline \\u{7}two\n"), "{shown}");
    assert!(shown.contains("context: 2 bytes that are no text; `--raw context`"), "{shown}");
    let raw = world.run(&["events", "show", &id, "--raw", "data"]);
    assert_eq!(raw.output, "line one\nline \u{7}two", "what is piped is as it was stored");
}

#[test]
fn a_job_is_shown_with_every_attempt() {
    let world = World::new();
    let job = world.add(&[("crm", "upsert")])[0];
    world.run_jobs("crm", Status::Failed);
    world.run(&["retry", &job.to_string(), "--actor", "ada"]);
    world.claim("crm");

    let id = job.to_string();
    let shown = world.run(&["jobs", "show", &id]);
    assert_eq!(shown.exit, Exit::Done);
    assert!(shown.output.contains("status       executing since 20"), "{}", shown.output);
    assert!(shown.output.contains(", attempt 2, by worker-7"), "{}", shown.output);
    let chain: Vec<&str> =
        shown.output.lines().skip_while(|line| !line.starts_with("SEQ")).collect();
    assert_eq!(chain.len(), 6);
    assert!(chain[3].contains("503: no luck") && chain[4].contains("ada"), "{chain:#?}");

    let story: serde_json::Value =
        serde_json::from_str(&world.run(&["jobs", "show", &id, "--json"]).output).expect("JSON");
    let states: Vec<_> = story["transitions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|step| &step["state_after"])
        .collect();
    assert_eq!(states, ["acknowledged", "executing", "failed", "awaiting", "executing"]);
    assert_eq!(story["job"]["id"], id.as_str());
}

#[test]
fn what_is_not_stored_is_an_exit_code_of_its_own() {
    let world = World::new();
    let id = world.toolkit.event_id().to_string();
    for entries in ["events", "jobs", "transitions"] {
        let ran = world.run(&[entries, "show", &id]);
        assert_eq!(ran.exit, Exit::NotFound);
        assert!(ran.errors.starts_with("error: ") && ran.errors.contains(&id), "{}", ran.errors);
    }
}

#[test]
fn pages_follow_each_other_by_offset_by_cursor_and_all_at_once() {
    let world = World::new();
    for _ in 0..5 {
        world.add(&[("crm", "upsert")]);
    }
    let ids = |arguments: &[&str]| -> Vec<String> {
        let ran = world.run(&[&["jobs", "list", "--no-header"], arguments].concat());
        assert_eq!(ran.exit, Exit::Done, "{}", ran.errors);
        ran.output
            .lines()
            .map(|line| line.split(' ').next().unwrap_or_default().to_owned())
            .collect()
    };
    let all = ids(&["--all"]);
    assert_eq!(all.len(), 5);
    assert_eq!(ids(&["--order", "oldest"]), all.iter().rev().cloned().collect::<Vec<_>>());
    assert_eq!(ids(&["--limit", "2", "--offset", "2"]), all[2..4]);

    let first = world.run(&["jobs", "list", "-n", "3"]);
    let cursor = first.errors.trim().strip_prefix("3 of 5 jobs; the next page: --cursor ");
    assert_eq!(ids(&["-n", "3", "--cursor", cursor.expect(&first.errors)]), all[3..]);

    let foreign = world.run(&["events", "list", "--cursor", cursor.expect("a cursor")]);
    assert_eq!(foreign.exit, Exit::Usage);
    let page = world.run(&["jobs", "list", "--json", "-n", "2"]).output;
    let page: serde_json::Value = serde_json::from_str(&page).expect("JSON");
    assert_eq!(page["entries"].as_array().map(Vec::len), Some(2));
    assert_eq!(page["meta"]["count"], 5);
    let lines = world.run(&["jobs", "list", "--json", "--all"]).output;
    assert!(lines.lines().all(|line| serde_json::from_str::<Job>(line).is_ok()), "{lines}");
}

#[test]
fn a_terminal_shows_no_empty_columns_and_breaks_sentences_alone() {
    let columns = [Column::whole("ID"), Column::whole("DUE"), Column::text("ERROR")];
    let rows = [vec!["x".repeat(60), String::new(), "far too long for this line ".repeat(3)]];
    let lines = Table::new(&columns).in_one_portion().lines(&rows, true);
    assert_eq!(lines[0], format!("ID{}  ERROR", " ".repeat(58)));
    assert!(lines.iter().all(|line| !line.contains("DUE")), "{lines:#?}");
    assert!(lines[1].starts_with(&"x".repeat(60)), "{lines:#?}");

    let piped = Table::new(&columns).in_one_portion().lines(&rows, false);
    assert!(piped[0].contains("DUE") && piped.len() == 2, "{piped:#?}");
}
