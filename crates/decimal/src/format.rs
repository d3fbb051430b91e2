//! `format(number, spec)`.

use std::fmt::Write as _;

use crate::written::split;
use crate::{Context, Decimal, Rounding};

/// Where a text stands in a wider field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// At the left.
    Left,
    /// At the right.
    Right,
    /// In the middle.
    Center,
    /// At the right, with the sign at the left.
    AfterSign,
}

/// A format, as `>+10,.2f` names it.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// What fills the field.
    pub fill: char,
    /// Where the number stands.
    pub align: Align,
    /// `+`, a space, or nothing in front of positive numbers.
    pub sign: Option<char>,
    /// Whether the point stays where nothing follows it.
    pub alternate: bool,
    /// Whether a negative zero loses its sign.
    pub plain_zero: bool,
    /// Whether zeros stand behind the sign, up to the width.
    pub zeros: bool,
    /// The width of the field, in characters.
    pub width: usize,
    /// What stands between groups of three digits.
    pub separator: Option<char>,
    /// Digits, as the kind counts them.
    pub precision: Option<u32>,
    /// `e`, `E`, `f`, `F`, `g`, `G` or `%`; without one as `str`.
    pub kind: Option<char>,
}

impl Decimal {
    /// `format(number, spec)`; `None` where the kind is not one for decimals.
    pub fn formatted(&self, spec: &Format, context: Context) -> Option<String> {
        let kind = match spec.kind {
            None => 'G',
            Some(kind @ ('e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%')) => kind,
            Some('n') => 'g',
            Some(_) => return None,
        };
        if !self.is_finite() {
            let percent = if kind == '%' { "%" } else { "" };
            let body = self.copy_abs().to_string() + percent;
            // Zeros are for numbers.
            let spaces = Format { zeros: false, fill: if spec.zeros { ' ' } else { spec.fill }, ..*spec };
            let spaces = if spec.zeros && spec.align == Align::AfterSign {
                Format { align: Align::Right, ..spaces }
            } else {
                spaces
            };
            return Some(spaces.padded(sign(self.negative, spec.sign), &body));
        }
        let mut number = self.clone();
        if kind == '%' {
            number.exponent += 2;
        }
        number = number.cut_for(kind, spec, context.rounding);
        if number.is_zero() && number.exponent > 0 && matches!(kind, 'f' | 'F' | '%') {
            number = number.rescaled(0, context.rounding);
        }
        if number.is_zero() && spec.plain_zero {
            number.negative = false;
        }
        Some(number.laid_out(kind, spec))
    }

    /// With the digits that a precision asks for.
    fn cut_for(self, kind: char, spec: &Format, rounding: Rounding) -> Self {
        let Some(precision) = spec.precision.map(i64::from) else { return self };
        match kind {
            'e' | 'E' => self.rounded_to(precision + 1, rounding),
            'f' | 'F' | '%' => self.rescaled(-precision, rounding),
            _ => self.rounded_to(precision.max(1), rounding),
        }
    }

    fn laid_out(&self, kind: char, spec: &Format) -> String {
        let digits = self.coefficient.to_string();
        let left = self.exponent + i64::try_from(digits.len()).unwrap_or(i64::MAX);
        let place = match kind {
            'e' | 'E' => match spec.precision {
                Some(precision) if self.is_zero() => 1 - i64::from(precision),
                _ => 1,
            },
            'f' | 'F' | '%' => left,
            _ if self.exponent <= 0 && left > -6 => left,
            _ => 1,
        };
        let (whole, fraction) = split(&digits, place);
        // With a precision, digits of an exponent form that are missing are zeros.
        let fraction = match (kind, spec.precision) {
            ('e' | 'E', Some(precision)) => {
                let missing = (precision as usize).saturating_sub(fraction.len());
                fraction + &"0".repeat(missing)
            }
            _ => fraction,
        };
        let mut rest = String::new();
        if !fraction.is_empty() || spec.alternate {
            rest.push('.');
            rest.push_str(&fraction);
        }
        let exponent = left - place;
        if exponent != 0 || matches!(kind, 'e' | 'E') {
            let letter = if kind.is_lowercase() { 'e' } else { 'E' };
            let _ = write!(rest, "{letter}{exponent:+}");
        }
        if kind == '%' {
            rest.push('%');
        }
        let sign = sign(self.negative, spec.sign);
        let least = if spec.zeros { spec.width.saturating_sub(rest.len() + sign.len()) } else { 0 };
        let whole = grouped(&whole, spec.separator, least);
        spec.padded(sign, &(whole + &rest))
    }
}

impl Format {
    fn padded(&self, sign: &str, body: &str) -> String {
        let missing = self.width.saturating_sub(sign.chars().count() + body.chars().count());
        let fill = |count: usize| std::iter::repeat_n(self.fill, count).collect::<String>();
        match self.align {
            Align::Left => format!("{sign}{body}{}", fill(missing)),
            Align::Right => format!("{}{sign}{body}", fill(missing)),
            Align::AfterSign => format!("{sign}{}{body}", fill(missing)),
            Align::Center => format!("{}{sign}{body}{}", fill(missing / 2), fill(missing - missing / 2)),
        }
    }
}

fn sign(negative: bool, positive: Option<char>) -> &'static str {
    match (negative, positive) {
        (true, _) => "-",
        (false, Some('+')) => "+",
        (false, Some(' ')) => " ",
        _ => "",
    }
}

/// Digits in groups of three, with zeros in front up to a width.
fn grouped(digits: &str, separator: Option<char>, least: usize) -> String {
    let with_zeros = |count: usize| "0".repeat(count.saturating_sub(digits.len())) + digits;
    let Some(separator) = separator else { return with_zeros(least) };
    let mut count = digits.len();
    while count + (count - 1) / 3 < least {
        count += 1;
    }
    let digits = with_zeros(count);
    let mut grouped = String::with_capacity(count + count / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (count - at).is_multiple_of(3) {
            grouped.push(separator);
        }
        grouped.push(digit);
    }
    grouped
}
