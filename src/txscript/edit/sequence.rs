//! Tables and columns as lists: append, insert, remove, slices. What the package's lists do, oddities included.

use crate::rossum::NodeRef;

use super::super::exception::{Eval, Kind};
use super::super::machine::{Machine, place};
use super::super::value::{Range, Value};
use super::super::words::Word;
use super::Owner;
use super::attributes::Attributes;
use super::sheet::Sheet;

/// The rows of a table, or the values of a column.
#[derive(Clone, Copy)]
pub(super) enum Sequence<'h> {
    Rows(&'h Sheet<'h>),
    Column(&'h Sheet<'h>, usize),
}

const FIXED_SIZE: &str =
    "Tuple columns cannot change size individually, modify the whole tuple's .all_values instead";

impl<'h> Sequence<'h> {
    fn len(self) -> usize {
        match self {
            Self::Rows(sheet) => sheet.len(),
            Self::Column(sheet, field) => sheet.column(field).map_or(0, |cells| cells.borrow().len()),
        }
    }

    fn cell(self, at: usize) -> Option<(NodeRef, usize)> {
        let (sheet, field) = self.column()?;
        let cell = sheet.column(field)?.borrow().get(at).copied().flatten()?;
        Some((cell, field))
    }

    /// A column, or the one column of a simple list.
    fn column(self) -> Option<(&'h Sheet<'h>, usize)> {
        match self {
            Self::Column(sheet, field) => Some((sheet, field)),
            Self::Rows(sheet) if sheet.tuple.is_none() => Some((sheet, sheet.columns.first()?.0)),
            Self::Rows(_) => None,
        }
    }
}

impl<'h> Machine<'h> {
    fn sequence(&mut self, owner: Value<'h>) -> Eval<'h, Sequence<'h>> {
        let schema = self.view.document.schema;
        let (table, column) = match owner {
            Value::Table(table) => (table.field, None),
            Value::AllValues(cells) => {
                (schema.multivalue_of(cells.field).unwrap_or(cells.field), Some(cells.field))
            }
            _ => return self.read_only(),
        };
        match (self.sheet(table)?, column) {
            (Some(sheet), None) => Ok(Sequence::Rows(sheet)),
            (Some(sheet), Some(column)) => Ok(Sequence::Column(sheet, column)),
            (None, _) => self.read_only(),
        }
    }

    /// A method of a list that changes it; `None` where it is no such method.
    pub(crate) fn sequence_change(
        &mut self,
        owner: Value<'h>,
        word: Word,
        arguments: &[Value<'h>],
    ) -> Eval<'h, Option<Value<'h>>> {
        let changes = matches!(
            word,
            Word::append
                | Word::extend
                | Word::insert
                | Word::remove
                | Word::pop
                | Word::clear
                | Word::reverse
        );
        if !changes || !matches!(owner, Value::Table(_) | Value::AllValues(_)) {
            return Ok(None);
        }
        let list = self.sequence(owner)?;
        match (word, arguments) {
            (Word::append, [value]) => self.append(list, *value)?,
            (Word::extend, [values]) => self.extend(list, *values)?,
            (Word::insert, [at, value]) => {
                let at = at.int().unwrap_or(0);
                let length = list.len();
                if at == length as i128 {
                    self.append(list, *value)?;
                } else {
                    // The package's way, which knows no places behind the end.
                    let Some(last) = length.checked_sub(1) else {
                        return self.raise_text(Kind::IndexError, "list index out of range");
                    };
                    let end = self.at(list, last)?;
                    self.append(list, end)?;
                    for to in (0..=last).rev().take_while(|to| *to as i128 > at) {
                        let Some(from) = place(to as i128 - 1, list.len()) else { break };
                        let from = self.at(list, from)?;
                        self.set_at(list, to, from)?;
                    }
                    self.set_by_index(list, at, *value)?;
                }
            }
            (Word::remove, [value]) => {
                let at = self.place_of(list, *value, 0, list.len())?;
                self.remove(list, at, at + 1)?;
            }
            (Word::pop, [] | [_]) => {
                let index = arguments.first().and_then(|index| index.int()).unwrap_or(-1);
                let Some(at) = place(index, list.len()) else {
                    return self.raise_text(Kind::IndexError, "list index out of range");
                };
                let value = self.at(list, at)?;
                self.remove_one(list, index)?;
                return Ok(Some(value));
            }
            (Word::clear, []) => self.remove(list, 0, list.len())?,
            (Word::reverse, []) => {
                let length = list.len();
                for at in 0..length / 2 {
                    let (first, last) = (self.at(list, at)?, self.at(list, length - at - 1)?);
                    self.set_at(list, at, last)?;
                    self.set_at(list, length - at - 1, first)?;
                }
            }
            _ => return self.no_method(owner, word, arguments.len()),
        }
        Ok(Some(Value::None))
    }

    /// `owner += values`.
    pub(crate) fn extend_in_place(&mut self, owner: Value<'h>, values: Value<'h>) -> Eval<'h, ()> {
        let list = self.sequence(owner)?;
        self.extend(list, values)
    }

    fn extend(&mut self, list: Sequence<'h>, values: Value<'h>) -> Eval<'h, ()> {
        for value in self.collect(values)? {
            self.append(list, value)?;
        }
        Ok(())
    }

    fn at(&mut self, list: Sequence<'h>, at: usize) -> Eval<'h> {
        if let Some((cell, field)) = list.cell(at) {
            return self.datapoint(field, cell);
        }
        if let Sequence::Rows(sheet) = list
            && sheet.tuple.is_some()
            && at < sheet.len()
        {
            let row = sheet.rows.borrow()[at];
            return match self.table(sheet.table)? {
                Value::Table(table) => self.sheet_row(table, row),
                _ => Ok(Value::None),
            };
        }
        self.raise_text(Kind::IndexError, "list index out of range")
    }

    fn set_at(&mut self, list: Sequence<'h>, at: usize, value: Value<'h>) -> Eval<'h, ()> {
        self.step()?;
        if let Some((cell, field)) = list.cell(at) {
            return self.set_value(Owner::Node(cell), field, value);
        }
        let row = match list {
            Sequence::Rows(sheet) if sheet.tuple.is_some() => sheet.rows.borrow().get(at).copied(),
            _ => None,
        };
        match row {
            Some(row) => self.set_row(row, value),
            None => self.raise_text(Kind::IndexError, "list index out of range"),
        }
    }

    fn append(&mut self, list: Sequence<'h>, value: Value<'h>) -> Eval<'h, ()> {
        self.writable()?;
        self.step()?;
        self.memory(size_of::<NodeRef>() * 4)?;
        if let Some((sheet, field)) = list.column() {
            if sheet.tuple.is_some() {
                return self.raise_text(Kind::TypeError, FIXED_SIZE);
            }
            let (node, attributes) = self.new_attributes(field, None, value)?;
            self.edit(|edits| edits.updates.add_value(Owner::Node(node), attributes))?;
            if let Some(cells) = sheet.column(field) {
                cells.borrow_mut().push(Some(node));
            }
            return Ok(());
        }
        let Sequence::Rows(sheet) = list else { return Ok(()) };
        let node = self.new_node()?;
        self.memory(size_of::<super::sheet::RowState<'h>>())?;
        let row = self.row_state(sheet, Owner::Node(node), None, i64::try_from(sheet.len()).ok());
        let tuple = sheet.tuple.unwrap_or(sheet.table);
        self.keep(Owner::Node(node), Attributes::new(tuple, None, None, Value::None))?;
        self.edit(|edits| edits.updates.add_row(row))?;
        sheet.rows.borrow_mut().push(row);
        let cells = self.cells_for(row, value)?;
        for ((field, column), value) in sheet.columns.iter().zip(cells) {
            let (cell, _) = self.new_attributes(*field, None, value)?;
            column.borrow_mut().push(Some(cell));
        }
        Ok(())
    }

    /// `owner[index] = value`.
    pub(crate) fn set_in_sequence(
        &mut self,
        owner: Value<'h>,
        index: Value<'h>,
        value: Value<'h>,
    ) -> Eval<'h, ()> {
        let list = self.sequence(owner)?;
        if let Value::Slice(slice) = index {
            let part = |at: usize| slice[at].int().and_then(|int| i64::try_from(int).ok());
            let stop = part(1).unwrap_or_else(|| i64::try_from(list.len()).unwrap_or(i64::MAX));
            let range =
                Range { start: part(0).unwrap_or(0), stop, step: part(2).filter(|s| *s != 0).unwrap_or(1) };
            // One by one: the values may come from the list itself.
            let values = self.iterate(value)?;
            let mut at = 0;
            while let Some(value) = self.next(values)?
                && let Some(place) = range.get(at)
            {
                self.set_by_index(list, place.into(), value)?;
                at += 1;
            }
            return Ok(());
        }
        match index.int() {
            Some(at) => self.set_by_index(list, at, value),
            None => {
                let text = format_args!("can only concatenate str (not \"int\") to {}", index.type_name());
                self.raise(Kind::TypeError, text)
            }
        }
    }

    fn set_by_index(&mut self, list: Sequence<'h>, at: i128, value: Value<'h>) -> Eval<'h, ()> {
        match place(at, list.len()) {
            Some(at) => self.set_at(list, at, value),
            None => self.raise_text(Kind::IndexError, "list index out of range"),
        }
    }

    /// `del owner[index]`.
    pub(crate) fn delete_in_sequence(&mut self, owner: Value<'h>, index: Value<'h>) -> Eval<'h, ()> {
        let list = self.sequence(owner)?;
        if let Value::Slice(slice) = index {
            return self.remove_slice(list, slice);
        }
        match index.int() {
            Some(at) => self.remove_one(list, at),
            None => {
                let text = format_args!("can only concatenate str (not \"int\") to {}", index.type_name());
                self.raise(Kind::TypeError, text)
            }
        }
    }

    /// The package makes a slice of an index, from it to the next: from the last to 0 where it is -1, which is nothing.
    fn remove_one(&mut self, list: Sequence<'h>, at: i128) -> Eval<'h, ()> {
        let at = i64::try_from(at).unwrap_or(i64::MAX - 1);
        self.remove_slice(list, &[Value::Int(at), Value::Int(at + 1), Value::None])
    }

    fn remove(&mut self, list: Sequence<'h>, start: usize, stop: usize) -> Eval<'h, ()> {
        let int = |at: usize| Value::Int(i64::try_from(at).unwrap_or(i64::MAX));
        self.remove_slice(list, &[int(start), int(stop), Value::None])
    }

    /// The places that a slice means in a list of this length.
    fn places(&mut self, slice: &[Value<'h>; 3], length: usize) -> Eval<'h, Vec<usize>> {
        let range = self.slice_range(slice, length)?;
        self.steps(length)?;
        self.room(length.saturating_mul(size_of::<usize>()))?;
        let places =
            (0..range.len()).filter_map(|at| range.get(at)).filter_map(|at| usize::try_from(at).ok());
        let mut places: Vec<usize> = places.filter(|at| *at < length).collect();
        places.sort_unstable();
        Ok(places)
    }

    fn remove_slice(&mut self, list: Sequence<'h>, slice: &[Value<'h>; 3]) -> Eval<'h, ()> {
        self.writable()?;
        if let Some((sheet, field)) = list.column() {
            if sheet.tuple.is_some() {
                return self.raise_text(Kind::TypeError, FIXED_SIZE);
            }
            let places = self.places(slice, list.len())?;
            for (cell, field) in places.iter().filter_map(|at| list.cell(*at)) {
                let attributes = self.touch(Owner::Node(cell), field)?;
                self.edit(|edits| edits.updates.remove_value(Owner::Node(cell), attributes))?;
            }
            if let Some(cells) = sheet.column(field) {
                drop_places(&mut cells.borrow_mut(), &places);
            }
            return Ok(());
        }
        let Sequence::Rows(sheet) = list else { return Ok(()) };
        for (_, column) in sheet.columns {
            let length = column.borrow().len();
            let places = self.places(slice, length)?;
            drop_places(&mut column.borrow_mut(), &places);
        }
        // The rows behind are counted anew by the slice as it is written.
        let rows = self.copied(&sheet.rows.borrow())?;
        let length = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let bound = |at: usize| slice[at].int().and_then(|int| i64::try_from(int).ok());
        let (start, stop) = (bound(0).unwrap_or(0), bound(1).unwrap_or(length));
        let behind = usize::try_from(if stop < 0 { stop.saturating_add(length) } else { stop }).unwrap_or(0);
        for row in rows.iter().skip(behind) {
            row.index.set(row.index.get().map(|index| index.saturating_sub(stop.saturating_sub(start))));
        }
        let places = self.places(slice, rows.len())?;
        for row in places.iter().filter_map(|at| rows.get(*at)) {
            self.edit(|edits| edits.updates.remove_row(row))?;
        }
        drop_places(&mut sheet.rows.borrow_mut(), &places);
        Ok(())
    }

    /// `owner.index(value, start, stop)` in a list that is written to; `None` where nothing is.
    pub(crate) fn index_in_sequence(
        &mut self,
        owner: Value<'h>,
        arguments: &[Value<'h>],
    ) -> Eval<'h, Option<Value<'h>>> {
        if self.edits.is_none() {
            return Ok(None);
        }
        let [value, bounds @ ..] = arguments else { return Ok(None) };
        let list = self.sequence(owner)?;
        let bounds = [bounds.first(), bounds.get(1), None].map(|bound| bound.copied().unwrap_or_default());
        let range = self.slice_range(&bounds, list.len())?;
        let bound = |at: i64| usize::try_from(at).unwrap_or(0);
        let at = self.place_of(list, *value, bound(range.start), bound(range.stop))?;
        Ok(Some(Value::Int(i64::try_from(at).unwrap_or(i64::MAX))))
    }

    fn place_of(
        &mut self,
        list: Sequence<'h>,
        value: Value<'h>,
        start: usize,
        stop: usize,
    ) -> Eval<'h, usize> {
        for at in start..stop.min(list.len()) {
            self.step()?;
            let found = match (list.cell(at), value) {
                (Some((cell, _)), Value::Datapoint(datapoint)) => cell == datapoint.node,
                (Some(_), _) => {
                    let other = self.at(list, at)?;
                    self.same(other, value)?
                }
                (None, Value::Row(row)) => match list {
                    Sequence::Rows(sheet) => {
                        let state = sheet.rows.borrow()[at];
                        state.value.get().is_some_and(|current| std::ptr::eq(current, row))
                    }
                    Sequence::Column(..) => false,
                },
                (None, _) => false,
            };
            if found {
                return Ok(at);
            }
        }
        if list.column().is_none() {
            return self.raise_text(Kind::ValueError, "value not found");
        }
        let value = self.repr_of(value)?;
        self.raise(Kind::ValueError, format_args!("{value} is not in list"))
    }

    /// Makes a list have these values: greedily, what is there already stays and what stands before it goes.
    pub(super) fn replace_all(&mut self, list: Sequence<'h>, values: Value<'h>) -> Eval<'h, ()> {
        self.writable()?;
        let new = self.collect(values)?;
        for (at, value) in new.iter().enumerate() {
            self.step()?;
            if at >= list.len() {
                self.append(list, *value)?;
                continue;
            }
            let mut found = None;
            for old_at in at..list.len() {
                self.step()?;
                let old = self.at(list, old_at)?;
                if self.same(old, *value)? {
                    found = Some(old_at);
                    break;
                }
            }
            if let Some(old_at) = found.filter(|old_at| *old_at > at) {
                self.remove(list, at, old_at)?;
            }
            self.set_at(list, at, *value)?;
        }
        if values.length().is_none() {
            let text = format_args!("object of type '{}' has no len()", values.type_name());
            return self.raise(Kind::TypeError, text);
        }
        if new.len() < list.len() {
            self.remove(list, new.len(), list.len())?;
        }
        Ok(())
    }
}

/// Takes out what stands at these places, which are in order.
fn drop_places<T>(list: &mut bumpalo::collections::Vec<'_, T>, places: &[usize]) {
    let mut at = 0;
    list.retain(|_| {
        at += 1;
        places.binary_search(&(at - 1)).is_err()
    });
}
