//! The header Retry-After.

use std::time::Duration;

use blacksmith_store::Timestamp;
use chrono::DateTime;

/// No receiver holds a job back for longer than this with one answer.
const LONGEST: Duration = Duration::from_hours(24);

/// How long to wait, by the header's text: seconds, or the date of HTTP. A date that has passed is no time at all.
pub(super) fn delay(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let delay = if let Ok(seconds) = text.parse() {
        Duration::from_secs(seconds)
    } else {
        let instant = DateTime::parse_from_rfc2822(text).ok()?;
        (instant.to_utc() - now).to_std().unwrap_or(Duration::ZERO)
    };
    Some(delay.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_seconds_or_a_date() {
        let now: Timestamp = "2015-10-21T07:27:30Z".parse().expect("an instant");
        let seconds = |text| delay(text, now).map(|delay| delay.as_secs());
        assert_eq!(seconds("120"), Some(120));
        assert_eq!(seconds(" 0 "), Some(0));
        assert_eq!(seconds("Wed, 21 Oct 2015 07:28:00 GMT"), Some(30));
        assert_eq!(seconds("Wed, 21 Oct 2015 07:00:00 GMT"), Some(0));
        assert_eq!(seconds("99999999999"), Some(86_400));
        for text in ["", "-1", "1.5", "soon", "99999999999999999999999"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
