//! What becomes of each key of the objects that Rossum's API returns: Rule, Hook, Schema, Queue. Read from a file, an object
//! may say more than Annex does; whoever wrote it is told. Keys: Rossum's API reference, and its SDK `rossum-api` 3.17.0.

use serde_json::{Map, Value};

use super::document::Place;
use super::kinds::{Is, kind_of};
use super::section::Section;
use super::steps::EXPRESSED;
use super::words;
use crate::steps::nearest::nearest;

/// A check of the store's Business Rules Validation.
pub(super) const CHECK: Keys = &[
    ("rule", Used(Is::MaybeText)),
    ("message", Used(Is::MaybeText)),
    ("type", Used(Is::MaybeText)),
    ("automation_blocker", Used(Is::Flag)),
    ("active", Used(Is::MaybeFlag)),
    ("queue_ids", Used(Is::MaybeIds)),
    ("condition", Used(Is::MaybeText)),
    ("or", Used(Is::MaybeList)),
];

/// A configuration of Rossum's Master Data Hub.
pub(super) const LOOKUP: Keys = &[
    ("name", Used(Is::MaybeText)),
    ("source", Used(Is::Map)),
    ("default", Used(Is::MaybeMap)),
    ("mapping", Used(Is::Map)),
    ("additional_mappings", Used(Is::MaybeList)),
    ("result_actions", Used(Is::MaybeMap)),
    ("action_condition", Used(Is::MaybeText)),
    ("queue_ids", Used(Is::MaybeIds)),
    ("active", Used(Is::MaybeFlag)),
];

/// What becomes of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Use {
    /// Annex does what it says; it must be of this kind.
    Used(Is),
    /// Rossum does what it says, before it calls Annex or after the answer: it takes no other kind.
    Rossum(Is),
    /// It says something about the object, and changes nothing: another kind is noted.
    Describes(Is),
    /// Nothing comes of it here: `annex check` says so where it has a value. Rossum takes no other kind.
    Noted(Is),
    /// With it the object is not whole, or not what it should be.
    Refused,
}

pub(super) type Keys = &'static [(&'static str, Use)];

use Use::{Describes, Noted, Refused, Rossum, Used};

pub(super) const PAGE: Keys = &[("pagination", Refused), ("results", Used(Is::List))];

pub(super) const RULE: Keys = &[
    ("name", Used(Is::Text)),
    ("enabled", Used(Is::Flag)),
    ("trigger_condition", Used(Is::Text)),
    ("actions", Used(Is::List)),
    ("queues", Used(Is::Texts)),
    ("schema", Noted(Is::Any)),
    ("id", Describes(Is::MaybeId)),
    ("url", Describes(Is::MaybeText)),
    ("description", Describes(Is::MaybeText)),
    ("organization", Describes(Is::MaybeText)),
    ("rule_template", Describes(Is::MaybeText)),
    ("synchronized_from_template", Describes(Is::MaybeFlag)),
    ("created_by", Describes(Is::MaybeText)),
    ("created_at", Describes(Is::MaybeText)),
    ("modified_by", Describes(Is::MaybeText)),
    ("modified_at", Describes(Is::MaybeText)),
];

pub(super) const ACTION: Keys = &[
    ("type", Used(Is::Text)),
    ("enabled", Used(Is::Flag)),
    ("event", Used(Is::MaybeText)),
    ("payload", Used(Is::Map)),
    ("id", Describes(Is::Any)),
];

/// Of the actions that an answer expresses: the others are noted as a whole.
pub(super) const PAYLOAD: Keys = &[
    ("type", Used(Is::MaybeText)),
    ("content", Used(Is::MaybeText)),
    ("schema_id", Used(Is::MaybeText)),
    ("schema_ids", Used(Is::Texts)),
    ("condition", Noted(Is::Any)),
    ("multivalue_child_id", Noted(Is::Any)),
];

pub(super) const HOOK: Keys = &[
    ("settings", Used(Is::Map)),
    ("active", Noted(Is::MaybeFlag)),
    ("run_after", Rossum(Is::MaybeTexts)),
    ("queues", Rossum(Is::MaybeTexts)),
    ("events", Rossum(Is::MaybeTexts)),
    ("sideload", Rossum(Is::MaybeTexts)),
    ("config", Rossum(Is::MaybeMap)),
    ("token_owner", Rossum(Is::MaybeText)),
    ("token_lifetime_s", Rossum(Is::MaybeNumber)),
    ("secrets", Noted(Is::MaybeMap)),
    ("secrets_schema", Describes(Is::Any)),
    ("settings_schema", Describes(Is::Any)),
    ("id", Describes(Is::MaybeId)),
    ("type", Describes(Is::MaybeText)),
    ("url", Describes(Is::MaybeText)),
    ("name", Describes(Is::MaybeText)),
    ("description", Describes(Is::MaybeText)),
    ("metadata", Describes(Is::MaybeMap)),
    ("test", Describes(Is::Any)),
    ("status", Describes(Is::MaybeText)),
    ("extension_source", Describes(Is::MaybeText)),
    ("extension_image_url", Describes(Is::MaybeText)),
    ("guide", Describes(Is::MaybeText)),
    ("read_more_url", Describes(Is::MaybeText)),
    ("hook_template", Describes(Is::MaybeText)),
    ("created_by", Describes(Is::MaybeText)),
    ("created_at", Describes(Is::MaybeText)),
    ("modified_by", Describes(Is::MaybeText)),
    ("modified_at", Describes(Is::MaybeText)),
];

pub(super) const SCHEMA: Keys = &[
    ("content", Used(Is::List)),
    ("id", Describes(Is::MaybeId)),
    ("name", Describes(Is::MaybeText)),
    ("url", Describes(Is::MaybeText)),
    ("queues", Describes(Is::MaybeTexts)),
    ("metadata", Describes(Is::MaybeMap)),
    ("modified_by", Describes(Is::MaybeText)),
    ("modified_at", Describes(Is::MaybeText)),
];

/// Of sections, multivalues, tuples and datapoints.
pub(super) const FIELD: Keys = &[
    ("id", Used(Is::Text)),
    ("category", Used(Is::Text)),
    ("type", Used(Is::MaybeText)),
    ("children", Used(Is::Children)),
    ("enum_value_type", Used(Is::MaybeText)),
    ("options", Used(Is::Options)),
    ("formula", Used(Is::MaybeText)),
    ("label", Used(Is::MaybeText)),
    ("constraints", Used(Is::MaybeMap)),
    ("ui_configuration", Used(Is::MaybeMap)),
    ("prompt", Noted(Is::Any)),
    ("context", Rossum(Is::Any)),
    ("matching", Noted(Is::Any)),
    ("memory", Noted(Is::Any)),
    ("description", Describes(Is::MaybeText)),
    ("hidden", Rossum(Is::MaybeFlag)),
    ("disable_prediction", Rossum(Is::MaybeFlag)),
    ("can_export", Rossum(Is::MaybeFlag)),
    ("rir_field_names", Rossum(Is::MaybeTexts)),
    ("default_value", Rossum(Is::Any)),
    ("score_threshold", Rossum(Is::Any)),
    ("format", Rossum(Is::MaybeText)),
    ("min_occurrences", Rossum(Is::MaybeNumber)),
    ("max_occurrences", Rossum(Is::MaybeNumber)),
    ("grid", Rossum(Is::MaybeMap)),
    ("show_grid_by_default", Rossum(Is::MaybeFlag)),
    ("can_collapse", Rossum(Is::MaybeFlag)),
    ("width", Rossum(Is::Any)),
    ("width_chars", Rossum(Is::Any)),
    ("stretch", Rossum(Is::MaybeFlag)),
    ("icon", Rossum(Is::MaybeText)),
];

/// Refuses values of an object that are of another kind than their key takes; whether there was none.
pub(super) fn fits<'o>(
    section: &Section<'_>,
    place: &Place,
    title: &str,
    object: impl IntoIterator<Item = (&'o String, &'o Value)>,
    keys: Keys,
) -> bool {
    let mut fits = true;
    for (key, value) in object {
        let is = keys.iter().find_map(|(known, fate)| match fate {
            Used(is) | Rossum(is) | Noted(is) if known == key => Some(*is),
            _ => None,
        });
        if let Some(is) = is.filter(|is| !is.fits(value)) {
            fits = false;
            let what = format!("{title}: `{key}` {}, but must be {}", is.found(value), is.wanted());
            section.document().note(place.clone(), what, None::<&str>);
        }
    }
    fits
}

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
            Some(Noted(_)) if says_something(key, value) => {
                section.remark(place, &format!("{title}: `{key}` has no effect here"));
            }
            Some(Describes(is)) if !is.fits(value) => {
                let what = format!("`{key}` {}; Rossum has {} there", is.found(value), is.wanted());
                section.remark(place, &format!("{title}: {what}"));
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

/// The title of a rule in messages, and what tells of its parts.
fn title_of(path: &str, at: usize, rule: &Map<String, Value>) -> String {
    let name = rule.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
    name.map_or_else(|| format!("{path}: rule {}", at + 1), |name| format!("{path}: rule {name}"))
}

/// Where each rule of a file begins: `rules.json:12`.
pub(super) fn places_of_rules(section: &Section<'_>, path: &str, file: &Value) -> Vec<String> {
    let within = match file {
        Value::Array(_) => None,
        Value::Object(page) if page.contains_key("results") => Some("results"),
        _ => return Vec::new(),
    };
    section.document().places_in_json(path, within).into_iter().map(|(_, place)| place).collect()
}

/// Tells of a file of rules: each object, its actions and their payloads. The rules, where all of them can be read.
pub(super) fn rules<'f>(
    section: &Section<'_>,
    place: &Place,
    path: &str,
    file: &'f Value,
) -> Option<&'f [Value]> {
    let note = |what: String, hint: &str| section.document().note(place.clone(), what, Some(hint.to_owned()));
    let list = match file {
        Value::Array(list) => list.as_slice(),
        Value::Object(page) if page.contains_key("results") => {
            tell(section, place, path, page, PAGE);
            if !fits(section, place, path, page, PAGE) {
                return None;
            }
            let next = page.get("pagination").and_then(|pagination| pagination.get("next"));
            if next.is_some_and(|next| !next.is_null()) {
                let what = format!("{path} is one page of several: the rules of the others are missing");
                note(what, "`annex rule list --json` writes all of them");
            }
            page.get("results").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
        }
        one => std::slice::from_ref(one),
    };
    let is_on = |object: &Map<String, Value>| object.get("enabled").and_then(Value::as_bool).unwrap_or(true);
    let mut all_fit = true;
    let places = places_of_rules(section, path, file);
    for (at, rule) in list.iter().enumerate() {
        let Some(rule) = rule.as_object() else {
            note(
                format!("{path} holds no rules: {} is not a rule", kind_of(rule)),
                "a list of Rule objects, as GET /v1/rules returns them",
            );
            return None;
        };
        let title = title_of(places.get(at).map_or(path, String::as_str), at, rule);
        all_fit &= fits(section, place, &title, rule, RULE);
        let Some(actions) = rule.get("actions") else {
            note(
                format!(
                    "{path} holds no rules: {} has no `actions`, which every rule has",
                    title_of("", at, rule).trim_start_matches(": ")
                ),
                "a list of Rule objects, as GET /v1/rules returns them",
            );
            return None;
        };
        if !is_on(rule) {
            continue;
        }
        if !rule.contains_key("trigger_condition") {
            let what = format!("{title}: it has no `trigger_condition`: it fires for every document");
            section.remark(place, &what);
        }
        // With queues of its own it needs no schema to say where it acts.
        let has_queues = rule.get("queues").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
        let told = rule.iter().filter(|(key, _)| !(has_queues && *key == "schema"));
        tell(section, place, &title, told, RULE);
        let actions = actions.as_array().map(Vec::as_slice).unwrap_or_default();
        let mut acts = false;
        for (at, action) in actions.iter().enumerate() {
            let Some(action) = action.as_object() else {
                let what = format!("{title}: {} is not an action", kind_of(action));
                note(what, "an action has a `type` and a `payload`");
                all_fit = false;
                continue;
            };
            acts |= is_on(action);
            let kind = action.get("type").and_then(Value::as_str);
            let title = kind.map_or_else(
                || format!("{title}: the action {}", at + 1),
                |kind| format!("{title}: the action {kind}"),
            );
            all_fit &= fits(section, place, &title, action, ACTION);
            if !action.contains_key("type") {
                note(format!("{title} has no `type`"), "\"type\": \"show_message\"");
                all_fit = false;
            }
            let payload = action.get("payload").and_then(Value::as_object);
            all_fit &= payload.is_none_or(|payload| fits(section, place, &title, payload, PAYLOAD));
            if !is_on(action) {
                continue;
            }
            tell(section, place, &title, action, ACTION);
            // Of other kinds it is said that they are left out.
            if let Some(payload) = payload.filter(|_| EXPRESSED.contains(&kind.unwrap_or_default())) {
                tell(section, place, &title, payload, PAYLOAD);
            }
        }
        if actions.is_empty() {
            section.remark(place, &format!("{title}: it has no actions: it does nothing"));
        } else if !acts {
            section.remark(place, &format!("{title}: all its actions are switched off: it does nothing"));
        }
    }
    all_fit.then_some(list)
}

/// Tells of a whole hook, where somebody gave it for its settings.
pub(super) fn hook(section: &Section<'_>, place: &Place, path: &str, file: &Value) {
    if let Some(hook) = file.as_object().filter(|hook| hook.contains_key("settings")) {
        tell(section, place, path, hook, HOOK);
        fits(section, place, path, hook, HOOK);
        words::hook(section, place, path, hook);
    }
}

/// All fields of a schema file, sections among them, in their order.
fn fields_of(file: &Value) -> Vec<&Map<String, Value>> {
    let content = match file {
        Value::Object(schema) => schema.get("content").and_then(Value::as_array),
        other => other.as_array(),
    };
    let mut waiting: Vec<&Value> = content.into_iter().flatten().rev().collect();
    let mut fields = Vec::new();
    while let Some(field) = waiting.pop() {
        let Some(object) = field.as_object() else { continue };
        fields.push(object);
        match object.get("children") {
            Some(Value::Array(list)) => waiting.extend(list.iter().rev()),
            Some(one) => waiting.push(one),
            None => {}
        }
    }
    fields
}

fn title_of_field(path: &str, field: &Map<String, Value>) -> String {
    format!("{path}: the field {}", field.get("id").and_then(Value::as_str).unwrap_or_default())
}

/// Refuses what has another kind than a schema has there.
pub(super) fn check_schema(section: &Section<'_>, place: &Place, path: &str, file: &Value) {
    if let Value::Object(schema) = file {
        fits(section, place, path, schema, SCHEMA);
    }
    for field in fields_of(file) {
        let title = title_of_field(path, field);
        fits(section, place, &title, field, FIELD);
        for (key, words) in [("type", &TYPES[..]), ("enum_value_type", &VALUE_TYPES[..])] {
            let word = field.get(key).and_then(Value::as_str).filter(|word| !words.contains(word));
            // Rossum may have more of them one day.
            if let Some((word, near)) =
                word.and_then(|word| Some((word, nearest(word, words.iter().copied())?)))
            {
                let what = format!("{title}: Rossum has no `{key}` {word:?}");
                section.document().note(place.clone(), what, Some(format!("did you mean {near:?}?")));
            }
        }
    }
}

/// Types of fields, and of an enum's values.
const TYPES: [&str; 6] = ["string", "number", "date", "enum", "button", "boolean"];
const VALUE_TYPES: [&str; 3] = ["string", "number", "date"];

/// Tells of a schema whose formulas are evaluated here.
pub(super) fn schema(section: &Section<'_>, place: &Place, path: &str, file: &Value) {
    if let Value::Object(schema) = file {
        tell(section, place, path, schema, SCHEMA);
    }
    for field in fields_of(file) {
        tell(section, place, &title_of_field(path, field), field, FIELD);
    }
}
