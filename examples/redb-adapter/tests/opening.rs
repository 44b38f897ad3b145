//! What redb refuses when a store is opened, and where a URL leads.

use std::{fs, path::Path, sync::Arc};

use blacksmith_store_core::{
    Adapter as _, AvailableAdapters, ErrorKind, Event, Options, Result, Retry, Store, StoreError,
    Toolkit,
};
use redb::{Database, TableDefinition};

/// A table of another program, by the name of one of ours.
const FOREIGN: TableDefinition<u64, u64> = TableDefinition::new("events");

async fn open(options: Options) -> Result<Arc<dyn Store>> {
    AvailableAdapters::new().with(redb_adapter::adapter())?.open(options).await
}

fn at(path: &Path) -> Options {
    Options::new("redb").with_connection(path.to_string_lossy())
}

/// The error of an open that is refused; it names no path.
async fn refused(options: Options) -> StoreError {
    let path = options.expose_connection().map(str::to_owned);
    let error = open(options).await.map(|_| ()).expect_err("it is refused");
    let text = format!("{error} {error:?}");
    assert!(path.is_none_or(|path| !text.contains(&path)), "{text}");
    error
}

#[tokio::test]
async fn a_url_leads_to_the_file_that_a_path_leads_to() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("my queue.redb");
    let url = format!("redb://{}?cache_size=1000000", path.to_string_lossy().replace(' ', "%20"));
    let toolkit = Toolkit::new();
    let event = Event::new(toolkit.event_id(), "github", "issues.opened");

    let store = open(Options::from_url(&url)?).await?;
    assert_eq!(store.options().context["cache_size"], "1000000");
    store.add_events(&toolkit, vec![event.clone()]).await?;
    drop(store);
    let found = open(at(&path)).await?.find_event(&toolkit, event.id).await?;
    assert_eq!(found.source, event.source);
    Ok(())
}

#[tokio::test]
async fn a_file_that_was_not_made_is_absent_and_looking_makes_none() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("my queue.redb");
    let url = format!("redb://{}", path.to_string_lossy().replace(' ', "%20"));
    let adapter = redb_adapter::adapter();
    for options in [at(&path), Options::from_url(&url)?] {
        assert!(adapter.is_absent(&options));
        // What is wrong with these, opening them says.
        assert!(!adapter.is_absent(&options.with_context("cachesize", "1")));
    }
    assert!(!path.exists());
    let store = open(at(&path)).await?;
    assert!(!adapter.is_absent(&at(&path)));
    drop(store);
    assert!(!adapter.is_absent(&Options::from_url(&url)?));
    Ok(())
}

#[tokio::test]
async fn a_file_that_is_open_is_unavailable_until_it_is_closed() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let options = at(&folder.path().join("queue.redb"));
    let store = open(options.clone()).await?;
    let error = refused(options.clone()).await;
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Safe));
    drop(store);
    open(options).await.map(|_| ())
}

#[tokio::test]
async fn what_the_user_must_change_is_config() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    fs::write(path("text"), "no database at all ".repeat(1_000)).expect("written");
    let foreign = Database::create(path("foreign")).expect("made");
    let transaction = foreign.begin_write().expect("begun");
    transaction.open_table(FOREIGN).expect("made");
    transaction.commit().expect("committed");
    drop(foreign);

    for options in [
        Options::new("redb"),
        at(folder.path()),
        at(&path("text")),
        at(&path("foreign")),
        at(&path("no such folder/queue.redb")),
        at(&path("absent")).with_context("create", "false"),
        at(&path("new")).with_context("create", "perhaps"),
        at(&path("new")).with_context("cache_size", "large"),
        at(&path("new")).with_context("cachesize", "1"),
    ] {
        let shown = format!("{options:?}");
        let error = refused(options).await;
        assert_eq!((error.kind(), error.operation()), (ErrorKind::Config, "open"), "{shown}");
    }
    assert!(!path("absent").exists());
}
