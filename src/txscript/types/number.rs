//! Numbers: Python's rounding, parsing and text.

use super::super::value::Value;
use super::arithmetic::float_of;

/// A float as `repr` shows it: the shortest digits that read back the same.
pub(crate) fn float_repr(float: f64) -> String {
    if float.is_nan() {
        return "nan".to_owned();
    }
    if float.is_infinite() {
        return if float > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{float:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) || float == 0.0 {
        let plain = float.to_string();
        let places = plain.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let plain = even(float, plain, |float| format!("{float:.places$}"));
        return if plain.contains('.') { plain } else { format!("{plain}.0") };
    }
    let places = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let digits = even(float, digits.to_owned(), |float| {
        format!("{float:.places$e}").split('e').next().unwrap_or_default().to_owned()
    });
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// Of two shortest texts that are as near, Python takes the even one: the one that exact rounding to so many digits gives.
fn even(float: f64, shortest: String, exact: impl FnOnce(f64) -> String) -> String {
    // With fewer digits there is but one.
    if shortest.len() < 16 {
        return shortest;
    }
    let exact = exact(float);
    if exact.len() == shortest.len() { exact } else { shortest }
}

/// `float(text)`.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    if let Some(value) = short_decimal(text) {
        return Some(value);
    }
    let text = text.trim();
    let bare = text.trim_start_matches(['+', '-']);
    if text.len() - bare.len() > 1 {
        return None;
    }
    let lower = bare.to_ascii_lowercase();
    let value = match lower.as_str() {
        "inf" | "infinity" => f64::INFINITY,
        "nan" => f64::NAN,
        _ => {
            let shape = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | '+' | '-');
            if !lower.chars().all(|c| shape(c) || c == '_') || !underscores_fit(&lower) {
                return None;
            }
            lower.replace('_', "").parse().ok()?
        }
    };
    Some(if text.starts_with('-') { -value } else { value })
}

/// What Rossum normalizes is nothing but this: up to 15 digits with at most one point. Both the digits as a whole number and
/// the power of ten are exact, so their quotient is rounded once, as it must be.
#[expect(clippy::cast_precision_loss, reason = "15 digits are exact")]
fn short_decimal(text: &str) -> Option<f64> {
    const POWERS: [f64; 16] =
        [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
    let bytes = text.as_bytes();
    let (negative, bytes) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        bytes => (false, bytes),
    };
    if bytes.len() > 16 {
        return None;
    }
    let (mut whole, mut digits, mut behind) = (0_u64, 0, None);
    for byte in bytes {
        match byte {
            b'0'..=b'9' => {
                whole = whole * 10 + u64::from(byte - b'0');
                digits += 1;
            }
            b'.' if behind.is_none() => behind = Some(digits),
            _ => return None,
        }
    }
    if digits == 0 || digits > 15 {
        return None;
    }
    let value = whole as f64 / POWERS[digits - behind.unwrap_or(digits)];
    Some(if negative { -value } else { value })
}

/// `int(text, base)`: `None` where it is no number, an error where it is too large.
pub(crate) fn parse_int(text: &str, base: u32) -> Option<Result<i128, TooLarge>> {
    let text = text.trim();
    let (negative, bare) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if bare.is_empty() || !underscores_fit(bare) {
        return None;
    }
    let mut value = Some(0_i128);
    for digit in bare.chars().filter(|c| *c != '_') {
        let digit = digit.to_digit(base)?;
        value = value.and_then(|value| value.checked_mul(i128::from(base))?.checked_add(i128::from(digit)));
    }
    Some(value.map(|value| if negative { -value } else { value }).ok_or(TooLarge))
}

/// A number of more than 128 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// Underscores stand between digits only.
fn underscores_fit(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.iter().enumerate().all(|(at, byte)| {
        let digit =
            |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphanumeric);
        *byte != b'_' || (digit(at.checked_sub(1)) && digit(Some(at + 1)))
    })
}

/// `round(float, digits)`: correctly rounded, halves to even.
pub(crate) fn round_float(float: f64, digits: i32) -> f64 {
    if !float.is_finite() || digits > 322 {
        return float;
    }
    if digits >= 0 {
        let digits = usize::try_from(digits).unwrap_or(0);
        // Formatting is exact, and rounds the exact value, halves to even.
        return format!("{float:.digits$}").parse().unwrap_or(float);
    }
    if digits < -308 {
        return 0.0_f64.copysign(float);
    }
    let unit = 10_f64.powi(-digits);
    let scaled = float / unit;
    let rounded = round_half_even(scaled);
    rounded * unit
}

pub(crate) fn round_half_even(float: f64) -> f64 {
    float.round_ties_even()
}

impl Value<'_> {
    /// A number as a float, as `float()` and `math` take it.
    pub(crate) fn as_float(self) -> Option<f64> {
        match self.plain() {
            Self::Float(float) => Some(float),
            Self::Decimal(decimal) => Some(decimal.number().to_f64()),
            other => other.int().map(float_of),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_decimals_are_read_as_any_others() {
        let mut digits = 1_u64;
        for round in 0..20_000_u64 {
            digits =
                digits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(round) % 1_000_000_000_000_000;
            let text = (digits >> (round % 50)).to_string();
            let at = usize::try_from(round).unwrap() % (text.len() + 1);
            let text = format!("{}.{}", &text[..at], &text[at..]);
            assert_eq!(short_decimal(&text), text.parse().ok(), "{text}");
        }
        assert_eq!(parse_float("-0").map(f64::is_sign_negative), Some(true));
        assert_eq!(
            ["5.", ".5", ".", "-", "", "1.2.3"].map(parse_float),
            [Some(5.0), Some(0.5), None, None, None, None]
        );
    }

    #[test]
    fn floats_show_as_in_python() {
        let cases = [
            (0.1 + 0.2, "0.30000000000000004"),
            (1e16, "1e+16"),
            (123_456_789_012_345.0, "123456789012345.0"),
            (1e-5, "1e-05"),
            (0.0001, "0.0001"),
            (-0.0, "-0.0"),
            (5e-324, "5e-324"),
            (1.5e300, "1.5e+300"),
            (1e16 / -7.25, "-1379310344827586.2"),
        ];
        for (float, text) in cases {
            assert_eq!(float_repr(float), text);
        }
    }

    #[test]
    fn rounding_is_of_the_exact_value() {
        for (float, digits, result) in [
            (2.675, 2, 2.67),
            (0.5, 0, 0.0),
            (1.5, 0, 2.0),
            (2.5, 0, 2.0),
            (1234.5, -2, 1200.0),
            (0.125, 2, 0.12),
        ] {
            assert_eq!(round_float(float, digits).to_bits(), f64::to_bits(result), "{float} {digits}");
        }
    }

    #[test]
    fn text_becomes_numbers_as_in_python() {
        for (text, value) in [
            ("1_000.5", Some(1000.5)),
            (" 7 ", Some(7.0)),
            ("1__0", None),
            ("0x1", None),
            ("1e3", Some(1e3)),
            ("", None),
            ("--1", None),
        ] {
            assert_eq!(parse_float(text), value, "{text}");
        }
        assert_eq!(parse_int(" -12 ", 10), Some(Ok(-12)));
        assert_eq!(parse_int("1.5", 10), None);
        assert_eq!(parse_int("ff", 16), Some(Ok(255)));
    }
}
