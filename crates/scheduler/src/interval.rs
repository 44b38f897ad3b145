//! Intervals: what `@every 1h`, `@daily` and cron expressions mean.

use std::{fmt, str::FromStr, time::Duration};

use blacksmith_store_core::{Result, StoreError, Timestamp, from_micros};
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};

/// When something happens again and again: `@every 1h`, `@hourly`, `@daily`, `@weekly`, or a cron expression of five fields
/// (minute, hour, day of month, month, day of week). All in UTC.
///
/// The ticks of an interval lie at fixed instants, those of `@every` at whole multiples since 1970, so that all schedulers
/// and all restarts agree on them.
///
/// ```
/// use blacksmith_scheduler::Interval;
///
/// let at = "2026-01-01T10:17:00Z".parse()?;
/// let tick = |text: &str| text.parse::<Interval>().map(|interval| interval.next_after(at).to_rfc3339());
/// assert_eq!(tick("@every 15m")?, "2026-01-01T10:30:00+00:00");
/// assert_eq!(tick("@daily")?, "2026-01-02T00:00:00+00:00");
/// assert_eq!(tick("30 6 * * mon-fri")?, "2026-01-02T06:30:00+00:00");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    text: String,
    ticks: Ticks,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Ticks {
    /// A period in microseconds.
    Every(i64),
    Cron(Box<Cron>),
}

/// Periods above this are refused: they would tick once in a lifetime.
const LONGEST: Duration = Duration::from_hours(24 * 366 * 100);

impl Interval {
    /// The first tick after `instant`.
    pub fn next_after(&self, instant: Timestamp) -> Timestamp {
        match &self.ticks {
            Ticks::Every(period) => {
                let micros = instant.timestamp_micros();
                from_micros((micros.div_euclid(*period) + 1) * period).unwrap_or(instant)
            }
            // Parsing made sure that there are ticks; beyond the years that can be searched, there is no next one.
            Ticks::Cron(cron) => cron.find_next_occurrence(&instant, false).unwrap_or(instant),
        }
    }

    /// The last tick not after `instant`, if there was one.
    pub fn last_until(&self, instant: Timestamp) -> Option<Timestamp> {
        match &self.ticks {
            Ticks::Every(period) => {
                from_micros(instant.timestamp_micros().div_euclid(*period) * period)
            }
            Ticks::Cron(cron) => cron.find_previous_occurrence(&instant, true).ok(),
        }
    }

    /// The instant of a retry that this interval spaces: `@every 1h` is an hour from `now`, anything else its next tick.
    pub fn spaced_from(&self, now: Timestamp) -> Timestamp {
        match &self.ticks {
            Ticks::Every(period) => {
                from_micros(now.timestamp_micros().saturating_add(*period)).unwrap_or(now)
            }
            Ticks::Cron(_) => self.next_after(now),
        }
    }
}

impl FromStr for Interval {
    type Err = StoreError;

    /// # Errors
    /// `Config`, saying what an interval looks like.
    fn from_str(text: &str) -> Result<Self> {
        let refused = |why: &dyn fmt::Display| {
            StoreError::config(format!(
                "{text:?} is not an interval ({why}); there are `@every 1h`, `@hourly`, `@daily`, `@weekly`, and cron \
                 expressions such as `30 6 * * mon-fri`"
            ))
        };
        let trimmed = text.trim();
        let ticks = if let Some(period) = trimmed.strip_prefix("@every ") {
            let period =
                humantime::parse_duration(period.trim()).map_err(|error| refused(&error))?;
            let micros = i64::try_from(period.as_micros()).unwrap_or(i64::MAX);
            if micros == 0 || period > LONGEST {
                return Err(refused(&"it must last at least a microsecond and at most a century"));
            }
            Ticks::Every(micros)
        } else {
            let expression = match trimmed {
                "@hourly" => "0 * * * *",
                "@daily" => "0 0 * * *",
                "@weekly" => "0 0 * * 0",
                nickname if nickname.contains('@') => {
                    return Err(refused(&"its word is not known"));
                }
                expression => expression,
            };
            let parser =
                CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
            let cron = parser.parse(expression).map_err(|error| refused(&error))?;
            // `0 0 30 2 *` can be read, and never comes.
            cron.find_next_occurrence(&Timestamp::default(), true)
                .map_err(|error| refused(&error))?;
            Ticks::Cron(Box::new(cron))
        };
        Ok(Self { text: text.to_owned(), ticks })
    }
}

impl fmt::Display for Interval {
    /// As it was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn interval(text: &str) -> Interval {
        text.parse().expect("an interval")
    }

    #[test]
    fn a_tick_is_after_the_instant_that_is_asked_for() {
        for (text, instant, next, last) in [
            ("@every 1h", "2026-01-01T10:00:00Z", "2026-01-01T11:00:00Z", "2026-01-01T10:00:00Z"),
            ("@every 90m", "2026-01-01T10:00:00Z", "2026-01-01T10:30:00Z", "2026-01-01T09:00:00Z"),
            ("@hourly", "2026-01-01T10:00:00Z", "2026-01-01T11:00:00Z", "2026-01-01T10:00:00Z"),
            ("@daily", "2026-01-01T00:00:01Z", "2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"),
            // The first of January 2026 is a Thursday.
            ("@weekly", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z", "2025-12-28T00:00:00Z"),
            ("0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
        ] {
            let interval = interval(text);
            assert_eq!(interval.next_after(at(instant)), at(next), "{text}");
            assert_eq!(interval.last_until(at(instant)), Some(at(last)), "{text}");
        }
    }

    #[test]
    fn ticks_before_1970_are_aligned_too() {
        let hours = interval("@every 1h");
        assert_eq!(hours.next_after(at("1969-12-31T22:30:00Z")), at("1969-12-31T23:00:00Z"));
    }

    #[test]
    fn every_spaces_from_now_and_cron_waits_for_its_tick() {
        let now = at("2026-01-01T10:17:00Z");
        assert_eq!(interval("@every 1h").spaced_from(now), at("2026-01-01T11:17:00Z"));
        assert_eq!(interval("@hourly").spaced_from(now), at("2026-01-01T11:00:00Z"));
    }

    #[test]
    fn what_is_no_interval_is_refused_with_examples() {
        for text in [
            "",
            "@every",
            "@every 0s",
            "@every banana",
            "@yearly",
            "@every 1000y",
            "0 0 30 2 *",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "1h",
        ] {
            let error = text.parse::<Interval>().expect_err(text);
            assert!(error.message().contains("@daily"), "{error}");
        }
    }
}
