//! Values that may be secret.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};

/// Text that stands in the configuration, or in an environment variable: `secret = "…"`, `secret.env = "CRM_SECRET"`. It is
/// never printed.
#[derive(Clone, Debug)]
pub(crate) enum Text {
    Given(SecretString),
    Variable(String),
}

impl Text {
    /// The text.
    ///
    /// # Errors
    /// Which variable is not set, or is not text.
    pub(crate) fn resolve(
        &self,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<SecretString, String> {
        match self {
            Self::Given(text) => Ok(text.clone()),
            Self::Variable(name) => lookup(name)
                .filter(|value| !value.is_empty())
                .map(SecretString::from)
                .ok_or_else(|| format!("the environment variable {name} is not set")),
        }
    }

    /// Whether it is known without the environment to be empty.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Given(text) if text.expose_secret().is_empty())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, or `env` with the name of a variable")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text::Given(text.to_owned().into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
        let mut variable = None;
        while let Some(key) = map.next_key::<String>()? {
            if key != "env" {
                return Err(de::Error::unknown_field(&key, &["env"]));
            }
            variable = Some(map.next_value()?);
        }
        variable.map(Text::Variable).ok_or_else(|| de::Error::missing_field("env"))
    }
}
