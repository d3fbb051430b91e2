//! `str()` and `repr()`.

use super::super::exception::{Eval, Kind};
use super::super::machine::{Machine, TextBuilder};
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
                        let mut whole = self.builder();
                        whole.write(format_args!("({number}, {text})"))?;
                        self.finish(whole)
                    }
                    args => self.repr_of(Value::Tuple(args)),
                };
            }
            Value::Date(date) => return self.text(&date.to_string()),
            Value::DateTime(time) => {
                let text = super::date_text::iso_time(time, ' ');
                return self.text(&text);
            }
            Value::Delta(delta) => return self.text(&super::date_text::delta_text(delta)),
            Value::Decimal(decimal) => return self.text(&decimal.number().to_string()),
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

    /// A repr without anything beyond ASCII.
    pub(crate) fn ascii(&mut self, repr: &str) -> Eval<'h, &'h str> {
        let mut out = self.builder();
        for c in repr.chars() {
            if c.is_ascii() {
                out.push(c)?;
            } else {
                escape(c, &mut out)?;
            }
        }
        self.finish(out)
    }

    /// `repr(value)`.
    pub(crate) fn repr_of(&mut self, value: Value<'h>) -> Eval<'h, &'h str> {
        let mut text = self.builder();
        self.repr(value, &mut text, NESTING)?;
        self.finish(text)
    }

    #[expect(clippy::too_many_lines, reason = "an arm for each")]
    fn repr(&mut self, value: Value<'h>, out: &mut TextBuilder<'h>, depth: u32) -> Eval<'h, ()> {
        if depth == 0 {
            return self.raise_text(
                Kind::RecursionError,
                "maximum recursion depth exceeded while getting the repr of an object",
            );
        }
        self.step()?;
        if let Value::Named(named) = value {
            out.push_str(named.name)?;
            for (at, (field, item)) in named.fields.iter().zip(named.items).enumerate() {
                out.write(format_args!("{}{field}=", if at == 0 { "(" } else { ", " }))?;
                self.repr(*item, out, depth - 1)?;
            }
            return out.push(')');
        }
        match value.plain() {
            Value::None => out.write(format_args!("None")),
            Value::Bool(bool) => out.write(format_args!("{}", if bool { "True" } else { "False" })),
            Value::Int(int) => out.write(format_args!("{int}")),
            Value::Big(big) => out.write(format_args!("{big}")),
            Value::Float(float) => out.write(format_args!("{}", float_repr(float))),
            Value::Str(text) => {
                self.steps(text.len() / 16)?;
                str_repr(text, out)
            }
            Value::Decimal(decimal) => out.write(format_args!("Decimal('{}')", decimal.number())),
            Value::Date(date) => {
                out.write(format_args!("datetime.date({}, {}, {})", date.year(), date.month(), date.day()))
            }
            Value::DateTime(time) => out.write(format_args!("{}", super::date_text::time_repr(time))),
            Value::Delta(delta) => out.write(format_args!("{}", super::date_text::delta_repr(delta))),
            Value::List(list) | Value::Values(list) => {
                let items = self.copied(&list.borrow())?;
                self.repr_list(&items, ('[', ']'), out, depth)
            }
            Value::Tuple(items) => {
                if let [one] = items {
                    out.push('(')?;
                    self.repr(*one, out, depth - 1)?;
                    return out.push_str(",)");
                }
                self.repr_list(items, ('(', ')'), out, depth)
            }
            Value::Dict(dict) => self.repr_dict(dict, out, depth),
            Value::Set(set) => {
                let items = self.keys(set)?;
                if items.is_empty() {
                    out.write(format_args!("{}()", value.type_name()))
                } else if matches!(set.special, Special::FrozenSet) {
                    out.push_str("frozenset(")?;
                    self.repr_list(&items, ('{', '}'), out, depth)?;
                    out.push(')')
                } else {
                    self.repr_list(&items, ('{', '}'), out, depth)
                }
            }
            Value::Range(range) if range.step == 1 => {
                out.write(format_args!("range({}, {})", range.start, range.stop))
            }
            Value::Range(range) => {
                out.write(format_args!("range({}, {}, {})", range.start, range.stop, range.step))
            }
            Value::Slice(parts) => {
                out.push_str("slice")?;
                self.repr_list(parts, ('(', ')'), out, depth)
            }
            Value::Function(function) => {
                out.write(format_args!("<function {} at 0x7f0000000000>", function.code.name))
            }
            Value::Builtin(builtin) => out.write(format_args!("{}", builtin.repr())),
            Value::Exception(exception) => {
                out.push_str(exception.kind.name())?;
                self.repr_list(exception.args, ('(', ')'), out, depth)
            }
            Value::AllValues(_) | Value::Column(_) => {
                out.write(format_args!("<{} ", value.type_name()))?;
                let inner = if let Value::Column(cells) = value { Value::AllValues(cells) } else { value };
                let items = self.collect(inner)?;
                if matches!(value, Value::Column(_)) {
                    out.push_str("<TableColumn ")?;
                    self.repr_list(&items, ('[', ']'), out, depth)?;
                    out.push('>')?;
                } else {
                    self.repr_list(&items, ('[', ']'), out, depth)?;
                }
                out.write(format_args!(">"))
            }
            Value::Table(_) => {
                let rows = self.collect(value)?;
                out.push_str("<Table ")?;
                self.repr_list(&rows, ('[', ']'), out, depth)?;
                out.write(format_args!(">"))
            }
            Value::Row(row) => {
                out.push_str("TableRow(")?;
                for (at, (name, cell)) in self.row_cells(row)?.into_iter().enumerate() {
                    out.write(format_args!("{}{name}=", if at == 0 { "" } else { ", " }))?;
                    self.repr(cell, out, depth - 1)?;
                }
                out.write(format_args!(")"))
            }
            Value::Match(found) => {
                let (start, end) = found.span(0).unwrap_or((0, 0));
                self.steps(found.text.len() / 256)?;
                out.write(format_args!("<re.Match object; span=({start}, {end}), match="))?;
                str_repr(found.group(0).unwrap_or_default(), out)?;
                out.write(format_args!(">"))
            }
            Value::AttrList(list) => {
                let items = self.copied(&list.items.borrow())?;
                self.repr_list(&items, ('[', ']'), out, depth)
            }
            Value::EnumOption(option) => {
                let text = self.option_text(option)?;
                out.write(format_args!("<EnumOption {text}>"))
            }
            Value::Json(node) => {
                let value = self.json_plain(node)?;
                self.repr(value, out, depth - 1)
            }
            other => out.write(format_args!("<{} object at 0x7f0000000000>", other.type_name())),
        }
    }

    fn repr_list(
        &mut self,
        items: &[Value<'h>],
        (open, close): (char, char),
        out: &mut TextBuilder<'h>,
        depth: u32,
    ) -> Eval<'h, ()> {
        out.push(open)?;
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                out.push_str(", ")?;
            }
            self.repr(*item, out, depth - 1)?;
        }
        out.push(close)
    }

    fn repr_dict(&mut self, dict: &'h Dict<'h>, out: &mut TextBuilder<'h>, depth: u32) -> Eval<'h, ()> {
        let wrapped = match dict.special {
            Special::Counter => {
                out.push_str("Counter(")?;
                true
            }
            Special::Default(factory) => {
                out.push_str("defaultdict(")?;
                self.repr(factory, out, depth - 1)?;
                out.push_str(", ")?;
                true
            }
            _ => false,
        };
        out.push('{')?;
        for (at, (key, value)) in self.entries(dict)?.into_iter().enumerate() {
            if at > 0 {
                out.push_str(", ")?;
            }
            self.repr(key, out, depth - 1)?;
            out.push_str(": ")?;
            self.repr(value, out, depth - 1)?;
        }
        out.push_str(if wrapped { "})" } else { "}" })
    }
}

/// A text in quotes, as `repr` writes it.
pub(crate) fn str_repr<'h>(text: &str, out: &mut TextBuilder<'h>) -> Eval<'h, ()> {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote)?;
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\")?,
            '\n' => out.push_str("\\n")?,
            '\r' => out.push_str("\\r")?,
            '\t' => out.push_str("\\t")?,
            c if c == quote => {
                out.push('\\')?;
                out.push(c)?;
            }
            c if is_printable(c) => out.push(c)?,
            c => escape(c, out)?,
        }
    }
    out.push(quote)
}

fn escape<'h>(c: char, out: &mut TextBuilder<'h>) -> Eval<'h, ()> {
    match u32::from(c) {
        code @ 0..=0xff => out.write(format_args!("\\x{code:02x}")),
        code @ 0x100..=0xffff => out.write(format_args!("\\u{code:04x}")),
        code => out.write(format_args!("\\U{code:08x}")),
    }
}

/// As `str.isprintable` sees it, as far as documents go: no controls, no separators but the blank.
pub(crate) fn is_printable(c: char) -> bool {
    c == ' '
        || !(c.is_control()
            || c.is_whitespace()
            || matches!(u32::from(c), 0xad | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0xfeff | 0xe000..=0xf8ff))
}
