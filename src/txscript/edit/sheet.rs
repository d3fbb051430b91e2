//! A table while it is written to: its rows, and its columns as lists of cells.

use std::cell::{Cell, RefCell};

use bumpalo::collections::Vec as ArenaVec;

use crate::rossum::{Category, NodeRef};

use super::super::exception::{Eval, Kind};
use super::super::field::{RowRef, TableRef};
use super::super::machine::{Machine, place};
use super::super::value::Value;
use super::Owner;

/// The cells of a column, in the order of the rows; `None` where the document has none.
pub(crate) type Cells<'h> = RefCell<ArenaVec<'h, Option<NodeRef>>>;

pub(crate) struct Sheet<'h> {
    /// The multivalue's place in the schema.
    pub(crate) table: usize,
    /// The tuple's place; none where the multivalue is a simple list, which has one column and no rows.
    pub(crate) tuple: Option<usize>,
    pub(crate) rows: RefCell<ArenaVec<'h, &'h RowState<'h>>>,
    pub(crate) columns: &'h [(usize, Cells<'h>)],
}

/// A row, which keeps its state when others come and go.
pub(crate) struct RowState<'h> {
    pub(crate) sheet: &'h Sheet<'h>,
    pub(crate) owner: Owner,
    /// The node that was sent; none for a new row.
    pub(crate) sent: Option<NodeRef>,
    /// Its number; none once it was replaced by another.
    pub(crate) index: Cell<Option<i64>>,
    /// Cells that were asked for.
    pub(super) known: RefCell<ArenaVec<'h, (usize, Option<NodeRef>)>>,
    /// All cells, once they were asked for.
    pub(super) cells: Cell<Option<&'h [Option<NodeRef>]>>,
    /// Its value, once it was asked for.
    pub(crate) value: Cell<Option<&'h RowRef<'h>>>,
}

impl<'h> Sheet<'h> {
    pub(crate) fn column(&self, field: usize) -> Option<&Cells<'h>> {
        self.columns.iter().find(|(column, _)| *column == field).map(|(_, cells)| cells)
    }

    /// How many rows, or values of a simple list.
    pub(crate) fn len(&self) -> usize {
        match self.tuple {
            Some(_) => self.rows.borrow().len(),
            None => self.columns.first().map_or(0, |(_, cells)| cells.borrow().len()),
        }
    }
}

impl<'h> Machine<'h> {
    /// The sheet of a multivalue, where this evaluation may write.
    pub(crate) fn sheet(&mut self, table: usize) -> Eval<'h, Option<&'h Sheet<'h>>> {
        let Some(edits) = &self.edits else { return Ok(None) };
        if let Some(sheet) = edits.sheets.get(&table) {
            return Ok(Some(sheet));
        }
        let document = self.view.document;
        let child = document.field(table).children.first().copied();
        let tuple = child.filter(|child| document.field(*child).category == Category::Tuple);
        let columns = match (tuple, child) {
            (Some(tuple), _) => document.field(tuple).children.clone(),
            (None, Some(child)) => vec![child],
            (None, None) => Vec::new(),
        };
        let count = document.rows(table).len();
        self.memory(count * (columns.len() * size_of::<NodeRef>() * 2 + size_of::<RowState<'h>>()))?;
        self.steps(count)?;
        let mut lists = ArenaVec::with_capacity_in(columns.len(), self.bump);
        for column in columns {
            let mut cells = ArenaVec::with_capacity_in(count, self.bump);
            cells.extend_from_slice(document.column(column));
            lists.push((column, RefCell::new(cells)));
        }
        let rows = RefCell::new(ArenaVec::with_capacity_in(count, self.bump));
        let sheet = &*self.bump.alloc(Sheet { table, tuple, rows, columns: lists.into_bump_slice() });
        if tuple.is_some() {
            for (at, node) in document.rows(table).iter().enumerate() {
                let row = self.row_state(sheet, Owner::Node(*node), Some(*node), i64::try_from(at).ok());
                sheet.rows.borrow_mut().push(row);
            }
        }
        self.edit(|edits| edits.sheets.insert(table, sheet))?;
        Ok(Some(sheet))
    }

    pub(super) fn row_state(
        &self,
        sheet: &'h Sheet<'h>,
        owner: Owner,
        sent: Option<NodeRef>,
        index: Option<i64>,
    ) -> &'h RowState<'h> {
        self.bump.alloc(RowState {
            sheet,
            owner,
            sent,
            index: Cell::new(index),
            known: RefCell::new(ArenaVec::new_in(self.bump)),
            cells: Cell::new(None),
            value: Cell::new(None),
        })
    }

    /// The value of a row: the same one, however often it is asked for.
    pub(crate) fn sheet_row(&mut self, table: &'h TableRef<'h>, state: &'h RowState<'h>) -> Eval<'h> {
        if let Some(row) = state.value.get() {
            return Ok(Value::Row(row));
        }
        let Owner::Node(node) = state.owner else { return Ok(Value::None) };
        self.memory(size_of::<RowRef<'h>>())?;
        let index = state.index.get().and_then(|index| usize::try_from(index).ok()).unwrap_or(0);
        let row = &*self.bump.alloc(RowRef { table, index, node, state: Cell::new(Some(state)) });
        state.value.set(Some(row));
        Ok(Value::Row(row))
    }

    /// A cell of a row, by the place of its column in the schema.
    pub(crate) fn state_cell(&mut self, row: &'h RowState<'h>, field: usize) -> Eval<'h, Option<NodeRef>> {
        let known = row.known.borrow().iter().find(|(column, _)| *column == field).map(|(_, cell)| *cell);
        if let Some(cell) = known {
            return Ok(cell);
        }
        let cell = self.cell_at(row, field)?;
        self.memory(size_of::<(usize, Option<NodeRef>)>())?;
        row.known.borrow_mut().push((field, cell));
        Ok(cell)
    }

    fn cell_at(&mut self, row: &'h RowState<'h>, field: usize) -> Eval<'h, Option<NodeRef>> {
        let Some(index) = row.index.get() else {
            let text = "list indices must be integers or slices, not NoneType";
            return self.raise_text(Kind::TypeError, text);
        };
        let Some(column) = row.sheet.column(field) else { return Ok(None) };
        let column = column.borrow();
        match place(index.into(), column.len()) {
            Some(at) => Ok(column[at]),
            None => self.raise_text(Kind::IndexError, "list index out of range"),
        }
    }

    /// All cells of a row, as they were when they were first asked for.
    pub(crate) fn state_cells(&mut self, row: &'h RowState<'h>) -> Eval<'h, &'h [Option<NodeRef>]> {
        if let Some(cells) = row.cells.get() {
            return Ok(cells);
        }
        let mut cells = ArenaVec::with_capacity_in(row.sheet.columns.len(), self.bump);
        for (field, _) in row.sheet.columns {
            cells.push(self.cell_at(row, *field)?);
        }
        self.memory(size_of_val(&cells[..]))?;
        let cells = cells.into_bump_slice();
        row.cells.set(Some(cells));
        Ok(cells)
    }
}
