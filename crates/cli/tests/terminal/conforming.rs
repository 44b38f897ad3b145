//! The conformance suite from the terminal: what it prints, and what it leaves behind.

use crate::shell::Shell;

#[test]
fn a_database_that_will_do_is_told_by_its_capabilities_and_counts() {
    let shell = Shell::new();
    let ran = shell.run(&["conformance", "pauses::a_paused", "durability::pauses_last"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.output.contains("several processes"), "{ran:?}");
    assert!(ran.output.contains("sqlite: 3 passed, 0 failed, 0 absent, in"), "{ran:?}");
    assert_eq!(shell.files(), Vec::<String>::new());
}

#[test]
fn this_program_is_started_again_to_be_killed() {
    let words = ["crashes::", "--jobs", "2"];
    let ran = Shell::new().run(&["conformance", words[0], words[1], words[2]]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.output.contains("sqlite: 6 passed, 0 failed, 0 absent, in"), "{ran:?}");
}

#[test]
fn a_capability_that_is_not_declared_counts_apart() {
    let shell = Shell::new();
    let flags =
        ["--store", "memory:", "conformance", "durability::pauses_last", "pauses::a_paused"];
    let report = shell.json(&flags);
    assert_eq!((&report["passed"], &report["absent"]), (&2.into(), &1.into()), "{report}");
    let absent =
        report["cases"].as_array().unwrap().iter().find(|case| case["verdict"] == "absent");
    assert!(absent.unwrap()["text"].as_str().unwrap().contains("durable"), "{report}");

    let ran = shell.run(&flags);
    let lines: Vec<&str> = ran.output.lines().collect();
    let is_told = |line: &&str| line.starts_with("absent: 1, ") && line.contains("durable");
    assert_eq!(lines.iter().filter(|line| is_told(line)).count(), 1, "{ran:?}");
}

#[test]
fn what_is_wrong_with_the_database_is_told_once() {
    let shell = Shell::new();
    let ran = shell.run(&["conformance", "--store", "sqlite://no/such/folder/x.db", "pauses"]);
    assert_ne!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.output, "");
    assert_eq!(ran.errors.lines().filter(|line| line.starts_with("error:")).count(), 1, "{ran:?}");

    let ran = shell.run(&["conformance", "no_such_case"]);
    assert_eq!(ran.code, 2, "{ran:?}");
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn no_schema_is_left_behind() {
    let url = blacksmith_testing_postgres_server::shared().url("postgres");
    let words = ["pauses::a_paused", "purge::only_what"];
    let ran = Shell::new().run(&["conformance", "--store", &url, words[0], words[1]]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.output.contains("postgres: 3 passed, 0 failed"), "{ran:?}");

    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let schemas =
        "SELECT count(*) FROM pg_namespace WHERE starts_with(nspname, 'blacksmith_scratch_')";
    assert_eq!(client.query_one(schemas, &[]).await.unwrap().get::<_, i64>(0), 0);
}
