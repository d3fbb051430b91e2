//! Exceptions: Python's kinds with their order, and what ends an evaluation without being one.

use std::fmt::Write as _;

use crate::rossum::escape_html;

use super::field::{TOO_LARGE, TooLarge};
use super::value::Value;

macro_rules! kinds {
    ($($kind:ident < $parent:ident),* $(,)?) => {
        /// A class of exceptions.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Kind { BaseException, $($kind),* }

        impl Kind {
            pub(crate) const ALL: &'static [Self] = &[Self::BaseException, $(Self::$kind),*];

            pub(crate) fn name(self) -> &'static str {
                #[expect(unreachable_patterns, reason = "`re.error` is named otherwise")]
                match self { Self::PatternError => "error", Self::BaseException => "BaseException", $(Self::$kind => stringify!($kind)),* }
            }

            fn parent(self) -> Option<Self> {
                match self { Self::BaseException => None, $(Self::$kind => Some(Self::$parent)),* }
            }
        }
    };
}

kinds! {
    Exception < BaseException, ArithmeticError < Exception, ZeroDivisionError < ArithmeticError,
    OverflowError < ArithmeticError, AssertionError < Exception, AttributeError < Exception, LookupError < Exception,
    IndexError < LookupError, KeyError < LookupError, NameError < Exception, UnboundLocalError < NameError,
    RuntimeError < Exception, RecursionError < RuntimeError, NotImplementedError < RuntimeError,
    StopIteration < Exception, TypeError < Exception, ValueError < Exception, UnicodeError < ValueError,
    JSONDecodeError < ValueError, PatternError < Exception, DecimalException < ArithmeticError,
    InvalidOperation < DecimalException, DivisionByZero < ZeroDivisionError, Overflow < DecimalException, SyntaxError < Exception,
    MemoryError < Exception, OSError < Exception, PayloadError < Exception,
    Skipped < Exception,
}

impl Kind {
    pub(crate) fn is(self, other: Self) -> bool {
        // The one kind with two parents.
        let second = self == Self::DivisionByZero && other == Self::DecimalException;
        second || std::iter::successors(Some(self), |kind| kind.parent()).any(|kind| kind == other)
    }
}

pub(crate) struct Exception<'h> {
    pub(crate) kind: Kind,
    pub(crate) args: &'h [Value<'h>],
}

/// An exception on its way up, with the lines that it came through.
pub(crate) struct Raised<'h> {
    pub(crate) exception: &'h Exception<'h>,
    /// In the function it is in: 0 until the expression that failed is known.
    pub(crate) line: u32,
    /// Functions that it has left, innermost first.
    pub(crate) frames: Vec<(u32, &'h str)>,
}

/// Why an evaluation, or a part of it, has no value.
pub(crate) enum Stop<'h> {
    Raised(Box<Raised<'h>>),
    /// Not an exception: nothing catches it.
    Limit(&'static str),
}

impl From<TooLarge> for Stop<'_> {
    fn from(_: TooLarge) -> Self {
        Self::Limit(TOO_LARGE)
    }
}

pub(crate) type Eval<'h, T = Value<'h>> = Result<T, Stop<'h>>;

/// Why a script has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// As Python says it: `TypeError: unsupported operand type(s) for +: 'NoneType' and 'int'`.
    pub text: String,
    /// Outermost first; the last is where it happened.
    pub traceback: Vec<Line>,
    /// Whether a limit ended it: it is not the document's data that is wrong.
    pub is_limit: bool,
}

impl Failure {
    /// The message that Rossum's own evaluation shows: HTML, with the traceback.
    pub fn to_html(&self) -> String {
        if self.is_limit || self.traceback.is_empty() {
            return escape_html(&self.text).into_owned();
        }
        let mut text = format!("{}\n\nTraceback (most recent call last):", self.text);
        for line in &self.traceback {
            let place = line.place.as_ref().map(|place| format!(", in {place}")).unwrap_or_default();
            let _ = write!(text, "\n  at line {}{place}:\n    {}", line.number, line.code);
        }
        let html = escape_html(&text).replace("&#39;", "&#x27;");
        html.replace('\n', "<br>").replace("  ", "&nbsp;&nbsp;")
    }

    /// The line where it happened, from 1.
    pub fn line(&self) -> u32 {
        self.traceback.last().map_or(1, |line| line.number)
    }
}

/// A line of a traceback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub number: u32,
    /// The function, or `<formula:…>` outside of functions; `None` where only the result could not be used.
    pub place: Option<String>,
    pub code: String,
}
