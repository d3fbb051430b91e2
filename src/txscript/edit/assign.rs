//! Assignments: to fields, cells, rows and columns.

use crate::rossum::{Category, NodeRef};

use super::super::exception::{Eval, Kind};
use super::super::field::{Datapoint, FieldType};
use super::super::machine::Machine;
use super::super::types::number::parse_float;
use super::super::value::Value;
use super::super::words::Word;
use super::attributes::Attributes;
use super::sheet::RowState;
use super::updates::Part;
use super::{Owner, sequence::Sequence};

const COLUMN_IS_NO_TARGET: &str =
    "Cannot assign to multivalue field; consider assigning to the .all_values property";

/// Kinds of fields that Rossum computes: nobody else writes to them.
const COMPUTED: [&str; 3] = ["formula", "reasoning", "lookup"];

impl<'h> Machine<'h> {
    /// `owner.name = value`, where the owner is `field` or something in it; `false` where it is none of these.
    pub(crate) fn set_field_attribute(
        &mut self,
        owner: Value<'h>,
        name: &'h str,
        value: Value<'h>,
    ) -> Eval<'h, bool> {
        match owner {
            Value::Fields => self.set_field(name, value)?,
            Value::Attr(of) => self.set_attr(*of, name, value)?,
            Value::Row(row) => match self.column_of(row.table.field, name) {
                Some(field) => {
                    self.writable()?;
                    let cell = match row.state.get() {
                        Some(state) => self.state_cell(state, field)?,
                        None => None,
                    };
                    match cell {
                        Some(cell) => self.set_value(Owner::Node(cell), field, value)?,
                        None => return self.not_in_row(row, name),
                    }
                }
                None if name.starts_with('_') => {}
                None => return self.not_in_row(row, name),
            },
            Value::Datapoint(_) | Value::Column(_) | Value::Table(_) => {
                self.set_on_value(owner, name, value)?;
            }
            Value::EnumOption(option) => self.set_option(option, name, value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn column_of(&self, table: usize, name: &str) -> Option<usize> {
        let schema = self.view.document.schema;
        let field = schema.find(name).filter(|field| schema.multivalue_of(*field) == Some(table))?;
        (schema.fields[field].category == Category::Datapoint).then_some(field)
    }

    /// `field.name = value`.
    fn set_field(&mut self, name: &str, value: Value<'h>) -> Eval<'h, ()> {
        self.writable()?;
        let document = self.view.document;
        let schema = document.schema;
        let Some(field) = schema.find(name) else {
            return self.raise(Kind::AttributeError, format_args!("Field '{name}' is not defined"));
        };
        let of = document.field(field);
        let table = match of.category {
            Category::Multivalue => Some(field),
            Category::Tuple => of.parent,
            Category::Datapoint if schema.multivalue_of(field).is_some() => {
                return self.raise_text(Kind::TypeError, COLUMN_IS_NO_TARGET);
            }
            Category::Datapoint | Category::Section => None,
        };
        if let Some(table) = table {
            return match self.sheet(table)? {
                Some(sheet) if sheet.tuple.is_some() => self.set_table(Sequence::Rows(sheet), value),
                _ => self.raise_text(Kind::TypeError, COLUMN_IS_NO_TARGET),
            };
        }
        match document.tree.first(name).filter(|_| of.category == Category::Datapoint) {
            Some(node) => self.set_value(Owner::Node(node), field, value),
            None => self.raise(Kind::AttributeError, format_args!("Field '{name}' is not present")),
        }
    }

    fn set_table(&mut self, rows: Sequence<'h>, value: Value<'h>) -> Eval<'h, ()> {
        if !value.is_iterable() {
            let text = "Multivalue tuple must be assigned a list or other iterable (of rows)";
            return self.raise_text(Kind::TypeError, text);
        }
        self.replace_all(rows, value)
    }

    /// `value.name = …` where the value is a field's.
    fn set_on_value(&mut self, owner: Value<'h>, name: &str, value: Value<'h>) -> Eval<'h, ()> {
        match (owner, name) {
            (Value::Column(cells), "all_values") => {
                if !value.is_iterable() {
                    let text = ".all_values must be assigned a list or other iterable";
                    return self.raise_text(Kind::TypeError, text);
                }
                let table = self.view.document.schema.multivalue_of(cells.field).unwrap_or(cells.field);
                return match self.sheet(table)? {
                    Some(sheet) => self.replace_all(Sequence::Column(sheet, cells.field), value),
                    None => self.read_only(),
                };
            }
            (Value::Table(table), "all_values") => {
                return match self.sheet(table.field)? {
                    Some(sheet) if sheet.tuple.is_none() => self.replace_all(Sequence::Rows(sheet), value),
                    Some(_) => self.raise_text(Kind::AttributeError, "all_values"),
                    None => self.read_only(),
                };
            }
            _ if name == "all_values" || name.starts_with('_') => return Ok(()),
            _ => {}
        }
        if let Value::Datapoint(datapoint) = owner
            && !datapoint.is_text()
        {
            let text = format_args!("'{}' object has no attribute '{name}'", datapoint.data.type_name());
            return self.raise(Kind::AttributeError, text);
        }
        if self.attr_exists(owner, name)? {
            let text = format_args!("Consider accessing .{name} as .attr.{name}");
            return self.raise(Kind::AttributeError, text);
        }
        self.raise_text(Kind::AttributeError, name)
    }

    /// A value as a datapoint keeps it: its text, empty where there is none.
    pub(super) fn as_content(&mut self, value: Value<'h>) -> Eval<'h> {
        let empty = self.is_empty(value)?;
        if self.truth(empty)? {
            return Ok(Value::Str(""));
        }
        self.str_of(value).map(Value::Str)
    }

    pub(super) fn set_value(&mut self, owner: Owner, field: usize, value: Value<'h>) -> Eval<'h, ()> {
        self.writable()?;
        let new = self.as_content(value)?;
        let attributes = self.touch(owner, field)?;
        if self.differs(attributes, new)? {
            self.edit(|edits| edits.updates.replace(owner, attributes, Part::VALUE))?;
            attributes.value.set(Some(new));
            attributes.normalized.set(new);
            attributes.shown.set(None);
        }
        Ok(())
    }

    /// Whether a new value is another than the one that is there.
    pub(super) fn differs(&mut self, attributes: &Attributes<'h>, new: Value<'h>) -> Eval<'h, bool> {
        let old = match attributes.normalized.get() {
            Value::None => attributes.value.get().unwrap_or_default(),
            normalized => normalized,
        };
        if !self.equals(old, new)? {
            return Ok(true);
        }
        // A value of `null`, which reads as an empty text, is not yet one.
        let sent = attributes.sent.filter(|_| matches!(new, Value::Str("")));
        Ok(match sent {
            Some(node) if self.view.document.journal.changed_value(node).is_none() => {
                let raw = self.view.document.raw(node)?.and_then(|raw| raw.get("content"));
                let touched = matches!(attributes.normalized.get(), Value::Str(_));
                !touched
                    && raw.and_then(|content| content.get("value")).is_some_and(serde_json::Value::is_null)
            }
            _ => false,
        })
    }

    /// A new datapoint for a value, with the id of the one that it replaces.
    pub(super) fn new_attributes(
        &mut self,
        field: usize,
        sent: Option<NodeRef>,
        value: Value<'h>,
    ) -> Eval<'h, (NodeRef, &'h Attributes<'h>)> {
        let value = self.as_content(value)?;
        let node = self.new_node()?;
        let attributes = Attributes { made_here: true, ..Attributes::new(field, sent, Some(value), value) };
        let attributes = self.keep(Owner::Node(node), attributes)?;
        Ok((node, attributes))
    }

    /// The value of a datapoint that was written to.
    pub(crate) fn edited_datapoint(&mut self, attributes: &'h Attributes<'h>, node: NodeRef) -> Eval<'h> {
        if let Some(shown) = attributes.shown.get() {
            return Ok(Value::Datapoint(shown));
        }
        let field = self.view.document.field(attributes.field);
        let normalized = attributes.normalized.get();
        let raw =
            if self.truth(normalized)? { normalized } else { attributes.value.get().unwrap_or_default() };
        let raw = if self.truth(raw)? { self.str_of(raw)? } else { "" };
        let data = match field.kind {
            FieldType::Number => parse_float(raw).map_or(Value::None, Value::Float),
            FieldType::Date => super::super::types::date::field_date(raw).map_or(Value::None, Value::Date),
            FieldType::Boolean => match raw {
                "True" => Value::Bool(true),
                "False" => Value::Bool(false),
                _ => Value::None,
            },
            FieldType::Nothing => Value::None,
            FieldType::Text => Value::Str(raw),
        };
        self.memory(size_of::<Datapoint<'h>>())?;
        let datapoint = &*self.bump.alloc(Datapoint { data, node, field, place: attributes.field });
        attributes.shown.set(Some(datapoint));
        Ok(Value::Datapoint(datapoint))
    }

    /// `rows[…] = value`: the row's cells are replaced, and keep their ids.
    pub(super) fn set_row(&mut self, row: &'h RowState<'h>, value: Value<'h>) -> Eval<'h, ()> {
        self.writable()?;
        if let (Some(current), Value::Row(new)) = (row.value.get(), value) {
            if std::ptr::eq(current, new) {
                return Ok(());
            }
            // Who holds the old value keeps it: it may be the source of another row's.
            let snapshot = self.row_state(row.sheet, row.owner, row.sent, row.index.get());
            for (field, _) in row.sheet.columns {
                self.state_cell(snapshot, *field)?;
            }
            self.state_cells(snapshot)?;
            snapshot.index.set(None);
            current.state.set(Some(snapshot));
            row.value.set(None);
        }
        let cells = self.cells_for(row, value)?;
        for ((field, column), value) in row.sheet.columns.iter().zip(cells) {
            let index = row.index.get().unwrap_or(-1);
            let Some(at) = super::super::machine::place(index.into(), column.borrow().len()) else {
                return self.raise_text(Kind::IndexError, "list index out of range");
            };
            let Some(old) = column.borrow()[at] else {
                return self.raise_text(Kind::KeyError, "'content'");
            };
            let before = self.touch(Owner::Node(old), *field)?;
            let (node, attributes) = self.new_attributes(*field, before.sent, value)?;
            if !self.is_computed(*field) {
                let changed = self.differs(before, attributes.normalized.get())?;
                let part = if changed { Part::VALUE } else { Part::default() };
                let (old, new) = ((Owner::Node(old), before), (Owner::Node(node), attributes));
                self.edit(|edits| edits.updates.exchange(old, new, part))?;
            }
            column.borrow_mut()[at] = Some(node);
        }
        row.known.borrow_mut().clear();
        Ok(())
    }

    /// The values of a row's cells, from a dict or another row, in the order of the columns.
    pub(super) fn cells_for(&mut self, row: &'h RowState<'h>, value: Value<'h>) -> Eval<'h, Vec<Value<'h>>> {
        let document = self.view.document;
        let columns = row.sheet.columns;
        match value {
            Value::Row(source) => {
                let Some(state) = source.state.get() else { return Ok(Vec::new()) };
                if state.sheet.table != row.sheet.table {
                    let names = |sheet: &super::sheet::Sheet<'_>| {
                        let ids =
                            sheet.columns.iter().map(|(field, _)| format!("'{}'", document.field(*field).id));
                        format!("[{}]", ids.collect::<Vec<_>>().join(", "))
                    };
                    let (from, to) = (names(state.sheet), names(row.sheet));
                    let text = format_args!("Attempt to set columns {from} to a tuple expecting {to}");
                    return self.raise(Kind::ValueError, text);
                }
                let cells = self.state_cells(state)?;
                let mut values = Vec::with_capacity(cells.len());
                for ((field, _), cell) in columns.iter().zip(cells) {
                    match cell {
                        Some(cell) => values.push(self.datapoint(*field, *cell)?),
                        None => return self.not_present(&document.field(*field).id),
                    }
                }
                Ok(values)
            }
            Value::Dict(dict) => {
                let mut values = Vec::with_capacity(columns.len());
                for (field, _) in columns {
                    let key = self.key(Value::Str(&document.field(*field).id))?;
                    values.push(dict.get(key).unwrap_or_default());
                }
                for key in self.keys(dict)? {
                    let known = matches!(key.plain(), Value::Str(key)
                        if columns.iter().any(|(field, _)| &*document.field(*field).id == key));
                    if !known {
                        let key = self.str_of(key)?;
                        let text =
                            format_args!("Attempted to set column {key} that is not a member of the tuple");
                        return self.raise(Kind::ValueError, text);
                    }
                }
                Ok(values)
            }
            Value::Json(node) if node.is_object() => {
                let dict = self.json_plain(node)?;
                self.cells_for(row, dict)
            }
            other => {
                self.attribute_named(other, "get", Some(Word::get))?;
                Ok(Vec::new())
            }
        }
    }

    /// Whether Rossum computes this field itself.
    pub(super) fn is_computed(&self, field: usize) -> bool {
        let raw = &self.view.document.field(field).raw;
        let kind =
            raw.get("ui_configuration").and_then(|ui| ui.get("type")).and_then(serde_json::Value::as_str);
        kind.is_some_and(|kind| COMPUTED.contains(&kind))
    }
}
