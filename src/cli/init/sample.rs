//! A document that a schema could have: the payload of a first test case.

use serde_json::{Map, Value, json};

/// Rows of each table.
const ROWS: usize = 2;

/// A delivery whose fields have values that fit their types.
pub(super) fn payload(schema: &Value) -> Value {
    let mut id = 1000;
    let sections = schema.as_array().into_iter().flatten();
    let content: Vec<Value> = sections.map(|section| node(section, &mut id, 0)).collect();
    json!({
        "request_id": "first-case", "timestamp": "2026-01-15T10:00:00.000000Z",
        "event": "annotation_content", "action": "updated",
        "annotation": {"id": 1, "status": "reviewing", "content": content},
        "document": {"id": 1, "original_file_name": "invoice.pdf", "mime_type": "application/pdf"},
        "schemas": [{"id": 1, "content": schema}],
    })
}

fn node(field: &Value, id: &mut u64, row: usize) -> Value {
    *id += 1;
    let own = *id;
    let category = field["category"].as_str().unwrap_or("datapoint");
    let mut made = Map::new();
    made.insert("id".to_owned(), own.into());
    made.insert("schema_id".to_owned(), field["id"].clone());
    made.insert("category".to_owned(), category.into());
    match (category, &field["children"]) {
        ("datapoint", _) => {
            let value = value(field, row);
            made.insert(
                "content".to_owned(),
                json!({"value": value, "normalized_value": value, "page": 1, "position": null, "ocr_text": null, "ocr_position": null, "rir_text": null}),
            );
            made.insert("validation_sources".to_owned(), json!(["human"]));
        }
        // A multivalue has one child in a schema, and as many as there are in a document.
        ("multivalue", child) => {
            let children: Vec<Value> = (0..ROWS).map(|row| node(child, id, row)).collect();
            made.insert("children".to_owned(), children.into());
        }
        (_, Value::Array(children)) => {
            let children: Vec<Value> = children.iter().map(|child| node(child, id, row)).collect();
            made.insert("children".to_owned(), children.into());
        }
        _ => {}
    }
    Value::Object(made)
}

/// Totals that add up where they have their usual names.
fn value(field: &Value, row: usize) -> String {
    let name = field["id"].as_str().unwrap_or_default();
    match (field["type"].as_str().unwrap_or("string"), name) {
        ("number", "amount_total") => "121".to_owned(),
        ("number", "amount_total_base") => "100".to_owned(),
        ("number", "amount_total_tax") => "21".to_owned(),
        ("number", _) => (10 * (row + 1)).to_string(),
        ("date", name) if name.contains("due") => "2026-02-14".to_owned(),
        ("date", _) => "2026-01-15".to_owned(),
        ("boolean", _) => "true".to_owned(),
        ("button", _) => String::new(),
        ("enum", _) => field["options"][0]["value"].as_str().unwrap_or_default().to_owned(),
        _ => format!("{} {}", field["label"].as_str().unwrap_or(name), row + 1),
    }
}
