//! Migrations of a store's schema.

use std::collections::BTreeSet;

use blacksmith_store_core::{
    Direction, MigrationState, Migrator, Result, StoreError, Toolkit, async_trait,
};
use blacksmith_store_migrations::{Applied, Migration, Plan, postgres};
use tokio_postgres::types::Type;

use crate::{
    connection::{Database, Session},
    error::Outcome,
    row::Columns,
    statement::quoted,
};

/// The table that says which migrations have run.
const TABLE: &str = "blacksmith_migrations";

/// What the lock of migrations is called among advisory locks; together with a hash of the schema's name.
const LOCK: i32 = 0x00b1_ac51;

const CREATE_TABLE: &str = "CREATE TABLE IF NOT EXISTS blacksmith_migrations (
    version int4 PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL
)";

/// Whether the schema exists, has the table of migrations, and the names of what else stands in it.
const TABLES: &str = "SELECT c.relname::text
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1::text AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    ORDER BY 1";

/// What stands in a schema, a line each: columns, indexes and views, without the schema's own name.
const DESCRIPTION: &str = "SELECT replace(v.line, quote_ident($1::text) || '.', '')
    FROM (
        SELECT format('%s %s has the column %s: %s%s', CASE c.relkind WHEN 'v' THEN 'view' ELSE 'table' END, c.relname,
            a.attname, format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END) AS line
        FROM pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v') AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT format('index %s is %s', i.indexname, i.indexdef) FROM pg_catalog.pg_indexes i WHERE i.schemaname = $1
        UNION ALL
        SELECT format('view %s is %s', w.viewname, w.definition) FROM pg_catalog.pg_views w WHERE w.schemaname = $1
    ) v
    ORDER BY 1";

/// Moves a schema.
pub(crate) struct PostgresMigrator {
    database: Database,
    schema: String,
}

impl PostgresMigrator {
    pub(crate) fn new(database: Database, schema: String) -> Self {
        Self { database, schema }
    }

    /// One step in a transaction of its own, under the lock: makes the table of migrations, and runs what `next` chooses.
    async fn step(
        &self,
        direction: Direction,
        next: impl Fn(&Plan) -> Result<Option<&'static Migration>> + Send + Sync,
    ) -> Result<Option<MigrationState>> {
        let session = self.database.session(&Toolkit::new()).await?;
        session.begin().await?;
        let outcome = self.step_in(&session, direction, next).await;
        Ok(session.end(outcome).await?)
    }

    async fn step_in(
        &self,
        session: &Session<'_>,
        direction: Direction,
        next: impl Fn(&Plan) -> Result<Option<&'static Migration>>,
    ) -> Outcome<Option<MigrationState>> {
        let schema = quoted(&self.schema);
        lock(session, &self.schema).await?;
        check_foreign(session, &self.schema).await?;
        session.run(&format!("CREATE SCHEMA IF NOT EXISTS {schema}")).await?;
        session.run(&format!("SET LOCAL search_path = {schema}")).await?;
        session.run(CREATE_TABLE).await?;
        let plan = Plan::new(postgres(), applied(session).await?);
        let Some(migration) = next(&plan)? else { return Ok(None) };
        let state = migration.state();
        Ok(Some(match direction {
            Direction::Up => {
                session.run(migration.up).await?;
                let applied_at = record(session, migration).await?;
                state.with_applied_at(applied_at)
            }
            Direction::Down => {
                session.run(migration.down).await?;
                forget(session, migration).await?;
                state
            }
        }))
    }

    /// The plan for the schema as it is; changes nothing.
    async fn plan(&self) -> Result<Plan> {
        let session = self.database.session(&Toolkit::new()).await?;
        session.begin_reading().await?;
        let outcome = read_plan(&session, &self.schema).await;
        Ok(session.end(outcome).await?)
    }
}

#[async_trait]
impl Migrator for PostgresMigrator {
    async fn status(&self) -> Result<Vec<MigrationState>> {
        Ok(self.plan().await?.status())
    }

    async fn up(&self, to: Option<u32>) -> Result<Vec<MigrationState>> {
        let mut ran = Vec::new();
        let next = |plan: &Plan| Ok(plan.up(to)?.into_iter().next());
        while let Some(state) = self.step(Direction::Up, next).await? {
            ran.push(state);
        }
        Ok(ran)
    }

    async fn down(&self, to: u32) -> Result<Vec<MigrationState>> {
        let mut taken_back = Vec::new();
        let next = |plan: &Plan| Ok(plan.down(to)?.into_iter().next());
        while let Some(state) = self.step(Direction::Down, next).await? {
            taken_back.push(state);
        }
        Ok(taken_back)
    }

    async fn validate(&self) -> Result<Vec<String>> {
        let plan = self.plan().await?;
        let mut sentences = plan.validate();
        if sentences.is_empty() && plan.current() > 0 {
            let session = self.database.session(&Toolkit::new()).await?;
            session.begin().await?;
            let differences = differences(&session, &self.schema, plan.current()).await;
            // The schema that was made to compare with is undone, whatever was found.
            session.run("ROLLBACK").await?;
            session.begin_reading().await?;
            sentences.extend(session.end(differences).await?);
        }
        Ok(sentences)
    }

    async fn sql(&self, direction: Direction, to: Option<u32>) -> Result<String> {
        let script = self.plan().await?.sql(direction, to)?;
        if script.is_empty() {
            return Ok(script);
        }
        let schema = quoted(&self.schema);
        Ok(format!(
            "CREATE SCHEMA IF NOT EXISTS {schema};\nSET search_path = {schema};\n\n{script}"
        ))
    }
}

/// Refuses a schema that is not exactly what this program needs, and a database that cannot hold every text.
pub(crate) async fn check_schema(session: &Session<'_>, schema: &str) -> Result<()> {
    session.begin_reading().await?;
    let outcome = async {
        let encoding = session
            .query_built("SELECT current_setting('server_encoding'), current_setting('server_version_num')::int4", &[])
            .await?;
        let mut columns = Columns::of(&encoding[0]);
        let encoding: &str = columns.next()?;
        if encoding != "UTF8" {
            return Err(StoreError::config(format!(
                "the database has the encoding {encoding}, which cannot hold every text; it must be UTF8"
            ))
            .into());
        }
        let version: i32 = columns.next()?;
        if version < 130_000 {
            return Err(StoreError::config(format!(
                "the server is PostgreSQL {}; at least 13 is needed",
                version / 10_000
            ))
            .into());
        }
        read_plan(session, schema).await
    };
    let outcome = outcome.await;
    session.end(outcome).await?.check_current()
}

async fn read_plan(session: &Session<'_>, schema: &str) -> Outcome<Plan> {
    if !check_foreign(session, schema).await? {
        return Ok(Plan::new(postgres(), Vec::new()));
    }
    let text =
        format!("SELECT version, name, checksum, applied_at FROM {}.{TABLE}", quoted(schema));
    Ok(Plan::new(postgres(), read_applied(session, &text).await?))
}

/// Refuses a schema with tables that are none of a store's; answers whether it has the table of migrations.
async fn check_foreign(session: &Session<'_>, schema: &str) -> Outcome<bool> {
    let rows = session.query_built(TABLES, &[(&schema, Type::TEXT)]).await?;
    let names = rows.iter().map(|row| Columns::of(row).next::<String>());
    let names: Vec<String> = names.collect::<Result<_>>()?;
    if names.iter().any(|name| name == TABLE) {
        return Ok(true);
    }
    if names.is_empty() {
        return Ok(false);
    }
    let shown = names[..names.len().min(5)].join(", ");
    Err(StoreError::config(format!(
        "the schema {schema:?} has tables that are none of this store's ({shown}), perhaps those of the Go package: name \
         another one in `context.schema`, and make it with `blacksmith migrate up`"
    ))
    .into())
}

/// Others that migrate the same schema wait here. A schema that two migrate at once all the same comes to no harm: the second
/// one's transaction fails.
async fn lock(session: &Session<'_>, schema: &str) -> Outcome<()> {
    let text = "SELECT pg_advisory_xact_lock($1::int4, hashtext($2::text))";
    session.query_built(text, &[(&LOCK, Type::INT4), (&schema, Type::TEXT)]).await.map(drop)
}

async fn applied(session: &Session<'_>) -> Outcome<Vec<Applied>> {
    let text = format!("SELECT version, name, checksum, applied_at FROM {TABLE}");
    read_applied(session, &text).await
}

async fn read_applied(session: &Session<'_>, text: &str) -> Outcome<Vec<Applied>> {
    let rows = session.query_built(text, &[]).await?;
    let applied = rows.iter().map(|row| {
        let mut columns = Columns::of(row);
        let version: i32 = columns.next()?;
        let (name, checksum): (String, String) = (columns.next()?, columns.next()?);
        Ok(Applied::new(version.unsigned_abs(), name, checksum, columns.next()?))
    });
    Ok(applied.collect::<Result<_>>()?)
}

async fn record(
    session: &Session<'_>,
    migration: &Migration,
) -> Outcome<blacksmith_store_core::Timestamp> {
    let text = format!(
        "INSERT INTO {TABLE} (version, name, checksum, applied_at)
         VALUES ($1::int4, $2::text, $3::text, clock_timestamp()) RETURNING applied_at"
    );
    let version = i32::try_from(migration.version).unwrap_or(i32::MAX);
    let checksum = migration.checksum();
    let rows = session
        .query_built(
            &text,
            &[(&version, Type::INT4), (&migration.name, Type::TEXT), (&checksum, Type::TEXT)],
        )
        .await?;
    Ok(Columns::of(&rows[0]).next()?)
}

async fn forget(session: &Session<'_>, migration: &Migration) -> Outcome<()> {
    let text = format!("DELETE FROM {TABLE} WHERE version = $1::int4");
    let version = i32::try_from(migration.version).unwrap_or(i32::MAX);
    session.query_built(&text, &[(&version, Type::INT4)]).await.map(drop)
}

/// What differs between the schema and a fresh one of the same version, which is made in this transaction.
async fn differences(session: &Session<'_>, schema: &str, version: u32) -> Outcome<Vec<String>> {
    let fresh = "blacksmith_store_to_compare_with";
    session.run(&format!("CREATE SCHEMA {fresh}; SET LOCAL search_path = {fresh}")).await?;
    session.run(CREATE_TABLE).await?;
    for migration in postgres().iter().filter(|migration| migration.version <= version) {
        session.run(migration.up).await?;
    }
    let expected = describe(session, fresh).await?;
    session.run(&format!("SET LOCAL search_path = {}", quoted(schema))).await?;
    let found = describe(session, schema).await?;
    let missing = expected.difference(&found).map(|line| format!("missing: {line}"));
    let unknown = found.difference(&expected).map(|line| format!("not of this version: {line}"));
    Ok(missing.chain(unknown).collect())
}

async fn describe(session: &Session<'_>, schema: &str) -> Outcome<BTreeSet<String>> {
    let rows = session.query_built(DESCRIPTION, &[(&schema, Type::TEXT)]).await?;
    let lines = rows.iter().map(|row| Columns::of(row).next::<String>());
    Ok(lines.collect::<Result<_>>()?)
}
