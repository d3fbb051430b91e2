//! What code sets on a datapoint, row, table or column: `.attr.hidden`, and the value itself.

use std::cell::Cell;

use crate::rossum::{Category, NodeRef, Normalized};

use super::super::exception::{Eval, Kind};
use super::super::field::Datapoint;
use super::super::machine::Machine;
use super::super::value::Value;
use super::updates::Part;
use super::{Owner, updates};

/// The attributes of one owner; what is `None` is as it was sent.
pub(crate) struct Attributes<'h> {
    /// Its place in the schema.
    pub(crate) field: usize,
    /// The node that was sent, whose id it carries; none for what is new.
    pub(crate) sent: Option<NodeRef>,
    /// Whether it was made here: then nothing but the id is from the node that was sent.
    pub(crate) made_here: bool,
    /// None on rows, tables and columns, until one is set.
    pub(crate) value: Cell<Option<Value<'h>>>,
    /// `None` where it has none: then `value` counts.
    pub(crate) normalized: Cell<Value<'h>>,
    pub(crate) page: Cell<Option<Value<'h>>>,
    pub(crate) position: Cell<Option<Value<'h>>>,
    pub(crate) structure: Cell<Option<Value<'h>>>,
    pub(crate) hidden: Cell<Option<Value<'h>>>,
    pub(crate) options: Cell<Option<Value<'h>>>,
    pub(crate) validation_sources: Cell<Option<Value<'h>>>,
    /// What the field's value is until a new one is set.
    pub(crate) shown: Cell<Option<&'h Datapoint<'h>>>,
}

impl<'h> Attributes<'h> {
    pub(super) fn new(
        field: usize,
        sent: Option<NodeRef>,
        value: Option<Value<'h>>,
        normalized: Value<'h>,
    ) -> Self {
        let none = || Cell::new(None);
        Self {
            field,
            sent,
            made_here: false,
            value: Cell::new(value),
            normalized: Cell::new(normalized),
            page: none(),
            position: none(),
            structure: none(),
            hidden: none(),
            options: none(),
            validation_sources: none(),
            shown: Cell::new(None),
        }
    }

    /// The place of an attribute that is empty until it is set.
    fn cell(&self, name: &str) -> Option<&Cell<Option<Value<'h>>>> {
        Some(match name {
            "page" => &self.page,
            "position" => &self.position,
            "struct" => &self.structure,
            "hidden" => &self.hidden,
            "options" => &self.options,
            "validation_sources" => &self.validation_sources,
            _ => return None,
        })
    }
}

impl<'h> Machine<'h> {
    pub(crate) fn attributes(&self, owner: Owner) -> Option<&'h Attributes<'h>> {
        self.edits.as_ref()?.attributes.get(&owner).copied()
    }

    /// The attributes of an owner, to be changed.
    pub(super) fn touch(&mut self, owner: Owner, field: usize) -> Eval<'h, &'h Attributes<'h>> {
        if let Some(known) = self.attributes(owner) {
            return Ok(known);
        }
        let document = self.view.document;
        let (mut value, mut normalized) = (None, Value::None);
        let mut sent = None;
        if let Owner::Node(node) = owner {
            sent = Some(node); // what is new has attributes from the beginning
            if document.field(field).category == Category::Datapoint {
                if let Some(changed) = document.journal.changed_value(node) {
                    normalized = self.str(&changed)?;
                    value = Some(normalized);
                } else {
                    let of = document.tree.node(node);
                    value = Some(self.str(&of.value)?);
                    normalized = match &of.normalized {
                        Normalized::Text(text) => self.str(text)?,
                        Normalized::Empty | Normalized::Absent => Value::None,
                    };
                }
            }
        }
        self.keep(owner, Attributes::new(field, sent, value, normalized))
    }

    pub(super) fn keep(&mut self, owner: Owner, attributes: Attributes<'h>) -> Eval<'h, &'h Attributes<'h>> {
        self.memory(size_of::<Attributes<'h>>() + size_of::<Owner>())?;
        let attributes = &*self.bump.alloc(attributes);
        self.edit(|edits| edits.attributes.insert(owner, attributes))?;
        Ok(attributes)
    }

    /// Whose attributes `value.attr` are.
    pub(super) fn owner_of(&mut self, value: Value<'h>) -> Eval<'h, (Owner, usize)> {
        let document = self.view.document;
        Ok(match value {
            Value::Datapoint(datapoint) => (Owner::Node(datapoint.node), datapoint.place),
            Value::Row(row) => {
                let tuple = document.field(row.table.field).children.first().copied();
                (Owner::Node(row.node), tuple.unwrap_or(row.table.field))
            }
            Value::Column(cells) => (Owner::Column(cells.field), cells.field),
            Value::Table(table) => {
                let id = &document.field(table.field).id;
                match document.tree.first(id) {
                    Some(node) => (Owner::Node(node), table.field),
                    None => return self.raise_text(Kind::KeyError, "'id'"),
                }
            }
            other => {
                let text = format_args!("'{}' object has no attribute 'attr'", other.type_name());
                return self.raise(Kind::AttributeError, text);
            }
        })
    }

    /// An attribute that code set, or that a new datapoint has.
    pub(crate) fn edited_attribute(&mut self, value: Value<'h>, name: &str) -> Eval<'h, Option<Value<'h>>> {
        if self.edits.is_none() {
            return Ok(None);
        }
        let (owner, _) = self.owner_of(value)?;
        let Some(attributes) = self.attributes(owner) else { return Ok(None) };
        Ok(match name {
            "value" => attributes.value.get(),
            "normalized_value" => attributes.value.get().map(|_| attributes.normalized.get()),
            "id" => match attributes.sent {
                Some(node) => Some(self.id_value(node)?),
                None => None,
            },
            _ => attributes.cell(name).and_then(Cell::get),
        })
    }

    /// A node's id, as the answer names it.
    pub(super) fn id_value(&mut self, node: NodeRef) -> Eval<'h> {
        use crate::rossum::Id;
        match &self.view.document.tree.node(node).id {
            Id::Number(number) => Ok(Value::Int(*number)),
            Id::Text(text) => self.str(text),
            Id::Missing => self.str(&updates::place_name(node)),
        }
    }

    /// `value.attr.name = …`.
    pub(crate) fn set_attr(&mut self, value: Value<'h>, name: &str, to: Value<'h>) -> Eval<'h, ()> {
        self.writable()?;
        let to = match name {
            "options" => self.option_copies(to)?,
            "validation_sources" => match to {
                Value::List(_) => to,
                Value::AttrList(list) if !list.of_options => Value::List(list.items),
                other => {
                    let kind = other.type_of();
                    let kind = self.repr_of(kind)?;
                    let text = format_args!("validation_sources must be a list, not {kind}");
                    return self.raise(Kind::TypeError, text);
                }
            },
            _ => to,
        };
        let part = match name {
            "value" => Part::VALUE,
            "page" => Part::PAGE,
            "position" => Part::POSITION,
            "struct" => Part::STRUCT,
            "hidden" => Part::HIDDEN,
            "options" => Part::OPTIONS,
            "validation_sources" => Part::SOURCES,
            _ => return self.raise(Kind::AttributeError, format_args!("{name} is read-only or unknown")),
        };
        if let Value::Row(row) = value
            && row.state.get().is_some_and(|state| state.index.get().is_none())
        {
            // A row that was replaced belongs to no table.
            let text = "'NoneType' object has no attribute '_updates'";
            return self.raise_text(Kind::AttributeError, text);
        }
        let (owner, field) = self.owner_of(value)?;
        let is_new = self.attributes(owner).is_none();
        let attributes = self.touch(owner, field)?;
        if let (true, Value::Datapoint(datapoint)) = (is_new, value) {
            attributes.shown.set(Some(datapoint));
        }
        match attributes.cell(name) {
            // What the package does: the struct is put into the struct.
            Some(cell) if name == "struct" => {
                let before = match cell.get() {
                    Some(before) => before,
                    None => self.attr(value, "struct").unwrap_or_default(),
                };
                let dict = self.new_dict(super::super::types::dict::Special::No)?;
                if let Value::Dict(_) = before {
                    self.dict_update(dict, before)?;
                }
                self.dict_insert(dict, Value::Str("struct"), to)?;
                cell.set(Some(Value::Dict(dict)));
            }
            Some(cell) => cell.set(Some(to)),
            None => attributes.value.set(Some(to)),
        }
        self.edit(|edits| edits.updates.replace(owner, attributes, part))
    }
}
