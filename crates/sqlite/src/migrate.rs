//! Migrations: on open, and by an operator.

use std::{
    thread,
    time::{Duration, Instant},
};

use blacksmith_store_core::{
    Direction, MigrationState, Migrator, Result, StoreError, Timestamp, Toolkit, async_trait,
};
use blacksmith_store_migrations::{Applied, Migration, Plan, sqlite};
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

use crate::{
    connection::{Role, connect},
    error::{Failure, is_busy},
    row,
    settings::{Place, Settings},
    statistics,
};

const HAS_HISTORY: &str =
    "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'blacksmith_migrations'";
const HISTORY: &str = "SELECT version, name, checksum, applied_at FROM blacksmith_migrations";
const BEGIN_HISTORY: &str = "
    CREATE TABLE IF NOT EXISTS blacksmith_migrations (
        version    INTEGER PRIMARY KEY,
        name       TEXT NOT NULL,
        checksum   TEXT NOT NULL,
        applied_at INTEGER NOT NULL
    ) STRICT";
const END_HISTORY: &str = "DROP TABLE blacksmith_migrations";
const RECORD: &str = "INSERT INTO blacksmith_migrations (version, name, checksum, applied_at) VALUES (?1, ?2, ?3, ?4)";
const STRIKE_OUT: &str = "DELETE FROM blacksmith_migrations WHERE version = ?1";
const A_STRANGER: &str = "
    SELECT name FROM sqlite_schema
    WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name LIMIT 1";
const OUR_SCHEMA: &str = "
    SELECT name, coalesce(sql, '') FROM sqlite_schema
    WHERE tbl_name LIKE 'blacksmith\\_%' ESCAPE '\\' AND tbl_name <> 'blacksmith_migrations' AND sql IS NOT NULL
    ORDER BY name";

/// Brings a store that is being opened up to date.
pub(crate) fn on_open(connection: &mut Connection, settings: &Settings) -> Result<()> {
    let plan = plan(connection)?;
    if settings.read_only {
        return plan.check_current();
    }
    // Without the lock where nothing is missing, which is nearly always.
    if !plan.up(None)?.is_empty() {
        up(connection, settings, None)?;
    }
    Ok(statistics::forget(connection)?)
}

fn plan(connection: &Connection) -> Result<Plan> {
    Ok(Plan::new(sqlite(), history(connection)?))
}

/// The migrations that have run.
fn history(connection: &Connection) -> Result<Vec<Applied>, Failure> {
    if connection.query_row(HAS_HISTORY, [], |_| Ok(())).optional()?.is_none() {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare(HISTORY)?;
    let mut rows = statement.query([])?;
    let mut applied = Vec::new();
    while let Some(row) = rows.next()? {
        let (version, name, checksum): (u32, String, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        applied.push(Applied::new(version, name, checksum, row::instant(row.get(3)?)?));
    }
    Ok(applied)
}

/// Runs what is missing, each migration in a transaction of its own that looks again at what is missing.
fn up(
    connection: &mut Connection,
    settings: &Settings,
    to: Option<u32>,
) -> Result<Vec<MigrationState>> {
    let mut ran = Vec::new();
    loop {
        let now = Toolkit::new().now();
        let next = locked(connection, settings.busy_timeout, |connection| {
            let plan = plan(connection)?;
            let Some(migration) = plan.up(to)?.first().copied() else { return Ok(None) };
            if plan.current() == 0 {
                check_that_it_is_ours(connection, settings)?;
            }
            run(connection, migration.up)?;
            connection.execute(BEGIN_HISTORY, [])?;
            record(connection, migration, now)?;
            Ok(Some(migration))
        })?;
        match next {
            Some(migration) => ran.push(migration.state().with_applied_at(now)),
            None => return Ok(ran),
        }
    }
}

/// Takes back what is above `to`, each migration in a transaction of its own.
fn down(connection: &mut Connection, settings: &Settings, to: u32) -> Result<Vec<MigrationState>> {
    let mut taken_back = Vec::new();
    loop {
        let next = locked(connection, settings.busy_timeout, |connection| {
            let plan = plan(connection)?;
            let above = plan.down(to)?;
            let Some(migration) = above.first().copied() else { return Ok(None) };
            run(connection, migration.down)?;
            connection.execute(STRIKE_OUT, [migration.version])?;
            // The last one takes the history with it: nothing of the store is left.
            if to == 0 && above.len() == 1 {
                connection.execute(END_HISTORY, [])?;
            }
            Ok(Some(migration))
        })?;
        match next {
            Some(migration) => taken_back.push(migration.state()),
            None => return Ok(taken_back),
        }
    }
}

fn run(connection: &Connection, sql: &str) -> Result<(), Failure> {
    Ok(connection.execute_batch(sql)?)
}

fn record(connection: &Connection, migration: &Migration, now: Timestamp) -> Result<(), Failure> {
    let Applied { version, name, checksum, .. } = Applied::of(migration, now);
    connection.execute(RECORD, params![version, name, checksum, now.timestamp_micros()])?;
    Ok(())
}

/// Works under the lock of those who write. What fails leaves nothing behind.
fn locked<T>(
    connection: &mut Connection,
    busy_timeout: Duration,
    work: impl FnOnce(&Connection) -> Result<T, Failure>,
) -> Result<T> {
    let deadline = Instant::now() + busy_timeout;
    let transaction = loop {
        match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
            Ok(transaction) => break transaction,
            // SQLite gives up early where it sees a deadlock between two that recover the file.
            Err(error) if is_busy(&error) && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(1));
            }
            Err(error) => return Err(Failure::from(error).into()),
        }
    };
    let answer = work(&transaction)?;
    transaction.commit().map_err(Failure::from)?;
    Ok(answer)
}

/// Refuses a file that another program has filled, unless it is to be shared with it.
fn check_that_it_is_ours(connection: &Connection, settings: &Settings) -> Result<(), Failure> {
    let stranger: Option<String> =
        connection.query_row(A_STRANGER, [], |row| row.get(0)).optional()?;
    match stranger {
        Some(table) if table.starts_with("blacksmith_") => Err(StoreError::config(format!(
            "the database holds {table:?} but no record of migrations; it was changed by other means"
        ))
        .into()),
        Some(table) if !settings.shared => Err(StoreError::config(format!(
            "the database belongs to another program: it holds {table:?}; the setting `shared` = true puts the store beside it"
        ))
        .into()),
        _ => Ok(()),
    }
}

/// A sentence for each table, index or view that is not what the migrations make.
fn drift(connection: &Connection, version: u32) -> Result<Vec<String>, Failure> {
    let reference = Connection::open_in_memory()?;
    for migration in sqlite().iter().filter(|migration| migration.version <= version) {
        run(&reference, migration.up)?;
    }
    let (expected, found) = (schema(&reference)?, schema(connection)?);
    let mut sentences = Vec::new();
    for (name, sql) in &expected {
        match found.iter().find(|(found, _)| found == name) {
            None => sentences.push(format!("{name:?} is missing")),
            Some((_, found)) if found != sql => {
                sentences.push(format!("{name:?} was changed by other means"));
            }
            Some(_) => {}
        }
    }
    let strange = found.iter().filter(|(name, _)| !expected.iter().any(|(known, _)| known == name));
    sentences.extend(strange.map(|(name, _)| format!("{name:?} was added by other means")));
    Ok(sentences)
}

fn schema(connection: &Connection) -> Result<Vec<(String, String)>, Failure> {
    let mut statement = connection.prepare(OUR_SCHEMA)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Moves the schema of one file.
pub(crate) struct SqliteMigrator {
    settings: Settings,
}

impl SqliteMigrator {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// Works on a connection that is opened for it.
    async fn with<T: Send + 'static>(
        &self,
        changes: bool,
        work: impl FnOnce(&mut Connection, &Settings) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let settings = self.settings.clone();
        crate::adapter::on_a_thread(move || {
            let mut connection = match &settings.place {
                // What only looks does not make a file.
                Place::File(path) if !changes && !path.exists() => {
                    Connection::open_in_memory().map_err(Failure::from)?
                }
                _ if changes => connect(&settings, Role::Write)?,
                _ => connect(&settings, Role::Read)?,
            };
            work(&mut connection, &settings)
        })
        .await
    }
}

#[async_trait]
impl Migrator for SqliteMigrator {
    async fn status(&self) -> Result<Vec<MigrationState>> {
        self.with(false, |connection, _| Ok(plan(connection)?.status())).await
    }

    async fn up(&self, to: Option<u32>) -> Result<Vec<MigrationState>> {
        self.with(true, move |connection, settings| up(connection, settings, to)).await
    }

    async fn down(&self, to: u32) -> Result<Vec<MigrationState>> {
        self.with(true, move |connection, settings| down(connection, settings, to)).await
    }

    async fn validate(&self) -> Result<Vec<String>> {
        self.with(false, |connection, _| {
            let plan = plan(connection)?;
            let mut sentences = plan.validate();
            if sentences.is_empty() {
                sentences = drift(connection, plan.current())?;
            }
            Ok(sentences)
        })
        .await
    }

    async fn sql(&self, direction: Direction, to: Option<u32>) -> Result<String> {
        self.with(false, move |connection, _| plan(connection)?.sql(direction, to)).await
    }
}
