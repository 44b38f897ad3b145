//! Documents in TOML, read without repeating what may be secret.

use serde::de::DeserializeOwned;

use crate::{Result, StoreError};

/// What a configuration in TOML says. For programs that keep settings of their own beside the table `[store]`, which
/// [`Options::from_toml`](crate::Options::from_toml) reads.
///
/// # Errors
/// `Config` with the line of what is not TOML or not a `T`. The text of the document, which may hold a password, is not
/// repeated.
pub fn parse_toml<T: DeserializeOwned>(text: &str) -> Result<T> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| text[..span.start].matches('\n').count() + 1);
        let place = line.map(|line| format!(" at line {line}")).unwrap_or_default();
        let reason = without_value(error.message());
        StoreError::config(format!("the configuration is not right{place}: {reason}"))
    })
}

/// What serde says about a value of the wrong type, without that value: it may be a connection string in the wrong place.
fn without_value(message: &str) -> &str {
    let of_value = message.starts_with("invalid type: ") || message.starts_with("invalid value: ");
    let expected = message.rfind("expected ").filter(|_| of_value);
    expected.map_or(message, |start| &message[start..])
}
