//! The error of a transition.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};
use serde_json::{Map, Value, value::RawValue};

use crate::{Result, StoreError};

/// Why a job failed, as JSON: usually `{"statusCode","message","validations","meta"}`, but any value that a program wrote
/// is kept, to the byte, and written back. Up to 64 KiB. Blacksmith: `errors.Error`.
///
/// ```
/// use blacksmith_store_core::JobError;
///
/// let error = JobError::new("quota exceeded").with_status_code(429);
/// assert_eq!(error.message(), "quota exceeded");
/// assert_eq!(error.as_json(), r#"{"statusCode":429,"message":"quota exceeded"}"#);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct JobError(Arc<str>);

/// One thing that a destination found wrong with what it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Validation {
    /// What is wrong.
    pub message: String,
    /// Where: the members that lead there.
    #[serde(default, deserialize_with = "crate::lenient::list")]
    pub path: Vec<String>,
}

impl Validation {
    /// A message about the member at `path`.
    pub fn new<P: Into<String>>(
        message: impl Into<String>,
        path: impl IntoIterator<Item = P>,
    ) -> Self {
        Self { message: message.into(), path: path.into_iter().map(Into::into).collect() }
    }
}

/// The usual members, in the order in which they are written.
#[derive(Default, Serialize)]
struct Usual {
    #[serde(rename = "statusCode", skip_serializing_if = "Option::is_none")]
    status_code: Option<u64>,
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    validations: Vec<Validation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<Value>,
}

impl Usual {
    fn build(&self) -> JobError {
        // A struct of strings, numbers and JSON values always has a JSON text.
        JobError(serde_json::to_string(self).unwrap_or_default().into())
    }
}

impl JobError {
    /// An error that has a message alone.
    pub fn new(message: impl Into<String>) -> Self {
        Usual { message: message.into(), ..Usual::default() }.build()
    }

    /// The same with a status code, such as HTTP's.
    pub fn with_status_code(self, code: u16) -> Self {
        Usual { status_code: Some(code.into()), ..self.usual() }.build()
    }

    /// The same with what the destination found wrong.
    pub fn with_validations(self, validations: impl IntoIterator<Item = Validation>) -> Self {
        Usual { validations: validations.into_iter().collect(), ..self.usual() }.build()
    }

    /// The same with further facts.
    pub fn with_meta(self, meta: Value) -> Self {
        Usual { meta: Some(meta), ..self.usual() }.build()
    }

    fn usual(&self) -> Usual {
        Usual {
            status_code: self.status_code(),
            message: self.message(),
            validations: self.validations(),
            meta: self.meta(),
        }
    }

    /// The error whose JSON text this is, kept to the byte.
    ///
    /// # Errors
    /// `InvalidInput` for null, and for what is no JSON.
    pub fn from_json(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        match serde_json::from_str::<Value>(&text) {
            Ok(Value::Null) => Err(StoreError::invalid_input("an error that is null is no error")),
            Ok(_) => Ok(Self(text.trim().into())),
            Err(error) => Err(StoreError::invalid_input(format!("an error is not JSON: {error}"))),
        }
    }

    /// The error whose JSON text an adapter stored.
    ///
    /// # Errors
    /// `Corrupt` for what is not an error's JSON.
    pub fn from_stored(text: impl Into<String>) -> Result<Self> {
        Self::from_json(text).map_err(|error| {
            StoreError::corrupt(format!("a stored error is damaged: {}", error.message()))
        })
    }

    /// Its JSON text.
    pub fn as_json(&self) -> &str {
        &self.0
    }

    /// Its JSON value.
    pub fn to_value(&self) -> Value {
        // The text was checked when the value was made.
        serde_json::from_str(&self.0).unwrap_or_default()
    }

    fn members(&self) -> Map<String, Value> {
        match self.to_value() {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }

    /// Its message: the member `message`, or the value itself when that is a string; otherwise empty.
    pub fn message(&self) -> String {
        match self.to_value() {
            Value::String(text) => text,
            Value::Object(members) => {
                members.get("message").and_then(Value::as_str).unwrap_or_default().to_owned()
            }
            _ => String::new(),
        }
    }

    /// Its status code, if it has one.
    pub fn status_code(&self) -> Option<u64> {
        self.members().get("statusCode").and_then(Value::as_u64)
    }

    /// What the destination found wrong; empty when the value has no such list.
    pub fn validations(&self) -> Vec<Validation> {
        let list = self.members().remove("validations").unwrap_or_default();
        serde_json::from_value(list).unwrap_or_default()
    }

    /// Further facts, if there are any.
    pub fn meta(&self) -> Option<Value> {
        self.members().remove("meta").filter(|meta| !meta.is_null())
    }
}

impl fmt::Display for JobError {
    /// The message with its status code, or the JSON text when it has no message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = self.message();
        match (self.status_code(), message.is_empty()) {
            (_, true) => f.write_str(&self.0),
            (Some(code), false) => write!(f, "{code}: {message}"),
            (None, false) => f.write_str(&message),
        }
    }
}

impl fmt::Debug for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JobError({})", self.0)
    }
}

impl Serialize for JobError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.as_ref().to_owned())
            .map_err(S::Error::custom)?
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for JobError {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::from_json(raw.get()).map_err(|error| D::Error::custom(error.message()))
    }
}
