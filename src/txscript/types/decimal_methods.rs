//! The methods of `Decimal`.

use annex_decimal::{Decimal, Rounding};

use super::super::exception::{Eval, Kind};
use super::super::machine::Machine;
use super::super::value::Value;
use super::super::words::Word;
use super::decimal::Kept;

impl<'h> Machine<'h> {
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
        if let Some((name, _)) = keywords.iter().find(|(name, _)| !takes(word, name)) {
            let text = format_args!("'{name}' is an invalid keyword argument for this function");
            return self.raise(Kind::TypeError, text);
        }
        if arguments.len() > 2 || (!takes_other(word) && !is_rounded(word) && !arguments.is_empty()) {
            return self.no_method(Value::Decimal(kept), word, arguments.len());
        }
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

    pub(super) fn rounding(&mut self, named: Option<Value<'h>>) -> Eval<'h, Rounding> {
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

fn is_rounded(word: Word) -> bool {
    matches!(word, Word::to_integral | Word::to_integral_value | Word::to_integral_exact)
}

/// Whether a method has an argument of this name.
fn takes(word: Word, name: &str) -> bool {
    match name {
        "rounding" => word == Word::quantize || is_rounded(word),
        "exp" => word == Word::quantize,
        "other" => takes_other(word) && word != Word::quantize,
        "third" => word == Word::fma,
        "context" => true,
        _ => false,
    }
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
