//! What Rossum is likely to ignore of an answer: said at load, in the log, in the metrics, in the inspector.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Annex, Client, SECRET, annex_command, eventually, free_port, write};

fn field(id: u32, name: &str, value: &str) -> Value {
    json!({"id": id, "schema_id": name, "category": "datapoint", "content": {"value": value}})
}

fn schema() -> Value {
    let field = |id: &str, kind: &str| json!({"id": id, "category": "datapoint", "type": kind, "label": id});
    let with = |mut field: Value, key: &str, value: Value| {
        field[key] = value;
        field
    };
    let options =
        json!([{"value": "invoice", "label": "Invoice"}, {"value": "credit", "label": "Credit note"}]);
    json!([{"id": "header", "category": "section", "children": [
        field("date_issue", "date"),
        field("amount", "number"),
        with(field("kind", "enum"), "options", options),
        with(field("vendor", "enum"), "options", json!([])),
        with(field("iban", "string"), "constraints", json!({"length": {"max": 5}})),
        with(field("total", "number"), "formula", json!("field.amount")),
        with(field("judged", "string"), "ui_configuration", json!({"type": "reasoning"})),
        field("ask", "button"),
        field("note", "string"),
        {"id": "tags", "category": "multivalue", "children": field("tag", "string")},
        {"id": "line_items", "category": "multivalue", "children": {"id": "line_item", "category": "tuple", "children": [
            field("item_date", "date"), with(field("item_total", "number"), "formula", json!("1"))]}}]}])
}

fn document() -> Value {
    let mut vendor = field(4, "vendor", "");
    vendor["options"] = json!([{"value": "V-1", "label": "One"}]);
    json!({"event": "annotation_content", "action": "initialize", "annotation": {"id": 1, "content": [
        {"id": 90, "schema_id": "header", "category": "section", "children": [
            field(1, "date_issue", "24/11/2026"), field(2, "amount", "1 234,50"), field(3, "kind", "invoice"), vendor,
            field(5, "iban", "DE123"), field(6, "total", "7"), field(7, "judged", ""),
            {"id": 8, "schema_id": "ask", "category": "datapoint", "content": null}, field(9, "note", "secret words"),
            {"id": 10, "schema_id": "tags", "category": "multivalue", "children": [field(11, "tag", "a")]},
            {"id": 92, "schema_id": "line_items", "category": "multivalue", "children": [
                {"id": 20, "schema_id": "line_item", "category": "tuple", "children": [
                    field(21, "item_date", ""), field(22, "item_total", "1")]}]}]}]}})
}

const HOOK: &str = r#"
[[hook]]
name = "odd"
path = "/x"
secrets = ["env:ROSSUM_SECRET"]
"#;

/// A hook whose only step is a function that returns this.
fn returning(schema: &str, answer: &Value) -> (Annex, u16) {
    let folder = tempfile::tempdir().unwrap();
    let step = "[[hook.step]]\nname = \"code\"\nuse = \"function\"\nfile = \"f.py\"\n";
    write(&folder.path().join("annex.toml"), &format!("{HOOK}{schema}\n{step}"));
    write(&folder.path().join("schema.json"), &self::schema().to_string());
    let code = format!(
        "import json\ndef rossum_hook_request_handler(payload):\n    return json.loads(r'''{answer}''')\n"
    );
    write(&folder.path().join("f.py"), &code);
    let port = free_port();
    (Annex::dev_inspected(folder, port), port)
}

fn get(port: u16, path: &str) -> String {
    let mut client = Client::plain(([127, 0, 0, 1], port).into());
    let page = client.request_as(&format!("127.0.0.1:{port}"), "GET", path, &[], b"");
    String::from_utf8(page.body).unwrap()
}

fn counted(port: u16, step: &str) -> u64 {
    let text = get(port, "/metrics");
    let start = format!("annex_step_ignored_operations_total{{hook=\"odd\",step=\"{step}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_default().parse().unwrap_or_default()
}

/// What the inspector has of each step: what was said of which field.
fn reasons(port: u16, delivery: usize) -> Vec<Vec<(String, String, Vec<String>)>> {
    let mut steps = Vec::new();
    eventually("the inspector has it", Duration::from_secs(10), || {
        let detail: Value = serde_json::from_str(&get(port, &format!("/inspector/deliveries/{delivery}")))
            .unwrap_or_default();
        steps = detail["more"]["steps"].as_array().cloned().unwrap_or_default();
        !steps.is_empty()
    });
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of_step = |step: &Value| {
        let list = step["reasons"].as_array().cloned().unwrap_or_default();
        list.iter()
            .map(|reason| {
                let places = reason["places"].as_array().unwrap();
                let saw = places.iter().flat_map(|place| place["saw"].as_array().unwrap());
                let saw = saw.map(|saw| text(&saw["value"])).collect();
                (text(&reason["what"]), text(&places[0]["says"]), saw)
            })
            .filter(|(what, ..)| {
                let said = ["likely to ignore", "has no id", "does not read", "is longer than"];
                said.iter().any(|said| what.contains(said))
            })
            .collect()
    };
    steps.iter().map(of_step).collect()
}

fn replace(id: u32, value: &str) -> Value {
    json!({"op": "replace", "id": id, "value": {"content": {"value": value}}})
}

/// Operations that Rossum ignores: which, the field, and what is said of it.
fn odd() -> Vec<(Value, &'static str, &'static str)> {
    let long = "x".repeat(1501);
    vec![
        (replace(1, "12/31/2026"), "date_issue", "not a date as Rossum reads it"),
        // Options make no date of it: the field is no enum.
        (
            json!({"op": "replace", "id": 1, "value": {"content": {"value": "12/31/2026"},
                "options": [{"value": "12/31/2026", "label": "the last day"}]}}),
            "date_issue",
            "not a date as Rossum reads it",
        ),
        (replace(1, "2026-12-31T00:00:00"), "date_issue", "not a date as Rossum reads it"),
        (replace(2, "1,234.50"), "amount", "not a number as Rossum reads it"),
        (replace(2, "1e-07"), "amount", "not a number as Rossum reads it"),
        (replace(2, "+5"), "amount", "not a number as Rossum reads it"),
        (replace(2, " 5 "), "amount", "not a number as Rossum reads it"),
        (
            json!({"op": "replace", "id": 9, "value": {"content": {"value": ["a"]}}}),
            "note",
            "a list or an object",
        ),
        (
            json!({"op": "replace", "id": 4, "value": {"options": [{"value": null, "label": "One"}]}}),
            "vendor",
            "no text as its `value`",
        ),
        (replace(3, "secret words"), "kind", "not one of its options"),
        (replace(4, "V-2"), "vendor", "not one of its options"),
        (replace(5, "DE1234"), "iban", "longer than the 5 characters that the schema allows"),
        (replace(6, "8"), "total", "Rossum computes this field itself"),
        (replace(7, "yes"), "judged", "Rossum computes this field itself"),
        (replace(8, "x"), "ask", "it is a button"),
        (replace(9, &long), "note", "longer than the 1500 characters that a value may have"),
        (replace(10, "x"), "tags", "it is a multivalue"),
        (replace(20, "x"), "line_item", "it is a row"),
        (replace(90, "x"), "header", "it is a section"),
        (json!({"op": "remove", "id": 3}), "kind", "is not in a multivalue"),
        (
            json!({"op": "add", "id": 92, "value": [{"schema_id": "item_dat", "content": {"value": "2026-01-02"}}]}),
            "item_dat",
            "has no such column",
        ),
        (
            json!({"op": "add", "id": 92, "value": [{"schema_id": "item_total", "content": {"value": "1"}}]}),
            "item_total",
            "Rossum computes this field itself",
        ),
        (
            json!({"op": "add", "id": 10, "value": [{"schema_id": "tag", "content": {"value": "1"}}]}),
            "tag",
            "takes one value at a time",
        ),
        (
            json!({"op": "add", "id": 92, "value": {"content": {"value": "1"}}}),
            "line_item",
            "a table takes rows",
        ),
    ]
}

#[test]
fn each_operation_that_rossum_ignores_is_said_with_its_step_and_field_and_sent() {
    for (operation, field, why) in odd() {
        let (annex, port) = returning("schema = \"schema.json\"", &json!({"operations": [operation]}));
        for _ in 0..2 {
            let answer = annex.client().deliver("/x", document().to_string()).json();
            assert_eq!(answer["operations"], json!([operation]), "it is Rossum that decides");
        }
        annex.logs(why, Duration::from_secs(10));
        let log = annex.log();
        let lines: Vec<_> = log.lines().filter(|line| line.contains("is likely to ignore")).collect();
        assert_eq!(lines.len(), 1, "once for each field: {lines:?}");
        assert!(lines[0].contains("odd") && lines[0].contains("code"), "{}", lines[0]);
        assert!(lines[0].contains(&format!("`{field}`")), "{}", lines[0]);
        assert!(!log.contains("12/31") && !log.contains("secret words"), "no data: {log}");
        assert_eq!(counted(port, "code"), 2, "{field}: each time");
        for delivery in [1, 2] {
            let said = &reasons(port, delivery)[0];
            assert_eq!(said.len(), 1, "{field}: {said:?}");
            assert!(said[0].0.ends_with(field) && said[0].1.contains(why), "{said:?}");
        }
    }
}

#[test]
fn what_rossum_takes_is_not_said() {
    let fine = json!([
        replace(1, "2026-12-31"),
        replace(2, "-1234.50"),
        replace(3, "CREDIT"),
        replace(4, "v-1"),
        replace(5, "DE999"),
        {"op": "replace", "id": 6, "value": {"hidden": true, "validation_sources": ["rules"]}},
        replace(9, &"ä".repeat(1500)),
        replace(11, ""),
        {"op": "remove", "id": 20},
        {"op": "add", "id": 92, "value": [{"schema_id": "item_date", "content": {"value": "2026-01-02"}}]},
        {"op": "add", "id": 10, "value": {"content": {"value": "b"}}}]);
    let own = json!({"op": "replace", "id": 4, "value": {"content": {"value": 7}, "options": [{"value": 7, "label": "7"}]}});
    let messages = json!([{"type": "info", "content": "a"}, {"id": null, "content": "b"}, {"id": "all", "content": "c"},
        {"id": 1, "content": "d"}]);
    for operations in [fine, json!([own])] {
        let answer = json!({"operations": operations, "messages": messages});
        let (annex, port) = returning("schema = \"schema.json\"", &answer);
        let answered = annex.client().deliver("/x", document().to_string()).json();
        assert_eq!(answered["operations"].as_array().unwrap().len(), operations.as_array().unwrap().len());
        assert_eq!(reasons(port, 1), [vec![]]);
        assert_eq!(counted(port, "code"), 0, "{}", annex.log());
    }
}

#[test]
fn a_schema_that_rossum_sends_along_tells_too_and_without_one_the_document_does() {
    let operations = json!([replace(1, "12/31/2026"), replace(4, "V-2"), replace(10, "x")]);
    let (annex, port) = returning("", &json!({"operations": operations}));
    annex.client().deliver("/x", document().to_string());
    let fields = |delivery| {
        let said = &reasons(port, delivery)[0];
        said.iter().map(|(what, ..)| what.rsplit(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(fields(1), ["vendor", "tags"], "the document has its options and its multivalues");
    let mut body = document();
    body["schemas"] = json!([{"id": 1, "content": schema()}]);
    annex.client().deliver("/x", body.to_string());
    assert_eq!(fields(2), ["date_issue", "vendor", "tags"]);
    assert_eq!(counted(port, "code"), 5);
    assert!(annex.log().contains("it looks like 99/99/9999"), "{}", annex.log());
}

#[test]
fn an_id_that_the_document_does_not_have_is_said_and_the_rest_counts() {
    let operations = json!([replace(777, "x"), replace(9, "y"), replace(9, "z")]);
    let messages = json!([{"id": 888, "type": "error", "content": "lost"}]);
    let blockers = json!([{"id": "private", "content": "lost too"}]);
    let answer = json!({"operations": operations, "messages": messages, "automation_blockers": blockers});
    let (annex, port) = returning("schema = \"schema.json\"", &answer);
    let answered = annex.client().deliver("/x", document().to_string()).json();
    assert_eq!(answered["operations"], json!([replace(9, "z")]));
    assert_eq!(answered["messages"], json!([{"type": "error", "content": "lost"}]), "shown at the document");
    assert_eq!(answered["automation_blockers"], json!([{"content": "lost too"}]));
    let log = annex.log();
    assert!(log.contains("the document has no id 777, which an operation of the step names"), "{log}");
    assert!(log.contains("the document has no id 888, which a message of the step names"), "{log}");
    assert!(log.contains("which a blocker of the step names") && !log.contains("private"), "{log}");
    assert_eq!(counted(port, "code"), 3);
}

#[test]
fn a_key_that_nobody_reads_is_said_in_the_log_the_metrics_the_inspector_and_annex_test() {
    let answer = json!({
        "mesages": [{"type": "error", "content": "stop"}],
        "operations": [{"op": "replace", "id": 9, "value": {"contnt": {"value": "x"}}}]});
    let (annex, port) = returning("", &answer);
    for _ in 0..2 {
        annex.client().deliver("/x", document().to_string());
    }
    annex.logs("did you mean `content`?", Duration::from_secs(10));
    let log = annex.log();
    let top = "the function returned `mesages`, which Rossum does not read at annotation_content.initialize: did you mean `messages`?";
    let within = "the function returned `operations.value.contnt`, which Rossum does not read";
    for words in [top, within] {
        let lines: Vec<_> = log.lines().filter(|line| line.contains(words)).collect();
        assert_eq!(lines.len(), 1, "{words} once: {log}");
        assert!(
            lines[0].contains("odd") && lines[0].contains("code"),
            "with its hook and step: {}",
            lines[0]
        );
    }
    assert_eq!(counted(port, "code"), 4, "each time");
    for delivery in [1, 2] {
        let said = &reasons(port, delivery)[0];
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(
            said[0].0.contains("`mesages`") && said[0].1.contains("did you mean `messages`?"),
            "{said:?}"
        );
    }
    let case = json!({"hook": "odd", "payload": document(), "answer": {"messages": [], "operations": [{"op": "replace", "id": 9, "value": {}}], "automation_blockers": []}});
    std::fs::create_dir(annex.folder().join("cases")).unwrap();
    write(&annex.folder().join("cases/one.json"), &case.to_string());
    let test = || {
        let mut command = annex_command();
        command.arg("test").arg("cases").args(["--config", "annex.toml"]).current_dir(annex.folder());
        command.env("ROSSUM_SECRET", SECRET);
        command
    };
    let printed = String::from_utf8(test().output().unwrap().stdout).unwrap();
    assert!(printed.contains(&format!("! code: {top}")) && printed.contains(within), "{printed}");
    let printed = String::from_utf8(test().arg("--json").output().unwrap().stdout).unwrap();
    let line: Value = serde_json::from_str(printed.lines().next().unwrap()).unwrap();
    assert_eq!(line["said"].as_array().unwrap().len(), 2, "{line}");
}

/// A server whose hook runs this code at these events, and its inspector.
fn running(events: &str, code: &str) -> (Annex, u16) {
    let folder = tempfile::tempdir().unwrap();
    let step = format!("[[hook.step]]\nname = \"code\"\nuse = \"function\"\nfile = \"f.py\"\n{events}\n");
    write(&folder.path().join("annex.toml"), &format!("{HOOK}schema = \"schema.json\"\n{step}"));
    write(&folder.path().join("schema.json"), &schema().to_string());
    write(&folder.path().join("f.py"), code);
    let port = free_port();
    (Annex::dev_inspected(folder, port), port)
}

#[test]
fn a_misspelt_key_is_said_at_a_mail_too_and_the_library_writes_none() {
    let mail = json!({"event": "email", "action": "received", "email": "https://x.example/api/v1/emails/1",
        "files": [{"id": "1", "filename": "a.pdf"}]});
    let code = "def rossum_hook_request_handler(payload):\n    return {'file': [], 'extracted_original_sender': {'mail': 'a'}}\n";
    let (annex, port) = running("events = [\"email.received\"]", code);
    let answer = annex.client().deliver("/x", mail.to_string()).json();
    assert_eq!(answer["extracted_original_sender"], json!({"mail": "a"}), "it is Rossum that decides");
    annex.logs("does not read at email.received: did you mean `email`?", Duration::from_secs(10));
    assert!(
        annex
            .log()
            .contains("returned `file`, which Rossum does not read at email.received: did you mean `files`?")
    );
    assert_eq!(counted(port, "code"), 2);
    let code = "
from txscript import TxScript
def rossum_hook_request_handler(payload):
    t = TxScript.from_payload(payload)
    t.field.note = 'x'
    t.field.note.attr.hidden = True
    t.field.vendor.attr.options = [{'value': 'V-1', 'label': 'One'}]
    t.field.line_items.append({'item_date': '2026-01-02'})
    t.field.tags.append('b')
    t.show_info('a', t.field.note)
    t.automation_blocker('b', t.field.note)
    return t.hook_response()
";
    let (annex, port) = running("", code);
    let answer = annex.client().deliver("/x", document().to_string()).json();
    assert_eq!(answer["messages"][0]["content"], "a", "{answer}");
    assert_eq!(answer["operations"].as_array().unwrap().len(), 4, "{answer}");
    assert!(!annex.log().contains("does not read"), "{}", annex.log());
    let said: Vec<_> = reasons(port, 1)[0].iter().map(|(what, ..)| what.clone()).collect();
    assert!(!said.concat().contains("does not read"), "{said:?}");
}

#[test]
fn a_message_that_is_cut_is_said() {
    let answer = json!({"messages": [{"type": "info", "content": "private".repeat(1000)}],
        "automation_blockers": [{"content": "ä".repeat(4097)}, {"content": "ä".repeat(4096)}]});
    let (annex, port) = returning("", &answer);
    let got = annex.client().deliver("/x", document().to_string()).json();
    let length = |list: &str| got[list][0]["content"].as_str().unwrap().chars().count();
    assert_eq!((length("messages"), length("automation_blockers")), (4096, 4096));
    annex.logs("a blocker of the step is longer than the 4096 characters", Duration::from_secs(10));
    let log = annex.log();
    assert!(log.contains("a message of the step is longer") && !log.contains("private"), "{log}");
    assert_eq!(counted(port, "code"), 2);
    assert_eq!(reasons(port, 1)[0].len(), 2);
}

#[test]
fn what_is_said_is_of_the_step_that_wrote_it_last() {
    let folder = tempfile::tempdir().unwrap();
    let steps = r#"
schema = "schema.json"
[[hook.step]]
name = "first"
use = "replace"
field = "note"
target = "date_issue"
pattern = 'secret.*'
with = '24/11/2026'
[[hook.step]]
name = "second"
use = "replace"
field = "note"
target = "amount"
pattern = 'secret.*'
with = 'none'
[[hook.step]]
name = "third"
use = "replace"
field = "note"
target = "date_issue"
pattern = '^.*$'
with = '2026-11-24'
"#;
    write(&folder.path().join("annex.toml"), &format!("{HOOK}{steps}"));
    write(&folder.path().join("schema.json"), &schema().to_string());
    let port = free_port();
    let annex = Annex::dev_inspected(folder, port);
    annex.client().deliver("/x", document().to_string());
    let said: Vec<_> = reasons(port, 1).into_iter().map(|step| step.len()).collect();
    assert_eq!(said, [0, 1, 0], "the date is right in the end: {}", annex.log());
    assert_eq!(["first", "second", "third"].map(|step| counted(port, step)), [0, 1, 0]);
}

fn check(folder: &Path, steps: &str) -> (Option<i32>, String) {
    write(&folder.join("schema.json"), &schema().to_string());
    write(&folder.join("annex.toml"), &format!("{HOOK}schema = \"schema.json\"\n{steps}"));
    let mut command = annex_command();
    command.args(["check", "--dev-http", "--config", "annex.toml"]).current_dir(folder);
    let output = command.env("ROSSUM_SECRET", SECRET).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn what_can_be_known_before_is_said_by_annex_check() {
    let folder = tempfile::tempdir().unwrap();
    let replace = |target: &str, pattern: &str, with: &str| {
        format!(
            "[[hook.step]]\nuse = \"replace\"\nfield = \"note\"\ntarget = \"{target}\"\npattern = '{pattern}'\nwith = '{with}'\n"
        )
    };
    let refused = [
        (replace("tags", "x", "y"), "annex.toml:10:10", "a change of `tags`: it is a multivalue"),
        (replace("line_item", "x", "y"), "annex.toml:10:10", "a change of `line_item`: it is a row"),
        (replace("ask", "x", "y"), "annex.toml:10:10", "a change of `ask`: it is a button"),
        (replace("date_issue", "^.*$", "24/11/2026"), "annex.toml:12:8", "not a date as Rossum reads it"),
        (replace("amount", "^.+$", "1,5"), "annex.toml:12:8", "not a number as Rossum reads it"),
        (replace("kind", "^.+$", "Bill"), "annex.toml:12:8", "not one of its options"),
        (replace("iban", "^.+$", "DE1234"), "annex.toml:12:8", "longer than the 5 characters"),
    ];
    for (step, place, what) in refused {
        let (code, text) = check(folder.path(), &step);
        assert_eq!(code, Some(1), "{step}\n{text}");
        assert!(
            text.contains(place) && text.contains(what) && text.contains("schema.json"),
            "{step}\n{text}"
        );
    }
    let noted = [
        (replace("total", "x", "y"), "a change of `total`: Rossum computes this field itself"),
        (
            "[[hook.step]]\nuse = \"formulas\"\n[[hook.step.formula]]\nfield = \"judged\"\ncode = \"field.note\"\n"
                .to_owned(),
            "a change of `judged`: Rossum computes this field itself",
        ),
    ];
    for (step, what) in noted {
        let (code, text) = check(folder.path(), &step);
        assert!(code == Some(0) && text.contains(what) && text.contains("annex.toml:1"), "{step}\n{text}");
    }
    for step in [
        replace("date_issue", "^.*$", "2026-11-24"),
        replace("date_issue", "/", "."),
        replace("kind", "^.*$", "Credit"),
        replace("vendor", "^.*$", "V-1"),
    ] {
        let (code, text) = check(folder.path(), &step);
        assert!(code == Some(0) && !text.contains("ignores"), "{step}\n{text}");
    }
}

#[test]
fn an_action_of_a_rule_that_an_answer_cannot_do_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let rule = "[[hook.step]]\nname = \"rules\"\nuse = \"rules\"\n[[hook.step.rule]]\nname = \"hides\"\ntrigger_condition = \"True\"\n\
        actions = [{ type = \"hide_field\", payload = { schema_ids = [\"tags\", \"note\", \"total\"] } }]\n";
    let (code, text) = check(folder.path(), rule);
    assert!(code == Some(0) && text.contains("a change of `tags`: it is a multivalue"), "{text}");
    assert!(!text.contains("a change of `note`") && !text.contains("a change of `total`"), "{text}");
    let port = free_port();
    let annex = Annex::dev_inspected(folder, port);
    let answer = annex.client().deliver("/x", document().to_string()).json();
    assert_eq!(answer["operations"].as_array().unwrap().len(), 3, "{answer}");
    let said = &reasons(port, 1)[0];
    assert!(said.len() == 1 && said[0].0.ends_with(" tags"), "{said:?}");
    assert_eq!(counted(port, "rules"), 1);
}

#[test]
fn an_answer_that_is_fetched_later_is_looked_at_too() {
    let (annex, port) = returning(
        "schema = \"schema.json\"\nanswer = \"async\"",
        &json!({"operations": [replace(1, "12/31/2026")]}),
    );
    let mut body = document();
    body["request_id"] = "r-1".into();
    body["action"] = "export".into();
    assert_eq!(annex.client().deliver("/x", body.to_string()).status, 202);
    annex.logs("what the step writes to `date_issue`: its value is not a date", Duration::from_secs(10));
    assert_eq!(counted(port, "code"), 1);
}

#[test]
fn formulas_of_the_schema_itself_are_not_said_and_others_for_the_same_field_are() {
    let of = |keys: &str| {
        let folder = tempfile::tempdir().unwrap();
        let step =
            format!("[[hook.step]]\nname = \"f\"\nuse = \"formulas\"\nschema = \"schema.json\"\n{keys}\n");
        write(&folder.path().join("annex.toml"), &format!("{HOOK}{step}"));
        write(&folder.path().join("schema.json"), &schema().to_string());
        let port = free_port();
        let annex = Annex::dev_inspected(folder, port);
        let mut body = document();
        body["annotation"]["content"][0]["children"][1] = field(2, "amount", "3");
        let answer = annex.client().deliver("/x", body.to_string()).json();
        assert!(answer["operations"].to_string().contains("\"id\":6"), "{answer}");
        counted(port, "f")
    };
    assert_eq!(of("from_schema = true"), 0);
    assert_eq!(of("[[hook.step.formula]]\nfield = \"total\"\ncode = \"5\""), 1);
}
