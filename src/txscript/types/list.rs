//! Lists and tuples.

use std::cell::RefCell;
use std::cmp::Ordering;

use super::super::exception::{Eval, Kind};
use super::super::machine::{Buffer, Machine, place};
use super::super::value::{Items, Value};
use super::super::words::Word;
use super::compare::NESTING;

impl<'h> Machine<'h> {
    pub(crate) fn list_method(
        &mut self,
        list: &'h RefCell<Items<'h>>,
        word: Word,
        arguments: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h> {
        if word != Word::append {
            let length = list.borrow().len();
            self.steps(length / 8)?;
        }
        match (word, arguments) {
            (Word::append, [item]) => {
                self.memory(size_of::<Value<'h>>())?;
                list.borrow_mut().push(*item);
            }
            (Word::extend, [more]) => {
                let more = self.collect(*more)?;
                self.memory(size_of_val(&more[..]))?;
                list.borrow_mut().extend_from_slice(&more);
            }
            (Word::insert, [at, item]) => {
                self.memory(size_of::<Value<'h>>())?;
                let length = list.borrow().len();
                let at = at.int().unwrap_or(0);
                let at = if at < 0 { (at + length as i128).max(0) } else { at };
                let at = usize::try_from(at).unwrap_or(length).min(length);
                self.steps(length - at)?;
                list.borrow_mut().insert(at, *item);
            }
            (Word::remove, [item]) => {
                let items = self.copied(&list.borrow())?;
                match self.position(&items, *item)? {
                    Some(at) => {
                        list.borrow_mut().remove(at);
                    }
                    None => return self.raise_text(Kind::ValueError, "list.remove(x): x not in list"),
                }
            }
            (Word::pop, [] | [_]) => {
                let length = list.borrow().len();
                if length == 0 {
                    return self.raise_text(Kind::IndexError, "pop from empty list");
                }
                let at = arguments.first().and_then(|at| at.int()).unwrap_or(-1);
                return match place(at, length) {
                    Some(at) => Ok(list.borrow_mut().remove(at)),
                    None => self.raise_text(Kind::IndexError, "pop index out of range"),
                };
            }
            (Word::clear, []) => list.borrow_mut().clear(),
            (Word::reverse, []) => list.borrow_mut().reverse(),
            (Word::copy, []) => {
                let items = self.copied(&list.borrow())?;
                return self.list(items);
            }
            (Word::sort, []) => {
                let items = self.copied(&list.borrow())?;
                let sorted = self.sorted(items, keywords)?;
                // Code that compared may have changed it meanwhile.
                self.memory(size_of_val(&sorted[..]))?;
                let mut list = list.borrow_mut();
                list.clear();
                list.extend_from_slice(&sorted);
            }
            (Word::index | Word::count, _) => {
                let items = self.copied(&list.borrow())?;
                return self.sequence_method(Value::List(list), &items, word, arguments);
            }
            _ => return self.no_method(Value::List(list), word, arguments.len()),
        }
        Ok(Value::None)
    }

    /// What lists, tuples and columns have in common.
    pub(crate) fn sequence_method(
        &mut self,
        owner: Value<'h>,
        items: &[Value<'h>],
        word: Word,
        arguments: &[Value<'h>],
    ) -> Eval<'h> {
        match (word, arguments) {
            (Word::count, [item]) => {
                let mut count = 0;
                for other in items {
                    count += i64::from(self.equals(*other, *item)?);
                }
                Ok(Value::Int(count))
            }
            (Word::index, [item, bounds @ ..]) => {
                let bounds = [bounds.first(), bounds.get(1), None].map(|b| b.copied().unwrap_or_default());
                let range = self.slice_range(&bounds, items.len())?;
                let start = usize::try_from(range.start).unwrap_or(0);
                let part = items.get(start..start + range.len()).unwrap_or_default();
                let found = self.position(part, *item)?.map(|at| start + at);
                match (found, owner) {
                    (Some(at), _) => Ok(Value::Int(i64::try_from(at).unwrap_or(i64::MAX))),
                    (None, Value::Tuple(_)) => {
                        self.raise_text(Kind::ValueError, "tuple.index(x): x not in tuple")
                    }
                    (None, _) => {
                        let item = self.repr_of(*item)?;
                        self.raise(Kind::ValueError, format_args!("{item} is not in list"))
                    }
                }
            }
            _ => self.no_method(owner, word, arguments.len()),
        }
    }

    fn position(&mut self, items: &[Value<'h>], item: Value<'h>) -> Eval<'h, Option<usize>> {
        for (at, other) in items.iter().enumerate() {
            if self.equals(*other, item)? {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// A stable sort by `key=` and `reverse=`.
    pub(crate) fn sorted(
        &mut self,
        items: Buffer<'h, Value<'h>>,
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h, Buffer<'h, Value<'h>>> {
        let mut key = Value::None;
        let mut reverse = false;
        for (name, value) in keywords {
            match *name {
                "key" => key = *value,
                "reverse" => reverse = self.truth(*value)?,
                other => {
                    let text = format_args!("sort() got an unexpected keyword argument '{other}'");
                    return self.raise(Kind::TypeError, text);
                }
            }
        }
        let mut pairs = self.buffer();
        for item in items {
            let by = if matches!(key, Value::None) { item } else { self.call(key, &[item], &[])? };
            pairs.push((by, item))?;
        }
        if reverse {
            pairs.reverse();
        }
        let mut failed = None;
        // A stable sort takes half as much again.
        self.room(size_of_val(&pairs[..]))?;
        pairs.sort_by(|(a, _), (b, _)| {
            if failed.is_some() {
                return Ordering::Equal;
            }
            match self.step().and_then(|()| self.order("<", *a, *b, NESTING)) {
                Ok(order) => order.unwrap_or(Ordering::Equal),
                Err(stop) => {
                    failed = Some(stop);
                    Ordering::Equal
                }
            }
        });
        if let Some(stop) = failed {
            return Err(stop);
        }
        if reverse {
            pairs.reverse();
        }
        let mut sorted = self.buffer();
        pairs.into_iter().try_for_each(|(_, item)| sorted.push(item))?;
        Ok(sorted)
    }
}
