use std::fs;

use crate::shell::{Shell, WEBHOOKS};

#[test]
fn what_init_writes_can_be_used_as_it_stands() {
    let shell = Shell::new();
    let ran = shell.run(&["init"]);
    assert_eq!((ran.code, ran.errors.as_str()), (0, ""));
    assert!(ran.output.contains("blacksmith ingest"), "{}", ran.output);

    let ingested = shell.run_on(WEBHOOKS, &["ingest", "-"]);
    assert_eq!(ingested.code, 0, "{}", ingested.errors);
    assert!(ingested.output.starts_with("10 events, 10 jobs added"), "{}", ingested.output);
    let stats = shell.json(&["stats"]);
    assert_eq!(stats["queues"][0]["destination"], "archive");

    let delivered = shell.run(&["run", "--drain", "-q"]);
    assert_eq!(delivered.code, 0, "{}", delivered.errors);
    assert_eq!(shell.json(&["stats"])["totals"]["succeeded"], 10);
    let archive = fs::read_to_string(shell.path("delivered.ndjson")).unwrap();
    assert_eq!(archive.lines().count(), 10);
}

#[test]
fn init_writes_over_nothing_unless_it_is_told_to() {
    let shell = Shell::new();
    shell.write("blacksmith.toml", "# mine");
    let refused = shell.run(&["init"]);
    assert_eq!(refused.code, 2, "{}", refused.errors);
    assert!(refused.errors.contains("--force"), "{}", refused.errors);
    assert_eq!(fs::read_to_string(shell.path("blacksmith.toml")).unwrap(), "# mine");

    assert_eq!(shell.run(&["init", "--force"]).code, 0);
    assert!(fs::read_to_string(shell.path("blacksmith.toml")).unwrap().contains("[store]"));
}
