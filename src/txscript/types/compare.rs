//! Equality and order.

use std::cmp::Ordering;

use super::super::code::CompareOp;
use super::super::exception::{Eval, Kind, Stop};
use super::super::machine::Machine;
use super::super::machine::limits::STEPS;
use super::super::value::Value;
use super::dict::Dict;

/// How deep values may be nested to be compared, hashed or shown.
pub(crate) const NESTING: u32 = 100;
/// How many parts of two values one comparison may look at: a tenth of a second.
const LARGEST: u64 = 10_000_000;

/// `a == b`, for everything but columns. `work` is what it may look at: shared parts make values that are larger than
/// the memory they take.
pub(crate) fn equal<'h>(a: Value<'h>, b: Value<'h>, work: &mut u64) -> bool {
    equal_within(a, b, NESTING, work)
}

fn equal_within<'h>(a: Value<'h>, b: Value<'h>, depth: u32, work: &mut u64) -> bool {
    if depth == 0 || *work == 0 {
        return false;
    }
    *work -= 1;
    match (a.plain(), b.plain()) {
        (Value::None, Value::None) | (Value::Fields, Value::Fields) => true,
        (Value::Str(x), Value::Str(y)) => {
            *work = work.saturating_sub(x.len() as u64 / 64);
            x == y
        }
        (Value::Date(x), Value::Date(y)) => x == y,
        (Value::DateTime(x), Value::DateTime(y)) => x == y,
        (Value::Delta(x), Value::Delta(y)) => x == y,
        (Value::List(x), Value::List(y)) | (Value::Values(x), Value::Values(y)) => {
            std::ptr::eq(x, y) || equal_lists(&x.borrow(), &y.borrow(), depth, work)
        }
        (Value::AttrList(x), y) => equal_within(Value::List(x.items), y, depth, work),
        (x, Value::AttrList(y)) => equal_within(x, Value::List(y.items), depth, work),
        (Value::Tuple(x), Value::Tuple(y)) => equal_lists(x, y, depth, work),
        (Value::Dict(x), Value::Dict(y)) => {
            x.len() == y.len()
                && same_keys(x, y, work, |mine, theirs, work| equal_within(mine, theirs, depth - 1, work))
        }
        (Value::Set(x), Value::Set(y)) => x.len() == y.len() && same_keys(x, y, work, |_, _, _| true),
        (Value::Range(x), Value::Range(y)) => x == y,
        (Value::Row(x), Value::Row(y)) => x.is_same(y),
        (Value::Table(x), Value::Table(y)) => x.field == y.field,
        (Value::Function(x), Value::Function(y)) => std::ptr::eq(x, y),
        (Value::Builtin(x), Value::Builtin(y)) => x == y,
        (Value::Exception(x), Value::Exception(y)) => std::ptr::eq(x, y),
        (Value::Json(x), Value::Json(y)) => x == y,
        (x, y) => number_order(x, y) == Some(Ordering::Equal),
    }
}

/// Whether all keys of one are keys of the other, with values that are the same. It asks by place, and copies nothing:
/// dicts within dicts may be many.
fn same_keys<'h>(
    x: &Dict<'h>,
    y: &Dict<'h>,
    work: &mut u64,
    mut same: impl FnMut(Value<'h>, Value<'h>, &mut u64) -> bool,
) -> bool {
    let mut at = 0;
    while let Some((key, mine, next)) = x.hashed(at) {
        if *work == 0 {
            return false;
        }
        *work -= 1;
        let theirs = y.find(key, work);
        if !theirs.is_some_and(|theirs| same(mine, theirs, work)) {
            return false;
        }
        at = next;
    }
    true
}

fn equal_lists<'h>(x: &[Value<'h>], y: &[Value<'h>], depth: u32, work: &mut u64) -> bool {
    x.len() == y.len() && x.iter().zip(y).all(|(x, y)| equal_within(*x, *y, depth - 1, work))
}

/// The order of two numbers of any type; exact, whatever their sizes.
fn number_order<'h>(a: Value<'h>, b: Value<'h>) -> Option<Ordering> {
    match (a, b) {
        (Value::Float(x), Value::Float(y)) => x.partial_cmp(&y),
        (Value::Decimal(_), _) | (_, Value::Decimal(_)) => a.decimal_order(b),
        (Value::Float(x), y) => float_int(x, y.int()?),
        (x, Value::Float(y)) => float_int(y, x.int()?).map(Ordering::reverse),
        (x, y) => Some(x.int()?.cmp(&y.int()?)),
    }
}

fn float_int(float: f64, int: i128) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    if float.abs() >= 1e38 {
        return Some(if float > 0.0 { Ordering::Greater } else { Ordering::Less });
    }
    #[expect(clippy::cast_possible_truncation, reason = "in range, and the fraction is compared next")]
    let whole = float.floor() as i128;
    let fraction = if float.fract() == 0.0 { Ordering::Equal } else { Ordering::Greater };
    Some(whole.cmp(&int).then(fraction))
}

impl<'h> Machine<'h> {
    pub(crate) fn compare(&mut self, op: CompareOp, a: Value<'h>, b: Value<'h>) -> Eval<'h> {
        match op {
            CompareOp::Is => return Ok(Value::Bool(identical(a, b))),
            CompareOp::IsNot => return Ok(Value::Bool(!identical(a, b))),
            CompareOp::In => return self.contains(b, a).map(Value::Bool),
            CompareOp::NotIn => return self.contains(b, a).map(|found| Value::Bool(!found)),
            _ => {}
        }
        if let Some(columns) = self.columns(a, b)? {
            return self.mapped(columns, |machine, (x, y)| machine.compare(op, x, y));
        }
        match op {
            CompareOp::Equal => self.equals(a, b).map(Value::Bool),
            CompareOp::NotEqual => self.equals(a, b).map(|equal| Value::Bool(!equal)),
            _ => self.ordered(op, a, b).map(Value::Bool),
        }
    }

    /// `a == b`, for everything but columns; what it looks at counts as steps.
    pub(crate) fn equals(&mut self, a: Value<'h>, b: Value<'h>) -> Eval<'h, bool> {
        let most = LARGEST.min(self.steps_left());
        let mut work = most;
        let result = equal(a, b, &mut work);
        self.steps(usize::try_from(most - work).unwrap_or(usize::MAX))?;
        if work == 0 { Err(Stop::Limit(STEPS)) } else { Ok(result) }
    }

    /// `a == b` as a condition, which a column is not.
    pub(crate) fn same(&mut self, a: Value<'h>, b: Value<'h>) -> Eval<'h, bool> {
        match self.columns(a, b)? {
            None => Ok(identical(a, b) || self.equals(a, b)?),
            Some(_) => {
                let result = self.compare(CompareOp::Equal, a, b)?;
                self.truth(result)
            }
        }
    }

    fn ordered(&mut self, op: CompareOp, a: Value<'h>, b: Value<'h>) -> Eval<'h, bool> {
        let order = self.order(op.symbol(), a, b, NESTING)?;
        Ok(match (order, op) {
            (None, _) => false,
            (Some(order), CompareOp::Less) => order.is_lt(),
            (Some(order), CompareOp::LessEqual) => order.is_le(),
            (Some(order), CompareOp::Greater) => order.is_gt(),
            (Some(order), _) => order.is_ge(),
        })
    }

    /// The order of two plain values; `None` beside a number that is none.
    pub(crate) fn order(
        &mut self,
        symbol: &str,
        a: Value<'h>,
        b: Value<'h>,
        depth: u32,
    ) -> Eval<'h, Option<Ordering>> {
        if depth == 0 {
            return self.raise_text(Kind::RecursionError, "maximum recursion depth exceeded in comparison");
        }
        let (left, right) = (a, b);
        let (a, b) = (a.plain(), b.plain());
        let (pair, lengths) = match (a, b) {
            (Value::Str(x), Value::Str(y)) => {
                self.steps(x.len().min(y.len()) / 256)?;
                return Ok(Some(x.cmp(y)));
            }
            (Value::Date(x), Value::Date(y)) => return Ok(Some(x.cmp(&y))),
            (Value::DateTime(x), Value::DateTime(y)) => return Ok(Some(x.cmp(y))),
            (Value::DateTime(_), Value::Date(_)) | (Value::Date(_), Value::DateTime(_)) => {
                return self.raise_text(Kind::TypeError, "can't compare datetime.datetime to datetime.date");
            }
            (Value::Delta(x), Value::Delta(y)) => return Ok(Some(x.cmp(&y))),
            (Value::Set(x), Value::Set(y)) => return self.order_of_sets(x, y),
            (Value::Tuple(x), Value::Tuple(y)) => self.first_difference(x, y)?,
            (Value::List(x), Value::List(y)) => self.first_difference(&x.borrow(), &y.borrow())?,
            _ if is_number(a) && is_number(b) => {
                let order = number_order(a, b);
                if order.is_none() && matches!((a, b), (Value::Decimal(_), _) | (_, Value::Decimal(_))) {
                    return self.signal(annex_decimal::Signal::InvalidOperation);
                }
                return Ok(order);
            }
            _ => {
                // A field's value on the right side is asked the other way round.
                let reflected = matches!(right, Value::Datapoint(y) if !y.is_text())
                    && !matches!(left, Value::Datapoint(x) if !x.is_text());
                let (a, b) = (left.demoted(), right.demoted());
                let (symbol, a, b) = if reflected { (mirrored(symbol), b, a) } else { (symbol, a, b) };
                let text = format_args!(
                    "'{symbol}' not supported between instances of '{}' and '{}'",
                    a.type_name(),
                    b.type_name()
                );
                return self.raise(Kind::TypeError, text);
            }
        };
        match pair {
            Some((x, y)) => self.order(symbol, x, y, depth - 1),
            None => Ok(Some(lengths)),
        }
    }

    /// A part of a set is less than it; of two sets that are no parts of each other, neither is.
    fn order_of_sets(&mut self, x: &Dict<'h>, y: &Dict<'h>) -> Eval<'h, Option<Ordering>> {
        let order = x.len().cmp(&y.len());
        let (small, large) = if order == Ordering::Greater { (y, x) } else { (x, y) };
        let most = LARGEST.min(self.steps_left());
        let mut work = most;
        let within = same_keys(small, large, &mut work, |_, _, _| true);
        self.steps(usize::try_from(most - work).unwrap_or(usize::MAX))?;
        Ok(within.then_some(order))
    }

    /// The first items of two lists that differ, and the order of the lengths where none do.
    fn first_difference(
        &mut self,
        x: &[Value<'h>],
        y: &[Value<'h>],
    ) -> Eval<'h, (Option<(Value<'h>, Value<'h>)>, Ordering)> {
        for (x, y) in x.iter().zip(y) {
            if !self.equals(*x, *y)? {
                return Ok((Some((*x, *y)), Ordering::Equal));
            }
        }
        Ok((None, x.len().cmp(&y.len())))
    }

    /// `item in container`.
    pub(crate) fn contains(&mut self, container: Value<'h>, item: Value<'h>) -> Eval<'h, bool> {
        match container.plain() {
            Value::Str(text) => match item.plain() {
                Value::Str(part) => {
                    self.steps(text.len() / 16)?;
                    Ok(text.contains(part))
                }
                _ => {
                    let text = format_args!(
                        "'in <string>' requires string as left operand, not {}",
                        item.type_name()
                    );
                    self.raise(Kind::TypeError, text)
                }
            },
            Value::Dict(dict) | Value::Set(dict) => Ok(self.look_up(dict, item)?.is_some()),
            Value::Json(node) if node.is_object() => Ok(matches!(item, Value::Str(key) if node.has(key))),
            _ => {
                if !container.is_iterable() {
                    let text = format_args!("argument of type '{}' is not iterable", container.type_name());
                    return self.raise(Kind::TypeError, text);
                }
                let iter = self.iterate(container)?;
                while let Some(other) = self.next(iter)? {
                    if self.same(other, item)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }
}

fn mirrored(symbol: &str) -> &str {
    match symbol {
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        other => other,
    }
}

fn is_number(value: Value<'_>) -> bool {
    matches!(value, Value::Bool(_) | Value::Int(_) | Value::Big(_) | Value::Float(_) | Value::Decimal(_))
}

/// `a is b`.
pub(crate) fn identical<'h>(a: Value<'h>, b: Value<'h>) -> bool {
    match (a, b) {
        (Value::None, Value::None) | (Value::Fields, Value::Fields) => true,
        (Value::Bool(x), Value::Bool(y)) => x == y,
        (Value::Int(x), Value::Int(y)) => x == y,
        (Value::Str(x), Value::Str(y)) => std::ptr::eq(x, y),
        (Value::List(x), Value::List(y)) => std::ptr::eq(x, y),
        (Value::Dict(x), Value::Dict(y)) | (Value::Set(x), Value::Set(y)) => std::ptr::eq(x, y),
        (Value::Tuple(x), Value::Tuple(y)) => std::ptr::eq(x, y),
        (Value::Function(x), Value::Function(y)) => std::ptr::eq(x, y),
        (Value::Builtin(x), Value::Builtin(y)) => x == y,
        (Value::Exception(x), Value::Exception(y)) => std::ptr::eq(x, y),
        (Value::Datapoint(x), Value::Datapoint(y)) => x.is_same(y),
        (Value::Row(x), Value::Row(y)) => x.is_same(y),
        _ => false,
    }
}
