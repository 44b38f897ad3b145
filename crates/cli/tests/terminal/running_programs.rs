//! `blacksmith run` with programs, and its end by a signal.

#![cfg(target_os = "linux")]

use std::{
    fs,
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use crate::shell::{Ran, Shell};

/// A folder with one event that leads to `tickets/import`, which is this script.
fn running(script: &str, settings: &str) -> Shell {
    let shell = Shell::new();
    shell.write(
        "blacksmith.toml",
        format!(
            "[destinations.tickets]\nkind = \"command\"\nmax_retries = 0\n{settings}\n\
             command = [\"sh\", \"-c\", '''{script}''']\nactions.import = {{}}"
        ),
    );
    let line = r#"{"source":"shop","trigger":"order.paid","data":{"order": 1}}"#;
    assert_eq!(shell.run_on(line, &["ingest", "-", "--to", "tickets/import"]).code, 0);
    shell
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: not within a minute");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a process is there that is not about to be forgotten.
fn is_alive(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/status"))
        .is_ok_and(|status| !status.contains("State:\tZ"))
}

/// Whether the script has started its child.
fn has_child(shell: &Shell) -> bool {
    fs::read_to_string(shell.path("child")).is_ok_and(|pid| pid.ends_with('\n'))
}

fn error(shell: &Shell) -> String {
    let job = &shell.json(&["jobs", "list"])["entries"][0];
    job["transitions"][0]["error"]["message"].as_str().unwrap().to_owned()
}

#[test]
fn a_program_gets_the_payload_and_says_by_its_exit_code_how_it_went() {
    let script = r#"cat > payload; echo "$BLACKSMITH_SOURCE $BLACKSMITH_TRIGGER $BLACKSMITH_DESTINATION/$BLACKSMITH_ACTION $BLACKSMITH_ATTEMPT $PROJECT" > names"#;
    let shell = running(script, "env.PROJECT = \"inbox\"");
    let ran = shell.run(&["run", "--drain"]);
    assert_eq!(ran.output, "1 job delivered, 0 retried, 0 discarded\n", "{}", ran.errors);
    assert_eq!(fs::read_to_string(shell.path("payload")).unwrap(), r#"{"order": 1}"#);
    let names = fs::read_to_string(shell.path("names")).unwrap();
    assert_eq!(names, "shop order.paid tickets/import 1 inbox\n");

    let shell = running("echo no luck >&2; exit 3", "");
    let ran = shell.run(&["run", "--drain"]);
    assert_eq!(ran.output, "0 jobs delivered, 0 retried, 1 discarded\n", "{}", ran.errors);
    assert_eq!(error(&shell), "exit status: 3: no luck");
}

#[test]
fn of_a_long_standard_error_the_end_is_kept() {
    let shell = running("head -c 300000 /dev/zero | tr '\\0' x >&2; echo the end >&2; exit 1", "");
    assert_eq!(shell.run(&["run", "--drain"]).code, 0);
    let error = error(&shell);
    assert!(error.starts_with("exit status: 1: …xxx") && error.ends_with("the end"), "{error}");
    assert!(error.len() < 3_000);
}

#[test]
fn a_program_is_killed_at_its_timeout_with_what_it_started() {
    let script = "sleep 600 & echo $! > child; echo still waiting >&2; wait";
    let shell = running(script, "timeout = \"1s\"");
    let ran = shell.run(&["run", "--drain"]);
    assert_eq!(ran.output, "0 jobs delivered, 0 retried, 1 discarded\n", "{}", ran.errors);
    assert_eq!(error(&shell), "killed after 1s: still waiting");
    let child = fs::read_to_string(shell.path("child")).unwrap();
    until("its child is killed", || !is_alive(child.trim()));
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
}

#[test]
fn after_sigterm_nothing_is_left_executing_and_the_exit_code_is_0() {
    let shell = running("sleep 600 & echo $! > child; wait", "timeout = \"1h\"");
    let running = shell.spawn(&["run", "--shutdown-timeout", "2s"]);
    until("the program runs", || has_child(&shell));
    signal(&running, "-TERM");
    let ran = Ran::from(running.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.errors);
    assert_eq!(ran.output, "0 jobs delivered, 1 retried, 0 discarded\n");
    assert_eq!(shell.count(&["jobs", "list", "--status", "executing"]), 0);
    assert_eq!(shell.count(&["jobs", "list", "--status", "unknown"]), 1);
    let child = fs::read_to_string(shell.path("child")).unwrap();
    until("its child is killed", || !is_alive(child.trim()));
}

#[test]
fn a_file_that_cannot_be_locked_holds_no_shutdown_up() {
    let shell = Shell::new();
    let toml = "[destinations.archive]\nkind = \"file\"\npath = \"out\"\nactions.append = {}";
    shell.write("blacksmith.toml", toml);
    let line = r#"{"source":"shop","trigger":"order.paid"}"#;
    assert_eq!(shell.run_on(line, &["ingest", "-", "--to", "archive/append"]).code, 0);
    shell.write("out", "");
    let locked = fs::File::open(shell.path("out")).unwrap();
    locked.lock().unwrap();

    let running = shell.spawn(&["run", "--shutdown-timeout", "1s"]);
    until("the job is claimed", || shell.count(&["jobs", "list", "--status", "executing"]) == 1);
    signal(&running, "-TERM");
    let ran = Ran::from(running.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.errors);
    assert_eq!(shell.count(&["jobs", "list", "--status", "executing"]), 0);
    drop(locked);
    assert_eq!(fs::read_to_string(shell.path("out")).unwrap(), "");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let shell = running("sleep 600 & echo $! > child; wait", "timeout = \"1h\"");
    let running = shell.spawn(&["run", "--shutdown-timeout", "10min"]);
    until("the program runs", || has_child(&shell));
    signal(&running, "-INT");
    // Another one, for two of a kind may count as one.
    signal(&running, "-TERM");
    let ran = Ran::from(running.wait_with_output().unwrap());
    assert_eq!(ran.code, 130, "{}", ran.errors);
    let child = fs::read_to_string(shell.path("child")).unwrap();
    until("its child is killed", || !is_alive(child.trim()));
}
