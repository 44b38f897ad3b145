//! Identifiers: KSUIDs, each kind in a type of its own.

use std::{fmt, str::FromStr};

use ksuid::{Ksuid, KsuidLike as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest as _, Sha256};

use crate::{StoreError, Timestamp};

/// Length of an id in bytes: 4 of time (seconds since 2014-05-13T16:53:20Z, big-endian), 16 of payload.
pub const ID_BYTES: usize = 20;

/// Seconds between 1970 and the epoch of KSUIDs.
pub(crate) const KSUID_EPOCH: i64 = 1_400_000_000;

/// Parses the 27 base62 characters of a KSUID.
///
/// The decoder of the KSUID crate wraps around above the largest id, so what was read must print as what was given.
fn parse(kind: &str, text: &str) -> Result<[u8; ID_BYTES], StoreError> {
    let refused = |why: &str| {
        let shown: String = text.chars().take(40).collect();
        StoreError::invalid_input(format!("{shown:?} is not a valid {kind} id: {why}"))
    };
    if text.len() != 27 {
        return Err(refused("a KSUID has 27 characters"));
    }
    let parsed = Ksuid::from_str(text)
        .map_err(|_| refused("a KSUID consists of the characters 0-9, A-Z and a-z"))?;
    if parsed.to_string() != text {
        return Err(refused("it is above the largest KSUID"));
    }
    Ok(*parsed.bytes())
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; ID_BYTES]);

        impl $name {
            /// The id with these 20 bytes; every value is a valid KSUID.
            pub const fn from_bytes(bytes: [u8; ID_BYTES]) -> Self {
                Self(bytes)
            }

            /// The id in a row's bytes.
            ///
            /// # Errors
            /// `Corrupt` unless there are exactly 20 bytes.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, StoreError> {
                match bytes.try_into() {
                    Ok(bytes) => Ok(Self(bytes)),
                    Err(_) => Err(StoreError::corrupt(format!(
                        concat!("a stored ", $kind, " id has {} bytes instead of 20"),
                        bytes.len()
                    ))),
                }
            }

            /// The 20 bytes: 4 of time, 16 of payload. They sort as the text does.
            pub const fn as_bytes(&self) -> &[u8; ID_BYTES] {
                &self.0
            }

            /// The second at which the id says it was made.
            pub fn timestamp(&self) -> Timestamp {
                let seconds = u32::from_be_bytes([self.0[0], self.0[1], self.0[2], self.0[3]]);
                chrono::DateTime::from_timestamp(KSUID_EPOCH + i64::from(seconds), 0)
                    .unwrap_or_default()
            }
        }

        impl FromStr for $name {
            type Err = StoreError;

            /// Parses the 27 base62 characters of a KSUID.
            fn from_str(text: &str) -> Result<Self, StoreError> {
                parse($kind, text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&Ksuid::from_bytes(self.0), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(|error: StoreError| D::Error::custom(error.message()))
            }
        }
    };
}

id! {
    /// Identifies an event. Blacksmith: `Event.ID`.
    ///
    /// ```
    /// use blacksmith_store_core::EventId;
    ///
    /// let id: EventId = "1UYc8EebLqCAFMOSkbYZdJwNLAJ".parse()?;
    /// assert_eq!(id.to_string(), "1UYc8EebLqCAFMOSkbYZdJwNLAJ");
    /// assert!("not-a-ksuid".parse::<EventId>().is_err());
    /// # Ok::<(), blacksmith_store_core::StoreError>(())
    /// ```
    EventId, "event"
}

id! {
    /// Identifies a job. Blacksmith: `Job.ID`.
    JobId, "job"
}

id! {
    /// Identifies a transition. The id of an `executing` transition is the token of its claim. Blacksmith: `Transition.ID`.
    TransitionId, "transition"
}

id! {
    /// Identifies a pause; made by the caller, so that a pause may be sent again.
    PauseId, "pause"
}

impl JobId {
    /// The id of the one job that leads from `event` to `destination` and `action`, so that making it again adds nothing.
    ///
    /// It is the event id's 4 time bytes and the first 16 bytes of SHA-256(event id's 20 bytes, destination, NUL, action);
    /// frozen for ever.
    pub fn derived(event: EventId, destination: &str, action: &str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(event.as_bytes());
        hasher.update(destination.as_bytes());
        hasher.update([0]);
        hasher.update(action.as_bytes());
        let digest = hasher.finalize();

        let mut bytes = [0; ID_BYTES];
        bytes[..4].copy_from_slice(&event.as_bytes()[..4]);
        bytes[4..].copy_from_slice(&digest[..16]);
        Self(bytes)
    }
}

/// Reads an optional id as Go writes it: absent, null and `""` are none.
pub(crate) fn or_empty<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err = StoreError>,
{
    match Option::<std::borrow::Cow<'de, str>>::deserialize(deserializer)? {
        None => Ok(None),
        Some(text) if text.is_empty() => Ok(None),
        Some(text) => {
            text.parse().map(Some).map_err(|error: StoreError| D::Error::custom(error.message()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_above_the_largest_is_refused() {
        assert!("aWgEPTl1tmebfsQzFP4bxwgy80V".parse::<EventId>().is_ok());
        let error = "aWgEPTl1tmebfsQzFP4bxwgy80W".parse::<EventId>().expect_err("wraps");
        assert!(error.to_string().contains("above the largest"), "{error}");
    }

    #[test]
    fn a_derived_job_id_is_frozen() -> Result<(), StoreError> {
        let event: EventId = "1UYc8EebLqCAFMOSkbYZdJwNLAJ".parse()?;
        let job = JobId::derived(event, "crm", "upsert");
        assert_eq!(job.to_string(), "1UYc8CO92qeU6fj3FaxZPuRGYxn");
        assert_ne!(job, JobId::derived(event, "crmu", "psert"));
        assert_eq!(job.timestamp(), event.timestamp());
        Ok(())
    }
}
