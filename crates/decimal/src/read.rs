//! Numbers from text.

use std::str::FromStr;

use crate::natural::Natural;
use crate::{Class, Decimal, Done, MOST_DIGITS, Signal};

/// The largest exponent that is read, and the smallest: those of Python on 64 bits.
const LARGEST: i64 = 999_999_999_999_999_999;
const SMALLEST: i64 = -1_999_999_999_999_999_997;

impl FromStr for Decimal {
    type Err = Signal;

    /// `Decimal(text)`: all digits are kept. Spaces around it and underscores between digits are allowed.
    fn from_str(text: &str) -> Result<Self, Signal> {
        let is_space = |c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c);
        let text = text.trim_matches(is_space);
        let plain = text.bytes().all(|byte| byte.is_ascii() && byte != b'_');
        if plain { read(text) } else { read(&ascii(text).ok_or(Signal::ConversionSyntax)?) }
    }
}

/// Without underscores, and with ASCII digits for those of other scripts.
fn ascii(text: &str) -> Option<String> {
    text.chars()
        .filter(|c| *c != '_')
        .map(|c| if c.is_ascii() { Some(c) } else { crate::convert::digit(c).map(char::from) })
        .collect()
}

fn read(text: &str) -> Done {
    let (negative, rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    special(negative, rest).unwrap_or_else(|| number(negative, rest))
}

fn special(negative: bool, text: &str) -> Option<Done> {
    let lower = match text.as_bytes().first()? {
        b'i' | b'I' | b'n' | b'N' | b's' | b'S' => text.to_ascii_lowercase(),
        _ => return None,
    };
    if matches!(lower.as_str(), "inf" | "infinity") {
        return Some(Ok(Decimal::infinity(negative)));
    }
    let (class, payload) = match lower.strip_prefix("nan") {
        Some(payload) => (Class::Quiet, payload),
        None => (Class::Signaling, lower.strip_prefix("snan")?),
    };
    let coefficient = if payload.is_empty() { Some(Natural::ZERO) } else { digits(payload).ok()? };
    let made = coefficient.map(|coefficient| Decimal { negative, class, coefficient, exponent: 0 });
    Some(made.ok_or(Signal::ConversionSyntax))
}

fn number(negative: bool, text: &str) -> Done {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let coefficient = if fraction.is_empty() { digits(whole) } else { digits(&[whole, fraction].concat()) };
    let coefficient = coefficient?.ok_or(Signal::ConversionSyntax)?;
    let exponent = match exponent {
        Some(text) => written(text).ok_or(Signal::ConversionSyntax)?,
        None => 0,
    };
    let exponent = exponent.saturating_sub(i64::try_from(fraction.len()).unwrap_or(i64::MAX));
    if coefficient.is_zero() {
        return Ok(Decimal::finite(negative, coefficient, exponent.clamp(SMALLEST, LARGEST)));
    }
    let number = Decimal::finite(negative, coefficient, exponent);
    let in_range = exponent.unsigned_abs() < i64::MAX.unsigned_abs() / 2
        && number.adjusted() <= LARGEST
        && exponent >= SMALLEST;
    if in_range { Ok(number) } else { Err(Signal::InvalidOperation) }
}

fn digits(text: &str) -> Result<Option<Natural>, Signal> {
    let significant = text.trim_start_matches('0');
    if significant.len() > MOST_DIGITS as usize {
        return Err(Signal::TooManyDigits);
    }
    if text.is_empty() {
        return Ok(None);
    }
    Ok(Natural::parse(if significant.is_empty() { "0" } else { significant }))
}

/// An exponent; one that does not fit is the largest that does.
fn written(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let exponent = digits.parse().unwrap_or(i64::MAX);
    Some(if negative { -exponent } else { exponent })
}
