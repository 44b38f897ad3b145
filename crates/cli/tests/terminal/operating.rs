use crate::shell::Shell;

#[test]
fn jobs_are_discarded_and_retried_from_the_shell() {
    let shell = Shell::with_webhooks();
    let refused = shell.run(&["discard", "--destination", "crm"]);
    assert_eq!(refused.code, 2, "there is no terminal to ask on");
    assert!(refused.errors.contains("10 jobs to discard"), "{}", refused.errors);
    assert!(refused.errors.contains("--yes"), "{}", refused.errors);
    assert_eq!(shell.count(&["jobs", "list", "--status", "discarded"]), 0);

    let dry = shell.run(&["discard", "--destination", "crm", "--dry-run"]);
    assert_eq!(dry.code, 0);
    assert!(
        dry.output.starts_with("10 jobs to discard\n") && dry.output.ends_with("and 5 more\n"),
        "{}",
        dry.output
    );

    let discarded = shell.run(&["discard", "--destination", "crm", "--yes", "--reason", "moved"]);
    assert_eq!((discarded.code, discarded.output.as_str()), (0, "10 jobs discarded\n"));
    assert_eq!(shell.count(&["jobs", "list", "--status", "discarded"]), 10);

    let found = shell.json(&["jobs", "list", "--status", "discarded", "-n", "1"]);
    let id = found["entries"][0]["id"].as_str().unwrap();
    let one = shell.run(&["retry", id, "--run-at", "2999-01-01"]);
    assert_eq!((one.code, one.output.as_str()), (0, "1 job retried\n"), "{}", one.errors);
    let story = shell.json(&["jobs", "show", id]);
    let last = &story["transitions"][2];
    assert_eq!(
        (&last["state_after"], &last["run_at"]),
        (&"awaiting".into(), &"2999-01-01T00:00:00Z".into())
    );
    assert!(last["actor"].as_str().is_some_and(|actor| !actor.is_empty()));
    assert_eq!(shell.run(&["retry", "--status", "discarded", "-y"]).output, "9 jobs retried\n");
}

#[test]
fn a_purge_leaves_the_recent_and_the_unfinished_alone() {
    let shell = Shell::with_webhooks();
    assert_eq!(shell.run(&["discard", "--trigger", "ping", "--yes"]).output, "2 jobs discarded\n");

    let dry = shell.run(&["purge", "--source", "github", "--dry-run"]);
    assert_eq!(
        dry.output,
        "0 of 10 matching events would be deleted\n\
         9 are left alone for an unfinished job\n\
         1 are left alone, for they were stored within the last hour\n"
    );
    let purged = shell.run(&["purge", "--source", "github", "--include-recent", "--yes"]);
    assert_eq!(
        (purged.code, purged.output.as_str()),
        (0, "1 event, 2 jobs, 4 transitions deleted; 9 events with unfinished jobs left alone\n")
    );
    let everything =
        ["purge", "--all", "--include-recent", "--include-unfinished", "--yes", "--json"];
    let ran = shell.run(&everything);
    assert_eq!(
        ran.output,
        "{\"events\":9,\"jobs\":18,\"transitions\":18,\"left_unfinished\":0,\"left_recent\":0,\"more\":false}\n"
    );
    assert_eq!(shell.count(&["transitions", "list"]), 0);
    assert_eq!(shell.json(&["stats"])["total"], 0);
}

#[test]
fn a_pause_outlives_the_process() {
    let shell = Shell::with_webhooks();
    let ran = shell.run(&["pause", "crm/upsert", "--reason", "their migration"]);
    assert_eq!(ran.code, 0, "{}", ran.errors);
    let pauses = shell.json(&["pauses"]);
    assert_eq!(
        (&pauses[0]["destination"], &pauses[0]["reason"]),
        (&"crm".into(), &"their migration".into())
    );
    assert!(shell.run(&["stats"]).output.contains("paused"));
    assert_eq!(shell.run(&["resume", "crm"]).code, 3, "the destination as a whole is not paused");
    assert_eq!(shell.run(&["resume", "crm/upsert"]).code, 0);
    assert_eq!(shell.json(&["pauses"]).as_array().map(Vec::len), Some(0));
}

#[test]
fn adapters_say_what_they_can() {
    let shell = Shell::new();
    let ran = shell.run(&["adapters"]);
    assert_eq!(ran.code, 0);
    let line = ran.output.lines().find(|line| line.starts_with("sqlite")).unwrap();
    assert!(line.contains("yes") && line.contains("durable") && line.contains("sqlite:"), "{line}");
    let adapters = shell.json(&["adapters"]);
    assert!(adapters.as_array().unwrap().iter().any(|adapter| adapter["name"] == "postgres"));
    assert_eq!(shell.files().len(), 0, "nothing was opened");
}
