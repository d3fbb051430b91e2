//! The built-in hooks answer as Rossum's samples do (behaviour: Rossum's public sample webhooks).

use serde_json::{Value, json};

use crate::support::{Annex, Datapoint, sign, tree};

use rossum_annex::signature::Algorithm;

fn vendor(invoice: &str, order: &str, name: &str) -> [Datapoint; 4] {
    let field = |schema_id, value: &str| Datapoint(schema_id, json!(value), Value::Null);
    [field("invoice_id", invoice), field("order_id", order), field("vendor_name", name), field("vendor", "")]
}

#[track_caller]
fn answer(path: &str, body: &Value) -> (Value, Value) {
    let annex = Annex::dev();
    let answer = annex.client().deliver(path, body.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    let json = answer.json();
    (json["messages"].clone(), json["operations"].clone())
}

#[test]
fn vendor_matching_normalizes_warns_and_matches() {
    let (messages, operations) =
        answer("/vendor_matching", &tree("initialize", &vendor("INV-2026/17", "17", "o, ."), &[]));
    assert_eq!(messages, json!([{"id": 2, "type": "warning", "content": "Invalid order_id format."}]));
    let options = json!([{"value": 1, "label": "Roboyo"}, {"value": 2, "label": "Rossum"}, {"value": 3, "label": "Volvo"}]);
    assert_eq!(
        operations,
        json!([
            {"op": "replace", "id": 1, "value": {"content": {"value": "202617", "validation_sources": ["connector"]}}},
            {"op": "replace", "id": 4, "value": {"content": {"value": 1}, "options": options, "validation_sources": ["connector"]}}])
    );
}

#[test]
fn vendor_matching_says_when_nothing_fits_and_an_empty_name_fits_nothing() {
    for name in ["Nobody", ""] {
        let (messages, operations) =
            answer("/vendor_matching", &tree("initialize", &vendor("17", "123456", name), &[]));
        assert_eq!(messages, json!([{"id": 3, "type": "error", "content": "Vendor not found."}]));
        let none = json!({"content": {"value": "---"}, "options": [{"value": "---", "label": "---"}], "validation_sources": ["connector"]});
        assert_eq!(operations, json!([{"op": "replace", "id": 4, "value": none}]));
    }
}

#[test]
fn vendor_matching_looks_again_only_when_the_name_changed() {
    let fields = vendor("17", "", "ross.");
    let (_, operations) = answer("/vendor_matching", &tree("user_update", &fields, &[3]));
    assert_eq!(operations[0]["value"]["content"]["value"], 2);
    let (messages, operations) = answer("/vendor_matching", &tree("user_update", &fields, &[1]));
    assert_eq!((messages, operations), (json!([]), json!([])));
}

#[test]
fn vendor_matching_answers_bare_requests_signed_with_sha1_and_ids_as_text() {
    let body = json!({"action": "initialize", "updated_datapoints": [], "hook": "https://x/v1/hooks/1", "annotation": {"content": [
        {"id": "a", "schema_id": "section", "children": [
            {"id": "1", "schema_id": "invoice_id", "content": {"value": "#1"}}, {"id": "2", "schema_id": "order_id", "content": {"value": "1"}},
            {"id": "3", "schema_id": "vendor_name", "content": {"value": "Volvo"}}, {"id": "4", "schema_id": "vendor", "content": {"value": ""}}]}]}})
    .to_string();
    let annex = Annex::dev();
    let (name, value) = sign(Algorithm::Sha1, crate::support::SECRET, body.as_bytes());
    let answer = annex.client().post("/vendor_matching", &[(&name, &value)], &body).json();
    assert_eq!(
        answer["messages"],
        json!([{"id": "2", "type": "warning", "content": "Invalid order_id format."}])
    );
    assert_eq!(answer["operations"][0]["id"], "1");
    assert_eq!(answer["operations"][1]["value"]["content"]["value"], 3);
}

/// Two totals and two tax rows; what is `None` has no normalized value.
fn vat(total: Option<&str>, rows: [Option<&str>; 2], account: &str) -> Value {
    let amount = |schema_id, value: Option<&str>| {
        Datapoint(schema_id, json!(value.unwrap_or("")), json!(value.unwrap_or("None")))
    };
    let [first, second] = rows;
    let fields = [
        amount("amount_total_tax", total),
        amount("tax_detail_tax", first),
        amount("tax_detail_tax", second),
        Datapoint("account_num", json!(account), Value::Null),
    ];
    tree("user_update", &fields, &[])
}

#[test]
fn check_vat_amounts_compares_sums_exactly_and_knows_our_account() {
    let ours = "150342342340";
    let tax = json!({"id": 1, "type": "warning", "content": "Tax checksum failed"});
    let cases = [
        (vat(Some("30.30"), [Some("10.10"), Some("20.20")], ours), json!([])),
        (vat(Some("0.3"), [Some("0.1"), Some("0.2")], ours), json!([])), // exact, where floats are not
        (vat(Some("30.31"), [Some("10.10"), Some("20.20")], ours), json!([tax])),
        (vat(None, [Some("10.10"), Some("20.20")], ours), json!([tax])),
        (vat(Some("10.10"), [Some("10.10"), None], ours), json!([tax])),
        (
            vat(Some("1"), [Some("1"), Some("0")], "7"),
            json!([{"id": 4, "type": "error", "content": "Bank account mismatch"}]),
        ),
        (
            vat(Some("1"), [Some("1"), Some("0")], ""),
            json!([{"id": 4, "type": "error", "content": "Missing"}]),
        ),
    ];
    let annex = Annex::dev();
    for (body, expected) in cases {
        let answer = annex.client().deliver("/check_vat_amounts", body.to_string()).json();
        assert_eq!(answer["messages"], expected, "{body}");
        assert_eq!(answer["operations"], json!([]));
    }
}

#[test]
fn invoice_checks_find_every_mistake_of_the_sample_delivery_on_the_right_field() {
    let body = std::fs::read_to_string("config/sample_delivery.json").unwrap();
    let payload: Value = serde_json::from_str(&body).unwrap();
    let annex = Annex::dev();
    let answer = annex.client().deliver("/invoice_checks", &body).json();
    let found: Vec<(String, String, &str)> = answer["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| {
            (
                schema_id(&payload["annotation"]["content"], &m["id"]).unwrap(),
                m["type"].as_str().unwrap().to_owned(),
                m["content"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("amount_total", "error", "Total 1 215.00 is not base 1 000.00 + tax 210.00 (difference 5.00)."),
        ("amount_total", "error", "The lines add up to 1210.00, not to 1 215.00 (difference 5.00)."),
        ("item_amount_total", "warning", "1 × 240.00 is 240.00, not 242.00."),
        ("date_due", "error", "Due -2 days after issue; 0 to 120 are expected."),
        ("tax_detail_tax", "error", "21 % of 200.00 is 42.00, not 40.00."),
        ("tax_detail_total", "error", "200.00 + 40.00 is 240.00, not 242.00."),
        ("amount_total_tax", "error", "The tax rows add up to 208.00, not to 210.00 (difference 2.00)."),
    ];
    assert_eq!(found, expected.map(|(f, t, c)| (f.to_owned(), t.to_owned(), c)));
}

fn schema_id(nodes: &Value, id: &Value) -> Option<String> {
    nodes.as_array()?.iter().find_map(|node| {
        if node["id"] == *id {
            Some(node["schema_id"].as_str()?.to_owned())
        } else {
            schema_id(&node["children"], id)
        }
    })
}

#[test]
fn the_schema_that_comes_with_the_samples_has_every_field_that_they_use() {
    let schema = std::fs::read_to_string("config/example_schema.json").unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let mut ids = Vec::new();
    collect_ids(&schema, &mut ids);
    let sample = rossum_annex::config::SAMPLE;
    let used: std::collections::BTreeSet<&str> = sample
        .lines()
        .map(|line| line.split(" #").next().unwrap_or(line).trim())
        .filter(|line| {
            [
                "field",
                "target",
                "sum",
                "equals",
                "product",
                "percent",
                "column_sum",
                "days_between",
                "required",
            ]
            .iter()
            .any(|key| line.starts_with(&format!("{key} =")))
        })
        .flat_map(|line| line.split('"').skip(1).step_by(2))
        .collect();
    assert!(used.len() > 15, "{used:?}");
    for id in used {
        assert!(ids.iter().any(|known| known == id), "config/example_schema.json lacks {id}");
    }
}

fn collect_ids(node: &Value, ids: &mut Vec<String>) {
    match node {
        Value::Array(list) => list.iter().for_each(|node| collect_ids(node, ids)),
        Value::Object(object) => {
            ids.extend(object.get("id").and_then(Value::as_str).map(str::to_owned));
            object.get("children").into_iter().for_each(|children| collect_ids(children, ids));
        }
        _ => {}
    }
}
