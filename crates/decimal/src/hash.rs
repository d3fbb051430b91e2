//! Hashes of numbers, as Python has them: what is equal hashes alike, whatever its type.
//!
//! A number is reduced modulo the prime 2^61 - 1: <https://docs.python.org/3/library/stdtypes.html#hashing-of-numeric-types>.

use crate::{Class, Decimal};

const PRIME: u64 = (1 << 61) - 1;
const INFINITY: i64 = 314_159;

/// `hash(int)`.
pub fn hash_of_int(int: i128) -> i64 {
    signed(int < 0, u64::try_from(int.unsigned_abs() % u128::from(PRIME)).unwrap_or(0))
}

/// `hash(float)`. Of NaN, which equals nothing, it is 0.
pub fn hash_of_float(float: f64) -> i64 {
    if float.is_nan() {
        return 0;
    }
    if float.is_infinite() {
        return if float > 0.0 { INFINITY } else { -INFINITY };
    }
    let bits = float.to_bits();
    let raised = (bits >> 52) & 0x7ff;
    let fraction = bits & ((1 << 52) - 1);
    let (mantissa, raised) = if raised == 0 { (fraction, 1) } else { (fraction | (1 << 52), raised) };
    // 2^61 is 1 here: a power of two turns the bits. The float is mantissa × 2^(raised - 1075), and 1098 is 18 × 61.
    let turn = (raised + 1098 - 1075) % 61;
    let turned = ((mantissa << turn) & PRIME)
        | (mantissa.checked_shr(u32::try_from(61 - turn).unwrap_or(0))).unwrap_or(0);
    signed(float < 0.0, turned % PRIME)
}

impl Decimal {
    /// `hash(number)`; `None` of a signaling NaN, which has none. Of another NaN it is 0.
    pub fn hash_value(&self) -> Option<i64> {
        match self.class {
            Class::Signaling => return None,
            Class::Quiet => return Some(0),
            Class::Infinite => return Some(if self.negative { -INFINITY } else { INFINITY }),
            Class::Finite => {}
        }
        let coefficient = match self.coefficient.to_u128() {
            Some(small) => u64::try_from(small % u128::from(PRIME)).unwrap_or(0),
            None => u64::try_from(self.coefficient.big() % PRIME).unwrap_or(0),
        };
        // The inverse of ten is ten to the power of the prime less two.
        let base = if self.exponent >= 0 { 10 } else { power(10, PRIME - 2) };
        Some(signed(self.negative, times(coefficient, power(base, self.exponent.unsigned_abs()))))
    }
}

fn signed(negative: bool, hash: u64) -> i64 {
    let hash = i64::try_from(hash).unwrap_or(0);
    match (negative, hash) {
        // -1 says in CPython that there was an error.
        (true, 1) => -2,
        (true, _) => -hash,
        (false, _) => hash,
    }
}

fn times(a: u64, b: u64) -> u64 {
    u64::try_from(u128::from(a) * u128::from(b) % u128::from(PRIME)).unwrap_or(0)
}

fn power(base: u64, mut exponent: u64) -> u64 {
    let (mut result, mut square) = (1, base);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = times(result, square);
        }
        square = times(square, square);
        exponent >>= 1;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_equal_hashes_alike() {
        for (text, int) in [
            ("1E+2", 100),
            ("-1", -1),
            ("0.0", 0),
            ("2305843009213693951", (1 << 61) - 1),
            ("1e30", 10_i128.pow(30)),
        ] {
            let decimal: Decimal = text.parse().expect("a number");
            assert_eq!(decimal.hash_value(), Some(hash_of_int(int)), "{text}");
        }
        for float in [0.5, -7.25, 1e300, 5e-324, 0.1, 1e16, -0.0, 123.0, -1.0] {
            assert_eq!(Decimal::from(float).hash_value(), Some(hash_of_float(float)), "{float}");
        }
    }

    /// What CPython 3.12 says.
    #[test]
    fn hashes_are_those_of_python() {
        assert_eq!(hash_of_float(0.1), 230_584_300_921_369_408);
        assert_eq!(hash_of_float(-7.25), -576_460_752_303_423_495);
        assert_eq!(hash_of_float(1e300), 1_224_995_262_755_759_164);
        assert_eq!(
            "0.1".parse().ok().and_then(|number: Decimal| number.hash_value()),
            Some(2_075_258_708_292_324_556)
        );
    }
}
