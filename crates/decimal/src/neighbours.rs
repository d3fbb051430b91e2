//! The next number above and below, and what kind of number one is.

use crate::natural::Natural;
use crate::{Class, Context, Decimal, Done, Rounding};

impl Decimal {
    /// `next_plus`: the smallest number of the context that is larger.
    ///
    /// # Errors
    /// Of a signaling NaN.
    pub fn next_above(&self, context: Context) -> Done {
        self.next(context, false)
    }

    /// `next_minus`: the largest number of the context that is smaller.
    ///
    /// # Errors
    /// Of a signaling NaN.
    pub fn next_below(&self, context: Context) -> Done {
        self.next(context, true)
    }

    fn next(&self, context: Context, below: bool) -> Done {
        if let Some(nan) = Self::nan_of(&[self]) {
            return nan;
        }
        let largest = |negative: bool| {
            let nines = Natural::power_of_ten(u64::from(context.precision)).minus(&Natural::ONE);
            Self::finite(negative, nines, context.top())
        };
        if self.is_infinite() {
            return Ok(if self.negative == below { self.clone() } else { largest(self.negative) });
        }
        let rounding = if below { Rounding::Floor } else { Rounding::Ceiling };
        let towards = Context::of(i64::from(context.precision), rounding);
        let Ok(rounded) = self.clone().finished(towards) else {
            return Ok(if self.negative == below { Self::infinity(below) } else { largest(self.negative) });
        };
        if rounded != *self {
            return Ok(rounded);
        }
        let step = Self::finite(below, Natural::ONE, context.tiny() - 1);
        match self.plus(&step, towards) {
            Ok(next) => Ok(next),
            Err(_) => Ok(Self::infinity(below)),
        }
    }

    /// `number_class`: `+Normal`, `-Zero`, `NaN`.
    pub fn class_name(&self) -> &'static str {
        let (positive, negative) = match self.class {
            Class::Quiet => return "NaN",
            Class::Signaling => return "sNaN",
            Class::Infinite => ("+Infinity", "-Infinity"),
            Class::Finite if self.coefficient.is_zero() => ("+Zero", "-Zero"),
            Class::Finite if self.is_subnormal() => ("+Subnormal", "-Subnormal"),
            Class::Finite => ("+Normal", "-Normal"),
        };
        if self.negative { negative } else { positive }
    }

    /// Whether it is below the smallest number with all its digits.
    pub fn is_subnormal(&self) -> bool {
        self.is_finite() && !self.is_zero() && self.adjusted() < -Context::LARGEST
    }
}
