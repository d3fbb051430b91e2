//! `Decimal`: what `annex-decimal` computes, as values of an evaluation.

use std::borrow::Cow;
use std::cmp::Ordering;

use annex_decimal::{Context, Decimal, MOST_DIGITS, Rounding, Signal};

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
    fn decimal(self) -> Option<Cow<'h, Decimal>> {
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

    fn signaled(&mut self, done: Result<Decimal, Signal>) -> Eval<'h> {
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
    fn digits(&mut self, a: &Decimal, b: &Decimal) -> Eval<'h, ()> {
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
        let mut text = String::new();
        for digit in self.collect(*digits)? {
            match digit
                .int()
                .and_then(|digit| u32::try_from(digit).ok())
                .and_then(|d| char::from_digit(d, 10))
            {
                Some(digit) => text.push(digit),
                None => return self.raise_text(Kind::ValueError, "coefficient must be a tuple of digits"),
            }
        }
        let sign = if sign == 1 { "-" } else { "" };
        let done = match (*exponent, exponent.int().and_then(|exponent| i64::try_from(exponent).ok())) {
            (Value::Str("F"), _) => format!("{sign}Infinity").parse(),
            (Value::Str("n"), _) => format!("{sign}NaN{text}").parse(),
            (Value::Str("N"), _) => format!("{sign}sNaN{text}").parse(),
            (_, Some(exponent)) => {
                let text = if text.is_empty() { "0" } else { &text };
                Decimal::from_parts(sign == "-", text, exponent)
            }
            _ => return self.raise_text(Kind::ValueError, "exponent must be an integer"),
        };
        self.signaled(done)
    }

    /// A method that takes a decimal, or nothing.
    pub(crate) fn decimal_method(
        &mut self,
        kept: &'h Kept<'h>,
        word: Word,
        arguments: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h> {
        use Word as W;
        let number = kept.number();
        let named = |name: &str| keywords.iter().find(|(own, _)| *own == name).map(|(_, value)| *value);
        let context = self.decimals;
        let truth = |bool| Ok(Value::Bool(bool));
        let first = arguments.first().copied().or_else(|| named("other")).or_else(|| named("exp"));
        let other = match first.filter(|_| takes_other(word)) {
            Some(value) => match value.plain().decimal() {
                Some(other) => Some(other),
                None => {
                    let kind = value.type_name();
                    let text = format_args!("conversion from {kind} to Decimal is not supported");
                    return self.raise(Kind::TypeError, text);
                }
            },
            None => None,
        };
        if let Some(other) = &other {
            self.digits(&number, other)?;
        }
        let done = match (word, other.as_deref()) {
            (W::is_zero, _) => return truth(number.is_zero()),
            (W::is_signed, _) => return truth(number.is_signed()),
            (W::is_finite, _) => return truth(number.is_finite()),
            (W::is_infinite, _) => return truth(number.is_infinite()),
            (W::is_nan, _) => return truth(number.is_nan()),
            (W::is_qnan, _) => return truth(number.is_nan() && !number.is_signaling()),
            (W::is_snan, _) => return truth(number.is_signaling()),
            (W::is_subnormal, _) => return truth(number.is_subnormal()),
            (W::is_normal, _) => {
                return truth(number.is_finite() && !number.is_zero() && !number.is_subnormal());
            }
            (W::is_canonical, _) => return truth(true),
            (W::number_class, _) => return Ok(Value::Str(number.class_name())),
            (W::to_eng_string, _) => return self.text(&number.engineering()).map(Value::Str),
            (W::adjusted, _) => return Ok(Value::Int(number.adjusted())),
            (W::as_integer_ratio, _) => return self.decimal_ratio(&number),
            (W::as_tuple, _) => return self.decimal_tuple(&number),
            (W::radix, _) => Ok(Decimal::from(10)),
            (W::copy_abs, _) => Ok(number.copy_abs()),
            (W::copy_negate, _) => Ok(number.copy_negate()),
            (W::canonical | W::conjugate, _) => return Ok(Value::Decimal(kept)),
            (W::normalize, _) => number.normalized(context),
            (W::next_plus, _) => number.next_above(context),
            (W::next_minus, _) => number.next_below(context),
            (W::sqrt | W::exp | W::ln | W::log10, _) => {
                self.steps(100 + context.precision as usize)?;
                match word {
                    W::sqrt => number.square_root(context),
                    W::exp => number.exponential(context),
                    W::ln => number.natural_logarithm(context),
                    _ => number.decimal_logarithm(context),
                }
            }
            (W::to_integral | W::to_integral_value | W::to_integral_exact, _) => {
                let rounding = self.rounding(first.or_else(|| named("rounding")))?;
                number.to_integral(rounding)
            }
            (W::quantize, Some(unit)) => {
                let rounding = arguments.get(1).copied().or_else(|| named("rounding"));
                let rounding = self.rounding(rounding)?;
                number.quantized(unit, rounding, context)
            }
            (W::copy_sign, Some(other)) => Ok(number.copy_sign(other)),
            (W::max, Some(other)) => number.larger(other, context),
            (W::min, Some(other)) => number.smaller(other, context),
            (W::max_mag, Some(other)) => number.larger_magnitude(other, context),
            (W::min_mag, Some(other)) => number.smaller_magnitude(other, context),
            (W::remainder_near, Some(other)) => number.nearest_rest(other, context),
            (W::scaleb, Some(other)) => number.scaled(other, context),
            (W::same_quantum, Some(other)) => return truth(number.has_quantum_of(other)),
            (W::compare_total, Some(other)) => Ok(Decimal::from(number.total_order(other) as i64)),
            (W::compare, Some(other)) => number.compared(other),
            (W::fma, Some(other)) => {
                let third = arguments.get(1).copied().or_else(|| named("third"));
                match third.and_then(|third| third.plain().decimal()) {
                    Some(third) => number.fused(other, &third, context),
                    None => return self.no_method(Value::Decimal(kept), word, arguments.len()),
                }
            }
            _ => return self.no_method(Value::Decimal(kept), word, arguments.len()),
        };
        self.signaled(done)
    }

    fn rounding(&mut self, named: Option<Value<'h>>) -> Eval<'h, Rounding> {
        match named {
            None | Some(Value::None) => Ok(self.decimals.rounding),
            Some(Value::Str(name)) if let Some(rounding) = Rounding::named(name) => Ok(rounding),
            Some(_) => self.raise_text(
                Kind::TypeError,
                "valid values for rounding are:\n  [ROUND_CEILING, ROUND_FLOOR, ROUND_UP, ROUND_DOWN,\n   ROUND_HALF_UP, ROUND_HALF_DOWN, ROUND_HALF_EVEN,\n   ROUND_05UP]",
            ),
        }
    }

    fn decimal_ratio(&mut self, number: &Decimal) -> Eval<'h> {
        if number.is_nan() {
            return self.raise_text(Kind::ValueError, "cannot convert NaN to integer ratio");
        }
        if number.is_infinite() {
            return self.raise_text(Kind::OverflowError, "cannot convert Infinity to integer ratio");
        }
        match number.ratio() {
            Ok((top, bottom)) => {
                let pair = [self.int(top.parse().ok())?, self.int(bottom.parse().ok())?];
                self.tuple(&pair)
            }
            Err(signal) => self.signal(signal),
        }
    }

    fn decimal_tuple(&mut self, number: &Decimal) -> Eval<'h> {
        let digits = number.digits();
        let mut list = self.buffer();
        for digit in digits.bytes() {
            list.push(Value::Int(i64::from(digit - b'0')))?;
        }
        let exponent = match (number.is_infinite(), number.is_signaling(), number.is_nan()) {
            (true, ..) => Value::Str("F"),
            (_, true, _) => Value::Str("N"),
            (.., true) => Value::Str("n"),
            _ => Value::Int(number.exponent()),
        };
        let parts = [Value::Int(i64::from(number.is_signed())), self.tuple(&list)?, exponent];
        self.named_tuple("DecimalTuple", &["sign", "digits", "exponent"], &parts)
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

fn takes_other(word: Word) -> bool {
    use Word as W;
    matches!(
        word,
        W::quantize
            | W::copy_sign
            | W::max
            | W::min
            | W::max_mag
            | W::min_mag
            | W::remainder_near
            | W::scaleb
            | W::same_quantum
            | W::compare_total
            | W::compare
            | W::fma
    )
}

/// Whether a decimal has a method of this name.
pub(crate) fn has(word: Word) -> bool {
    use Word as W;
    takes_other(word)
        || matches!(
            word,
            W::is_zero
                | W::is_signed
                | W::is_finite
                | W::is_infinite
                | W::is_nan
                | W::is_qnan
                | W::is_snan
                | W::is_subnormal
                | W::is_normal
                | W::is_canonical
                | W::number_class
                | W::to_eng_string
                | W::adjusted
                | W::as_integer_ratio
                | W::as_tuple
                | W::radix
                | W::copy_abs
                | W::copy_negate
                | W::canonical
                | W::conjugate
                | W::normalize
                | W::next_plus
                | W::next_minus
                | W::sqrt
                | W::exp
                | W::ln
                | W::log10
                | W::to_integral
                | W::to_integral_value
                | W::to_integral_exact
        )
}

/// The context of an evaluation that has not changed it.
pub(crate) fn context() -> Context {
    debug_assert!(MOST_PRECISION < MOST_DIGITS);
    Context::default()
}
