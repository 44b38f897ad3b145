//! Which store to open, and how.

use std::{collections::BTreeMap, fmt, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::{Result, StoreError, WhereEvents, lenient, parse_toml};

/// The environment variable that holds a store's URL.
pub const ENV_URL: &str = "BLACKSMITH_STORE_URL";

/// The Go package's environment variable; read only when `from` is `postgres` and nothing else is given.
pub const ENV_POSTGRES_URL: &str = "POSTGRES_STORE_URL";

/// Which adapter to use, and what it gets. Blacksmith: `store.Options`.
///
/// `connection` is a secret: it is neither written to nor read from JSON, and no `Debug`, log line or error prints it.
/// Options come from a struct, [a URL](Options::from_url), [TOML](Options::from_toml) and [the environment](Options::or_env);
/// what is explicit wins.
///
/// ```
/// use blacksmith_store_core::Options;
///
/// let options = Options::from_url("sqlite://dev.db?synchronous=normal")?;
/// assert_eq!(options.from, "sqlite");
/// assert_eq!(options.context["synchronous"], "normal");
/// # Ok::<(), blacksmith_store_core::StoreError>(())
/// ```
#[derive(Clone, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Options {
    /// The name of an adapter in [`AvailableAdapters`](crate::AvailableAdapters).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from: String,
    /// Settings of the adapter by name; it refuses those it does not know.
    #[serde(skip)]
    pub context: BTreeMap<String, String>,
    /// The connection string, a secret: a URL or whatever the adapter takes.
    #[serde(skip)]
    pub connection: Option<SecretString>,
    /// What to purge, how often; the scheduler does it.
    #[serde(default, deserialize_with = "lenient::list", skip_serializing_if = "Vec::is_empty")]
    pub purge: Vec<PurgePolicy>,
}

/// What to purge, and how often. Blacksmith: `store.PurgePolicy`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PurgePolicy {
    /// What the policy is called in logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The events to delete, with their jobs and transitions.
    #[serde(rename = "where")]
    pub filter: WhereEvents,
    /// Spares events that were ingested less than this ago; in text such as `30d` or `12h`.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "duration_text")]
    pub older_than: Option<Duration>,
    /// `@hourly`, `@daily`, `@weekly`, `@every 6h`, or a cron expression.
    pub interval: String,
}

impl PurgePolicy {
    /// A policy that deletes what matches `filter`, every `interval`.
    pub fn new(filter: WhereEvents, interval: impl Into<String>) -> Self {
        Self { name: None, filter, older_than: None, interval: interval.into() }
    }

    /// The same with a name.
    pub fn with_name(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// The same, sparing events that were ingested less than `age` ago.
    pub fn with_older_than(self, age: Duration) -> Self {
        Self { older_than: Some(age), ..self }
    }
}

/// The table `[store]` of a TOML document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct Table {
    url: Option<SecretString>,
    from: Option<String>,
    connection: Option<SecretString>,
    #[serde(default)]
    context: BTreeMap<String, toml::Value>,
    #[serde(default)]
    purge: Vec<PurgePolicy>,
}

#[derive(Deserialize)]
struct Document {
    store: Option<Table>,
}

impl Options {
    /// Options for the adapter called `from`. Everything else is a public field.
    pub fn new(from: impl Into<String>) -> Self {
        Self { from: from.into(), ..Self::default() }
    }

    /// The options that apply where nothing is set. Blacksmith: `store.Defaults`.
    pub fn defaults() -> Self {
        Self::default()
    }

    /// The same with a connection string.
    pub fn with_connection(self, connection: impl Into<String>) -> Self {
        Self { connection: Some(connection.into().into()), ..self }
    }

    /// The same with one more setting for the adapter.
    pub fn with_context(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.context.insert(key.into(), value.into());
        self
    }

    /// The same with one more purge policy.
    pub fn with_purge(mut self, policy: PurgePolicy) -> Self {
        self.purge.push(policy);
        self
    }

    /// Options from a URL, whose scheme is the adapter's name: `sqlite://dev.db`, `memory:`, `postgres://user@host/database`
    /// (also `postgresql:`).
    ///
    /// For `sqlite` and `memory` the query's parameters become `context`; for every other adapter the URL stays whole, as
    /// `connection`. One whose connection is a path takes it apart by [`with_path_of_url`](Self::with_path_of_url).
    ///
    /// # Errors
    /// `Config` for text without a scheme; it does not repeat the text, which may hold a password.
    pub fn from_url(url: &str) -> Result<Self> {
        let refused = || {
            StoreError::config(
                "a store's URL begins with the name of an adapter and a colon, as in sqlite://dev.db",
            )
        };
        let (scheme, rest) = url.split_once(':').ok_or_else(refused)?;
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_'));
        if !is_scheme {
            return Err(refused());
        }
        match scheme.to_ascii_lowercase().as_str() {
            "postgres" | "postgresql" => Ok(Self::new("postgres").with_connection(url)),
            embedded @ ("sqlite" | "memory") => Self::new(embedded).with_path_url(rest),
            name => Ok(Self::new(name).with_connection(url)),
        }
    }

    /// The same with path and settings apart, for an adapter whose connection is a path: `theirs://jobs.db?cache=8` becomes the
    /// connection `jobs.db` and the setting `cache`. A setting that is in `context` already wins. A connection that is no URL
    /// of this adapter is a path already, and stays as it is.
    ///
    /// # Errors
    /// `Config` for a percent sign that encodes no text.
    ///
    /// ```
    /// use blacksmith_store_core::Options;
    ///
    /// let options = Options::from_url("theirs://my%20jobs.db?cache=8")?.with_path_of_url()?;
    /// assert_eq!(options.expose_connection(), Some("my jobs.db"));
    /// assert_eq!(options.context["cache"], "8");
    /// # Ok::<(), blacksmith_store_core::StoreError>(())
    /// ```
    pub fn with_path_of_url(mut self) -> Result<Self> {
        let Some(connection) = self.connection.take() else { return Ok(self) };
        match connection.expose_secret().split_once(':') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case(&self.from) => {
                self.with_path_url(rest)
            }
            _ => Ok(Self { connection: Some(connection), ..self }),
        }
    }

    /// The same with what stands behind the scheme of a URL that is a path with settings.
    fn with_path_url(mut self, rest: &str) -> Result<Self> {
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let path = path.strip_prefix("//").unwrap_or(path);
        if !path.is_empty() {
            self = self.with_connection(percent_decoded(path)?);
        }
        let mut settings = BTreeMap::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            settings.insert(percent_decoded(key)?, percent_decoded(value)?);
        }
        for (key, value) in settings {
            self.context.entry(key).or_insert(value);
        }
        Ok(self)
    }

    /// Options from the table `[store]` of a TOML document: `url`, or `from` and `connection`; `context`; `[[store.purge]]`.
    /// A document without that table gives the defaults; other tables are left to others.
    ///
    /// ```
    /// use blacksmith_store_core::Options;
    ///
    /// let options = Options::from_toml(r#"
    ///     [store]
    ///     url = "sqlite://dev.db"
    ///     context.busy_timeout = "10s"
    ///
    ///     [[store.purge]]
    ///     where.jobs.transitions.status_in = ["succeeded"]
    ///     older_than = "30d"
    ///     interval = "@daily"
    /// "#)?;
    /// assert_eq!(options.from, "sqlite");
    /// assert_eq!(options.purge.len(), 1);
    /// # Ok::<(), blacksmith_store_core::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// `Config` for what is not TOML, an unknown member, or `url` beside `from` or `connection`. The text of the document,
    /// which may hold a password, is not repeated.
    pub fn from_toml(text: &str) -> Result<Self> {
        let document: Document = parse_toml(text)?;
        let Some(table) = document.store else {
            return Ok(Self::default());
        };
        let mut options = match (table.url, table.from, table.connection) {
            (Some(url), None, None) => Self::from_url(url.expose_secret())?,
            (Some(_), _, _) => {
                return Err(StoreError::config(
                    "[store] has a `url`, which already says what `from` and `connection` would",
                ));
            }
            (None, from, connection) => {
                Self { from: from.unwrap_or_default(), connection, ..Self::default() }
            }
        };
        for (key, value) in table.context {
            let value = match value {
                toml::Value::String(text) => text,
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Float(number) => number.to_string(),
                toml::Value::Boolean(flag) => flag.to_string(),
                _ => {
                    return Err(StoreError::config(format!(
                        "`context.{key}` of [store] is not a string, a number or a boolean"
                    )));
                }
            };
            options.context.insert(key, value);
        }
        options.purge = table.purge;
        Ok(options)
    }

    /// The same, with what is missing taken from the environment: `BLACKSMITH_STORE_URL` supplies adapter and connection;
    /// the Go package's `POSTGRES_STORE_URL` the connection, when `from` is `postgres` and nothing else is given.
    ///
    /// # Errors
    /// As [`from_url`](Self::from_url).
    pub fn or_env(self) -> Result<Self> {
        self.or_variables(|name| std::env::var(name).ok())
    }

    /// [`or_env`](Self::or_env) with the variables looked up by `lookup`.
    ///
    /// # Errors
    /// As [`from_url`](Self::from_url).
    pub fn or_variables(mut self, lookup: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let variable = |name| lookup(name).filter(|value: &String| !value.is_empty());
        if self.connection.is_some() {
            return Ok(self);
        }
        if let Some(url) = variable(ENV_URL) {
            let given = Self::from_url(&url)?;
            if self.from.is_empty() || self.from == given.from {
                self.from = given.from;
                self.connection = given.connection;
                for (key, value) in given.context {
                    self.context.entry(key).or_insert(value);
                }
            }
        } else if self.from == "postgres"
            && let Some(url) = variable(ENV_POSTGRES_URL)
        {
            self.connection = Some(url.into());
        }
        Ok(self)
    }

    /// Whether a URL, which may hold a password, was given where the name of an adapter belongs.
    pub(crate) fn names_a_url(&self) -> bool {
        self.from.contains(':')
    }

    /// The connection string, for the adapter that connects. Do not print it.
    pub fn expose_connection(&self) -> Option<&str> {
        self.connection.as_ref().map(ExposeSecret::expose_secret)
    }

    /// Refuses settings in `context` that are not among `known`, so that a misspelt one is not ignored.
    ///
    /// # Errors
    /// `Config`, naming the setting and those that there are.
    pub fn check_context(&self, known: &[&str]) -> Result<()> {
        match self.context.keys().find(|key| !known.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => {
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                let from = &self.from;
                Err(StoreError::config(format!(
                    "the adapter {from:?} has no setting {key:?}; it has: {known}"
                )))
            }
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("from", if self.names_a_url() { &"[redacted]" } else { &self.from })
            .field("context", &self.context.keys())
            .field("connection", &self.connection.as_ref().map(|_| "[redacted]"))
            .field("purge", &self.purge)
            .finish()
    }
}

/// `%41` is `A`.
fn percent_decoded(text: &str) -> Result<String> {
    let refused =
        || StoreError::config("a store's URL has a percent sign that encodes no UTF-8 text");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        if byte == b'%' {
            let (digits, tail) = tail.split_first_chunk::<2>().ok_or_else(refused)?;
            let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
            let decoded = high.zip(low).map(|(high, low)| high * 16 + low);
            bytes.push(decoded.and_then(|byte| u8::try_from(byte).ok()).ok_or_else(refused)?);
            rest = tail;
        } else {
            bytes.push(byte);
            rest = tail;
        }
    }
    String::from_utf8(bytes).map_err(|_| refused())
}

/// Durations as people write them: `30d`, `1h 30m`.
mod duration_text {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => serializer.collect_str(&humantime::format_duration(*duration)),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else {
            return Ok(None);
        };
        humantime::parse_duration(&text).map(Some).map_err(|error| {
            D::Error::custom(format_args!("{text:?} is not a duration such as 30d: {error}"))
        })
    }
}
