//! The project's main job, as operators see it: webhooks are ingested, processes of `blacksmith run` deliver them to three
//! destinations that fail, and every job ends with its history readable, whatever is killed meanwhile.
//!
//! The small forms run everywhere. The full ones take minutes and are run by hand:
//!
//!     cargo test --release -p blacksmith-cli --test delivering -- --ignored --nocapture --test-threads 1
//!
//! `BLACKSMITH_TEST_WEBHOOKS` names another file of events, one JSON object a line, `BLACKSMITH_TEST_ROUNDS` how often it is
//! ingested.

#![cfg(all(unix, feature = "postgres", feature = "sqlite"))]
#![allow(clippy::unwrap_used, reason = "tests")]

mod checks;
mod crashing;
mod process;
mod stopping;
mod webhooks;
mod workshop;

use std::time::Duration;

use blacksmith_testing_receiver::Behaviour;

use crate::{
    webhooks::Webhooks,
    workshop::{Kind, Workshop},
};

/// Every job ends, the receiver saw every payload byte for byte, and all counts agree.
fn every_webhook_is_delivered(kind: Kind, webhooks: &Webhooks, patience: Duration) {
    let workshop = Workshop::new(kind, Behaviour::flaky(1));
    let expected = workshop.ingest(webhooks);
    let process = workshop.run();
    workshop.until_all_have_ended(patience);
    process.stop(Duration::from_secs(30));
    let seen = checks::Seen::by(&workshop);
    seen.every_job_has_ended(&expected);
    seen.every_payload_came(&expected);
    seen.the_counts_agree(&expected);
    assert_eq!(seen.report.overlaps, []);
    eprintln!("{kind:?}: {seen}");
}

#[test]
fn every_webhook_is_delivered_on_sqlite() {
    every_webhook_is_delivered(Kind::Sqlite, &Webhooks::few(), Duration::from_mins(2));
}

#[test]
fn every_webhook_is_delivered_on_postgres() {
    every_webhook_is_delivered(Kind::Postgres, &Webhooks::few(), Duration::from_mins(2));
}

#[test]
#[ignore = "takes minutes"]
fn all_webhooks_are_delivered_on_sqlite() {
    every_webhook_is_delivered(Kind::Sqlite, &Webhooks::all(), Duration::from_mins(30));
}

#[test]
#[ignore = "takes minutes"]
fn all_webhooks_are_delivered_on_postgres() {
    every_webhook_is_delivered(Kind::Postgres, &Webhooks::all(), Duration::from_mins(30));
}
