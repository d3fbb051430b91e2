//! What documents hold, masked: structure, names and numbers of rows stay.

use serde_json::Value as Json;
use serde_json::value::{RawValue, to_raw_value};

pub(super) const MASK: &str = "•••";

/// Keys whose values are Rossum's or the schema's words, and never a document's.
const SHOWN: [&str; 9] = ["id", "schema_id", "category", "event", "action", "status", "op", "type", "hidden"];
/// Parts of a delivery that the page shows.
const PARTS: [&str; 8] =
    ["event", "action", "annotation", "schemas", "messages", "operations", "automation_blockers", "content"];

/// A delivery or an answer; `None` where it is no JSON.
pub(super) fn mask(text: &[u8]) -> Option<Box<RawValue>> {
    let Ok(Json::Object(mut all)) = serde_json::from_slice(text) else { return None };
    all.retain(|key, _| PARTS.contains(&key.as_str()));
    for (key, value) in &mut all {
        if !SHOWN.contains(&key.as_str()) {
            walk(value, key == "schemas");
        }
    }
    to_raw_value(&all).ok()
}

/// A text that is there is there still, and says nothing.
pub(super) fn masked_text(text: &str) -> String {
    if text.is_empty() { String::new() } else { MASK.to_owned() }
}

fn walk(value: &mut Json, in_schema: bool) {
    match value {
        Json::Null | Json::Bool(_) => {}
        Json::Number(_) => *value = Json::String(MASK.to_owned()),
        Json::String(text) => *text = masked_text(text),
        Json::Array(list) => list.iter_mut().for_each(|one| walk(one, in_schema)),
        Json::Object(map) => {
            // The choices of an enum are a customer's list of vendors.
            map.remove("options");
            for (key, value) in map {
                let is_word = !value.is_object() && !value.is_array();
                if !(is_word && (SHOWN.contains(&key.as_str()) || in_schema && key == "label")) {
                    walk(value, in_schema);
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
        let answer =
            mask(br#"{"messages": [{"id": 1, "type": "error", "content": "Acme owes 5"}]}"#).unwrap();
        assert_eq!(answer.get(), format!(r#"{{"messages":[{{"id":1,"type":"error","content":"{MASK}"}}]}}"#));
    }
}
