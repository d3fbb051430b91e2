//! Columns: operators work element by element.

use super::super::exception::{Eval, Kind};
use super::super::machine::{Buffer, Machine};
use super::super::value::Value;
use super::super::words::Word;

impl<'h> Machine<'h> {
    /// The elements of a column; a column without `.all_values` can do nothing.
    pub(crate) fn column_items(&mut self, value: Value<'h>) -> Eval<'h, Option<Buffer<'h, Value<'h>>>> {
        match value {
            Value::AllValues(_) | Value::Values(_) => self.collect(value).map(Some),
            Value::Column(_) => self.raise_text(Kind::TypeError, super::COLUMN_IS_AMBIGUOUS),
            _ => Ok(None),
        }
    }

    /// Pairs of elements for an operator with a column on one side at least.
    pub(crate) fn columns(
        &mut self,
        a: Value<'h>,
        b: Value<'h>,
    ) -> Eval<'h, Option<Buffer<'h, (Value<'h>, Value<'h>)>>> {
        let is_column = |value| matches!(value, Value::AllValues(_) | Value::Values(_) | Value::Column(_));
        if !is_column(a) && !is_column(b) {
            return Ok(None);
        }
        // What the package does: a number's value takes a column of results for a plain list.
        if let (Value::Datapoint(datapoint), Value::Values(_)) = (a, b)
            && !datapoint.is_text()
        {
            return Ok(None);
        }
        if let Some(left) = self.column_items(a)? {
            let right = self.promote(b, left.len())?;
            return self.zipped(&left, &right).map(Some);
        }
        let Some(right) = self.column_items(b)? else { return Ok(None) };
        let left = self.promote(a.demoted(), right.len())?;
        self.zipped(&left, &right).map(Some)
    }

    fn zipped(
        &mut self,
        left: &[Value<'h>],
        right: &[Value<'h>],
    ) -> Eval<'h, Buffer<'h, (Value<'h>, Value<'h>)>> {
        let mut pairs = self.buffer();
        left.iter().zip(right).try_for_each(|(left, right)| pairs.push((*left, *right)))?;
        Ok(pairs)
    }

    /// What a function makes of each element of a column.
    pub(crate) fn mapped<T: Copy>(
        &mut self,
        items: Buffer<'h, T>,
        mut function: impl FnMut(&mut Self, T) -> Eval<'h>,
    ) -> Eval<'h> {
        let mut results = self.buffer();
        for item in items {
            self.step()?;
            results.push(function(self, item)?)?;
        }
        self.values(results)
    }

    /// One value for each element of a column: a scalar is repeated.
    fn promote(&mut self, value: Value<'h>, length: usize) -> Eval<'h, Buffer<'h, Value<'h>>> {
        let scalar = matches!(value, Value::Datapoint(_) | Value::Str(_)) || value.length().is_none();
        if let Value::Column(_) = value {
            return self.raise_text(Kind::TypeError, super::COLUMN_IS_AMBIGUOUS);
        }
        if scalar {
            self.steps(length)?;
            let mut repeated = self.buffer();
            (0..length).try_for_each(|_| repeated.push(value))?;
            return Ok(repeated);
        }
        let items = self.collect(value)?;
        if items.len() != length {
            let text = format_args!("Binary operation on unevenly long columns ({length}, {})", items.len());
            return self.raise(Kind::ValueError, text);
        }
        Ok(items)
    }

    pub(crate) fn column_method(
        &mut self,
        owner: Value<'h>,
        word: Word,
        positional: &[Value<'h>],
    ) -> Eval<'h> {
        if let Some(result) = self.sequence_change(owner, word, positional)? {
            return Ok(result);
        }
        if word == Word::index
            && !matches!(owner, Value::Values(_))
            && let Some(at) = self.index_in_sequence(owner, positional)?
        {
            return Ok(at);
        }
        match (word, positional) {
            (Word::default_to, [default]) => self.default_to(owner, *default),
            (Word::is_empty, []) => self.is_empty(owner),
            (Word::copy, []) => {
                let items = self.collect(owner)?;
                self.list(items)
            }
            _ => {
                let items = self.collect(owner)?;
                self.sequence_method(owner, &items, word, positional)
            }
        }
    }

    pub(crate) fn is_empty(&mut self, value: Value<'h>) -> Eval<'h> {
        if let Some(items) = self.column_items(value)? {
            return self.mapped(items, Self::is_empty);
        }
        Ok(Value::Bool(is_nothing(value)))
    }

    pub(crate) fn default_to(&mut self, value: Value<'h>, default: Value<'h>) -> Eval<'h> {
        if let Some(items) = self.column_items(value)? {
            if matches!(default, Value::Float(_) | Value::Int(_) | Value::Str(_) | Value::None) {
                let mut items = items;
                for item in items.iter_mut().filter(|item| is_nothing(**item)) {
                    *item = default;
                }
                return self.values(items);
            }
            let defaults = self.promote(default, items.len())?;
            let pairs = self.zipped(&items, &defaults)?;
            return self.mapped(pairs, |machine, (item, default)| machine.default_to(item, default));
        }
        Ok(if is_nothing(value) { default } else { value })
    }
}

fn is_nothing(value: Value<'_>) -> bool {
    matches!(value.plain(), Value::None | Value::Str(""))
}
