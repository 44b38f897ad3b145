//! Payloads in JSON: standard base64 with padding; absent and null are none, `""` is an empty payload.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

pub(crate) fn serialize<S: Serializer>(
    payload: &Option<Bytes>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match payload {
        Some(bytes) => serializer.serialize_str(&STANDARD.encode(bytes)),
        None => serializer.serialize_none(),
    }
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Bytes>, D::Error> {
    let Some(text) = Option::<std::borrow::Cow<'de, str>>::deserialize(deserializer)? else {
        return Ok(None);
    };
    match STANDARD.decode(text.as_bytes()) {
        Ok(bytes) => Ok(Some(Bytes::from(bytes))),
        Err(error) => Err(D::Error::custom(format_args!(
            "a payload is not standard base64 with padding: {error}"
        ))),
    }
}
