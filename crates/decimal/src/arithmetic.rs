//! The four operations, quotients and rests.

use crate::natural::Natural;
use crate::{Context, Decimal, Done, Rounding, Signal};

impl Decimal {
    /// `-number`, as a result of the context.
    ///
    /// # Errors
    /// Of a signaling NaN, and of a number beyond the context's limits.
    pub fn negated(&self, context: Context) -> Done {
        if let Some(nan) = Self::nan_of(&[self]) {
            return nan;
        }
        let negative =
            if self.is_zero() && context.rounding != Rounding::Floor { false } else { !self.negative };
        Self { negative, ..self.clone() }.finished(context)
    }

    /// `+number`: rounded to the context.
    ///
    /// # Errors
    /// Of a signaling NaN, and of a number beyond the context's limits.
    pub fn posited(&self, context: Context) -> Done {
        if let Some(nan) = Self::nan_of(&[self]) {
            return nan;
        }
        let negative = self.negative && !(self.is_zero() && context.rounding != Rounding::Floor);
        Self { negative, ..self.clone() }.finished(context)
    }

    /// `abs(number)`: rounded to the context.
    ///
    /// # Errors
    /// Of a signaling NaN, and of a number beyond the context's limits.
    pub fn absolute(&self, context: Context) -> Done {
        if self.negative { self.negated(context) } else { self.posited(context) }
    }

    /// `a + b`.
    ///
    /// # Errors
    /// `∞ - ∞`, a signaling NaN, a result beyond the context's limits.
    pub fn plus(&self, other: &Self, context: Context) -> Done {
        self.exact_sum(other, i64::from(context.precision), context.rounding)?.finished(context)
    }

    /// `a - b`.
    ///
    /// # Errors
    /// `∞ - ∞`, a signaling NaN, a result beyond the context's limits.
    pub fn minus(&self, other: &Self, context: Context) -> Done {
        if let Some(nan) = Self::nan_of(&[self, other]) {
            return nan;
        }
        self.plus(&other.copy_negate(), context)
    }

    /// The sum, exact but for what is far below the last of `precision` digits.
    fn exact_sum(&self, other: &Self, precision: i64, rounding: Rounding) -> Done {
        if let Some(nan) = Self::nan_of(&[self, other]) {
            return nan;
        }
        match (self.is_infinite(), other.is_infinite()) {
            (true, true) if self.negative != other.negative => return Err(Signal::InvalidOperation),
            (true, _) => return Ok(self.clone()),
            (false, true) => return Ok(other.clone()),
            _ => {}
        }
        let exponent = self.exponent.min(other.exponent);
        let negative_zero = rounding == Rounding::Floor && self.negative != other.negative;
        match (self.is_zero(), other.is_zero()) {
            (true, true) => {
                let negative = (self.negative && other.negative) || negative_zero;
                return Ok(Self::finite(negative, Natural::ZERO, exponent));
            }
            (true, false) => return Ok(other.beside_zero(exponent, precision, rounding)),
            (false, true) => return Ok(self.beside_zero(exponent, precision, rounding)),
            _ => {}
        }
        let (upper, lower) = if self.exponent >= other.exponent { (self, other) } else { (other, self) };
        // What lies far below the last digit counts as the least that is there.
        let least = upper.exponent + (-1).min(upper.length() - precision - 2);
        let tiny = lower.length() + lower.exponent - 1 < least;
        let (low, exponent) =
            if tiny { (Natural::ONE, least) } else { (lower.coefficient.clone(), lower.exponent) };
        let high = upper.coefficient.raised((upper.exponent - exponent).unsigned_abs());
        if upper.negative == lower.negative {
            return Ok(Self::finite(upper.negative, high.plus(&low), exponent));
        }
        Ok(match high.cmp(&low) {
            std::cmp::Ordering::Equal => Self::finite(negative_zero, Natural::ZERO, exponent),
            std::cmp::Ordering::Greater => Self::finite(upper.negative, high.minus(&low), exponent),
            std::cmp::Ordering::Less => Self::finite(lower.negative, low.minus(&high), exponent),
        })
    }

    /// A sum with zero: with the smaller exponent, as far as the digits allow.
    fn beside_zero(&self, exponent: i64, precision: i64, rounding: Rounding) -> Self {
        let least = exponent.max(self.exponent - precision - 1);
        // Only zeros are added: a rest that is rounded away is left to the end.
        if least <= self.exponent { self.rescaled(least, rounding) } else { self.clone() }
    }

    /// `a * b`.
    ///
    /// # Errors
    /// `0 * ∞`, a signaling NaN, a result beyond the context's limits.
    pub fn times(&self, other: &Self, context: Context) -> Done {
        self.exact_product(other)?.finished(context)
    }

    pub(crate) fn exact_product(&self, other: &Self) -> Done {
        if let Some(nan) = Self::nan_of(&[self, other]) {
            return nan;
        }
        let negative = self.negative != other.negative;
        if self.is_infinite() || other.is_infinite() {
            let undefined = self.is_zero() || other.is_zero();
            return if undefined { Err(Signal::InvalidOperation) } else { Ok(Self::infinity(negative)) };
        }
        let exponent = self.exponent + other.exponent;
        Ok(Self::finite(negative, self.coefficient.times(&other.coefficient), exponent))
    }

    /// `a * b + c`, rounded once.
    ///
    /// # Errors
    /// As of a product and a sum.
    pub fn fused(&self, by: &Self, add: &Self, context: Context) -> Done {
        if let Some(nan) = Self::nan_of(&[self, by, add]) {
            return nan;
        }
        self.exact_product(by)?.plus(add, context)
    }

    /// `a / b`.
    ///
    /// # Errors
    /// A division by zero, `∞ / ∞`, a signaling NaN, a result beyond the context's limits.
    pub fn divided(&self, by: &Self, context: Context) -> Done {
        if let Some(nan) = Self::nan_of(&[self, by]) {
            return nan;
        }
        let negative = self.negative != by.negative;
        match (self.is_infinite(), by.is_infinite()) {
            (true, true) => return Err(Signal::InvalidOperation),
            (true, false) => return Ok(Self::infinity(negative)),
            (false, true) => return Ok(Self::finite(negative, Natural::ZERO, context.tiny())),
            _ => {}
        }
        if by.is_zero() {
            return Err(if self.is_zero() { Signal::DivisionUndefined } else { Signal::DivisionByZero });
        }
        let ideal = self.exponent - by.exponent;
        if self.is_zero() {
            return Self::finite(negative, Natural::ZERO, ideal).finished(context);
        }
        let shift = by.length() - self.length() + i64::from(context.precision) + 1;
        let zeros = shift.unsigned_abs();
        let (quotient, rest) = if shift >= 0 {
            self.coefficient.raised(zeros).divided(&by.coefficient)
        } else {
            self.coefficient.divided(&by.coefficient.raised(zeros))
        };
        if rest.is_zero() {
            let quotient = Self::finite(negative, quotient, ideal - shift);
            return quotient.without_zeros(ideal).finished(context);
        }
        // A digit that rounds as the digits behind it would.
        let (_, last) = quotient.cut(1);
        let is_tie = last.is_zero() || last == Natural::Small(5);
        let quotient = if is_tie { quotient.plus(&Natural::ONE) } else { quotient };
        Self::finite(negative, quotient, ideal - shift).finished(context)
    }

    /// The coefficients of two numbers, both with the smaller exponent.
    fn of_one_exponent(&self, other: &Self) -> (Natural, Natural) {
        let shift = (self.exponent - other.exponent).unsigned_abs();
        if self.exponent >= other.exponent {
            (self.coefficient.raised(shift), other.coefficient.clone())
        } else {
            (self.coefficient.clone(), other.coefficient.raised(shift))
        }
    }

    /// What a rest is where nothing is divided: NaN, or an error.
    fn no_rest(&self, by: &Self) -> Option<Done> {
        if let Some(nan) = Self::nan_of(&[self, by]) {
            return Some(nan);
        }
        match (by.is_zero(), self.is_zero()) {
            _ if self.is_infinite() => Some(Err(Signal::InvalidOperation)),
            (true, true) => Some(Err(Signal::DivisionUndefined)),
            (true, false) => Some(Err(Signal::InvalidOperation)),
            _ => None,
        }
    }

    /// Quotient without a fraction and rest, of finite numbers; the divisor may be infinite.
    fn quotient_and_rest(&self, by: &Self, context: Context) -> Done<(Self, Self)> {
        let negative = self.negative != by.negative;
        let ideal = if by.is_infinite() { self.exponent } else { self.exponent.min(by.exponent) };
        let ahead = self.adjusted() - by.adjusted();
        if self.is_zero() || by.is_infinite() || ahead <= -2 {
            let zero = Self::finite(negative, Natural::ZERO, 0);
            return Ok((zero, self.rescaled(ideal, context.rounding)));
        }
        let precision = i64::from(context.precision);
        if ahead > precision {
            return Err(Signal::DivisionImpossible);
        }
        let (a, b) = self.of_one_exponent(by);
        let (quotient, rest) = a.divided(&b);
        if quotient.digits() > precision {
            return Err(Signal::DivisionImpossible);
        }
        Ok((Self::finite(negative, quotient, 0), Self::finite(self.negative, rest, ideal)))
    }

    /// `a // b`: towards zero, unlike Python's integers.
    ///
    /// # Errors
    /// A division by zero, an infinite dividend, a quotient with more digits than the precision.
    pub fn whole_quotient(&self, by: &Self, context: Context) -> Done {
        if let Some(nan) = Self::nan_of(&[self, by]) {
            return nan;
        }
        if self.is_infinite() {
            let both = by.is_infinite();
            let infinity = Self::infinity(self.negative != by.negative);
            return if both { Err(Signal::InvalidOperation) } else { Ok(infinity) };
        }
        if by.is_zero() {
            return Err(if self.is_zero() { Signal::DivisionUndefined } else { Signal::DivisionByZero });
        }
        self.quotient_and_rest(by, context)?.0.finished(context)
    }

    /// `a % b`: with the sign of the dividend, unlike Python's integers.
    ///
    /// # Errors
    /// A division by zero, an infinite dividend, a quotient with more digits than the precision.
    pub fn rest(&self, by: &Self, context: Context) -> Done {
        if let Some(early) = self.no_rest(by) {
            return early;
        }
        self.quotient_and_rest(by, context)?.1.finished(context)
    }

    /// `divmod(a, b)`.
    ///
    /// # Errors
    /// As of `a // b` and of `a % b`.
    pub fn divided_with_rest(&self, by: &Self, context: Context) -> Done<(Self, Self)> {
        if let Some(nan) = Self::nan_of(&[self, by]) {
            let nan = nan?;
            return Ok((nan.clone(), nan));
        }
        if self.is_infinite() {
            return Err(Signal::InvalidOperation);
        }
        if by.is_zero() {
            let zero = self.is_zero();
            return Err(if zero { Signal::DivisionUndefined } else { Signal::DivisionByZeroAndInvalid });
        }
        let (quotient, rest) = self.quotient_and_rest(by, context)?;
        Ok((quotient.finished(context)?, rest.finished(context)?))
    }

    /// `remainder_near`: the rest of the quotient that is nearest.
    ///
    /// # Errors
    /// As of `a % b`.
    pub fn nearest_rest(&self, by: &Self, context: Context) -> Done {
        if let Some(early) = self.no_rest(by) {
            return early;
        }
        if by.is_infinite() {
            return self.clone().finished(context);
        }
        let ideal = self.exponent.min(by.exponent);
        if self.is_zero() {
            return Self::finite(self.negative, Natural::ZERO, ideal).finished(context);
        }
        let ahead = self.adjusted() - by.adjusted();
        if ahead > i64::from(context.precision) {
            return Err(Signal::DivisionImpossible);
        }
        if ahead <= -2 {
            return self.rescaled(ideal, context.rounding).finished(context);
        }
        let (a, b) = self.of_one_exponent(by);
        let (quotient, rest) = a.divided(&b);
        let twice = rest.plus(&rest);
        let over = twice > b || (twice == b && quotient.is_odd());
        let quotient = if over { quotient.plus(&Natural::ONE) } else { quotient };
        if quotient.digits() > i64::from(context.precision) {
            return Err(Signal::DivisionImpossible);
        }
        let (negative, rest) = if over { (!self.negative, b.minus(&rest)) } else { (self.negative, rest) };
        Self::finite(negative, rest, ideal).finished(context)
    }
}
