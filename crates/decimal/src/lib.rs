//! Decimal arithmetic as Python's `decimal` does it: the General Decimal Arithmetic specification
//! (<https://speleotrove.com/decimal/>), with the default traps of Python. Each number keeps its exponent and the sign of its
//! zero: `3.00` is not written as `3`.
//!
//! ```
//! use annex_decimal::{Context, Decimal};
//!
//! let context = Context::default();
//! let price: Decimal = "19.90".parse()?;
//! let total = price.times(&Decimal::from(3), context)?;
//! assert_eq!(total.to_string(), "59.70");
//! assert_eq!(total.divided(&Decimal::from(7), context)?.to_string(), "8.528571428571428571428571429");
//! # Ok::<(), annex_decimal::Signal>(())
//! ```

#![forbid(unsafe_code)]

mod arithmetic;
mod compare;
mod convert;
mod format;
mod functions;
mod hash;
mod natural;
mod neighbours;
mod read;
mod rounding;
mod written;

use std::fmt;

pub use format::{Align, Format};
pub use hash::{hash_of_float, hash_of_int};
use natural::Natural;

/// How the last digit that is kept is rounded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rounding {
    /// Towards infinity.
    Ceiling,
    /// Towards zero.
    Down,
    /// Towards negative infinity.
    Floor,
    /// To the nearest; halves towards zero.
    HalfDown,
    /// To the nearest; halves to the even neighbour.
    #[default]
    HalfEven,
    /// To the nearest; halves away from zero.
    HalfUp,
    /// Away from zero.
    Up,
    /// Towards zero, but away from it where the last digit would be 0 or 5.
    ZeroFiveUp,
}

impl Rounding {
    const NAMES: [(Self, &'static str); 8] = [
        (Self::Ceiling, "ROUND_CEILING"),
        (Self::Down, "ROUND_DOWN"),
        (Self::Floor, "ROUND_FLOOR"),
        (Self::HalfDown, "ROUND_HALF_DOWN"),
        (Self::HalfEven, "ROUND_HALF_EVEN"),
        (Self::HalfUp, "ROUND_HALF_UP"),
        (Self::Up, "ROUND_UP"),
        (Self::ZeroFiveUp, "ROUND_05UP"),
    ];

    /// By Python's name: `ROUND_HALF_UP`.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, own)| *own == name).map(|(rounding, _)| *rounding)
    }

    /// Python's name.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(own, _)| *own == self).map_or("", |(_, name)| name)
    }
}

/// How many digits a result has, and how it is rounded to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// Digits of a result, from 1.
    pub precision: u32,
    /// How a result with more digits is rounded.
    pub rounding: Rounding,
}

impl Default for Context {
    /// Python's: 28 digits, halves to even.
    fn default() -> Self {
        Self { precision: 28, rounding: Rounding::HalfEven }
    }
}

impl Context {
    /// The largest exponent of a result's first digit.
    pub(crate) const LARGEST: i64 = 999_999;

    /// The smallest exponent of a result's last digit.
    pub(crate) fn tiny(self) -> i64 {
        -Self::LARGEST - i64::from(self.precision) + 1
    }

    /// The largest exponent of the last digit of a result with all its digits.
    pub(crate) fn top(self) -> i64 {
        Self::LARGEST - i64::from(self.precision) + 1
    }

    pub(crate) fn of(precision: i64, rounding: Rounding) -> Self {
        Self { precision: u32::try_from(precision.max(1)).unwrap_or(u32::MAX), rounding }
    }
}

/// Why an operation has no result: what Python raises by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// A text that is no number.
    ConversionSyntax,
    /// A quotient with more digits than the precision.
    DivisionImpossible,
    /// 0 / 0.
    DivisionUndefined,
    /// A number other than zero that is divided by zero.
    DivisionByZero,
    /// The quotient and the rest of a division by zero: both are missing.
    DivisionByZeroAndInvalid,
    /// Any other operation without a result.
    InvalidOperation,
    /// A result beyond the largest exponent.
    Overflow,
    /// More digits than this library takes: Python would work on them for a long time.
    TooManyDigits,
}

impl Signal {
    /// Python's class of the exception: `InvalidOperation`, `DivisionByZero` or `Overflow`.
    pub fn class(self) -> &'static str {
        match self {
            Self::DivisionByZero => "DivisionByZero",
            Self::Overflow => "Overflow",
            _ => "InvalidOperation",
        }
    }
}

impl fmt::Display for Signal {
    /// The text of Python's exception.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ConversionSyntax => "[<class 'decimal.ConversionSyntax'>]",
            Self::DivisionImpossible => "[<class 'decimal.DivisionImpossible'>]",
            Self::DivisionUndefined => "[<class 'decimal.DivisionUndefined'>]",
            Self::DivisionByZero => "[<class 'decimal.DivisionByZero'>]",
            Self::DivisionByZeroAndInvalid => {
                "[<class 'decimal.InvalidOperation'>, <class 'decimal.DivisionByZero'>]"
            }
            Self::InvalidOperation => "[<class 'decimal.InvalidOperation'>]",
            Self::Overflow => "[<class 'decimal.Overflow'>]",
            Self::TooManyDigits => "a Decimal of more than 20,000 digits is not supported",
        })
    }
}

impl std::error::Error for Signal {}

/// The most digits of a number, and the most of a precision.
pub const MOST_DIGITS: u32 = 20_000;

pub(crate) type Done<T = Decimal> = Result<T, Signal>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Finite,
    Infinite,
    /// NaN that makes each result NaN.
    Quiet,
    /// NaN that no operation takes.
    Signaling,
}

/// A decimal number, infinity, or NaN.
#[derive(Debug, Clone)]
pub struct Decimal {
    negative: bool,
    class: Class,
    /// Of a NaN: its payload.
    coefficient: Natural,
    exponent: i64,
}

impl Decimal {
    fn finite(negative: bool, coefficient: Natural, exponent: i64) -> Self {
        Self { negative, class: Class::Finite, coefficient, exponent }
    }

    fn infinity(negative: bool) -> Self {
        Self { negative, class: Class::Infinite, coefficient: Natural::ZERO, exponent: 0 }
    }

    fn quiet() -> Self {
        Self { negative: false, class: Class::Quiet, coefficient: Natural::ZERO, exponent: 0 }
    }

    /// Whether it is NaN, of either kind.
    pub fn is_nan(&self) -> bool {
        matches!(self.class, Class::Quiet | Class::Signaling)
    }

    /// Whether it is a signaling NaN.
    pub fn is_signaling(&self) -> bool {
        self.class == Class::Signaling
    }

    /// Whether it is infinity, of either sign.
    pub fn is_infinite(&self) -> bool {
        self.class == Class::Infinite
    }

    /// Whether it is a number: neither infinity nor NaN.
    pub fn is_finite(&self) -> bool {
        self.class == Class::Finite
    }

    /// Whether it is zero, of either sign.
    pub fn is_zero(&self) -> bool {
        self.is_finite() && self.coefficient.is_zero()
    }

    /// Whether it has a minus sign; zero and NaN may have one.
    pub fn is_signed(&self) -> bool {
        self.negative
    }

    /// The exponent of its last digit; 0 of infinity and NaN.
    pub fn exponent(&self) -> i64 {
        self.exponent
    }

    /// The exponent of its first digit; 0 of infinity and NaN.
    pub fn adjusted(&self) -> i64 {
        if self.is_finite() { self.exponent + self.coefficient.digits() - 1 } else { 0 }
    }

    /// The digits of its coefficient, as text; of infinity `0`, of NaN its payload or nothing.
    pub fn digits(&self) -> String {
        if self.is_nan() && self.coefficient.is_zero() { String::new() } else { self.coefficient.to_string() }
    }

    /// How many digits it has.
    pub fn length(&self) -> i64 {
        self.coefficient.digits()
    }

    fn is_integer(&self) -> bool {
        self.is_finite()
            && (self.exponent >= 0 || {
                let (_, rest) = self.coefficient.cut(self.exponent.unsigned_abs().min(
                    // A number with fewer digits than that is a fraction, or zero.
                    self.coefficient.digits().unsigned_abs() + 1,
                ));
                rest.is_zero()
            })
    }

    fn is_odd_integer(&self) -> bool {
        self.is_integer()
            && self.exponent <= 0
            && self.coefficient.cut(self.exponent.unsigned_abs().min(100_000)).0.is_odd()
    }

    /// The same with a plus sign. Exact.
    #[must_use]
    pub fn copy_abs(&self) -> Self {
        Self { negative: false, ..self.clone() }
    }

    /// The same with the other sign. Exact.
    #[must_use]
    pub fn copy_negate(&self) -> Self {
        Self { negative: !self.negative, ..self.clone() }
    }

    /// The same with the sign of another. Exact.
    #[must_use]
    pub fn copy_sign(&self, other: &Self) -> Self {
        Self { negative: other.negative, ..self.clone() }
    }
}
