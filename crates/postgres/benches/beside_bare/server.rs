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
