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

/// A stretch of time in at most two units: `12 ms`, `3.1 s`, `43 min`, `2 h 5 min`.
pub(crate) fn span(time: TimeDelta) -> String {
    // What is left out is rounded: two hours without a moment are no hour and 59 minutes.
    let milliseconds = match time.num_milliseconds().max(0) {
        short @ 0..600_000 => short,
        long @ 600_000..86_370_000 => long + 30_000,
        long => long + 1_800_000,
    };
    let seconds = milliseconds / 1_000;
    let two = |large: i64, large_unit: &str, small: i64, small_unit: &str| match small {
        0 => format!("{large} {large_unit}"),
        small => format!("{large} {large_unit} {small} {small_unit}"),
    };
    match seconds {
        0 => format!("{milliseconds} ms"),
        1..10 => format!("{seconds}.{} s", milliseconds % 1_000 / 100),
        10..60 => format!("{seconds} s"),
        60..600 => two(seconds / 60, "min", seconds % 60, "s"),
        600..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
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
    fn a_span_has_at_most_two_units() {
        let nearly = [7_199_999, 86_399_999].map(|short| span(TimeDelta::milliseconds(short)));
        assert_eq!(nearly, ["2 h", "1 d"]);
        let told = [-1, 0, 12, 3_199, 59_999, 60_000, 75_000, 2_580_000, 7_500_000, 190_800_000];
        assert_eq!(
            told.map(|milliseconds| span(TimeDelta::milliseconds(milliseconds))),
            [
                "0 ms",
                "0 ms",
                "12 ms",
                "3.1 s",
                "59 s",
                "1 min",
                "1 min 15 s",
                "43 min",
                "2 h 5 min",
                "2 d 5 h"
            ]
        );
    }
}
