use std::{fs, time::Instant};

use crate::shell::{Ran, Shell};

#[test]
fn a_demo_delivers_everything_and_leaves_a_store_to_look_at() {
    let shell = Shell::new();
    let started = Instant::now();
    let ran = shell.run(&["demo", "--rounds", "3", "--keep", "kept"]);
    assert_eq!((ran.code, ran.errors.as_str()), (0, ""), "{}", ran.output);
    assert!(started.elapsed().as_secs() < 60, "it takes under a minute");

    for said in [
        "30 of 30 events in; archive/append: ",
        "Every job has ended, ",
        "The store: 30 events, 60 jobs; 58 succeeded and 2 discarded, after ",
        "answered 500 to ",
        "It saw each of 30 payloads byte for byte.",
        ", for crm/upsert.\nIt came from event ",
        "failed after ",
        "Next: nothing: it was delivered.",
        "\n  blacksmith stats\n",
    ] {
        assert!(ran.output.contains(said), "{said}: {}", ran.output);
    }
    assert!(!ran.output.contains('\u{1b}'), "what is piped is plain: {}", ran.output);

    let look = |command: &str| -> Ran {
        let arguments: Vec<&str> = command.split(' ').collect();
        shell.command(&arguments).current_dir(shell.path("kept")).output().unwrap().into()
    };
    let commands: Vec<_> =
        ran.output.lines().filter_map(|line| line.strip_prefix("  blacksmith ")).collect();
    assert_eq!(commands.len(), 4, "{commands:?}");
    for command in commands {
        let ran = look(command);
        assert_eq!(ran.code, 0, "{command}: {}", ran.errors);
        assert!(!ran.output.is_empty(), "{command}");
    }
    let archive = fs::read_to_string(shell.path("kept").join("delivered.ndjson")).unwrap();
    assert_eq!(archive.lines().count(), 30);

    let again = shell.run(&["demo", "--keep", "kept"]);
    assert_eq!(again.code, 2, "{}", again.errors);
    assert!(again.errors.contains("is not empty"), "{}", again.errors);
}

#[test]
fn a_demo_runs_on_another_store_that_is_empty_and_never_on_that_of_the_environment() {
    let shell = Shell::with_webhooks();
    let refused = shell.run(&["demo", "--store", "sqlite://blacksmith.db"]);
    assert_eq!(refused.code, 2, "{}", refused.errors);
    assert!(refused.errors.contains("that store holds jobs"), "{}", refused.errors);

    let mut command = shell.command(&["demo", "--store", "memory:", "--rounds", "3", "--json"]);
    let url = "postgres://ada:hunter2@127.0.0.1:1/queue";
    let ran = Ran::from(command.env("BLACKSMITH_STORE_URL", url).output().unwrap());
    assert_eq!((ran.code, ran.errors.as_str()), (0, ""), "{}", ran.output);
    let verdict: serde_json::Value = serde_json::from_str(&ran.output).unwrap();
    assert_eq!((&verdict["jobs"], &verdict["discarded"]), (&60.into(), &2.into()));
    assert_eq!(verdict["unseen"], serde_json::json!([]));
    assert!(verdict["attempts"].as_u64().unwrap() > 60, "{verdict}");
}
