//! Python's built-in functions.

use std::cmp::Ordering;

use super::super::code::BinaryOp;
use super::super::exception::{Eval, Exception, Kind};
use super::super::types::compare::NESTING;
use super::super::types::dict::Special;
use super::super::types::number::{parse_float, parse_int, round_float, round_half_even};
use super::super::value::{Range, Source, Value};
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
            Builtin::Exception(kind) => {
                let args = self.slice(positional)?;
                Ok(Value::Exception(self.bump.alloc(Exception { kind, args })))
            }
            Builtin::Module(_) | Builtin::Fields | Builtin::Context => {
                let text = format_args!("'{}' object is not callable", builtin.type_name());
                self.raise(Kind::TypeError, text)
            }
        }
    }

    fn function(
        &mut self,
        function: Function,
        positional: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h> {
        use Function as F;
        match (function, positional) {
            (F::Len, [value]) => match (self.length(*value), value) {
                (_, Value::Column(_)) => self.raise_text(Kind::TypeError, super::super::field::COLUMN_IS_NO_LIST),
                (Some(length), Value::Datapoint(datapoint)) if datapoint.is_text() => Ok(size(length)),
                (Some(length), other) if !matches!(other, Value::Datapoint(_)) => Ok(size(length)),
                _ => self
                    .raise(Kind::TypeError, format_args!("object of type '{}' has no len()", value.type_name())),
            },
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
                let iter = self.iter(*items)?;
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
                let iter = self.iter(*items)?;
                self.new_iter(Source::Enumerate(iter, i64::try_from(start).unwrap_or(0)))
            }
            (F::Zip, _) => {
                let iters = positional.iter().map(|item| self.iter(*item)).collect::<Eval<'h, Vec<_>>>()?;
                let iters = self.slice(&iters)?;
                let strict = match keywords {
                    [("strict", value)] => self.truth(*value)?,
                    _ => false,
                };
                self.new_iter(Source::Zip(iters, strict))
            }
            (F::Map, [function, items @ ..]) if !items.is_empty() => {
                let iters = items.iter().map(|item| self.iter(*item)).collect::<Eval<'h, Vec<_>>>()?;
                let iters = self.slice(&iters)?;
                self.new_iter(Source::Map(*function, iters))
            }
            (F::Filter, [function, items]) => {
                let iter = self.iter(*items)?;
                self.new_iter(Source::Filter(*function, iter))
            }
            (F::Reversed, [items]) => {
                let items = match *items {
                    indexed @ (Value::List(_) | Value::Tuple(_) | Value::Range(_) | Value::Str(_) | Value::AllValues(_) | Value::Table(_)) => indexed,
                    other => {
                        let all = self.collect(other)?;
                        self.list(all)?
                    }
                };
                let length = self.length(items).unwrap_or(0);
                self.new_iter(Source::Reversed(items, length))
            }
            (F::Iter, [items]) => self.iter(*items),
            (F::Next, [iter, default @ ..]) => match (self.next(*iter)?, default.first()) {
                (Some(item), _) => Ok(item),
                (None, Some(default)) => Ok(*default),
                (None, None) => self.raise_with(Kind::StopIteration, &[]),
            },
            (F::Repr, [value]) => self.repr_of(*value).map(Value::Str),
            (F::Ascii, [value]) => {
                let repr = self.repr_of(*value)?;
                self.str(&super::super::types::repr::ascii(repr))
            }
            (F::Format, [value, spec @ ..]) => {
                let spec = match spec.first().map(|spec| spec.plain()) {
                    Some(Value::Str(spec)) => spec,
                    _ => "",
                };
                self.format(*value, spec).map(Value::Str)
            }
            (F::Divmod, [x, y]) => {
                let pair = [self.binary(BinaryOp::FloorDivide, *x, *y)?, self.binary(BinaryOp::Modulo, *x, *y)?];
                self.tuple(&pair)
            }
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
                match (chars.next(), chars.count()) {
                    (Some(c), 0) => Ok(Value::Int(i64::from(u32::from(c)))),
                    (_, rest) => {
                        let text = format_args!("ord() expected a character, but string of length {rest} found");
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
                self.key(*value)?;
                Ok(Value::Int(0))
            }
            (F::TypeOf, [value]) => Ok(self.type_of(*value)),
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
        self.raise(Kind::TypeError, format_args!("{name}() does not take {given} argument{plural} like these"))
    }

    fn sum(&mut self, items: Value<'h>, start: Value<'h>) -> Eval<'h> {
        if matches!(start, Value::Str(_)) {
            return self.raise_text(Kind::TypeError, "sum() can't sum strings [use ''.join(seq) instead]");
        }
        let iter = self.iter(items)?;
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
            let results = items.into_iter().map(|item| self.abs(item)).collect::<Eval<'h, Vec<_>>>()?;
            return self.values(results);
        }
        match value.plain() {
            Value::Float(float) => Ok(Value::Float(float.abs())),
            Value::Decimal(decimal) => self.decimal(decimal.abs()),
            Value::Delta(delta) => Ok(Value::Delta(delta.abs())),
            plain => match plain.int() {
                Some(int) => self.int(int.checked_abs()),
                None => {
                    self.raise(Kind::TypeError, format_args!("bad operand type for abs(): '{}'", plain.type_name()))
                }
            },
        }
    }

    pub(crate) fn round(&mut self, value: Value<'h>, digits: Value<'h>) -> Eval<'h> {
        if let Some(items) = self.column_items(value)? {
            let results = items.into_iter().map(|item| self.round(item, digits)).collect::<Eval<'h, Vec<_>>>()?;
            return self.values(results);
        }
        let places = match (digits, digits.int()) {
            (Value::None, _) => None,
            (_, Some(places)) => {
                Some(i32::try_from(places.clamp(-100_000, 100_000)).unwrap_or(0))
            }
            _ => {
                let text = format_args!("'{}' object cannot be interpreted as an integer", digits.type_name());
                return self.raise(Kind::TypeError, text);
            }
        };
        match (value.plain(), places) {
            (Value::Float(float), Some(places)) => Ok(Value::Float(round_float(float, places))),
            (Value::Float(float), None) => self.whole(round_half_even(float)),
            (Value::Decimal(decimal), places) => {
                let rounded = decimal.round_dp(u32::try_from(places.unwrap_or(0)).unwrap_or(0));
                match places {
                    Some(_) => self.decimal(rounded),
                    None => self.int(i128::try_from(rounded).ok()),
                }
            }
            (plain, places) => match (plain.int(), places) {
                (Some(int), None | Some(0..)) => self.int(Some(int)),
                (Some(int), Some(places)) => {
                    let unit = 10_i128.checked_pow(places.unsigned_abs());
                    let Some(unit) = unit else { return Ok(Value::Int(0)) };
                    let (floor, rest) = (int.div_euclid(unit), int.rem_euclid(unit));
                    let up = rest * 2 > unit || (rest * 2 == unit && floor % 2 != 0);
                    self.int((floor + i128::from(up)).checked_mul(unit))
                }
                (None, _) => {
                    let text = format_args!("type {} doesn't define __round__ method", plain.type_name());
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
        let named = |name: &str| keywords.iter().find(|(keyword, _)| *keyword == name).map(|(_, value)| *value);
        let (key, default) = (named("key"), named("default"));
        let items = match positional {
            [one] => self.collect(*one)?,
            [] => return self.raise(Kind::TypeError, format_args!("{} expected at least 1 argument, got 0", function.name())),
            many => many.to_vec(),
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
                    if self.is_instance(value, *kind)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Value::Builtin(Builtin::Exception(kind)) => Ok(value.is_exception(kind)),
            Value::Builtin(Builtin::Type(kind)) => Ok(match (kind, value) {
                (Type::Object, _) => true,
                (Type::Str, Value::Datapoint(datapoint)) => datapoint.is_text(),
                (_, Value::Datapoint(_)) => false,
                (Type::Int, Value::Bool(_)) | (Type::Date, Value::DateTime(_)) => true,
                (Type::Dict, Value::Dict(_)) => true,
                (Type::Dict, Value::Json(node)) => node.is_object(),
                (Type::Tuple, Value::Json(node)) => !node.is_object(),
                (Type::DefaultDict, Value::Dict(dict)) => matches!(dict.special, Special::Default(_)),
                (Type::Counter, Value::Dict(dict)) => matches!(dict.special, Special::Counter),
                (Type::FrozenSet, Value::Set(set)) => matches!(set.special, Special::FrozenSet),
                (Type::Set, Value::Set(set)) => !matches!(set.special, Special::FrozenSet),
                (kind, value) => {
                    matches!(self.type_of(value), Value::Builtin(Builtin::Type(own)) if own == kind && kind != Type::Other)
                }
            }),
            _ => self.raise_text(
                Kind::TypeError,
                "isinstance() arg 2 must be a type, a tuple of types, or a union",
            ),
        }
    }

    fn construct(
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
            (Type::List, []) => self.list(Vec::new()),
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
                for item in items.unwrap_or_default() {
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
                let special = if matches!(factory, Value::None) { Special::No } else { Special::Default(factory) };
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
            (Type::Slice, [stop]) => Ok(Value::Slice(self.bump.alloc([Value::None, *stop, Value::None]))),
            (Type::Slice, [start, stop, step @ ..]) => {
                let step = step.first().copied().unwrap_or_default();
                Ok(Value::Slice(self.bump.alloc([*start, *stop, step])))
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
            (Type::Decimal, [] | [_]) => self.make_decimal(positional.first().copied().unwrap_or(Value::Int(0))),
            _ => self.wrong_arguments(kind.name(), positional.len()),
        }
    }

    fn make_int(&mut self, value: Value<'h>, base: Option<Value<'h>>) -> Eval<'h> {
        match value.plain() {
            Value::Str(text) => {
                let base = base.and_then(Value::int).and_then(|base| u32::try_from(base).ok()).unwrap_or(10);
                match parse_int(text, base.clamp(2, 36)) {
                    Some(int) => self.int(int),
                    None => {
                        let repr = self.repr_of(Value::Str(text))?;
                        let text = format_args!("invalid literal for int() with base {base}: {repr}");
                        self.raise(Kind::ValueError, text)
                    }
                }
            }
            Value::Float(float) => self.whole(float.trunc()),
            Value::Decimal(decimal) => self.int(i128::try_from(decimal.trunc()).ok()),
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
            return match parse_float(text) {
                Some(float) => Ok(Value::Float(float)),
                None => {
                    let repr = self.repr_of(Value::Str(text))?;
                    self.raise(Kind::ValueError, format_args!("could not convert string to float: {repr}"))
                }
            };
        }
        match self.as_float(value)? {
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
        Ok(Value::Range(self.bump.alloc(range)))
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
        let named = keywords.iter().map(|(name, value)| (UNITS.iter().find(|(unit, _)| unit == name), *value));
        let mut micros = 0.0;
        for (unit, value) in placed.chain(named) {
            let amount = self.as_float(value)?;
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

    fn make_decimal(&mut self, value: Value<'h>) -> Eval<'h> {
        use rust_decimal::Decimal;
        let made = match value.plain() {
            Value::Str(text) => {
                let text = text.trim().replace('_', "");
                Decimal::from_str_exact(&text).or_else(|_| Decimal::from_scientific(&text)).ok()
            }
            Value::Decimal(decimal) => Some(*decimal),
            Value::Float(float) => Decimal::from_f64_retain(float).map(|exact| exact.normalize()),
            other => other.int().and_then(|int| Decimal::try_from_i128_with_scale(int, 0).ok()),
        };
        match made {
            Some(decimal) => self.decimal(decimal),
            None => {
                self.raise_text(Kind::InvalidOperation, "[<class 'decimal.ConversionSyntax'>]")
            }
        }
    }

    fn call_static(
        &mut self,
        kind: Type,
        word: Word,
        positional: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h> {
        use super::super::types::date::{iso_date, iso_datetime};
        match (kind, word, positional) {
            (Type::Date, Word::today, []) => Ok(Value::Date(crate::clock::now_utc().date())),
            (Type::DateTime, Word::today | Word::now | Word::utcnow, _) => self.time(crate::clock::now_utc()),
            (Type::Date | Type::DateTime, Word::fromisoformat, [text]) => {
                let Value::Str(text) = text.plain() else {
                    return self.raise_text(Kind::TypeError, "fromisoformat: argument must be str");
                };
                if let [Some(year), Some(month), Some(day)] =
                    text.splitn(3, '-').map(|part| part.parse::<u16>().ok()).collect::<Vec<_>>()[..]
                    && text.len() == 10
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
                self.from_ordinal(ordinal.int().unwrap_or(0))
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
            (Type::Str, _, [text, rest @ ..]) => self.method(*text, word, rest, keywords),
            _ => self.wrong_arguments(word.text(), positional.len()),
        }
    }
}

fn size<'h>(length: usize) -> Value<'h> {
    Value::Int(i64::try_from(length).unwrap_or(i64::MAX))
}
