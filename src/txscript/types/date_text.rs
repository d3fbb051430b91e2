//! `datetime` and `timedelta` as Python writes them.

use std::fmt::Write as _;

use jiff::civil::DateTime;

const SECOND: i64 = 1_000_000;
pub(super) const DAY: i64 = 86_400 * SECOND;

pub(crate) fn iso_time(time: &DateTime, separator: char) -> String {
    let mut text =
        format!("{}{separator}{:02}:{:02}:{:02}", time.date(), time.hour(), time.minute(), time.second());
    let micros = time.subsec_nanosecond() / 1000;
    if micros != 0 {
        let _ = write!(text, ".{micros:06}");
    }
    text
}

pub(crate) fn time_repr(time: &DateTime) -> String {
    let micros = time.subsec_nanosecond() / 1000;
    let mut parts = vec![
        i32::from(time.year()),
        i32::from(time.month()),
        i32::from(time.day()),
        i32::from(time.hour()),
        i32::from(time.minute()),
    ];
    if time.second() != 0 || micros != 0 {
        parts.push(i32::from(time.second()));
    }
    if micros != 0 {
        parts.push(micros);
    }
    let parts: Vec<_> = parts.iter().map(ToString::to_string).collect();
    format!("datetime.datetime({})", parts.join(", "))
}

/// Days, seconds and microseconds.
pub(super) fn parts(delta: i64) -> (i64, i64, i64) {
    let days = delta.div_euclid(DAY);
    let rest = delta.rem_euclid(DAY);
    (days, rest / SECOND, rest % SECOND)
}

pub(crate) fn delta_text(delta: i64) -> String {
    let (days, seconds, micros) = parts(delta);
    let mut text = match days {
        0 => String::new(),
        1 | -1 => format!("{days} day, "),
        _ => format!("{days} days, "),
    };
    let _ = write!(text, "{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if micros != 0 {
        let _ = write!(text, ".{micros:06}");
    }
    text
}

pub(crate) fn delta_repr(delta: i64) -> String {
    let (days, seconds, micros) = parts(delta);
    let named = [("days", days), ("seconds", seconds), ("microseconds", micros)];
    let named: Vec<_> = named
        .iter()
        .filter(|(_, value)| *value != 0)
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    if named.is_empty() {
        "datetime.timedelta(0)".to_owned()
    } else {
        format!("datetime.timedelta({})", named.join(", "))
    }
}
