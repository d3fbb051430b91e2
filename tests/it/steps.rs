//! Steps as configured: rows, empty fields, changes seen by later steps.

use serde_json::{Value, json};

use crate::support::Annex;

/// A document of header fields and one table; a cell that is `null` is left out.
fn document(header: &Value, rows: &[Value]) -> String {
    let mut next = 0;
    let mut datapoints = |fields: &Value| -> Vec<Value> {
        let fields = fields.as_object().unwrap().iter().filter(|(_, value)| !value.is_null());
        fields
            .map(|(schema_id, value)| {
                next += 1;
                json!({"id": next, "schema_id": schema_id, "category": "datapoint", "content": {"value": value, "normalized_value": value}})
            })
            .collect()
    };
    let header = datapoints(header);
    let rows: Vec<Value> = rows
        .iter()
        .zip(100..)
        .map(|(row, id)| json!({"id": id, "schema_id": "line_item", "category": "tuple", "children": datapoints(row)}))
        .collect();
    json!({"event": "annotation_content", "action": "initialize", "annotation": {"id": 1, "content": [
        {"id": 90, "schema_id": "header", "category": "section", "children": header},
        {"id": 91, "schema_id": "lines", "category": "section", "children": [
            {"id": 92, "schema_id": "line_items", "category": "multivalue", "children": rows}]}]}})
    .to_string()
}

/// What a hook with these steps answers.
#[track_caller]
fn answer(steps: &str, files: &[(&str, &str)], body: &str) -> Value {
    let config = format!("[[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n{steps}");
    let annex = Annex::dev_with_files(&config, files);
    let answer = annex.client().deliver("/x", body);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn checks(checks: &str) -> String {
    format!("[[hook.step]]\nuse = \"checks\"\n[[hook.step.check]]\n{checks}\n")
}

/// Ids and texts of the messages.
fn messages(steps: &str, body: &str) -> Vec<(Value, String)> {
    let answer = answer(steps, &[], body);
    let list = answer["messages"].as_array().unwrap();
    list.iter().map(|m| (m["id"].clone(), m["content"].as_str().unwrap().to_owned())).collect()
}

#[test]
fn columns_are_checked_row_by_row_beside_header_fields() {
    let rows = [
        json!({"amount": "10", "price": "2", "total": "20"}),
        json!({"amount": "10", "price": "2", "total": "21"}),
        json!({"amount": "10", "price": null, "total": "21"}),
        json!({"amount": "", "price": "2", "total": "21"}),
        json!({"amount": "3", "price": "2", "total": "7"}),
    ];
    let body = document(&json!({"rate": "1"}), &rows);
    let steps = checks("product = [\"amount\", \"price\", \"rate\"]\nequals = \"total\"");
    let text = |total, calculated| {
        format!("total is {total}, but amount × price × rate is {calculated} (difference 1).")
    };
    assert_eq!(messages(&steps, &body), [(json!(7), text(21, 20)), (json!(15), text(7, 6))]);
}

#[test]
fn empty_fields_skip_count_as_nothing_or_fail_as_configured() {
    let body = document(&json!({"base": "10", "tax": "", "total": "11"}), &[]);
    let sum = |empty: &str| checks(&format!("sum = [\"base\", \"tax\"]\nequals = \"total\"\n{empty}"));
    assert_eq!(messages(&sum(""), &body), []);
    let differs = "total is 11, but base + tax is 10 (difference 1).".to_owned();
    assert_eq!(messages(&sum("empty = \"zero\""), &body), [(json!(3), differs)]);
    let missing = "total cannot be compared with base + tax: a value is missing.".to_owned();
    assert_eq!(messages(&sum("empty = \"fail\""), &body), [(json!(3), missing)]);
}

#[test]
fn what_is_no_number_or_date_is_said_at_its_field() {
    let body =
        document(&json!({"base": "ten", "from": "2026-13-01", "to": "2026-01-01", "total": "11"}), &[]);
    let steps =
        checks("sum = \"base\"\nequals = \"total\"") + &checks("days_between = [\"from\", \"to\"]\nmax = 1");
    assert_eq!(
        messages(&steps, &body),
        [(json!(1), "base is not a number.".into()), (json!(2), "from is not a date.".into())]
    );
    let huge = document(
        &json!({"a": "79228162514264337593543950335", "b": "79228162514264337593543950335", "total": "1"}),
        &[],
    );
    let said = messages(&checks("sum = [\"a\", \"b\"]\nequals = \"total\""), &huge);
    assert_eq!(said, [(json!(3), "total cannot be compared with a + b: the numbers are too large.".into())]);
}

#[test]
fn a_tolerance_is_exact_and_a_blocker_comes_beside_its_message() {
    let steps = |tolerance: &str| {
        checks(&format!(
            "sum = [\"a\"]\nequals = \"b\"\ntolerance = \"{tolerance}\"\non = \"a\"\nautomation_blocker = true\ntype = \"warning\"\nmessage = \"<i>{{a}}</i> {{difference}}\""
        ))
    };
    let body = document(&json!({"a": "0.30", "b": "0.31"}), &[]);
    assert_eq!(messages(&steps("0.01"), &body), []);
    let answer = answer(&steps("0.009"), &[], &body);
    assert_eq!(answer["messages"], json!([{"id": 1, "type": "warning", "content": "<i>0.30</i> 0.01"}]));
    assert_eq!(answer["automation_blockers"], json!([{"id": 1, "content": "<i>0.30</i> 0.01"}]));
}

#[test]
fn columns_of_two_tables_in_one_check_are_a_mistake_that_is_said() {
    let body = r#"{"annotation": {"content": [
        {"schema_id": "t1", "category": "multivalue", "children": [{"category": "tuple", "children": [{"id": 1, "schema_id": "a", "content": {"value": "1"}}]}]},
        {"schema_id": "t2", "category": "multivalue", "children": [{"category": "tuple", "children": [{"id": 2, "schema_id": "b", "content": {"value": "1"}}]}]}]}}"#;
    let said = messages(&checks("sum = \"a\"\nequals = \"b\""), body);
    assert!(said[0].1.contains("columns of two tables, t1 and t2"), "{said:?}");
}

#[test]
fn a_step_sees_what_the_one_before_it_changed_in_every_row() {
    let steps = r#"
[[hook.step]]
use = "replace"
field = "code"
target = "number"
pattern = '^([A-Z]+)-(?P<n>[0-9]+)$'
with = '\g<n>.5'
validation_sources = ["data_matching"]
"#
    .to_owned()
        + &checks("sum = \"number\"\nequals = \"expected\"");
    let rows = [
        json!({"code": "AB-12", "expected": "12.5", "number": ""}),
        json!({"code": "AB-13", "expected": "13", "number": ""}),
        json!({"code": "none", "expected": "", "number": "none"}),
    ];
    let answer = answer(&steps, &[], &document(&json!({}), &rows));
    let replaced = |id, value: &str| json!({"op": "replace", "id": id, "value": {"content": {"value": value}, "validation_sources": ["data_matching"]}});
    assert_eq!(answer["operations"], json!([replaced(3, "12.5"), replaced(6, "13.5")]));
    let said: Vec<&Value> =
        answer["messages"].as_array().unwrap().iter().map(|message| &message["content"]).collect();
    assert_eq!(said, ["expected is 13, but number is 13.5 (difference -0.5).", "number is not a number."]);
}

#[test]
fn a_list_beside_the_configuration_is_matched_row_by_row() {
    let steps = r#"
[[hook.step]]
use = "match"
field = "item_code"
target = "item"
file = "items.csv"
separator = ";"
value = "id"
label = "name"
none = { value = "", label = "?", message = "{item_code} is unknown.", type = "info" }
"#;
    let csv = "id;name\n1;Blue  box\n2;Red box\n3;BLUE-BOX\n4;blue box.\n";
    let rows = [json!({"item": "", "item_code": "blue.Box"}), json!({"item": "", "item_code": "<green>"})];
    let answer = answer(steps, &[("items.csv", csv)], &document(&json!({}), &rows));
    let options = json!([{"value": "1", "label": "Blue  box"}, {"value": "4", "label": "blue box."}]);
    assert_eq!(
        answer["operations"][0],
        json!({"op": "replace", "id": 1, "value": {"content": {"value": "1"}, "options": options, "validation_sources": ["connector"]}})
    );
    assert_eq!(answer["operations"][1]["value"]["options"], json!([{"value": "", "label": "?"}]));
    assert_eq!(
        answer["messages"],
        json!([{"id": 4, "type": "info", "content": "&lt;green&gt; is unknown."}])
    );
}

#[test]
fn a_step_runs_on_the_events_that_it_names() {
    let steps = checks("required = \"a\"")
        .replace("use = \"checks\"", "use = \"checks\"\nevents = [\"annotation_content.export\"]");
    let body = document(&json!({"a": ""}), &[]);
    assert_eq!(messages(&steps, &body), []);
    assert_eq!(messages(&steps, &body.replace("initialize", "export")).len(), 1);
}

#[test]
fn a_thousand_rows_are_each_checked_once() {
    let rows: Vec<Value> =
        (0..1_000).map(|n| json!({"a": n.to_string(), "b": (n + n % 2).to_string()})).collect();
    let said = messages(&checks("sum = \"a\"\nequals = \"b\""), &document(&json!({}), &rows));
    assert_eq!(said.len(), 500);
}
