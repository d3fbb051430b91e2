//! Hashes: what is equal hashes alike.

use std::hash::{BuildHasher, Hash, Hasher};

use super::super::exception::{Eval, Kind};
use super::super::machine::Machine;
use super::super::value::Value;
use super::compare::NESTING;
use super::dict::{KEY_PARTS, Key, Special};

impl Key<'_> {
    /// `hash(value)`: of a number that of CPython, of anything else a number of this evaluation.
    pub(crate) fn python_hash(self) -> i64 {
        match self.value.plain() {
            Value::Float(float) => annex_decimal::hash_of_float(float),
            Value::Decimal(decimal) => decimal.number().hash_value().unwrap_or(0),
            plain => match plain.int() {
                Some(int) => annex_decimal::hash_of_int(int),
                None => i64::try_from(self.hash >> 3).unwrap_or(0),
            },
        }
    }
}

/// A hash with which equal values of different types meet: `1`, `1.0` and `True`.
fn hash(value: Value<'_>, state: &mut impl Hasher, depth: u32, work: &mut u64) -> Result<(), &'static str> {
    if depth == 0 {
        return Err("a tuple nested too deeply");
    }
    if *work == 0 {
        return Err("a tuple of too many parts");
    }
    *work -= 1;
    match value {
        Value::None => 0_u8.hash(state),
        Value::Bool(_) | Value::Int(_) | Value::Big(_) => {
            value.int().map_or(0, annex_decimal::hash_of_int).hash(state);
        }
        Value::Float(float) => annex_decimal::hash_of_float(float).hash(state),
        Value::Decimal(decimal) => match decimal.number().hash_value() {
            Some(number) => number.hash(state),
            None => return Err("decimal.Decimal"),
        },
        Value::Str(text) => {
            if depth < NESTING {
                // Within a tuple, where one text may stand many times.
                *work = work.saturating_sub(text.len() as u64 / 4096);
            }
            text.hash(state);
        }
        Value::Date(date) => date.hash(state),
        Value::DateTime(time) => time.hash(state),
        Value::Delta(delta) => delta.hash(state),
        Value::Named(named) => hash(Value::Tuple(named.items), state, depth, work)?,
        Value::Tuple(items) => items.iter().try_for_each(|item| hash(*item, state, depth - 1, work))?,
        Value::Datapoint(datapoint) if datapoint.is_text() => hash(datapoint.data, state, depth - 1, work)?,
        Value::Set(set) if matches!(set.special, Special::FrozenSet) => {
            *work = work.saturating_sub(set.len() as u64 / 64);
            set.keys_hash().hash(state);
        }
        Value::Row(row) => std::ptr::from_ref(row).hash(state),
        Value::Function(function) => std::ptr::from_ref(function).hash(state),
        Value::Builtin(builtin) => std::mem::discriminant(&builtin).hash(state),
        other => return Err(other.type_name()),
    }
    Ok(())
}

impl<'h> Machine<'h> {
    /// A value with its hash.
    pub(crate) fn key(&mut self, value: Value<'h>) -> Eval<'h, Key<'h>> {
        let mut state = self.hasher.build_hasher();
        let mut work = KEY_PARTS;
        let hashed = hash(value, &mut state, NESTING, &mut work);
        let text = if let Value::Str(text) = value.plain() { text.len() / 64 } else { 0 };
        self.steps(usize::try_from(KEY_PARTS - work).unwrap_or(0) + text)?;
        match hashed {
            Ok(()) => Ok(Key { hash: state.finish(), value }),
            Err(name) => self.raise(Kind::TypeError, format_args!("unhashable type: '{name}'")),
        }
    }
}
