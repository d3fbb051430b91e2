//! Python's built-in functions.

use std::cmp::Ordering;

use super::super::code::BinaryOp;
use super::super::exception::{Eval, Exception, Kind};
use super::super::types::compare::NESTING;
use super::super::types::dict::Special;
use super::super::types::number::{round_float, round_half_even};
use super::super::value::{Source, Value};
use super::super::words::Word;
use super::Machine;
use super::builtins::{Builtin, Function, Type};

impl<'h> Machine<'h> {
    pub(super) fn call_builtin(
        &mut self,
        builtin: Builtin,
        positional: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h> {
        match builtin {
            Builtin::Function(function) => self.function(function, positional, keywords),
            Builtin::Type(kind) => self.construct(kind, positional, keywords),
            Builtin::Member(module, word) => self.call_member(module, word, positional, keywords),
            Builtin::Static(kind, word) => self.call_static(kind, word, positional, keywords),
            Builtin::BusinessRule(function) => self.rule_function(function, positional),
            Builtin::Exception(kind) => {
                let args = self.slice(positional)?;
                self.memory(size_of::<Exception<'h>>())?;
                Ok(Value::Exception(self.bump.alloc(Exception { kind, args })))
            }
            Builtin::Module(_)
            | Builtin::Fields
            | Builtin::Context
            | Builtin::DecimalContext
            | Builtin::Session => {
                let text = format_args!("'{}' object is not callable", builtin.type_name());
                self.raise(Kind::TypeError, text)
            }
        }
    }

    #[expect(clippy::too_many_lines, reason = "an arm for each")]
    fn function(
        &mut self,
        function: Function,
        positional: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h> {
        use Function as F;
        match (function, positional) {
            (F::Len, [value]) => self.len(*value),
            (F::Sum, [items, start @ ..]) => {
                let named = keywords.iter().find(|(name, _)| *name == "start").map(|(_, value)| *value);
                let start = start.first().copied().or(named).unwrap_or(Value::Int(0));
                self.sum(*items, start)
            }
            (F::Abs, [value]) => self.abs(*value),
            (F::Round, [value, digits @ ..]) if digits.len() < 2 => {
                let named = keywords.iter().find(|(name, _)| *name == "ndigits").map(|(_, value)| *value);
                self.round(*value, digits.first().copied().or(named).unwrap_or_default())
            }
            (F::Min | F::Max, _) => self.extreme(function, positional, keywords),
            (F::Any | F::All, [items]) => {
                let iter = self.iterate(*items)?;
                while let Some(item) = self.next(iter)? {
                    if self.truth(item)? == (function == F::Any) {
                        return Ok(Value::Bool(function == F::Any));
                    }
                }
                Ok(Value::Bool(function == F::All))
            }
            (F::Sorted, [items]) => {
                let items = self.collect(*items)?;
                let sorted = self.sorted(items, keywords)?;
                self.list(sorted)
            }
            (F::Isinstance, [value, kind]) => self.is_instance(*value, *kind).map(Value::Bool),
            (F::Enumerate, [items, start @ ..]) => {
                let named = keywords.iter().find(|(name, _)| *name == "start").map(|(_, value)| *value);
                let start = start.first().copied().or(named).and_then(Value::int).unwrap_or(0);
                let iter = self.iterate(*items)?;
                self.new_iter(Source::Enumerate(iter, start))
            }
            (F::Zip, _) => {
                let iters =
                    positional.iter().map(|item| self.iterate(*item)).collect::<Eval<'h, Vec<_>>>()?;
                let iters = self.slice(&iters)?;
                let strict = match keywords {
                    [("strict", value)] => self.truth(*value)?,
                    _ => false,
                };
                self.new_iter(Source::Zip(iters, strict))
            }
            (F::Map, [function, items @ ..]) if !items.is_empty() => {
                let iters = items.iter().map(|item| self.iterate(*item)).collect::<Eval<'h, Vec<_>>>()?;
                let iters = self.slice(&iters)?;
                self.new_iter(Source::Map(*function, iters))
            }
            (F::Filter, [function, items]) => {
                let iter = self.iterate(*items)?;
                self.new_iter(Source::Filter(*function, iter))
            }
            (F::Reversed, [items]) => {
                if let Value::Str(text) = *items {
                    return self.new_iter(Source::StrBack(text.chars()));
                }
                let items = match *items {
                    indexed @ (Value::List(_)
                    | Value::Tuple(_)
                    | Value::Range(_)
                    | Value::AllValues(_)
                    | Value::Table(_)) => indexed,
                    other => {
                        let all = self.collect(other)?;
                        self.list(all)?
                    }
                };
                let length = items.length().unwrap_or(0);
                self.new_iter(Source::Reversed(items, length))
            }
            (F::Iter, [items]) => self.iterate(*items),
            (F::Next, [iter, default @ ..]) => match (self.next(*iter)?, default.first()) {
                (Some(item), _) => Ok(item),
                (None, Some(default)) => Ok(*default),
                (None, None) => self.raise_with(Kind::StopIteration, &[]),
            },
            (F::Repr, [value]) => self.repr_of(*value).map(Value::Str),
            (F::Ascii, [value]) => {
                let repr = self.repr_of(*value)?;
                self.ascii(repr).map(Value::Str)
            }
            (F::Format, [value, spec @ ..]) => {
                let spec = match spec.first().map(|spec| spec.plain()) {
                    Some(Value::Str(spec)) => spec,
                    _ => "",
                };
                self.format(*value, spec).map(Value::Str)
            }
            (F::Divmod, [x, y]) => self.divmod(*x, *y),
            (F::Pow, [x, y]) => self.binary(BinaryOp::Power, *x, *y),
            (F::Chr, [code]) => match code.int().and_then(|code| char::from_u32(u32::try_from(code).ok()?)) {
                Some(c) => self.str(c.encode_utf8(&mut [0; 4])),
                None => self.raise_text(Kind::ValueError, "chr() arg not in range(0x110000)"),
            },
            (F::Ord, [text]) => {
                let mut chars = match text.plain() {
                    Value::Str(text) => text.chars(),
                    _ => "".chars(),
                };
                self.steps(chars.as_str().len() / 256)?;
                match (chars.next(), chars.count()) {
                    (Some(c), 0) => Ok(Value::Int(i64::from(u32::from(c)))),
                    (_, rest) => {
                        let text =
                            format_args!("ord() expected a character, but string of length {rest} found");
                        self.raise(Kind::TypeError, text)
                    }
                }
            }
            (F::Bin | F::Hex | F::Oct, [value]) if value.plain().int().is_some() => {
                let spec = match function {
                    F::Bin => "#b",
                    F::Hex => "#x",
                    _ => "#o",
                };
                self.format(value.plain(), spec).map(Value::Str)
            }
            (F::Callable, [value]) => Ok(Value::Bool(matches!(
                value,
                Value::Function(_) | Value::Builtin(_) | Value::Method(_) | Value::Partial(_)
            ))),
            (F::Hash, [value]) => {
                let key = self.key(*value)?;
                Ok(Value::Int(key.python_hash()))
            }
            (F::TypeOf, [value]) => Ok(value.type_of()),
            (F::Getattr | F::Hasattr, [owner, name, default @ ..]) => {
                let Value::Str(name) = name.plain() else {
                    return self.raise_text(Kind::TypeError, "attribute name must be string");
                };
                let found = self.attribute_named(*owner, name, Word::named(name));
                match (found, function, default.first()) {
                    (Err(super::Stop::Raised(raised)), _, _)
                        if !raised.exception.kind.is(Kind::AttributeError) =>
                    {
                        Err(super::Stop::Raised(raised))
                    }
                    (Err(super::Stop::Raised(_)), F::Getattr, Some(default)) => Ok(*default),
                    (Err(super::Stop::Raised(_)), F::Hasattr, _) => Ok(Value::Bool(false)),
                    (Ok(_), F::Hasattr, _) => Ok(Value::Bool(true)),
                    (found, _, _) => found,
                }
            }
            (F::Print, _) => Ok(Value::None),
            _ => self.tx_function(function, positional, keywords),
        }
    }

    #[cold]
    pub(crate) fn wrong_arguments<T>(&mut self, name: &str, given: usize) -> Eval<'h, T> {
        let plural = if given == 1 { "" } else { "s" };
        self.raise(
            Kind::TypeError,
            format_args!("{name}() does not take {given} argument{plural} like these"),
        )
    }

    fn len(&mut self, value: Value<'h>) -> Eval<'h> {
        if let Value::Str(text) = value.plain() {
            self.steps(text.len() / 256)?;
        }
        match (value.length(), value) {
            (_, Value::Column(_)) => self.raise_text(Kind::TypeError, super::super::field::COLUMN_IS_NO_LIST),
            (Some(length), Value::Datapoint(datapoint)) if datapoint.is_text() => Ok(size(length)),
            (Some(length), other) if !matches!(other, Value::Datapoint(_)) => Ok(size(length)),
            _ => self
                .raise(Kind::TypeError, format_args!("object of type '{}' has no len()", value.type_name())),
        }
    }

    fn sum(&mut self, items: Value<'h>, start: Value<'h>) -> Eval<'h> {
        if matches!(start, Value::Str(_)) {
            return self.raise_text(Kind::TypeError, "sum() can't sum strings [use ''.join(seq) instead]");
        }
        let iter = self.iterate(items)?;
        let mut total = start;
        // Python 3.12 adds floats with a compensation for what rounding loses.
        let mut lost = 0.0_f64;
        while let Some(item) = self.next(iter)? {
            match (total, item) {
                (Value::Float(sum), Value::Float(x)) => {
                    let next = sum + x;
                    lost += if sum.abs() >= x.abs() { (sum - next) + x } else { (x - next) + sum };
                    total = Value::Float(next);
                }
                (Value::Float(sum), Value::Int(x)) => {
                    #[expect(clippy::cast_precision_loss, reason = "as Python adds")]
                    let next = sum + x as f64;
                    total = Value::Float(next);
                }
                _ => {
                    if let Value::Float(sum) = total
                        && lost != 0.0
                        && lost.is_finite()
                    {
                        total = Value::Float(sum + lost);
                        lost = 0.0;
                    }
                    total = self.binary(BinaryOp::Add, total, item)?;
                }
            }
        }
        match total {
            Value::Float(sum) if lost != 0.0 && lost.is_finite() => Ok(Value::Float(sum + lost)),
            other => Ok(other),
        }
    }

    fn abs(&mut self, value: Value<'h>) -> Eval<'h> {
        if let Some(items) = self.column_items(value)? {
            return self.mapped(items, Self::abs);
        }
        match value.plain() {
            Value::Float(float) => Ok(Value::Float(float.abs())),
            Value::Decimal(decimal) => self.decimal_abs(decimal),
            Value::Delta(delta) => self.delta(delta.checked_abs()),
            plain => match plain.int() {
                Some(int) => self.int(int.checked_abs()),
                None => self.raise(
                    Kind::TypeError,
                    format_args!("bad operand type for abs(): '{}'", value.demoted().type_name()),
                ),
            },
        }
    }

    pub(crate) fn round(&mut self, value: Value<'h>, digits: Value<'h>) -> Eval<'h> {
        if let Some(items) = self.column_items(value)? {
            return self.mapped(items, |machine, item| machine.round(item, digits));
        }
        let places = match (digits, digits.int()) {
            (Value::None, _) => None,
            (_, Some(places)) => Some(i32::try_from(places.clamp(-100_000, 100_000)).unwrap_or(0)),
            _ => {
                let text =
                    format_args!("'{}' object cannot be interpreted as an integer", digits.type_name());
                return self.raise(Kind::TypeError, text);
            }
        };
        match (value.plain(), places) {
            (Value::Float(float), Some(places)) => Ok(Value::Float(round_float(float, places))),
            (Value::Float(float), None) => self.whole(round_half_even(float)),
            (Value::Decimal(decimal), places) => self.decimal_round(decimal, places),
            (plain, places) => match (plain.int(), places) {
                (Some(int), None | Some(0..)) => self.int(Some(int)),
                (Some(int), Some(places)) => {
                    let unit = 10_i128.checked_pow(places.unsigned_abs());
                    let Some(unit) = unit else { return Ok(Value::Int(0)) };
                    let (floor, rest) = (int.div_euclid(unit), int.rem_euclid(unit));
                    // Doubled, the rest may be too large.
                    let other = unit - rest;
                    let up = rest > other || (rest == other && floor % 2 != 0);
                    self.int((floor + i128::from(up)).checked_mul(unit))
                }
                (None, _) => {
                    let name = value.demoted().type_name();
                    let text = format_args!("type {name} doesn't define __round__ method");
                    self.raise(Kind::TypeError, text)
                }
            },
        }
    }

    /// A float without a fraction as an integer.
    pub(crate) fn whole(&mut self, float: f64) -> Eval<'h> {
        if float.is_nan() {
            return self.raise_text(Kind::ValueError, "cannot convert float NaN to integer");
        }
        if float.is_infinite() {
            return self.raise_text(Kind::OverflowError, "cannot convert float infinity to integer");
        }
        #[expect(clippy::cast_possible_truncation, reason = "checked to be in range")]
        let int = (float.abs() < 1.7e38).then_some(float as i128);
        self.int(int)
    }

    fn extreme(
        &mut self,
        function: Function,
        positional: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h> {
        let named =
            |name: &str| keywords.iter().find(|(keyword, _)| *keyword == name).map(|(_, value)| *value);
        let (key, default) = (named("key"), named("default"));
        let items = match positional {
            [one] => self.collect(*one)?,
            [] => {
                return self.raise(
                    Kind::TypeError,
                    format_args!("{} expected at least 1 argument, got 0", function.name()),
                );
            }
            many => self.copied(many)?,
        };
        let mut best: Option<(Value<'h>, Value<'h>)> = None;
        let (symbol, better) =
            if function == Function::Max { (">", Ordering::Greater) } else { ("<", Ordering::Less) };
        for item in items {
            let by = match key {
                Some(key) if !matches!(key, Value::None) => self.call(key, &[item], &[])?,
                _ => item,
            };
            let wins = match best {
                None => true,
                Some((best, _)) => self.order(symbol, by, best, NESTING)? == Some(better),
            };
            if wins {
                best = Some((by, item));
            }
        }
        match best.map(|(_, item)| item).or(default) {
            Some(item) => Ok(item),
            None => {
                let text = format_args!("{}() iterable argument is empty", function.name());
                self.raise(Kind::ValueError, text)
            }
        }
    }

    pub(super) fn is_instance(&mut self, value: Value<'h>, kind: Value<'h>) -> Eval<'h, bool> {
        match kind {
            Value::Tuple(kinds) => {
                for kind in kinds {
                    self.step()?;
                    self.deeper()?;
                    let found = self.is_instance(value, *kind);
                    self.depth -= 1;
                    if found? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Value::Builtin(Builtin::Exception(kind)) => Ok(value.is_exception(kind)),
            Value::Builtin(Builtin::Type(kind)) => Ok(match (kind, value) {
                (Type::Str, Value::Datapoint(datapoint)) => datapoint.is_text(),
                (_, Value::Datapoint(_)) => false,
                (Type::Object, _)
                | (Type::Int, Value::Bool(_))
                | (Type::Date, Value::DateTime(_))
                | (Type::Dict, Value::Dict(_)) => true,
                (Type::Dict, Value::Json(node)) => node.is_object(),
                (Type::Tuple, Value::Json(node)) => !node.is_object(),
                (Type::DefaultDict, Value::Dict(dict)) => matches!(dict.special, Special::Default(_)),
                (Type::Counter, Value::Dict(dict)) => matches!(dict.special, Special::Counter),
                (Type::FrozenSet, Value::Set(set)) => matches!(set.special, Special::FrozenSet),
                (Type::Set, Value::Set(set)) => !matches!(set.special, Special::FrozenSet),
                (kind, value) => {
                    matches!(value.type_of(), Value::Builtin(Builtin::Type(own)) if own == kind && kind != Type::Other)
                }
            }),
            _ => self.raise_text(
                Kind::TypeError,
                "isinstance() arg 2 must be a type, a tuple of types, or a union",
            ),
        }
    }
}

fn size<'h>(length: usize) -> Value<'h> {
    Value::Int(i64::try_from(length).unwrap_or(i64::MAX))
}
