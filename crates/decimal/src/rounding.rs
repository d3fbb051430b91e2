//! Rounding: to a precision, to an exponent, to whole numbers.

use std::cmp::Ordering;

use crate::natural::Natural;
use crate::{Class, Context, Decimal, Done, Rounding, Signal};

impl Rounding {
    /// Whether what is kept grows by one, where `rest` of `unit` is cut off.
    fn grows(self, negative: bool, kept: &Natural, rest: &Natural, unit: &Natural) -> bool {
        if rest.is_zero() {
            return false;
        }
        let half = || rest.plus(rest).cmp(unit);
        match self {
            Self::Down => false,
            Self::Up => true,
            Self::Ceiling => !negative,
            Self::Floor => negative,
            Self::HalfUp => half() != Ordering::Less,
            Self::HalfDown => half() == Ordering::Greater,
            Self::HalfEven => match half() {
                Ordering::Less => false,
                Ordering::Equal => kept.is_odd(),
                Ordering::Greater => true,
            },
            Self::ZeroFiveUp => {
                let (_, last) = kept.cut(1);
                last.is_zero() || last == Natural::Small(5)
            }
        }
    }
}

impl Decimal {
    /// With another exponent: zeros are added, or digits rounded away. Of finite numbers.
    pub(crate) fn rescaled(&self, exponent: i64, rounding: Rounding) -> Self {
        if !self.is_finite() {
            return self.clone();
        }
        if self.coefficient.is_zero() {
            return Self::finite(self.negative, Natural::ZERO, exponent);
        }
        if self.exponent >= exponent {
            let zeros = (self.exponent - exponent).unsigned_abs();
            return Self::finite(self.negative, self.coefficient.raised(zeros), exponent);
        }
        let digits = exponent - self.exponent;
        let length = self.coefficient.digits();
        let (kept, rest, unit) = if digits > length {
            // Less than a tenth of a unit, whatever it is.
            (Natural::ZERO, Natural::ONE, Natural::Small(10))
        } else {
            let unit = Natural::power_of_ten(digits.unsigned_abs());
            let (kept, rest) = self.coefficient.divided(&unit);
            (kept, rest, unit)
        };
        let grows = rounding.grows(self.negative, &kept, &rest, &unit);
        let kept = if grows { kept.plus(&Natural::ONE) } else { kept };
        Self::finite(self.negative, kept, exponent)
    }

    /// Rounded to so many digits, from 1.
    pub(crate) fn rounded_to(&self, digits: i64, rounding: Rounding) -> Self {
        if !self.is_finite() || self.coefficient.is_zero() || self.length() <= digits {
            return self.clone();
        }
        let rounded = self.rescaled(self.adjusted() + 1 - digits, rounding);
        // 9.99 became 10.0.
        if rounded.length() > digits {
            return rounded.rescaled(rounded.exponent + 1, rounding);
        }
        rounded
    }

    /// As a result of the context: no more digits than its precision, no exponent beyond its limits.
    pub(crate) fn finished(self, context: Context) -> Done {
        match self.class {
            Class::Signaling => return Err(Signal::InvalidOperation),
            Class::Quiet | Class::Infinite => return Ok(self),
            Class::Finite => {}
        }
        if self.coefficient.is_zero() {
            let exponent = self.exponent.clamp(context.tiny(), Context::LARGEST);
            return Ok(Self { exponent, ..self });
        }
        let least = self.length() + self.exponent - i64::from(context.precision);
        if least > context.top() {
            return Err(Signal::Overflow);
        }
        let least = least.max(context.tiny());
        if self.exponent >= least {
            return Ok(self);
        }
        let mut rounded = self.rescaled(least, context.rounding);
        if rounded.length() > i64::from(context.precision) {
            rounded = rounded.rescaled(least + 1, context.rounding);
        }
        if rounded.exponent > context.top() {
            return Err(Signal::Overflow);
        }
        Ok(rounded)
    }

    /// A NaN among the operands is the result; a signaling one is an error.
    pub(crate) fn nan_of(operands: &[&Self]) -> Option<Done> {
        let signaling = operands.iter().any(|one| one.is_signaling());
        let quiet = || operands.iter().find(|one| one.class == Class::Quiet);
        if signaling { Some(Err(Signal::InvalidOperation)) } else { quiet().map(|nan| Ok((*nan).clone())) }
    }

    /// With the exponent of another number: `quantize`.
    ///
    /// # Errors
    /// Where that needs more digits than the precision.
    pub fn quantized(&self, unit: &Self, rounding: Rounding, context: Context) -> Done {
        if let Some(nan) = Self::nan_of(&[self, unit]) {
            return nan;
        }
        if self.is_infinite() || unit.is_infinite() {
            let both = self.is_infinite() && unit.is_infinite();
            return if both { Ok(self.clone()) } else { Err(Signal::InvalidOperation) };
        }
        let exponent = unit.exponent;
        let precision = i64::from(context.precision);
        if !(context.tiny()..=Context::LARGEST).contains(&exponent) {
            return Err(Signal::InvalidOperation);
        }
        if self.coefficient.is_zero() {
            return Self::finite(self.negative, Natural::ZERO, exponent).finished(context);
        }
        if self.adjusted() > Context::LARGEST || self.adjusted() - exponent + 1 > precision {
            return Err(Signal::InvalidOperation);
        }
        let result = self.rescaled(exponent, rounding);
        if result.adjusted() > Context::LARGEST || result.length() > precision {
            return Err(Signal::InvalidOperation);
        }
        result.finished(context)
    }

    /// As a whole number, where it has a fraction: `to_integral_value`.
    ///
    /// # Errors
    /// Of a signaling NaN.
    pub fn to_integral(&self, rounding: Rounding) -> Done {
        if let Some(nan) = Self::nan_of(&[self]) {
            return nan;
        }
        if self.is_infinite() || self.exponent >= 0 {
            return Ok(self.clone());
        }
        Ok(self.rescaled(0, rounding))
    }

    /// `round(number, places)`.
    ///
    /// # Errors
    /// Where that needs more digits than the precision.
    pub fn rounded(&self, places: i64, context: Context) -> Done {
        let unit = Self::finite(false, Natural::ONE, places.saturating_neg());
        self.quantized(&unit, context.rounding, context)
    }

    /// Without zeros at its end: `normalize`.
    ///
    /// # Errors
    /// Of a signaling NaN, and of a number beyond the context's limits.
    pub fn normalized(&self, context: Context) -> Done {
        if let Some(nan) = Self::nan_of(&[self]) {
            return nan;
        }
        let result = self.clone().finished(context)?;
        if !result.is_finite() {
            return Ok(result);
        }
        if result.coefficient.is_zero() {
            return Ok(Self::finite(result.negative, Natural::ZERO, 0));
        }
        Ok(result.without_zeros(Context::LARGEST))
    }

    /// Without zeros at its end, as long as the exponent is below a limit.
    pub(crate) fn without_zeros(mut self, limit: i64) -> Self {
        while self.exponent < limit {
            let (kept, last) = self.coefficient.cut(1);
            if !last.is_zero() || kept.is_zero() {
                break;
            }
            self.coefficient = kept;
            self.exponent += 1;
        }
        self
    }
}
