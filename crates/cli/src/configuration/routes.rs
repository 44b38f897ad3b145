//! Routes: which events lead to which jobs.

use blacksmith_store::StoreError;
use serde::Deserialize;

use super::pattern::Pattern;
use crate::route::Route;

/// `[[routes]]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    #[serde(default = "Pattern::any")]
    source: Pattern,
    #[serde(default = "Pattern::any")]
    trigger: Pattern,
    to: Vec<Route>,
}

/// The routes of a configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routes(Vec<Line>);

#[derive(Clone, Debug)]
struct Line {
    source: Pattern,
    trigger: Pattern,
    to: Vec<Route>,
}

impl Routes {
    pub(super) fn new(tables: Vec<Table>) -> Result<Self, StoreError> {
        let line = |(number, Table { source, trigger, to }): (usize, Table)| {
            if to.is_empty() {
                return Err(StoreError::config(format!(
                    "`to` of [[routes]] number {} names no destination and action",
                    number + 1
                )));
            }
            Ok(Line { source, trigger, to })
        };
        tables.into_iter().enumerate().map(line).collect::<Result<_, _>>().map(Self)
    }

    /// The same with routes that every event takes.
    pub(crate) fn and_all(mut self, to: &[Route]) -> Self {
        if !to.is_empty() {
            let (source, trigger) = (Pattern::any(), Pattern::any());
            self.0.push(Line { source, trigger, to: to.to_vec() });
        }
        self
    }

    /// Where an event leads; a destination and action that several routes name comes several times.
    pub(crate) fn of<'a>(
        &'a self,
        source: &'a str,
        trigger: &'a str,
    ) -> impl Iterator<Item = &'a Route> {
        let matching = self
            .0
            .iter()
            .filter(move |line| line.source.matches(source) && line.trigger.matches(trigger));
        matching.flat_map(|line| &line.to)
    }

    /// Every destination and action that a route names.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &Route> {
        self.0.iter().flat_map(|line| &line.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_takes_every_route_that_matches_it() {
        let table = |source: &str, trigger: &str, to: &str| Table {
            source: source.to_owned().into(),
            trigger: trigger.to_owned().into(),
            to: vec![to.parse().expect("a route")],
        };
        let routes = Routes::new(vec![
            table("github", "issues.*", "crm/upsert"),
            table("*", "*", "archive/append"),
            table("shop", "*", "mail/send"),
        ]);
        let routes = routes.expect("routes").and_all(&["log/write".parse().expect("a route")]);
        let of = |source, trigger| {
            let to = routes.of(source, trigger);
            to.map(|route| route.destination.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(of("github", "issues.opened"), ["crm", "archive", "log"]);
        assert_eq!(of("github", "push"), ["archive", "log"]);
        assert_eq!(of("shop", "order.paid"), ["archive", "mail", "log"]);
    }
}
