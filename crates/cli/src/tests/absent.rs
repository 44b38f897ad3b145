//! Where there is no store, by the word of its adapter, whichever that is.

use std::sync::Arc;

use blacksmith_store::{
    Adapter, AvailableAdapters, CONTRACT_VERSION, Capabilities, Migrator, Options, Store,
    StoreError, async_trait,
};

use crate::{exit::Exit, run::run_with, testing::Captured};

/// An adapter whose every store is still to be made.
struct Absent;

fn made() -> StoreError {
    StoreError::unavailable("a store would have been made")
}

#[async_trait]
impl Adapter for Absent {
    fn name(&self) -> &'static str {
        "absent"
    }

    fn contract_version(&self) -> u32 {
        CONTRACT_VERSION
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE
    }

    fn example_url(&self) -> &'static str {
        "absent:"
    }

    async fn open(&self, _: Options) -> Result<Arc<dyn Store>, StoreError> {
        Err(made())
    }

    fn is_absent(&self, _: &Options) -> bool {
        true
    }

    async fn migrator(&self, _: &Options) -> Result<Box<dyn Migrator>, StoreError> {
        Err(made())
    }
}

fn run(arguments: &[&str]) -> (Exit, String) {
    let adapters = AvailableAdapters::new().with(Absent).expect("one adapter");
    let arguments = [&["blacksmith", "--store", "absent:"], arguments].concat();
    let captured = Captured::default();
    let exit = run_with(&adapters, arguments, captured.terminal(None));
    (exit, captured.errors())
}

#[test]
fn a_command_that_reads_opens_nothing() {
    for arguments in
        [&["stats"][..], &["events", "list"], &["top", "--once"], &["migrate", "status"]]
    {
        let (exit, errors) = run(arguments);
        assert_eq!(exit, Exit::Config, "{arguments:?}: {errors}");
        assert!(errors.starts_with("error: there is no store"), "{arguments:?}: {errors}");
    }
}

#[test]
fn a_command_that_makes_a_store_is_not_kept_from_it() {
    for arguments in [&["ingest", "-"][..], &["migrate", "up"]] {
        let (exit, errors) = run(arguments);
        assert_eq!(exit, Exit::Unavailable, "{arguments:?}: {errors}");
    }
}
