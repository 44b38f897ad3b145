//! Every SQLSTATE that matters, as an error of the contract. The server itself raises them where that can be arranged; for
//! the others a trigger does, which is how the mapping is held to its table.

mod support;

use std::{sync::Arc, time::Duration};

use blacksmith_store_core::{
    Clock, ErrorKind, EventId, Job, Options, Pause, Retry, SetClock, Store, StoreError, Toolkit,
};
use blacksmith_testing_postgres_server::{Server, Settings, shared};

use support::{Schema, adapters, connect, event, eventually, eventually_blocked};

type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// Fails to open a store.
async fn refused(options: Options) -> StoreError {
    match adapters().open(options).await {
        Ok(_) => panic!("the store was opened"),
        Err(error) => error,
    }
}

fn expect(error: &StoreError, kind: ErrorKind, retry: Retry, words: &str) {
    assert_eq!((error.kind(), error.retry()), (kind, retry), "{error:?}");
    assert!(error.to_string().contains(words), "{words:?} is missing: {error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_config() -> Result {
    let schema = Schema::absent();
    let url = shared().url("postgres").replace(&shared().password(), "guessed");
    let error = refused(schema.options_at(&url)).await;
    expect(&error, ErrorKind::Config, Retry::Never, "28P01");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_database_is_config() -> Result {
    let schema = Schema::absent();
    let error = refused(schema.options_at(&shared().url("nowhere"))).await;
    expect(&error, ErrorKind::Config, Retry::Never, "\"nowhere\" does not exist");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_does_not_exist_is_unavailable() {
    let options = Schema::absent().options_at("postgres://me@no-such-host.invalid/d");
    let error = refused(options).await;
    expect(&error, ErrorKind::Unavailable, Retry::Safe, "no-such-host.invalid:5432");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_connection_is_unavailable() -> Result {
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let error =
        refused(Schema::absent().options_at(&format!("postgres://me@127.0.0.1:{port}/d"))).await;
    expect(
        &error,
        ErrorKind::Unavailable,
        Retry::Safe,
        &format!("nothing takes connections there (127.0.0.1:{port})"),
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_swallows_is_unavailable() -> Result {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let url = format!("postgres://me@127.0.0.1:{port}/d?connect_timeout=1&sslmode=disable");
    let error = refused(Schema::absent().options_at(&url)).await;
    expect(&error, ErrorKind::Unavailable, Retry::Safe, "did not answer");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_that_the_server_does_not_have_is_config() {
    for mode in ["require", "verify-full"] {
        let schema = Schema::absent();
        let error = refused(schema.options_with(&format!("sslmode={mode}"))).await;
        expect(&error, ErrorKind::Config, Retry::Never, "");
    }
    let error = refused(Schema::absent().options_with("sslmode=require")).await;
    expect(&error, ErrorKind::Config, Retry::Never, "there is no TLS");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_schema_is_config_and_names_the_command() {
    let error = refused(Schema::absent().options()).await;
    expect(&error, ErrorKind::Config, Retry::Never, "blacksmith migrate up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_is_gone_is_config_and_names_the_command() -> Result {
    let schema = Schema::migrated().await?;
    let store = schema.open().await?;
    schema.client().await.batch_execute(&format!("DROP SCHEMA {} CASCADE", schema.name())).await?;
    let error = store.stats(&Toolkit::new()).await.expect_err("no tables");
    expect(&error, ErrorKind::Config, Retry::Never, "blacksmith migrate up");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_rights_is_config() -> Result {
    let schema = Schema::migrated().await?;
    let client = schema.client().await;
    let role = format!("{}_reader", schema.name());
    client
        .batch_execute(&format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'p'; GRANT USAGE ON SCHEMA {0} TO {role};
             GRANT SELECT ON ALL TABLES IN SCHEMA {0} TO {role}",
            schema.name()
        ))
        .await?;
    let url = shared().url("postgres");
    let host = url.rsplit_once('@').map_or("", |(_, host)| host);
    let store = adapters().open(schema.options_at(&format!("postgres://{role}:p@{host}"))).await?;
    let toolkit = Toolkit::new();
    store.stats(&toolkit).await?;
    let pause = Pause::new(toolkit.pause_id(), "crm", "me");
    let error = store.pause(&toolkit, pause).await.expect_err("no right to write");
    expect(&error, ErrorKind::Config, Retry::Never, "42501");
    drop(store);
    let name = schema.name();
    let drop_role = format!(
        "REVOKE ALL ON ALL TABLES IN SCHEMA {name} FROM {role}; REVOKE ALL ON SCHEMA {name} FROM {role}; DROP ROLE {role}"
    );
    client.batch_execute(&drop_role).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_connections_are_unavailable() -> Result {
    let schema = Schema::migrated().await?;
    let client = schema.client().await;
    let role = format!("{}_crowded", schema.name());
    client
        .batch_execute(&format!("CREATE ROLE {role} LOGIN PASSWORD 'p' CONNECTION LIMIT 0"))
        .await?;
    let url = shared().url("postgres");
    let host = url.rsplit_once('@').map_or("", |(_, host)| host);
    let error = refused(schema.options_at(&format!("postgres://{role}:p@{host}"))).await;
    expect(&error, ErrorKind::Unavailable, Retry::Safe, "53300");
    client.batch_execute(&format!("DROP ROLE {role}")).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_takes_no_writes_is_config() -> Result {
    let schema = Schema::migrated().await?;
    let options = schema.options_with("options=-c%20default_transaction_read_only%3Don");
    let store = adapters().open(options).await?;
    let toolkit = Toolkit::new();
    store.pauses(&toolkit).await?;
    let pause = Pause::new(toolkit.pause_id(), "crm", "me");
    let error = store.pause(&toolkit, pause).await.expect_err("read only");
    expect(&error, ErrorKind::Config, Retry::Never, "standby");
    Ok(())
}

/// A store whose statements may not wait long, and a client that makes them wait.
async fn blocked_by_a_lock(parameters: &str) -> Result<StoreError> {
    let schema = Schema::migrated().await?;
    let store = adapters().open(schema.options_with(parameters)).await?;
    let toolkit = Toolkit::new();
    let mut client = schema.client().await;
    let transaction = client.transaction().await?;
    transaction.batch_execute("LOCK TABLE pauses").await?;
    let error = store.pauses(&toolkit).await.expect_err("the table is locked");
    transaction.rollback().await?;
    // The store is as good as before.
    store.pauses(&toolkit).await?;
    Ok(error)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_timeout_is_a_timeout() -> Result {
    let error = blocked_by_a_lock("options=-c%20statement_timeout%3D100").await?;
    expect(&error, ErrorKind::Timeout, Retry::Safe, "57014");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_timeout_is_a_timeout() -> Result {
    let error = blocked_by_a_lock("options=-c%20lock_timeout%3D100").await?;
    expect(&error, ErrorKind::Timeout, Retry::Safe, "55P03");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_broken_and_the_call_succeeds() -> Result {
    let schema = Schema::migrated().await?;
    let store = schema.open().await?;
    let toolkit = Toolkit::new();
    let (first, second) = (event(&toolkit, &[]), event(&toolkit, &[]));
    let (first_id, second_id) = (first.id, second.id);
    store.add_events(&toolkit, vec![first, second]).await?;

    let lock =
        |id: EventId| (id.as_bytes().to_vec(), "SELECT FROM events WHERE id = $1 FOR UPDATE");
    let mut client = schema.client().await;
    let transaction = client.transaction().await?;
    let (id, text) = lock(second_id);
    transaction.execute(text, &[&id]).await?;
    let adding = tokio::spawn({
        let (store, toolkit) = (Arc::clone(&store), toolkit.clone());
        let job = |event| Job::new(toolkit.job_id(), "crm", "upsert").with_event_id(event);
        let jobs = vec![job(first_id), job(second_id)];
        async move { store.add_jobs(&toolkit, jobs).await }
    });
    eventually_blocked(&schema.client().await, "Keeps events from being purged").await;
    let (id, text) = lock(first_id);
    // One of the two is the victim. If it is this one, the store has what it waited for.
    if transaction.execute(text, &[&id]).await.is_ok() {
        transaction.commit().await?;
    } else {
        transaction.rollback().await?;
    }
    assert_eq!(adding.await??.jobs, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_that_cannot_be_put_in_a_row_are_tried_again() -> Result {
    let schema = Schema::migrated().await?;
    let parameters = "options=-c%20default_transaction_isolation%3Dserializable";
    let store = adapters().open(schema.options_with(parameters)).await?;
    let toolkit = Toolkit::new();
    for _ in 0..10 {
        store.add_events(&toolkit, (0..10).map(|_| event(&toolkit, &["crm"])).collect()).await?;
    }
    let claims = (0..8).map(|number| {
        let (store, toolkit) = (Arc::clone(&store), toolkit.clone());
        tokio::spawn(async move {
            let actor = format!("worker-{number}");
            let mut jobs = Vec::new();
            loop {
                let claimed = support::claim(&*store, &toolkit, &actor, "crm", 5).await?;
                if claimed.is_empty() {
                    return Ok::<_, StoreError>(jobs);
                }
                jobs.extend(claimed.into_iter().map(|job| job.id));
            }
        })
    });
    let mut claimed = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        claimed.append(&mut claim.await??);
    }
    claimed.sort_unstable();
    let all = claimed.len();
    claimed.dedup();
    assert_eq!((all, claimed.len()), (100, 100));
    Ok(())
}

/// A pause that is not told from another, so that its statements are prepared when a test begins.
async fn pause_once(store: &dyn Store) -> Result {
    let toolkit = Toolkit::new();
    let pause = Pause::new(toolkit.pause_id(), "warm", "me");
    let id = pause.id;
    store.pause(&toolkit, pause).await?;
    store.resume(&toolkit, id).await?;
    store.pauses(&toolkit).await?;
    Ok(())
}

/// What a terminated connection means to a call that waits: nothing of it reached the end.
async fn terminated(call: impl AsyncFnOnce(Arc<dyn Store>) -> StoreError) -> Result<StoreError> {
    let schema = Schema::migrated().await?;
    let store = schema.open().await?;
    pause_once(&*store).await?;
    let mut client = schema.client().await;
    let name = schema.name().to_owned();
    let transaction = client.transaction().await?;
    transaction.batch_execute("LOCK TABLE pauses").await?;
    let terminator = schema.client().await;
    let terminate = async {
        let text = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE wait_event_type = 'Lock' AND position($1 in query) > 0";
        eventually("the store's connection is terminated", || async {
            !terminator.query(text, &[&name]).await.expect("an answer").is_empty()
        })
        .await;
    };
    let (error, ()) = futures_util::future::join(call(Arc::clone(&store)), terminate).await;
    transaction.rollback().await?;
    // The next call has another connection.
    store.pauses(&Toolkit::new()).await?;
    Ok(error)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_an_administrator_ends_is_unavailable() -> Result {
    let error = terminated(async |store: Arc<dyn Store>| {
        store.pauses(&Toolkit::new()).await.expect_err("terminated")
    });
    expect(&error.await?, ErrorKind::Unavailable, Retry::Safe, "57P01");
    let error = terminated(async |store: Arc<dyn Store>| {
        let toolkit = Toolkit::new();
        let pause = Pause::new(toolkit.pause_id(), "crm", "me");
        store.pause(&toolkit, pause).await.expect_err("terminated")
    });
    expect(&error.await?, ErrorKind::Unavailable, Retry::OutcomeUnknown, "57P01");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sqlstate_that_a_statement_may_raise_is_mapped() -> Result {
    use ErrorKind::{Config, Corrupt, Internal, Timeout, Unavailable};
    let schema = Schema::migrated().await?;
    let store = schema.open().await?;
    let client = schema.client().await;
    client
        .batch_execute(
            "CREATE FUNCTION provoke() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
                BEGIN RAISE EXCEPTION 'provoked' USING ERRCODE = (SELECT max(reason) FROM provoked); END $$;
             CREATE TABLE provoked (reason text NOT NULL);
             CREATE TRIGGER provoke BEFORE INSERT ON pauses FOR EACH ROW EXECUTE FUNCTION provoke()",
        )
        .await?;
    let toolkit =
        Toolkit::new().with_clock(Clock::Set(SetClock::at("2026-01-01T00:00:00Z".parse()?)));
    for (code, kind, retry) in [
        ("28000", Config, Retry::Never),
        ("3F000", Config, Retry::Never),
        ("42P01", Config, Retry::Never),
        ("42703", Config, Retry::Never),
        ("25006", Config, Retry::Never),
        ("26000", Config, Retry::Never),
        ("42P05", Config, Retry::Never),
        ("22021", Config, Retry::Never),
        ("53100", Unavailable, Retry::Safe),
        ("53200", Unavailable, Retry::Safe),
        ("53300", Unavailable, Retry::Safe),
        ("53400", Unavailable, Retry::Safe),
        ("58030", Unavailable, Retry::Safe),
        ("40001", Unavailable, Retry::Safe),
        ("40P01", Unavailable, Retry::Safe),
        ("40003", Unavailable, Retry::OutcomeUnknown),
        ("57P01", Unavailable, Retry::OutcomeUnknown),
        ("57P02", Unavailable, Retry::OutcomeUnknown),
        ("57P03", Unavailable, Retry::OutcomeUnknown),
        ("08006", Unavailable, Retry::OutcomeUnknown),
        ("57014", Timeout, Retry::Safe),
        ("55P03", Timeout, Retry::Safe),
        ("25P04", Timeout, Retry::Safe),
        ("XX001", Corrupt, Retry::Never),
        ("XX002", Corrupt, Retry::Never),
        ("XX000", Internal, Retry::Never),
        ("22012", Internal, Retry::Never),
    ] {
        client.execute("DELETE FROM provoked", &[]).await?;
        client.execute("INSERT INTO provoked VALUES ($1)", &[&code]).await?;
        let pause = Pause::new(toolkit.pause_id(), "crm", "me");
        let error = store.pause(&toolkit, pause).await.expect_err(code);
        expect(&error, kind, retry, code);
        assert_eq!(error.operation(), "pause");
    }
    Ok(())
}

/// A full disk is a small one: a tablespace on a file system in memory. Only root can mount it.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_unavailable_and_nothing_is_half_stored() -> Result {
    let server = Server::start_with(&Settings::new())?;
    let Some(disk) = SmallDisk::mount(&server) else {
        eprintln!("a full disk was not tried: this user cannot mount a small file system");
        return Ok(());
    };
    let schema = Schema::migrated_at(&server.url("postgres")).await?;
    let client = schema.client().await;
    let tablespace = format!("{}_small", schema.name());
    let location = disk.folder.path().join("space");
    client
        .batch_execute(&format!("CREATE TABLESPACE {tablespace} LOCATION '{}'", location.display()))
        .await?;
    client.batch_execute(&format!("ALTER TABLE events SET TABLESPACE {tablespace}")).await?;
    let store = schema.open().await?;
    let toolkit = Toolkit::new();
    let payload: Vec<u8> =
        (0..1_000_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    let mut stored = 0;
    let error = loop {
        let large = event(&toolkit, &["crm"]).with_data(payload.clone());
        match store.add_events(&toolkit, vec![large]).await {
            Ok(added) => stored += added.events,
            Err(error) => break error,
        }
    };
    expect(&error, ErrorKind::Unavailable, Retry::Safe, "53100");
    let queues = store.stats(&toolkit).await?;
    assert_eq!(queues.first().map_or(0, |queue| queue.counts.acknowledged), stored);
    drop(store);
    client.batch_execute(&format!("DROP SCHEMA {} CASCADE", schema.name())).await?;
    client.batch_execute(&format!("DROP TABLESPACE {tablespace}")).await?;
    Ok(())
}

struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    fn mount(server: &Server) -> Option<Self> {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt, chown};
        // The server was started by this process, so its folder tells its user.
        let user = std::fs::metadata(server.socket_folder()?).ok()?;
        let folder = tempfile::tempdir_in("/tmp").ok()?;
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=12m", "tmpfs"]).arg(folder.path());
        let mounted = mount.stderr(std::process::Stdio::null()).status().ok()?;
        if !mounted.success() {
            return None;
        }
        let disk = Self { folder };
        let space = disk.folder.path().join("space");
        std::fs::create_dir(&space).ok()?;
        chown(&space, Some(user.uid()), Some(user.gid())).ok()?;
        std::fs::set_permissions(disk.folder.path(), PermissionsExt::from_mode(0o755)).ok()?;
        Some(disk)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted =
            std::process::Command::new("umount").arg("-l").arg(self.folder.path()).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("the small file system at {} is still mounted", self.folder.path().display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_before_anything_is_sent_is_safe() -> Result {
    let schema = Schema::migrated().await?;
    let mut options = schema.options();
    options.context.insert("pool_size".into(), "1".into());
    let store = adapters().open(options).await?;
    let mut client = schema.client().await;
    let transaction = client.transaction().await?;
    transaction.batch_execute("LOCK TABLE pauses").await?;
    // The one connection is busy.
    let waiting = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.pauses(&Toolkit::new()).await }
    });
    eventually_blocked(&schema.client().await, schema.name()).await;
    let hurried = Toolkit::new().with_timeout(Duration::from_millis(50));
    let pause = Pause::new(hurried.pause_id(), "crm", "me");
    let error = store.pause(&hurried, pause).await.expect_err("no connection in time");
    expect(&error, ErrorKind::Timeout, Retry::Safe, "deadline");
    transaction.rollback().await?;
    assert_eq!(waiting.await??, []);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_while_the_server_works_cancels_the_statement() -> Result {
    let schema = Schema::migrated().await?;
    let store = schema.open().await?;
    pause_once(&*store).await?;
    let mut client = schema.client().await;
    let transaction = client.transaction().await?;
    transaction.batch_execute("LOCK TABLE pauses").await?;
    let hurried = Toolkit::new().with_timeout(Duration::from_millis(200));
    let pause = Pause::new(hurried.pause_id(), "crm", "me");
    let error = store.pause(&hurried, pause).await.expect_err("the table is locked");
    expect(&error, ErrorKind::Timeout, Retry::OutcomeUnknown, "deadline");
    let looker = connect(&shared().url("postgres")).await;
    let text = "SELECT count(*) FROM pg_stat_activity WHERE position($1 in query) > 0 AND state <> 'idle' AND wait_event_type = 'Lock'";
    eventually("the statement is cancelled", || async {
        looker.query_one(text, &[&schema.name()]).await.expect("an answer").get::<_, i64>(0) == 0
    })
    .await;
    transaction.rollback().await?;
    assert_eq!(store.pauses(&Toolkit::new()).await?, []);
    Ok(())
}
