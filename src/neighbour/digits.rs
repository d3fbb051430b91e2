//! JSON of others, whose numbers keep their digits: a number that a 64-bit one does not hold becomes a text.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::{Number, Value};

use crate::trees::{self, Parts, Room, Tree, Unread};

/// Which numbers become texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digits {
    /// Those that would be written otherwise than they came: `1.10`, `1e3`, 20 digits.
    AsWritten,
    /// Those that would be other numbers: 20 digits, 0.1234567890123456789.
    AsValued,
}

impl Digits {
    fn are_lost(self, text: &str) -> bool {
        if text.len() < 19 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return false; // whole, and a 64-bit number holds it
        }
        let Ok(number) = serde_json::from_str::<Number>(text) else { return false };
        let kept = number.to_string();
        match self {
            Self::AsWritten => kept != text,
            Self::AsValued => kept != text && valued(&kept) != valued(text),
        }
    }
}

/// A number's digits without leading and trailing zeros, and the power of ten behind them.
fn valued(text: &str) -> (String, i64) {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i64 = exponent.parse().unwrap_or(i64::MAX / 4);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{}{fraction}", whole.trim_start_matches('-'));
    let digits = digits.trim_start_matches('0');
    let kept = digits.trim_end_matches('0');
    if kept.is_empty() {
        return (String::new(), 0);
    }
    let power = i64::try_from(digits.len() - kept.len()).unwrap_or(0) + exponent
        - i64::try_from(fraction.len()).unwrap_or(0);
    let sign = if whole.starts_with('-') { "-" } else { "" };
    (format!("{sign}{kept}"), power)
}

/// What the bytes hold, with texts for numbers whose digits would be lost.
///
/// # Errors
/// Where it is no JSON, or more than an answer may hold.
pub fn json(bytes: &[u8], digits: Digits) -> Result<Value, Unread> {
    trees::read(&kept(bytes, digits), trees::LARGEST_ANSWER)
}

/// The same, with room that was waited for.
///
/// # Errors
/// As [`json`], by the bound of the room's kind.
pub fn tree(bytes: &[u8], digits: Digits, parts: Parts<'_>, room: Room) -> Result<Tree, Unread> {
    Tree::read(&kept(bytes, digits), parts, room)
}

/// How a number is written in these bytes, where it is always written so.
pub fn spelling(bytes: &[u8], number: &Number) -> Option<String> {
    let mut found: Option<&str> = None;
    for place in (Numbers { bytes, at: 0 }) {
        let text = std::str::from_utf8(&bytes[place]).ok()?;
        if serde_json::from_str::<Number>(text).is_ok_and(|known| known == *number) {
            if found.is_some_and(|known| known != text) {
                return None;
            }
            found = Some(text);
        }
    }
    found.map(str::to_owned)
}

fn kept(bytes: &[u8], digits: Digits) -> Cow<'_, [u8]> {
    let mut made: Option<Vec<u8>> = None;
    let mut copied = 0;
    for place in (Numbers { bytes, at: 0 }) {
        if std::str::from_utf8(&bytes[place.clone()]).is_ok_and(|text| digits.are_lost(text)) {
            let made = made.get_or_insert_with(|| Vec::with_capacity(bytes.len() + 64));
            made.extend_from_slice(&bytes[copied..place.start]);
            made.push(b'"');
            made.extend_from_slice(&bytes[place.clone()]);
            made.push(b'"');
            copied = place.end;
        }
    }
    match made {
        None => Cow::Borrowed(bytes),
        Some(mut made) => {
            made.extend_from_slice(&bytes[copied..]);
            Cow::Owned(made)
        }
    }
}

/// Where numbers stand in JSON: outside of texts.
struct Numbers<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Iterator for Numbers<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b'"' => self.at = end_of_text(self.bytes, self.at),
                b'-' | b'0'..=b'9' => {
                    let is_part = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
                    let start = self.at;
                    self.at += self.bytes[start..].iter().take_while(is_part).count();
                    return Some(start..self.at);
                }
                _ => self.at += 1,
            }
        }
        None
    }
}

/// The place behind a text that begins here.
fn end_of_text(bytes: &[u8], begin: usize) -> usize {
    let mut at = begin + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_keep_their_digits() {
        let text = br#"{"id": 12345678901234567890123, "a": 1.10, "b": [1.5, -7, 1e3, 18446744073709551615], "s": "1.10 \\\" 1.10"}"#;
        let written = json(text, Digits::AsWritten).unwrap();
        let s = "1.10 \\\" 1.10";
        assert_eq!(
            written,
            json!({"id": "12345678901234567890123", "a": "1.10", "b": [1.5, -7, "1e3", 18_446_744_073_709_551_615_u64], "s": s})
        );
        let valued = json(text, Digits::AsValued).unwrap();
        assert_eq!(
            valued,
            json!({"id": "12345678901234567890123", "a": 1.1, "b": [1.5, -7, 1000.0, 18_446_744_073_709_551_615_u64], "s": s})
        );
        for (text, is_lost) in [
            ("0.1234567890123456789", true),
            ("-0.0", false),
            ("100", false),
            ("1.000", false),
            ("1E-2", false),
            ("-99999999999999999999.5", true),
            ("1e400", false),
        ] {
            assert_eq!(Digits::AsValued.are_lost(text), is_lost, "{text}");
        }
    }

    #[test]
    fn a_number_is_written_as_it_came_where_that_is_clear() {
        let number = Number::from_f64(1.1).unwrap();
        assert_eq!(spelling(br#"{"a": 1.10, "b": [1.10, 2], "s": "1.1"}"#, &number).as_deref(), Some("1.10"));
        assert_eq!(spelling(b"[1.10, 1.1]", &number), None);
        assert_eq!(spelling(b"[2]", &number), None);
    }

    #[test]
    fn what_is_no_json_is_none_still() {
        for text in
            ["1.10.10", "--1", "{\"a\": 01}", "1.10x", "\"a", "\"\\", "[1.10", "<html>1.10</html>", "NaN"]
        {
            assert!(json(text.as_bytes(), Digits::AsWritten).is_err(), "{text}");
        }
    }
}
