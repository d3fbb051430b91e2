//! Operators on values, with Python's rules and error texts.

use super::super::code::{BinaryOp, UnaryOp};
use super::super::exception::{Eval, Kind};
use super::super::machine::Machine;
use super::super::value::Value;

impl<'h> Machine<'h> {
    #[inline]
    pub(crate) fn binary(&mut self, op: BinaryOp, a: Value<'h>, b: Value<'h>) -> Eval<'h> {
        match (a, b) {
            (Value::Float(x), Value::Float(y)) => match op {
                BinaryOp::Add => return Ok(Value::Float(x + y)),
                BinaryOp::Subtract => return Ok(Value::Float(x - y)),
                BinaryOp::Multiply => return Ok(Value::Float(x * y)),
                _ => {}
            },
            (Value::Datapoint(_) | Value::Column(_) | Value::AllValues(_) | Value::Values(_), _)
            | (_, Value::Datapoint(_) | Value::Column(_) | Value::AllValues(_) | Value::Values(_)) => {
                return self.field_binary(op, a, b);
            }
            (Value::Named(_), _) | (_, Value::Named(_)) => return self.binary(op, a.plain(), b.plain()),
            _ => {}
        }
        self.plain_binary(op, a, b)
    }

    /// An operator with a field's value or a column on one side at least.
    fn field_binary(&mut self, op: BinaryOp, a: Value<'h>, b: Value<'h>) -> Eval<'h> {
        if op == BinaryOp::Modulo
            && let Value::Str(format) = a.plain()
        {
            return self.percent(format, b);
        }
        if let Some(columns) = self.columns(a, b)? {
            return self.mapped(columns, |machine, (x, y)| machine.binary(op, x, y));
        }
        let proxy = |value: Value<'h>| matches!(value, Value::Datapoint(datapoint) if !datapoint.is_text());
        // What the package does: `5 + field.x` is computed as `field.x + 5`, and a column of results is a list to a
        // field's value.
        let swapped = matches!(op, BinaryOp::Add | BinaryOp::Multiply) && proxy(b) && !proxy(a);
        let (a, b) = if swapped { (b, a) } else { (a, b) };
        let as_list = |value| if let Value::Values(list) = value { Value::List(list) } else { value };
        let (a, b) = (a.demoted(), as_list(b.demoted()));
        let is_text = |value: Value<'h>| matches!(value.plain(), Value::Str(_));
        let fits = match op {
            BinaryOp::Add => is_text(a) && is_text(b),
            BinaryOp::Multiply => a.plain().int().is_some() || b.plain().int().is_some(),
            _ => false,
        };
        let of_text = |value| matches!(value, Value::Datapoint(_));
        if fits || !(of_text(a) || of_text(b)) {
            return self.plain_binary(op, a.plain(), b.plain());
        }
        if op == BinaryOp::Add && is_text(a) {
            let text = format_args!("can only concatenate str (not \"{}\") to str", b.type_name());
            return self.raise(Kind::TypeError, text);
        }
        self.unsupported(op, a, b)
    }

    fn plain_binary(&mut self, op: BinaryOp, a: Value<'h>, b: Value<'h>) -> Eval<'h> {
        match (a, b) {
            (Value::Float(x), Value::Float(y)) => return self.float_binary(op, x, y, (a, b)),
            (Value::Float(x), y) => {
                if let Some(y) = y.int() {
                    let y = float_of(y);
                    return self.float_binary(op, x, y, (a, b));
                }
            }
            (x, Value::Float(y)) => {
                if let Some(x) = x.int() {
                    let x = float_of(x);
                    return self.float_binary(op, x, y, (a, b));
                }
            }
            _ => {}
        }
        if let (Some(x), Some(y)) = (a.int(), b.int()) {
            return self.int_binary(op, x, y, (a, b));
        }
        match (op, a, b) {
            (BinaryOp::Add, Value::Str(x), Value::Str(y)) => {
                self.memory(x.len() + y.len())?;
                self.steps((x.len() + y.len()) / 64)?;
                let mut text = bumpalo::collections::String::with_capacity_in(x.len() + y.len(), self.bump);
                text.push_str(x);
                text.push_str(y);
                Ok(Value::Str(text.into_bump_str()))
            }
            (BinaryOp::Add, Value::Str(_), other) => {
                let text = format_args!("can only concatenate str (not \"{}\") to str", other.type_name());
                self.raise(Kind::TypeError, text)
            }
            (BinaryOp::Modulo, Value::Str(format), _) => self.percent(format, b),
            (BinaryOp::Multiply, Value::Str(text), count) | (BinaryOp::Multiply, count, Value::Str(text))
                if count.int().is_some() =>
            {
                let count = self.repetitions(count, text.len())?;
                let mut made = self.builder();
                made.repeat(text, count)?;
                self.finish(made).map(Value::Str)
            }
            (BinaryOp::Multiply, Value::List(_) | Value::Tuple(_), count) if count.int().is_some() => {
                self.repeat(a, count)
            }
            (BinaryOp::Multiply, count, Value::List(_) | Value::Tuple(_)) if count.int().is_some() => {
                self.repeat(b, count)
            }
            (BinaryOp::Add, Value::List(x), Value::List(y)) => {
                let mut items = self.copied(&x.borrow())?;
                items.extend_from_slice(&y.borrow())?;
                self.list(items)
            }
            (BinaryOp::Add, Value::Tuple(x), Value::Tuple(y)) => {
                let mut items = self.copied(x)?;
                items.extend_from_slice(y)?;
                self.tuple(&items)
            }
            (BinaryOp::Add, Value::List(_) | Value::Tuple(_), other) => {
                let kind = a.type_name();
                let text =
                    format_args!("can only concatenate {kind} (not \"{}\") to {kind}", other.type_name());
                self.raise(Kind::TypeError, text)
            }
            (_, Value::Set(x), Value::Set(y)) => self.set_binary(op, x, y),
            (BinaryOp::Or, Value::Dict(x), Value::Dict(_)) => {
                let merged = self.new_dict(x.special)?;
                self.dict_update(merged, a)?;
                self.dict_update(merged, b)?;
                Ok(Value::Dict(merged))
            }
            (_, Value::Date(_) | Value::DateTime(_) | Value::Delta(_), _)
            | (_, _, Value::Date(_) | Value::DateTime(_) | Value::Delta(_)) => self.date_binary(op, a, b),
            (_, Value::Decimal(_), _) | (_, _, Value::Decimal(_)) => self.decimal_binary(op, a, b),
            _ => self.unsupported(op, a, b),
        }
    }

    #[cold]
    pub(crate) fn unsupported<T>(&mut self, op: BinaryOp, a: Value<'h>, b: Value<'h>) -> Eval<'h, T> {
        if op == BinaryOp::Multiply
            && let (Value::Str(_) | Value::Datapoint(_) | Value::List(_) | Value::Tuple(_), other)
            | (other, Value::Str(_) | Value::Datapoint(_) | Value::List(_) | Value::Tuple(_)) = (a, b)
        {
            let text = format_args!("can't multiply sequence by non-int of type '{}'", other.type_name());
            return self.raise(Kind::TypeError, text);
        }
        let text = format_args!(
            "unsupported operand type(s) for {}: '{}' and '{}'",
            op.symbol(),
            a.type_name(),
            b.type_name()
        );
        self.raise(Kind::TypeError, text)
    }

    fn repetitions(&mut self, count: Value<'h>, size: usize) -> Eval<'h, usize> {
        let count = count.int().unwrap_or(0);
        if i64::try_from(count).is_err() {
            return self.raise_text(Kind::OverflowError, "cannot fit 'int' into an index-sized integer");
        }
        let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
        let whole = count.saturating_mul(size);
        self.room(whole)?;
        self.steps(whole / 64)?;
        Ok(count)
    }

    fn repeat(&mut self, list: Value<'h>, count: Value<'h>) -> Eval<'h> {
        let items = self.collect(list)?;
        let count = self.repetitions(count, size_of_val(&items[..]))?;
        let mut repeated = self.buffer();
        for _ in 0..if items.is_empty() { 0 } else { count } {
            repeated.extend_from_slice(&items)?;
        }
        let items = repeated;
        match list {
            Value::Tuple(_) => self.tuple(&items),
            _ => self.list(items),
        }
    }

    fn float_binary(&mut self, op: BinaryOp, x: f64, y: f64, of: (Value<'h>, Value<'h>)) -> Eval<'h> {
        let zero = |machine: &mut Self, text| machine.raise_text(Kind::ZeroDivisionError, text);
        Ok(Value::Float(match op {
            BinaryOp::Add => x + y,
            BinaryOp::Subtract => x - y,
            BinaryOp::Multiply => x * y,
            BinaryOp::Divide if y == 0.0 => return zero(self, "float division by zero"),
            BinaryOp::Divide => x / y,
            BinaryOp::FloorDivide if y == 0.0 => return zero(self, "float floor division by zero"),
            BinaryOp::FloorDivide => div_mod(x, y).0,
            BinaryOp::Modulo if y == 0.0 => return zero(self, "float modulo"),
            BinaryOp::Modulo => div_mod(x, y).1,
            BinaryOp::Power => return self.float_power(x, y),
            _ => return self.unsupported(op, of.0, of.1),
        }))
    }

    fn float_power(&mut self, x: f64, y: f64) -> Eval<'h> {
        if x == 0.0 && y < 0.0 {
            return self.raise_text(Kind::ZeroDivisionError, "0.0 cannot be raised to a negative power");
        }
        if x < 0.0 && x.is_finite() && y.fract() != 0.0 && y.is_finite() {
            return self.raise_text(Kind::ValueError, "a complex number is not supported");
        }
        let power = x.powf(y);
        if power.is_infinite() && x.is_finite() && y.is_finite() {
            return self.raise_with_text(Kind::OverflowError, 34, "Numerical result out of range");
        }
        Ok(Value::Float(power))
    }

    fn int_binary(&mut self, op: BinaryOp, x: i128, y: i128, of: (Value<'h>, Value<'h>)) -> Eval<'h> {
        let zero = |machine: &mut Self, text| machine.raise_text(Kind::ZeroDivisionError, text);
        let bools = matches!(of, (Value::Bool(_), Value::Bool(_)));
        let int = match op {
            BinaryOp::Add => x.checked_add(y),
            BinaryOp::Subtract => x.checked_sub(y),
            BinaryOp::Multiply => x.checked_mul(y),
            BinaryOp::Divide if y == 0 => return zero(self, "division by zero"),
            #[expect(clippy::cast_precision_loss, reason = "rounds to the nearest, as Python does")]
            BinaryOp::Divide => return Ok(Value::Float(x as f64 / y as f64)),
            BinaryOp::FloorDivide if y == 0 => {
                return zero(self, "integer division or modulo by zero");
            }
            BinaryOp::FloorDivide => x
                .checked_div(y)
                .map(|quotient| if x % y != 0 && (x < 0) != (y < 0) { quotient - 1 } else { quotient }),
            BinaryOp::Modulo if y == 0 => return zero(self, "integer modulo by zero"),
            BinaryOp::Modulo if y == -1 => Some(0),
            BinaryOp::Modulo => {
                x.checked_rem(y).map(|rest| if rest != 0 && (rest < 0) != (y < 0) { rest + y } else { rest })
            }
            BinaryOp::Power if y < 0 => {
                #[expect(clippy::cast_precision_loss, reason = "rounds to the nearest, as Python does")]
                return self.float_power(x as f64, y as f64);
            }
            BinaryOp::Power => match x {
                0 | 1 => Some(if y == 0 { 1 } else { x }),
                -1 => Some(if y % 2 == 0 { 1 } else { -1 }),
                _ => u32::try_from(y).ok().and_then(|y| x.checked_pow(y)),
            },
            BinaryOp::And | BinaryOp::Or | BinaryOp::Xor if bools => {
                let bits = bits(op, x, y);
                return Ok(Value::Bool(bits != 0));
            }
            BinaryOp::And | BinaryOp::Or | BinaryOp::Xor => Some(bits(op, x, y)),
            BinaryOp::ShiftLeft | BinaryOp::ShiftRight if y < 0 => {
                return self.raise_text(Kind::ValueError, "negative shift count");
            }
            BinaryOp::ShiftLeft if x == 0 => Some(0),
            BinaryOp::ShiftLeft => {
                u32::try_from(y).ok().filter(|y| *y < 127).and_then(|y| x.checked_mul(1_i128 << y))
            }
            BinaryOp::ShiftRight => Some(x >> u32::try_from(y).unwrap_or(127).min(127)),
        };
        self.int(int)
    }

    /// `divmod(a, b)`.
    pub(crate) fn divmod(&mut self, a: Value<'h>, b: Value<'h>) -> Eval<'h> {
        let (x, y) = (a.plain(), b.plain());
        if let (Value::Decimal(_), _) | (_, Value::Decimal(_)) = (x, y)
            && let Some(pair) = self.decimal_divmod(x, y)?
        {
            return Ok(pair);
        }
        let divides =
            |value: Value<'h>| matches!(value, Value::Float(_) | Value::Delta(_)) || value.int().is_some();
        match (x, y) {
            (Value::Float(_), Value::Float(0.0)) => {
                return self.raise_text(Kind::ZeroDivisionError, "float divmod()");
            }
            (_, Value::Float(0.0)) if x.int().is_some() => {
                return self.raise_text(Kind::ZeroDivisionError, "float divmod()");
            }
            (Value::Float(_), _) if y.int() == Some(0) => {
                return self.raise_text(Kind::ZeroDivisionError, "float divmod()");
            }
            (Value::Delta(_), Value::Delta(_)) => {}
            _ if divides(x)
                && divides(y)
                && !matches!((x, y), (Value::Delta(_), _) | (_, Value::Delta(_))) => {}
            _ if self.columns(a, b)?.is_some() => {}
            _ => {
                let text = format_args!(
                    "unsupported operand type(s) for divmod(): '{}' and '{}'",
                    x.type_name(),
                    y.type_name()
                );
                return self.raise(Kind::TypeError, text);
            }
        }
        let pair = [self.binary(BinaryOp::FloorDivide, a, b)?, self.binary(BinaryOp::Modulo, a, b)?];
        self.tuple(&pair)
    }

    pub(crate) fn unary(&mut self, op: UnaryOp, value: Value<'h>) -> Eval<'h> {
        if let Some(items) = self.column_items(value)? {
            return self.mapped(items, |machine, item| machine.unary(op, item));
        }
        let plain = value.plain();
        match (op, plain) {
            (UnaryOp::Negative, Value::Float(float)) => Ok(Value::Float(-float)),
            (_, Value::Decimal(decimal)) => self.decimal_unary(op, decimal),
            (UnaryOp::Negative, Value::Delta(delta)) => self.delta(delta.checked_neg()),
            (UnaryOp::Positive, Value::Float(_) | Value::Delta(_)) => Ok(plain),
            _ => match (op, plain.int()) {
                (UnaryOp::Negative, Some(int)) => self.int(int.checked_neg()),
                (UnaryOp::Positive, Some(int)) => self.int(Some(int)),
                (UnaryOp::Invert, Some(int)) if !matches!(value, Value::Datapoint(_)) => self.int(Some(!int)),
                _ => {
                    let symbol = match op {
                        UnaryOp::Negative => "-",
                        UnaryOp::Positive => "+",
                        UnaryOp::Invert => "~",
                    };
                    let text = format_args!(
                        "bad operand type for unary {symbol}: '{}'",
                        value.demoted().type_name()
                    );
                    self.raise(Kind::TypeError, text)
                }
            },
        }
    }

    pub(crate) fn raise_with_text<T>(&mut self, kind: Kind, number: i64, text: &str) -> Eval<'h, T> {
        let text = self.str(text)?;
        self.raise_with(kind, &[Value::Int(number), text])
    }
}

fn bits(op: BinaryOp, x: i128, y: i128) -> i128 {
    match op {
        BinaryOp::And => x & y,
        BinaryOp::Or => x | y,
        _ => x ^ y,
    }
}

/// Quotient rounded down and remainder with the divisor's sign, as CPython computes them.
pub(crate) fn div_mod(x: f64, y: f64) -> (f64, f64) {
    let mut rest = x % y;
    let mut quotient = (x - rest) / y;
    if rest == 0.0 {
        rest = 0.0_f64.copysign(y);
    } else if (y < 0.0) != (rest < 0.0) {
        rest += y;
        quotient -= 1.0;
    }
    let floor = if quotient == 0.0 {
        0.0_f64.copysign(x / y)
    } else {
        let floor = quotient.floor();
        if quotient - floor > 0.5 { floor + 1.0 } else { floor }
    };
    (floor, rest)
}

/// The float nearest to an integer.
pub(crate) fn float_of(int: i128) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "rounds to the nearest, as Python does")]
    let float = int as f64;
    float
}
