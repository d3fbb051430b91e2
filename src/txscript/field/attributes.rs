//! `.attr`, `.parent` and the like: what a field's value knows of its datapoint.

use serde_json::{Map, Value as Json};

use crate::rossum::{Category, NodeRef};

use super::super::exception::{Eval, Kind};
use super::super::machine::Machine;
use super::super::value::Value;
use super::super::words::Word;
use super::schema::Field;
use super::view::TableRef;

impl<'h> Machine<'h> {
    /// An attribute that values of fields have beside those of their data.
    pub(crate) fn field_attribute(&mut self, owner: Value<'h>, word: Word) -> Eval<'h, Option<Value<'h>>> {
        let document = self.view.document;
        if !matches!(owner, Value::Datapoint(_) | Value::Row(_) | Value::Table(_) | Value::Column(_)) {
            return Ok(None);
        }
        Ok(match (owner, word) {
            (_, Word::attr) => {
                self.memory(32)?;
                Some(Value::Attr(self.bump.alloc(owner)))
            }
            (Value::Column(cells), Word::all_values) => Some(Value::AllValues(cells)),
            (Value::Table(table), Word::all_values) => {
                let child = document.field(table.field).children.first().copied();
                match child.filter(|child| document.field(*child).category == Category::Datapoint) {
                    Some(child) => match self.field_named(&document.field(child).id)? {
                        Value::Column(cells) => Some(Value::AllValues(cells)),
                        _ => None,
                    },
                    None => None,
                }
            }
            (_, Word::parent | Word::parent_multivalue) => Some(self.parent(owner, word)?),
            (Value::Datapoint(_), Word::struct_) => {
                let content = self.content(owner)?;
                Some(match content.and_then(|content| content.get("struct")) {
                    Some(json) if !json.is_null() => self.json(json)?,
                    _ => Value::Dict(self.new_dict(super::super::types::dict::Special::No)?),
                })
            }
            (_, Word::id | Word::value | Word::rir_confidence | Word::options) => {
                Some(self.attr(owner, word.text())?)
            }
            _ => None,
        })
    }

    fn parent(&mut self, owner: Value<'h>, word: Word) -> Eval<'h> {
        let document = self.view.document;
        let (field, node) = match owner {
            Value::Datapoint(datapoint) => (datapoint.place, Some(datapoint.node)),
            Value::Row(row) => return self.table(row.table.field),
            Value::Column(cells) => (cells.field, None),
            _ => return Ok(Value::None),
        };
        let Some(table) = document.schema.multivalue_of(field) else {
            return match word {
                Word::parent => Ok(Value::None),
                _ => self.raise_text(Kind::TypeError, "Field is not in a multivalue field"),
            };
        };
        let row = match (node.filter(|_| word == Word::parent), self.sheet(table)?) {
            (None, _) => None,
            (Some(node), Some(sheet)) => {
                let cells = sheet.column(field).filter(|_| sheet.tuple.is_some());
                cells.and_then(|cells| cells.borrow().iter().position(|cell| *cell == Some(node)))
            }
            (Some(node), None) => {
                let row = document.tree.row(node);
                row.and_then(|row| document.rows(table).iter().position(|other| *other == row))
            }
        };
        match (row, self.table(table)?) {
            (Some(row), Value::Table(table)) => self.table_item(table, row),
            (_, table) => Ok(table),
        }
    }

    fn origin(&self, owner: Value<'h>) -> (Option<NodeRef>, Option<&'h Field>) {
        let document = self.view.document;
        let table = |table: &TableRef<'h>| document.tree.first(&document.field(table.field).id);
        match owner {
            Value::Datapoint(datapoint) => (Some(datapoint.node), Some(datapoint.field)),
            Value::Row(row) => {
                let tuple = document.field(row.table.field).children.first().copied();
                (Some(row.node), tuple.map(|tuple| document.field(tuple)))
            }
            Value::Table(of) => (table(of), Some(document.field(of.field))),
            Value::Column(cells) => (None, Some(document.field(cells.field))),
            _ => (None, None),
        }
    }

    fn content(&self, owner: Value<'h>) -> Eval<'h, Option<&'h Map<String, Json>>> {
        let Some(node) = self.origin(owner).0 else { return Ok(None) };
        let raw = self.view.document.raw(node)?;
        Ok(raw.and_then(|raw| raw.get("content")?.as_object()))
    }

    pub(crate) fn attr_exists(&mut self, owner: Value<'h>, name: &str) -> Eval<'h, bool> {
        match self.attr_value(owner, name)? {
            Some(value) => Ok(!matches!(value, Value::None)),
            None => Ok(false),
        }
    }

    /// `value.attr.name`: of the content, the datapoint or the schema, in this order.
    pub(crate) fn attr(&mut self, owner: Value<'h>, name: &str) -> Eval<'h> {
        match self.attr_value(owner, name)? {
            Some(value) => Ok(value),
            None => self.raise_text(Kind::AttributeError, name),
        }
    }

    fn attr_value(&mut self, owner: Value<'h>, name: &str) -> Eval<'h, Option<Value<'h>>> {
        let document = self.view.document;
        let (node, field) = self.origin(owner);
        if !matches!(name, "options" | "validation_sources")
            && let Some(value) = self.edited_attribute(owner, name)?
        {
            return Ok(Some(value));
        }
        if let (Some(node), "value" | "normalized_value") = (node, name)
            && let Some(changed) = document.journal.changed_value(node)
        {
            return self.str(&changed).map(Some);
        }
        let raw = node.map(|node| document.raw(node)).transpose()?.flatten();
        let of_content = self.content(owner)?.and_then(|content| content.get(name));
        let of_node = raw.and_then(|raw| raw.get(name));
        let of_schema = field.and_then(|field| field.raw.get(name));
        match name {
            "options" => return self.attr_list(owner, true, of_node.or(of_schema)).map(Some),
            "validation_sources" => return self.attr_list(owner, false, of_node).map(Some),
            _ => {}
        }
        match of_content.or(of_node).or(of_schema) {
            Some(json @ (Json::Object(_) | Json::Array(_))) => self.json_value(json).map(Some),
            Some(json) => self.json(json).map(Some),
            None if name == "hidden" => Ok(Some(Value::Bool(false))),
            None if name == "schema_id" => Ok(field.map(|field| Value::Str(&field.id))),
            None => Ok(None),
        }
    }
}
