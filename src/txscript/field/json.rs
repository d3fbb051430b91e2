//! Parts of the payload as code sees them: read-only, by key or attribute.

use serde_json::Value as Json;

use super::super::exception::{Eval, Kind};
use super::super::machine::Machine;
use super::super::value::Value;

/// Accessors of one object, and the list in the payload that it is the first of.
const SINGULARS: [(&str, &str); 7] = [
    ("email", "emails"),
    ("queue", "queues"),
    ("workspace", "workspaces"),
    ("suggested_edit", "suggested_edits"),
    ("automation_blocker", "automation_blockers"),
    ("created_by", "created_bys"),
    ("modified_by", "modified_bys"),
];
const COLLECTIONS: [&str; 7] =
    ["relations", "child_relation", "related_emails", "labels", "notes", "pages", "assignees"];

/// All that `context` has.
pub(crate) fn contexts() -> impl Iterator<Item = &'static str> {
    let pairs = SINGULARS.iter().flat_map(|(singular, plural)| [*singular, *plural]);
    ["annotation", "document"].into_iter().chain(pairs).chain(COLLECTIONS)
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) struct JsonNode<'h>(&'h Json);

impl JsonNode<'_> {
    pub(crate) fn is_object(self) -> bool {
        self.0.is_object()
    }

    pub(crate) fn type_name(self) -> &'static str {
        if self.is_object() { "AttrDict" } else { "tuple" }
    }

    pub(crate) fn length(self) -> Option<usize> {
        match self.0 {
            Json::Object(map) => Some(map.len()),
            Json::Array(list) => Some(list.len()),
            _ => None,
        }
    }

    pub(crate) fn has(self, key: &str) -> bool {
        self.0.get(key).is_some()
    }
}

impl<'h> Machine<'h> {
    /// A scalar as itself, an object or list as a part of the payload.
    pub(crate) fn json(&mut self, json: &'h Json) -> Eval<'h> {
        match json {
            Json::Object(_) | Json::Array(_) => Ok(Value::Json(JsonNode(json))),
            Json::String(text) => Ok(Value::Str(text)),
            other => self.json_value(other),
        }
    }

    /// An object or list as a dict or list of its own.
    pub(crate) fn json_plain(&mut self, node: JsonNode<'h>) -> Eval<'h> {
        self.json_value(node.0)
    }

    pub(crate) fn json_field(&mut self, node: JsonNode<'h>, name: &str) -> Eval<'h, Option<Value<'h>>> {
        match node.0.get(name) {
            Some(json) => self.json(json).map(Some),
            None => Ok(None),
        }
    }

    pub(crate) fn json_get(&mut self, node: JsonNode<'h>, index: Value<'h>) -> Eval<'h> {
        if let Value::Str(key) = index.plain()
            && let Some(value) = self.json_field(node, key)?
        {
            return Ok(value);
        }
        self.raise_with(Kind::KeyError, &[index])
    }

    /// A list's element, or an object's key: what iterating over it gives.
    pub(crate) fn json_index(&mut self, node: JsonNode<'h>, at: usize) -> Eval<'h, Option<Value<'h>>> {
        match node.0 {
            Json::Array(list) => match list.get(at) {
                Some(json) => self.json(json).map(Some),
                None => Ok(None),
            },
            Json::Object(map) => {
                self.steps(at / 16)?;
                Ok(map.keys().nth(at).map(|key| Value::Str(key)))
            }
            _ => Ok(None),
        }
    }

    /// `context.name`.
    pub(crate) fn context(&mut self, name: &str) -> Eval<'h> {
        let payload = self.view.document.payload()?;
        if matches!(name, "annotation" | "document") {
            return match payload.get(name).filter(|json| !json.is_null()) {
                Some(json) => self.json(json),
                None => Ok(Value::None),
            };
        }
        if let Some((_, plural)) = SINGULARS.iter().find(|(singular, _)| *singular == name) {
            return match payload.get(*plural).and_then(|list| list.get(0)) {
                Some(json) => self.json(json),
                None => Ok(Value::None),
            };
        }
        if COLLECTIONS.contains(&name) || SINGULARS.iter().any(|(_, plural)| *plural == name) {
            return match payload.get(name).filter(|json| json.as_array().is_some_and(|list| !list.is_empty()))
            {
                Some(json) => self.json(json),
                None => self.tuple(&[]),
            };
        }
        self.raise_text(Kind::AttributeError, name)
    }
}
