//! `json`.

use super::super::exception::{Eval, Kind};
use super::super::machine::{Machine, TextBuilder};
use super::super::types::compare::NESTING;
use super::super::types::dict::Special;
use super::super::types::number::float_repr;
use super::super::value::Value;
use super::super::words::Word;

/// How `dumps` writes.
struct Style<'s> {
    /// What each level begins with, and how often.
    indent: Option<(&'s str, usize)>,
    item: &'s str,
    key: &'s str,
    ascii: bool,
    sorted: bool,
}

impl<'h> Machine<'h> {
    pub(super) fn json_function(
        &mut self,
        word: Word,
        positional: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h> {
        match (word, positional) {
            (Word::loads, [text]) => {
                let Value::Str(text) = text.plain() else {
                    let text = format_args!(
                        "the JSON object must be str, bytes or bytearray, not {}",
                        text.type_name()
                    );
                    return self.raise(Kind::TypeError, text);
                };
                match self.json_read(text)? {
                    Ok(value) => Ok(value),
                    Err(error) => {
                        let problem = problem(&error, text);
                        let (message, whole) = (self.str(&problem.0)?, self.str(&problem.1)?);
                        self.raise_with(Kind::JSONDecodeError, &[whole, message])
                    }
                }
            }
            (Word::dumps, [value]) => {
                let mut style = Style { indent: None, item: ", ", key: ": ", ascii: true, sorted: false };
                let mut default = None;
                for (name, value) in keywords {
                    match (*name, *value) {
                        ("indent", Value::None) => {}
                        ("indent", Value::Str(text)) => style.indent = Some((text, 1)),
                        ("indent", value) => {
                            let width = usize::try_from(value.int().unwrap_or(0).max(0));
                            style.indent = Some((" ", width.unwrap_or(usize::MAX)));
                        }
                        ("ensure_ascii", value) => style.ascii = self.truth(value)?,
                        ("sort_keys", value) => style.sorted = self.truth(value)?,
                        ("default", value) => default = Some(value),
                        ("separators", Value::Tuple([Value::Str(item), Value::Str(key)])) => {
                            (style.item, style.key) = (item, key);
                        }
                        _ => {}
                    }
                }
                if style.indent.is_some() && style.item == ", " {
                    style.item = ",";
                }
                let mut out = self.builder();
                self.dump(*value, &style, default, 0, &mut out)?;
                self.finish(out).map(Value::Str)
            }
            _ => self.wrong_arguments(word.text(), positional.len()),
        }
    }

    /// A value as JSON, for an answer.
    pub(crate) fn json_text(&mut self, value: Value<'h>) -> Eval<'h, String> {
        let style = Style { indent: None, item: ", ", key: ": ", ascii: false, sorted: false };
        let mut out = self.builder();
        self.dump(value, &style, None, 0, &mut out)?;
        Ok(out.into_string())
    }

    pub(crate) fn json_value(&mut self, value: &serde_json::Value) -> Eval<'h> {
        use serde_json::Value as Json;
        self.step()?;
        match value {
            Json::Null => Ok(Value::None),
            Json::Bool(bool) => Ok(Value::Bool(*bool)),
            Json::Number(number) => match number.as_i64() {
                Some(int) => Ok(Value::Int(int)),
                None if number.is_u64() => self.int(number.as_u64().map(i128::from)),
                None => Ok(Value::Float(number.as_f64().unwrap_or(f64::NAN))),
            },
            Json::String(text) => self.str(text),
            Json::Array(items) => {
                let mut values = self.buffer();
                for item in items {
                    values.push(self.json_value(item)?)?;
                }
                self.list(values)
            }
            Json::Object(map) => {
                let dict = self.new_dict(Special::No)?;
                for (key, value) in map {
                    let key = self.str(key)?;
                    let value = self.json_value(value)?;
                    self.dict_insert(dict, key, value)?;
                }
                Ok(Value::Dict(dict))
            }
        }
    }

    fn dump(
        &mut self,
        value: Value<'h>,
        style: &Style<'_>,
        default: Option<Value<'h>>,
        depth: u32,
        out: &mut TextBuilder<'h>,
    ) -> Eval<'h, ()> {
        if depth > NESTING {
            return self.raise_text(Kind::RecursionError, "maximum recursion depth exceeded");
        }
        self.step()?;
        match value {
            Value::None => out.push_str("null")?,
            Value::Bool(bool) => out.push_str(if bool { "true" } else { "false" })?,
            Value::Float(float) if float.is_finite() => out.push_str(&float_repr(float))?,
            Value::Float(float) => out.push_str(match float {
                float if float.is_nan() => "NaN",
                float if float > 0.0 => "Infinity",
                _ => "-Infinity",
            })?,
            Value::Str(text) => {
                self.steps(text.len() / 16)?;
                quote(text, style.ascii, out)?;
            }
            Value::Datapoint(datapoint) => match datapoint.data {
                Value::Date(date) => quote(&date.to_string(), true, out)?,
                data => self.dump(data, style, default, depth, out)?,
            },
            Value::List(_) | Value::Tuple(_) | Value::AllValues(_) | Value::Table(_) | Value::AttrList(_) => {
                let items = self.collect(value)?;
                self.dump_list(&items, style, default, depth, out)?;
            }
            Value::Column(cells) => {
                let items = self.collect(Value::AllValues(cells))?;
                self.dump_list(&items, style, default, depth, out)?;
            }
            Value::Row(row) => {
                let cells = self.row_cells(row)?;
                let dict = self.new_dict(Special::No)?;
                for (name, cell) in cells {
                    self.dict_insert(dict, Value::Str(name), cell)?;
                }
                self.dump(Value::Dict(dict), style, default, depth, out)?;
            }
            Value::Json(node) => {
                let plain = self.json_plain(node)?;
                self.dump(plain, style, default, depth, out)?;
            }
            Value::Dict(dict) => {
                let mut entries = self.buffer();
                for (key, value) in self.entries(dict)? {
                    let key = match key.plain() {
                        Value::Str(text) => text,
                        Value::None => "null",
                        Value::Bool(bool) => {
                            if bool {
                                "true"
                            } else {
                                "false"
                            }
                        }
                        Value::Int(_) | Value::Big(_) | Value::Float(_) => self.str_of(key)?,
                        other => {
                            let text = format_args!(
                                "keys must be str, int, float, bool or None, not {}",
                                other.type_name()
                            );
                            return self.raise(Kind::TypeError, text);
                        }
                    };
                    entries.push((key, value))?;
                }
                if style.sorted {
                    self.room(size_of_val(&entries[..]))?;
                    let longest = entries.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
                    self.steps(entries.len().saturating_mul(1 + longest / 256))?;
                    entries.sort_by(|a, b| a.0.cmp(b.0));
                }
                out.push('{')?;
                for (at, (key, value)) in entries.iter().enumerate() {
                    separate(at, style, depth + 1, out)?;
                    self.steps(key.len() / 16)?;
                    quote(key, style.ascii, out)?;
                    out.push_str(style.key)?;
                    self.dump(*value, style, default, depth + 1, out)?;
                }
                close(entries.len(), style, depth, '}', out)?;
            }
            other => match (other.int(), default) {
                (Some(int), _) => out.write(format_args!("{int}"))?,
                (None, Some(function)) => {
                    let value = self.call(function, &[other], &[])?;
                    self.dump(value, style, None, depth + 1, out)?;
                }
                (None, None) => {
                    let name = other.type_name();
                    let name = name.rsplit('.').next().unwrap_or(name);
                    let text = format_args!("Object of type {name} is not JSON serializable");
                    return self.raise(Kind::TypeError, text);
                }
            },
        }
        Ok(())
    }

    fn dump_list(
        &mut self,
        items: &[Value<'h>],
        style: &Style<'_>,
        default: Option<Value<'h>>,
        depth: u32,
        out: &mut TextBuilder<'h>,
    ) -> Eval<'h, ()> {
        out.push('[')?;
        for (at, item) in items.iter().enumerate() {
            separate(at, style, depth + 1, out)?;
            self.dump(*item, style, default, depth + 1, out)?;
        }
        close(items.len(), style, depth, ']', out)
    }
}

fn new_line<'h>(style: &Style<'_>, depth: u32, out: &mut TextBuilder<'h>) -> Eval<'h, ()> {
    if let Some((indent, width)) = style.indent {
        out.push('\n')?;
        for _ in 0..depth {
            out.repeat(indent, width)?;
        }
    }
    Ok(())
}

fn separate<'h>(at: usize, style: &Style<'_>, depth: u32, out: &mut TextBuilder<'h>) -> Eval<'h, ()> {
    if at > 0 {
        out.push_str(style.item)?;
    }
    new_line(style, depth, out)
}

fn close<'h>(
    count: usize,
    style: &Style<'_>,
    depth: u32,
    end: char,
    out: &mut TextBuilder<'h>,
) -> Eval<'h, ()> {
    if count > 0 {
        new_line(style, depth, out)?;
    }
    out.push(end)
}

fn quote<'h>(text: &str, ascii: bool, out: &mut TextBuilder<'h>) -> Eval<'h, ()> {
    out.push('"')?;
    let mut plain = 0;
    for (at, c) in text.char_indices() {
        if c >= ' ' && !matches!(c, '"' | '\\') && (c.is_ascii() || !ascii) {
            continue;
        }
        out.push_str(&text[plain..at])?;
        plain = at + c.len_utf8();
        match c {
            '"' => out.push_str("\\\"")?,
            '\\' => out.push_str("\\\\")?,
            '\n' => out.push_str("\\n")?,
            '\r' => out.push_str("\\r")?,
            '\t' => out.push_str("\\t")?,
            '\u{8}' => out.push_str("\\b")?,
            '\u{c}' => out.push_str("\\f")?,
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.write(format_args!("\\u{unit:04x}"))?;
                }
            }
        }
    }
    out.push_str(&text[plain..])?;
    out.push('"')
}

/// The problem in Python's words: its message alone, and with the place.
fn problem(error: &serde_json::Error, text: &str) -> (String, String) {
    let said = error.to_string();
    let message =
        if text.trim().is_empty() || said.starts_with("expected value") || said.starts_with("expected ident")
        {
            "Expecting value"
        } else if said.starts_with("trailing characters") {
            "Extra data"
        } else if said.starts_with("key must be a string") {
            "Expecting property name enclosed in double quotes"
        } else if said.starts_with("expected `:`")
            || said.starts_with("EOF while parsing an object") && !text.trim_end().ends_with([',', '{', ':'])
        {
            "Expecting ':' delimiter"
        } else if said.starts_with("EOF while parsing a string") {
            "Unterminated string starting at"
        } else if said.starts_with("EOF while parsing a value") {
            "Expecting value"
        } else {
            "Expecting ',' delimiter"
        };
    let column = error.column().max(1);
    let before: usize =
        text.lines().take(error.line().saturating_sub(1)).map(|line| line.chars().count() + 1).sum();
    let whole =
        format!("{message}: line {} column {column} (char {})", error.line().max(1), before + column - 1);
    (message.to_owned(), whole)
}
