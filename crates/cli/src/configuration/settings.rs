//! Destinations and actions with all that holds for them.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use blacksmith_scheduler::{Backoff, Interval};
use blacksmith_store::{Schedule, StoreError};

use super::{
    table::{Kind, Table},
    text::Text,
};

/// A destination.
#[derive(Debug)]
pub(crate) struct DestinationSettings {
    pub(crate) name: String,
    /// In the order of names; at least one.
    pub(crate) actions: Vec<ActionSettings>,
}

/// An action, with what it takes from its destination.
#[derive(Debug)]
pub(crate) struct ActionSettings {
    pub(crate) name: String,
    pub(crate) schedule: Schedule,
    pub(crate) backoff: Option<Backoff>,
    pub(crate) timeout: Duration,
    pub(crate) concurrency: u32,
    pub(crate) work: Work,
}

/// What is done with the payloads.
#[derive(Debug)]
pub(crate) enum Work {
    Http { url: Text, headers: BTreeMap<String, Text>, secret: Option<Text> },
    File { path: PathBuf, batch_size: u32 },
    Command { program: String, arguments: Vec<String>, env: BTreeMap<String, Text> },
}

const TIMEOUT: Duration = Duration::from_secs(30);
const BATCH_SIZE: u32 = 1_000;

impl Kind {
    /// Runs at once, where nothing is set. Appends share one file, and a sync more.
    const fn concurrency(self) -> u32 {
        match self {
            Self::Http => 10,
            Self::File => 1,
            Self::Command => 4,
        }
    }
}

impl DestinationSettings {
    pub(super) fn of((name, mut table): (String, Table)) -> Result<Self, StoreError> {
        let place = format!("[destinations.{name}]");
        let Some(kind) = table.kind else {
            return Err(StoreError::config(format!(
                "{place} has no `kind`; there are `http`, `file` and `command`"
            )));
        };
        refuse_foreign(&place, &table, kind)?;
        let actions = table.actions.take().unwrap_or_default();
        if actions.is_empty() {
            return Err(StoreError::config(format!(
                "{place} has no action; [destinations.{name}.actions.ACTION] adds one"
            )));
        }
        let action = |(action, own): (String, Table)| {
            let place = format!("[destinations.{name}.actions.{action}]");
            refuse_foreign(&place, &own, kind)?;
            for (setting, is_set) in
                [("kind", own.kind.is_some()), ("actions", own.actions.is_some())]
            {
                if is_set {
                    return Err(StoreError::config(format!(
                        "{place} has `{setting}`, which is a destination's"
                    )));
                }
            }
            ActionSettings::of(&place, action, kind, own.or(&table))
        };
        let actions = actions.into_iter().map(action).collect::<Result<_, _>>()?;
        Ok(Self { name, actions })
    }
}

fn refuse_foreign(place: &str, table: &Table, kind: Kind) -> Result<(), StoreError> {
    let Some((setting, of)) = table.foreign(kind) else { return Ok(()) };
    Err(StoreError::config(format!(
        "{place} has `{setting}`, which belongs to the kind `{}`; its kind is `{}`",
        of.name(),
        kind.name()
    )))
}

impl ActionSettings {
    fn of(place: &str, name: String, kind: Kind, table: Table) -> Result<Self, StoreError> {
        let missing = |setting| StoreError::config(format!("{place} has no `{setting}`"));
        let mut schedule = Schedule::default();
        schedule.realtime = table.realtime.unwrap_or(schedule.realtime);
        schedule.interval = table.interval.unwrap_or(schedule.interval);
        schedule.max_retries = table.max_retries.unwrap_or(schedule.max_retries);
        schedule
            .interval
            .parse::<Interval>()
            .map_err(|error| StoreError::config(format!("{place}: {}", error.message())))?;
        let work = match kind {
            Kind::Http => Work::Http {
                url: table.url.filter(|url| !url.is_empty()).ok_or_else(|| missing("url"))?,
                headers: table.headers,
                secret: table.secret,
            },
            Kind::File => Work::File {
                path: table
                    .path
                    .filter(|path| !path.as_os_str().is_empty())
                    .ok_or_else(|| missing("path"))?,
                batch_size: table.batch_size.map_or(BATCH_SIZE, |count| count.0),
            },
            Kind::Command => {
                let mut words = table.command.unwrap_or_default().into_iter();
                let program = words.next().filter(|program| !program.is_empty());
                Work::Command {
                    program: program.ok_or_else(|| missing("command"))?,
                    arguments: words.collect(),
                    env: table.env,
                }
            }
        };
        Ok(Self {
            name,
            schedule,
            backoff: table.backoff.map(|backoff| Backoff::new(backoff.first.0, backoff.longest.0)),
            timeout: table.timeout.map_or(TIMEOUT, |length| length.0),
            concurrency: table.concurrency.map_or(kind.concurrency(), |count| count.0),
            work,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::configuration::Configuration;

    use super::*;

    #[test]
    fn an_action_takes_what_it_leaves_out_from_its_destination() {
        let configuration = Configuration::from_toml(
            r#"
            [destinations.crm]
            kind = "http"
            url = "http://a"
            headers = { A = "1", B = "2" }
            interval = "@every 5m"
            max_retries = 3
            timeout = "5s"
            backoff = { first = "1s", longest = "1m" }
            [destinations.crm.actions.remove]
            interval = "@every 1m"
            headers.B = "3"
            concurrency = 1
            [destinations.crm.actions.upsert]
            "#,
        );
        let crm = configuration.expect("a configuration").destinations.remove(0);
        let [remove, upsert] = &crm.actions[..] else { panic!("two actions: {crm:?}") };

        assert_eq!(upsert.schedule, Schedule::new(true, "@every 5m", 3));
        assert_eq!((upsert.timeout, upsert.concurrency), (Duration::from_secs(5), 10));
        assert!(upsert.backoff.is_some());
        assert_eq!(remove.schedule, Schedule::new(true, "@every 1m", 3));
        assert_eq!((remove.concurrency, remove.backoff), (1, None));
        let Work::Http { headers, .. } = &remove.work else { panic!("{remove:?}") };
        assert_eq!(headers.keys().collect::<Vec<_>>(), ["A", "B"]);
    }
}
