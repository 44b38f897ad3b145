//! TLS by `sslmode`, against a server with a certificate of its own.

mod support;

use std::{os::unix::fs::MetadataExt as _, path::PathBuf, process::Command};

use blacksmith_store_core::{ErrorKind, Toolkit};
use blacksmith_testing_postgres_server::{Server, Settings};

use support::{Schema, adapters, connect};

type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// A server that speaks TLS, with the certificate that its authority is known by.
struct TlsServer {
    server: Server,
    authority: PathBuf,
}

impl TlsServer {
    /// None where no certificate can be made.
    async fn start() -> Result<Option<Self>> {
        let server = Server::start_with(&Settings::new())?;
        let folder = server.socket_folder().ok_or("it was started here")?.to_owned();
        let (key, authority) = (folder.join("server.key"), folder.join("server.crt"));
        let made = Command::new("openssl")
            .args(["req", "-new", "-x509", "-days", "2", "-nodes", "-subj", "/CN=localhost"])
            .args(["-addext", "subjectAltName=DNS:localhost", "-newkey", "rsa:2048"])
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&authority)
            .output();
        if !made.is_ok_and(|made| made.status.success()) {
            return Ok(None);
        }
        let owner = std::fs::metadata(&folder)?;
        for file in [&key, &authority] {
            std::os::unix::fs::chown(file, Some(owner.uid()), Some(owner.gid()))?;
        }
        let client = connect(&server.url("postgres")).await;
        for (name, value) in [
            ("ssl_cert_file", authority.display().to_string()),
            ("ssl_key_file", key.display().to_string()),
            ("ssl", "on".to_owned()),
        ] {
            let set = client.batch_execute(&format!("ALTER SYSTEM SET {name} = '{value}'")).await;
            // A server may be built without TLS.
            let Ok(()) = set else { return Ok(None) };
        }
        client.execute("SELECT pg_reload_conf()", &[]).await?;
        support::eventually("the server speaks TLS", || async {
            let row = client.query_one("SHOW ssl", &[]).await.expect("an answer");
            row.get::<_, &str>(0) == "on"
        })
        .await;
        Ok(Some(Self { server, authority }))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_sslmode_protects_as_much_as_it_says() -> Result {
    let Some(TlsServer { server, authority }) = TlsServer::start().await? else {
        eprintln!(
            "TLS was not tried: the server has none, or openssl is not there to make a certificate"
        );
        return Ok(());
    };
    let schema = Schema::migrated_at(&server.url("postgres")).await?;
    let by_name = server.url("postgres").replace("127.0.0.1", "localhost");
    let by_address = server.url("postgres");
    let trusted = format!("sslrootcert={}", authority.display());
    let is_encrypted = async |url: String| -> Result<bool, ErrorKind> {
        let options = schema.options_at(&url).with_context("listen", "on");
        let store = adapters().open(options).await.map_err(|error| error.kind())?;
        store.stats(&Toolkit::new()).await.map_err(|error| error.kind())?;
        let _wakeups = store.wakeups(&Toolkit::new()).await.map_err(|error| error.kind())?;
        let text = "SELECT bool_and(s.ssl) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
            WHERE a.application_name = 'blacksmith-store' AND (position($1 in a.query) > 0 OR a.query LIKE 'LISTEN%')";
        let looker = connect(&server.url("postgres")).await;
        Ok(looker.query_one(text, &[&schema.name()]).await.expect("an answer").get(0))
    };
    for (url, expected) in [
        (format!("{by_name}?sslmode=disable"), Ok(false)),
        (by_name.clone(), Ok(true)),
        (format!("{by_address}?sslmode=require"), Ok(true)),
        (format!("{by_address}?sslmode=verify-ca&{trusted}"), Ok(true)),
        (format!("{by_address}?sslmode=require&{trusted}"), Ok(true)),
        (format!("{by_name}?sslmode=verify-full&{trusted}"), Ok(true)),
        // The certificate is for another name, or of an authority that nobody knows.
        (format!("{by_address}?sslmode=verify-full&{trusted}"), Err(ErrorKind::Config)),
        (format!("{by_name}?sslmode=verify-ca"), Err(ErrorKind::Config)),
        (format!("{by_name}?sslmode=verify-full"), Err(ErrorKind::Config)),
    ] {
        let shown = url.split_once('?').map_or("prefer", |(_, query)| query).to_owned();
        assert_eq!(is_encrypted(url).await, expected, "{shown}");
        // The connections of the store before are gone.
        support::eventually("the store is closed", || async {
            let looker = connect(&server.url("postgres")).await;
            let text =
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'blacksmith-store'";
            looker.query_one(text, &[]).await.expect("an answer").get::<_, i64>(0) == 0
        })
        .await;
    }
    Ok(())
}
