use blacksmith_store::JobId;

use crate::shell::{Shell, WEBHOOKS, event_id, with_ids};

#[test]
fn each_line_becomes_an_event_with_a_job_for_each_route() {
    let shell = Shell::new();
    shell.write("in.ndjson", WEBHOOKS);
    let ran = shell.run(&["ingest", "in.ndjson", "--to", "crm/upsert", "--to", "warehouse/append"]);
    assert_eq!(ran.code, 0, "{}", ran.errors);
    assert_eq!(ran.output, "10 events, 20 jobs added; 0 events, 0 jobs known; 0 lines bad\n");
    assert_eq!(ran.errors, "", "silent where nobody watches");
    assert!(shell.exists("blacksmith.db"), "{:?}", shell.files());
    assert_eq!(shell.count(&["events", "list"]), 10);
    assert_eq!(shell.count(&["jobs", "list", "--destination", "crm"]), 10);
}

#[test]
fn events_with_ids_are_added_once() {
    let shell = Shell::new();
    let lines = with_ids(WEBHOOKS);
    let flags =
        ["ingest", "-", "--to", "crm/upsert", "--to", "warehouse/append", "--to", "crm/upsert"];
    let first = shell.run_on(&lines, &flags);
    assert_eq!(first.output, "10 events, 20 jobs added; 0 events, 0 jobs known; 0 lines bad\n");
    let second = shell.run_on(&lines, &flags);
    assert_eq!(second.output, "0 events, 0 jobs added; 10 events, 20 jobs known; 0 lines bad\n");

    let third = shell.run_on(&lines, &["ingest", "-", "--to", "mail/send", "--json"]);
    assert_eq!(
        third.output,
        "{\"events\":0,\"events_known\":10,\"jobs\":10,\"jobs_known\":0,\
         \"bad_lines\":0,\"incomplete\":false,\"last_line\":10}\n"
    );
    let derived = JobId::derived(event_id(3), "mail", "send").to_string();
    assert_eq!(shell.json(&["jobs", "show", &derived])["job"]["destination"], "mail");
}

#[test]
fn a_bad_line_is_reported_with_its_number_and_the_rest_goes_in() {
    let shell = Shell::new();
    let mut lines: Vec<String> = with_ids(WEBHOOKS).lines().map(str::to_owned).collect();
    lines[1] = "{ this is no JSON".to_owned();
    lines[3] = lines[3].replace("\"source\"", "\"sorce\"");
    lines[5] = String::new();
    lines[7] =
        lines[7].replace("\"source\":\"github\"", &format!("\"source\":\"{}\"", "x".repeat(256)));
    // The id of line 1 with other content, in the same batch.
    lines[9] = lines[9].replace(&event_id(9).to_string(), &event_id(0).to_string());

    let ran = shell.run_on(&lines.join("\n"), &["ingest", "-", "--to", "crm/upsert"]);
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.output, "5 events, 5 jobs added; 0 events, 0 jobs known; 4 lines bad\n",
        "{}",
        ran.errors
    );
    for (line, reason) in [
        (2, "key must be a string"),
        (4, "unknown field `sorce`, expected one of `id`, `source`"),
        (8, "has 256 bytes; the limit is 255"),
        (10, "conflict: "),
    ] {
        let begins = format!("error: line {line}: ");
        let told: Vec<_> = ran.errors.lines().filter(|told| told.starts_with(&begins)).collect();
        assert_eq!(told.len(), 1, "line {line}: {}", ran.errors);
        assert!(told[0].contains(reason), "{}", told[0]);
    }
    assert_eq!(ran.errors.lines().count(), 4);
}

#[test]
fn a_line_that_contradicts_what_is_stored_is_the_only_one_left_out() {
    let shell = Shell::with_webhooks();
    let mut lines: Vec<String> = with_ids(WEBHOOKS).lines().map(str::to_owned).collect();
    lines[4] = lines[4].replace("\"trigger\":\"ping\"", "\"trigger\":\"pong\"");
    let mut more: Vec<String> = WEBHOOKS.lines().map(str::to_owned).collect();
    lines.append(&mut more);

    let ran = shell.run_on(&lines.join("\n"), &["ingest", "-"]);
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.output, "10 events, 0 jobs added; 9 events, 0 jobs known; 1 line bad\n",
        "{}",
        ran.errors
    );
    assert!(ran.errors.starts_with("error: line 5: conflict: "), "{}", ran.errors);
}

#[test]
fn payloads_come_back_byte_for_byte() {
    let shell = Shell::with_webhooks();
    for (number, line) in WEBHOOKS.lines().enumerate() {
        let start = line.find("\"data\":").unwrap() + "\"data\":".len();
        let data = &line[start..line.len() - 1];
        let shown = shell.run(&["events", "show", &event_id(number).to_string(), "--raw", "data"]);
        assert_eq!(shown.output, data);
    }
    let odd = "{\"source\":\"s\",\"trigger\":\"t\",\"context\": {\"b\" : 1.00, \"a\":\"\\u00e9\"} ,\"data\":\"\"}";
    shell.run_on(odd, &["ingest", "-"]);
    let found = shell.json(&["events", "list", "--source", "s"]);
    let id = found["entries"][0]["id"].as_str().unwrap();
    assert_eq!(
        shell.run(&["events", "show", id, "--raw", "context"]).output,
        "{\"b\" : 1.00, \"a\":\"\\u00e9\"}"
    );
    assert_eq!(shell.run(&["events", "show", id, "--raw", "data"]).output, "\"\"");
}

#[test]
fn a_line_may_say_everything_about_its_event_and_its_jobs() {
    let shell = Shell::new();
    let job = JobId::from_bytes([9; 20]);
    let line = format!(
        r#"{{"id":"{}","source":"shop","trigger":"order.paid","version":"v2","context":{{"a":1}},"data":[1],
        "sent_at":"2026-01-02T03:04:05.678+01:00","received_at":"2026-01-02T03:04:06Z","jobs":[
        {{"id":"{job}","destination":"crm","action":"upsert","version":"v1","context":null,"data":{{"x":2}},
          "run_at":"2999-01-01T00:00:00Z"}},{{"destination":"crm","action":"upsert"}}]}}"#,
        event_id(0)
    )
    .replace('\n', " ");
    let ran = shell.run_on(&line, &["ingest", "-", "--to", "crm/upsert", "--to", "mail/send"]);
    assert_eq!(
        ran.output, "1 event, 3 jobs added; 0 events, 0 jobs known; 0 lines bad\n",
        "{}",
        ran.errors
    );

    let event = shell.json(&["events", "show", &event_id(0).to_string()]);
    assert_eq!(event["version"], "v2");
    assert_eq!(event["sent_at"], "2026-01-02T02:04:05.678Z");
    assert_eq!(event["received_at"], "2026-01-02T03:04:06Z");
    let found = shell.json(&["jobs", "show", &job.to_string()]);
    assert_eq!(found["job"]["version"], "v1");
    assert_eq!(found["transitions"][0]["run_at"], "2999-01-01T00:00:00Z");
    assert_eq!(shell.run(&["jobs", "show", &job.to_string(), "--raw", "data"]).output, "{\"x\":2}");

    let again = shell.run_on(&line, &["ingest", "-", "--to", "crm/upsert", "--to", "mail/send"]);
    assert_eq!(
        again.output, "0 events, 0 jobs added; 1 event, 3 jobs known; 0 lines bad\n",
        "{}",
        again.errors
    );
}

#[test]
fn several_batches_go_in_and_bad_lines_among_them_are_found() {
    let shell = Shell::new();
    let line = |number: usize| match number {
        1_500 => "{}\n".to_owned(),
        2_000 => "{\"source\":\"\",\"trigger\":\"t\"}\n".to_owned(),
        _ => format!("{{\"source\":\"s\",\"trigger\":\"t{}\",\"data\":{number}}}\n", number % 7),
    };
    let lines: String = (1..=3_500).map(line).collect();
    let ran = shell.run_on(&lines, &["ingest", "-", "--to", "crm/upsert"]);
    assert_eq!(ran.code, 1);
    assert_eq!(ran.output, "3498 events, 3498 jobs added; 0 events, 0 jobs known; 2 lines bad\n");
    assert!(ran.errors.contains("line 1500: missing field `source`"), "{}", ran.errors);
    assert!(ran.errors.contains("line 2000: invalid input: source of event"), "{}", ran.errors);
}

#[test]
fn an_empty_input_is_no_error() {
    let ran = Shell::new().run_on("\n\n", &["ingest", "-"]);
    assert_eq!((ran.code, ran.errors.as_str()), (0, ""));
    assert_eq!(ran.output, "0 events, 0 jobs added; 0 events, 0 jobs known; 0 lines bad\n");
}

#[test]
fn two_processes_ingest_into_one_file() {
    let shell = Shell::new();
    let line = |n| format!("{{\"source\":\"s\",\"trigger\":\"t\",\"data\":{n}}}\n");
    let lines: String = (0..3_000).map(line).collect();
    shell.write("in.ndjson", &lines);
    let flags = ["ingest", "in.ndjson", "--to", "crm/upsert"];
    let both = [shell.spawn(&flags), shell.spawn(&flags)];
    for child in both {
        let ran = crate::shell::Ran::from(child.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.errors.as_str()), (0, ""));
    }
    assert_eq!(shell.count(&["jobs", "list"]), 6_000);
}
