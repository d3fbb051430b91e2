//! `field`: names become datapoints, tables and columns.

use std::borrow::Cow;
use std::cell::Cell;

use crate::rossum::{Category, NodeRef};

use super::super::code::NameId;
use super::super::edit::Owner;
use super::super::edit::sheet::{RowState, Sheet};
use super::super::exception::{Eval, Kind};
use super::super::machine::Machine;
use super::super::types::date::field_date;
use super::super::types::number::parse_float;
use super::super::value::Value;
use super::super::words::Word;
use super::document::Document;
use super::schema::{Field, FieldType};

/// What `field` is in one evaluation: the header, or a row with the header behind it.
pub(crate) struct View<'h> {
    pub(crate) document: &'h Document<'h>,
    /// The table and the number of its row.
    row: Option<(usize, usize)>,
    /// What names meant so far: as `field.x`, and as attributes of rows.
    known: Vec<Option<Value<'h>>>,
    fields: Vec<Place>,
}

/// What a name is as an attribute of rows.
#[derive(Debug, Clone, Copy)]
enum Place {
    Unknown,
    None,
    Column { field: usize, table: usize },
}

impl<'h> View<'h> {
    /// `row`: a table's schema id and a row's number.
    pub(crate) fn new(document: &'h Document<'h>, row: Option<(&str, usize)>) -> Self {
        let row = row.and_then(|(table, row)| Some((document.schema.find(table)?, row)));
        Self { document, row, known: Vec::new(), fields: Vec::new() }
    }

    /// The row that it is in, where this field is a column of its table.
    pub(crate) fn row_of(&self, field: usize) -> Option<usize> {
        let (table, row) = self.row?;
        (self.document.schema.multivalue_of(field) == Some(table)).then_some(row)
    }
}

/// A datapoint's value, which remembers where it is from.
pub(crate) struct Datapoint<'h> {
    pub(crate) data: Value<'h>,
    pub(crate) node: NodeRef,
    pub(crate) field: &'h Field,
    pub(crate) place: usize,
}

impl Datapoint<'_> {
    /// A text is its value; every other type is a stand-in for it.
    pub(crate) fn is_text(&self) -> bool {
        self.field.kind == FieldType::Text
    }

    pub(crate) fn type_name(&self) -> &'static str {
        match self.field.kind {
            FieldType::Text => "StringValue",
            FieldType::Number => "NumberValue",
            FieldType::Date => "DateValue",
            FieldType::Boolean => "BooleanValue",
            FieldType::Nothing => "NoneValue",
        }
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.node == other.node
    }
}

/// A column: a cell for each row, `None` where the document has none.
pub(crate) struct Cells<'h> {
    nodes: &'h [Option<NodeRef>],
    pub(crate) field: usize,
    /// Where it is written to.
    sheet: Option<&'h Sheet<'h>>,
}

impl Cells<'_> {
    pub(crate) fn len(&self) -> usize {
        match self.sheet.and_then(|sheet| sheet.column(self.field)) {
            Some(column) => column.borrow().len(),
            None => self.nodes.len(),
        }
    }
}

/// A multivalue.
pub(crate) struct TableRef<'h> {
    pub(crate) field: usize,
    rows: &'h [NodeRef],
    /// Where it is written to.
    sheet: Option<&'h Sheet<'h>>,
}

impl TableRef<'_> {
    pub(crate) fn rows(&self) -> usize {
        self.sheet.map_or(self.rows.len(), Sheet::len)
    }
}

pub(crate) struct RowRef<'h> {
    pub(crate) table: &'h TableRef<'h>,
    pub(crate) index: usize,
    pub(crate) node: NodeRef,
    /// Where it is written to.
    pub(crate) state: Cell<Option<&'h RowState<'h>>>,
}

impl RowRef<'_> {
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let read_only = self.state.get().is_none() && other.state.get().is_none();
        std::ptr::eq(self, other) || read_only && self.node == other.node
    }
}

impl<'h> Machine<'h> {
    /// `field.name`.
    pub(crate) fn field(&mut self, name: NameId) -> Eval<'h> {
        let at = name as usize;
        if let Some(Some(value)) = self.view.known.get(at) {
            return Ok(*value);
        }
        let value = self.field_named(&self.program.names[at].text)?;
        if self.edits.is_some() {
            return Ok(value); // it may be another one next time
        }
        if self.view.known.is_empty() {
            self.view.known.resize(self.program.names.len(), None);
        }
        self.view.known[at] = Some(value);
        Ok(value)
    }

    pub(crate) fn field_named(&mut self, name: &str) -> Eval<'h> {
        let document = self.view.document;
        if let Some((table, row)) = self.view.row {
            if name == "_index" {
                return Ok(Value::Int(i64::try_from(row).unwrap_or(i64::MAX)));
            }
            if let Some(field) = document.schema.find(name)
                && document.schema.multivalue_of(field) == Some(table)
                && document.field(field).category == Category::Datapoint
            {
                return self.cell_of(field, row);
            }
        }
        let Some(field) = document.schema.find(name) else {
            return self.raise(Kind::AttributeError, format_args!("Field '{name}' is not defined"));
        };
        match document.field(field).category {
            Category::Multivalue => self.table(field),
            Category::Tuple => match document.field(field).parent {
                Some(parent) => self.table(parent),
                None => self.not_present(name),
            },
            Category::Datapoint if document.schema.multivalue_of(field).is_some() => {
                self.memory(size_of::<Cells<'h>>())?;
                let sheet = self.sheet(document.schema.multivalue_of(field).unwrap_or(field))?;
                let nodes = if sheet.is_some() { &[] } else { document.column(field) };
                Ok(Value::Column(self.bump.alloc(Cells { nodes, field, sheet })))
            }
            Category::Datapoint | Category::Section => match document.tree.first(name) {
                Some(node) => self.datapoint(field, node),
                None => self.not_present(name),
            },
        }
    }

    pub(crate) fn not_present<T>(&mut self, name: &str) -> Eval<'h, T> {
        self.raise(Kind::AttributeError, format_args!("Field '{name}' is not present"))
    }

    pub(crate) fn table(&mut self, field: usize) -> Eval<'h> {
        let sheet = self.sheet(field)?;
        let rows = if sheet.is_some() { &[] } else { self.view.document.rows(field) };
        self.memory(size_of::<TableRef<'h>>())?;
        Ok(Value::Table(self.bump.alloc(TableRef { field, rows, sheet })))
    }

    fn cell_of(&mut self, field: usize, row: usize) -> Eval<'h> {
        let document = self.view.document;
        match document.column(field).get(row).copied().flatten() {
            Some(node) => self.datapoint(field, node),
            None => self.not_present(&document.field(field).id),
        }
    }

    pub(crate) fn cell(&mut self, cells: &Cells<'h>, row: usize) -> Eval<'h> {
        let Some(sheet) = cells.sheet else { return self.cell_of(cells.field, row) };
        let cell = sheet.column(cells.field).and_then(|column| column.borrow().get(row).copied().flatten());
        self.present(cells.field, cell)
    }

    fn present(&mut self, field: usize, cell: Option<NodeRef>) -> Eval<'h> {
        match cell {
            Some(node) => self.datapoint(field, node),
            None => self.not_present(&self.view.document.field(field).id),
        }
    }

    /// A cell of a row, by the place of its column in the schema.
    fn row_value(&mut self, row: &RowRef<'h>, field: usize) -> Eval<'h> {
        let Some(state) = row.state.get() else { return self.cell_of(field, row.index) };
        let cell = self.state_cell(state, field)?;
        self.present(field, cell)
    }

    /// A row, or a value where the multivalue is a simple list.
    pub(crate) fn table_item(&mut self, table: &'h TableRef<'h>, at: usize) -> Eval<'h> {
        let document = self.view.document;
        if let Some(sheet) = table.sheet {
            if sheet.tuple.is_some() {
                let row = sheet.rows.borrow()[at];
                return self.sheet_row(table, row);
            }
            let Some((field, cells)) = sheet.columns.first() else { return Ok(Value::None) };
            let cell = cells.borrow()[at];
            return self.present(*field, cell);
        }
        let node = table.rows[at];
        let of = document.tree.node(node);
        if of.category == Category::Datapoint
            && let Some(field) = document.schema.find(&of.schema_id)
        {
            return self.datapoint(field, node);
        }
        self.memory(size_of::<RowRef<'h>>())?;
        Ok(Value::Row(self.bump.alloc(RowRef { table, index: at, node, state: Cell::new(None) })))
    }

    pub(crate) fn datapoint(&mut self, place: usize, node: NodeRef) -> Eval<'h> {
        if let Some(attributes) = self.attributes(Owner::Node(node)) {
            return self.edited_datapoint(attributes, node);
        }
        let document = self.view.document;
        let field = document.field(place);
        let text = document.text(node);
        let data = match field.kind {
            FieldType::Number => parse_float(&text).map_or(Value::None, Value::Float),
            FieldType::Date => field_date(&text).map_or(Value::None, Value::Date),
            FieldType::Boolean => match &*text {
                "True" => Value::Bool(true),
                "False" => Value::Bool(false),
                _ => Value::None,
            },
            FieldType::Nothing => Value::None,
            FieldType::Text => match text {
                Cow::Borrowed(text) => Value::Str(text),
                Cow::Owned(text) => self.str(&text)?,
            },
        };
        self.memory(size_of::<Datapoint<'h>>())?;
        Ok(Value::Datapoint(self.bump.alloc(Datapoint { data, node, field, place })))
    }

    /// `row.name`, where the name is a column: found by its number.
    pub(crate) fn row_cell(&mut self, row: &RowRef<'h>, name: NameId) -> Eval<'h, Option<Value<'h>>> {
        let at = name as usize;
        if self.view.fields.is_empty() {
            self.view.fields.resize(self.program.names.len(), Place::Unknown);
        }
        let schema = self.view.document.schema;
        if let Place::Unknown = self.view.fields[at] {
            let field = schema.find(&self.program.names[at].text);
            let column = field.filter(|field| schema.fields[*field].category == Category::Datapoint);
            self.view.fields[at] = column.map_or(Place::None, |field| match schema.multivalue_of(field) {
                Some(table) => Place::Column { field, table },
                None => Place::None,
            });
        }
        match self.view.fields[at] {
            Place::Column { field, table } if table == row.table.field => {
                self.row_value(row, field).map(Some)
            }
            _ => Ok(None),
        }
    }

    pub(crate) fn row_attribute(
        &mut self,
        row: &'h RowRef<'h>,
        name: &'h str,
        word: Option<Word>,
    ) -> Eval<'h> {
        let schema = self.view.document.schema;
        if let Some(field) = schema.find(name)
            && schema.multivalue_of(field) == Some(row.table.field)
            && self.view.document.field(field).category == Category::Datapoint
        {
            return self.row_value(row, field);
        }
        match word {
            Some(Word::_index) => {
                let sent = i64::try_from(row.index).ok();
                let index = row.state.get().map_or(sent, |state| state.index.get());
                Ok(index.map_or(Value::None, Value::Int))
            }
            Some(word) => match self.field_attribute(Value::Row(row), word)? {
                Some(value) => Ok(value),
                None => self.not_in_row(row, name),
            },
            None => self.not_in_row(row, name),
        }
    }

    pub(crate) fn not_in_row<T>(&mut self, row: &RowRef<'h>, name: &str) -> Eval<'h, T> {
        let document = self.view.document;
        let tuple = document.field(row.table.field).children.first();
        let tuple = tuple.map_or("", |tuple| &document.field(*tuple).id);
        self.raise(Kind::AttributeError, format_args!("Field '{name}' is not defined in tuple '{tuple}'"))
    }

    /// A row's cells by name, in the schema's order.
    pub(crate) fn row_cells(&mut self, row: &RowRef<'h>) -> Eval<'h, Vec<(&'h str, Value<'h>)>> {
        let document = self.view.document;
        let tuple = document.field(row.table.field).children.first().copied();
        let columns = tuple.map(|tuple| &document.field(tuple).children[..]).unwrap_or_default();
        let mut cells = Vec::with_capacity(columns.len());
        for column in columns {
            cells.push((&*document.field(*column).id, self.row_value(row, *column)?));
        }
        Ok(cells)
    }
}
