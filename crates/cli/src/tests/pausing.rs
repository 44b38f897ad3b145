use crate::{exit::Exit, testing::World};

#[test]
fn what_is_paused_is_listed_and_resumed_by_name() {
    let world = World::new();
    assert_eq!(world.run(&["pauses"]).errors, "nothing is paused\n");

    let flags = ["pause", "crm", "--reason", "their \u{1b}[31mmigration", "--actor", "ada@forge"];
    let paused = world.run(&flags);
    assert_eq!(paused.exit, Exit::Done);
    assert!(paused.output.starts_with("crm is paused: "), "{}", paused.output);
    let again = world.run(&["pause", "crm"]);
    assert!(again.errors.contains("there is another pause"), "{}", again.errors);
    world.run(&["pause", "crm/upsert"]);

    let list = world.run(&["pauses"]);
    assert_eq!(list.output.lines().count(), 4);
    assert!(list.output.contains("their \\u{1b}[31mmigration"), "{}", list.output);

    let resumed = world.run(&["resume", "crm"]);
    assert_eq!(resumed.exit, Exit::Done);
    assert_eq!(resumed.output.lines().count(), 2, "{}", resumed.output);
    let left = world.run(&["pauses", "--json"]);
    let left: serde_json::Value = serde_json::from_str(&left.output).expect("JSON");
    assert_eq!(left.as_array().map(Vec::len), Some(1));
    assert_eq!(left[0]["action"], "upsert");

    let id = left[0]["id"].as_str().expect("an id");
    assert_eq!(world.run(&["resume", id]).output, format!("ended pause {id} of crm/upsert\n"));
    let absent = world.run(&["resume", "crm"]);
    assert_eq!(absent.exit, Exit::NotFound);
    assert!(absent.errors.contains("blacksmith pauses"), "{}", absent.errors);
}

#[test]
fn stats_show_what_is_paused() {
    let world = World::new();
    world.add(&[("crm", "upsert"), ("mail", "send")]);
    world.run(&["pause", "crm"]);

    let stats = world.run(&["stats"]).output;
    let lines: Vec<Vec<&str>> =
        stats.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[1][..10], ["crm", "upsert", "1", "0", "0", "0", "0", "0", "0", "1"]);
    assert_eq!(lines[1].last(), Some(&"paused"));
    assert_ne!(lines[2].last(), Some(&"paused"));
    assert_eq!(lines[3], ["total", "2", "0", "0", "0", "0", "0", "0", "2"]);
}
