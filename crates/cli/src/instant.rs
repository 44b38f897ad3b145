//! Instants and durations as people type and read them.

use std::time::Duration;

use blacksmith_store::Timestamp;
use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, TimeDelta, Utc};

const FORMS: &str =
    "an instant is RFC 3339 (2026-11-24T09:30:00Z), a day (2026-11-24, UTC), or a duration";

/// An instant in the past: absolute, or a duration ago (`2h`).
pub(crate) fn past(text: &str) -> Result<Timestamp, String> {
    absolute(text)
        .or_else(|| relative(text.strip_prefix('-').unwrap_or(text), Timestamp::checked_sub_signed))
        .ok_or_else(|| format!("{FORMS} ago (2h, 30d)"))
}

/// An instant to come: absolute, or a duration from now (`2h`).
pub(crate) fn future(text: &str) -> Result<Timestamp, String> {
    absolute(text)
        .or_else(|| relative(text.strip_prefix('+').unwrap_or(text), Timestamp::checked_add_signed))
        .ok_or_else(|| format!("{FORMS} from now (15min, 2h)"))
}

/// A duration such as `30d` or `1h 30m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| "a duration looks like 30s, 15min, 2h, 30d".to_owned())
}

fn absolute(text: &str) -> Option<Timestamp> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(instant.with_timezone(&Utc));
    }
    let day: NaiveDate = text.parse().ok()?;
    Some(day.and_time(NaiveTime::MIN).and_utc())
}

fn relative(
    text: &str,
    moved: impl Fn(Timestamp, TimeDelta) -> Option<Timestamp>,
) -> Option<Timestamp> {
    let by = TimeDelta::from_std(humantime::parse_duration(text).ok()?).ok()?;
    moved(Utc::now(), by)
}

/// To the second, for a table.
pub(crate) fn brief(instant: Option<Timestamp>) -> String {
    shown(instant, SecondsFormat::Secs)
}

/// As exactly as it is stored.
pub(crate) fn exact(instant: Option<Timestamp>) -> String {
    shown(instant, SecondsFormat::AutoSi)
}

fn shown(instant: Option<Timestamp>, format: SecondsFormat) -> String {
    instant.map(|instant| instant.to_rfc3339_opts(format, true)).unwrap_or_default()
}

/// How long ago, in the two largest units.
pub(crate) fn age(since: Timestamp, now: Timestamp) -> String {
    let seconds = u64::try_from((now - since).num_seconds()).unwrap_or(0);
    let kept = match seconds {
        0..3_600 => seconds,
        3_600..86_400 => seconds - seconds % 60,
        _ => seconds - seconds % 3_600,
    };
    humantime::format_duration(Duration::from_secs(kept)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_absolute_or_relative_to_now() {
        let absolute = Ok("2026-11-24T08:30:00Z".parse::<Timestamp>().expect("an instant"));
        assert_eq!(past("2026-11-24T09:30:00+01:00"), absolute);
        assert_eq!(future("2026-11-24T08:30:00Z"), absolute);
        assert_eq!(past("2026-11-24"), Ok("2026-11-24T00:00:00Z".parse().expect("an instant")));

        let now = Utc::now();
        for text in ["2h", "-2h", "120min"] {
            let since = now - past(text).expect(text);
            assert!((7_190..=7_200).contains(&since.num_seconds()), "{text}: {since}");
        }
        for text in ["2h", "+2h"] {
            let until = future(text).expect(text) - now;
            assert!((7_200..=7_210).contains(&until.num_seconds()), "{text}: {until}");
        }
        for text in ["", "yesterday", "2", "9999999999y", "2026-13-01"] {
            assert!(past(text).is_err() && future(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ages_are_short() {
        let now: Timestamp = "2026-01-31T00:00:00Z".parse().expect("an instant");
        let ages =
            [-5, 0, 59, 3_661, 90_061].map(|seconds| age(now - TimeDelta::seconds(seconds), now));
        assert_eq!(ages, ["0s", "0s", "59s", "1h 1m", "1day 1h"]);
    }
}
