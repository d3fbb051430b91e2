//! `.attr.options` and `.attr.validation_sources`: copies of what is there, which write themselves back.

use std::cell::RefCell;

use serde_json::Value as Json;

use super::super::exception::{Eval, Kind};
use super::super::machine::{Machine, place};
use super::super::types::dict::{Dict, Special};
use super::super::value::{Items, Value};
use super::super::words::Word;
use super::updates::Part;

pub(crate) struct AttrList<'h> {
    /// Dicts, where it is of options.
    pub(crate) items: &'h RefCell<Items<'h>>,
    owner: Value<'h>,
    pub(crate) of_options: bool,
}

/// One of `.attr.options`.
pub(crate) struct OptionRef<'h> {
    dict: &'h Dict<'h>,
    owner: Value<'h>,
}

impl AttrList<'_> {
    pub(crate) fn type_name(&self) -> &'static str {
        if self.of_options { "EnumOptionList" } else { "ValidationSourceList" }
    }
}

impl<'h> Machine<'h> {
    /// `owner.attr.options` or `owner.attr.validation_sources`; `raw` is what was sent.
    pub(crate) fn attr_list(
        &mut self,
        owner: Value<'h>,
        of_options: bool,
        raw: Option<&'h Json>,
    ) -> Eval<'h> {
        let name = if of_options { "options" } else { "validation_sources" };
        let items = match self.edited_attribute(owner, name)? {
            Some(Value::List(items)) => self.copied(&items.borrow())?,
            Some(other) => self.collect(other)?,
            None => {
                let raw = raw.and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
                let mut items = self.buffer();
                for json in raw {
                    items.push(self.json_value(json)?)?;
                }
                if of_options && self.edits.is_some() {
                    // The options themselves are shared from now on: each may be changed.
                    let (of, field) = self.owner_of(owner)?;
                    let attributes = self.touch(of, field)?;
                    let kept = self.list(&items[..])?;
                    attributes.options.set(Some(kept));
                }
                items
            }
        };
        let Value::List(items) = self.list(items)? else { return Ok(Value::None) };
        self.memory(size_of::<AttrList<'h>>())?;
        Ok(Value::AttrList(self.bump.alloc(AttrList { items, owner, of_options })))
    }

    pub(crate) fn attr_list_item(&mut self, list: &AttrList<'h>, at: usize) -> Eval<'h, Option<Value<'h>>> {
        let item = list.items.borrow().get(at).copied();
        match item {
            Some(Value::Dict(dict)) if list.of_options => {
                self.memory(size_of::<OptionRef<'h>>())?;
                Ok(Some(Value::EnumOption(self.bump.alloc(OptionRef { dict, owner: list.owner }))))
            }
            other => Ok(other),
        }
    }

    fn option_field(&mut self, option: &OptionRef<'h>, name: &'static str) -> Eval<'h, Option<Value<'h>>> {
        let key = self.key(Value::Str(name))?;
        Ok(option.dict.get(key))
    }

    /// `option.name`.
    pub(crate) fn option_attribute(&mut self, option: &OptionRef<'h>, name: &str) -> Eval<'h> {
        let found = match name {
            "label" => self.option_field(option, "label")?,
            "struct" => Some(self.option_field(option, "struct")?.unwrap_or_default()),
            "value" => match self.option_field(option, "value")? {
                Some(value) => Some(self.option_value(option.owner, value)?),
                None => None,
            },
            _ => return self.raise_text(Kind::AttributeError, name),
        };
        match found {
            Some(value) => Ok(value),
            None => self.raise(Kind::KeyError, format_args!("{name}")),
        }
    }

    /// An option's value, of the type that the enum has.
    fn option_value(&mut self, owner: Value<'h>, value: Value<'h>) -> Eval<'h> {
        let (_, field) = self.owner_of(owner)?;
        let kind = self.view.document.field(field).raw.get("enum_value_type").and_then(Json::as_str);
        let text = self.str_of(value)?;
        Ok(match kind {
            Some("number") => {
                super::super::types::number::parse_float(text).map_or(Value::None, Value::Float)
            }
            Some("date") => text.parse().map_or(Value::None, Value::Date),
            _ if self.truth(value)? => value,
            _ => Value::Str(""),
        })
    }

    pub(crate) fn option_text(&mut self, option: &OptionRef<'h>) -> Eval<'h, &'h str> {
        let value = self.option_field(option, "value")?.unwrap_or_default();
        self.str_of(value)
    }

    pub(super) fn set_option(
        &mut self,
        option: &OptionRef<'h>,
        name: &str,
        value: Value<'h>,
    ) -> Eval<'h, ()> {
        let known = match name {
            "label" | "struct" => name == "struct" || self.option_field(option, "label")?.is_some(),
            "value" => self.option_field(option, "value")?.is_some(),
            _ => false,
        };
        if !known {
            return self.raise_text(Kind::AttributeError, name);
        }
        let value = if name == "value" { Value::Str(self.str_of(value)?) } else { value };
        let key = match name {
            "label" => "label",
            "struct" => "struct",
            _ => "value",
        };
        self.dict_insert(option.dict, Value::Str(key), value)?;
        self.writable()?;
        let (owner, field) = self.owner_of(option.owner)?;
        let attributes = self.touch(owner, field)?;
        self.edit(|edits| edits.updates.replace(owner, attributes, Part::OPTIONS))
    }

    /// A new dict of an option or of a dict that describes one.
    fn option_copy(&mut self, option: Value<'h>) -> Eval<'h> {
        let copy = self.new_dict(Special::No)?;
        match option {
            Value::EnumOption(option) => self.dict_update(copy, Value::Dict(option.dict))?,
            other => {
                for name in ["label", "value"] {
                    let mut value = self.item(other, Value::Str(name))?;
                    if name == "value" {
                        value = Value::Str(self.str_of(value)?);
                    }
                    self.dict_insert(copy, Value::Str(name), value)?;
                }
                if self.contains(other, Value::Str("struct"))? {
                    let value = self.item(other, Value::Str("struct"))?;
                    self.dict_insert(copy, Value::Str("struct"), value)?;
                }
            }
        }
        Ok(Value::Dict(copy))
    }

    pub(crate) fn option_copies(&mut self, options: Value<'h>) -> Eval<'h> {
        let mut copies = self.buffer();
        for option in self.collect(options)? {
            copies.push(self.option_copy(option)?)?;
        }
        self.list(copies)
    }

    fn stored(&mut self, list: &AttrList<'h>, item: Value<'h>) -> Eval<'h> {
        if list.of_options { self.option_copy(item) } else { Ok(item) }
    }

    fn write_back(&mut self, list: &'h AttrList<'h>) -> Eval<'h, ()> {
        let name = if list.of_options { "options" } else { "validation_sources" };
        self.set_attr(list.owner, name, Value::List(list.items))
    }

    pub(crate) fn attr_list_method(
        &mut self,
        list: &'h AttrList<'h>,
        word: Word,
        arguments: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h> {
        self.memory(size_of::<Value<'h>>())?;
        match (word, arguments) {
            (Word::append, [item]) => {
                let item = self.stored(list, *item)?;
                list.items.borrow_mut().push(item);
            }
            (Word::extend, [items]) => self.attr_list_extend(list, *items)?,
            (Word::insert, [at, item]) => {
                let item = self.stored(list, *item)?;
                self.list_method(list.items, word, &[*at, item], &[])?;
            }
            (Word::remove, [option]) if list.of_options => {
                let wanted = match option {
                    Value::EnumOption(option) => self.option_attribute(option, "value")?,
                    other => self.item(*other, Value::Str("value"))?,
                };
                let items = self.copied(&list.items.borrow())?;
                let mut found = None;
                for (at, item) in items.into_iter().enumerate() {
                    let value = self.item(item, Value::Str("value"))?;
                    if found.is_none() && self.equals(value, wanted)? {
                        found = Some(at);
                    }
                }
                match found {
                    Some(at) => list.items.borrow_mut().remove(at),
                    None => {
                        let wanted = self.repr_of(wanted)?;
                        return self.raise(Kind::ValueError, format_args!("{wanted} is not in list"));
                    }
                };
            }
            (Word::remove, _) => {
                self.list_method(list.items, word, arguments, keywords)?;
            }
            // The package's lists do the rest without writing it back.
            _ => return self.list_method(list.items, word, arguments, keywords),
        }
        self.write_back(list)?;
        Ok(Value::None)
    }

    fn attr_list_extend(&mut self, list: &AttrList<'h>, items: Value<'h>) -> Eval<'h, ()> {
        for item in self.collect(items)? {
            let item = self.stored(list, item)?;
            self.memory(size_of::<Value<'h>>())?;
            list.items.borrow_mut().push(item);
        }
        Ok(())
    }

    /// `list += items`.
    pub(crate) fn attr_list_add(&mut self, list: &'h AttrList<'h>, items: Value<'h>) -> Eval<'h> {
        self.attr_list_extend(list, items)?;
        self.write_back(list)?;
        Ok(Value::AttrList(list))
    }

    /// `list[index] = value`.
    pub(crate) fn set_in_attr_list(
        &mut self,
        list: &'h AttrList<'h>,
        index: Value<'h>,
        value: Value<'h>,
    ) -> Eval<'h, ()> {
        let value = match index {
            Value::Slice(_) if list.of_options => self.option_copies(value)?,
            Value::Slice(_) => value,
            _ => self.stored(list, value)?,
        };
        self.set_item(Value::List(list.items), index, value)?;
        self.write_back(list)
    }

    /// `del list[index]`.
    pub(crate) fn delete_in_attr_list(&mut self, list: &'h AttrList<'h>, index: Value<'h>) -> Eval<'h, ()> {
        if let Some(at) = index.int()
            && place(at, list.items.borrow().len()).is_none()
        {
            return self.raise_text(Kind::IndexError, "list assignment index out of range");
        }
        self.delete_item(Value::List(list.items), index)?;
        self.write_back(list)
    }
}
