//! Adapters by name.

use std::sync::Arc;

use blacksmith_store_core::{
    Adapter, AvailableAdapters, CONTRACT_VERSION, Capabilities, ErrorKind, Options, Result, Store,
    StoreError, async_trait,
};

/// An adapter whose database is never there.
struct Unreachable {
    name: &'static str,
    contract_version: u32,
}

fn adapter(name: &'static str) -> Unreachable {
    Unreachable { name, contract_version: CONTRACT_VERSION }
}

#[async_trait]
impl Adapter for Unreachable {
    fn name(&self) -> &'static str {
        self.name
    }

    fn contract_version(&self) -> u32 {
        self.contract_version
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE
    }

    fn example_url(&self) -> &'static str {
        "unreachable:"
    }

    async fn open(&self, options: Options) -> Result<Arc<dyn Store>> {
        Err(StoreError::unavailable(format!("{} is not there", options.from)))
    }
}

fn available() -> Result<AvailableAdapters> {
    AvailableAdapters::new().with(adapter("memory"))?.with(adapter("sqlite"))
}

/// The error of opening a store from `from`.
async fn refused(adapters: &AvailableAdapters, from: &str) -> StoreError {
    let error = adapters.open(Options::new(from)).await.err().expect("an error");
    assert_eq!(error.operation(), "open");
    let selected = adapters.select(&Options::new(from)).err();
    if let Some(selected) = selected {
        assert_eq!(selected.message(), error.message());
        assert_eq!(error.kind(), ErrorKind::Config);
    }
    error
}

#[test]
fn adapters_are_listed_in_the_order_in_which_they_were_added() -> Result<()> {
    let adapters = available()?;
    assert_eq!(adapters.names(), ["memory", "sqlite"]);
    assert_eq!(adapters.iter().map(Adapter::name).collect::<Vec<_>>(), ["memory", "sqlite"]);
    assert_eq!(adapters.get("sqlite").map(Adapter::name), Some("sqlite"));
    assert!(adapters.get("SQLITE").is_none());
    assert_eq!(format!("{adapters:?}"), r#"AvailableAdapters(["memory", "sqlite"])"#);
    Ok(())
}

#[test]
fn a_name_twice_is_refused() -> Result<()> {
    let error = available()?.with(adapter("sqlite")).expect_err("twice");
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(error.message(), "two adapters are called \"sqlite\"");
    Ok(())
}

#[tokio::test]
async fn an_unknown_name_lists_those_that_there_are() -> Result<()> {
    let error = refused(&available()?, "postgers").await;
    assert_eq!(
        error.to_string(),
        "open: configuration: `from` is \"postgers\", which is no available adapter (available: memory, sqlite)"
    );
    let error = refused(&AvailableAdapters::new(), "sqlite").await;
    assert!(error.message().ends_with("(no adapters are available)"), "{error}");
    Ok(())
}

#[tokio::test]
async fn no_name_lists_those_that_there_are() -> Result<()> {
    let error = refused(&available()?, "").await;
    assert_eq!(error.message(), "`from` names no adapter; available: memory, sqlite");
    Ok(())
}

#[tokio::test]
async fn a_name_that_is_known_but_absent_says_how_to_have_it() -> Result<()> {
    let adapters = available()?.with_absent("postgres", "compile with the feature \"postgres\"");
    let error = refused(&adapters, "postgres").await;
    assert!(error.message().ends_with("; compile with the feature \"postgres\""), "{error}");
    let error = refused(&adapters, "mysql").await;
    assert!(!error.message().contains("feature"), "{error}");
    Ok(())
}

#[tokio::test]
async fn an_adapter_written_for_another_contract_is_refused() -> Result<()> {
    for contract_version in [CONTRACT_VERSION - 1, CONTRACT_VERSION + 1] {
        let adapters = available()?.with(Unreachable { name: "other", contract_version })?;
        let error = refused(&adapters, "other").await;
        let words = format!("was written for version {contract_version} of the contract");
        assert!(error.message().contains(&words), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn what_an_adapter_refuses_says_that_it_was_opening() -> Result<()> {
    let error = refused(&available()?, "sqlite").await;
    assert_eq!(error.to_string(), "open: unavailable: sqlite is not there");
    Ok(())
}

#[tokio::test]
async fn an_adapter_without_a_schema_has_no_migrations() -> Result<()> {
    let error = available()?.migrator(&Options::new("memory")).await.err().expect("no schema");
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Unsupported, "migrate"));
    assert_eq!(error.message(), "the adapter \"memory\" has no schema to migrate");
    let error = available()?.migrator(&Options::new("mysql")).await.err().expect("unknown");
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Config, "migrate"));
    Ok(())
}
