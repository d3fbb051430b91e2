//! Lengths, indexes and slices of whatever has them.

use super::super::exception::{Eval, Kind};
use super::super::value::{Range, Value};
use super::Machine;

impl Value<'_> {
    pub(crate) fn is_iterable(self) -> bool {
        matches!(self.plain(), Self::Str(_) | Self::Iter(_)) || self.length().is_some()
    }

    /// `len(value)`, if it has one.
    pub(crate) fn length(self) -> Option<usize> {
        Some(match self.plain() {
            Self::Str(text) => text.chars().count(),
            Self::List(list) | Self::Values(list) => list.borrow().len(),
            Self::Tuple(items) => items.len(),
            Self::Dict(dict) | Self::Set(dict) => dict.len(),
            Self::Range(range) => range.len(),
            Self::AllValues(cells) => cells.len(),
            Self::Table(table) => table.rows(),
            Self::AttrList(list) => list.items.borrow().len(),
            Self::Json(node) => return node.length(),
            _ => return None,
        })
    }
}

impl<'h> Machine<'h> {
    /// The item at a place, if there is one.
    pub(crate) fn get_index(&mut self, value: Value<'h>, at: usize) -> Eval<'h, Option<Value<'h>>> {
        Ok(match value {
            Value::List(list) | Value::Values(list) => list.borrow().get(at).copied(),
            Value::Tuple(items) => items.get(at).copied(),
            Value::Range(range) => range.get(at).map(Value::Int),
            Value::Str(text) => match text.chars().nth(at) {
                Some(char) => Some(self.str(char.encode_utf8(&mut [0; 4]))?),
                None => None,
            },
            Value::AllValues(cells) if at < cells.len() => Some(self.cell(cells, at)?),
            Value::Table(table) if at < table.rows() => Some(self.table_item(table, at)?),
            Value::AttrList(list) => self.attr_list_item(list, at)?,
            Value::Json(node) => self.json_index(node, at)?,
            _ => None,
        })
    }

    /// `owner[index]`.
    pub(crate) fn item(&mut self, owner: Value<'h>, index: Value<'h>) -> Eval<'h> {
        match owner.plain() {
            Value::Dict(dict) => return self.dict_get(dict, index.plain_key()),
            Value::Match(found) => return self.group(found, index),
            Value::Column(_) => {
                return self.raise_text(Kind::TypeError, super::super::field::COLUMN_IS_NO_LIST);
            }
            Value::Json(node) if node.is_object() => return self.json_get(node, index),
            _ => {}
        }
        let plain = owner.plain();
        if let Value::Str(text) = plain {
            self.steps(text.len() / 16)?;
        }
        let Some(length) = plain.length().filter(|_| !matches!(plain, Value::Set(_))) else {
            return self
                .raise(Kind::TypeError, format_args!("'{}' object is not subscriptable", owner.type_name()));
        };
        if let Value::Slice(slice) = index {
            return self.slice_of(plain, length, slice);
        }
        let Some(at) = index.plain().int().filter(|_| !matches!(index, Value::Datapoint(_))) else {
            let kind = match plain {
                Value::Str(_) => "string",
                other => other.type_name(),
            };
            let text = match plain {
                Value::Str(_) => {
                    format!("string indices must be integers, not '{}'", index.type_name())
                }
                _ => format!("{kind} indices must be integers or slices, not {}", index.type_name()),
            };
            return self.raise_text(Kind::TypeError, &text);
        };
        match place(at, length) {
            Some(at) => self.get_index(plain, at).map(Option::unwrap_or_default),
            None => {
                let kind = match plain {
                    Value::Str(_) => "string",
                    Value::Range(_) => "range object",
                    other => {
                        return self.raise(
                            Kind::IndexError,
                            format_args!("{} index out of range", list_name(other)),
                        );
                    }
                };
                self.raise(Kind::IndexError, format_args!("{kind} index out of range"))
            }
        }
    }

    fn slice_of(&mut self, value: Value<'h>, length: usize, slice: &[Value<'h>; 3]) -> Eval<'h> {
        let range = self.slice_range(slice, length)?;
        let count = range.len();
        self.steps(count)?;
        let places = (0..count).filter_map(|at| range.get(at)).filter_map(|at| usize::try_from(at).ok());
        match value {
            Value::Str(text) => {
                if range.step == 1 {
                    let start = usize::try_from(range.start).unwrap_or(0);
                    let byte = |at: usize| text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte);
                    let (from, to) = (byte(start), byte(start.saturating_add(count)));
                    return self.str(text.get(from..to).unwrap_or_default());
                }
                self.room(text.len().saturating_mul(size_of::<char>()))?;
                let chars: Vec<char> = text.chars().collect();
                let mut part = self.builder();
                part.extend(places.filter_map(|at| chars.get(at).copied()))?;
                self.finish(part).map(Value::Str)
            }
            Value::Range(of) => {
                let clamped =
                    |at: i128| i64::try_from(at).unwrap_or(if at < 0 { i64::MIN } else { i64::MAX });
                let [first, step] = [of.start, of.step].map(i128::from);
                let at = |at: i64| clamped(first + i128::from(at) * step);
                let step = clamped(step * i128::from(range.step));
                let range = Range { start: at(range.start), stop: at(range.stop), step };
                self.new_range(range)
            }
            other => {
                let mut items = self.buffer();
                for at in places {
                    if let Some(item) = self.get_index(other, at)? {
                        items.push(item)?;
                    }
                }
                match value {
                    Value::Tuple(_) => self.tuple(&items),
                    Value::Values(_) => self.values(items),
                    _ => self.list(items),
                }
            }
        }
    }

    pub(super) fn new_range(&mut self, range: Range) -> Eval<'h> {
        self.memory(size_of::<Range>())?;
        Ok(Value::Range(self.bump.alloc(range)))
    }

    pub(super) fn new_slice(&mut self, parts: [Value<'h>; 3]) -> Eval<'h> {
        self.memory(size_of_val(&parts))?;
        Ok(Value::Slice(self.bump.alloc(parts)))
    }

    /// The places that a slice means, by Python's rules.
    pub(crate) fn slice_range(&mut self, slice: &[Value<'h>; 3], length: usize) -> Eval<'h, Range> {
        let mut parts = [None; 3];
        for (part, value) in parts.iter_mut().zip(slice) {
            *part = match (*value, value.int()) {
                (Value::None, _) => None,
                (_, Some(int)) => {
                    Some(i64::try_from(int).unwrap_or(if int < 0 { i64::MIN } else { i64::MAX }))
                }
                _ => {
                    let text = "slice indices must be integers or None or have an __index__ method";
                    return self.raise_text(Kind::TypeError, text);
                }
            };
        }
        let step = parts[2].unwrap_or(1);
        if step == 0 {
            return self.raise_text(Kind::ValueError, "slice step cannot be zero");
        }
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        let (low, high) = if step > 0 { (0, length) } else { (-1, length - 1) };
        let clamp = |at: i64| if at < 0 { (at.saturating_add(length)).max(low) } else { at.min(high) };
        let start = parts[0].map_or(if step > 0 { low } else { high }, clamp);
        let stop = parts[1].map_or(if step > 0 { high } else { low }, clamp);
        Ok(Range { start, stop, step })
    }

    pub(crate) fn set_item(&mut self, owner: Value<'h>, index: Value<'h>, value: Value<'h>) -> Eval<'h, ()> {
        match (owner, index) {
            (Value::Dict(dict), _) => self.dict_insert(dict, index.plain_key(), value),
            (Value::List(list), Value::Slice(slice)) => {
                let length = list.borrow().len();
                let range = self.slice_range(slice, length)?;
                let items = self.collect(value)?;
                // The list may grow, and what is behind is copied.
                self.memory(size_of_val(&items[..]).saturating_add(length * size_of::<Value<'h>>()))?;
                self.steps(length)?;
                let mut list = list.borrow_mut();
                if range.step == 1 {
                    let start = usize::try_from(range.start).unwrap_or(0);
                    let tail = list.split_off((start + range.len()).min(length));
                    list.truncate(start);
                    list.extend_from_slice(&items);
                    list.extend_from_slice(&tail);
                    return Ok(());
                }
                if items.len() != range.len() {
                    drop(list);
                    let text = format_args!(
                        "attempt to assign sequence of size {} to extended slice of size {}",
                        items.len(),
                        range.len()
                    );
                    return self.raise(Kind::ValueError, text);
                }
                for (at, item) in items.into_iter().enumerate() {
                    if let Some(place) = range.get(at).and_then(|at| usize::try_from(at).ok()) {
                        list[place] = item;
                    }
                }
                Ok(())
            }
            (Value::List(list), _) => {
                let length = list.borrow().len();
                let Some(at) = index.int() else {
                    let text =
                        format_args!("list indices must be integers or slices, not {}", index.type_name());
                    return self.raise(Kind::TypeError, text);
                };
                match place(at, length) {
                    Some(at) => {
                        list.borrow_mut()[at] = value;
                        Ok(())
                    }
                    None => self.raise_text(Kind::IndexError, "list assignment index out of range"),
                }
            }
            (Value::Table(_) | Value::AllValues(_), _) => self.set_in_sequence(owner, index, value),
            (Value::AttrList(list), _) => self.set_in_attr_list(list, index, value),
            (Value::Column(_), _) => self.raise_text(Kind::TypeError, super::super::field::COLUMN_IS_NO_LIST),
            (Value::Json(_), _) => self.raise_text(Kind::TypeError, "context is read-only"),
            _ => self.raise(
                Kind::TypeError,
                format_args!("'{}' object does not support item assignment", owner.type_name()),
            ),
        }
    }

    pub(crate) fn delete_item(&mut self, owner: Value<'h>, index: Value<'h>) -> Eval<'h, ()> {
        match owner {
            Value::Dict(dict) => {
                let key = self.key(index)?;
                match dict.remove(key) {
                    Some(_) => Ok(()),
                    None => self.raise_with(Kind::KeyError, &[index]),
                }
            }
            Value::List(list) => {
                let length = list.borrow().len();
                if let Value::Slice(slice) = index {
                    let range = self.slice_range(slice, length)?;
                    self.room(range.len().saturating_mul(size_of::<usize>()))?;
                    self.steps(range.len().saturating_add(length))?;
                    let mut gone: Vec<usize> = (0..range.len())
                        .filter_map(|at| range.get(at))
                        .filter_map(|at| usize::try_from(at).ok())
                        .collect();
                    gone.sort_unstable();
                    let mut at = 0;
                    list.borrow_mut().retain(|_| {
                        at += 1;
                        gone.binary_search(&(at - 1)).is_err()
                    });
                    return Ok(());
                }
                match index.int().and_then(|at| place(at, length)) {
                    Some(at) => {
                        self.steps((length - at) / 8)?;
                        list.borrow_mut().remove(at);
                        Ok(())
                    }
                    None => self.raise_text(Kind::IndexError, "list assignment index out of range"),
                }
            }
            Value::Table(_) | Value::AllValues(_) => self.delete_in_sequence(owner, index),
            Value::AttrList(list) => self.delete_in_attr_list(list, index),
            Value::Column(_) => self.raise_text(Kind::TypeError, super::super::field::COLUMN_IS_NO_LIST),
            _ => self.raise(
                Kind::TypeError,
                format_args!("'{}' object doesn't support item deletion", owner.type_name()),
            ),
        }
    }
}

/// A place counted from the end where it is negative.
pub(crate) fn place(at: i128, length: usize) -> Option<usize> {
    let at = if at < 0 { at + length as i128 } else { at };
    usize::try_from(at).ok().filter(|at| *at < length)
}

fn list_name(value: Value<'_>) -> &'static str {
    match value {
        Value::Tuple(_) => "tuple",
        _ => "list",
    }
}
