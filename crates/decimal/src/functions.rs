//! Roots, powers, exponentials and logarithms, computed with as many digits as rounding needs. With halves to even they are
//! Python's; in the directed roundings Python's powers are not correctly rounded, and may differ.

use num_bigint::BigInt;

use crate::natural::Natural;
use crate::{Context, Decimal, Done, Rounding, Signal};

impl Decimal {
    /// `sqrt()`.
    ///
    /// # Errors
    /// Of a negative number, and of a signaling NaN.
    pub fn square_root(&self, context: Context) -> Done {
        if let Some(nan) = Self::nan_of(&[self]) {
            return nan;
        }
        let half = self.exponent.div_euclid(2);
        if self.is_zero() {
            return Self::finite(self.negative, Natural::ZERO, half).finished(context);
        }
        if self.negative {
            return Err(Signal::InvalidOperation);
        }
        if self.is_infinite() {
            return Ok(self.clone());
        }
        let precision = i64::from(context.precision) + 1;
        let is_odd = self.exponent.rem_euclid(2) == 1;
        let coefficient =
            if is_odd { self.coefficient.times(&Natural::Small(10)) } else { self.coefficient.clone() };
        let length = if is_odd { (self.length() >> 1) + 1 } else { (self.length() + 1) >> 1 };
        let shift = precision - length;
        let hundreds = 2 * shift.unsigned_abs();
        let (coefficient, mut exact) = if shift >= 0 {
            (coefficient.raised(hundreds), true)
        } else {
            let (kept, rest) = coefficient.cut(hundreds);
            (kept, rest.is_zero())
        };
        let mut exponent = half - shift;
        let mut root = coefficient.square_root();
        exact = exact && root.times(&root) == coefficient;
        if exact {
            let zeros = shift.unsigned_abs();
            root = if shift >= 0 { root.cut(zeros).0 } else { root.raised(zeros) };
            exponent += shift;
        } else {
            let (_, last) = root.cut(1);
            if last.is_zero() || last == Natural::Small(5) {
                root = root.plus(&Natural::ONE);
            }
        }
        let rounding = Context::of(i64::from(context.precision), Rounding::HalfEven);
        Self::finite(false, root, exponent).finished(rounding)
    }

    /// `a ** b`.
    ///
    /// # Errors
    /// `0 ** 0`, a negative number to a fraction, a result beyond the context's limits.
    pub fn power(&self, by: &Self, context: Context) -> Done {
        if let Some(nan) = Self::nan_of(&[self, by]) {
            return nan;
        }
        if by.is_zero() {
            return if self.is_zero() { Err(Signal::InvalidOperation) } else { Ok(Self::from(1)) };
        }
        let negative = self.negative && by.is_odd_integer();
        if self.negative && !by.is_integer() && !by.is_infinite() && !self.is_zero() {
            return Err(Signal::InvalidOperation);
        }
        if self.negative && by.is_infinite() && !self.is_zero() {
            return Err(Signal::InvalidOperation);
        }
        let base = self.copy_abs();
        if base.is_zero() {
            return Ok(if by.negative {
                Self::infinity(negative)
            } else {
                Self::finite(negative, Natural::ZERO, 0)
            });
        }
        if base.is_infinite() {
            return Ok(if by.negative {
                Self::finite(negative, Natural::ZERO, 0)
            } else {
                Self::infinity(negative)
            });
        }
        if base.is_one() {
            return Ok(base.power_of_one(by, negative, context));
        }
        if by.is_infinite() {
            let grows = (base.adjusted() >= 0) != by.negative;
            return Ok(if grows { Self::infinity(false) } else { Self::finite(false, Natural::ZERO, 0) });
        }
        if let Some(exponent) = by.to_i128().and_then(|exponent| i64::try_from(exponent).ok()) {
            return base.integer_power(exponent, negative, context);
        }
        base.real_power(by, negative, context)
    }

    /// Of the number one, with as many zeros as the power gives, or all that fit.
    fn power_of_one(&self, by: &Self, negative: bool, context: Context) -> Self {
        let least = 1 - i64::from(context.precision);
        let exponent = if by.is_integer() {
            let times = if by.negative { 0 } else { by.to_i128().map_or(i128::MAX, |by| by) };
            let exponent = i128::from(self.exponent).saturating_mul(times.min(i128::from(context.precision)));
            i64::try_from(exponent).unwrap_or(least).max(least)
        } else {
            least
        };
        let coefficient =
            if exponent < 0 { Natural::power_of_ten(exponent.unsigned_abs()) } else { Natural::ONE };
        Self::finite(negative, coefficient, exponent.min(0))
    }

    fn integer_power(&self, exponent: i64, negative: bool, context: Context) -> Done {
        let times = exponent.unsigned_abs();
        // Beyond all limits, without computing it.
        let digits = i128::from(self.adjusted() + i64::from(self.adjusted() < 0)) * i128::from(exponent);
        if digits > 2 * i128::from(Context::LARGEST) {
            return Err(Signal::Overflow);
        }
        if digits < -2 * (i128::from(Context::LARGEST) + i128::from(context.precision)) {
            return Self::underflow(negative, context);
        }
        let guard = 4 + i64::from(times.checked_ilog10().unwrap_or(0)) + 1;
        let work = Context::of(i64::from(context.precision) + guard, Rounding::HalfEven);
        let base = if exponent < 0 {
            let finer = Context::of(i64::from(work.precision) + 1, Rounding::HalfEven);
            Self::from(1).divided(self, finer)?
        } else {
            self.clone()
        };
        let mut result = Self::from(1);
        for bit in (0..64 - times.leading_zeros()).rev() {
            result = result.times(&result, work)?;
            if times >> bit & 1 == 1 {
                result = result.times(&base, work)?;
            }
        }
        result.negative = negative;
        result.finished(context)
    }

    fn real_power(&self, by: &Self, negative: bool, context: Context) -> Done {
        // The logarithm of the result says whether it is within all limits.
        let rough = by.to_f64() * log10_of(self);
        if rough > 2e6 {
            return Err(Signal::Overflow);
        }
        if rough < -2e6 {
            return Self::underflow(negative, context);
        }
        let precision = i64::from(context.precision);
        let mut extra = 6 + rough.abs().max(1.0).log10().ceil().to_string().len().try_into().unwrap_or(8);
        loop {
            let work = Context::of(precision + extra + 12, Rounding::HalfEven);
            let logarithm = self.logarithm_to(precision + extra + 12).times(by, work)?;
            let result = logarithm.exponential_to(precision + extra)?;
            let near_one = result.is_one();
            if let Some(done) = settled(&result, precision, extra).filter(|_| !near_one) {
                return Self { negative, ..done }.finished(context);
            }
            extra += 8;
            if extra > 60 {
                // Exact, such as a root of a square: all digits are shown.
                let result = result.rounded_to(precision, Rounding::HalfEven);
                let zeros = (precision - result.length()).max(0);
                let full = result.rescaled(result.exponent - zeros, Rounding::HalfEven);
                return Self { negative, ..full }.finished(context);
            }
        }
    }

    /// Far below the smallest number of the context.
    fn underflow(negative: bool, context: Context) -> Done {
        Self::finite(negative, Natural::ONE, context.tiny() - 2).finished(context)
    }

    /// `exp()`.
    ///
    /// # Errors
    /// Of a result beyond the limits, and of a signaling NaN.
    pub fn exponential(&self, context: Context) -> Done {
        if let Some(nan) = Self::nan_of(&[self]) {
            return nan;
        }
        if self.is_infinite() {
            return Ok(if self.negative { Self::finite(false, Natural::ZERO, 0) } else { self.clone() });
        }
        if self.is_zero() {
            return Ok(Self::from(1));
        }
        let rough = self.to_f64() / std::f64::consts::LN_10;
        if rough > 1.1e6 {
            return Err(Signal::Overflow);
        }
        let even = Context::of(i64::from(context.precision), Rounding::HalfEven);
        if rough < -1.1e6 {
            return Self::underflow(false, even);
        }
        let precision = i64::from(context.precision);
        // So near to one that only a nine or a one at the far end differs.
        if self.adjusted() < -precision - 2 {
            let one =
                Self::finite(false, Natural::power_of_ten(precision.unsigned_abs() + 1), -precision - 1);
            let step = Self::finite(self.negative, Natural::ONE, -precision - 1);
            return one.plus(&step, Context::of(precision + 5, Rounding::HalfEven))?.finished(even);
        }
        Self::rounded_once(even, |extra| self.exponential_to(precision + extra))
    }

    /// `ln()`.
    ///
    /// # Errors
    /// Of a negative number, and of a signaling NaN.
    pub fn natural_logarithm(&self, context: Context) -> Done {
        if let Some(early) = self.logarithm_of_odd() {
            return early;
        }
        if self.is_one() {
            return Ok(Self::from(0));
        }
        let even = Context::of(i64::from(context.precision), Rounding::HalfEven);
        let precision = i64::from(context.precision);
        Self::rounded_once(even, |extra| Ok(self.logarithm_to(precision + extra)))
    }

    /// `log10()`.
    ///
    /// # Errors
    /// Of a negative number, and of a signaling NaN.
    pub fn decimal_logarithm(&self, context: Context) -> Done {
        if let Some(early) = self.logarithm_of_odd() {
            return early;
        }
        let even = Context::of(i64::from(context.precision), Rounding::HalfEven);
        let bare = self.clone().without_zeros(i64::MAX / 4);
        if bare.coefficient == Natural::ONE {
            return Self::from(bare.exponent).finished(even);
        }
        let precision = i64::from(context.precision);
        Self::rounded_once(even, |extra| {
            let work = Context::of(precision + extra + 5, Rounding::HalfEven);
            let ten = Self::from(10).logarithm_to(precision + extra + 5);
            self.logarithm_to(precision + extra + 5).divided(&ten, work)
        })
    }

    fn logarithm_of_odd(&self) -> Option<Done> {
        if let Some(nan) = Self::nan_of(&[self]) {
            return Some(nan);
        }
        if self.is_zero() {
            return Some(Ok(Self::infinity(true)));
        }
        if self.negative {
            return Some(Err(Signal::InvalidOperation));
        }
        self.is_infinite().then(|| Ok(self.clone()))
    }

    /// Computed with more and more digits, until they say how it is rounded.
    fn rounded_once(context: Context, computed: impl Fn(i64) -> Done) -> Done {
        let precision = i64::from(context.precision);
        let mut extra = 5;
        loop {
            let result = computed(extra)?;
            if let Some(done) = settled(&result, precision, extra) {
                return done.finished(context);
            }
            extra += 10;
            if extra > 100 {
                return result.finished(context);
            }
        }
    }

    /// The natural logarithm with about so many digits, of a finite number above zero.
    fn logarithm_to(&self, digits: i64) -> Self {
        // A number near to one has a small logarithm: as many digits more.
        let work = digits + self.closeness_to_one() + 8 + 7;
        let places = work.unsigned_abs();
        // m in [1, 10), and a power of ten.
        let power = self.adjusted();
        let mantissa = Self::finite(false, self.coefficient.clone(), 1 - self.length());
        let mut fixed = mantissa.fixed(places);
        let one = unit(places);
        let mut twos = 0_i64;
        while &fixed * 2_u8 > &one * 3_u8 {
            fixed /= 2_u8;
            twos += 1;
        }
        // Halved in fixed point it has lost digits: made anew.
        if twos > 0 {
            let half = BigInt::from(2_u8).pow(u32::try_from(twos).unwrap_or(0));
            fixed = mantissa.fixed(places) / half;
        }
        let logarithm = inverse_tangent(&(&fixed - &one), &(&fixed + &one), places)
            + two(places) * twos
            + ten(places) * power;
        from_fixed(&logarithm, places)
    }

    /// How many zeros or nines follow `1.` or `0.`.
    fn closeness_to_one(&self) -> i64 {
        if !(-1..=0).contains(&self.adjusted()) {
            return 0;
        }
        let work = Context {
            precision: u32::try_from(self.length() + 2).unwrap_or(u32::MAX),
            rounding: Rounding::HalfEven,
        };
        let distance = self.minus(&Self::from(1), work);
        distance.map_or(0, |distance| (-distance.adjusted()).max(0))
    }

    /// `e` to this power, with about so many digits.
    fn exponential_to(&self, digits: i64) -> Done {
        let whole = self.adjusted().max(0);
        let places = (digits + whole + 10).unsigned_abs();
        let fixed = self.fixed(places);
        let ten = ten(places);
        let power = {
            let (quotient, rest) = (&fixed / &ten, &fixed % &ten);
            if rest.sign() == num_bigint::Sign::Minus { quotient - 1 } else { quotient }
        };
        let rest = &fixed - &power * &ten;
        // Halved eight times, then squared eight times.
        let more = places + 8;
        let scale = BigInt::from(10_u8).pow(8);
        let small = rest * &scale / BigInt::from(256);
        let one = unit(more);
        let (mut sum, mut term) = (one.clone(), one.clone());
        for at in 1_u32.. {
            term = term * &small / &one / at;
            if term == BigInt::ZERO {
                break;
            }
            sum += &term;
        }
        for _ in 0..8 {
            sum = &sum * &sum / &one;
        }
        let power = i64::try_from(power).map_err(|_| Signal::Overflow)?;
        let mut result = from_fixed(&sum, more);
        result.exponent += power;
        Ok(result.rounded_to(digits, Rounding::HalfEven))
    }

    /// As a whole number of units of `10^-places`, cut.
    fn fixed(&self, places: u64) -> BigInt {
        let places = i64::try_from(places).unwrap_or(i64::MAX);
        let scaled = self.rescaled(-places, Rounding::Down);
        let fixed = BigInt::from(scaled.coefficient.big());
        if self.negative { -fixed } else { fixed }
    }
}

/// Whether the digits behind the precision say how it is rounded.
fn settled(result: &Decimal, precision: i64, extra: i64) -> Option<Decimal> {
    let cut = result.length() - precision;
    if cut < 3 {
        return None;
    }
    let (_, rest) = result.coefficient.cut(cut.unsigned_abs());
    // The last digits are not sure.
    let unsure = cut - extra + 3;
    let rest = if unsure > 0 { rest.cut(unsure.unsigned_abs()).0 } else { rest };
    let length = if unsure > 0 { cut - unsure } else { cut };
    if length < 1 {
        return None;
    }
    let digits = format!("{:0>1$}", rest.to_string(), usize::try_from(length).unwrap_or(1));
    let (first, others) = digits.split_at(1);
    let doubtful = match first {
        "0" => others.bytes().all(|digit| digit == b'0'),
        "9" => others.bytes().all(|digit| digit == b'9'),
        "5" => others.bytes().all(|digit| digit == b'0'),
        "4" => others.bytes().all(|digit| digit == b'9'),
        _ => false,
    };
    (!doubtful).then(|| result.clone())
}

fn unit(places: u64) -> BigInt {
    BigInt::from(10_u8).pow(u32::try_from(places).unwrap_or(u32::MAX))
}

fn from_fixed(fixed: &BigInt, places: u64) -> Decimal {
    let negative = fixed.sign() == num_bigint::Sign::Minus;
    let places = i64::try_from(places).unwrap_or(i64::MAX);
    Decimal::finite(negative, Natural::from_big(fixed.magnitude().clone()), -places)
}

/// `2 * atanh(a / b)`, which is the logarithm of `(b + a) / (b - a)`.
fn inverse_tangent(a: &BigInt, b: &BigInt, places: u64) -> BigInt {
    let one = unit(places);
    let ratio = a * &one / b;
    let square = &ratio * &ratio / &one;
    let (mut sum, mut power) = (ratio.clone(), ratio);
    for at in (3_u32..).step_by(2) {
        power = power * &square / &one;
        if power == BigInt::ZERO {
            break;
        }
        sum += &power / at;
    }
    sum * 2_u8
}

/// The logarithm of two.
fn two(places: u64) -> BigInt {
    inverse_tangent(&BigInt::from(1), &BigInt::from(3), places)
}

/// The logarithm of ten: of eight and of five quarters.
fn ten(places: u64) -> BigInt {
    two(places) * 3_u8 + inverse_tangent(&BigInt::from(1), &BigInt::from(9), places)
}

fn log10_of(number: &Decimal) -> f64 {
    let digits = number.coefficient.to_string();
    let first: f64 = format!("0.{digits}").parse().unwrap_or(0.1);
    #[expect(clippy::cast_precision_loss, reason = "a rough size")]
    let power = (number.adjusted() + 1) as f64;
    first.log10() + power
}
