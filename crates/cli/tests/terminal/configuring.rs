//! `blacksmith.toml`: routes at ingest, what is wrong in it, and its secrets.

use crate::{
    receiver::{Receiver, status},
    shell::{Ran, Shell, WEBHOOKS, with_ids},
};

#[test]
fn routes_apply_at_ingest_and_a_second_run_adds_nothing() {
    let shell = Shell::new();
    shell.write(
        "blacksmith.toml",
        "[[routes]]\nsource = \"github\"\ntrigger = \"issues.*\"\nto = [\"tickets/import\"]\n\
         [[routes]]\nto = [\"archive/append\"]\n",
    );
    shell.write("webhooks.ndjson", with_ids(WEBHOOKS));
    let ingest =
        |flags: &[&str]| shell.run(&[&["ingest", "webhooks.ndjson"], flags].concat()).output;
    assert_eq!(ingest(&[]), "10 events, 12 jobs added; 0 events, 0 jobs known; 0 lines bad\n");
    assert_eq!(ingest(&[]), "0 events, 0 jobs added; 10 events, 12 jobs known; 0 lines bad\n");
    assert_eq!(
        ingest(&["--to", "archive/append", "--to", "crm/upsert"]),
        "0 events, 10 jobs added; 10 events, 12 jobs known; 0 lines bad\n"
    );
    assert_eq!(
        ingest(&["--no-routes", "--to", "mail/send"]),
        "0 events, 10 jobs added; 10 events, 0 jobs known; 0 lines bad\n"
    );
    assert_eq!(shell.count(&["jobs", "list", "--destination", "tickets"]), 2);
}

#[test]
fn what_is_wrong_in_the_configuration_is_named_before_anything_is_done() {
    let shell = Shell::new();
    let http = |settings: &str| {
        format!("[destinations.crm]\nkind = \"http\"\n{settings}\nactions.upsert = {{}}")
    };
    let url = "url = \"http://127.0.0.1:1/\"\n";
    for (toml, said) in [
        (String::new(), "no destination is configured"),
        ("[destination.crm]".to_owned(), "unknown field `destination`"),
        (http("url = \"ftp://hunter2/\""), "actions.upsert]: `url` is not one like https://"),
        (http("url = \"http://ada:hunter2@crm/\""), "actions.upsert]: `url` names a user"),
        (http("url.env = \"NO_SUCH_URL\""), "the environment variable NO_SUCH_URL is not set"),
        (
            http(&format!("{url}secret = \"hunter2\"")),
            "actions.upsert]: `secret` is no signing key",
        ),
        (http(&format!("{url}headers.\"a b\" = \"hunter2\"")), "`a b` is no header"),
        (http(&format!("{url}headers.A = \"hunter2\\n\"")), "the value of the header `A`"),
        (
            http(&format!("{url}interval = \"hourly\"")),
            "actions.upsert]: \"hourly\" is not an interval",
        ),
    ] {
        shell.write("blacksmith.toml", &toml);
        let ran = shell.run(&["run", "--drain"]);
        assert_eq!(ran.code, 6, "{toml}: {}", ran.errors);
        assert!(ran.errors.contains(said), "{toml}: {}", ran.errors);
        assert!(!ran.errors.contains("hunter2"), "{toml}: {}", ran.errors);
        assert!(!shell.exists("blacksmith.db"), "{toml}");
    }
}

#[test]
fn routes_and_jobs_without_a_destination_are_named() {
    let shell = Shell::new();
    shell.write(
        "blacksmith.toml",
        "[[routes]]\nto = [\"crm/upsert\"]\n\
         [destinations.archive]\nkind = \"file\"\npath = \"out\"\nactions.append = {}",
    );
    let line = r#"{"source":"s","trigger":"t"}"#;
    assert_eq!(shell.run_on(line, &["ingest", "-"]).code, 0);
    let ran = shell.run(&["run", "--drain"]);
    assert_eq!(ran.code, 0, "{}", ran.errors);
    for said in [
        "a route leads to crm/upsert, which is not configured",
        "a job waits for crm/upsert, which is not configured",
    ] {
        assert!(ran.errors.contains(said), "{}", ran.errors);
    }
    let ran = shell.run(&["run", "--drain", "--log", "error"]);
    assert!(!ran.errors.contains("not configured"), "{}", ran.errors);
}

#[test]
fn neither_secrets_nor_payloads_are_logged() {
    let receiver = Receiver::start(|request| match request.attempt() {
        1 => (500, Vec::new(), "the answer".to_owned()),
        _ => status(410),
    });
    let shell = Shell::new();
    let key = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0";
    shell.write(
        "blacksmith.toml",
        format!(
            "[store]\nurl = \"sqlite://blacksmith.db\"\n[destinations.crm]\nkind = \"http\"\n\
             url = \"{}?token=hunter2\"\nsecret = \"{key}\"\ninterval = \"@every 10ms\"\n\
             headers.Authorization = \"Bearer hunter2\"\nactions.upsert = {{}}",
            receiver.url
        ),
    );
    let line = r#"{"source":"s","trigger":"t","data":{"pin":"hunter2"}}"#;
    assert_eq!(shell.run_on(line, &["ingest", "-", "--to", "crm/upsert"]).code, 0);

    let mut command = shell.command(&["run", "--drain"]);
    let ran = Ran::from(command.env("BLACKSMITH_LOG", "trace").output().unwrap());
    assert_eq!(ran.output, "0 jobs delivered, 1 retried, 1 discarded\n", "{}", ran.errors);
    assert!(ran.errors.contains("job will be retried"), "the log is on: {}", ran.errors);
    assert!(receiver.requests()[0].line.contains("hunter2"), "it was used");
    assert_eq!(receiver.requests()[0].header("authorization"), "Bearer hunter2");
    for secret in ["hunter2", key, "c2VjcmV0", "the answer"] {
        assert!(!ran.errors.contains(secret), "{secret}: {}", ran.errors);
    }

    let url = "postgres://ada:hunter2@127.0.0.1:1/queue?connect_timeout=1";
    let ran = shell.run(&["run", "--drain", "--log", "trace", "--store", url]);
    assert_eq!(ran.code, 5, "{}", ran.errors);
    assert!(!ran.errors.contains("hunter2"), "{}", ran.errors);
}
