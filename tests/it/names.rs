//! Names of fields that a document or its schema does not have: said at load, in the log, in the inspector.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Annex, Client, SECRET, annex_command, denied, eventually, free_port, write};

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

/// `annex check` of a configuration in a folder: its exit code, what it prints, what it complains of.
fn check(folder: &std::path::Path, hook: &str) -> (Option<i32>, String, String) {
    write(&folder.join("annex.toml"), hook);
    let mut command = annex_command();
    command.args(["check", "--dev-http", "--config", "annex.toml"]).current_dir(folder);
    let output = command.env("ROSSUM_SECRET", SECRET).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn schema_of(fields: &[Value]) -> String {
    json!([{"id": "basic", "category": "section", "children": fields}]).to_string()
}

fn plain(id: &str, kind: &str) -> Value {
    json!({"id": id, "category": "datapoint", "type": kind})
}

const BY_QUEUE: &str = r#"
[server]
state = "state"

[[hook]]
path = "/x"
secrets = ["env:ROSSUM_SECRET"]
schema = { 1 = "a.json", 2 = "b.json" }

  [[hook.step]]
  name = "rules"
  use = "business_rules"
  file = "rules.json"

  [[hook.step]]
  name = "amounts"
  use = "rules"

    [[hook.step.rule]]
    name = "large"
    trigger_condition = "field.total > 5"
    actions = [{ type = "show_message", payload = { type = "error", content = "large" } }]
"#;

#[test]
fn each_queue_is_checked_against_its_own_schema() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write(&path.join("a.json"), &schema_of(&[plain("total", "number"), plain("order_id", "string")]));
    write(&path.join("b.json"), &schema_of(&[plain("total", "string")]));
    let rules =
        |rule: &str, queue: u64| json!({"checks": [{"rule": rule, "message": "m", "queue_ids": [queue]}]});
    write(&path.join("rules.json"), &rules("has_value({order_id})", 2).to_string());
    let (code, _, error) = check(path, BY_QUEUE);
    assert_eq!(code, Some(1));
    assert!(error.contains("the schema has no field `order_id` (b.json)"), "only queue 1 has it: {error}");
    write(&path.join("rules.json"), &rules("has_value({order_id})", 1).to_string());
    let (code, shown, error) = check(path, BY_QUEUE);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{shown}");
    let shared = BY_QUEUE.replace("field.total > 5", "field.order_id == 'x'");
    let (code, shown, error) = check(path, &shared);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{shown}");
    assert!(shown.contains("the schema of queue 2 has no field `order_id` (b.json)"), "{shown}");
    // So are the fields that a rule's actions name.
    let acts = |queue: u64| {
        let acting = BY_QUEUE.replace("content = \"large\"", "content = \"large\", schema_id = \"order_id\"");
        acting.replace("    name = \"large\"\n", &format!("    name = \"large\"\n    queues = [{queue}]\n"))
    };
    let (code, shown, error) = check(path, &acts(1));
    assert_eq!((code, error.as_str()), (Some(0), ""), "{shown}");
    assert!(!shown.contains("order_id"), "{shown}");
    let (code, _, error) = check(path, &acts(2));
    assert_eq!(code, Some(1));
    assert!(
        error.contains("the action show_message: the schema has no field `order_id` (b.json)"),
        "{error}"
    );

    // Each delivery has the types of its own queue.
    let folder = tempfile::tempdir().unwrap();
    for file in ["a.json", "b.json", "rules.json"] {
        std::fs::copy(path.join(file), folder.path().join(file)).unwrap();
    }
    write(&folder.path().join("annex.toml"), BY_QUEUE);
    let annex = Annex::dev_inspected(folder, free_port());
    let body = |queue: u64| {
        let mut body: Value =
            serde_json::from_str(&document(&[field("total", "7"), field("order_id", "1")], &[])).unwrap();
        body["annotation"]["queue"] = json!(format!("https://api.example.com/v1/queues/{queue}"));
        body.to_string()
    };
    let messages = |queue| annex.client().deliver("/x", body(queue)).json()["messages"].clone();
    assert_eq!(messages(1)[0]["content"], "large");
    let second = messages(2).to_string();
    assert!(second.contains("TypeError") && !second.contains("\"large\""), "a text there: {second}");
}

#[test]
fn what_decides_nothing_is_told_and_refused_by_nobody() {
    let folder = tempfile::tempdir().unwrap();
    write(
        &folder.path().join("a.json"),
        &schema_of(&[plain("total", "number"), plain("order_id", "string")]),
    );
    let hook = |condition: &str| {
        BY_QUEUE
            .replace("{ 1 = \"a.json\", 2 = \"b.json\" }", "\"a.json\"")
            .replace("\"field.total > 5\"", &format!("'''{condition}'''"))
            .replace(
                "use = \"business_rules\"\n  file = \"rules.json\"",
                "use = \"replace\"\n  field = \"order_id\"\n  pattern = \"a\"\n  with = \"\"",
            )
    };
    let same = "the same for every document";
    for (condition, said) in [
        ("1 == 1", same),
        ("False", same),
        ("field.total", "this condition is a number"),
        ("field.order_id", "this condition is a text"),
        ("field.total - 1", "this condition is a calculation"),
        ("\"field.total > 5\"", "this condition is a text"),
        ("field.total == field.total", "compared with itself"),
    ] {
        let (code, shown, error) = check(folder.path(), &hook(condition));
        assert_eq!((code, error.as_str()), (Some(0), ""), "{condition}: {shown}");
        assert!(shown.contains(said) && shown.contains("note: annex.toml:"), "{condition}: {shown}");
    }
    for condition in
        ["field.total > 5", "True", "is_empty(field.order_id)", "field.order_id == \"\" or not field.total"]
    {
        let (code, shown, error) = check(folder.path(), &hook(condition));
        assert_eq!((code, error.as_str()), (Some(0), ""), "{condition}: {shown}");
        assert!(!shown.contains("note:"), "{condition}: {shown}");
    }
}

const LOOKUP: &str = r#"
[server]
state = "state"

[[dataset]]
name = "vendors"
file = "vendors.csv"
key = "id"

[[hook]]
path = "/x"
secrets = ["env:ROSSUM_SECRET"]

  [[hook.step]]
  name = "vendor"
  use = "match"
  target = "vendor"
  queries = ["SELECT id, name FROM vendors WHERE name = :sender_name"]
  value = "id"
"#;

#[test]
fn what_contradicts_the_data_is_refused_by_check_and_told_by_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let (code, shown, error) = check(path, LOOKUP);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{shown}");
    assert!(shown.contains("not checked: annex.toml:7: there is no file vendors.csv yet"), "{shown}");
    assert!(shown.contains("the dataset `vendors`: its columns are not known yet"), "{shown}");
    write(&path.join("vendors.csv"), "id,name\n1,Acme\n");
    let (code, shown, error) = check(path, LOOKUP);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{shown}");
    assert!(!shown.contains("not checked: annex.toml"), "{shown}");
    write(&path.join("vendors.csv"), "ident,nam\n1,Acme\n");
    let (code, shown, error) = check(path, LOOKUP);
    assert_eq!(code, Some(1));
    denied("{}: ok", &(shown + &error), "vendors.csv has no column `id`");
    for said in [
        "annex.toml:8:7: vendors.csv has no column `id`",
        "annex.toml:18:14: the datasets have no column",
        "hint: there are: ident, nam",
    ] {
        assert!(error.contains(said), "{said}: {error}");
    }
    // The doctor does not call it right either.
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned()];
    let certificate = rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    write(&path.join("server.crt"), &certificate.pem());
    write(&path.join("server.key"), &key.serialize_pem());
    let https = "[server]\ncertificate = \"server.crt\"\nkey = \"server.key\"\n";
    write(&path.join("annex.toml"), &LOOKUP.replacen("[server]\n", https, 1));
    let mut doctor = annex_command();
    doctor.args(["doctor", "--config", "annex.toml"]).current_dir(path).env("ROSSUM_SECRET", SECRET);
    let shown = String::from_utf8(doctor.output().unwrap().stdout).unwrap();
    denied("{} is right", &shown, "vendors.csv has no column `id`");

    // The file may be right again in a minute: a server does not stay away for it.
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("vendors.csv"), "ident,nam\n1,Acme\n");
    write(&folder.path().join("annex.toml"), LOOKUP);
    let annex = Annex::dev_inspected(folder, free_port());
    // Of the file itself the import tells, and it alone.
    annex.logs(
        "not imported, its records stay: vendors.csv: there is no column `id`",
        Duration::from_secs(10),
    );
    annex.logs("the datasets have no column", Duration::from_secs(10));

    // The columns of what was imported count, before those of a file.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write(&path.join("vendors.csv"), "id,name\n1,Acme\n");
    let mut import = annex_command();
    import.args(["data", "import", "vendors", "vendors.csv", "--state", "state"]).current_dir(path);
    let imported = import.output().unwrap();
    assert!(imported.status.success(), "{imported:?}");
    let undeclared =
        LOOKUP.replace("[[dataset]]\nname = \"vendors\"\nfile = \"vendors.csv\"\nkey = \"id\"\n", "");
    let (code, shown, error) = check(path, &undeclared);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{shown}");
    assert!(!shown.contains("not checked: annex.toml"), "{shown}");
    let (code, _, error) = check(path, &undeclared.replace("FROM vendors", "FROM vendrs"));
    assert!(code == Some(1) && error.contains("there is no dataset `vendrs`"), "{error}");
    let (code, _, error) = check(path, &undeclared.replace("value = \"id\"", "value = \"ident\""));
    assert!(code == Some(1) && error.contains("the queries give no column `ident`"), "{error}");
}

#[test]
fn what_cannot_be_checked_is_not_said_to_be_right() {
    let folder = tempfile::tempdir().unwrap();
    let undeclared =
        LOOKUP.replace("[[dataset]]\nname = \"vendors\"\nfile = \"vendors.csv\"\nkey = \"id\"\n", "");
    let (code, shown, _) = check(folder.path(), &undeclared);
    assert_eq!(code, Some(0), "{shown}");
    assert!(
        shown.contains("not checked: annex.toml:14: the dataset `vendors`: nothing was imported yet"),
        "{shown}"
    );
    let port = free_port();
    let database = format!("[[database]]\nname = \"erp\"\nurl = \"postgres://annex@127.0.0.1:{port}/erp\"\n");
    let away = undeclared.replace("target = \"vendor\"", "target = \"vendor\"\n  database = \"erp\"");
    let (code, shown, error) = check(folder.path(), &format!("{away}\n{database}"));
    assert_eq!((code, error.as_str()), (Some(0), ""), "{shown}");
    assert!(
        shown.contains("not checked: the query at annex.toml:") && shown.contains("the database erp"),
        "{shown}"
    );
}

#[test]
fn a_message_that_nothing_fills_is_no_empty_box() {
    let folder = tempfile::tempdir().unwrap();
    let hook = HOOK.replace(
        "required = [\"document_id\"]",
        "required = [\"document_id\"]\n    message = \"{nothing_like_it}\"",
    );
    write(&folder.path().join("annex.toml"), &hook);
    let annex = Annex::dev_inspected(folder, free_port());
    let answer = annex
        .client()
        .deliver("/x", document(&[field("document_id", "")], &[row(1, &[field("item_total", "1")])]))
        .json();
    assert_eq!(answer["messages"][0]["content"], "{nothing_like_it}", "{answer}");
    annex.logs("the document has no field `nothing_like_it`", Duration::from_secs(10));
}

#[test]
fn names_in_conditions_and_settings_are_told_at_the_first_delivery() {
    let folder = tempfile::tempdir().unwrap();
    let hook = r#"
[[hook]]
path = "/x"
secrets = ["env:ROSSUM_SECRET"]

  [[hook.step]]
  use = "business_rules"
  file = "rules.json"

  [[hook.step]]
  use = "match"
  configuration = "matching.json"
"#;
    write(&folder.path().join("annex.toml"), hook);
    write(
        &folder.path().join("rules.json"),
        r#"{"checks": [{"rule": "has_value({order_idd})", "message": "m"}]}"#,
    );
    let matching = json!({"configurations": [{
        "source": {"dataset": "vendors", "queries": [{"find": {"name": "{sender_nam}"}}]},
        "mapping": {"target_schema_id": "document_id", "dataset_key": "id"},
        "action_condition": "'{kindd}' == 'x'"}]});
    write(&folder.path().join("matching.json"), &matching.to_string());
    let annex = Annex::dev_inspected(folder, free_port());
    annex.client().deliver("/x", document(&[field("document_id", "7")], &[row(1, &[field("item", "1")])]));
    for name in ["order_idd", "sender_nam", "kindd"] {
        annex.logs(&format!("the document has no field `{name}`"), Duration::from_secs(10));
    }
    assert!(!annex.log().contains("has no field `document_id`"), "{}", annex.log());
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

#[test]
fn a_name_of_what_has_no_value_is_refused_where_a_value_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let table = json!({"id": "line_items", "category": "multivalue", "children":
        {"id": "line_item", "category": "tuple", "children": [plain("item_amount", "number")]}});
    write(&folder.path().join("a.json"), &schema_of(&[plain("total", "number"), table]));
    let hook = |check: &str| {
        format!(
            "[server]\nstate = \"state\"\n[[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\nschema = \"a.json\"\n\
             [[hook.step]]\nuse = \"checks\"\n[[hook.step.check]]\n{check}\n"
        )
    };
    for (check_of, kind) in [
        ("required = [\"line_items\"]", "`line_items` is a multivalue"),
        ("required = [\"line_item\"]", "`line_item` is a row"),
        ("field = \"basic\"\npattern = \"x\"", "`basic` is a section"),
        ("field = \"line_items\"\none_of = [\"x\"]", "`line_items` is a multivalue"),
    ] {
        let (code, _, error) = check(folder.path(), &hook(check_of));
        assert_eq!(code, Some(1), "{check_of}");
        assert!(
            error.contains(kind) && error.contains("name a field in it, such as `"),
            "{check_of}: {error}"
        );
    }
    let (code, shown, error) = check(folder.path(), &hook("required = [\"total\", \"item_amount\"]"));
    assert_eq!((code, error.as_str()), (Some(0), ""), "{shown}");
    // Without a schema the document tells: the check is not one that failed.
    let without = hook("required = [\"line_items\"]").replace("schema = \"a.json\"\n", "");
    write(&folder.path().join("annex.toml"), &without);
    let port = free_port();
    let annex = Annex::dev_inspected(folder, port);
    let answer = annex.client().deliver("/x", document(&[field("total", "7")], &[])).json();
    assert_eq!(answer["messages"], json!([]));
    assert!(says(&reasons(port, 1), "line_items").contains("named in"));
}
