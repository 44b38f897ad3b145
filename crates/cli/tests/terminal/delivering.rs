//! `blacksmith run` by HTTP and into files.

use std::{
    collections::BTreeSet,
    io::{Read as _, Write as _},
};

use chrono::{TimeDelta, Utc};
use serde_json::Value;
use standardwebhooks::Webhook;

use crate::{
    receiver::{Answer, Receiver, status},
    shell::{Shell, WEBHOOKS, with_ids},
};

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A folder with one event that leads to `crm/upsert`, which posts to the receiver.
fn posting_to(receiver: &Receiver, settings: &str) -> Shell {
    let shell = Shell::new();
    let url = &receiver.url;
    shell.write(
        "blacksmith.toml",
        format!("[destinations.crm]\nkind = \"http\"\nurl = \"{url}\"\n{settings}\nactions.upsert = {{}}"),
    );
    let line = r#"{"source":"shop","trigger":"order.paid","data":{"order": 1}}"#;
    assert_eq!(shell.run_on(line, &["ingest", "-", "--to", "crm/upsert"]).code, 0);
    shell
}

/// The transitions of the one job, oldest first.
fn history(shell: &Shell) -> Vec<Value> {
    let job = shell.json(&["jobs", "list"])["entries"][0]["id"].as_str().unwrap().to_owned();
    let found = shell.json(&["transitions", "list", "--job", &job, "--order", "oldest"]);
    found["entries"].as_array().unwrap().clone()
}

fn states(shell: &Shell) -> Vec<String> {
    let after = |transition: &Value| transition["state_after"].as_str().unwrap().to_owned();
    history(shell).iter().map(after).collect()
}

#[test]
fn webhooks_arrive_signed_and_byte_for_byte() {
    let receiver = Receiver::start(|_| status(204));
    let shell = Shell::new();
    shell.write(
        "blacksmith.toml",
        "[[routes]]\nsource = \"git*\"\nto = [\"crm/upsert\", \"archive/append\"]\n\
             [destinations.crm]\nkind = \"http\"\nurl.env = \"CRM_URL\"\nsecret.env = \"CRM_KEY\"\n\
             headers.X-Sender = \"tests\"\nactions.upsert = {}\n\
             [destinations.archive]\nkind = \"file\"\npath = \"out.ndjson\"\nactions.append = {}",
    );
    shell.write("webhooks.ndjson", with_ids(WEBHOOKS));
    assert_eq!(shell.run(&["ingest", "webhooks.ndjson"]).code, 0);

    let mut command = shell.command(&["run", "--drain"]);
    let ran = command.env("CRM_URL", &receiver.url).env("CRM_KEY", KEY).output().unwrap();
    let (output, errors) = (String::from_utf8(ran.stdout), String::from_utf8(ran.stderr).unwrap());
    assert_eq!(ran.status.code(), Some(0), "{errors}");
    assert_eq!(output.unwrap(), "20 jobs delivered, 0 retried, 0 discarded\n");
    assert!(errors.contains("delivering to archive/append, crm/upsert; Ctrl-C stops"), "{errors}");

    let data = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap();
        let start = line.find("\"data\":").unwrap() + "\"data\":".len();
        assert!(value["data"].is_object() && line.ends_with('}'));
        line[start..line.len() - 1].to_owned()
    };
    let expected: BTreeSet<String> = WEBHOOKS.lines().map(data).collect();
    let requests = receiver.requests();
    assert_eq!(requests.len(), 10);
    let bodies: BTreeSet<String> =
        requests.iter().map(|request| String::from_utf8(request.body.clone()).unwrap()).collect();
    assert_eq!(bodies, expected);
    let verifier = Webhook::new(KEY).unwrap();
    for request in &requests {
        assert_eq!(request.line, "POST /hooks HTTP/1.1");
        verifier.verify(&request.body, &request.headers).expect("a valid signature");
        assert_eq!(request.header("content-type"), "application/json");
        assert_eq!(request.header("x-sender"), "tests");
        assert_eq!(request.header("webhook-id"), request.header("blacksmith-job-id"));
        assert_eq!((request.attempt(), request.header("blacksmith-source")), (1, "github"));
    }

    let lines = std::fs::read_to_string(shell.path("out.ndjson")).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 10);
    let sent: BTreeSet<String> = WEBHOOKS
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["data"].to_string())
        .collect();
    assert_eq!(lines.iter().map(|line| line["data"].to_string()).collect::<BTreeSet<_>>(), sent);
    assert!(lines.iter().all(|line| line["source"] == "github" && line["attempt"] == 1));
}

#[test]
fn a_failure_is_retried_and_its_answer_is_kept_in_part() {
    let receiver = Receiver::start(|request| match request.attempt() {
        1 => (500, Vec::new(), format!("out of order {}", "x".repeat(100_000))),
        _ => status(200),
    });
    let shell = posting_to(&receiver, "interval = \"@every 10ms\"");
    let ran = shell.run(&["run", "--drain", "--json", "--quiet", "--log", "off"]);
    assert_eq!((ran.code, ran.errors.as_str()), (0, ""));
    assert_eq!(
        ran.output,
        "{\"delivered\":1,\"discarded\":0,\"left_executing\":0,\"retried\":1}\n"
    );

    assert_eq!(states(&shell), ["acknowledged", "executing", "failed", "executing", "succeeded"]);
    let error = &history(&shell)[2]["error"];
    let message = error["message"].as_str().unwrap();
    assert_eq!(error["statusCode"], 500);
    assert!(message.starts_with("500 Internal Server Error: out of order xx"), "{message}");
    assert!(message.len() < 5_000, "{}", message.len());
    let ids: BTreeSet<String> =
        receiver.requests().iter().map(|r| r.header("blacksmith-job-id").to_owned()).collect();
    assert_eq!(ids.len(), 1);
}

#[test]
fn gone_discards() {
    let receiver = Receiver::start(|_| status(410));
    let shell = posting_to(&receiver, "");
    let ran = shell.run(&["run", "--drain"]);
    assert_eq!(ran.output, "0 jobs delivered, 0 retried, 1 discarded\n", "{}", ran.errors);
    assert_eq!(states(&shell), ["acknowledged", "executing", "discarded"]);
    assert_eq!(receiver.requests().len(), 1);
}

#[test]
fn retry_after_wins_over_the_interval() {
    let soon =
        || (Utc::now() + TimeDelta::seconds(1)).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let receiver = Receiver::start(move |request| -> Answer {
        match request.attempt() {
            1 => (429, vec![("retry-after", "0".to_owned())], String::new()),
            2 => (503, vec![("Retry-After", soon())], String::new()),
            _ => status(200),
        }
    });
    // It would take two hours without the header.
    let shell = posting_to(&receiver, "interval = \"@every 1h\"");
    let ran = shell.run(&["run", "--drain"]);
    assert_eq!(ran.output, "1 job delivered, 2 retried, 0 discarded\n", "{}", ran.errors);
}

#[test]
fn who_does_not_answer_in_time_or_at_all_has_failed() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let shell = Shell::new();
    shell.write(
        "blacksmith.toml",
        format!(
            "[destinations.crm]\nkind = \"http\"\nmax_retries = 0\ntimeout = \"200ms\"\n\
             actions.silent.url = \"http://{}/\"\nactions.closed.url = \"http://{closed}/\"",
            silent.local_addr().unwrap()
        ),
    );
    let line = r#"{"source":"shop","trigger":"order.paid"}"#;
    let ingest = &["ingest", "-", "--to", "crm/silent", "--to", "crm/closed"];
    assert_eq!(shell.run_on(line, ingest).code, 0);
    let ran = shell.run(&["run", "--drain"]);
    assert_eq!(ran.output, "0 jobs delivered, 0 retried, 2 discarded\n", "{}", ran.errors);
    let found = shell.json(&["transitions", "list", "--status", "discarded"]).to_string();
    assert!(found.contains("longer than 200ms") && found.contains("onnection refused"), "{found}");
}

#[test]
fn the_status_of_an_answer_counts_although_its_body_stands_still() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        // The request has no body, so it ends with its headers.
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            connection.read_exact(&mut byte).unwrap();
            request.extend_from_slice(&byte);
        }
        connection.write_all(b"HTTP/1.1 410 Gone\r\ncontent-length: 100\r\n\r\nhalf").unwrap();
        // Open until the client gives up.
        let _ = connection.read_to_end(&mut Vec::new());
    });
    let shell = Shell::new();
    shell.write(
        "blacksmith.toml",
        format!("[destinations.crm]\nkind = \"http\"\nurl = \"{url}\"\nmax_retries = 0\nactions.upsert = {{}}"),
    );
    let line = r#"{"source":"shop","trigger":"order.paid"}"#;
    assert_eq!(shell.run_on(line, &["ingest", "-", "--to", "crm/upsert"]).code, 0);
    let ran = shell.run(&["run", "--drain"]);
    assert_eq!(ran.output, "0 jobs delivered, 0 retried, 1 discarded\n", "{}", ran.errors);
    assert_eq!(history(&shell)[2]["error"]["message"], "410 Gone: half");
    server.join().unwrap();
}

#[test]
fn a_drain_does_not_wait_for_what_is_paused() {
    let receiver = Receiver::start(|_| status(200));
    let shell = posting_to(&receiver, "");
    assert_eq!(shell.run(&["pause", "crm"]).code, 0);
    let ran = shell.run(&["run", "--drain"]);
    assert_eq!(ran.output, "0 jobs delivered, 0 retried, 0 discarded\n", "{}", ran.errors);
    assert_eq!(shell.run(&["resume", "crm"]).code, 0);
    let ran = shell.run(&["run", "--drain", "--concurrency", "1"]);
    assert_eq!(ran.output, "1 job delivered, 0 retried, 0 discarded\n", "{}", ran.errors);
}

#[test]
fn only_the_destination_that_is_named_is_delivered_to() {
    let receiver = Receiver::start(|_| status(200));
    let shell = posting_to(&receiver, "");
    let toml = std::fs::read_to_string(shell.path("blacksmith.toml")).unwrap();
    let more = "[destinations.archive]\nkind = \"file\"\npath = \"out\"\nactions.append = {}";
    shell.write("blacksmith.toml", format!("{toml}\n{more}"));
    let ran = shell.run(&["run", "--drain", "--only", "archive"]);
    assert_eq!(ran.output, "0 jobs delivered, 0 retried, 0 discarded\n", "{}", ran.errors);
    assert_eq!(receiver.requests().len(), 0);
    let ran = shell.run(&["run", "--drain", "--only", "mail"]);
    assert_eq!(ran.code, 2);
    assert!(ran.errors.contains("no destination is called mail; there are archive, crm"));
}
