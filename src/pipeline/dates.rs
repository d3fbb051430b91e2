//! Dates as texts, and back.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// ISO 8601, with a time or without; UTC where it names no zone. Milliseconds since 1970.
pub(super) fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    let utc = |moment: DateTime| TimeZone::UTC.to_timestamp(moment).ok();
    let moment = text
        .parse::<Timestamp>()
        .ok()
        .or_else(|| text.parse::<Date>().ok().filter(|_| text.len() == 10).and_then(|date| utc(date.into())))
        .or_else(|| text.parse::<DateTime>().ok().and_then(utc));
    moment.map(Timestamp::as_millisecond)
}

/// `2026-11-26T02:05:00Z`; of a day without a time, the day.
pub(super) fn display(ms: i64) -> String {
    let Ok(moment) = Timestamp::from_millisecond(ms) else { return ms.to_string() };
    let text = moment.to_string();
    text.strip_suffix("T00:00:00Z").map_or(text.clone(), str::to_owned)
}
