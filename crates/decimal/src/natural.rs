//! Coefficients: whole numbers that are not negative.

use std::cmp::Ordering;
use std::fmt;

use num_bigint::BigUint;

/// A whole number that is not negative. Those of up to 38 digits need no memory of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Natural {
    Small(u128),
    /// Larger than `u128::MAX`, always.
    Large(BigUint),
}

impl Natural {
    pub(crate) const ZERO: Self = Self::Small(0);
    pub(crate) const ONE: Self = Self::Small(1);

    pub(crate) fn from_big(big: BigUint) -> Self {
        u128::try_from(&big).map_or(Self::Large(big), Self::Small)
    }

    pub(crate) fn big(&self) -> BigUint {
        match self {
            Self::Small(small) => BigUint::from(*small),
            Self::Large(big) => big.clone(),
        }
    }

    pub(crate) fn is_zero(&self) -> bool {
        matches!(self, Self::Small(0))
    }

    /// Ten to a power.
    pub(crate) fn power_of_ten(exponent: u64) -> Self {
        match u32::try_from(exponent).ok().and_then(|small| 10_u128.checked_pow(small)) {
            Some(power) => Self::Small(power),
            None => Self::Large(BigUint::from(10_u8).pow(u32::try_from(exponent).unwrap_or(u32::MAX))),
        }
    }

    /// How many digits it has; zero has one.
    pub(crate) fn digits(&self) -> i64 {
        match self {
            Self::Small(0) => 1,
            Self::Small(small) => i64::from(small.ilog10()) + 1,
            Self::Large(big) => {
                // 2^bits has at least so many digits, and at most one more.
                let bits = big.bits() - 1;
                let least = u64::try_from(u128::from(bits) * 30_103 / 100_000).unwrap_or(u64::MAX);
                let mut digits = least.max(1);
                let mut power = BigUint::from(10_u8).pow(u32::try_from(digits).unwrap_or(u32::MAX));
                while power <= *big {
                    power *= 10_u8;
                    digits += 1;
                }
                i64::try_from(digits).unwrap_or(i64::MAX)
            }
        }
    }

    pub(crate) fn is_odd(&self) -> bool {
        match self {
            Self::Small(small) => small % 2 == 1,
            Self::Large(big) => big.bit(0),
        }
    }

    pub(crate) fn plus(&self, other: &Self) -> Self {
        if let (Self::Small(a), Self::Small(b)) = (self, other)
            && let Some(sum) = a.checked_add(*b)
        {
            return Self::Small(sum);
        }
        Self::from_big(self.big() + other.big())
    }

    /// The difference of two of which the first is not the smaller.
    pub(crate) fn minus(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Small(a), Self::Small(b)) => Self::Small(a.saturating_sub(*b)),
            _ => Self::from_big(self.big() - other.big()),
        }
    }

    pub(crate) fn times(&self, other: &Self) -> Self {
        if let (Self::Small(a), Self::Small(b)) = (self, other)
            && let Some(product) = a.checked_mul(*b)
        {
            return Self::Small(product);
        }
        Self::from_big(self.big() * other.big())
    }

    /// Quotient and remainder; the divisor is not zero.
    pub(crate) fn divided(&self, by: &Self) -> (Self, Self) {
        if let (Self::Small(a), Self::Small(b)) = (self, by) {
            return (Self::Small(a / b), Self::Small(a % b));
        }
        let (a, b) = (self.big(), by.big());
        let quotient = &a / &b;
        let rest = a - &quotient * b;
        (Self::from_big(quotient), Self::from_big(rest))
    }

    /// With so many zeros behind it.
    pub(crate) fn raised(&self, zeros: u64) -> Self {
        if zeros == 0 || self.is_zero() { self.clone() } else { self.times(&Self::power_of_ten(zeros)) }
    }

    /// Without its last digits, and those digits.
    pub(crate) fn cut(&self, digits: u64) -> (Self, Self) {
        self.divided(&Self::power_of_ten(digits))
    }

    /// The largest whole number whose square is not larger.
    pub(crate) fn square_root(&self) -> Self {
        match self {
            Self::Small(small) => Self::Small(small.isqrt()),
            Self::Large(big) => Self::from_big(big.sqrt()),
        }
    }

    pub(crate) fn to_u128(&self) -> Option<u128> {
        match self {
            Self::Small(small) => Some(*small),
            Self::Large(_) => None,
        }
    }

    /// Reads ASCII digits, nothing else.
    pub(crate) fn parse(digits: &str) -> Option<Self> {
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        match digits.parse() {
            Ok(small) => Some(Self::Small(small)),
            Err(_) => BigUint::parse_bytes(digits.as_bytes(), 10).map(Self::from_big),
        }
    }
}

impl PartialOrd for Natural {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Natural {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Small(a), Self::Small(b)) => a.cmp(b),
            (Self::Small(_), Self::Large(_)) => Ordering::Less,
            (Self::Large(_), Self::Small(_)) => Ordering::Greater,
            (Self::Large(a), Self::Large(b)) => a.cmp(b),
        }
    }
}

impl fmt::Display for Natural {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Small(small) => small.fmt(f),
            Self::Large(big) => big.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_counted_exactly_at_each_power_of_ten() {
        for exponent in 0..400 {
            let power = Natural::power_of_ten(exponent);
            let digits = i64::try_from(exponent).unwrap() + 1;
            assert_eq!(power.digits(), digits, "10^{exponent}");
            if exponent > 0 {
                assert_eq!(power.minus(&Natural::ONE).digits(), digits - 1, "10^{exponent} - 1");
            }
        }
    }

    #[test]
    fn small_and_large_numbers_meet() {
        let max = Natural::Small(u128::MAX);
        let more = max.plus(&Natural::ONE);
        assert!(matches!(more, Natural::Large(_)));
        assert_eq!(more.minus(&Natural::ONE), max);
        assert!(more > max);
        let (quotient, rest) = more.times(&max).divided(&max);
        assert_eq!((quotient, rest), (more, Natural::ZERO));
    }
}
