//! How a value is written that goes to a datapoint. Rossum parses it, and ignores without a word what it cannot read (API
//! reference: "Annotation data"; what integrators report). What Rossum sends is read more leniently.

/// Characters of a value (API reference: "Annotation data").
pub const MAX_VALUE_CHARACTERS: usize = 1500;

/// Whether Rossum reads a text as a date: `YYYY-MM-DD`, a day that there is, and nothing behind it.
pub fn is_written_date(text: &str) -> bool {
    let fits =
        |(at, byte): (usize, u8)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() };
    text.len() == 10 && text.bytes().enumerate().all(fits) && text.parse::<jiff::civil::Date>().is_ok()
}

/// Whether Rossum reads a text as a number: digits, perhaps with a `-` in front and a point within; no exponent, no `+`, no
/// grouping, no white space.
pub fn is_written_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    digits(whole) && digits(part)
}
