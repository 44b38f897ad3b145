#![cfg(unix)]

use std::{
    io::Write as _,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::shell::{Ran, Shell};

#[test]
fn ctrl_c_stops_between_batches_and_what_was_stored_stays() {
    let shell = Shell::new();
    let mut child = shell.spawn(&["ingest", "-", "--to", "crm/upsert"]);
    let mut input = child.stdin.take().unwrap();
    let line = "{\"source\":\"s\",\"trigger\":\"t\"}\n";
    // Two batches are full; the third waits for more input, which does not come.
    input.write_all(line.repeat(2_500).as_bytes()).unwrap();
    input.flush().unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    while !shell.exists("blacksmith.db")
        || shell.run(&["events", "list", "--json"]).code != 0
        || shell.count(&["events", "list", "--exact"]) < 2_000
    {
        assert!(Instant::now() < deadline, "the first batches were not stored");
        thread::yield_now();
    }

    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let ran = Ran::from(child.wait_with_output().unwrap());
    drop(input);
    assert_eq!(ran.code, 130, "{}", ran.errors);
    assert_eq!(ran.output, "2000 events, 2000 jobs added; 0 events, 0 jobs known; 0 lines bad\n");
    assert!(ran.errors.contains("lines up to 2000 were dealt with"), "{}", ran.errors);
    assert!(ran.errors.contains("error: interrupted"), "{}", ran.errors);
    assert_eq!(shell.count(&["jobs", "list"]), 2_000);
}
