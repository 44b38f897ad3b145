use crate::shell::{Shell, event_id};

#[test]
fn without_a_command_it_says_what_to_do_next() {
    let shell = Shell::new();
    let commands = || -> Vec<String> {
        let ran = shell.run(&[]);
        assert_eq!((ran.code, ran.errors.as_str()), (0, ""));
        assert!(ran.output.contains("--help") && ran.output.lines().count() < 12, "{}", ran.output);
        let steps = ran.output.lines().filter_map(|line| line.strip_prefix("  blacksmith "));
        steps.filter_map(|step| step.split(' ').next()).map(str::to_owned).collect()
    };
    assert_eq!(commands(), ["demo", "init", "ingest"]);
    assert_eq!(shell.files().len(), 0, "nothing was opened");
    shell.write("blacksmith.toml", "[store]\nurl = \"sqlite://jobs.db\"");
    assert_eq!(commands(), ["ingest", "run", "top"]);
    shell.write("in.ndjson", "");
    assert_eq!(shell.run(&["ingest", "in.ndjson"]).code, 0);
    assert_eq!(commands(), ["run", "top", "jobs", "show"]);
    std::fs::rename(shell.path("jobs.db"), shell.path("blacksmith.db")).unwrap();
    std::fs::remove_file(shell.path("blacksmith.toml")).unwrap();
    assert_eq!(commands(), ["init", "top", "jobs", "show"]);
}

#[test]
fn every_kind_of_failure_has_its_exit_code() {
    let shell = Shell::with_webhooks();
    shell.write("text.db", "this is a text and no database; ".repeat(200));
    shell.write("bad.toml", "[store]\nurll = \"x\"");
    let absent = event_id(999).to_string();

    for (arguments, code, said) in [
        (&["frobnicate"][..], 2, "unrecognized subcommand"),
        (&["jobs", "list", "--limit", "1001"], 2, "1..=1000"),
        (&["events", "list", "--cursor", "x"], 2, "the cursor is none that a page has given out"),
        (&["events", "list", "--source", ""], 2, "is empty; a name has 1 to 255 bytes"),
        (&["ingest", "-", "--to", "crm"], 2, "a destination and an action, as in crm/upsert"),
        (&["events", "show", "nonsense"], 2, "a KSUID has 27 characters"),
        (&["events", "show", &absent], 3, &absent),
        (&["resume", "nobody"], 3, "is not paused"),
        (&["stats", "--timeout", "0s"], 5, "the deadline passed"),
        (&["stats", "--store", "oracle:x"], 6, "hint: `blacksmith adapters`"),
        (
            &["stats", "--store", "blacksmith.db"],
            6,
            "hint: name the store with --store sqlite://FILE",
        ),
        (&["stats", "--store", "sqlite://text.db"], 6, "error: "),
        (&["stats", "--store", "sqlite://no/such/folder.db"], 6, "error: "),
        (&["stats", "--store", "sqlite://blacksmith.db?synchronus=off"], 6, "synchronus"),
        (&["stats", "--config", "bad.toml"], 6, "urll"),
        (&["migrate", "status", "--store", "memory:"], 8, "unsupported"),
        (&["ingest", "absent.ndjson"], 9, "cannot read absent.ndjson"),
        (&["ingest", "."], 9, "cannot read ."),
        (&["stats", "--config", "absent.toml"], 9, "cannot read absent.toml"),
        (&["events", "list", "--where", "@absent.json"], 9, "cannot read the filter"),
    ] {
        let ran = shell.run(arguments);
        assert_eq!(ran.code, code, "{arguments:?}: {}", ran.errors);
        assert!(ran.errors.starts_with("error: "), "{arguments:?}: {}", ran.errors);
        assert!(ran.errors.contains(said), "{arguments:?}: {}", ran.errors);
        assert_eq!(ran.output, "", "{arguments:?}");
    }
}

#[test]
fn a_command_that_reads_makes_no_store_where_there_is_none() {
    let shell = Shell::new();
    for arguments in [
        &["stats"][..],
        &["jobs", "list"],
        &["top", "--once"],
        &["pause", "crm"],
        &["migrate", "status"],
    ] {
        let ran = shell.run(arguments);
        assert_eq!((ran.code, ran.output.as_str()), (6, ""), "{arguments:?}: {}", ran.errors);
        assert!(
            ran.errors.starts_with("error: there is no store"),
            "{arguments:?}: {}",
            ran.errors
        );
        assert_eq!(shell.files().len(), 0, "{arguments:?} made something");
    }
}

#[test]
fn a_damaged_store_has_an_exit_code_of_its_own() {
    let shell = Shell::with_webhooks();
    let mut bytes = std::fs::read(shell.path("blacksmith.db")).unwrap();
    assert!(bytes.len() > 40_960, "the store has many pages");
    // The first page, which says that it is a database, stays.
    bytes[4_096..40_960].fill(0xa5);
    shell.write("blacksmith.db", bytes);

    let ran = shell.run(&["events", "list"]);
    assert_eq!(ran.code, 7, "{}", ran.errors);
    assert!(ran.errors.contains("corrupt: "), "{}", ran.errors);
}

#[test]
fn exit_codes_are_in_the_long_help() {
    let help = Shell::new().run(&["--help"]);
    assert_eq!(help.code, 0);
    assert!(help.output.contains("Exit codes:") && help.output.contains("130  interrupted"));
    let ingest = Shell::new().run(&["ingest", "--help"]);
    assert!(ingest.output.contains("A line is a JSON object"), "{}", ingest.output);
}

#[test]
fn a_command_that_looks_makes_no_store() {
    let shell = Shell::new();
    for arguments in
        [&["stats"][..], &["events", "list"], &["retry", "--status", "failed"], &["pauses"]]
    {
        let ran = shell.run(arguments);
        assert_eq!(ran.code, 6, "{arguments:?}: {}", ran.errors);
        assert!(ran.errors.contains("hint: `blacksmith ingest` makes one;"), "{}", ran.errors);
        assert_eq!(shell.files().len(), 0, "{arguments:?}");
    }
}

#[test]
fn the_store_is_chosen_by_flag_environment_file_and_default() {
    let shell = Shell::new();
    let ingest = |store: Option<&str>, flags: &[&str]| {
        let mut command = shell.command(&[&["ingest", "in.ndjson"], flags].concat());
        if let Some(url) = store {
            command.env("BLACKSMITH_STORE_URL", url);
        }
        assert!(command.output().unwrap().status.success());
    };
    shell.write("in.ndjson", "{\"source\":\"s\",\"trigger\":\"t\"}\n");
    ingest(None, &[]);
    assert!(shell.exists("blacksmith.db"));
    shell.write("blacksmith.toml", "[store]\nurl = \"sqlite://file.db\"");
    ingest(None, &[]);
    assert!(shell.exists("file.db"));
    ingest(Some("sqlite://variable.db"), &[]);
    assert!(shell.exists("variable.db"));
    ingest(Some("sqlite://variable.db"), &["--store", "sqlite://flag.db"]);
    assert!(shell.exists("flag.db"));
    assert_eq!(shell.count(&["events", "list", "--store", "sqlite://variable.db"]), 1);
}
