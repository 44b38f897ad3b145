#![cfg(unix)]

use std::{
    io::{BufRead as _, BufReader},
    process::Command,
};

use serde_json::Value;

use crate::shell::{Ran, Shell};

#[test]
fn top_prints_table_after_table_into_a_pipe_until_it_is_interrupted() {
    let shell = Shell::with_webhooks();
    let mut child = shell.spawn(&["top", "--interval", "100ms"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let table = |lines: &mut dyn Iterator<Item = String>| -> Vec<String> {
        lines.take_while(|line| !line.is_empty()).collect()
    };
    let first = table(&mut lines);
    let second = table(&mut lines);
    for table in [&first, &second] {
        assert_eq!(table.len(), 5, "{table:#?}");
        assert!(table[1].starts_with("DESTINATION") && table[2].starts_with("crm"), "{table:#?}");
    }
    let cells = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(cells(&first[4]).len() + 2, cells(&second[4]).len(), "the second has rates");

    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    drop(lines);
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.errors.as_str()), (0, ""));
}

#[test]
fn top_tells_rates_in_json_lines() {
    let shell = Shell::with_webhooks();
    let mut child = shell.spawn(&["top", "--interval", "100ms", "--json"]);
    let output = BufReader::new(child.stdout.take().unwrap());
    let looks: Vec<Value> =
        output.lines().take(2).map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    // Its reader is gone, and that ends it.
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.errors.as_str()), (0, ""));
    assert_eq!((&looks[0]["rate"], &looks[0]["total"]), (&Value::Null, &20.into()));
    assert_eq!(looks[1]["rate"]["succeeded"], 0.0);
}
