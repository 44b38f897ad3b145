//! Migrations: up, down and up again leave the same schema; a half-failed one leaves nothing; many at once do it once.

mod support;

use std::{collections::HashSet, process::Command, sync::Arc};

use blacksmith_store_core::{Direction, ErrorKind, Migrator, Result, Toolkit, WhereEvents};
use blacksmith_store_sqlite::rusqlite::Connection;
use support::{Folder, adapters, events, open, run};

async fn migrator(folder: &Folder) -> Result<Box<dyn Migrator>> {
    adapters().migrator(&folder.options()).await
}

fn connection(folder: &Folder) -> Connection {
    Connection::open(folder.file("store.db")).expect("the file")
}

/// Every table, index, view and trigger with its text.
fn schema(folder: &Folder) -> Vec<(String, Option<String>)> {
    let connection = connection(folder);
    let mut statement =
        connection.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name").expect("a schema");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
    rows.collect::<Result<_, _>>().expect("rows")
}

#[test]
fn up_down_up_leaves_the_same_schema() -> Result<()> {
    run(async {
        let folder = Folder::new();
        let migrator = migrator(&folder).await?;
        let ran = migrator.up(None).await?;
        assert!(ran.iter().all(|state| state.applied_at.is_some()) && !ran.is_empty());
        let first = schema(&folder);

        let taken_back = migrator.down(0).await?;
        assert_eq!(taken_back.len(), ran.len());
        assert_eq!(schema(&folder), [], "nothing is left");

        migrator.up(None).await?;
        assert_eq!(schema(&folder), first);
        assert!(migrator.validate().await?.is_empty());
        assert!(migrator.up(None).await?.is_empty(), "there is nothing more to do");
        Ok(())
    })
}

#[test]
fn a_store_that_is_opened_is_migrated() -> Result<()> {
    run(async {
        let folder = Folder::new();
        drop(folder.open().await?);
        let migrator = migrator(&folder).await?;
        let states = migrator.status().await?;
        assert!(!states.is_empty() && states.iter().all(|state| state.applied_at.is_some()));
        assert!(migrator.validate().await?.is_empty());
        Ok(())
    })
}

#[test]
fn who_only_asks_makes_no_file() -> Result<()> {
    run(async {
        let folder = Folder::new();
        let migrator = migrator(&folder).await?;
        assert!(migrator.status().await?.iter().all(|state| state.applied_at.is_none()));
        assert!(
            migrator.sql(Direction::Up, None).await?.contains("CREATE TABLE blacksmith_events")
        );
        assert!(migrator.sql(Direction::Down, Some(0)).await?.is_empty());
        assert!(migrator.validate().await?.is_empty());
        assert!(!folder.file("store.db").exists());
        Ok(())
    })
}

#[test]
fn the_sql_that_is_shown_is_what_runs() -> Result<()> {
    run(async {
        let (shown, ran) = (Folder::new(), Folder::new());
        let migrator = migrator(&shown).await?;
        connection(&shown).execute_batch(&migrator.sql(Direction::Up, None).await?).expect("SQL");
        drop(ran.open().await?);
        let ours = |folder| -> Vec<_> {
            let all = schema(folder).into_iter();
            all.filter(|(name, _)| !name.starts_with("blacksmith_migrations")).collect()
        };
        assert_eq!(ours(&shown), ours(&ran));
        Ok(())
    })
}

#[test]
fn a_migration_that_fails_half_way_leaves_nothing_behind() -> Result<()> {
    run(async {
        let folder = Folder::new();
        // The last view of the first migration cannot be made.
        connection(&folder).execute_batch("CREATE TABLE blacksmith_latest (a)").expect("a table");
        let before = schema(&folder);
        let shared = folder.options().with_context("shared", "true");

        let error = adapters().migrator(&shared).await?.up(None).await.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        assert!(open(shared).await.is_err());

        assert_eq!(schema(&folder), before);
        Ok(())
    })
}

#[test]
fn a_migration_that_runs_out_of_space_leaves_nothing_behind() -> Result<()> {
    run(async {
        let folder = Folder::new();
        let small = folder.options().with_context("max_page_count", "8");
        let error = open(small).await.map(drop).expect_err("full");
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert_eq!(schema(&folder), []);
        drop(folder.open().await?);
        Ok(())
    })
}

#[test]
fn a_database_of_another_program_is_refused_unless_it_is_to_be_shared() -> Result<()> {
    run(async {
        let folder = Folder::new();
        connection(&folder)
            .execute_batch(
                "CREATE TABLE orders (id INTEGER PRIMARY KEY); INSERT INTO orders VALUES (7)",
            )
            .expect("a table");
        let before = schema(&folder);

        let error = folder.open().await.map(drop).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(
            error.message().contains("orders") && error.message().contains("shared"),
            "{error}"
        );
        assert_eq!(schema(&folder), before);

        let toolkit = Toolkit::new();
        let store = open(folder.options().with_context("shared", "true")).await?;
        store.add_events(&toolkit, events(&toolkit, 1)).await?;
        drop(store);
        // The next one need not say so again.
        let store = folder.open().await?;
        assert_eq!(store.find_events(&toolkit, WhereEvents::default()).await?.entries.len(), 1);
        assert!(migrator(&folder).await?.validate().await?.is_empty());

        migrator(&folder).await?.down(0).await?;
        assert_eq!(schema(&folder), before, "the other program's tables stay");
        Ok(())
    })
}

#[test]
fn a_schema_that_is_ahead_of_the_program_is_refused() -> Result<()> {
    run(async {
        let folder = Folder::new();
        drop(folder.open().await?);
        connection(&folder)
            .execute("INSERT INTO blacksmith_migrations VALUES (99, 'future', 'x', 0)", [])
            .expect("a row");
        let error = folder.open().await.map(drop).expect_err("ahead");
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains("newer version of the program"), "{error}");

        let migrator = migrator(&folder).await?;
        let states = migrator.status().await?;
        assert!(states.iter().any(|state| state.name == "future"), "{states:?}");
        assert_eq!(migrator.validate().await?.len(), 1);
        assert_eq!(migrator.down(0).await.map_err(|error| error.kind()), Err(ErrorKind::Config));
        Ok(())
    })
}

#[test]
fn validate_tells_what_was_changed_by_other_means() -> Result<()> {
    run(async {
        let folder = Folder::new();
        drop(folder.open().await?);
        connection(&folder)
            .execute_batch(
                "DROP INDEX blacksmith_jobs_event;
                 CREATE INDEX blacksmith_jobs_event ON blacksmith_jobs (event, id);
                 DROP VIEW blacksmith_latest;
                 CREATE INDEX extra ON blacksmith_events (received_at);",
            )
            .expect("changes");
        let sentences = migrator(&folder).await?.validate().await?;
        for words in [
            "\"blacksmith_jobs_event\" was changed",
            "\"blacksmith_latest\" is missing",
            "\"extra\" was added",
        ] {
            assert!(sentences.iter().any(|sentence| sentence.contains(words)), "{sentences:?}");
        }
        assert_eq!(sentences.len(), 3, "{sentences:?}");
        Ok(())
    })
}

#[test]
fn a_checksum_that_differs_is_told_and_stops_everything() -> Result<()> {
    run(async {
        let folder = Folder::new();
        drop(folder.open().await?);
        connection(&folder)
            .execute("UPDATE blacksmith_migrations SET checksum = 'other' WHERE version = 1", [])
            .expect("a row");
        let migrator = migrator(&folder).await?;
        assert!(migrator.validate().await?[0].contains("checksum"));
        for error in
            [migrator.up(None).await.err(), migrator.down(0).await.err(), folder.open().await.err()]
        {
            assert_eq!(error.map(|error| error.kind()), Some(ErrorKind::Config));
        }
        Ok(())
    })
}

#[test]
fn ten_that_open_at_once_migrate_once() -> Result<()> {
    run(async {
        let folder = Arc::new(Folder::new());
        let mut opening = Vec::new();
        for _ in 0..10 {
            let folder = Arc::clone(&folder);
            opening.push(tokio::spawn(async move { folder.open().await }));
        }
        let toolkit = Toolkit::new();
        for store in opening {
            let store = store.await.expect("no panic")?;
            store.add_events(&toolkit, events(&toolkit, 1)).await?;
        }
        assert_eq!(
            folder.open().await?.find_events(&toolkit, WhereEvents::default()).await?.meta.count,
            Some(10)
        );
        Ok(())
    })
}

#[test]
fn ten_migrators_at_once_do_it_once() -> Result<()> {
    run(async {
        let folder = Arc::new(Folder::new());
        let mut migrating = Vec::new();
        for _ in 0..10 {
            let folder = Arc::clone(&folder);
            migrating.push(tokio::spawn(async move { migrator(&folder).await?.up(None).await }));
        }
        let mut ran = Vec::new();
        for states in migrating {
            ran.extend(states.await.expect("no panic")?.into_iter().map(|state| state.version));
        }
        let distinct: HashSet<u32> = ran.iter().copied().collect();
        assert_eq!(ran.len(), distinct.len(), "each migration ran once: {ran:?}");
        assert!(!ran.is_empty());
        Ok(())
    })
}

/// Set for the processes that the next test starts: this program again, with that one test.
const CHILD: &str = "BLACKSMITH_TEST_MIGRATE";

#[test]
fn ten_processes_that_open_at_once_migrate_once() -> Result<()> {
    if let Ok(path) = std::env::var(CHILD) {
        return run(async {
            let options = blacksmith_store_core::Options::new("sqlite").with_connection(path);
            let toolkit = Toolkit::new();
            let store = open(options).await?;
            store.add_events(&toolkit, events(&toolkit, 10)).await.map(drop)
        });
    }
    let folder = Folder::new();
    let program = std::env::current_exe().expect("this program");
    let children: Vec<_> = (0..10)
        .map(|_| {
            Command::new(&program)
                .args(["--exact", "ten_processes_that_open_at_once_migrate_once", "--nocapture"])
                .env(CHILD, folder.file("store.db"))
                .stdout(std::process::Stdio::null())
                .spawn()
                .expect("a process")
        })
        .collect();
    for mut child in children {
        assert!(child.wait().expect("an end").success());
    }
    run(async {
        let toolkit = Toolkit::new();
        let store = folder.open().await?;
        assert_eq!(
            store.find_events(&toolkit, WhereEvents::default()).await?.meta.count,
            Some(100)
        );
        assert!(migrator(&folder).await?.validate().await?.is_empty());
        Ok(())
    })
}
