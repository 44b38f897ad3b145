//! Instants, and how they stand in JSON.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, TimeZone as _, Utc};

/// An instant in UTC, to the nanosecond; a call to a store cuts it to the microsecond.
///
/// Every instant of the public API is of this type, so that another time library would be one change.
pub type Timestamp = DateTime<Utc>;

/// Go's "never set": 0001-01-01T00:00:00Z, as seconds since 1970.
const NEVER_SECONDS: i64 = -62_135_596_800;

/// The first instant after year 9999, as seconds since 1970.
const YEAR_10000_SECONDS: i64 = 253_402_300_800;

/// Whether `instant` is Go's zero time, which means "not set".
pub fn is_never(instant: Timestamp) -> bool {
    instant.timestamp() == NEVER_SECONDS && instant.timestamp_subsec_nanos() == 0
}

/// Go's zero time, 0001-01-01T00:00:00Z: how "not set" is written where a member is never omitted.
pub fn never() -> Timestamp {
    Utc.timestamp_opt(NEVER_SECONDS, 0).single().unwrap_or(DateTime::<Utc>::MIN_UTC)
}

/// Cuts an instant down (never up) to the microsecond, which is what stores keep.
///
/// ```
/// use blacksmith_store_core::{Timestamp, floor_to_micros};
///
/// let sent: Timestamp = "2020-12-31T23:59:59.999999999Z".parse()?;
/// assert_eq!(floor_to_micros(sent).to_rfc3339(), "2020-12-31T23:59:59.999999+00:00");
/// # Ok::<(), chrono::ParseError>(())
/// ```
pub fn floor_to_micros(instant: Timestamp) -> Timestamp {
    // A fraction is counted upwards from the second, before 1970 too: cutting digits is rounding down. A leap second, which
    // no database keeps, is the second after it.
    from_micros(instant.timestamp_micros()).unwrap_or(instant)
}

/// The instant `micros` microseconds after 1970-01-01T00:00:00Z, as adapters keep it; `None` outside chrono's range.
pub fn from_micros(micros: i64) -> Option<Timestamp> {
    DateTime::from_timestamp_micros(micros)
}

/// Whether `instant` lies in the years 1 to 9999.
pub(crate) fn in_range(instant: Timestamp) -> bool {
    (NEVER_SECONDS..YEAR_10000_SECONDS).contains(&instant.timestamp())
}

/// The instant that lies `age` before `now`; `None` before the year 1, where nothing lies.
pub(crate) fn before(now: Timestamp, age: Duration) -> Option<Timestamp> {
    let age = TimeDelta::from_std(age).ok()?;
    now.checked_sub_signed(age).filter(|instant| in_range(*instant))
}

/// RFC 3339 with as many fraction digits as the instant has (0, 3, 6 or 9).
pub(crate) fn to_text(instant: Timestamp) -> String {
    instant.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

/// A member that Go omits when it is nil: absent and null are `None`, Go's zero time is kept as it is.
pub(crate) mod omitted {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    use super::{DateTime, Timestamp, Utc};

    pub(crate) fn serialize<S: Serializer>(
        instant: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match instant {
            Some(instant) => serializer.serialize_str(&super::to_text(*instant)),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        let Some(text) = Option::<std::borrow::Cow<'de, str>>::deserialize(deserializer)? else {
            return Ok(None);
        };
        match DateTime::parse_from_rfc3339(&text) {
            Ok(instant) => Ok(Some(instant.with_timezone(&Utc))),
            Err(error) => {
                Err(D::Error::custom(format_args!("{text:?} is not an RFC 3339 instant: {error}")))
            }
        }
    }
}

/// A member that is always written: `None` is Go's zero time in both directions.
pub(crate) mod always {
    use serde::{Deserializer, Serializer};

    use super::{Timestamp, is_never, never, omitted, to_text};

    pub(crate) fn serialize<S: Serializer>(
        instant: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&to_text(instant.unwrap_or_else(never)))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        Ok(omitted::deserialize(deserializer)?.filter(|instant| !is_never(*instant)))
    }
}
