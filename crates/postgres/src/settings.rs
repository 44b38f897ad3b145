//! What the options say.

use std::{str::FromStr, time::Duration};

use blacksmith_store_core::{Options, Result, StoreError};
use tokio_postgres::{Config, config::Host};

use crate::tls::{Tls, TlsMode};

/// The schema that holds the store unless the options name another.
pub const DEFAULT_SCHEMA: &str = "blacksmith_store";

/// Connections that a store opens at most unless the options say otherwise.
const DEFAULT_POOL_SIZE: usize = 10;

/// How long a connection may take to come about, unless the connection string says otherwise.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest identifier that PostgreSQL keeps whole.
const MAX_IDENTIFIER_BYTES: usize = 63;

/// The setting that names the schema.
pub(crate) const SCHEMA: &str = "schema";

/// The names of what `Options::context` may hold.
const KNOWN: [&str; 4] = [SCHEMA, "pool_size", "listen", "prepared_statements"];

/// What the options of a store say.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) config: Config,
    pub(crate) tls: Tls,
    pub(crate) schema: String,
    pub(crate) pool_size: usize,
    /// How other processes are heard.
    pub(crate) listen: Listen,
    /// Whether statements are prepared once a connection.
    pub(crate) prepared_statements: bool,
}

/// How a store hears of what other processes commit.
#[derive(Clone)]
pub(crate) enum Listen {
    /// Not at all, and it tells them nothing.
    Off,
    /// By a connection of its own to this place.
    On(Box<(Config, Tls)>),
}

impl Settings {
    /// The settings that `options` ask for.
    ///
    /// # Errors
    /// `Config` for what cannot work; the connection string, a secret, is never repeated.
    pub(crate) fn of(options: &Options) -> Result<Self> {
        options.check_context(&KNOWN)?;
        let Some(connection) = options.expose_connection() else {
            return Err(StoreError::config(
                "the adapter \"postgres\" needs a connection: a URL such as postgres://user@host/database",
            ));
        };
        let (config, tls) = place("the connection", connection)?;
        let text = |key: &str| options.context.get(key).map(String::as_str);
        let listen = match text("listen") {
            None | Some("on" | "true") => Listen::On(Box::new((config.clone(), tls.clone()))),
            Some("off" | "false") => Listen::Off,
            Some(other) => Listen::On(Box::new(place("`context.listen`", other)?)),
        };
        Ok(Self {
            config,
            tls,
            schema: schema(text(SCHEMA).unwrap_or(DEFAULT_SCHEMA))?,
            pool_size: pool_size(text("pool_size"))?,
            listen,
            prepared_statements: switch("prepared_statements", text("prepared_statements"))?,
        })
    }
}

/// Where a connection string leads, and how connections are protected. It is a secret, and so are the parser's own words, which
/// may repeat a part of it.
fn place(what: &str, connection: &str) -> Result<(Config, Tls)> {
    let (connection, mode) = TlsMode::taken_from(connection)?;
    let mut config = Config::from_str(&connection).map_err(|_| {
        StoreError::config(format!(
            "{what} is no connection string of PostgreSQL: write a URL such as \
             postgres://user:password@host:5432/database, with what is special in a password as %40, or pairs such as \
             host=… user=… dbname=…"
        ))
    })?;
    complete(&mut config);
    let tls = Tls::new(&mode)?;
    config.ssl_mode(tls.mode());
    Ok((config, tls))
}

/// Fills in what the connection string leaves open.
fn complete(config: &mut Config) {
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        config.host("localhost");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_application_name().is_none() {
        config.application_name("blacksmith-store");
    }
}

/// Where a configuration leads, for an error's text: hosts and ports, nothing secret.
pub(crate) fn address(config: &Config) -> String {
    let ports = config.get_ports();
    let hosts = config.get_hosts().iter().enumerate().map(|(index, host)| {
        let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
        match host {
            Host::Tcp(host) => format!("{host}:{port}"),
            Host::Unix(folder) => format!("{}, port {port}", folder.display()),
        }
    });
    hosts.collect::<Vec<_>>().join(", ")
}

fn schema(name: &str) -> Result<String> {
    if name.is_empty() || name.len() > MAX_IDENTIFIER_BYTES || name.contains('\0') {
        return Err(StoreError::config(format!(
            "`context.schema` is {name:?}; the name of a schema has 1 to {MAX_IDENTIFIER_BYTES} bytes"
        )));
    }
    Ok(name.to_owned())
}

fn pool_size(text: Option<&str>) -> Result<usize> {
    let Some(text) = text else {
        return Ok(DEFAULT_POOL_SIZE);
    };
    match text.parse() {
        Ok(size) if (1..=1_000).contains(&size) => Ok(size),
        _ => Err(StoreError::config(format!(
            "`context.pool_size` is {text:?}; it is a number from 1 to 1000"
        ))),
    }
}

fn switch(key: &str, text: Option<&str>) -> Result<bool> {
    match text {
        None | Some("on" | "true") => Ok(true),
        Some("off" | "false") => Ok(false),
        Some(text) => {
            Err(StoreError::config(format!("`context.{key}` is {text:?}; it is on or off")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str, context: &[(&str, &str)]) -> Result<Settings> {
        let options = Options::new("postgres").with_connection(url);
        Settings::of(
            &context
                .iter()
                .fold(options, |options, (key, value)| options.with_context(*key, *value)),
        )
    }

    #[test]
    fn what_is_not_said_has_a_default() -> Result<()> {
        let settings = settings("postgres://me@/d", &[])?;
        assert_eq!(settings.schema, "blacksmith_store");
        assert_eq!(settings.pool_size, 10);
        assert!(matches!(settings.listen, Listen::On(_)) && settings.prepared_statements);
        assert_eq!(settings.config.get_connect_timeout(), Some(&Duration::from_secs(10)));
        Ok(())
    }

    #[test]
    fn what_cannot_work_is_named_and_no_password_is_repeated() {
        let url = "postgres://me:s3cret@h/d";
        for (url, context) in [
            (url, vec![("schema", "")]),
            (url, vec![("pool_size", "0")]),
            (url, vec![("pool_size", "many")]),
            (url, vec![("listen", "perhaps")]),
            (url, vec![("shema", "x")]),
            ("postgres://me:s3cret@h/d?s3cret=1", vec![]),
            ("postgres://me:s3cret@h:port/d", vec![]),
            ("host=h password='s3cret", vec![]),
            ("s3cret", vec![]),
        ] {
            let error = settings(url, &context).err().expect(url);
            assert_eq!(error.kind(), blacksmith_store_core::ErrorKind::Config, "{url}");
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
        }
    }
}
