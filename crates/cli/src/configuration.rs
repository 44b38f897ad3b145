//! `blacksmith.toml` beside its table `[store]`: routes and destinations.
//!
//! `src/init/blacksmith.toml` is the commented example, which `blacksmith init` writes.

mod pattern;
mod routes;
mod settings;
mod table;
mod text;

use std::collections::BTreeMap;

use blacksmith_store::{StoreError, parse_toml};
use serde::{Deserialize, de::IgnoredAny};

pub(crate) use self::{
    routes::Routes,
    settings::{ActionSettings, DestinationSettings, Work},
    text::Text,
};

/// The commented example: an archive in a file that works at once, and every other setting behind a `#`.
pub(crate) const EXAMPLE: &str = include_str!("init/blacksmith.toml");

/// What `blacksmith.toml` says about events and jobs.
#[derive(Debug, Default)]
pub(crate) struct Configuration {
    /// Which events lead to which jobs.
    pub(crate) routes: Routes,
    /// What is done with the jobs, in the order of names.
    pub(crate) destinations: Vec<DestinationSettings>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    /// Read by `Options::from_toml`.
    #[serde(default, rename = "store")]
    _store: Option<IgnoredAny>,
    #[serde(default)]
    routes: Vec<routes::Table>,
    #[serde(default)]
    destinations: BTreeMap<String, table::Table>,
}

impl Configuration {
    /// Reads a document.
    ///
    /// # Errors
    /// `Config` naming the line or the table that is wrong; values, which may be secret, are not repeated.
    pub(crate) fn from_toml(text: &str) -> Result<Self, StoreError> {
        let document: Document = parse_toml(text)?;
        let routes = Routes::new(document.routes)?;
        let destinations = document
            .destinations
            .into_iter()
            .map(DestinationSettings::of)
            .collect::<Result<_, _>>()?;
        Ok(Self { routes, destinations })
    }
}

#[cfg(test)]
mod tests {
    use blacksmith_store::Options;

    use super::*;

    /// The example with every setting in force: what stands behind a `#` without a space.
    fn uncommented() -> String {
        let line = |line: &str| match line.strip_prefix('#') {
            // A second `url` of [store] is one too many.
            Some(setting) if setting.contains("url = \"postgres:") => String::new(),
            Some(setting) if !setting.starts_with([' ', '#']) => format!("{setting}\n"),
            _ => format!("{line}\n"),
        };
        EXAMPLE.lines().map(line).collect()
    }

    #[test]
    fn the_example_can_be_used_as_it_is() {
        let configuration = Configuration::from_toml(EXAMPLE).expect("a configuration");
        assert_eq!(configuration.destinations.len(), 1);
        assert_eq!(configuration.destinations[0].name, "archive");
        assert_eq!(Options::from_toml(EXAMPLE).expect("options").from, "sqlite");
    }

    #[test]
    fn every_setting_in_the_example_is_one() {
        let text = uncommented();
        let configuration = Configuration::from_toml(&text).expect("a configuration");
        let actions = configuration.destinations.iter().flat_map(|destination| {
            destination.actions.iter().map(|action| format!("{}/{}", destination.name, action.name))
        });
        assert_eq!(
            actions.collect::<Vec<_>>(),
            ["archive/append", "crm/remove", "crm/upsert", "tickets/import"]
        );
        assert_eq!(Options::from_toml(&text).expect("options").purge.len(), 1);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place_and_without_its_value() {
        for (text, said) in [
            ("[[route]]\nto = []", "line 1: unknown field `route`"),
            ("\n[[routes]]\ntriger = \"x\"", "line 3: unknown field `triger`"),
            ("[[routes]]\nto = [\"crm\"]", "line 2: a route is a destination and an action"),
            (
                "[[routes]]\nsource = \"a\"\nto = []",
                "`to` of [[routes]] number 1 names no destination",
            ),
            ("[destinations.crm]\nulr = \"x\"", "line 2: unknown field `ulr`"),
            (
                "[destinations.crm]\nkind = \"smtp\"",
                "line 2: unknown variant `smtp`, expected one of `http`",
            ),
            ("[destinations.crm]\nsecret = 7", "line 2: expected text, or `env`"),
            ("[destinations.crm]\nsecret = { evn = \"hunter2\" }", "line 2: unknown field `evn`"),
            ("[destinations.crm]\nactions.upsert = {}", "[destinations.crm] has no `kind`"),
            (
                "[destinations.crm]\nkind = \"http\"\nurl = \"hunter2\"",
                "[destinations.crm] has no action",
            ),
            (
                "[destinations.crm]\nkind = \"http\"\nactions.upsert = {}",
                "[destinations.crm.actions.upsert] has no `url`",
            ),
            (
                "[destinations.crm]\nkind = \"http\"\npath = \"hunter2\"\nactions.upsert = {}",
                "[destinations.crm] has `path`, which belongs to the kind `file`",
            ),
            (
                "[destinations.crm]\nkind = \"http\"\nactions.upsert = { url = \"hunter2\", kind = \"file\" }",
                "[destinations.crm.actions.upsert] has `kind`",
            ),
            (
                "[destinations.c]\nkind = \"command\"\nactions.go = { command = [] }",
                "[destinations.c.actions.go] has no `command`",
            ),
            (
                "[destinations.c]\nkind = \"file\"\npath = \"f\"\ninterval = \"1h\"\nactions.go = {}",
                "[destinations.c.actions.go]: \"1h\" is not an interval",
            ),
            (
                "[destinations.c]\nkind = \"file\"\npath = \"f\"\ntimeout = \"soon\"\nactions.go = {}",
                "line 4: a duration looks like 30s",
            ),
            (
                "[destinations.c]\nkind = \"file\"\npath = \"f\"\nconcurrency = 0\nactions.go = {}",
                "line 4: this must be at least 1",
            ),
        ] {
            let error = Configuration::from_toml(text).expect_err(text);
            assert!(error.message().contains(said), "{text}: {error}");
            assert!(!error.to_string().contains("hunter2"), "{text}: {error}");
        }
    }
}
