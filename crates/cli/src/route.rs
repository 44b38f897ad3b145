//! Destinations and actions as they are typed.

use std::{fmt, str::FromStr};

use serde::Deserialize;

/// `DESTINATION/ACTION`; the first slash separates.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Route {
    pub(crate) destination: String,
    pub(crate) action: String,
}

impl FromStr for Route {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            Some((destination, action)) if !destination.is_empty() && !action.is_empty() => {
                Ok(Self { destination: destination.to_owned(), action: action.to_owned() })
            }
            _ => Err("a route is a destination and an action, as in crm/upsert".to_owned()),
        }
    }
}

impl TryFrom<String> for Route {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.destination, self.action)
    }
}

/// `DESTINATION`, or `DESTINATION/ACTION`; the first slash separates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) destination: String,
    pub(crate) action: Option<String>,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains('/') {
            let Route { destination, action } = text.parse()?;
            return Ok(Self { destination, action: Some(action) });
        }
        if text.is_empty() {
            return Err("a destination has a name".to_owned());
        }
        Ok(Self { destination: text.to_owned(), action: None })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.action {
            Some(action) => write!(f, "{}/{action}", self.destination),
            None => f.write_str(&self.destination),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_slash_separates() {
        let route =
            |text: &str| text.parse::<Route>().map(|route| (route.destination, route.action));
        assert_eq!(route("crm/upsert/all"), Ok(("crm".to_owned(), "upsert/all".to_owned())));
        for text in ["crm", "crm/", "/upsert", "/", ""] {
            assert!(route(text).is_err(), "{text}");
        }
        for text in ["crm", "crm/upsert"] {
            assert_eq!(
                text.parse::<Target>().map(|target| target.to_string()).as_deref(),
                Ok(text)
            );
        }
        assert!("".parse::<Target>().is_err() && "crm/".parse::<Target>().is_err());
    }
}
