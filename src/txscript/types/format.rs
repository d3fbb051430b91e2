//! `format()`, `%` and the format specs of f-strings.

use std::fmt::Write as _;

use super::super::exception::{Eval, Kind};
use super::super::machine::Machine;
use super::super::value::Value;

/// A parsed format spec: `[[fill]align][sign][#][0][width][,][.precision][type]`.
#[derive(Default, Clone, Copy)]
struct Spec {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    alternate: bool,
    zero: bool,
    width: usize,
    grouping: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

/// The widest field that is made.
const WIDEST: usize = 100_000;

impl Spec {
    fn parse(text: &str) -> Option<Self> {
        let mut spec = Self::default();
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
            at += 1;
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
        let fits = spec.width <= WIDEST && spec.precision.unwrap_or(0) <= WIDEST;
        (at == chars.len() && fits).then_some(spec)
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
        let digits = if !float.is_finite() {
            let text = if float.is_nan() { "nan" } else { "inf" };
            if kind.is_some_and(char::is_uppercase) { text.to_uppercase() } else { text.to_owned() }
        } else {
            match kind {
                Some('f' | 'F') => format!("{magnitude:.*}", self.precision.unwrap_or(6)),
                Some('%') => format!("{:.*}%", self.precision.unwrap_or(6), magnitude * 100.0),
                Some('e' | 'E') => exponent_form(magnitude, self.precision.unwrap_or(6)),
                Some('g' | 'G' | 'n') => general(magnitude, self.precision.unwrap_or(6), self.alternate, false),
                None if self.precision.is_none() => super::number::float_repr(magnitude),
                None => general(magnitude, self.precision.unwrap_or(6), self.alternate, true),
                Some(_) => return None,
            }
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

fn exponent_form(magnitude: f64, precision: usize) -> String {
    let text = format!("{magnitude:.precision$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// `g`: so many significant digits, without trailing zeros; `repr_like` keeps a digit behind the point.
fn general(magnitude: f64, precision: usize, alternate: bool, repr_like: bool) -> String {
    let precision = precision.max(1);
    let scientific = format!("{magnitude:.*e}", precision - 1);
    let exponent: i64 = scientific.split_once('e').and_then(|(_, e)| e.parse().ok()).unwrap_or(0);
    let limit = i64::try_from(precision).unwrap_or(i64::MAX) - i64::from(repr_like);
    let trim = |digits: &str| {
        if alternate || !digits.contains('.') {
            return digits.to_owned();
        }
        digits.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    if (-4..limit).contains(&exponent) || magnitude == 0.0 {
        let places = usize::try_from(i64::try_from(precision).unwrap_or(i64::MAX) - 1 - exponent).unwrap_or(0);
        let digits = trim(&format!("{magnitude:.places$}"));
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
            Value::Str(_) | Value::Bool(_) | Value::Int(_) | Value::Big(_) | Value::Float(_) | Value::Decimal(_)
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
        self.memory(spec.width + spec.precision.unwrap_or(0))?;
        let done = match plain {
            Value::Str(text) if spec.sign.is_some() => {
                let _ = text;
                return self.raise_text(Kind::ValueError, "Sign not allowed in string format specifier");
            }
            Value::Str(_) if spec.align == Some('=') => {
                return self
                    .raise_text(Kind::ValueError, "'=' alignment not allowed in string format specifier");
            }
            Value::Str(text) if matches!(spec.kind, None | Some('s')) && spec.grouping.is_none() => {
                let cut: String = match spec.precision {
                    Some(precision) => text.chars().take(precision).collect(),
                    None => text.to_owned(),
                };
                Some(spec.pad(&cut, '<'))
            }
            Value::Float(float) => spec.float(float).map(|digits| spec.pad(&digits, '>')),
            Value::Decimal(decimal) => self.format_decimal(*decimal, spec),
            Value::Bool(_) if spec.kind.is_none() && spec.grouping.is_none() && plain.int().is_some() => {
                let digits = spec.int(plain.int().unwrap_or(0));
                digits.map(|digits| spec.pad(&digits, '>'))
            }
            _ => match (plain.int(), spec.kind) {
                (Some(int), Some('f' | 'F' | 'e' | 'E' | 'g' | 'G' | '%')) => {
                    let float = self.float_of(int)?;
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

    #[expect(clippy::unused_self, reason = "beside the others")]
    fn format_decimal(&self, decimal: rust_decimal::Decimal, spec: Spec) -> Option<String> {
        use rust_decimal::RoundingStrategy::MidpointNearestEven;
        let magnitude = decimal.abs();
        let digits = match (spec.kind, spec.precision) {
            (Some('f' | 'F') | None, Some(precision)) => {
                let places = u32::try_from(precision).unwrap_or(28);
                format!("{:.precision$}", magnitude.round_dp_with_strategy(places, MidpointNearestEven))
            }
            (Some('f' | 'F') | None, None) => magnitude.to_string(),
            _ => return None,
        };
        let digits = spec.signed(decimal.is_sign_negative(), &spec.grouped(&digits, 3));
        Some(spec.pad(&digits, '>'))
    }

    /// `text % values`.
    pub(crate) fn percent(&mut self, format: &'h str, values: Value<'h>) -> Eval<'h> {
        let list: Vec<Value<'h>> = match values {
            Value::Tuple(items) => items.to_vec(),
            other => vec![other],
        };
        let mut rest = list.iter();
        let mut out = String::new();
        let mut chars = format.chars().peekable();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            let mut name = None;
            if chars.next_if_eq(&'(').is_some() {
                name = Some(chars.by_ref().take_while(|c| *c != ')').collect::<String>());
            }
            let mut flags = String::new();
            while let Some(c) = chars.next_if(|c| "-+ #0123456789.".contains(*c)) {
                flags.push(c);
            }
            let kind = chars.next();
            if kind == Some('%') {
                out.push('%');
                continue;
            }
            let value = match (&name, values) {
                (Some(name), Value::Dict(dict)) => {
                    let name = self.str(name)?;
                    Some(self.dict_get(dict, name)?)
                }
                (Some(_), _) => return self.raise_text(Kind::TypeError, "format requires a mapping"),
                (None, _) => rest.next().copied(),
            };
            let (Some(value), Some(kind)) = (value, kind) else {
                let text = if kind.is_none() {
                    return self.raise_text(Kind::ValueError, "incomplete format");
                } else {
                    "not enough arguments for format string"
                };
                return self.raise_text(Kind::TypeError, text);
            };
            self.percent_one(value, &flags, kind, &mut out)?;
        }
        if rest.next().is_some() && !matches!(values, Value::Dict(_)) {
            return self.raise_text(Kind::TypeError, "not all arguments converted during string formatting");
        }
        self.str(&out)
    }

    fn percent_one(&mut self, value: Value<'h>, flags: &str, kind: char, out: &mut String) -> Eval<'h, ()> {
        let left = flags.contains('-');
        let bare = flags.trim_start_matches(['-', '+', ' ', '#']);
        let sign = if flags.contains('+') { "+" } else if flags.contains(' ') { " " } else { "" };
        let plain = value.plain();
        let (value, code) = match kind {
            's' => (Value::Str(self.str_of(value)?), "s".to_owned()),
            'r' => (Value::Str(self.repr_of(value)?), "s".to_owned()),
            'd' | 'i' | 'u' => match plain {
                #[expect(clippy::cast_possible_truncation, reason = "what %d does with a float")]
                Value::Float(float) => (self.int(Some(float as i128))?, "d".to_owned()),
                other if other.int().is_some() => (other, "d".to_owned()),
                other => {
                    let text =
                        format_args!("%{kind} format: a real number is required, not {}", other.type_name());
                    return self.raise(Kind::TypeError, text);
                }
            },
            'f' | 'F' | 'e' | 'E' | 'g' | 'G' => match self.as_float(plain)? {
                Some(float) => (Value::Float(float), kind.to_string()),
                None => {
                    let text = format_args!("must be real number, not {}", value.type_name());
                    return self.raise(Kind::TypeError, text);
                }
            },
            'x' | 'X' | 'o' => (plain, kind.to_string()),
            _ => {
                let text = format_args!("unsupported format character '{kind}' (0x{:x})", u32::from(kind));
                return self.raise(Kind::ValueError, text);
            }
        };
        let align = if left { "<" } else if code == "s" { ">" } else { "" };
        let sign = if code == "s" { "" } else { sign };
        let bare = if left || code == "s" { bare.trim_start_matches('0') } else { bare };
        let precision = if code == "d" { bare.split('.').next().unwrap_or_default() } else { bare };
        let text = self.format(value, &format!("{align}{sign}{precision}{code}"))?;
        out.push_str(text);
        Ok(())
    }

    /// `text.format(…)`.
    pub(crate) fn format_method(
        &mut self,
        format: &'h str,
        positional: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h> {
        let mut out = String::new();
        let mut next = 0;
        let mut rest = format;
        while let Some(at) = rest.find(['{', '}']) {
            out.push_str(&rest[..at]);
            let tail = &rest[at..];
            if tail.starts_with("{{") || tail.starts_with("}}") {
                out.push_str(&tail[..1]);
                rest = &tail[2..];
                continue;
            }
            if tail.starts_with('}') {
                return self.raise_text(Kind::ValueError, "Single '}' encountered in format string");
            }
            let Some(end) = closing(tail) else {
                return self.raise_text(Kind::ValueError, "Single '{' encountered in format string");
            };
            let inner = &tail[1..end];
            rest = &tail[end + 1..];
            let (target, spec) = inner.split_once(':').unwrap_or((inner, ""));
            let (target, conversion) = target.split_once('!').unwrap_or((target, ""));
            let mut value = self.format_target(target, positional, keywords, &mut next)?;
            value = match conversion {
                "r" => Value::Str(self.repr_of(value)?),
                "s" => Value::Str(self.str_of(value)?),
                _ => value,
            };
            let spec = match self.text(spec)? {
                spec if spec.contains('{') => match self.format_method(spec, &positional[next.min(positional.len())..], keywords)? {
                    Value::Str(spec) => spec,
                    _ => "",
                },
                spec => spec,
            };
            let _ = write!(out, "{}", self.format(value, spec)?);
        }
        out.push_str(rest);
        self.str(&out)
    }

    fn format_target(
        &mut self,
        target: &str,
        positional: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
        next: &mut usize,
    ) -> Eval<'h> {
        let end = target.find(['.', '[']).unwrap_or(target.len());
        let (name, path) = target.split_at(end);
        // `usize::MAX` stands for "by number": the two ways do not mix.
        let by_number = name.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
        if (name.is_empty() && *next == usize::MAX) || (by_number && *next != 0 && *next != usize::MAX) {
            let ways = ["automatic field numbering", "manual field specification"];
            let (from, to) = if by_number { (ways[0], ways[1]) } else { (ways[1], ways[0]) };
            return self.raise(Kind::ValueError, format_args!("cannot switch from {from} to {to}"));
        }
        let index = if name.is_empty() {
            *next += 1;
            Some(*next - 1)
        } else {
            name.parse().ok()
        };
        if by_number {
            *next = usize::MAX;
        }
        let found = match index {
            Some(index) => positional.get(index).copied(),
            None => keywords.iter().find(|(keyword, _)| *keyword == name).map(|(_, value)| *value),
        };
        let Some(value) = found else {
            return match index {
                Some(index) => self.raise(
                    Kind::IndexError,
                    format_args!("Replacement index {index} out of range for positional args tuple"),
                ),
                None => {
                    let name = self.str(name)?;
                    self.raise_with(Kind::KeyError, &[name])
                }
            };
        };
        if path.is_empty() {
            return Ok(value);
        }
        if let Some(key) = path.strip_prefix('[').and_then(|path| path.strip_suffix(']')) {
            let key = match key.parse() {
                Ok(index) => Value::Int(index),
                Err(_) => self.str(key)?,
            };
            return self.item(value, key);
        }
        self.raise_text(Kind::ValueError, "attributes in a format string are not supported: use an f-string")
    }
}

/// The place of the brace that closes the first one.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}
