//! What documents hold, masked: structure, names and numbers of rows stay.

use serde_json::Value as Json;
use serde_json::value::{RawValue, to_raw_value};

use crate::trees::{self, Parts};

pub(super) const MASK: &str = "•••";

/// A place in a delivery or in an answer. What is not named here is masked: a key says nothing of whose word its value
/// is (`metadata` of an annotation is the customer's own, whatever its keys are).
#[derive(Clone, Copy)]
enum Place {
    Top,
    Annotation,
    /// A section, multivalue, tuple or datapoint.
    Node,
    Message,
    Operation,
    /// A row or a field that an operation adds.
    Added,
    Blocker,
    Schema,
    /// A section or a field of a schema.
    Definition,
    /// Anywhere else: only its structure is seen.
    Masked,
}

impl Place {
    /// Keys whose values are Rossum's words or the schema's, where they are no object and no list.
    fn shows(self) -> &'static [&'static str] {
        match self {
            Self::Top => &["event", "action"],
            Self::Annotation => &["id", "status"],
            Self::Node => &["id", "schema_id", "category", "hidden"],
            Self::Message => &["id", "type"],
            Self::Operation => &["op", "id"],
            Self::Added => &["schema_id", "hidden"],
            Self::Blocker | Self::Schema => &["id"],
            Self::Definition => &["id", "category", "type", "hidden", "label"],
            Self::Masked => &[],
        }
    }

    fn below(self, key: &str) -> Self {
        match (self, key) {
            (Self::Top, "annotation") => Self::Annotation,
            (Self::Top, "messages") => Self::Message,
            (Self::Top, "operations") => Self::Operation,
            (Self::Top, "automation_blockers") => Self::Blocker,
            (Self::Top, "schemas") => Self::Schema,
            // A whole annotation content stands at the top of the answer to some events.
            (Self::Top | Self::Annotation, "content") | (Self::Node, "children") => Self::Node,
            (Self::Operation, "value") => Self::Added,
            (Self::Schema, "content") | (Self::Definition, "children") => Self::Definition,
            _ => Self::Masked,
        }
    }
}

/// Parts of a delivery that the page shows.
const PARTS: [(&str, Parts<'_>); 8] = [
    ("event", Parts::All),
    ("action", Parts::All),
    ("annotation", Parts::All),
    ("schemas", Parts::All),
    ("messages", Parts::All),
    ("operations", Parts::All),
    ("automation_blockers", Parts::All),
    ("content", Parts::All),
];

/// Bytes of a delivery as a tree that is shown.
const LARGEST: usize = 64 << 20;

/// A delivery or an answer; `None` where it is no JSON, or too much of it.
pub(super) fn mask(text: &[u8]) -> Option<Box<RawValue>> {
    let mut all = trees::read_parts(text, Parts::Only(&PARTS), LARGEST).ok().filter(Json::is_object)?;
    walk(&mut all, Place::Top);
    to_raw_value(&all).ok()
}

/// A text that is there is there still, and says nothing.
pub(super) fn masked_text(text: &str) -> String {
    if text.is_empty() { String::new() } else { MASK.to_owned() }
}

fn walk(value: &mut Json, place: Place) {
    match value {
        Json::Null | Json::Bool(_) => {}
        Json::Number(_) => *value = Json::String(MASK.to_owned()),
        Json::String(text) => *text = masked_text(text),
        Json::Array(list) => list.iter_mut().for_each(|one| walk(one, place)),
        Json::Object(map) => {
            // The choices of an enum are a customer's list of vendors.
            map.remove("options");
            for (key, value) in map {
                let is_word = !value.is_object() && !value.is_array();
                if !(is_word && place.shows().contains(&key.as_str())) {
                    walk(value, place.below(key));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_document_is_left() {
        let sent = br#"{"event": "annotation_content", "rossum_authorization_token": "T", "secrets": {"a": "S"},
            "document": {"original_file_name": "Acme.pdf"}, "annotation": {"id": 7, "url": "https://acme",
              "content": [{"id": 1, "schema_id": "vendor", "category": "datapoint", "content": {"value": "Acme", "page": 1},
                "options": [{"value": "Acme", "label": "Acme Ltd"}]}, {"id": 2, "schema_id": "note", "content": {"value": ""}}]},
            "schemas": [{"id": 3, "name": "Acme", "content": [{"id": "vendor", "label": "Vendor", "options": [{"label": "Acme"}]}]}]}"#;
        let masked = mask(sent).unwrap();
        let all: Json = serde_json::from_str(masked.get()).unwrap();
        assert_eq!(
            all,
            serde_json::json!({"event": "annotation_content", "annotation": {"id": 7, "url": MASK, "content": [
                {"id": 1, "schema_id": "vendor", "category": "datapoint", "content": {"value": MASK, "page": MASK}},
                {"id": 2, "schema_id": "note", "content": {"value": ""}}]},
                "schemas": [{"id": 3, "name": MASK, "content": [{"id": "vendor", "label": "Vendor"}]}]})
        );
        // A customer's own keys, and Rossum's words in other places.
        let sent = br#"{"event": {"id": "Acme"}, "annotation": {"id": 7, "status": "to_review", "type": "Acme", "metadata":
            {"id": "Acme", "type": "Acme", "status": "Acme", "event": "Acme", "schema_id": "Acme", "content": [{"id": "Acme"}]},
            "content": [{"id": 1, "type": "Acme", "content": {"value": "Acme", "id": "Acme", "type": "Acme", "hidden": "Acme"},
              "children": [{"id": 2, "schema_id": "x", "metadata": {"category": "Acme"}}]}], "messages": [{"id": "Acme"}]},
            "messages": [{"id": 3, "type": "info", "content": {"id": "Acme"}, "detail": {"type": "Acme"}}],
            "operations": [{"op": "replace", "id": 4, "value": {"content": {"id": "Acme"}, "id": "Acme", "op": "Acme"}}],
            "schemas": [{"id": 5, "metadata": {"label": "Acme"}, "content": [{"id": "s", "children": [{"id": "f", "type": "enum",
              "score_threshold": "Acme", "formula": "Acme"}]}]}]}"#;
        let masked = mask(sent).unwrap();
        assert!(!masked.get().contains("Acme"), "{masked}");
        let all: Json = serde_json::from_str(masked.get()).unwrap();
        assert_eq!(all["annotation"]["status"], "to_review");
        assert_eq!(all["schemas"][0]["content"][0]["children"][0]["type"], "enum");
        let answer =
            mask(br#"{"messages": [{"id": 1, "type": "error", "content": "Acme owes 5"}]}"#).unwrap();
        assert_eq!(answer.get(), format!(r#"{{"messages":[{{"id":1,"type":"error","content":"{MASK}"}}]}}"#));
    }
}
