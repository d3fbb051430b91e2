//! `field`: names become datapoints, tables and columns.

use std::borrow::Cow;

use crate::rossum::{Category, NodeRef};

use super::super::code::NameId;
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
    pub(crate) nodes: &'h [Option<NodeRef>],
    pub(crate) field: usize,
}

/// A multivalue.
pub(crate) struct TableRef<'h> {
    pub(crate) field: usize,
    pub(crate) rows: &'h [NodeRef],
}

impl TableRef<'_> {
    pub(crate) fn rows(&self) -> usize {
        self.rows.len()
    }
}

pub(crate) struct RowRef<'h> {
    pub(crate) table: &'h TableRef<'h>,
    pub(crate) index: usize,
    pub(crate) node: NodeRef,
}

impl RowRef<'_> {
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.node == other.node
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
                Ok(Value::Column(self.bump.alloc(Cells { nodes: document.column(field), field })))
            }
            Category::Datapoint | Category::Section => match document.tree.first(name) {
                Some(node) => self.datapoint(field, node),
                None => self.not_present(name),
            },
        }
    }

    fn not_present<T>(&mut self, name: &str) -> Eval<'h, T> {
        self.raise(Kind::AttributeError, format_args!("Field '{name}' is not present"))
    }

    pub(super) fn table(&mut self, field: usize) -> Eval<'h> {
        let rows = self.view.document.rows(field);
        self.memory(size_of::<TableRef<'h>>())?;
        Ok(Value::Table(self.bump.alloc(TableRef { field, rows })))
    }

    fn cell_of(&mut self, field: usize, row: usize) -> Eval<'h> {
        let document = self.view.document;
        match document.column(field).get(row).copied().flatten() {
            Some(node) => self.datapoint(field, node),
            None => self.not_present(&document.field(field).id),
        }
    }

    pub(crate) fn cell(&mut self, cells: &Cells<'h>, row: usize) -> Eval<'h> {
        self.cell_of(cells.field, row)
    }

    /// A row, or a value where the multivalue is a simple list.
    pub(crate) fn table_item(&mut self, table: &'h TableRef<'h>, at: usize) -> Eval<'h> {
        let document = self.view.document;
        let node = table.rows[at];
        let of = document.tree.node(node);
        if of.category == Category::Datapoint
            && let Some(field) = document.schema.find(&of.schema_id)
        {
            return self.datapoint(field, node);
        }
        self.memory(size_of::<RowRef<'h>>())?;
        Ok(Value::Row(self.bump.alloc(RowRef { table, index: at, node })))
    }

    pub(super) fn datapoint(&mut self, place: usize, node: NodeRef) -> Eval<'h> {
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
                self.cell_of(field, row.index).map(Some)
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
            return self.cell_of(field, row.index);
        }
        match word {
            Some(Word::_index) => Ok(Value::Int(i64::try_from(row.index).unwrap_or(i64::MAX))),
            Some(word) => match self.field_attribute(Value::Row(row), word)? {
                Some(value) => Ok(value),
                None => self.not_in_row(row, name),
            },
            None => self.not_in_row(row, name),
        }
    }

    fn not_in_row<T>(&mut self, row: &RowRef<'h>, name: &str) -> Eval<'h, T> {
        let tuple = &self.view.document.tree.node(row.node).schema_id;
        self.raise(Kind::AttributeError, format_args!("Field '{name}' is not defined in tuple '{tuple}'"))
    }

    /// A row's cells by name, in the schema's order.
    pub(crate) fn row_cells(&mut self, row: &RowRef<'h>) -> Eval<'h, Vec<(&'h str, Value<'h>)>> {
        let document = self.view.document;
        let tuple = document.field(row.table.field).children.first().copied();
        let columns = tuple.map(|tuple| &document.field(tuple).children[..]).unwrap_or_default();
        let mut cells = Vec::with_capacity(columns.len());
        for column in columns {
            cells.push((&*document.field(*column).id, self.cell_of(*column, row.index)?));
        }
        Ok(cells)
    }
}
