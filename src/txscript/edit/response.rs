//! `hook_response()`: messages, automation blockers and operations, as the answer to Rossum has them.

use crate::rossum::{Category, MessageType, NodeRef};

use super::super::exception::{Eval, Kind};
use super::super::machine::Machine;
use super::super::types::dict::{Dict, Special};
use super::super::value::Value;
use super::Owner;
use super::attributes::Attributes;
use super::updates::{Part, Subject, Update};

impl<'h> Machine<'h> {
    pub(super) fn hook_response(&mut self) -> Eval<'h> {
        let response = self.new_dict(Special::No)?;
        let output = std::mem::take(&mut self.output);
        let blockers = output.blockers.iter().map(|(on, content)| self.notice(None, *on, content));
        let blockers = blockers.collect::<Eval<'h, Vec<_>>>();
        let messages =
            output.shown.iter().map(|shown| self.notice(Some(shown.kind), shown.on, &shown.content));
        let messages = messages.collect::<Eval<'h, Vec<_>>>();
        self.output = output;
        let updates = self.edit(|edits| edits.updates.all())?;
        let mut operations = Vec::with_capacity(updates.len());
        for update in updates {
            self.step()?;
            operations.extend(self.operation(update)?);
        }
        for (name, list) in
            [("automation_blockers", blockers?), ("messages", messages?), ("operations", operations)]
        {
            let list = self.list(list)?;
            self.dict_insert(response, Value::Str(name), list)?;
        }
        for name in ["actions", "computed_ids", "promises"] {
            let list = self.list(Vec::new())?;
            self.dict_insert(response, Value::Str(name), list)?;
        }
        Ok(Value::Dict(response))
    }

    fn notice(&mut self, kind: Option<MessageType>, on: Option<NodeRef>, content: &str) -> Eval<'h> {
        let notice = self.new_dict(Special::No)?;
        if let Some(kind) = kind {
            self.dict_insert(notice, Value::Str("type"), Value::Str(kind.word()))?;
        }
        let content = self.str(content)?;
        self.dict_insert(notice, Value::Str("content"), content)?;
        if let Some(node) = on {
            let id = match self.attributes(Owner::Node(node)) {
                // What the package takes for the id of what is new: that in the schema.
                Some(Attributes { sent: None, field, .. }) => {
                    Value::Str(&self.view.document.field(*field).id)
                }
                Some(Attributes { sent: Some(sent), .. }) => self.id_value(*sent)?,
                None => self.id_value(node)?,
            };
            self.dict_insert(notice, Value::Str("id"), id)?;
        }
        self.dict_insert(notice, Value::Str("source_id"), Value::Int(-1))?;
        let detail = self.new_dict(Special::No)?;
        self.dict_insert(notice, Value::Str("detail"), Value::Dict(detail))?;
        Ok(Value::Dict(notice))
    }

    fn operation(&mut self, update: Update<'h>) -> Eval<'h, Option<Value<'h>>> {
        let (sent, in_multivalue) = match update.subject {
            Subject::Row(row) => (row.sent, Some(row.sheet.table)),
            // A new row that is gone again: only its attributes were set since.
            Subject::Attributes(attributes)
                if attributes.sent.is_none()
                    && self.view.document.field(attributes.field).category == Category::Tuple =>
            {
                return Ok(None);
            }
            Subject::Attributes(attributes) => {
                let parent = self.view.document.field(attributes.field).parent;
                let is_list =
                    |parent: &usize| self.view.document.field(*parent).category == Category::Multivalue;
                (attributes.sent, parent.filter(is_list))
            }
        };
        let Some(sent) = sent else {
            // A new cell is part of its row's operation.
            let Some(multivalue) = in_multivalue else { return Ok(None) };
            let multivalue = &self.view.document.field(multivalue).id;
            let Some(multivalue) = self.view.document.tree.first(multivalue) else {
                return self.raise_text(Kind::KeyError, "'id'");
            };
            let value = match update.subject {
                Subject::Attributes(attributes) => Value::Dict(self.parts(attributes, Part::ALL)?),
                Subject::Row(row) => {
                    let mut cells = Vec::with_capacity(row.sheet.columns.len());
                    for (field, column) in row.sheet.columns {
                        let at = row.index.get().unwrap_or(-1);
                        if self.is_computed(*field) {
                            continue;
                        }
                        let Some(at) = super::super::machine::place(at.into(), column.borrow().len()) else {
                            return self.raise_text(Kind::IndexError, "list index out of range");
                        };
                        let Some(cell) = column.borrow()[at] else {
                            return self.raise_text(Kind::KeyError, "content");
                        };
                        let attributes = self.touch(Owner::Node(cell), *field)?;
                        let parts = self.parts(attributes, Part::ALL)?;
                        let id = Value::Str(&self.view.document.field(*field).id);
                        self.dict_insert(parts, Value::Str("schema_id"), id)?;
                        cells.push(Value::Dict(parts));
                    }
                    self.list(cells)?
                }
            };
            return self.entry("add", multivalue, Some(value)).map(Some);
        };
        if update.removed {
            return self.entry("remove", sent, None).map(Some);
        }
        let value = match update.subject {
            Subject::Attributes(attributes) => Some(Value::Dict(self.parts(attributes, update.replaced)?)),
            Subject::Row(_) => None,
        };
        self.entry("replace", sent, value).map(Some)
    }

    fn entry(&mut self, op: &'static str, on: NodeRef, value: Option<Value<'h>>) -> Eval<'h> {
        let operation = self.new_dict(Special::No)?;
        self.dict_insert(operation, Value::Str("op"), Value::Str(op))?;
        let id = self.id_value(on)?;
        self.dict_insert(operation, Value::Str("id"), id)?;
        if let Some(value) = value {
            self.dict_insert(operation, Value::Str("value"), value)?;
        }
        Ok(Value::Dict(operation))
    }

    /// The parts of a datapoint that an operation names; without `content` where only attributes changed.
    fn parts(&mut self, attributes: &'h Attributes<'h>, wanted: Part) -> Eval<'h, &'h Dict<'h>> {
        let value = self.new_dict(Special::No)?;
        let content = self.new_dict(Special::No)?;
        if let (true, Some(set)) = (wanted.has(Part::VALUE), attributes.value.get()) {
            self.dict_insert(content, Value::Str("value"), set)?;
        }
        let of_content = [
            ("page", Part::PAGE, &attributes.page),
            ("position", Part::POSITION, &attributes.position),
            ("struct", Part::STRUCT, &attributes.structure),
        ];
        let sent = attributes.sent.filter(|_| wanted == Part::ALL && !attributes.made_here);
        let sent = sent.map(|node| self.view.document.raw(node)).transpose()?.flatten();
        let sent_content = sent.and_then(|sent| sent.get("content"));
        for (name, part, set) in of_content {
            if let (true, Some(set)) = (wanted.has(part), set.get()) {
                self.dict_insert(content, Value::Str(name), set)?;
            } else if let Some(json) = sent_content.and_then(|content| content.get(name)) {
                let json = self.json_value(json)?;
                self.dict_insert(content, Value::Str(name), json)?;
            }
        }
        if content.len() > 0 || wanted == Part::ALL {
            self.dict_insert(value, Value::Str("content"), Value::Dict(content))?;
        }
        let beside = [
            ("validation_sources", Part::SOURCES, &attributes.validation_sources),
            ("hidden", Part::HIDDEN, &attributes.hidden),
            ("options", Part::OPTIONS, &attributes.options),
        ];
        for (name, part, set) in beside {
            if let (true, Some(set)) = (wanted.has(part), set.get()) {
                self.dict_insert(value, Value::Str(name), set)?;
            } else if let Some(json) = sent.and_then(|sent| sent.get(name)) {
                let json = self.json_value(json)?;
                self.dict_insert(value, Value::Str(name), json)?;
            }
        }
        Ok(value)
    }
}
