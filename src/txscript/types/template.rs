//! `text % values` and `text.format(…)`.

use super::super::exception::{Eval, Kind};
use super::super::machine::{Machine, TextBuilder, on_stack};
use super::super::value::Value;

impl<'h> Machine<'h> {
    /// `text % values`.
    pub(crate) fn percent(&mut self, format: &'h str, values: Value<'h>) -> Eval<'h> {
        let one = [values];
        let list = if let Value::Tuple(items) = values { items } else { &one };
        let mut rest = list.iter();
        let mut out = self.builder();
        let mut chars = format.chars().peekable();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c)?;
                continue;
            }
            let mut name = None;
            if chars.next_if_eq(&'(').is_some() {
                let mut named = self.builder();
                named.extend(chars.by_ref().take_while(|c| *c != ')'))?;
                name = Some(self.finish(named)?);
            }
            self.step()?;
            let mut flags = self.builder();
            while let Some(c) = chars.next_if(|c| "-+ #0123456789.".contains(*c)) {
                flags.push(c)?;
            }
            let kind = chars.next();
            if kind == Some('%') {
                out.push('%')?;
                continue;
            }
            let value = match (name, values) {
                (Some(name), Value::Dict(dict)) => Some(self.dict_get(dict, Value::Str(name))?),
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
        // What has items by name or place may be left over.
        if rest.next().is_some() && !matches!(values, Value::Dict(_) | Value::List(_)) {
            return self.raise_text(Kind::TypeError, "not all arguments converted during string formatting");
        }
        self.finish(out).map(Value::Str)
    }

    fn percent_one(
        &mut self,
        value: Value<'h>,
        flags: &str,
        kind: char,
        out: &mut TextBuilder<'h>,
    ) -> Eval<'h, ()> {
        let left = flags.contains('-');
        let bare = flags.trim_start_matches(['-', '+', ' ', '#']);
        let sign = if flags.contains('+') {
            "+"
        } else if flags.contains(' ') {
            " "
        } else {
            ""
        };
        let plain = value.plain();
        let (value, code) = match kind {
            's' => (Value::Str(self.str_of(value)?), "s".to_owned()),
            'r' => (Value::Str(self.repr_of(value)?), "s".to_owned()),
            'd' | 'i' | 'u' => match plain {
                Value::Float(float) => (self.whole(float.trunc())?, "d".to_owned()),
                other if other.int().is_some() => (other, "d".to_owned()),
                _ => {
                    let text =
                        format_args!("%{kind} format: a real number is required, not {}", value.type_name());
                    return self.raise(Kind::TypeError, text);
                }
            },
            'f' | 'F' | 'e' | 'E' | 'g' | 'G' => match plain.as_float() {
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
        let align = if left {
            "<"
        } else if code == "s" {
            ">"
        } else {
            ""
        };
        let sign = if code == "s" { "" } else { sign };
        let bare = if left || code == "s" { bare.trim_start_matches('0') } else { bare };
        let precision = if code == "d" { bare.split('.').next().unwrap_or_default() } else { bare };
        let mut spec = self.builder();
        spec.write(format_args!("{align}{sign}{precision}{code}"))?;
        let text = self.format(value, &spec)?;
        out.push_str(text)
    }

    /// `text.format(…)`.
    pub(crate) fn format_method(
        &mut self,
        format: &'h str,
        positional: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h> {
        let mut out = self.builder();
        let mut next = 0;
        let mut rest = format;
        while let Some(at) = rest.find(['{', '}']) {
            self.step()?;
            out.push_str(&rest[..at])?;
            let tail = &rest[at..];
            if tail.starts_with("{{") || tail.starts_with("}}") {
                out.push_str(&tail[..1])?;
                rest = &tail[2..];
                continue;
            }
            if tail.starts_with('}') {
                return self.raise_text(Kind::ValueError, "Single '}' encountered in format string");
            }
            self.steps(tail.find('}').unwrap_or(tail.len()) / 16)?;
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
                spec if spec.contains('{') => {
                    let rest = &positional[next.min(positional.len())..];
                    self.deeper()?;
                    let spec = on_stack(|| self.format_method(spec, rest, keywords));
                    self.shallower();
                    match spec? {
                        Value::Str(spec) => spec,
                        _ => "",
                    }
                }
                spec => spec,
            };
            let part = self.format(value, spec)?;
            out.push_str(part)?;
        }
        out.push_str(rest)?;
        self.finish(out).map(Value::Str)
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
