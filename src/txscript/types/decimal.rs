//! `Decimal`: what `annex-decimal` computes, as values of an evaluation.

use std::borrow::Cow;
use std::cmp::Ordering;

use annex_decimal::{Context, Decimal, Rounding, Signal};

use super::super::code::{BinaryOp, UnaryOp};
use super::super::exception::{Eval, Kind};
use super::super::machine::Machine;
use super::super::machine::builtins::{Builtin, Type};
use super::super::value::Value;
use super::super::words::Word;

/// The most digits that code may ask of a result.
const MOST_PRECISION: u32 = 1_000;

/// A decimal in the arena, which frees nothing: many digits lie beside it.
pub(crate) struct Kept<'h> {
    number: Decimal,
    /// The coefficient, where it is larger than 38 digits.
    words: &'h [u32],
}

impl Kept<'_> {
    pub(crate) fn number(&self) -> Cow<'_, Decimal> {
        if self.words.is_empty() {
            Cow::Borrowed(&self.number)
        } else {
            Cow::Owned(self.number.with_coefficient(self.words))
        }
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.words.is_empty() && self.number.is_zero()
    }
}

impl<'h> Value<'h> {
    /// A decimal, or an integer as one.
    pub(super) fn decimal(self) -> Option<Cow<'h, Decimal>> {
        match self {
            Self::Decimal(kept) => Some(kept.number()),
            other => other.int().map(|int| Cow::Owned(Decimal::from(int))),
        }
    }

    /// The order of a decimal and another number.
    pub(crate) fn decimal_order(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Value::Decimal(decimal), Value::Float(float)) => decimal.number().order_of_float(float),
            (Value::Float(float), Value::Decimal(decimal)) => {
                decimal.number().order_of_float(float).map(Ordering::reverse)
            }
            (a, b) => a.decimal()?.order(&*b.decimal()?),
        }
    }
}

impl<'h> Machine<'h> {
    pub(crate) fn decimal(&mut self, number: Decimal) -> Eval<'h> {
        let words = number.large_coefficient();
        self.memory(size_of::<Kept<'h>>() + words.as_ref().map_or(0, |words| 4 * words.len()))?;
        let kept = match words {
            None => Kept { number, words: &[] },
            Some(words) => {
                Kept { number: number.without_coefficient(), words: self.bump.alloc_slice_copy(&words) }
            }
        };
        Ok(Value::Decimal(self.bump.alloc(kept)))
    }

    pub(super) fn signaled(&mut self, done: Result<Decimal, Signal>) -> Eval<'h> {
        match done {
            Ok(number) => self.decimal(number),
            Err(signal) => self.signal(signal),
        }
    }

    #[cold]
    pub(crate) fn signal<T>(&mut self, signal: Signal) -> Eval<'h, T> {
        let kind = match signal.class() {
            "DivisionByZero" => Kind::DivisionByZero,
            "Overflow" => Kind::Overflow,
            _ => Kind::InvalidOperation,
        };
        self.raise(kind, format_args!("{signal}"))
    }

    /// What work on so many digits counts as.
    pub(super) fn digits(&mut self, a: &Decimal, b: &Decimal) -> Eval<'h, ()> {
        let (a, b) = (a.length().unsigned_abs(), b.length().unsigned_abs());
        self.steps(usize::try_from(a.saturating_mul(b) / 4_000 + (a + b) / 64).unwrap_or(usize::MAX))
    }

    pub(crate) fn decimal_binary(&mut self, op: BinaryOp, a: Value<'h>, b: Value<'h>) -> Eval<'h> {
        let (Some(x), Some(y)) = (a.decimal(), b.decimal()) else { return self.unsupported(op, a, b) };
        self.digits(&x, &y)?;
        let context = self.decimals;
        let done = match op {
            BinaryOp::Add => x.plus(&y, context),
            BinaryOp::Subtract => x.minus(&y, context),
            BinaryOp::Multiply => x.times(&y, context),
            BinaryOp::Divide => x.divided(&y, context),
            BinaryOp::FloorDivide => x.whole_quotient(&y, context),
            BinaryOp::Modulo => x.rest(&y, context),
            BinaryOp::Power => {
                self.steps(100)?;
                x.power(&y, context)
            }
            _ => return self.unsupported(op, a, b),
        };
        self.signaled(done)
    }

    pub(crate) fn decimal_unary(&mut self, op: UnaryOp, number: &Kept<'h>) -> Eval<'h> {
        let number = number.number();
        let done = match op {
            UnaryOp::Negative => number.negated(self.decimals),
            UnaryOp::Positive => number.posited(self.decimals),
            UnaryOp::Invert => {
                let text = "bad operand type for unary ~: 'decimal.Decimal'";
                return self.raise_text(Kind::TypeError, text);
            }
        };
        self.signaled(done)
    }

    pub(crate) fn decimal_abs(&mut self, number: &Kept<'h>) -> Eval<'h> {
        let done = number.number().absolute(self.decimals);
        self.signaled(done)
    }

    /// `divmod(a, b)`, where one of them is a decimal.
    pub(crate) fn decimal_divmod(&mut self, a: Value<'h>, b: Value<'h>) -> Eval<'h, Option<Value<'h>>> {
        let (Some(x), Some(y)) = (a.decimal(), b.decimal()) else { return Ok(None) };
        self.digits(&x, &y)?;
        match x.divided_with_rest(&y, self.decimals) {
            Ok((quotient, rest)) => {
                let pair = [self.decimal(quotient)?, self.decimal(rest)?];
                self.tuple(&pair).map(Some)
            }
            Err(signal) => self.signal(signal),
        }
    }

    /// `round(decimal, places)`.
    pub(crate) fn decimal_round(&mut self, number: &Kept<'h>, places: Option<i32>) -> Eval<'h> {
        let number = number.number();
        match places {
            Some(places) => {
                let done = number.rounded(i64::from(places), self.decimals);
                self.signaled(done)
            }
            None => self.decimal_whole(&number, Rounding::HalfEven),
        }
    }

    /// A decimal as an integer.
    pub(crate) fn decimal_whole(&mut self, number: &Decimal, rounding: Rounding) -> Eval<'h> {
        if number.is_nan() {
            return self.raise_text(Kind::ValueError, "cannot convert NaN to integer");
        }
        if number.is_infinite() {
            return self.raise_text(Kind::OverflowError, "cannot convert Infinity to integer");
        }
        match number.to_integral(rounding) {
            Ok(whole) => self.int(whole.truncated()),
            Err(signal) => self.signal(signal),
        }
    }

    /// `Decimal(value)`.
    pub(crate) fn make_decimal(&mut self, value: Value<'h>) -> Eval<'h> {
        let done = match value.plain() {
            Value::Str(text) => {
                self.steps(text.len() / 16)?;
                self.room(text.len().saturating_mul(2))?;
                text.parse()
            }
            Value::Decimal(_) => return Ok(value.plain()),
            Value::Float(float) => Ok(Decimal::from(float)),
            Value::Tuple(parts) => return self.decimal_of_parts(parts),
            Value::List(parts) => {
                let parts = self.copied(&parts.borrow())?;
                return self.decimal_of_parts(&parts);
            }
            plain => match plain.int() {
                Some(int) => Ok(Decimal::from(int)),
                None => {
                    let text =
                        format_args!("conversion from {} to Decimal is not supported", plain.type_name());
                    return self.raise(Kind::TypeError, text);
                }
            },
        };
        self.signaled(done)
    }

    /// `Decimal((sign, digits, exponent))`.
    fn decimal_of_parts(&mut self, parts: &[Value<'h>]) -> Eval<'h> {
        let [sign, digits, exponent] = parts else {
            return self.raise_text(Kind::ValueError, "argument must be a sequence of length 3");
        };
        let Some(sign @ (0 | 1)) = sign.int() else {
            return self.raise_text(Kind::ValueError, "sign must be an integer with the value 0 or 1");
        };
        let mut text = self.builder();
        for digit in self.collect(*digits)? {
            match digit
                .int()
                .and_then(|digit| u32::try_from(digit).ok())
                .and_then(|d| char::from_digit(d, 10))
            {
                Some(digit) => text.push(digit)?,
                None => return self.raise_text(Kind::ValueError, "coefficient must be a tuple of digits"),
            }
        }
        let text = self.finish(text)?;
        let sign = if sign == 1 { "-" } else { "" };
        let done = match (*exponent, exponent.int().and_then(|exponent| i64::try_from(exponent).ok())) {
            (Value::Str("F"), _) => format!("{sign}Infinity").parse(),
            (Value::Str("n"), _) => format!("{sign}NaN{text}").parse(),
            (Value::Str("N"), _) => format!("{sign}sNaN{text}").parse(),
            (_, Some(exponent)) => {
                let text = if text.is_empty() { "0" } else { text };
                Decimal::from_parts(sign == "-", text, exponent)
            }
            _ => return self.raise_text(Kind::ValueError, "exponent must be an integer"),
        };
        self.signaled(done)
    }

    /// `getcontext().prec`, `.rounding`.
    pub(crate) fn decimal_context(&self, word: Word) -> Option<Value<'h>> {
        match word {
            Word::prec => Some(Value::Int(i64::from(self.decimals.precision))),
            Word::rounding => Some(Value::Str(self.decimals.rounding.name())),
            _ => None,
        }
    }

    /// `getcontext().prec = 6`; whether there is such a setting.
    pub(crate) fn set_decimal_context(&mut self, name: &str, value: Value<'h>) -> Eval<'h, bool> {
        match name {
            "prec" => {
                let precision = value.int().and_then(|value| u32::try_from(value).ok());
                let Some(precision) = precision.filter(|value| (1..=MOST_PRECISION).contains(value)) else {
                    let text = format_args!("valid range for prec is [1, {MOST_PRECISION}] here");
                    return self.raise(Kind::ValueError, text);
                };
                self.decimals.precision = precision;
            }
            "rounding" => {
                let rounding = self.rounding(Some(value))?;
                self.decimals.rounding = rounding;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// `Decimal.from_float(value)`.
    pub(crate) fn decimal_static(&mut self, word: Word, arguments: &[Value<'h>]) -> Eval<'h> {
        match arguments {
            [value] if value.int().is_some() || matches!(value, Value::Float(_)) => self.make_decimal(*value),
            [_] => self.raise_text(Kind::TypeError, "argument must be int or float"),
            _ => self.no_method(Value::Builtin(Builtin::Type(Type::Decimal)), word, arguments.len()),
        }
    }

    /// A format's text may be longer than the number's: the room for it.
    pub(crate) fn room_for_decimal(&mut self, number: &Decimal, kind: Option<char>) -> Eval<'h, ()> {
        let point = matches!(kind, Some('f' | 'F' | '%'));
        let zeros = if point && number.is_finite() { number.exponent().unsigned_abs() } else { 0 };
        let length = zeros.saturating_add(number.length().unsigned_abs());
        self.room(usize::try_from(length.saturating_mul(4)).unwrap_or(usize::MAX))?;
        self.steps(usize::try_from(length / 64).unwrap_or(usize::MAX))
    }
}

/// The context of an evaluation that has not changed it.
pub(crate) fn context() -> Context {
    Context::default()
}
