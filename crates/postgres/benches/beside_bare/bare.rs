//! The barest program: three tables, one statement a batch.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use tokio_postgres::Client;

use crate::{Result, server};

/// Jobs a second.
pub(crate) struct Rates {
    pub(crate) insert: f64,
    pub(crate) whole: f64,
    /// Microseconds of the server's processors a job: inserting, and the rest.
    pub(crate) processor: [f64; 2],
}

const TABLES: &str = "DROP SCHEMA IF EXISTS bare CASCADE; CREATE SCHEMA bare;
    CREATE TABLE bare.events (id bigint PRIMARY KEY, body jsonb NOT NULL);
    CREATE TABLE bare.jobs (id bigint PRIMARY KEY, event_id bigint NOT NULL, state smallint NOT NULL,
        run_at timestamptz NOT NULL, body jsonb NOT NULL) WITH (fillfactor = 70);
    CREATE INDEX jobs_runnable ON bare.jobs (run_at, id) WHERE state = 0;
    CREATE TABLE bare.transitions (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, job_id bigint NOT NULL,
        state smallint NOT NULL, at timestamptz NOT NULL);
    CREATE INDEX transitions_job ON bare.transitions (job_id);";

const INSERT: &str = "WITH x AS MATERIALIZED (
        SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[]) AS x(id, eb, jb)
    ), e AS (INSERT INTO bare.events(id, body) SELECT id, eb::jsonb FROM x),
    j AS (INSERT INTO bare.jobs(id, event_id, state, run_at, body) SELECT id, id, 0, now(), jb::jsonb FROM x)
    INSERT INTO bare.transitions(job_id, state, at) SELECT id, 0, clock_timestamp() FROM x";

const CLAIM: &str = "WITH c AS MATERIALIZED (
        SELECT id FROM bare.jobs WHERE state = 0 AND run_at <= now() ORDER BY run_at, id LIMIT 1000 FOR UPDATE SKIP LOCKED
    ), u AS (UPDATE bare.jobs j SET state = 1 FROM c WHERE j.id = c.id RETURNING j.id, j.body::text AS body),
    t AS (INSERT INTO bare.transitions(job_id, state, at) SELECT id, 1, clock_timestamp() FROM u)
    SELECT id, body FROM u";

const COMPLETE: &str = "WITH u AS (
        UPDATE bare.jobs SET state = 2 WHERE id = ANY($1::bigint[]) AND state = 1 RETURNING id
    ) INSERT INTO bare.transitions(job_id, state, at) SELECT id, 2, clock_timestamp() FROM u";

/// One round.
pub(crate) async fn round(
    url: &str,
    jobs: usize,
    connections: usize,
    batch: usize,
) -> Result<Rates> {
    let admin = server::connect(url).await?;
    admin.batch_execute(TABLES).await?;
    admin.batch_execute("CHECKPOINT").await?;
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(Arc::new(server::connect(url).await?));
    }

    // What is stored is made before the clock starts.
    let batches = Arc::new(Mutex::new(batches(jobs)));
    let processor_begun = server::processor_time(&admin).await?;
    let started = Instant::now();
    let inserts: Vec<_> = clients
        .iter()
        .map(|client| tokio::spawn(insert(Arc::clone(client), Arc::clone(&batches))))
        .collect();
    for insert in inserts {
        insert.await??;
    }
    let inserting = started.elapsed();
    let processor_inserted = server::processor_time(&admin).await?;
    admin.batch_execute("VACUUM ANALYZE bare.jobs").await?;
    server::settle(&admin, "bare").await?;

    let processor_settled = server::processor_time(&admin).await?;
    let started = Instant::now();
    let claims: Vec<_> =
        clients.iter().map(|client| tokio::spawn(claim(Arc::clone(client), batch))).collect();
    let mut claimed = Vec::new();
    for claim in claims {
        claimed.push(claim.await??);
    }
    let claiming = started.elapsed();
    admin.batch_execute("CHECKPOINT").await?;

    let started = Instant::now();
    let completes: Vec<_> = clients
        .iter()
        .zip(claimed)
        .map(|(client, batches)| tokio::spawn(complete(Arc::clone(client), batches)))
        .collect();
    let mut done = 0;
    for complete in completes {
        done += complete.await??;
    }
    let completing = started.elapsed();
    let processor_ended = server::processor_time(&admin).await?;
    if done != jobs {
        return Err(format!("{done} of {jobs} jobs came through").into());
    }
    let rate = |time: std::time::Duration| jobs as f64 / time.as_secs_f64();
    Ok(Rates {
        insert: rate(inserting),
        whole: rate(inserting + claiming + completing),
        processor: [
            server::microseconds(processor_begun, processor_inserted, jobs),
            server::microseconds(processor_settled, processor_ended, jobs),
        ],
    })
}

type Batch = (Vec<i64>, Vec<String>, Vec<String>);

fn batches(jobs: usize) -> VecDeque<Batch> {
    let body = |what: &str| format!("{{\"k\":\"{what}\",\"data\":\"{}\"}}", "x".repeat(175));
    let batch = |begun: usize| {
        let ids: Vec<i64> =
            (begun..(begun + 1_000).min(jobs)).filter_map(|id| i64::try_from(id).ok()).collect();
        let bodies = |what| vec![body(what); ids.len()];
        (ids.clone(), bodies("event"), bodies("job"))
    };
    (0..jobs).step_by(1_000).map(batch).collect()
}

async fn insert(client: Arc<Client>, batches: Arc<Mutex<VecDeque<Batch>>>) -> Result<()> {
    let statement = client.prepare(INSERT).await?;
    let next = || batches.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    while let Some((ids, events, jobs)) = next() {
        client.execute(&statement, &[&ids, &events, &jobs]).await?;
    }
    Ok(())
}

async fn claim(client: Arc<Client>, batch: usize) -> Result<Vec<Vec<i64>>> {
    let text = CLAIM.replace("LIMIT 1000", &format!("LIMIT {batch}"));
    let statement = client.prepare(&text).await?;
    let mut batches = Vec::new();
    loop {
        let rows = client.query(&statement, &[]).await?;
        if rows.is_empty() {
            return Ok(batches);
        }
        batches.push(rows.iter().map(|row| row.get(0)).collect());
    }
}

async fn complete(client: Arc<Client>, batches: Vec<Vec<i64>>) -> Result<usize> {
    let statement = client.prepare(COMPLETE).await?;
    let mut done = 0;
    for batch in batches {
        done += client.execute(&statement, &[&batch]).await? as usize;
    }
    Ok(done)
}
