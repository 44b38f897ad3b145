use blacksmith_store::Status;
use serde_json::Value;

use crate::{exit::Exit, testing::World};

#[test]
fn top_once_prints_one_table_without_rates() {
    let world = World::new();
    world.add(&[("crm", "upsert"), ("crm", "upsert"), ("warehouse", "append")]);
    world.run_jobs("warehouse", Status::Failed);
    world.run(&["pause", "crm"]);

    let ran = world.run(&["top", "--once"]);
    assert_eq!((ran.exit, ran.errors.as_str()), (Exit::Done, ""));
    let lines: Vec<&str> = ran.output.lines().collect();
    assert!(lines[0].ends_with("Z  shared") || lines[0].ends_with("Z  memory"), "{}", ran.output);
    let cells: Vec<Vec<&str>> =
        lines[1..].iter().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(cells[1][..10], ["crm", "upsert", "2", "0", "0", "0", "0", "0", "0", "2"]);
    assert_eq!(cells[1].last(), Some(&"paused"));
    assert_eq!(cells[2][..10], ["warehouse", "append", "0", "0", "0", "0", "1", "0", "0", "1"]);
    assert_eq!(cells[3][..9], ["total", "2", "0", "0", "0", "1", "0", "0", "3"]);
    assert_eq!(lines.len(), 5);

    let look: Value =
        serde_json::from_str(&world.run(&["top", "--once", "--json"]).output).expect("JSON");
    assert_eq!((&look["total"], &look["rate"]), (&3.into(), &Value::Null));
    assert_eq!(look["queues"][1]["counts"]["failed"], 1);
}

#[test]
fn top_of_an_empty_store_says_so() {
    let ran = World::new().run(&["top", "--once"]);
    assert!(ran.output.ends_with("\nno jobs are stored\n"), "{}", ran.output);
}
