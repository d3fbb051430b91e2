//! Order and equality: with decimals, with floats, with integers; exact, whatever their sizes.

use std::cmp::Ordering;

use crate::natural::Natural;
use crate::{Class, Context, Decimal, Done};

impl Decimal {
    /// The order of two numbers; `None` where one of them is NaN. `1.0` and `1` are equal.
    pub fn order(&self, other: &Self) -> Option<Ordering> {
        if self.is_nan() || other.is_nan() {
            return None;
        }
        let side = |number: &Self| match (number.is_zero(), number.negative) {
            (true, _) => 0,
            (false, false) => 1,
            (false, true) => -1,
        };
        let sides = side(self).cmp(&side(other));
        if sides != Ordering::Equal || self.is_zero() {
            return Some(sides);
        }
        let magnitude = match (self.is_infinite(), other.is_infinite()) {
            (false, false) => self.magnitude(other),
            (a, b) => a.cmp(&b),
        };
        Some(if self.negative { magnitude.reverse() } else { magnitude })
    }

    /// The order of two finite numbers that are not zero, without their signs.
    fn magnitude(&self, other: &Self) -> Ordering {
        self.adjusted().cmp(&other.adjusted()).then_with(|| {
            // As many digits in front: what is missing at the end are zeros.
            let shift = (self.exponent - other.exponent).unsigned_abs();
            if self.exponent >= other.exponent {
                self.coefficient.raised(shift).cmp(&other.coefficient)
            } else {
                self.coefficient.cmp(&other.coefficient.raised(shift))
            }
        })
    }

    /// The order of a number and a float; `None` where one of them is NaN.
    pub fn order_of_float(&self, float: f64) -> Option<Ordering> {
        if float.is_nan() || self.is_nan() {
            return None;
        }
        // The nearest floats of two numbers are never in the other order.
        let near = self.to_f64().partial_cmp(&float)?;
        if near != Ordering::Equal || float.is_infinite() && self.is_infinite() {
            return Some(near);
        }
        self.order(&Self::from(float))
    }

    /// `compare`: -1, 0 or 1; NaN where one of them is NaN.
    ///
    /// # Errors
    /// Of a signaling NaN.
    pub fn compared(&self, other: &Self) -> Done {
        if let Some(nan) = Self::nan_of(&[self, other]) {
            return nan;
        }
        Ok(self.order(other).map_or(Self::from(0), |order| Self::from(order as i64)))
    }

    /// `compare_total`: an order of all representations, `1.0` before `1`.
    pub fn total_order(&self, other: &Self) -> Ordering {
        if self.negative != other.negative {
            return other.negative.cmp(&self.negative);
        }
        let class = |number: &Self| match number.class {
            Class::Finite | Class::Infinite => 0,
            Class::Signaling => 1,
            Class::Quiet => 2,
        };
        let order = match (class(self), class(other)) {
            (0, 0) => {
                let mut order = self.copy_abs().order(&other.copy_abs()).unwrap_or(Ordering::Equal);
                if order == Ordering::Equal {
                    order = self.exponent.cmp(&other.exponent);
                }
                order
            }
            (a, b) => a.cmp(&b).then_with(|| self.coefficient.cmp(&other.coefficient)),
        };
        if self.negative { order.reverse() } else { order }
    }

    /// `max`, as the specification has it: a quiet NaN gives way to a number.
    ///
    /// # Errors
    /// Of a signaling NaN, and of a number beyond the context's limits.
    pub fn larger(&self, other: &Self, context: Context) -> Done {
        self.chosen(other, context, Ordering::Greater, Self::order)
    }

    /// `min`: see [`Decimal::larger`].
    ///
    /// # Errors
    /// Of a signaling NaN, and of a number beyond the context's limits.
    pub fn smaller(&self, other: &Self, context: Context) -> Done {
        self.chosen(other, context, Ordering::Less, Self::order)
    }

    /// `max_mag`: the larger without signs.
    ///
    /// # Errors
    /// Of a signaling NaN, and of a number beyond the context's limits.
    pub fn larger_magnitude(&self, other: &Self, context: Context) -> Done {
        self.chosen(other, context, Ordering::Greater, |a, b| a.copy_abs().order(&b.copy_abs()))
    }

    /// `min_mag`: the smaller without signs.
    ///
    /// # Errors
    /// Of a signaling NaN, and of a number beyond the context's limits.
    pub fn smaller_magnitude(&self, other: &Self, context: Context) -> Done {
        self.chosen(other, context, Ordering::Less, |a, b| a.copy_abs().order(&b.copy_abs()))
    }

    fn chosen(
        &self,
        other: &Self,
        context: Context,
        wanted: Ordering,
        order: impl Fn(&Self, &Self) -> Option<Ordering>,
    ) -> Done {
        match (self.class, other.class) {
            (Class::Quiet, Class::Finite | Class::Infinite) => return other.clone().finished(context),
            (Class::Finite | Class::Infinite, Class::Quiet) => return self.clone().finished(context),
            _ => {}
        }
        if let Some(nan) = Self::nan_of(&[self, other]) {
            return nan;
        }
        let mut found = order(self, other).unwrap_or(Ordering::Equal);
        if found == Ordering::Equal {
            found = self.total_order(other);
        }
        let chosen = if found == wanted || found == Ordering::Equal { self } else { other };
        chosen.clone().finished(context)
    }
}

impl PartialEq for Decimal {
    /// Of numbers: `1.0` equals `1`. NaN equals nothing.
    fn eq(&self, other: &Self) -> bool {
        self.order(other) == Some(Ordering::Equal)
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.order(other)
    }
}

impl Decimal {
    /// Whether the exponents are the same, or both are infinite, or both NaN: `same_quantum`.
    pub fn has_quantum_of(&self, other: &Self) -> bool {
        match (self.is_finite(), other.is_finite()) {
            (true, true) => self.exponent == other.exponent,
            (false, false) => self.is_nan() == other.is_nan(),
            _ => false,
        }
    }

    pub(crate) fn is_one(&self) -> bool {
        self.order(&Self::finite(false, Natural::ONE, 0)) == Some(Ordering::Equal)
    }
}
