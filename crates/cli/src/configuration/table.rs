//! The tables of destinations and actions, as they are written.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::Deserialize;

use super::text::Text;
use crate::instant;

/// `[destinations.NAME]`, and `[destinations.NAME.actions.ACTION]`, which may set everything but `kind` and `actions`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(super) struct Table {
    pub(super) kind: Option<Kind>,
    pub(super) actions: Option<BTreeMap<String, Table>>,

    pub(super) realtime: Option<bool>,
    pub(super) interval: Option<String>,
    pub(super) max_retries: Option<u32>,
    pub(super) backoff: Option<BackoffTable>,
    pub(super) timeout: Option<Length>,
    pub(super) concurrency: Option<Count>,

    pub(super) url: Option<Text>,
    pub(super) headers: BTreeMap<String, Text>,
    pub(super) secret: Option<Text>,

    pub(super) path: Option<PathBuf>,
    pub(super) batch_size: Option<Count>,

    pub(super) command: Option<Vec<String>>,
    pub(super) env: BTreeMap<String, Text>,
}

/// What is done with the payloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Http,
    File,
    Command,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::File => "file",
            Self::Command => "command",
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BackoffTable {
    pub(super) first: Length,
    pub(super) longest: Length,
}

/// A duration in text such as `30s`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Length(pub(super) Duration);

impl TryFrom<String> for Length {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        instant::duration(&text).map(Self)
    }
}

/// A number of things of which there must be one.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "u32")]
pub(super) struct Count(pub(super) u32);

impl TryFrom<u32> for Count {
    type Error = &'static str;

    fn try_from(count: u32) -> Result<Self, &'static str> {
        if count == 0 { Err("this must be at least 1") } else { Ok(Self(count)) }
    }
}

impl Table {
    /// A setting that is none of this kind, and the kind that it belongs to.
    pub(super) fn foreign(&self, kind: Kind) -> Option<(&'static str, Kind)> {
        let settings = [
            ("url", Kind::Http, self.url.is_some()),
            ("headers", Kind::Http, !self.headers.is_empty()),
            ("secret", Kind::Http, self.secret.is_some()),
            ("path", Kind::File, self.path.is_some()),
            ("batch_size", Kind::File, self.batch_size.is_some()),
            ("command", Kind::Command, self.command.is_some()),
            ("env", Kind::Command, !self.env.is_empty()),
        ];
        let mut foreign = settings.iter().filter(|(_, of, is_set)| *is_set && *of != kind);
        foreign.next().map(|(name, of, _)| (*name, *of))
    }

    /// The same, with what an action leaves out taken from its destination. Headers and variables are taken one by one.
    pub(super) fn or(self, destination: &Self) -> Self {
        let base = destination.clone();
        let merged = |mut base: BTreeMap<String, Text>, own: BTreeMap<String, Text>| {
            base.extend(own);
            base
        };
        // An interval that the action chose is closer to it than a backoff that its destination chose.
        let inherited = if self.interval.is_some() { None } else { base.backoff };
        Self {
            kind: base.kind,
            actions: None,
            realtime: self.realtime.or(base.realtime),
            interval: self.interval.or(base.interval),
            max_retries: self.max_retries.or(base.max_retries),
            backoff: self.backoff.or(inherited),
            timeout: self.timeout.or(base.timeout),
            concurrency: self.concurrency.or(base.concurrency),
            url: self.url.or(base.url),
            headers: merged(base.headers, self.headers),
            secret: self.secret.or(base.secret),
            path: self.path.or(base.path),
            batch_size: self.batch_size.or(base.batch_size),
            command: self.command.or(base.command),
            env: merged(base.env, self.env),
        }
    }
}
