//! The wall clock: the one place that reads it. Everything that decides by time of day takes a
//! `SystemTime` as an argument, so that tests can move it.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn now() -> SystemTime {
    SystemTime::now()
}

/// The date and time in UTC, without a zone: what code of a document means by now.
pub fn now_utc() -> jiff::civil::DateTime {
    jiff::tz::Offset::UTC.to_datetime(Timestamp::try_from(now()).unwrap_or_default())
}

/// Seconds since 1970, for files.
pub fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// Nanoseconds since 1970; 0 for what was before.
pub fn unix_nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

pub fn from_unix_seconds(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// A moment for people: `2027-01-12 14:20:00 UTC`.
pub fn display(time: SystemTime) -> String {
    Timestamp::try_from(time)
        .map_or_else(|_| "?".to_owned(), |t| t.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// A moment for programs (RFC 3339), `null` where there is none; for serde's `serialize_with`.
pub fn rfc3339<S: serde::Serializer>(time: &Option<SystemTime>, serializer: S) -> Result<S::Ok, S::Error> {
    let text = time.and_then(|time| Timestamp::try_from(time).ok());
    match text.and_then(|time| time.round(jiff::Unit::Second).ok()) {
        Some(time) => serializer.collect_str(&time),
        None => serializer.serialize_none(),
    }
}

/// Reads what [`rfc3339`] writes, and what CAs write, to the second.
pub fn parse_rfc3339(text: &str) -> Option<SystemTime> {
    let seconds = text.parse::<Timestamp>().ok()?.as_second();
    u64::try_from(seconds).ok().map(from_unix_seconds)
}

/// A span for people: `250 ms`, `45 s`, `10 min`, `3 h`, `62 days`.
pub fn display_span(span: Duration) -> String {
    match span.as_secs() {
        0 => format!("{} ms", span.as_millis()),
        s @ 1..=119 => format!("{s} s"),
        s @ 120..=7_199 => format!("{} min", s / 60),
        s @ 7_200..=172_799 => format!("{} h", s / 3_600),
        s => format!("{} days", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_like_words() {
        let texts = [40, 90_000, 600_000, 10_800_000, 5_356_800_000]
            .map(|ms| display_span(Duration::from_millis(ms)));
        assert_eq!(texts, ["40 ms", "90 s", "10 min", "3 h", "62 days"]);
    }

    #[test]
    fn moments_are_utc() {
        assert_eq!(display(from_unix_seconds(1_800_000_000)), "2027-01-15 08:00:00 UTC");
    }
}
