//! Payloads in Rossum's documented shape.

use serde_json::{Value, json};

/// A header field: schema id, value, normalized value.
pub(crate) struct Datapoint(pub(crate) &'static str, pub(crate) Value, pub(crate) Value);

/// A delivery of header fields, with ids 1, 2, …
pub(crate) fn tree(action: &str, fields: &[Datapoint], updated: &[i64]) -> Value {
    let children: Vec<Value> = fields
        .iter()
        .zip(1..)
        .map(|(Datapoint(schema_id, value, normalized), id)| {
            json!({"id": id, "schema_id": schema_id, "category": "datapoint", "content": {"value": value, "normalized_value": normalized}})
        })
        .collect();
    json!({
        "request_id": "0b7fcb3c-0001", "event": "annotation_content", "action": action,
        "annotation": {"id": 314_521, "content": [{"id": 1000, "schema_id": "basic", "category": "section", "children": children}]},
        "updated_datapoints": updated,
    })
}

/// An invoice with so many lines that add up, about 420 bytes a datapoint, as Rossum's are.
pub(crate) fn invoice_with_lines(lines: usize) -> Vec<u8> {
    let datapoint = |id: usize, schema_id: &str, value: &str| {
        json!({
            "id": id, "url": format!("https://acme.rossum.app/api/v1/annotations/314521/content/{id}"), "schema_id": schema_id,
            "category": "datapoint", "validation_sources": ["score"], "time_spent": 0, "hidden": false,
            "content": {"value": value, "normalized_value": value, "page": 1, "position": [761, 48, 925, 84], "rir_text": value,
                        "rir_page": 1, "rir_position": [761, 48, 925, 84], "rir_confidence": 0.99234, "connector_text": null, "connector_position": null},
        })
    };
    let rows: Vec<Value> = (0..lines)
        .map(|row| {
            let id = 10_000 + row * 20;
            let cells = [
                datapoint(id + 1, "item_description", "Consulting, <b>one</b> hour"),
                datapoint(id + 2, "item_quantity", "2"),
                datapoint(id + 3, "item_amount", "10.50"),
                datapoint(id + 4, "item_amount_total", "21.00"),
                datapoint(id + 5, "item_code", "C-17"),
                datapoint(id + 6, "item_rate", "21"),
                datapoint(id + 7, "item_tax", "3.64"),
                datapoint(id + 8, "item_uom", "h"),
            ];
            json!({"id": id, "url": "https://acme.rossum.app/x", "schema_id": "line_item", "category": "tuple", "children": cells})
        })
        .collect();
    let total = format!("{}.00", lines * 21);
    let header = [datapoint(1, "document_id", "17"), datapoint(2, "amount_total", &total)];
    json!({
        "request_id": "0b7fcb3c-0002", "timestamp": "2026-11-24T10:15:30.123456Z", "base_url": "https://acme.rossum.app",
        "rossum_authorization_token": "a-token-nobody-may-see", "secrets": {"erp": "a-secret-nobody-may-see"},
        "hook": "https://acme.rossum.app/api/v1/hooks/1500", "settings": {},
        "event": "annotation_content", "action": "updated",
        "annotation": {"id": 314_521, "status": "reviewing", "content": [
            {"id": 100, "schema_id": "basic_info_section", "category": "section", "children": header},
            {"id": 200, "schema_id": "line_items_section", "category": "section", "children": [
                {"id": 201, "schema_id": "line_items", "category": "multivalue", "grid": {"parts": []}, "children": rows}]}]},
        "document": {"id": 314_621, "mime_type": "application/pdf"}, "updated_datapoints": [2],
    })
    .to_string()
    .into_bytes()
}
