//! What becomes of each key of the objects that Rossum's API returns: Rule, Hook, Schema, Queue. Read from a file, an object
//! may say more than Annex does; whoever wrote it is told. Keys: Rossum's API reference, and its SDK `rossum-api` 3.17.0.

use serde_json::{Map, Value};

use super::document::Place;
use super::section::Section;
use super::steps::EXPRESSED;

/// What becomes of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Use {
    /// Annex does what it says.
    Used,
    /// Rossum does what it says, before it calls Annex or after the answer.
    Rossum,
    /// It says something about the object, and changes nothing.
    Describes,
    /// Nothing comes of it here: `annex check` says so where it has a value.
    Noted,
    /// With it the object is not whole, or not what it should be.
    Refused,
}

type Keys = &'static [(&'static str, Use)];

use Use::{Describes, Noted, Refused, Rossum, Used};

pub(super) const PAGE: Keys = &[("pagination", Refused), ("results", Used)];

pub(super) const RULE: Keys = &[
    ("name", Used),
    ("enabled", Used),
    ("trigger_condition", Used),
    ("actions", Used),
    ("queues", Used),
    ("schema", Noted),
    ("id", Describes),
    ("url", Describes),
    ("description", Describes),
    ("organization", Describes),
    ("rule_template", Describes),
    ("synchronized_from_template", Describes),
    ("created_by", Describes),
    ("created_at", Describes),
    ("modified_by", Describes),
    ("modified_at", Describes),
];

pub(super) const ACTION: Keys =
    &[("type", Used), ("enabled", Used), ("event", Used), ("payload", Used), ("id", Describes)];

/// Of the actions that an answer expresses: the others are noted as a whole.
pub(super) const PAYLOAD: Keys = &[
    ("type", Used),
    ("content", Used),
    ("schema_id", Used),
    ("schema_ids", Used),
    ("condition", Noted),
    ("multivalue_child_id", Noted),
];

pub(super) const HOOK: Keys = &[
    ("settings", Used),
    ("active", Noted),
    ("run_after", Rossum),
    ("queues", Rossum),
    ("events", Rossum),
    ("sideload", Rossum),
    ("config", Rossum),
    ("token_owner", Rossum),
    ("token_lifetime_s", Rossum),
    ("secrets", Noted),
    ("secrets_schema", Describes),
    ("settings_schema", Describes),
    ("id", Describes),
    ("type", Describes),
    ("url", Describes),
    ("name", Describes),
    ("description", Describes),
    ("metadata", Describes),
    ("test", Describes),
    ("status", Describes),
    ("extension_source", Describes),
    ("extension_image_url", Describes),
    ("guide", Describes),
    ("read_more_url", Describes),
    ("hook_template", Describes),
    ("created_by", Describes),
    ("created_at", Describes),
    ("modified_by", Describes),
    ("modified_at", Describes),
];

pub(super) const SCHEMA: Keys = &[
    ("content", Used),
    ("id", Describes),
    ("name", Describes),
    ("url", Describes),
    ("queues", Describes),
    ("metadata", Describes),
    ("modified_by", Describes),
    ("modified_at", Describes),
];

/// Of sections, multivalues, tuples and datapoints.
pub(super) const FIELD: Keys = &[
    ("id", Used),
    ("category", Used),
    ("type", Used),
    ("children", Used),
    ("enum_value_type", Used),
    ("options", Used),
    ("formula", Used),
    ("label", Used),
    ("constraints", Used),
    ("ui_configuration", Used),
    ("prompt", Noted),
    ("context", Rossum),
    ("matching", Noted),
    ("memory", Noted),
    ("description", Describes),
    ("hidden", Rossum),
    ("disable_prediction", Rossum),
    ("can_export", Rossum),
    ("rir_field_names", Rossum),
    ("default_value", Rossum),
    ("score_threshold", Rossum),
    ("format", Rossum),
    ("min_occurrences", Rossum),
    ("max_occurrences", Rossum),
    ("grid", Rossum),
    ("show_grid_by_default", Rossum),
    ("can_collapse", Rossum),
    ("width", Rossum),
    ("width_chars", Rossum),
    ("stretch", Rossum),
    ("icon", Rossum),
];

/// Tells of keys of an object that have no effect here, and of keys that nobody knows.
fn tell<'o>(
    section: &Section<'_>,
    place: &Place,
    title: &str,
    object: impl IntoIterator<Item = (&'o String, &'o Value)>,
    keys: Keys,
) {
    for (key, value) in object {
        let is_remark = key.starts_with("//") || key.starts_with('_');
        let found = keys.iter().find(|(known, _)| known == key).map(|(_, fate)| *fate);
        match found {
            None if !is_remark => {
                section
                    .remark(place, &format!("{title}: the key `{key}` is not known here: it has no effect"));
            }
            Some(Noted) if says_something(key, value) => {
                section.remark(place, &format!("{title}: `{key}` has no effect here"));
            }
            _ => {}
        }
    }
}

/// Whether a value is another than the one that Rossum gives where nobody set it.
fn says_something(key: &str, value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(is) => *is != matches!(key, "active" | "condition"),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::Number(_) => true,
    }
}

/// Tells of a file of rules: each object, its actions and their payloads.
pub(super) fn rules(section: &Section<'_>, place: &Place, path: &str, file: &Value) {
    let list = match file {
        Value::Array(list) => list.as_slice(),
        Value::Object(page) if page.contains_key("results") => {
            tell(section, place, path, page, PAGE);
            let next = page.get("pagination").and_then(|pagination| pagination.get("next"));
            if next.is_some_and(|next| !next.is_null()) {
                let what = format!("{path} is one page of several: the rules of the others are missing");
                let hint = "`annex rule list --json` writes all of them";
                section.document().note(place.clone(), what, Some(hint));
            }
            page.get("results").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
        }
        one => std::slice::from_ref(one),
    };
    let is_on = |object: &Map<String, Value>| object.get("enabled").and_then(Value::as_bool).unwrap_or(true);
    for (at, rule) in list.iter().enumerate() {
        let Some(rule) = rule.as_object().filter(|rule| is_on(rule)) else { continue };
        let name = rule.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
        let name = name.map_or_else(|| format!("rule {}", at + 1), |name| format!("rule {name}"));
        let title = format!("{path}: {name}");
        // With queues of its own it needs no schema to say where it acts.
        let has_queues = rule.get("queues").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
        let told = rule.iter().filter(|(key, _)| !(has_queues && *key == "schema"));
        tell(section, place, &title, told, RULE);
        let actions = rule.get("actions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for action in actions.iter().filter_map(Value::as_object).filter(|action| is_on(action)) {
            let kind = action.get("type").and_then(Value::as_str).unwrap_or_default();
            let title = format!("{title}: the action {kind}");
            tell(section, place, &title, action, ACTION);
            let payload = action.get("payload").and_then(Value::as_object);
            // Of other kinds it is said that they are left out.
            if let Some(payload) = payload.filter(|_| EXPRESSED.contains(&kind)) {
                tell(section, place, &title, payload, PAYLOAD);
            }
        }
    }
}

/// Tells of a whole hook, where somebody gave it for its settings.
pub(super) fn hook(section: &Section<'_>, place: &Place, path: &str, file: &Value) {
    if let Some(hook) = file.as_object().filter(|hook| hook.get("settings").is_some_and(Value::is_object)) {
        tell(section, place, path, hook, HOOK);
    }
}

/// Tells of a schema whose formulas are evaluated here.
pub(super) fn schema(section: &Section<'_>, place: &Place, path: &str, file: &Value) {
    let content = match file {
        Value::Object(schema) => {
            tell(section, place, path, schema, SCHEMA);
            schema.get("content").and_then(Value::as_array)
        }
        other => other.as_array(),
    };
    let mut fields: Vec<&Value> = content.into_iter().flatten().collect();
    while let Some(field) = fields.pop() {
        let Some(object) = field.as_object() else { continue };
        let id = object.get("id").and_then(Value::as_str).unwrap_or_default();
        tell(section, place, &format!("{path}: the field {id}"), object, FIELD);
        match object.get("children") {
            Some(Value::Array(list)) => fields.extend(list.iter().rev()),
            Some(one) => fields.push(one),
            None => {}
        }
    }
}
