use crate::shell::{Ran, Shell};

/// A server that nobody runs.
const URL: &str = "postgres://ada:hunter2@127.0.0.1:1/queue?connect_timeout=1";

fn assert_hidden(ran: &Ran, what: &str) {
    assert!(!ran.output.contains("hunter2"), "{what}: {}", ran.output);
    assert!(!ran.errors.contains("hunter2"), "{what}: {}", ran.errors);
}

#[test]
fn no_output_repeats_a_password() {
    let shell = Shell::new();
    let toml = format!("[store]\nurl = \"{URL}\"\nconection = \"hunter2\"");
    shell.write("typo.toml", toml);
    shell.write("right.toml", format!("[store]\nurl = \"{URL}\""));
    for arguments in [
        &["--help"][..],
        &["-h"],
        &["ingest", "--help"],
        &["stats"],
        &["stats", "--store", URL],
        &["migrate", "status"],
        &["stats", "--store", "://ada:hunter2@host"],
        &["stats", "--config", "typo.toml"],
        &["stats", "--config", "right.toml"],
        &["ingest", URL],
        &[URL],
        &["events", "show", URL],
        &["stats", "--stroe", URL],
        &["pause", URL],
        &["resume", URL],
        &["events", "list", "--where", &format!("@{URL}")],
    ] {
        let mut command = shell.command(arguments);
        let ran = Ran::from(command.env("BLACKSMITH_STORE_URL", URL).output().unwrap());
        assert_hidden(&ran, &format!("{arguments:?}"));
        let ran = shell.run(arguments);
        assert_hidden(&ran, &format!("{arguments:?}, without the variable"));
    }
}
