//! Names of fields that a document or its schema does not have: said at load, in the log, in the inspector.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Annex, Client, SECRET, annex_command, eventually, free_port, write};

fn field(id: &str, value: &str) -> Value {
    json!({"id": id, "schema_id": id, "category": "datapoint", "content": {"value": value, "normalized_value": value}})
}

fn document(fields: &[Value], rows: &[Value]) -> String {
    json!({"event": "annotation_content", "action": "initialize", "annotation": {"id": 1, "content": [
        {"id": 90, "schema_id": "header", "category": "section", "children": fields},
        {"id": 91, "schema_id": "lines", "category": "section", "children": [
            {"id": 92, "schema_id": "line_items", "category": "multivalue", "children": rows}]}]}})
    .to_string()
}

fn row(id: u32, cells: &[Value]) -> Value {
    json!({"id": id, "schema_id": "line_item", "category": "tuple", "children": cells})
}

const HOOK: &str = r#"
[[hook]]
name = "names"
path = "/x"
secrets = ["env:ROSSUM_SECRET"]

  [[hook.step]]
  name = "amounts"
  use = "checks"

    [[hook.step.check]]
    required = ["order_numbr"]

    [[hook.step.check]]
    sum = ["item_amount", "item_tax"]
    equals = "item_total"
    empty = "zero"

    [[hook.step.check]]
    required = ["document_id"]
"#;

/// A hook whose documents lack what its checks name, with the inspector's port.
fn start() -> (Annex, u16) {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("annex.toml"), HOOK);
    let port = free_port();
    (Annex::dev_inspected(folder, port), port)
}

/// The reasons of the only step of a delivery, once the inspector has it.
fn reasons(port: u16, delivery: usize) -> Vec<(String, String)> {
    let mut found = Vec::new();
    eventually("the inspector has it", Duration::from_secs(10), || {
        let mut client = Client::plain(([127, 0, 0, 1], port).into());
        let path = format!("/inspector/deliveries/{delivery}");
        let page = client.request_as(&format!("127.0.0.1:{port}"), "GET", &path, &[], b"");
        let detail: Value = serde_json::from_slice(&page.body).unwrap_or_default();
        let list = detail["more"]["steps"][0]["reasons"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        found = list.iter().map(|r| (text(&r["what"]), text(&r["places"][0]["says"]))).collect();
        !found.is_empty()
    });
    found
}

fn says(reasons: &[(String, String)], what: &str) -> String {
    let said = reasons.iter().find(|(known, _)| known.contains(what));
    said.unwrap_or_else(|| panic!("nothing about {what}: {reasons:?}")).1.clone()
}

#[test]
fn a_check_of_a_field_that_is_not_there_is_not_checked_and_said_once() {
    let (annex, port) = start();
    let body = document(
        &[field("document_id", "7")],
        &[row(1, &[field("item_amount", "1"), field("item_total", "1")])],
    );
    for _ in 0..3 {
        let answer = annex.client().deliver("/x", &body).json();
        assert_eq!(answer["messages"], json!([]), "what does not exist is not empty");
    }
    let reasons = reasons(port, 1);
    assert_eq!(says(&reasons, "required: order_numbr"), "not checked: the document has no field order_numbr");
    assert_eq!(says(&reasons, "item_amount + item_tax"), "not checked: the document has no field item_tax");
    assert_eq!(says(&reasons, "required: document_id"), "holds");
    assert!(says(&reasons, "the document has no field order_numbr").contains("annex.toml:12"), "{reasons:?}");
    let log = annex.log();
    assert_eq!(log.matches("the document has no field `order_numbr`").count(), 1, "{log}");
    assert_eq!(log.matches("the document has no field `item_tax`").count(), 1, "{log}");
    assert!(!log.contains("has no field `item_total`") && log.contains("annex.toml:12"), "{log}");
}

#[test]
fn a_column_of_a_table_without_rows_is_told_only_where_the_schema_is_known() {
    let (annex, _port) = start();
    let body = document(&[field("document_id", "7")], &[]);
    annex.client().deliver("/x", &body);
    annex
        .client()
        .deliver("/x", document(&[field("document_id", "")], &[row(1, &[field("item_total", "1")])]));
    annex.logs("the document has no field `item_amount`", Duration::from_secs(10));

    let (annex, port) = start();
    let columns: Vec<Value> = ["item_amount", "item_total"]
        .iter()
        .map(|id| json!({"id": id, "category": "datapoint", "type": "number"}))
        .collect();
    let schema = json!([{"id": "basic", "category": "section", "children": [
        {"id": "document_id", "category": "datapoint", "type": "string"},
        {"id": "line_items", "category": "multivalue", "children": {"id": "line_item", "category": "tuple", "children": columns}}]}]);
    let mut body: Value = serde_json::from_str(&body).unwrap();
    body["schemas"] = json!([{"id": 1, "content": schema}]);
    annex.client().deliver("/x", body.to_string());
    let reasons = reasons(port, 1);
    assert_eq!(says(&reasons, "item_amount + item_tax"), "not checked: the document has no field item_tax");
    assert!(!annex.log().contains("has no field `item_amount`"), "{}", annex.log());
}

#[test]
fn a_name_must_be_in_one_of_the_schemas_of_the_hook() {
    let folder = tempfile::tempdir().unwrap();
    let schema = |id: &str| {
        json!([{"id": "basic", "category": "section", "children": [{"id": id, "category": "datapoint", "type": "string"}]}]).to_string()
    };
    write(&folder.path().join("a.json"), &schema("order_number"));
    write(&folder.path().join("b.json"), &schema("document_id"));
    let check = |schemas: &str, server: &str| {
        let hook = HOOK.replace("path = \"/x\"", &format!("path = \"/x\"\n{schemas}"));
        write(&folder.path().join("annex.toml"), &format!("{server}\n{hook}"));
        let mut command = annex_command();
        command.args(["check", "--dev-http", "--config", "annex.toml"]).current_dir(folder.path());
        String::from_utf8(command.env("ROSSUM_SECRET", SECRET).output().unwrap().stderr).unwrap()
    };
    let both = check("schema = [\"a.json\", \"b.json\"]", "");
    assert!(both.contains("none of the hook's schemas has a field `order_numbr`"), "{both}");
    assert!(both.contains("did you mean `order_number`?") && !both.contains("`document_id`"), "{both}");
    let one = check("schema = \"a.json\"", "[server]\nschema = \"b.json\"");
    assert!(one.contains("the schema has no field `document_id` (a.json)"), "{one}");
    let all = check("", "[server]\nschema = \"b.json\"");
    assert!(
        all.contains("the schema has no field `order_numbr` (b.json)") && !all.contains("`document_id`"),
        "{all}"
    );
    let gone = check("schema = \"c.json\"", "");
    assert!(gone.contains("cannot read c.json"), "{gone}");
}

#[test]
fn the_schema_of_the_configuration_comes_before_the_one_that_is_sent_along_for_names_and_types() {
    let schema = |kind: &str, columns: &[&str]| {
        let field = |id: &str, kind: &str| json!({"id": id, "category": "datapoint", "type": kind});
        let columns: Vec<Value> = columns.iter().map(|id| field(id, "number")).collect();
        json!([{"id": "basic", "category": "section", "children": [
            field("document_id", "string"), field("order_numbr", kind),
            {"id": "line_items", "category": "multivalue", "children": {"id": "line_item", "category": "tuple", "children": columns}}]}])
    };
    let hook = HOOK.replace("path = \"/x\"", "path = \"/x\"\nschema = \"schema.json\"");
    let rules = "\n  [[hook.step]]\n  use = \"rules\"\n    [[hook.step.rule]]\n    trigger_condition = \"field.order_numbr + 1 == 8\"\n    \
        actions = [{ type = \"show_message\", payload = { type = \"info\", content = \"a number\" } }]\n";
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("annex.toml"), &format!("{hook}{rules}"));
    let file = schema("number", &["item_amount", "item_tax", "item_total"]);
    write(&folder.path().join("schema.json"), &file.to_string());
    let annex = Annex::dev_inspected(folder, free_port());
    let document = document(&[field("document_id", "7"), field("order_numbr", "7")], &[]);
    let mut body: Value = serde_json::from_str(&document).unwrap();
    body["schemas"] = json!([{"id": 1, "content": schema("string", &["other"])}]);
    let answer = annex.client().deliver("/x", body.to_string()).json();
    assert_eq!(answer["messages"][0]["content"], "a number", "{answer}");
    assert!(!annex.log().contains("the document has no field"), "{}", annex.log());
}
