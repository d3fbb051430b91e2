//! `format()` and the format specs of f-strings.

use annex_decimal::Align;

use super::super::exception::{Eval, Kind};
use super::super::machine::Machine;
use super::super::value::Value;
use super::arithmetic::float_of;
use super::decimal::Kept;

/// A parsed format spec: `[[fill]align][sign][#][0][width][,][.precision][type]`.
#[derive(Default, Clone, Copy)]
struct Spec {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    plain_zero: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    grouping: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

/// The longest spec that is read: none is that long but one that is wrong.
const LONGEST: usize = 200;
/// Digits behind the point of a float, of which all others are zeros; in front of the exponent there are fewer.
const FRACTION: usize = 1_100;

impl Spec {
    fn parse(text: &str) -> Option<Self> {
        let mut spec = Self::default();
        if text.len() > LONGEST {
            return None;
        }
        let chars: Vec<char> = text.chars().collect();
        let mut at = 0;
        let is_align = |c: Option<&char>| c.is_some_and(|c| matches!(c, '<' | '>' | '=' | '^'));
        if is_align(chars.get(1)) {
            (spec.fill, spec.align, at) = (Some(chars[0]), Some(chars[1]), 2);
        } else if is_align(chars.first()) {
            (spec.align, at) = (Some(chars[0]), 1);
        }
        if let Some(c @ ('+' | '-' | ' ')) = chars.get(at) {
            (spec.sign, at) = (Some(*c), at + 1);
        }
        if chars.get(at) == Some(&'z') {
            (spec.plain_zero, at) = (true, at + 1);
        }
        if chars.get(at) == Some(&'#') {
            (spec.alternate, at) = (true, at + 1);
        }
        if chars.get(at) == Some(&'0') {
            (spec.zero, at) = (true, at + 1);
        }
        let number = |at: &mut usize| {
            let start = *at;
            while chars.get(*at).is_some_and(char::is_ascii_digit) {
                *at += 1;
            }
            let digits: String = chars[start..*at].iter().collect();
            (start < *at).then(|| digits.parse::<usize>().unwrap_or(usize::MAX))
        };
        spec.width = number(&mut at).unwrap_or(0);
        if let Some(c @ (',' | '_')) = chars.get(at) {
            (spec.grouping, at) = (Some(*c), at + 1);
        }
        if chars.get(at) == Some(&'.') {
            at += 1;
            spec.precision = Some(number(&mut at)?);
        }
        if let Some(c) = chars.get(at) {
            (spec.kind, at) = (Some(*c), at + 1);
        }
        (at == chars.len()).then_some(spec)
    }

    /// Fills up to the width: a number's sign stays in front of zeros.
    fn pad(&self, text: &str, default: char) -> String {
        let missing = self.width.saturating_sub(text.chars().count());
        if missing == 0 {
            return text.to_owned();
        }
        let zero = self.zero && self.align.is_none();
        let fill = if zero { '0' } else { self.fill.unwrap_or(if self.zero { '0' } else { ' ' }) };
        let align = self.align.unwrap_or(if zero && default == '>' { '=' } else { default });
        let fills = |count: usize| std::iter::repeat_n(fill, count).collect::<String>();
        match align {
            '<' => format!("{text}{}", fills(missing)),
            '^' => format!("{}{text}{}", fills(missing / 2), fills(missing - missing / 2)),
            '=' => {
                let sign = text.starts_with(['+', '-', ' ']);
                let (sign, digits) = text.split_at(usize::from(sign));
                format!("{sign}{}{digits}", fills(missing))
            }
            _ => format!("{}{text}", fills(missing)),
        }
    }

    fn signed(&self, negative: bool, digits: &str) -> String {
        let sign = match (negative, self.sign) {
            (true, _) => "-",
            (false, Some('+')) => "+",
            (false, Some(' ')) => " ",
            _ => "",
        };
        format!("{sign}{digits}")
    }

    /// Digits with a separator between each group.
    fn grouped(&self, digits: &str, size: usize) -> String {
        let Some(separator) = self.grouping else { return digits.to_owned() };
        let split = digits.find(['.', 'e']).unwrap_or(digits.len());
        let (whole, rest) = digits.split_at(split);
        // With zeros in front the separators go on into them.
        let zeros = if self.zero && self.align.is_none() {
            let room = self.width.saturating_sub(rest.len());
            let mut count = whole.len();
            while count + (count - 1) / size < room && (count + 1) + count / size <= room {
                count += 1;
            }
            count - whole.len()
        } else {
            0
        };
        let whole = "0".repeat(zeros) + whole;
        let mut grouped = String::with_capacity(whole.len() * 2);
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at).is_multiple_of(size) {
                grouped.push(separator);
            }
            grouped.push(digit);
        }
        grouped + rest
    }

    fn float(&self, float: f64) -> Option<String> {
        let kind = self.kind;
        let magnitude = float.abs();
        let digits = if float.is_finite() {
            match kind {
                Some('f' | 'F') => fixed(magnitude, self.precision.unwrap_or(6)),
                Some('%') => fixed(magnitude * 100.0, self.precision.unwrap_or(6)) + "%",
                Some('e' | 'E') => exponent_form(magnitude, self.precision.unwrap_or(6)),
                Some('g' | 'G' | 'n') => {
                    general(magnitude, self.precision.unwrap_or(6), self.alternate, false)
                }
                None if self.precision.is_none() => super::number::float_repr(magnitude),
                None => general(magnitude, self.precision.unwrap_or(6), self.alternate, true),
                Some(_) => return None,
            }
        } else {
            let text = if float.is_nan() { "nan" } else { "inf" };
            let percent = if kind == Some('%') { "%" } else { "" };
            (if kind.is_some_and(char::is_uppercase) { text.to_uppercase() } else { text.to_owned() })
                + percent
        };
        let digits = if matches!(kind, Some('E' | 'G')) { digits.to_uppercase() } else { digits };
        let negative = float.is_sign_negative() && !float.is_nan();
        Some(self.signed(negative, &self.grouped(&digits, 3)))
    }

    fn int(&self, int: i128) -> Option<String> {
        let magnitude = int.unsigned_abs();
        let (digits, prefix, size) = match self.kind {
            None | Some('d' | 'n') => (magnitude.to_string(), "", 3),
            Some('x') => (format!("{magnitude:x}"), "0x", 4),
            Some('X') => (format!("{magnitude:X}"), "0X", 4),
            Some('o') => (format!("{magnitude:o}"), "0o", 4),
            Some('b') => (format!("{magnitude:b}"), "0b", 4),
            _ => return None,
        };
        let prefix = if self.alternate { prefix } else { "" };
        Some(self.signed(int < 0, &format!("{prefix}{}", self.grouped(&digits, size))))
    }
}

/// With so many digits behind the point. The formatter of Rust takes no more than 65,535, and a float has no more than
/// [`FRACTION`] that are not zero.
fn fixed(magnitude: f64, precision: usize) -> String {
    let exact = precision.min(FRACTION);
    format!("{magnitude:.exact$}") + &zeros(precision - exact)
}

fn zeros(count: usize) -> String {
    std::iter::repeat_n('0', count).collect()
}

fn exponent_form(magnitude: f64, precision: usize) -> String {
    let exact = precision.min(FRACTION);
    let text = format!("{magnitude:.exact$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let zeros = zeros(precision - exact);
    format!("{digits}{zeros}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// `g`: so many significant digits, without trailing zeros; `repr_like` keeps a digit behind the point.
fn general(magnitude: f64, precision: usize, alternate: bool, repr_like: bool) -> String {
    let precision = precision.max(1);
    let scientific = format!("{magnitude:.*e}", (precision - 1).min(FRACTION));
    let exponent: i64 = scientific.split_once('e').and_then(|(_, e)| e.parse().ok()).unwrap_or(0);
    let limit = i64::try_from(precision).unwrap_or(i64::MAX) - i64::from(repr_like);
    let trim = |digits: &str| {
        if alternate || !digits.contains('.') {
            return digits.to_owned();
        }
        digits.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    if (-4..limit).contains(&exponent) || magnitude == 0.0 {
        let places =
            usize::try_from(i64::try_from(precision).unwrap_or(i64::MAX) - 1 - exponent).unwrap_or(0);
        let digits = trim(&fixed(magnitude, places));
        return if repr_like && !digits.contains('.') { digits + ".0" } else { digits };
    }
    let text = exponent_form(magnitude, precision - 1);
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "+00"));
    format!("{}e{exponent}", trim(digits))
}

impl<'h> Machine<'h> {
    /// `format(value, spec)`.
    pub(crate) fn format(&mut self, value: Value<'h>, text: &str) -> Eval<'h, &'h str> {
        let plain = value.plain();
        if text.is_empty() {
            return self.str_of(value);
        }
        if let Value::Date(_) | Value::DateTime(_) = plain {
            return self.strftime(plain, text);
        }
        let formattable = matches!(
            plain,
            Value::Str(_)
                | Value::Bool(_)
                | Value::Int(_)
                | Value::Big(_)
                | Value::Float(_)
                | Value::Decimal(_)
        );
        if !formattable {
            if let Value::Column(_) = plain {
                return self.raise_text(Kind::TypeError, super::super::field::COLUMN_IS_AMBIGUOUS);
            }
            let text = format_args!("unsupported format string passed to {}.__format__", plain.type_name());
            return self.raise(Kind::TypeError, text);
        }
        let Some(spec) = Spec::parse(text) else {
            let text =
                format_args!("Invalid format specifier '{text}' for object of type '{}'", plain.type_name());
            return self.raise(Kind::ValueError, text);
        };
        // What it makes on the way: fills of up to four bytes, digits and their copies.
        let number = spec.precision.filter(|_| !matches!(plain, Value::Str(_))).unwrap_or(0);
        self.room(spec.width.saturating_mul(12).saturating_add(number.saturating_mul(6)))?;
        let done = match plain {
            Value::Str(_) if !matches!(spec.kind, None | Some('s')) => None,
            Value::Str(_) if spec.sign.is_some() => {
                return self.raise_text(Kind::ValueError, "Sign not allowed in string format specifier");
            }
            Value::Str(_) if spec.align == Some('=') => {
                return self
                    .raise_text(Kind::ValueError, "'=' alignment not allowed in string format specifier");
            }
            Value::Str(text) if matches!(spec.kind, None | Some('s')) && spec.grouping.is_none() => {
                self.steps(text.len() / 64)?;
                let end = spec.precision.and_then(|most| text.char_indices().nth(most));
                let cut = end.map_or(text, |(end, _)| &text[..end]);
                self.room(cut.len())?;
                Some(spec.pad(cut, '<'))
            }
            Value::Float(float) => spec.float(float).map(|digits| spec.pad(&digits, '>')),
            Value::Decimal(decimal) => self.format_decimal(decimal, &spec)?,
            Value::Bool(_) if spec.kind.is_none() && spec.grouping.is_none() && plain.int().is_some() => {
                let digits = spec.int(plain.int().unwrap_or(0));
                digits.map(|digits| spec.pad(&digits, '>'))
            }
            _ => match (plain.int(), spec.kind) {
                (Some(int), Some('f' | 'F' | 'e' | 'E' | 'g' | 'G' | '%')) => {
                    let float = float_of(int);
                    spec.float(float).map(|digits| spec.pad(&digits, '>'))
                }
                (Some(_), _) if spec.precision.is_some() => {
                    return self
                        .raise_text(Kind::ValueError, "Precision not allowed in integer format specifier");
                }
                (Some(int), Some('c')) => {
                    let c = u32::try_from(int).ok().and_then(char::from_u32);
                    c.map(|c| spec.pad(&c.to_string(), '<'))
                }
                (Some(int), _) => spec.int(int).map(|digits| spec.pad(&digits, '>')),
                (None, _) => None,
            },
        };
        match (done, spec.kind) {
            (Some(done), _) => self.text(&done),
            (None, kind) => {
                let text = format_args!(
                    "Unknown format code '{}' for object of type '{}'",
                    kind.unwrap_or(','),
                    plain.type_name()
                );
                self.raise(Kind::ValueError, text)
            }
        }
    }

    fn format_decimal(&mut self, decimal: &Kept<'h>, spec: &Spec) -> Eval<'h, Option<String>> {
        let number = decimal.number();
        self.room_for_decimal(&number, spec.kind)?;
        if spec.zero && spec.align.is_some() || spec.grouping == Some('_') || spec.alternate {
            return self.raise_text(Kind::ValueError, "invalid format string");
        }
        let align = match spec.align {
            Some('<') => Align::Left,
            Some('^') => Align::Center,
            Some('=') => Align::AfterSign,
            None if spec.zero => Align::AfterSign,
            _ => Align::Right,
        };
        let format = annex_decimal::Format {
            fill: spec.fill.unwrap_or(if spec.zero { '0' } else { ' ' }),
            align,
            sign: spec.sign.filter(|sign| *sign != '-'),
            alternate: false,
            plain_zero: spec.plain_zero,
            zeros: spec.zero,
            width: spec.width,
            separator: spec.grouping,
            precision: spec.precision.map(|precision| u32::try_from(precision).unwrap_or(u32::MAX)),
            kind: spec.kind,
        };
        match number.formatted(&format, self.decimals) {
            Some(text) => Ok(Some(text)),
            None => self.raise_text(Kind::ValueError, "invalid format string"),
        }
    }
}
