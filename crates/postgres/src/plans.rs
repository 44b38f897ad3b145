//! Tests that pin the plans of the hot statements: which index serves them, on a million jobs after ANALYZE, on empty tables and
//! under churn, and that none of them reads a large table from end to end.
//!
//! A plan that was made while the tables were empty is used until something has them analysed, so it matters as much.

use std::fmt::Write as _;

use blacksmith_store_core::{
    Count, Options, Order, Status, WhereEvents, WhereJobs, WhereTransitions,
};
use blacksmith_testing_postgres_server::{Server, Settings};
use tokio_postgres::{Client, types::Type};

use crate::{
    connection::Database,
    queues::Queues,
    searching,
    settings::Settings as StoreSettings,
    statement::{BEGIN, Statement, Texts},
};

type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// Tables that no statement may read from end to end.
const LARGE: [&str; 4] = ["events", "jobs", "live", "log"];

async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// A server with an empty store.
async fn server() -> Result<(Server, Client)> {
    // Autovacuum would decide when the tables are analysed; here the tests do.
    let server =
        Server::start_with(&Settings::new().with("autovacuum", "off").with("work_mem", "64MB"))?;
    let client = connect(&server.url("postgres")).await?;
    let options = options(&server);
    let adapters = blacksmith_store_core::AvailableAdapters::new().with(crate::adapter())?;
    adapters.migrator(&options).await?.up(None).await?;
    client.batch_execute("SET search_path = blacksmith_store").await?;
    Ok((server, client))
}

fn options(server: &Server) -> Options {
    Options::new("postgres").with_connection(server.url("postgres"))
}

/// Stores this many finished jobs and as many that wait, with a run for every hundredth of these. Of three queues, one has few.
async fn fill(client: &Client, finished: usize, waiting: usize) -> Result {
    let id = |prefix: &str, number: &str| {
        format!("decode('{prefix}' || lpad(to_hex({number}), 38, '0'), 'hex')")
    };
    let mut text = String::new();
    let _ = write!(
        text,
        "INSERT INTO queues VALUES (1, 'crm', 'a'), (2, 'crm', 'b'), (3, 'erp', 'a') ON CONFLICT DO NOTHING;
         CREATE TEMP TABLE numbers AS SELECT n, '2026-01-01'::timestamptz + n * interval '1 ms' AS at, CASE WHEN n % 10000 = 0 THEN 3 ELSE n % 2 + 1 END AS queue
            FROM generate_series(1, {total}) n;
         INSERT INTO events (received_at, ingested_at, lane, id, source, trigger, data)
            SELECT at, at, n % 1024, {event}, 'github', 'push', repeat('x', 200)::bytea FROM numbers;
         INSERT INTO jobs (created_at, first_at, queue, lane, first_state, id, event_id, first_id, data)
            SELECT at, at, queue, n % 1024, 0, {job}, {event}, {first}, repeat('x', 200)::bytea FROM numbers;
         INSERT INTO log (exec_at, end_at, queue, attempt, sequence, lane, before, after, job_id, event_id, exec_id, end_id, actor)
            SELECT at, at, queue, 1, 2, n % 1024, 0, CASE WHEN n > {finished} - 3 * {finished} / 10 THEN 5 ELSE 3 END, {job},
                {event}, {start}, {end}, 'worker' FROM numbers WHERE n <= {finished};
         INSERT INTO live (run_at, tr_at, queue, attempt, sequence, lane, status, before, job_id, event_id, tr_id)
            SELECT at, CASE WHEN n % 100 = 0 THEN at END, queue, (n % 100 = 0)::int4, (n % 100 = 0)::int4, n % 1024,
                CASE WHEN n % 100 = 0 THEN 2 ELSE 0 END, CASE WHEN n % 100 = 0 THEN 0 END, {job}, {event},
                CASE WHEN n % 100 = 0 THEN {start} END FROM numbers WHERE n > {finished};
         INSERT INTO claims (lease_until, low, high, queue, id, last_id, call, actor)
            SELECT at, at, at, queue, {start}, {start}, {start}, 'worker' FROM numbers WHERE n > {finished} AND n % 100 = 0;
         INSERT INTO tally SELECT count(*), queue, 3 FROM log GROUP BY queue;
         INSERT INTO tally SELECT count(*), queue, status FROM live GROUP BY queue, status;
         DROP TABLE numbers;",
        total = finished + waiting,
        event = id("10", "n"),
        job = id("20", "n"),
        first = id("30", "n"),
        start = id("40", "n"),
        end = id("50", "n"),
    );
    client.batch_execute(&text).await?;
    Ok(())
}

/// A value for each parameter of a statement, as SQL, with arrays of a thousand.
fn argument(kind: &Type) -> &'static str {
    match *kind {
        Type::INT2_ARRAY => "array_fill(3::int2, ARRAY[1000])",
        Type::INT4_ARRAY => "array_fill(1, ARRAY[1000])",
        Type::INT8_ARRAY => "array_fill(1::int8, ARRAY[1000])",
        Type::TEXT_ARRAY => "array_fill(NULL::text, ARRAY[1000])",
        Type::BYTEA_ARRAY => "array_fill(decode(repeat('20', 20), 'hex'), ARRAY[1000])",
        Type::TIMESTAMPTZ_ARRAY => "array_fill('2026-01-01'::timestamptz, ARRAY[1000])",
        Type::INT8 => "1000::int8",
        Type::INT4 => "1",
        Type::BOOL => "true",
        Type::TEXT => "'worker'::text",
        Type::BYTEA => "decode(repeat('20', 20), 'hex')",
        Type::TIMESTAMPTZ => "'2026-06-01'::timestamptz",
        _ => panic!("a statement has a parameter of the type {kind}"),
    }
}

/// The plan of a statement: the one for whatever comes, or the one for these values.
async fn explain(client: &Client, statement: Statement, mode: &str) -> Result<String> {
    let texts = Texts::new(crate::DEFAULT_SCHEMA);
    let types: Vec<&str> = statement.types().iter().map(Type::name).collect();
    let types: Vec<String> = types
        .iter()
        .map(|name| name.strip_prefix('_').map_or((*name).to_owned(), |name| format!("{name}[]")))
        .collect();
    let parameters =
        if types.is_empty() { String::new() } else { format!("({})", types.join(", ")) };
    let arguments: Vec<&str> = statement.types().iter().map(argument).collect();
    let arguments =
        if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) };
    client
        .batch_execute(&format!(
            "{BEGIN}; SET LOCAL plan_cache_mode = {mode}; PREPARE explained{parameters} AS {}",
            texts.of(statement)
        ))
        .await?;
    let rows = client.query(&format!("EXPLAIN EXECUTE explained{arguments}"), &[]).await?;
    client.batch_execute("DEALLOCATE explained; ROLLBACK").await?;
    let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    Ok(lines.join("\n"))
}

/// The column that an index begins with. One that is read without a condition on it is read as a whole.
fn leading(index: &str) -> &'static str {
    match index {
        "events_pkey" | "jobs_pkey" => "id",
        "events_source" => "source",
        "jobs_event" => "event_id",
        "jobs_queue" | "live_job" | "live_due" | "log_final" => "queue",
        "jobs_first" => "first_id",
        "log_job" => "job_id",
        "log_exec" => "exec_id",
        "log_end" => "end_id",
        _ => panic!("a plan reads the index {index}"),
    }
}

/// What is read from end to end in a plan: a large table, or one of its indexes.
fn read_as_a_whole(plan: &str) -> Option<&str> {
    let lines: Vec<&str> = plan.lines().collect();
    lines.iter().enumerate().find_map(|(number, line)| {
        let (scan, table) = line.split_once(" on ")?;
        let table = table.split(' ').next()?;
        if !LARGE.contains(&table) || !scan.contains("Scan") {
            return None;
        }
        let Some((_, index)) = scan.split_once(" using ") else { return Some(*line) };
        let condition = lines.get(number + 1).and_then(|next| next.split_once("Index Cond: "));
        let mut words = condition
            .map_or("", |(_, condition)| condition)
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        (!words.any(|word| word == leading(index))).then_some(*line)
    })
}

fn check(plan: &str, name: &str, when: &str, indexes: &[&str]) {
    if let Some(line) = read_as_a_whole(plan) {
        panic!("{name} {when} reads all of something, {}:\n{plan}", line.trim());
    }
    for index in indexes {
        assert!(plan.contains(index), "{name} {when} does not use {index}:\n{plan}");
    }
}

/// The hot statements, and the indexes that serve them.
const HOT: [(&str, Statement, &[&str]); 18] = [
    ("claim of 10", Statement::CLAIM_10, &["live_due", "live_job", "jobs_pkey", "events_pkey"]),
    ("claim of 100", Statement::CLAIM_100, &["live_due", "live_job", "jobs_pkey", "events_pkey"]),
    (
        "claim of 1,000",
        Statement::CLAIM_1000,
        &["live_due", "live_job", "jobs_pkey", "events_pkey"],
    ),
    (
        "claim of 10,000",
        Statement::CLAIM_10000,
        &["live_due", "live_job", "jobs_pkey", "events_pkey"],
    ),
    ("peek", Statement::PEEK_1000, &["live_due"]),
    ("outcome", Statement::OUTCOME, &["live_job"]),
    ("insert", Statement::INSERT, &["log_exec", "log_end", "claims_pkey"]),
    ("stats", Statement::STATS, &["live_due"]),
    ("executing", Statement::EXECUTING, &["live_due"]),
    ("expiring", Statement::EXPIRING, &["live_due"]),
    ("expire", Statement::EXPIRE, &["live_job"]),
    (
        "transitions",
        Statement::TRANSITIONS,
        &["jobs_first", "log_exec", "log_end", "claims_pkey", "live_due"],
    ),
    ("latest", Statement::LATEST, &["log_job"]),
    ("locking live", Statement::LIVE_LOCK, &["live_job"]),
    ("taking out of live", Statement::LIVE_REMOVE, &["live_job"]),
    ("purge", Statement::PURGE_DELETE, &["live_job", "log_job", "jobs_pkey", "events_pkey"]),
    ("jobs", Statement::JOBS, &["jobs_pkey", "live_job", "log_job"]),
    ("jobs of events", Statement::JOBS_OF_EVENTS, &["jobs_event", "live_job", "log_job"]),
];

async fn check_all(client: &Client, when: &str, modes: &[&str]) -> Result {
    for (name, statement, indexes) in HOT {
        for mode in modes {
            let plan = explain(client, statement, mode).await?;
            check(&plan, name, &format!("{when}, {mode}"), indexes);
        }
    }
    for statement in Statement::all().filter(|statement| !statement.is_small()) {
        let plan = explain(client, statement, "force_generic_plan").await?;
        check(&plan, &format!("{statement:?}"), when, &[]);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn hot_statements_use_their_indexes_on_a_million_jobs_and_on_none() -> Result {
    let (server, client) = server().await?;
    check_all(&client, "on empty tables", &["force_generic_plan"]).await?;
    // A queue that was drained is vacuumed to no page: then every way to read it costs the same, and with the first rows that
    // come, of which nothing is known, nearly the same.
    client.batch_execute("VACUUM ANALYZE").await?;
    check_all(&client, "on tables vacuumed while empty", &["force_generic_plan"]).await?;
    fill(&client, 0, 100).await?;
    check_all(&client, "on the first hundred jobs", &["force_generic_plan"]).await?;
    client.batch_execute("DELETE FROM live").await?;
    client.batch_execute("VACUUM ANALYZE live").await?;
    check_all(&client, "on a queue that was drained", &["force_generic_plan"]).await?;
    client.batch_execute("TRUNCATE events, jobs, live, log, claims, tally").await?;
    fill(&client, 1_000, 100).await?;
    client.batch_execute("ANALYZE").await?;
    check_all(&client, "on a thousand jobs", &["force_generic_plan"]).await?;

    client.batch_execute("TRUNCATE events, jobs, live, log, claims, tally").await?;
    fill(&client, 700_000, 300_000).await?;
    client.batch_execute("ANALYZE").await?;
    check_all(&client, "on a million jobs", &["force_generic_plan", "force_custom_plan"]).await?;

    // A backlog of which nothing executes: the state of an executing row is then one that no row has.
    client.batch_execute("UPDATE live SET status = 0; ANALYZE live").await?;
    check_all(&client, "on a backlog", &["force_generic_plan", "force_custom_plan"]).await?;

    // Under churn: the rows that were counted are gone, and others are there, uncounted.
    client.batch_execute("DELETE FROM live; DELETE FROM claims").await?;
    fill_more(&client).await?;
    check_all(&client, "under churn", &["force_generic_plan"]).await?;
    searches_use_their_indexes(&server, &client).await
}

/// Jobs that came after the tables were analysed.
async fn fill_more(client: &Client) -> Result {
    client
        .batch_execute(
            "INSERT INTO live (run_at, queue, attempt, sequence, lane, status, job_id, event_id)
             SELECT j.first_at + interval '1 day', j.queue, 0, 0, j.lane, 0, j.id, j.event_id FROM jobs j WHERE j.lane < 50",
        )
        .await?;
    Ok(())
}

/// Searches are planned for their values each time.
async fn searches_use_their_indexes(server: &Server, client: &Client) -> Result {
    client.batch_execute("TRUNCATE events, jobs, live, log, claims, tally").await?;
    // The newest 300,000 finished jobs are of another state than the rest.
    fill(client, 1_000_000, 20_000).await?;
    client.batch_execute("ANALYZE").await?;
    let of_crm = |statuses: &[Status]| {
        let transitions = WhereTransitions::default().with_status_in(statuses.iter().copied());
        let jobs = WhereJobs::default().with_destinations_in(["crm"]).with_actions_in(["a"]);
        WhereEvents::default().with_jobs(jobs.with_transitions(transitions))
    };
    for (name, filter, index) in [
        ("succeeded jobs of a queue", of_crm(&[Status::Succeeded]), "log_final"),
        ("discarded jobs of a queue", of_crm(&[Status::Discarded]), "log_final"),
        ("ended jobs of a queue", of_crm(&[Status::Succeeded, Status::Discarded]), "log_final"),
        ("waiting jobs of a queue", of_crm(&[Status::Acknowledged]), "live_job"),
        (
            "jobs of a queue that has few",
            WhereEvents::default().with_jobs(WhereJobs::default().with_destinations_in(["erp"])),
            "jobs_queue",
        ),
        ("jobs", WhereEvents::default(), "jobs_pkey"),
    ] {
        for order in [Order::Newest, Order::Oldest] {
            let filter = filter.clone().with_order(order).with_limit(100).with_count(Count::None);
            let begun = std::time::Instant::now();
            let plan = plan_of_search(server, &filter).await?;
            assert!(plan.contains(index), "{name} does not use {index}:\n{plan}");
            for table in LARGE {
                let reads_all = plan.contains(&format!("Seq Scan on {table} "));
                assert!(!reads_all, "{name} reads {table} from end to end:\n{plan}");
            }
            assert!(begun.elapsed().as_secs() < 5, "{name} took {:?}", begun.elapsed());
        }
    }
    Ok(())
}

/// The plans of the statements that a search for jobs sends.
async fn plan_of_search(server: &Server, filter: &WhereEvents) -> Result<String> {
    let settings = StoreSettings::of(&options(server))?;
    let database = Database::new(&settings, None)?;
    let session =
        database.session_until(None).await.map_err(blacksmith_store_core::StoreError::from)?;
    let sent =
        searching::plan_of_jobs(&session, crate::DEFAULT_SCHEMA, &Queues::default(), filter).await;
    Ok(sent.map_err(blacksmith_store_core::StoreError::from)?)
}
