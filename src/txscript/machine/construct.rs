//! Types as functions: `int("5")`, `date(2024, 5, 1)`, `dict.fromkeys(…)`.

use super::super::exception::{Eval, Kind};
use super::super::types::dict::Special;
use super::super::types::number::{parse_float, parse_int, round_half_even};
use super::super::value::{Range, Value};
use super::super::words::Word;
use super::Machine;
use super::builtins::Type;

impl<'h> Machine<'h> {
    pub(super) fn construct(
        &mut self,
        kind: Type,
        positional: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h> {
        match (kind, positional) {
            (Type::Int, []) => Ok(Value::Int(0)),
            (Type::Int, [value, base @ ..]) => self.make_int(*value, base.first().copied()),
            (Type::Float, []) => Ok(Value::Float(0.0)),
            (Type::Float, [value]) => self.make_float(*value),
            (Type::Str, []) => Ok(Value::Str("")),
            (Type::Str, [value]) => self.str_of(*value).map(Value::Str),
            (Type::Bool, []) => Ok(Value::Bool(false)),
            (Type::Bool, [value]) => self.truth(*value).map(Value::Bool),
            (Type::List, []) => self.list([]),
            (Type::List, [items]) => {
                let items = self.collect(*items)?;
                self.list(items)
            }
            (Type::Tuple, []) => self.tuple(&[]),
            (Type::Tuple, [items]) => {
                let items = self.collect(*items)?;
                self.tuple(&items)
            }
            (Type::Set, []) => self.new_set([]).map(Value::Set),
            (Type::Set, [items]) => {
                let items = self.collect(*items)?;
                self.new_set(items).map(Value::Set)
            }
            (Type::FrozenSet, [] | [_]) => {
                let items = positional.first().map(|items| self.collect(*items)).transpose()?;
                let set = self.new_dict(Special::FrozenSet)?;
                for item in items.into_iter().flatten() {
                    self.dict_insert(set, item, Value::None)?;
                }
                Ok(Value::Set(set))
            }
            (Type::Dict | Type::OrderedDict, [] | [_]) => {
                let dict = self.new_dict(Special::No)?;
                if let [other] = positional {
                    let other = if let Value::Json(node) = other { self.json_plain(*node)? } else { *other };
                    self.dict_update(dict, other)?;
                }
                for (name, value) in keywords {
                    self.dict_insert(dict, Value::Str(name), *value)?;
                }
                Ok(Value::Dict(dict))
            }
            (Type::DefaultDict, [] | [_] | [_, _]) => {
                let factory = positional.first().copied().unwrap_or_default();
                let special =
                    if matches!(factory, Value::None) { Special::No } else { Special::Default(factory) };
                let dict = self.new_dict(special)?;
                if let [_, other] = positional {
                    self.dict_update(dict, *other)?;
                }
                Ok(Value::Dict(dict))
            }
            (Type::Counter, [] | [_]) => {
                let dict = self.new_dict(Special::Counter)?;
                match positional {
                    [other @ Value::Dict(_)] => self.dict_update(dict, *other)?,
                    [other] => self.count_all(dict, *other)?,
                    _ => {}
                }
                Ok(Value::Dict(dict))
            }
            (Type::Range, [_] | [_, _] | [_, _, _]) => self.make_range(positional),
            (Type::Slice, [stop]) => self.new_slice([Value::None, *stop, Value::None]),
            (Type::Slice, [start, stop, step @ ..]) => {
                let step = step.first().copied().unwrap_or_default();
                self.new_slice([*start, *stop, step])
            }
            (Type::Date | Type::DateTime, _) => {
                let mut parts = [0; 7];
                self.date_parts(&mut parts, positional, keywords, kind.name())?;
                let date = self.make_date(parts[0], parts[1], parts[2])?;
                match kind {
                    Type::Date => Ok(Value::Date(date)),
                    _ => self.make_time(date, [parts[3], parts[4], parts[5], parts[6]]),
                }
            }
            (Type::Delta, _) => self.make_delta(positional, keywords),
            (Type::Decimal, [] | [_] | [_, _]) => match keywords {
                [] => self.make_decimal(positional.first().copied().unwrap_or(Value::Int(0))),
                [("value", value)] if positional.is_empty() => self.make_decimal(*value),
                [(name, _), ..] => {
                    let text = format_args!("'{name}' is an invalid keyword argument for Decimal()");
                    self.raise(Kind::TypeError, text)
                }
            },
            _ => self.wrong_arguments(kind.name(), positional.len()),
        }
    }

    fn make_int(&mut self, value: Value<'h>, base: Option<Value<'h>>) -> Eval<'h> {
        match value.plain() {
            Value::Str(text) => {
                self.steps(text.len() / 16)?;
                let base = base.and_then(Value::int).and_then(|base| u32::try_from(base).ok()).unwrap_or(10);
                match parse_int(text, base.clamp(2, 36)) {
                    Some(int) => self.int(int.ok()),
                    None => {
                        let repr = self.repr_of(Value::Str(text))?;
                        let text = format_args!("invalid literal for int() with base {base}: {repr}");
                        self.raise(Kind::ValueError, text)
                    }
                }
            }
            Value::Float(float) => self.whole(float.trunc()),
            Value::Decimal(decimal) => self.decimal_whole(&decimal.number(), annex_decimal::Rounding::Down),
            plain => match plain.int() {
                Some(int) => self.int(Some(int)),
                None => {
                    let text = format_args!(
                        "int() argument must be a string, a bytes-like object or a real number, not '{}'",
                        plain.type_name()
                    );
                    self.raise(Kind::TypeError, text)
                }
            },
        }
    }

    fn make_float(&mut self, value: Value<'h>) -> Eval<'h> {
        if let Value::Str(text) = value.plain() {
            self.steps(text.len() / 16)?;
            self.room(text.len().saturating_mul(2))?;
            return match parse_float(text) {
                Some(float) => Ok(Value::Float(float)),
                None => {
                    let repr = self.repr_of(Value::Str(text))?;
                    self.raise(Kind::ValueError, format_args!("could not convert string to float: {repr}"))
                }
            };
        }
        match value.as_float() {
            Some(float) => Ok(Value::Float(float)),
            None => {
                let text = format_args!(
                    "float() argument must be a string or a real number, not '{}'",
                    value.plain().type_name()
                );
                self.raise(Kind::TypeError, text)
            }
        }
    }

    fn make_range(&mut self, arguments: &[Value<'h>]) -> Eval<'h> {
        let mut ints = Vec::with_capacity(3);
        for argument in arguments {
            let Some(int) = argument.int() else {
                let text =
                    format_args!("'{}' object cannot be interpreted as an integer", argument.type_name());
                return self.raise(Kind::TypeError, text);
            };
            ints.push(i64::try_from(int).unwrap_or(if int < 0 { i64::MIN / 4 } else { i64::MAX / 4 }));
        }
        let range = match ints[..] {
            [stop] => Range { start: 0, stop, step: 1 },
            [start, stop] => Range { start, stop, step: 1 },
            [_, _, 0] => return self.raise_text(Kind::ValueError, "range() arg 3 must not be zero"),
            [start, stop, step] => Range { start, stop, step },
            _ => Range { start: 0, stop: 0, step: 1 },
        };
        self.new_range(range)
    }

    fn make_delta(&mut self, positional: &[Value<'h>], keywords: &[(&'h str, Value<'h>)]) -> Eval<'h> {
        const UNITS: [(&str, f64); 7] = [
            ("days", 86_400e6),
            ("seconds", 1e6),
            ("microseconds", 1.0),
            ("milliseconds", 1e3),
            ("minutes", 60e6),
            ("hours", 3600e6),
            ("weeks", 604_800e6),
        ];
        let placed = positional.iter().enumerate().map(|(at, value)| (UNITS.get(at), *value));
        let named =
            keywords.iter().map(|(name, value)| (UNITS.iter().find(|(unit, _)| unit == name), *value));
        let mut micros = 0.0;
        for (unit, value) in placed.chain(named) {
            let amount = value.as_float();
            match (unit, amount) {
                (Some((_, size)), Some(amount)) => micros += amount * size,
                (Some((name, _)), None) => {
                    let text = format_args!(
                        "unsupported type for timedelta {name} component: {}",
                        value.type_name()
                    );
                    return self.raise(Kind::TypeError, text);
                }
                (None, _) => return self.wrong_arguments("timedelta", positional.len()),
            }
        }
        self.delta_of(round_half_even(micros))
    }

    pub(super) fn call_static(
        &mut self,
        kind: Type,
        word: Word,
        positional: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h> {
        use super::super::types::date::{iso_date, iso_datetime};
        match (kind, word, positional) {
            (Type::TxScript, Word::from_payload, [_]) => self.start_session(),
            (Type::Date, Word::today, []) => Ok(Value::Date(crate::clock::now_utc().date())),
            (Type::DateTime, Word::today | Word::now | Word::utcnow, _) => self.time(crate::clock::now_utc()),
            (Type::Date | Type::DateTime, Word::fromisoformat, [text]) => {
                let Value::Str(text) = text.plain() else {
                    return self.raise_text(Kind::TypeError, "fromisoformat: argument must be str");
                };
                if text.len() == 10
                    && let [Some(year), Some(month), Some(day)] =
                        text.splitn(3, '-').map(|part| part.parse::<u16>().ok()).collect::<Vec<_>>()[..]
                {
                    // Says which part is wrong.
                    self.make_date(year.into(), month.into(), day.into())?;
                }
                let made = match kind {
                    Type::Date => iso_date(text).map(|date| Ok(Value::Date(date))),
                    _ => iso_datetime(text).map(|time| self.time(time)),
                };
                match made {
                    Some(made) => made,
                    None => {
                        let repr = self.repr_of(Value::Str(text))?;
                        self.raise(Kind::ValueError, format_args!("Invalid isoformat string: {repr}"))
                    }
                }
            }
            (Type::DateTime, Word::strptime, [text, format]) => match (text.plain(), format.plain()) {
                (Value::Str(text), Value::Str(format)) => {
                    let time = self.strptime(text, format)?;
                    self.time(time)
                }
                (Value::Str(_), other) | (other, _) => {
                    let text = format_args!("strptime() argument 1 must be str, not {}", other.type_name());
                    self.raise(Kind::TypeError, text)
                }
            },
            (Type::Date | Type::DateTime, Word::fromordinal, [ordinal]) => {
                self.date_of_ordinal(ordinal.int().unwrap_or(0))
            }
            (Type::Dict | Type::OrderedDict, Word::fromkeys, [keys, value @ ..]) => {
                let dict = self.new_dict(Special::No)?;
                for key in self.collect(*keys)? {
                    self.dict_insert(dict, key, value.first().copied().unwrap_or_default())?;
                }
                Ok(Value::Dict(dict))
            }
            (Type::Str, Word::maketrans, [from, to, ..]) => {
                let (from, to) = (self.collect(*from)?, self.collect(*to)?);
                let dict = self.new_dict(Special::No)?;
                for (from, to) in from.into_iter().zip(to) {
                    if let Value::Str(from) = from {
                        let code = from.chars().next().map_or(0, u32::from);
                        self.dict_insert(dict, Value::Int(i64::from(code)), to)?;
                    }
                }
                if let [_, _, Value::Str(gone)] = positional {
                    for c in gone.chars() {
                        self.dict_insert(dict, Value::Int(i64::from(u32::from(c))), Value::None)?;
                    }
                }
                Ok(Value::Dict(dict))
            }
            (Type::Decimal, Word::from_float, _) => self.decimal_static(word, positional),
            (Type::Str, _, [text, rest @ ..]) => self.method(*text, word, rest, keywords),
            _ => self.wrong_arguments(word.text(), positional.len()),
        }
    }
}
