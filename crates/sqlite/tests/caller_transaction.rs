//! `add_events_in` a transaction of the caller's own, and who learns of it.

mod support;

use std::time::Duration;

use blacksmith_store_core::{ErrorKind, Result, Toolkit, WhereEvents};
use blacksmith_store_sqlite::{
    add_events_in,
    rusqlite::{Connection, TransactionBehavior},
};
use support::{Folder, claim, events, next, open, run};

fn application(folder: &Folder) -> Connection {
    let connection = Connection::open(folder.file("store.db")).expect("the file");
    connection.busy_timeout(Duration::from_secs(30)).expect("a timeout");
    connection
        .execute_batch("CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY) STRICT")
        .expect("the application's own table");
    connection
}

#[test]
fn events_become_visible_with_the_callers_commit() -> Result<()> {
    run(async {
        let folder = Folder::new();
        let store = folder.open().await?;
        let toolkit = Toolkit::new();
        let mut connection = application(&folder);
        let mut wakeups = store.wakeups(&toolkit).await?;

        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).expect("a lock");
        transaction.execute("INSERT INTO orders VALUES (7)", []).expect("an order");
        let pending = add_events_in(store.as_ref(), &transaction, &toolkit, events(&toolkit, 3))?;
        assert_eq!(store.find_events(&toolkit, WhereEvents::default()).await?.entries.len(), 0);
        transaction.commit().expect("a commit");
        let added = pending.committed();

        assert_eq!((added.events, added.jobs, added.events_known), (3, 3, 0));
        assert!(next(&mut wakeups).await.is_some());
        assert_eq!(store.claim(&toolkit, claim("worker", 10)).await?.queue.jobs().count(), 3);
        Ok(())
    })
}

#[test]
fn events_are_gone_with_the_callers_rollback() -> Result<()> {
    run(async {
        let folder = Folder::new();
        let store = folder.open().await?;
        let toolkit = Toolkit::new();
        let mut connection = application(&folder);
        let transaction = connection.transaction().expect("a transaction");
        let pending = add_events_in(store.as_ref(), &transaction, &toolkit, events(&toolkit, 3))?;
        transaction.rollback().expect("a rollback");
        drop(pending);
        assert_eq!(store.find_events(&toolkit, WhereEvents::default()).await?.entries.len(), 0);
        assert_eq!(store.stats(&toolkit).await?, []);
        Ok(())
    })
}

#[test]
fn what_is_refused_leaves_the_callers_transaction_as_it_was() -> Result<()> {
    run(async {
        let folder = Folder::new();
        let store = folder.open().await?;
        let toolkit = Toolkit::new();
        let mut batch = events(&toolkit, 3);
        store.add_events(&toolkit, batch[2..].to_vec()).await?;
        batch[2].source = "gitlab".into();
        let mut connection = application(&folder);

        let transaction = connection.transaction().expect("a transaction");
        transaction.execute("INSERT INTO orders VALUES (7)", []).expect("an order");
        let error = add_events_in(store.as_ref(), &transaction, &toolkit, batch.clone())
            .expect_err("a conflict");
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert_eq!(error.operation(), "add_events_in");
        let _ = add_events_in(store.as_ref(), &transaction, &toolkit, batch[..1].to_vec())?;
        transaction.commit().expect("a commit");

        let orders: i64 = connection
            .query_row("SELECT count(*) FROM orders", [], |row| row.get(0))
            .expect("a count");
        assert_eq!(orders, 1);
        assert_eq!(store.find_events(&toolkit, WhereEvents::default()).await?.entries.len(), 2);
        Ok(())
    })
}

#[test]
fn a_repetition_is_known_and_core_checks_apply() -> Result<()> {
    run(async {
        let folder = Folder::new();
        let store = folder.open().await?;
        let toolkit = Toolkit::new();
        let batch = events(&toolkit, 2);
        store.add_events(&toolkit, batch.clone()).await?;
        let mut connection = application(&folder);
        let transaction = connection.transaction().expect("a transaction");
        let twice = [batch.clone(), batch[..1].to_vec()].concat();
        let pending = add_events_in(store.as_ref(), &transaction, &toolkit, twice)?;
        let empty = add_events_in(store.as_ref(), &transaction, &toolkit, Vec::new())?;
        let mut nameless = events(&toolkit, 1);
        nameless[0].source.clear();
        let error =
            add_events_in(store.as_ref(), &transaction, &toolkit, nameless).expect_err("no source");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        transaction.commit().expect("a commit");
        let added = pending.committed();
        assert_eq!((added.events, added.events_known, added.jobs_known), (0, 3, 3));
        assert_eq!(empty.committed(), blacksmith_store_core::Added::default());
        Ok(())
    })
}

#[test]
fn a_transaction_in_another_database_is_refused() -> Result<()> {
    run(async {
        let (folder, other) = (Folder::new(), Folder::new());
        let store = folder.open().await?;
        let toolkit = Toolkit::new();
        for mut connection in [application(&other), Connection::open_in_memory().expect("memory")] {
            let transaction = connection.transaction().expect("a transaction");
            let error = add_events_in(store.as_ref(), &transaction, &toolkit, events(&toolkit, 1))
                .expect_err("another database");
            assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        }
        Ok(())
    })
}

#[test]
fn a_store_of_another_handle_or_process_is_woken() -> Result<()> {
    run(async {
        let folder = Folder::new();
        let (writer, waiter) = (folder.open().await?, folder.open().await?);
        let toolkit = Toolkit::new();
        let mut wakeups = waiter.wakeups(&toolkit).await?;
        // The first firing may be about what came before.
        for _ in 0..3 {
            writer.add_events(&toolkit, events(&toolkit, 1)).await?;
            assert!(next(&mut wakeups).await.is_some());
        }
        // Whoever writes to the file, not only a store.
        let mut connection = application(&folder);
        let transaction = connection.transaction().expect("a transaction");
        let pending = add_events_in(writer.as_ref(), &transaction, &toolkit, events(&toolkit, 1))?;
        transaction.commit().expect("a commit");
        drop(pending);
        assert!(next(&mut wakeups).await.is_some());
        Ok(())
    })
}

#[test]
fn wakeups_end_with_their_store() -> Result<()> {
    run(async {
        let folder = Folder::new();
        for options in [folder.options(), folder.options().with_connection(":memory:")] {
            let store = open(options).await?;
            let mut wakeups = store.wakeups(&Toolkit::new()).await?;
            drop(store);
            while next(&mut wakeups).await.is_some() {}
        }
        Ok(())
    })
}
