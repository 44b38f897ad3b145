//! The adapter's settings, read from the options.

use std::{fmt::Display, path::PathBuf, time::Duration};

use blacksmith_store_core::{Options, Result, StoreError};

/// Names of the settings, as in `Options::context`.
const KNOWN: [&str; 9] = [
    "busy_timeout",
    "create",
    "max_page_count",
    "read_only",
    "readers",
    "shared",
    "synchronous",
    "vfs",
    "writer",
];

/// The most connections that read.
const MAX_READERS: usize = 64;

/// Where the database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a file.
    File(PathBuf),
    /// In the memory of one connection.
    Memory,
}

/// How to open a store.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) place: Place,
    pub(crate) synchronous: &'static str,
    pub(crate) busy_timeout: Duration,
    pub(crate) readers: usize,
    pub(crate) inline: bool,
    pub(crate) create: bool,
    pub(crate) read_only: bool,
    pub(crate) shared: bool,
    pub(crate) vfs: Option<String>,
    pub(crate) max_page_count: Option<u32>,
}

impl Settings {
    /// The settings that `options` give, and defaults.
    pub(crate) fn from_options(options: &Options) -> Result<Self> {
        options.check_context(&KNOWN)?;
        let given = |name: &str| options.context.get(name).map(String::as_str);
        let place = place(options.expose_connection())?;
        let synchronous = match given("synchronous").map(str::to_ascii_lowercase).as_deref() {
            None | Some("full") => "FULL",
            Some("off") => "OFF",
            Some("normal") => "NORMAL",
            Some("extra") => "EXTRA",
            Some(_) => return Err(wrong("synchronous", "off, normal, full or extra")),
        };
        let inline = match given("writer") {
            None | Some("thread") => false,
            Some("inline") => true,
            Some(_) => return Err(wrong("writer", "thread or inline")),
        };
        let busy_timeout = match given("busy_timeout") {
            None => Duration::from_secs(30),
            Some(text) => humantime::parse_duration(text)
                .map_err(|_| wrong("busy_timeout", "a duration such as 500ms or 1m"))?,
        };
        let readers = match given("readers").map(str::parse) {
            None => 4,
            Some(Ok(count @ 1..=MAX_READERS)) => count,
            Some(_) => return Err(wrong("readers", "a number from 1 to 64")),
        };
        let max_page_count = match given("max_page_count").map(str::parse) {
            None => None,
            Some(Ok(count)) => Some(count),
            Some(Err(_)) => return Err(wrong("max_page_count", "a number of pages")),
        };
        Ok(Self {
            place,
            synchronous,
            busy_timeout,
            readers,
            inline,
            create: flag("create", given("create"), true)?,
            read_only: flag("read_only", given("read_only"), false)?,
            shared: flag("shared", given("shared"), false)?,
            vfs: given("vfs").map(str::to_owned),
            max_page_count,
        })
    }
}

/// The place that a connection names: a path, also behind `sqlite:` or `sqlite://`, or `:memory:`.
fn place(connection: Option<&str>) -> Result<Place> {
    let missing = || {
        StoreError::config(
            "the adapter \"sqlite\" needs the path of its file as connection, as in sqlite://queue.db",
        )
    };
    let text = connection.ok_or_else(missing)?;
    let path = text.strip_prefix("sqlite:").unwrap_or(text);
    let path = path.strip_prefix("//").filter(|_| path.len() < text.len()).unwrap_or(path);
    match path {
        "" => Err(missing()),
        ":memory:" => Ok(Place::Memory),
        path => Ok(Place::File(PathBuf::from(path))),
    }
}

fn flag(name: &str, value: Option<&str>, default: bool) -> Result<bool> {
    match value {
        None => Ok(default),
        Some("true" | "1" | "") => Ok(true),
        Some("false" | "0") => Ok(false),
        Some(_) => Err(wrong(name, "true or false")),
    }
}

fn wrong(name: &str, what: impl Display) -> StoreError {
    StoreError::config(format!("the setting {name:?} of the adapter \"sqlite\" is {what}"))
}

#[cfg(test)]
mod tests {
    use blacksmith_store_core::ErrorKind;

    use super::*;

    #[test]
    fn a_connection_is_a_path_or_a_url() -> Result<()> {
        for (connection, path) in [
            ("queue.db", "queue.db"),
            ("/var/lib/queue.db", "/var/lib/queue.db"),
            ("//share/queue.db", "//share/queue.db"),
            ("sqlite:queue.db", "queue.db"),
            ("sqlite://queue.db", "queue.db"),
            ("sqlite:///var/lib/queue.db", "/var/lib/queue.db"),
        ] {
            assert_eq!(place(Some(connection))?, Place::File(path.into()), "{connection}");
        }
        assert_eq!(place(Some(":memory:"))?, Place::Memory);
        assert_eq!(place(Some("sqlite::memory:"))?, Place::Memory);
        for missing in [None, Some(""), Some("sqlite:"), Some("sqlite://")] {
            assert_eq!(place(missing).map_err(|error| error.kind()), Err(ErrorKind::Config));
        }
        Ok(())
    }

    #[test]
    fn a_wrong_setting_is_named_with_what_it_may_be() {
        for (name, value) in [
            ("synchronous", "maybe"),
            ("busy_timeout", "soon"),
            ("readers", "0"),
            ("readers", "65"),
            ("writer", "both"),
            ("create", "yes please"),
            ("max_page_count", "-1"),
            ("cache", "1"),
        ] {
            let options =
                Options::new("sqlite").with_connection("queue.db").with_context(name, value);
            let error = Settings::from_options(&options).expect_err(name);
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.message().contains(name), "{error}");
        }
    }

    #[test]
    fn defaults_are_durable() -> Result<()> {
        let options = Options::new("sqlite").with_connection("queue.db");
        let settings = Settings::from_options(&options)?;
        assert_eq!(settings.synchronous, "FULL");
        assert!(settings.create && !settings.read_only && !settings.shared && !settings.inline);
        Ok(())
    }
}
