//! Migrations: ten at once, half-failed, up and down and up, and schemas that are not what the program needs.

mod support;

use blacksmith_store_core::{Direction, ErrorKind, Migrator, StoreError};

use support::{Schema, adapters};

type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

async fn migrator(schema: &Schema) -> Result<Box<dyn Migrator>, StoreError> {
    adapters().migrator(&schema.options()).await
}

/// Everything that stands in a schema, as text.
async fn dump(schema: &Schema) -> Result<Vec<String>> {
    let text = "SELECT format('%s %s %s', c.relkind, c.relname, a.attname || ' ' || format_type(a.atttypid, a.atttypmod))
        FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        WHERE n.nspname = $1
        UNION ALL
        SELECT indexdef FROM pg_indexes WHERE schemaname = $1
        UNION ALL
        SELECT definition FROM pg_views WHERE schemaname = $1
        ORDER BY 1";
    let rows = schema.client().await.query(text, &[&schema.name()]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

async fn open_error(schema: &Schema) -> StoreError {
    match schema.open().await {
        Ok(_) => panic!("the store was opened"),
        Err(error) => error,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_migrators_at_once_do_the_work_once() -> Result {
    let schema = Schema::absent();
    let migrations: Vec<_> = (0..10)
        .map(|_| {
            let options = schema.options();
            tokio::spawn(async move { adapters().migrator(&options).await?.up(None).await })
        })
        .collect();
    let mut ran = 0;
    for migration in migrations {
        ran += migration.await??.len();
    }
    let states = migrator(&schema).await?.status().await?;
    assert_eq!(ran, states.len());
    assert!(states.iter().all(|state| state.applied_at.is_some()));
    schema.open().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn up_down_up_leaves_the_same_schema() -> Result {
    let schema = Schema::absent();
    let migrator = migrator(&schema).await?;
    let all = migrator.up(None).await?.len();
    let before = dump(&schema).await?;
    assert_eq!(migrator.down(0).await?.len(), all);
    assert_eq!(open_error(&schema).await.kind(), ErrorKind::Config);
    assert!(dump(&schema).await?.iter().all(|line| line.contains("blacksmith_migrations")));
    assert_eq!(migrator.up(None).await?.len(), all);
    assert_eq!(dump(&schema).await?, before);
    assert_eq!(migrator.validate().await?, [] as [String; 0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_fails_half_way_leaves_nothing() -> Result {
    let schema = Schema::absent();
    let client = schema.client_without_path().await;
    // A name that the migration wants, late in it.
    let name = schema.name();
    client.batch_execute(&format!("CREATE SCHEMA {name}; CREATE SEQUENCE {name}.tally")).await?;
    let migrator = migrator(&schema).await?;
    let error = migrator.up(None).await.expect_err("the name is taken");
    assert!(error.to_string().contains("tally"), "{error}");
    assert_eq!(dump(&schema).await?.iter().filter(|line| !line.contains("tally")).count(), 0);
    client.batch_execute(&format!("DROP SEQUENCE {name}.tally")).await?;
    migrator.up(None).await?;
    schema.open().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_a_store_never_migrates_and_names_the_command() -> Result {
    let schema = Schema::absent();
    let error = open_error(&schema).await;
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Config, "open"));
    assert!(error.message().contains("blacksmith migrate up"), "{error}");
    assert_eq!(dump(&schema).await?, [] as [String; 0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_is_ahead_is_config() -> Result {
    let schema = Schema::migrated().await?;
    let client = schema.client().await;
    client
        .batch_execute("INSERT INTO blacksmith_migrations VALUES (999, 'later', 'x', now())")
        .await?;
    let error = open_error(&schema).await;
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("newer version"), "{error}");
    let migrator = migrator(&schema).await?;
    assert_eq!(migrator.up(None).await.expect_err("ahead").kind(), ErrorKind::Config);
    assert_eq!(migrator.validate().await?.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_somebody_else_are_config_and_stay() -> Result {
    let schema = Schema::absent();
    let client = schema.client_without_path().await;
    let name = schema.name();
    client
        .batch_execute(&format!("CREATE SCHEMA {name}; CREATE TABLE {name}.events (id text); CREATE TABLE {name}.jobs (id text)"))
        .await?;
    let error = open_error(&schema).await;
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("events, jobs"), "{error}");
    assert!(error.message().contains("context.schema"), "{error}");
    let error = migrator(&schema).await?.up(None).await.expect_err("not ours");
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(dump(&schema).await?.len(), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_was_changed_by_other_means_is_told() -> Result {
    let schema = Schema::migrated().await?;
    let migrator = migrator(&schema).await?;
    assert_eq!(migrator.validate().await?, [] as [String; 0]);
    let client = schema.client().await;
    client
        .batch_execute("DROP INDEX log_final; ALTER TABLE jobs ADD COLUMN note text; ALTER TABLE pauses ALTER COLUMN reason TYPE varchar(9)")
        .await?;
    let sentences = migrator.validate().await?;
    for words in [
        "missing: index log_final",
        "not of this version: table jobs has the column note: text",
        "missing: table pauses has the column reason: text",
    ] {
        let is_told = sentences.iter().any(|sentence| sentence.starts_with(words));
        assert!(is_told, "{words}: {sentences:?}");
    }
    assert_eq!(sentences.len(), 4, "{sentences:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_script_does_what_the_migrator_does() -> Result {
    let by_script = Schema::absent();
    let script = migrator(&by_script).await?.sql(Direction::Up, None).await?;
    assert_eq!(dump(&by_script).await?, [] as [String; 0], "printing it changes nothing");
    by_script.client_without_path().await.batch_execute(&script).await?;
    let migrated = Schema::migrated().await?;
    let own = |lines: Vec<String>, name: &str| -> Vec<String> {
        let others = |line: &&String| !line.contains("blacksmith_migrations");
        lines.iter().filter(others).map(|line| line.replace(name, "s")).collect()
    };
    assert_eq!(
        own(dump(&by_script).await?, by_script.name()),
        own(dump(&migrated).await?, migrated.name())
    );
    assert_eq!(migrator(&migrated).await?.sql(Direction::Up, None).await?, "");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stores_in_one_database_know_nothing_of_each_other() -> Result {
    let (one, other) = (Schema::migrated().await?, Schema::migrated().await?);
    let (one, other) = (one.open().await?, other.open().await?);
    let toolkit = blacksmith_store_core::Toolkit::new();
    one.add_events(&toolkit, vec![support::event(&toolkit, &["crm"])]).await?;
    assert_eq!(one.stats(&toolkit).await?.len(), 1);
    assert_eq!(other.stats(&toolkit).await?, []);
    Ok(())
}
