//! From and to the other kinds of numbers.

use num_bigint::BigUint;

use crate::natural::Natural;
use crate::{Class, Context, Decimal, Done, Signal};

impl From<i128> for Decimal {
    fn from(int: i128) -> Self {
        Self::finite(int < 0, Natural::Small(int.unsigned_abs()), 0)
    }
}

impl From<i64> for Decimal {
    fn from(int: i64) -> Self {
        Self::from(i128::from(int))
    }
}

impl From<i32> for Decimal {
    fn from(int: i32) -> Self {
        Self::from(i128::from(int))
    }
}

impl From<f64> for Decimal {
    /// The float's exact value: `0.1` has 55 digits.
    fn from(float: f64) -> Self {
        let negative = float.is_sign_negative();
        if float.is_nan() {
            return Self::quiet();
        }
        if float.is_infinite() {
            return Self::infinity(negative);
        }
        let bits = float.to_bits();
        let raised = i64::try_from((bits >> 52) & 0x7ff).unwrap_or(0);
        let fraction = bits & ((1 << 52) - 1);
        let (mantissa, power) =
            if raised == 0 { (fraction, -1074) } else { (fraction | (1 << 52), raised - 1075) };
        if mantissa == 0 {
            return Self::finite(negative, Natural::ZERO, 0);
        }
        // Odd: what is left of the power of two is needed.
        let twos = i64::from(mantissa.trailing_zeros());
        let (mantissa, power) = (mantissa >> twos, power + twos);
        let exponent = u32::try_from(power.unsigned_abs()).unwrap_or(0);
        if power >= 0 {
            let whole = BigUint::from(mantissa) << exponent;
            return Self::finite(negative, Natural::from_big(whole), 0);
        }
        let digits = BigUint::from(mantissa) * BigUint::from(5_u8).pow(exponent);
        Self::finite(negative, Natural::from_big(digits), power)
    }
}

impl Decimal {
    /// The nearest float.
    pub fn to_f64(&self) -> f64 {
        let float = match self.class {
            Class::Quiet | Class::Signaling => f64::NAN,
            Class::Infinite => f64::INFINITY,
            Class::Finite => self.magnitude_as_float(),
        };
        if self.negative { -float } else { float }
    }

    #[expect(clippy::cast_precision_loss, reason = "of less than 2^53: exact")]
    fn magnitude_as_float(&self) -> f64 {
        const EXACT: [f64; 23] = [
            1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
            1e18, 1e19, 1e20, 1e21, 1e22,
        ];
        // Both are exact, and the quotient is rounded once.
        if let Some(small) = self.coefficient.to_u128().filter(|small| *small < 1 << 53)
            && let Some(power) =
                usize::try_from(self.exponent.unsigned_abs()).ok().and_then(|at| EXACT.get(at))
        {
            return if self.exponent < 0 { small as f64 / power } else { small as f64 * power };
        }
        format!("{}e{}", self.coefficient, self.exponent).parse().unwrap_or(f64::NAN)
    }

    /// The integer, where it has no fraction and fits.
    pub fn to_i128(&self) -> Option<i128> {
        if !self.is_integer() || self.adjusted() > 38 {
            return None;
        }
        self.truncated()
    }

    /// The integer without its fraction, where it is finite and fits.
    pub fn truncated(&self) -> Option<i128> {
        if !self.is_finite() {
            return None;
        }
        let small = if self.coefficient.is_zero() {
            0
        } else if self.adjusted() > 38 {
            return None;
        } else if self.exponent >= 0 {
            self.coefficient.raised(self.exponent.unsigned_abs()).to_u128()?
        } else if self.adjusted() < 0 {
            0
        } else {
            self.coefficient.cut(self.exponent.unsigned_abs()).0.to_u128()?
        };
        if self.negative { 0_i128.checked_sub_unsigned(small) } else { i128::try_from(small).ok() }
    }

    /// The parts of a finite number, for storage: sign, coefficient in little-endian words of 32 bits, exponent.
    pub fn large_coefficient(&self) -> Option<Vec<u32>> {
        match &self.coefficient {
            Natural::Small(_) => None,
            Natural::Large(big) => Some(big.to_u32_digits()),
        }
    }

    /// The coefficient, where it has no more than 38 digits.
    pub fn small_coefficient(&self) -> Option<u128> {
        self.coefficient.to_u128()
    }

    /// The number with another coefficient, in little-endian words of 32 bits.
    #[must_use]
    pub fn with_coefficient(&self, words: &[u32]) -> Self {
        Self { coefficient: Natural::from_big(BigUint::from_slice(words)), ..self.clone() }
    }

    /// The number with the coefficient zero: what is left of it where the coefficient is kept elsewhere.
    #[must_use]
    pub fn without_coefficient(&self) -> Self {
        Self { coefficient: Natural::ZERO, ..*self }
    }

    /// Numerator and denominator in lowest terms, as decimal texts: `as_integer_ratio`.
    ///
    /// # Errors
    /// Of infinity and NaN, and where the number has more digits than this library takes.
    pub fn ratio(&self) -> Done<(String, String)> {
        if !self.is_finite() {
            return Err(Signal::InvalidOperation);
        }
        if self.coefficient.is_zero() {
            return Ok(("0".to_owned(), "1".to_owned()));
        }
        if self.exponent.unsigned_abs() > u64::from(crate::MOST_DIGITS) {
            return Err(Signal::TooManyDigits);
        }
        let mut numerator = self.coefficient.clone();
        let mut denominator = Natural::ONE;
        if self.exponent >= 0 {
            numerator = numerator.raised(self.exponent.unsigned_abs());
        } else {
            denominator = Natural::power_of_ten(self.exponent.unsigned_abs());
            for prime in [Natural::Small(2), Natural::Small(5)] {
                loop {
                    let ((a, a_rest), (b, b_rest)) = (numerator.divided(&prime), denominator.divided(&prime));
                    if !a_rest.is_zero() || !b_rest.is_zero() {
                        break;
                    }
                    (numerator, denominator) = (a, b);
                }
            }
        }
        let sign = if self.negative { "-" } else { "" };
        Ok((format!("{sign}{numerator}"), denominator.to_string()))
    }

    /// From a sign, digits and an exponent: `Decimal((0, (1, 2), -1))`.
    ///
    /// # Errors
    /// Where there are more digits than this library takes.
    pub fn from_parts(negative: bool, digits: &str, exponent: i64) -> Done {
        let significant = digits.trim_start_matches('0');
        if significant.len() > crate::MOST_DIGITS as usize {
            return Err(Signal::TooManyDigits);
        }
        let coefficient = Natural::parse(if significant.is_empty() { "0" } else { significant });
        Ok(Self::finite(negative, coefficient.ok_or(Signal::ConversionSyntax)?, exponent))
    }

    /// Ten to a power, moved: `scaleb`.
    ///
    /// # Errors
    /// Where the power is no whole number, or beyond the context's limits.
    pub fn scaled(&self, by: &Self, context: Context) -> Done {
        if let Some(nan) = Self::nan_of(&[self, by]) {
            return nan;
        }
        let limit = 2 * (Context::LARGEST + i64::from(context.precision));
        let power = by.to_i128().filter(|_| by.exponent == 0).and_then(|power| i64::try_from(power).ok());
        let power = power.filter(|power| power.abs() <= limit).ok_or(Signal::InvalidOperation)?;
        if self.is_infinite() {
            return Ok(self.clone());
        }
        Self { exponent: self.exponent + power, ..self.clone() }.finished(context)
    }
}

/// The value of a decimal digit of any script, as an ASCII digit.
pub(crate) fn digit(c: char) -> Option<u8> {
    /// The zeros of the scripts whose digits follow each other.
    const ZEROS: &[u32] = &[
        0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6,
        0xe50, 0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0,
        0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10,
    ];
    let code = u32::from(c);
    let zero = ZEROS.iter().rev().find(|zero| **zero <= code)?;
    u8::try_from(code - zero).ok().filter(|digit| *digit < 10).map(|digit| b'0' + digit)
}
