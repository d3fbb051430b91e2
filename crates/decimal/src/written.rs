//! Numbers as text.

use std::fmt;

use crate::{Class, Decimal};

impl fmt::Display for Decimal {
    /// `str(number)`: scientific where the exponent is above zero, or the number is small.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(false))
    }
}

impl Decimal {
    /// `to_eng_string()`: the exponent is a multiple of three.
    pub fn engineering(&self) -> String {
        self.text(true)
    }

    fn text(&self, engineering: bool) -> String {
        let sign = if self.negative { "-" } else { "" };
        match self.class {
            Class::Infinite => return format!("{sign}Infinity"),
            Class::Quiet => return format!("{sign}NaN{}", self.digits()),
            Class::Signaling => return format!("{sign}sNaN{}", self.digits()),
            Class::Finite => {}
        }
        let digits = self.coefficient.to_string();
        let length = i64::try_from(digits.len()).unwrap_or(i64::MAX);
        // Digits in front of the point, were there no exponent.
        let left = self.exponent + length;
        let place = if self.exponent <= 0 && left > -6 {
            left
        } else if !engineering {
            1
        } else if self.coefficient.is_zero() {
            (left + 1).rem_euclid(3) - 1
        } else {
            (left - 1).rem_euclid(3) + 1
        };
        let (whole, fraction) = split(&digits, place);
        let point = if fraction.is_empty() { "" } else { "." };
        if left == place {
            return format!("{sign}{whole}{point}{fraction}");
        }
        format!("{sign}{whole}{point}{fraction}E{:+}", left - place)
    }
}

/// Digits in front of a point and behind it.
pub(crate) fn split(digits: &str, place: i64) -> (String, String) {
    let zeros = |count: u64| "0".repeat(usize::try_from(count).unwrap_or(0));
    if place <= 0 {
        return ("0".to_owned(), zeros(place.unsigned_abs()) + digits);
    }
    let at = usize::try_from(place).unwrap_or(usize::MAX);
    match digits.split_at_checked(at) {
        Some((whole, fraction)) => (whole.to_owned(), fraction.to_owned()),
        None => (digits.to_owned() + &zeros((at - digits.len()) as u64), String::new()),
    }
}
