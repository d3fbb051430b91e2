//! `math`.

use annex_decimal::Rounding;

use super::super::exception::{Eval, Kind};
use super::super::machine::Machine;
use super::super::value::Value;
use super::super::words::Word;

pub(super) fn has(word: Word) -> bool {
    use Word as W;
    matches!(
        word,
        W::floor
            | W::ceil
            | W::trunc
            | W::sqrt
            | W::fabs
            | W::isclose
            | W::isnan
            | W::isinf
            | W::isfinite
            | W::fsum
            | W::prod
            | W::gcd
            | W::lcm
            | W::log
            | W::log2
            | W::log10
            | W::exp
            | W::pow
            | W::copysign
            | W::fmod
            | W::hypot
            | W::factorial
            | W::modf
            | W::comb
            | W::perm
            | W::sin
            | W::cos
            | W::tan
            | W::degrees
            | W::radians
    )
}

impl<'h> Machine<'h> {
    fn real(&mut self, value: Value<'h>) -> Eval<'h, f64> {
        match value.as_float() {
            Some(float) => Ok(float),
            None => {
                // A field's value is asked for its float, and says what it holds.
                let text = match value {
                    Value::Datapoint(datapoint) if !datapoint.is_text() => format!(
                        "float() argument must be a string or a real number, not '{}'",
                        datapoint.data.type_name()
                    ),
                    other => format!("must be real number, not {}", other.type_name()),
                };
                self.raise_text(Kind::TypeError, &text)
            }
        }
    }

    fn integer(&mut self, value: Value<'h>) -> Eval<'h, i128> {
        match value.int() {
            Some(int) => Ok(int),
            None => {
                let text = format_args!("'{}' object cannot be interpreted as an integer", value.type_name());
                self.raise(Kind::TypeError, text)
            }
        }
    }

    #[expect(clippy::too_many_lines, reason = "an arm for each")]
    pub(super) fn math_function(
        &mut self,
        word: Word,
        positional: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h> {
        use Word as W;
        match (word, positional) {
            (W::floor | W::ceil | W::trunc, [value]) => {
                if let Some(items) = self.column_items(*value)? {
                    return self.mapped(items, |machine, item| machine.math_function(word, &[item], &[]));
                }
                match value.plain() {
                    plain if plain.int().is_some() => self.int(plain.int()),
                    Value::Decimal(decimal) => {
                        let rounding = match word {
                            W::floor => Rounding::Floor,
                            W::ceil => Rounding::Ceiling,
                            _ => Rounding::Down,
                        };
                        self.decimal_whole(&decimal.number(), rounding)
                    }
                    _ => {
                        let float = self.real(*value)?;
                        self.whole(match word {
                            W::floor => float.floor(),
                            W::ceil => float.ceil(),
                            _ => float.trunc(),
                        })
                    }
                }
            }
            (W::isclose, [a, b]) => {
                let (a, b) = (self.real(*a)?, self.real(*b)?);
                let (mut relative, mut absolute) = (1e-9, 0.0);
                for (name, value) in keywords {
                    let value = self.real(*value)?;
                    if *name == "rel_tol" { relative = value } else { absolute = value }
                }
                let difference = (a - b).abs();
                #[expect(clippy::float_cmp, reason = "infinities are close to themselves")]
                let close = a == b
                    || (difference.is_finite()
                        && (difference <= (relative * b).abs()
                            || difference <= (relative * a).abs()
                            || difference <= absolute));
                Ok(Value::Bool(close))
            }
            (W::isnan, [value]) => self.real(*value).map(|float| Value::Bool(float.is_nan())),
            (W::isinf, [value]) => self.real(*value).map(|float| Value::Bool(float.is_infinite())),
            (W::isfinite, [value]) => self.real(*value).map(|float| Value::Bool(float.is_finite())),
            (W::fsum, [items]) => {
                let items = self.collect(*items)?;
                let mut floats = self.buffer();
                for item in items {
                    floats.push(self.real(item)?)?;
                }
                Ok(Value::Float(exact_sum(&floats)))
            }
            (W::prod, [items]) => {
                let mut product = Value::Int(1);
                for item in self.collect(*items)? {
                    product = self.binary(super::super::code::BinaryOp::Multiply, product, item)?;
                }
                Ok(product)
            }
            (W::gcd | W::lcm, _) => {
                // Without signs: the smallest integer has no opposite.
                let mut result = u128::from(word == W::lcm);
                for value in positional {
                    self.step()?;
                    let value = self.integer(*value)?.unsigned_abs();
                    let common = gcd(result, value);
                    result = match result.checked_div(common).map(|part| part.checked_mul(value)) {
                        _ if word == W::gcd => common,
                        None => 0,
                        Some(Some(multiple)) => multiple,
                        Some(None) => return self.int(None),
                    };
                }
                self.int(i128::try_from(result).ok())
            }
            (W::factorial, [value]) => {
                let value = self.integer(*value)?;
                if value < 0 {
                    let text = "factorial() not defined for negative values";
                    return self.raise_text(Kind::ValueError, text);
                }
                let product = (1..=value.min(40)).try_fold(1_i128, i128::checked_mul);
                self.int(product.filter(|_| value <= 40))
            }
            (W::comb | W::perm, [n, k]) => {
                let (n, k) = (self.integer(*n)?, self.integer(*k)?);
                if k < 0 || n < 0 {
                    let text = "n must be a non-negative integer";
                    return self.raise_text(Kind::ValueError, text);
                }
                let k = if word == W::comb && k <= n { k.min(n - k) } else { k };
                let mut product = Some(i128::from(k <= n));
                for at in 0..if k > n { 0 } else { k.min(200) } {
                    let next = product.and_then(|product| product.checked_mul(n - at));
                    product = if word == W::comb { next.map(|next| next / (at + 1)) } else { next };
                }
                self.int(product)
            }
            (W::log, [value, base]) => {
                let (value, base) = (self.real(*value)?, self.real(*base)?);
                if value <= 0.0 || base <= 0.0 {
                    return self.raise_text(Kind::ValueError, "math domain error");
                }
                Ok(Value::Float(value.ln() / base.ln()))
            }
            (W::pow | W::copysign | W::fmod | W::hypot, [x, y]) => {
                let (x, y) = (self.real(*x)?, self.real(*y)?);
                let result = match word {
                    W::pow => x.powf(y),
                    W::copysign => x.copysign(y),
                    W::fmod => x % y,
                    _ => x.hypot(y),
                };
                if result.is_nan() && !x.is_nan() && !y.is_nan() {
                    return self.raise_text(Kind::ValueError, "math domain error");
                }
                Ok(Value::Float(result))
            }
            (W::modf, [value]) => {
                let float = self.real(*value)?;
                self.tuple(&[Value::Float(float.fract()), Value::Float(float.trunc())])
            }
            (_, [value]) => {
                let float = self.real(*value)?;
                let domain = match word {
                    W::sqrt => float >= 0.0 || float.is_nan(),
                    W::log | W::log2 | W::log10 => float > 0.0 || float.is_nan(),
                    _ => true,
                };
                if !domain {
                    return self.raise_text(Kind::ValueError, "math domain error");
                }
                Ok(Value::Float(match word {
                    W::sqrt => float.sqrt(),
                    W::fabs => float.abs(),
                    W::log => float.ln(),
                    W::log2 => float.log2(),
                    W::log10 => float.log10(),
                    W::exp => float.exp(),
                    W::sin => float.sin(),
                    W::cos => float.cos(),
                    W::tan => float.tan(),
                    W::degrees => float.to_degrees(),
                    W::radians => float.to_radians(),
                    _ => return self.wrong_arguments(word.text(), positional.len()),
                }))
            }
            _ => self.wrong_arguments(word.text(), positional.len()),
        }
    }
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The sum without any rounding but the last (Shewchuk).
fn exact_sum(floats: &[f64]) -> f64 {
    let mut partials: Vec<f64> = Vec::new();
    for float in floats {
        let mut x = *float;
        let mut kept = 0;
        for at in 0..partials.len() {
            let mut y = partials[at];
            if x.abs() < y.abs() {
                std::mem::swap(&mut x, &mut y);
            }
            let high = x + y;
            let low = y - (high - x);
            if low != 0.0 {
                partials[kept] = low;
                kept += 1;
            }
            x = high;
        }
        partials.truncate(kept);
        partials.push(x);
    }
    partials.iter().rev().fold(0.0, |sum, partial| sum + partial)
}
