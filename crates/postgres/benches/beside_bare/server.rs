//! What is asked of the server beside the programs.

use tokio_postgres::{Client, NoTls};

use crate::Result;

/// A connection of its own.
pub(crate) async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Bytes of WAL written since the beginning.
pub(crate) async fn wal(client: &Client) -> Result<i64> {
    let text = "SELECT (pg_current_wal_lsn() - '0/0')::int8";
    Ok(client.query_one(text, &[]).await?.get(0))
}

/// Bytes on disk of a schema's tables and indexes, those of `live` apart.
pub(crate) async fn size(client: &Client, schema: &str) -> Result<(i64, i64)> {
    let text = "SELECT coalesce(sum(pg_total_relation_size(c.oid)) FILTER (WHERE c.relname <> 'live'), 0)::int8,
            coalesce(sum(pg_total_relation_size(c.oid)) FILTER (WHERE c.relname = 'live'), 0)::int8
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relkind = 'r'";
    let row = client.query_one(text, &[&schema]).await?;
    Ok((row.get(0), row.get(1)))
}

/// Takes a snapshot and keeps it as long as the client lives.
pub(crate) async fn hold_snapshot(url: &str) -> Result<Client> {
    let client = connect(url).await?;
    client
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class")
        .await?;
    Ok(client)
}

/// Brings the server to rest before something is measured.
pub(crate) async fn settle(client: &Client, schema: &str) -> Result<()> {
    let tables =
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = $1";
    for row in client.query(tables, &[&schema]).await? {
        client.batch_execute(&format!("ANALYZE {}", row.get::<_, String>(0))).await?;
    }
    client.batch_execute("CHECKPOINT").await?;
    Ok(())
}

/// Seconds of processor time that a server on this machine has used, with all its processes; none where they cannot be seen.
pub(crate) async fn processor_time(client: &Client) -> Result<Option<f64>> {
    let backend: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await?.get(0);
    let Some((server, _)) = process(&backend.to_string()) else { return Ok(None) };
    let Some((_, [user, system, ended_user, ended_system])) = process(&server) else {
        return Ok(None);
    };
    let mut ticks = user + system + ended_user + ended_system;
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some((parent, [user, system, ..])) = process(&name)
            && parent == server
        {
            ticks += user + system;
        }
    }
    Ok(Some(ticks as f64 / 100.0))
}

/// A process' parent, and its ticks as user and in the system, and those of its children that have ended.
fn process(id: &str) -> Option<(String, [u64; 4])> {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |place: usize| fields.get(place)?.parse().ok();
    Some(((*fields.get(1)?).to_owned(), [ticks(11)?, ticks(12)?, ticks(13)?, ticks(14)?]))
}

/// Microseconds of processor time a job that were used between two looks.
pub(crate) fn microseconds(begun: Option<f64>, ended: Option<f64>, jobs: usize) -> f64 {
    match (begun, ended) {
        (Some(begun), Some(ended)) => (ended - begun) * 1e6 / jobs as f64,
        _ => f64::NAN,
    }
}
