//! The harness itself: what cannot be tested fails, and says what to do.

use std::sync::Arc;

use blacksmith_store_conformance::{Fixture, FixtureError, Place, Suite, Verdict, trials};
use blacksmith_store_core::{
    Adapter, CONTRACT_VERSION, Capabilities, Options, Result, Store, StoreError, async_trait,
};
use libtest_mimic::{Arguments, Conclusion};

/// An adapter whose stores cannot be opened.
struct Closed(Capabilities);

#[async_trait]
impl Adapter for Closed {
    fn name(&self) -> &'static str {
        "closed"
    }

    fn contract_version(&self) -> u32 {
        CONTRACT_VERSION
    }

    fn capabilities(&self) -> Capabilities {
        self.0
    }

    fn example_url(&self) -> &'static str {
        "closed:"
    }

    async fn open(&self, _: Options) -> Result<Arc<dyn Store>> {
        Err(StoreError::unavailable("closed for today"))
    }
}

/// What is wrong with the fixture.
#[derive(Clone, Copy)]
enum Lack {
    Environment,
    Place,
    Store,
}

struct Lacking(Lack);

impl Fixture for Lacking {
    fn adapter(&self) -> impl Adapter + 'static {
        Closed(Capabilities::NONE)
    }

    fn environment(&self) -> std::result::Result<(), String> {
        match self.0 {
            Lack::Environment => Err("set CLOSED_URL to the URL of a server".into()),
            _ => Ok(()),
        }
    }

    async fn place(&self) -> std::result::Result<Place, FixtureError> {
        match self.0 {
            Lack::Place => Err("the disk is full".into()),
            _ => Ok(Place::new(Options::new("closed"))),
        }
    }
}

/// An adapter whose data several processes may open.
struct Shared;

impl Fixture for Shared {
    fn adapter(&self) -> impl Adapter + 'static {
        Closed(Capabilities::NONE.with_durable().with_several_processes())
    }
}

/// Runs the cases that a filter chooses; answers what became of them, and what was printed.
fn conclude(lack: Lack, log: &str, filter: &str) -> (Conclusion, String) {
    let log = format!("{}/{log}.log", env!("CARGO_TARGET_TMPDIR"));
    let arguments = Arguments {
        filter: Some(filter.into()),
        logfile: Some(log.clone()),
        ..Arguments::default()
    };
    let conclusion = libtest_mimic::run(&arguments, trials(Lacking(lack)));
    (conclusion, std::fs::read_to_string(log).expect("the log was written"))
}

#[test]
fn every_case_fails_where_nothing_can_be_tested() {
    for (lack, log, sentence) in [
        (Lack::Environment, "environment", "set CLOSED_URL to the URL of a server"),
        (Lack::Place, "place", "the disk is full"),
        (Lack::Store, "store", "closed for today"),
    ] {
        let (conclusion, text) = conclude(lack, log, "registry::");
        assert!(conclusion.num_failed > 0);
        assert_eq!((conclusion.num_passed, conclusion.num_ignored), (0, 0));
        assert!(text.contains(sentence), "{text}");
    }
}

#[test]
fn a_missing_environment_can_be_skipped_on_purpose() {
    let (_, text) = conclude(Lack::Environment, "skip", "registry::every_method");
    assert!(text.contains("BLACKSMITH_CONFORMANCE_SKIP=closed"), "{text}");
}

#[test]
fn cases_of_what_is_not_declared_are_ignored() {
    let (conclusion, _) = conclude(Lack::Store, "undeclared", "durability::");
    assert!(conclusion.num_ignored > 0);
    assert_eq!((conclusion.num_passed, conclusion.num_failed), (0, 0));
}

/// This program's `main` is libtest's, which started again would run all tests.
#[test]
fn cases_with_child_processes_are_absent_from_a_program_that_cannot_be_entered() {
    let suite = Suite::new(Shared);
    for case in [
        "processes::what_one_process_writes_another_sees",
        "crashes::acknowledged_pauses_and_resumes_hold",
    ] {
        let verdict = suite.run(case);
        let is_absent =
            matches!(verdict, Some(Verdict::Absent(why)) if why.contains("call `enter` first"));
        assert!(is_absent, "{case}: {verdict:?}");
    }
}

#[test]
fn one_case_is_chosen_by_its_name_and_says_how_to_replay_it() {
    let name = "registry::every_method_is_within_reach";
    let (conclusion, text) = conclude(Lack::Store, "replay", name);
    assert_eq!(conclusion.num_failed, 1);
    assert!(text.contains(&format!("--exact {name}")), "{text}");
    for variable in ["BLACKSMITH_CONFORMANCE_SEED=", "BLACKSMITH_CONFORMANCE_THOROUGH=1"] {
        assert!(text.contains(variable), "{text}");
    }
}

#[test]
fn a_generated_case_shows_the_smallest_that_fails_and_how_to_replay_it() {
    let name = "sequences::any_sequence_of_calls_is_answered_as_by_the_reference";
    let (conclusion, text) = conclude(Lack::Store, "generated", name);
    assert_eq!(conclusion.num_failed, 1);
    assert!(text.contains("closed for today"), "{text}");
    assert!(text.contains("the smallest that fails: ["), "{text}");
    assert!(text.contains("BLACKSMITH_CONFORMANCE_THOROUGH=1"), "{text}");
}
