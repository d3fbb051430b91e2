//! `str()` and `repr()`.

use std::fmt::Write as _;

use super::super::exception::{Eval, Kind};
use super::super::machine::Machine;
use super::super::types::dict::{Dict, Special};
use super::super::value::Value;
use super::compare::NESTING;
use super::number::float_repr;

impl<'h> Machine<'h> {
    /// `str(value)`.
    pub(crate) fn str_of(&mut self, value: Value<'h>) -> Eval<'h, &'h str> {
        match value.plain() {
            Value::Str(text) => return Ok(text),
            Value::Exception(exception) => {
                return match exception.args {
                    [] => Ok(""),
                    [one] if exception.kind == Kind::KeyError => self.repr_of(*one),
                    [one] => self.str_of(*one),
                    [whole, _] if exception.kind == Kind::JSONDecodeError => self.str_of(*whole),
                    [Value::Int(number), text] => {
                        let text = self.repr_of(*text)?;
                        self.text(&format!("({number}, {text})"))
                    }
                    args => self.repr_of(Value::Tuple(args)),
                };
            }
            Value::Date(date) => return self.text(&date.to_string()),
            Value::DateTime(time) => {
                let text = super::date::iso_time(time, ' ');
                return self.text(&text);
            }
            Value::Delta(delta) => return self.text(&super::date::delta_text(delta)),
            Value::Decimal(decimal) => return self.text(&decimal.to_string()),
            Value::Column(_) => {
                return self.raise_text(Kind::TypeError, super::super::field::COLUMN_IS_AMBIGUOUS);
            }
            Value::AllValues(_) | Value::Table(_) => {
                let items = self.collect(value)?;
                let list = self.list(items)?;
                return self.repr_of(list);
            }
            _ => {}
        }
        self.repr_of(value)
    }

    /// `repr(value)`.
    pub(crate) fn repr_of(&mut self, value: Value<'h>) -> Eval<'h, &'h str> {
        let mut text = String::new();
        self.repr(value, &mut text, NESTING)?;
        self.text(&text)
    }

    #[expect(clippy::too_many_lines, reason = "an arm for each")]
    fn repr(&mut self, value: Value<'h>, out: &mut String, depth: u32) -> Eval<'h, ()> {
        if depth == 0 {
            return self.raise_text(
                Kind::RecursionError,
                "maximum recursion depth exceeded while getting the repr of an object",
            );
        }
        self.steps(1 + out.len() / 4096)?;
        let _ = match value.plain() {
            Value::None => write!(out, "None"),
            Value::Bool(bool) => write!(out, "{}", if bool { "True" } else { "False" }),
            Value::Int(int) => write!(out, "{int}"),
            Value::Big(big) => write!(out, "{big}"),
            Value::Float(float) => write!(out, "{}", float_repr(float)),
            Value::Str(text) => {
                self.memory(text.len())?;
                str_repr(text, out);
                Ok(())
            }
            Value::Decimal(decimal) => write!(out, "Decimal('{decimal}')"),
            Value::Date(date) => {
                write!(out, "datetime.date({}, {}, {})", date.year(), date.month(), date.day())
            }
            Value::DateTime(time) => write!(out, "{}", super::date::time_repr(time)),
            Value::Delta(delta) => write!(out, "{}", super::date::delta_repr(delta)),
            Value::List(list) | Value::Values(list) => {
                let items = list.borrow().to_vec();
                return self.repr_list(&items, ('[', ']'), out, depth);
            }
            Value::Tuple(items) => {
                if let [one] = items {
                    out.push('(');
                    self.repr(*one, out, depth - 1)?;
                    out.push_str(",)");
                    return Ok(());
                }
                return self.repr_list(items, ('(', ')'), out, depth);
            }
            Value::Dict(dict) => return self.repr_dict(dict, out, depth),
            Value::Set(set) => {
                let items: Vec<_> = set.entries().into_iter().map(|(key, _)| key).collect();
                if items.is_empty() {
                    write!(out, "{}()", value.type_name())
                } else if matches!(set.special, Special::FrozenSet) {
                    out.push_str("frozenset(");
                    self.repr_list(&items, ('{', '}'), out, depth)?;
                    write!(out, ")")
                } else {
                    return self.repr_list(&items, ('{', '}'), out, depth);
                }
            }
            Value::Range(range) if range.step == 1 => write!(out, "range({}, {})", range.start, range.stop),
            Value::Range(range) => write!(out, "range({}, {}, {})", range.start, range.stop, range.step),
            Value::Slice(parts) => {
                out.push_str("slice");
                return self.repr_list(parts, ('(', ')'), out, depth);
            }
            Value::Function(function) => write!(out, "<function {} at 0x7f0000000000>", function.code.name),
            Value::Builtin(builtin) => write!(out, "{}", builtin.repr()),
            Value::Exception(exception) => {
                out.push_str(exception.kind.name());
                return self.repr_list(exception.args, ('(', ')'), out, depth);
            }
            Value::AllValues(_) | Value::Column(_) => {
                write!(out, "<{} ", value.type_name()).unwrap_or_default();
                let inner = if let Value::Column(cells) = value { Value::AllValues(cells) } else { value };
                let items = self.collect(inner)?;
                if matches!(value, Value::Column(_)) {
                    out.push_str("<TableColumn ");
                    self.repr_list(&items, ('[', ']'), out, depth)?;
                    out.push('>');
                } else {
                    self.repr_list(&items, ('[', ']'), out, depth)?;
                }
                write!(out, ">")
            }
            Value::Table(_) => {
                let rows = self.collect(value)?;
                out.push_str("<Table ");
                self.repr_list(&rows, ('[', ']'), out, depth)?;
                write!(out, ">")
            }
            Value::Row(row) => {
                out.push_str("TableRow(");
                for (at, (name, cell)) in self.row_cells(row)?.into_iter().enumerate() {
                    let _ = write!(out, "{}{name}=", if at == 0 { "" } else { ", " });
                    self.repr(cell, out, depth - 1)?;
                }
                write!(out, ")")
            }
            Value::Match(found) => {
                let (start, end) = found.span(0).unwrap_or((0, 0));
                write!(out, "<re.Match object; span=({start}, {end}), match=").unwrap_or_default();
                str_repr(found.group(0).unwrap_or_default(), out);
                write!(out, ">")
            }
            Value::AttrList(list) => {
                let items = list.items.borrow().to_vec();
                return self.repr_list(&items, ('[', ']'), out, depth);
            }
            Value::EnumOption(option) => {
                let text = self.option_text(option)?;
                write!(out, "<EnumOption {text}>")
            }
            Value::Json(node) => {
                let value = self.json_plain(node)?;
                return self.repr(value, out, depth - 1);
            }
            other => write!(out, "<{} object at 0x7f0000000000>", other.type_name()),
        };
        Ok(())
    }

    fn repr_list(
        &mut self,
        items: &[Value<'h>],
        (open, close): (char, char),
        out: &mut String,
        depth: u32,
    ) -> Eval<'h, ()> {
        out.push(open);
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                out.push_str(", ");
            }
            self.repr(*item, out, depth - 1)?;
        }
        out.push(close);
        Ok(())
    }

    fn repr_dict(&mut self, dict: &'h Dict<'h>, out: &mut String, depth: u32) -> Eval<'h, ()> {
        let wrapped = match dict.special {
            Special::Counter => {
                out.push_str("Counter(");
                true
            }
            Special::Default(factory) => {
                out.push_str("defaultdict(");
                self.repr(factory, out, depth - 1)?;
                out.push_str(", ");
                true
            }
            _ => false,
        };
        out.push('{');
        for (at, (key, value)) in dict.entries().into_iter().enumerate() {
            if at > 0 {
                out.push_str(", ");
            }
            self.repr(key, out, depth - 1)?;
            out.push_str(": ");
            self.repr(value, out, depth - 1)?;
        }
        out.push_str(if wrapped { "})" } else { "}" });
        Ok(())
    }
}

/// A text in quotes, as `repr` writes it.
pub(crate) fn str_repr(text: &str, out: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if is_printable(c) => out.push(c),
            c => escape(c, out),
        }
    }
    out.push(quote);
}

fn escape(c: char, out: &mut String) {
    let _ = match u32::from(c) {
        code @ 0..=0xff => write!(out, "\\x{code:02x}"),
        code @ 0x100..=0xffff => write!(out, "\\u{code:04x}"),
        code => write!(out, "\\U{code:08x}"),
    };
}

/// As `str.isprintable` sees it, as far as documents go: no controls, no separators but the blank.
pub(crate) fn is_printable(c: char) -> bool {
    c == ' '
        || !(c.is_control()
            || c.is_whitespace()
            || matches!(u32::from(c), 0xad | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0xfeff | 0xe000..=0xf8ff))
}

/// A repr without anything beyond ASCII.
pub(crate) fn ascii(repr: &str) -> String {
    let mut out = String::with_capacity(repr.len());
    for c in repr.chars() {
        if c.is_ascii() { out.push(c) } else { escape(c, &mut out) }
    }
    out
}
