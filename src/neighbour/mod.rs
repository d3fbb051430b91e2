//! What other systems answer, held in bounds: how long they ask us to wait, how long their tokens live.
//!
//! No number and no text of theirs is trusted: each of these ends in a bounded value or in an error, never in a panic.

mod digits;
mod oauth;

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;

pub use digits::{Digits, json, spelling, tree};
pub use oauth::{NO_HEADER, Refusal, refusal};

/// The longest span that another side can name: added to a moment, it is a moment still.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 86_400);

/// Whether the same call may be answered differently later, by the status of its answer.
pub fn may_pass(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502..=504)
}

/// A span that another side names, in seconds.
pub fn span(seconds: u64) -> Duration {
    Duration::from_secs(seconds).min(LONGEST)
}

/// A number of seconds in JSON, as a number or as a text; `None` where it is neither. What is below zero is none at all.
pub fn seconds(value: &Value) -> Option<Duration> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        _ => return None,
    };
    if let Ok(seconds) = text.parse() {
        return Some(span(seconds));
    }
    let seconds: f64 = text.parse().ok().filter(|seconds: &f64| !seconds.is_nan())?;
    Some(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(LONGEST).min(LONGEST))
}

/// What an answer is, for people, where something else was to be there. It quotes nothing.
pub fn kind(json: Option<&Value>) -> &'static str {
    match json {
        None => "what is not JSON",
        Some(Value::Null) => "`null`",
        Some(Value::Bool(_)) => "a truth value",
        Some(Value::Number(_)) => "a number",
        Some(Value::String(_)) => "a text",
        Some(Value::Array(_)) => "a list",
        Some(Value::Object(_)) => "an object",
    }
}

/// `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3).
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(span(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).ok()?.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use serde_json::json;

    use super::*;

    #[test]
    fn whatever_a_neighbour_names_can_be_added_to_a_moment() {
        let spans = [
            json!(u64::MAX),
            json!(u64::MAX - 30),
            json!(i64::MAX),
            json!(1e300),
            json!("18446744073709551615"),
            json!("1e999"),
            json!("inf"),
            json!(3600.5),
        ];
        for value in &spans {
            let span = seconds(value).unwrap();
            assert!(Instant::now().checked_add(span).is_some(), "{value}");
            assert!(crate::clock::now().checked_add(span).is_some(), "{value}");
        }
        assert_eq!(seconds(&json!("3600")), Some(Duration::from_secs(3_600)));
        assert_eq!(seconds(&json!(-1)), Some(Duration::ZERO));
        for none in [json!(null), json!("soon"), json!([3600]), json!("NaN")] {
            assert_eq!(seconds(&none), None, "{none}");
        }
    }

    #[test]
    fn a_wait_is_seconds_or_a_date_and_has_an_end() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let of = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers, now)
        };
        assert_eq!(of("7"), Some(Duration::from_secs(7)));
        assert_eq!(of("18446744073709551615"), Some(LONGEST));
        assert_eq!(of("Fri, 15 Jan 2027 08:00:09 GMT"), Some(Duration::from_secs(9)));
        assert_eq!(of("Fri, 31 Dec 9999 23:59:59 GMT"), Some(LONGEST));
        assert_eq!(of("later"), None);
    }
}
