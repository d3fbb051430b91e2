//! The steps `rules` and `formulas` in the running binary: rows, duplicates, order, failures, what a file may hold.

use serde_json::{Value, json};

use crate::support::{Annex, ORACLE_FOLDER, annex_command, write};

/// The corpus' document, whose hook sideloads the schema.
fn document() -> Value {
    let text = std::fs::read_to_string(format!("{ORACLE_FOLDER}/payload.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[track_caller]
fn answer_with(steps: &str, files: &[(&str, &str)], document: &Value) -> Value {
    let config = format!("[[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n{steps}");
    let annex = Annex::dev_with_files(&config, files);
    let answer = annex.client().deliver("/x", document.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn answer(steps: &str) -> Value {
    answer_with(steps, &[], &document())
}

fn rule(condition: &str, actions: &str) -> String {
    let condition = serde_json::to_string(condition).unwrap();
    format!("[[hook.step.rule]]\nname = \"r\"\ntrigger_condition = {condition}\nactions = [{actions}]\n")
}

fn rules(list: &[String]) -> String {
    format!("[[hook.step]]\nuse = \"rules\"\n{}", list.concat())
}

const SHOW: &str = r#"{ type = "show_message", payload = { type = "warning", content = "seen" } }"#;
const SHOW_ON_TOTAL: &str =
    r#"{ type = "show_message", payload = { type = "error", content = "total", schema_id = "item_total" } }"#;

#[test]
fn a_rule_fires_when_its_condition_is_true_and_not_only_truthy() {
    let fired =
        |condition: &str| answer(&rules(&[rule(condition, SHOW)]))["messages"].as_array().unwrap().len();
    assert_eq!(fired("True"), 1);
    assert_eq!(fired("field.amount_total > 1000"), 1);
    assert_eq!(fired("field.is_paid"), 1);
    assert_eq!(fired("field.amount_total"), 0, "a number");
    assert_eq!(fired("\"text\""), 0);
    assert_eq!(fired("field.amount_total < 1000"), 0);
    assert_eq!(fired("x = 5\nx > 3"), 1, "several statements");
}

#[test]
fn a_rule_that_names_a_column_runs_once_a_row_and_says_a_thing_once() {
    let of_rows =
        rule("not is_empty(field.item_total) and field.item_total > 20", &format!("{SHOW}, {SHOW_ON_TOTAL}"));
    let whole = rule("sum(default_to(field.item_total.all_values, 0)) > 100", SHOW_ON_TOTAL);
    let answer = answer(&rules(&[of_rows, whole]));
    let messages: Vec<_> = answer["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| (m["id"].clone(), m["content"].clone()))
        .collect();
    let rows = [(124, "total"), (131, "total")].map(|(id, text)| (json!(id), json!(text)));
    assert_eq!(messages[0], (Value::Null, json!("seen")), "once for the document");
    assert_eq!(messages[1..3], rows, "at each row's own cell");
    assert_eq!(messages[3], (Value::Null, json!("total")), "a whole column has no cell");
}

#[test]
fn every_action_that_an_answer_can_express() {
    let actions = r#"
        { type = "add_automation_blocker", payload = { content = "stop", schema_id = "amount_total" } },
        { type = "show_hide_field", payload = { schema_ids = ["note"] } },
        { type = "hide_field", payload = { schema_ids = ["item_code"] } },
        { type = "add_validation_source", payload = { schema_id = "sender_name" } },
        { type = "show_message", enabled = false, payload = { type = "error", content = "off" } },
        { type = "change_queue", payload = {} }"#
        .replace("payload = {} }", "event = \"annotation_imported\" }");
    let fired = answer(&rules(&[rule("True", &actions)]));
    assert_eq!(fired["automation_blockers"], json!([{"id": 114, "content": "stop"}]));
    let operations = fired["operations"].as_array().unwrap();
    let of = |id: u64| &operations.iter().find(|operation| operation["id"] == id).unwrap()["value"];
    assert_eq!(of(103), &json!({"hidden": false}));
    assert_eq!(
        operations.iter().filter(|operation| operation["value"] == json!({"hidden": true})).count(),
        4
    );
    assert_eq!(of(102), &json!({"validation_sources": ["score", "rules"]}), "beside those that it has");
    assert_eq!(fired["messages"], json!([]));
    let quiet = answer(&rules(&[rule("False", &actions)]));
    assert_eq!(quiet["operations"], json!([{"op": "replace", "id": 103, "value": {"hidden": true}}]));
}

#[test]
fn a_rule_that_fails_says_where_and_the_others_run() {
    let list = [
        rule("field.amount_empty > 5", SHOW),
        rule("x = 1\nfield.item_total > 5", SHOW),
        rule("while True: pass", SHOW),
        rule("True", SHOW),
    ];
    // Steps are what it has too few of, however busy the machine is.
    let limits = "[hook.step.limits]\nsteps = 1000000\ntime = \"20s\"\n";
    let answer = answer(&(rules(&list) + limits));
    let messages = answer["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 5, "{messages:#?}");
    let text = |at: usize| messages[at]["content"].as_str().unwrap();
    assert!(
        text(0).starts_with("Rule r: TypeError: &#x27;&gt;&#x27; not supported between instances"),
        "{}",
        text(0)
    );
    assert_eq!(messages[0]["detail"], json!({"is_exception": true, "traceback_line_number": 1}));
    assert_eq!(messages[1]["detail"]["traceback_line_number"], 2, "of the one row that is empty");
    assert_eq!(text(2), "seen", "of the rows that did not fail");
    assert!(text(3).contains("more steps than allowed"), "{}", text(3));
    assert_eq!(text(4), "seen", "the last rule runs as if nothing had been");
}

#[test]
fn formulas_see_each_other_whatever_their_order() {
    let steps = r#"
[[hook.step]]
use = "formulas"
[[hook.step.formula]]
field = "amount_due"
code = "field.amount_total + field.amount_tax"
[[hook.step.formula]]
field = "amount_total"
code = "sum(default_to(field.item_total.all_values, 0))"
[[hook.step.formula]]
field = "item_total"
code = "round(field.item_quantity * field.item_amount, 2) if not is_empty(field.item_quantity) else None"
[[hook.step]]
use = "rules"
[[hook.step.rule]]
trigger_condition = "field.amount_due != 331.79"
actions = [{ type = "show_message", payload = { content = "wrong" } }]
"#;
    let answer = answer(steps);
    let values: Vec<_> = answer["operations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|operation| (operation["id"].clone(), operation["value"]["content"]["value"].clone()))
        .collect();
    let expected =
        [(124, "21.0"), (113 + 32, "0.3"), (114, "121.28999999999999"), (116, "331.78999999999996")];
    let changed: Vec<_> =
        expected.iter().filter(|(id, _)| *id != 145).map(|(id, v)| (json!(id), json!(v))).collect();
    assert_eq!(values, changed, "0.3 is what it was");
    assert_eq!(answer["messages"][0]["content"], "wrong", "floats are floats, in Rossum too");
}

#[test]
fn a_formula_may_set_the_choices_of_its_field() {
    let steps = r#"
[[hook.step]]
use = "formulas"
[[hook.step.formula]]
field = "currency"
code = """
set_options([{"value": row.item_code, "label": f"{annotation.id}: {row.item_code}"} for row in field.line_items[:2]])
set_struct({"from": "lines"})
field.currency
"""
"#;
    let mut document = document();
    document["annotation"]["status"] = json!("reviewing");
    let answer = answer_with(steps, &[], &document);
    let options = json!([{"value": "A-1", "label": "1: A-1"}, {"value": "B-2", "label": "1: B-2"}]);
    let value = &answer["operations"][0]["value"];
    assert_eq!((&value["options"], &value["content"]), (&options, &json!({"struct": {"from": "lines"}})));
}

#[test]
fn a_value_that_the_user_set_is_not_computed_again() {
    let mut document = document();
    document["annotation"]["content"][1]["children"][2]["no_recalculation"] = json!(true);
    let steps =
        "[[hook.step]]\nuse = \"formulas\"\n[[hook.step.formula]]\nfield = \"amount_due\"\ncode = \"5\"\n";
    assert_eq!(answer_with(steps, &[], &document)["operations"], json!([]));
    assert_eq!(answer(steps)["operations"][0]["value"]["content"]["value"], "5");
}

#[test]
fn types_come_from_a_file_or_a_list_where_the_schema_is_not_sent() {
    let mut bare = document();
    let schema = bare.as_object_mut().unwrap().remove("schemas").unwrap()[0].to_string();
    let one = rule("field.amount_total > 1000", SHOW);
    let with = |keys: &str| format!("[[hook.step]]\nuse = \"rules\"\n{keys}\n{one}");
    let files = [("schema.json", schema.as_str())];
    assert_eq!(
        answer_with(&with("schema = \"schema.json\""), &files, &bare)["messages"][0]["content"],
        "seen"
    );
    let types = with("types = { amount_total = \"number\" }");
    assert_eq!(answer_with(&types, &[], &bare)["messages"][0]["content"], "seen");
    let missing = answer_with(&with(""), &[], &bare)["messages"][0]["content"].to_string();
    assert!(missing.contains("switch on the sideload `schemas`"), "{missing}");
}

#[test]
fn exported_rules_are_read_as_they_are() {
    let exported = json!({"pagination": {"total": 2}, "results": [
        {"id": 1, "url": "https://x", "name": "Large", "enabled": true, "organization": "https://x", "trigger_condition": "field.amount_total > 5",
         "rule_template": null, "actions": [
            {"id": "a", "enabled": true, "type": "show_message", "event": "validation", "payload": {"type": "info", "content": "large", "schema_id": "amount_total"}},
            {"id": "b", "enabled": true, "type": "send_email", "event": "annotation_imported", "payload": {"to": ["a@b"], "subject": "s", "body": "b"}}]},
        {"id": 2, "name": "Off", "enabled": false, "trigger_condition": "no python at all", "actions": []}]});
    let step = "[[hook.step]]\nuse = \"rules\"\nfile = \"rules.json\"\n";
    let answer = answer_with(step, &[("rules.json", &exported.to_string())], &document());
    assert_eq!(answer["messages"], json!([{"id": 114, "type": "info", "content": "large"}]));
}

/// One rule for some queues, with an action at some event.
fn exported(queues: &Value, event: &Value) -> String {
    json!([{"name": "Large", "trigger_condition": "field.amount_total > 5", "queues": queues, "actions": [
        {"type": "show_message", "event": event, "payload": {"type": "error", "content": "large"}}]}])
    .to_string()
}

fn shown(file: &str, document: &Value) -> Value {
    let step = "[[hook.step]]\nuse = \"rules\"\nfile = \"rules.json\"\n";
    answer_with(step, &[("rules.json", file)], document)["messages"].clone()
}

#[test]
fn a_rule_acts_on_its_queues_and_at_its_actions_events() {
    let large = json!([{"type": "error", "content": "large"}]);
    let in_queue = |queue: u32| {
        let mut document = document();
        document["annotation"]["queue"] = json!(format!("https://x.rossum.app/api/v1/queues/{queue}"));
        document
    };
    let queues =
        json!(["https://x.rossum.app/api/v1/queues/8199", "https://x.rossum.app/api/v1/queues/8200/"]);
    let validation = json!("validation");
    assert_eq!(shown(&exported(&queues, &validation), &in_queue(8200)), large);
    assert_eq!(shown(&exported(&queues, &validation), &in_queue(8201)), json!([]));
    assert_eq!(shown(&exported(&json!([]), &validation), &in_queue(8201)), large, "none named: all");
    let at = |action: &str| {
        let mut document = document();
        document["action"] = json!(action);
        document
    };
    // What Rossum shows at the validation does not fail an export, and the other way round.
    let all = json!([]);
    for (event, action, shows) in [
        (json!("validation"), "user_update", true),
        (json!("validation"), "confirm", true),
        (json!("validation"), "export", false),
        (json!(null), "export", false),
        (json!("annotation_exported"), "export", true),
        (json!("annotation_exported"), "updated", false),
        (json!("annotation_imported"), "initialize", true),
        (json!("annotation_imported"), "started", false),
    ] {
        let expected = if shows { large.clone() } else { json!([]) };
        assert_eq!(shown(&exported(&all, &event), &at(action)), expected, "{event} at {action}");
    }
    // A condition that cannot be evaluated is not evaluated where the rule is not for the event.
    let broken = exported(&all, &validation).replace("field.amount_total > 5", "1 / 0 > 5");
    assert_eq!(shown(&broken, &at("export")), json!([]));
    assert_ne!(shown(&broken, &at("started")), json!([]));
    // The same in annex.toml, by ids or URLs.
    let own = |more: &str, document: &Value| {
        let one = rule("True", SHOW).replace("trigger_condition", &format!("{more}\ntrigger_condition"));
        answer_with(&rules(&[one]), &[], document)["messages"].as_array().unwrap().len()
    };
    assert_eq!(own("queues = [8199, \"https://x/api/v1/queues/8201\"]", &in_queue(8201)), 1);
    assert_eq!(own("queues = [8199]", &in_queue(8201)), 0);
}

#[test]
fn kinds_of_actions_and_events_that_are_not_known_are_noted_and_the_rest_acts() {
    let action = |kind: &str, event: &str| json!({"type": kind, "event": event, "payload": {"type": "info", "content": "x"}});
    let file = json!([{"name": "New", "trigger_condition": "True", "actions": [
        action("summon_auditor", "validation"), action("custom", "validation"),
        action("show_message", "annotation_archived"), action("show_message", "validation")]}]);
    let step = "[[hook.step]]\nuse = \"rules\"\nfile = \"rules.json\"\n";
    let config = format!("[[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n{step}");
    let annex = Annex::dev_with_files(&config, &[("rules.json", &file.to_string())]);
    let answer = annex.client().deliver("/x", document().to_string()).json();
    assert_eq!(answer["messages"].as_array().unwrap().len(), 1);
    for noted in ["summon_auditor is left out", "custom is left out", "`annotation_archived` is left out"] {
        annex.logs(noted, std::time::Duration::from_secs(1));
    }
}

/// What a function returns at an event.
fn returned(event: &Value, code: &str) -> Value {
    let code = format!("def rossum_hook_request_handler(payload):\n    return {code}\n");
    let step = format!("[[hook.step]]\nuse = \"function\"\nfile = \"f.py\"\nevents = [{}]\n", event["event"]);
    answer_with(&step, &[("f.py", &code)], event)
}

#[test]
fn what_a_function_says_of_mails_uploads_and_invocations_reaches_rossum() {
    let mail = json!({"event": "email", "action": "received", "files": [{"id": "1"}, {"id": "2"}], "headers": {"from": "a@b"}});
    let said = returned(
        &mail,
        r#"{"files": [dict(f, values=[{"id": "email:x", "value": "7"}]) for f in payload["files"] if f["id"] == "2"], "additional_files": [{"document": "u"}], "extracted_original_sender": {"email": payload["headers"]["from"]}, "messages": [{"type": "info", "content": "one left out"}]}"#,
    );
    assert_eq!(said["files"], json!([{"id": "2", "values": [{"id": "email:x", "value": "7"}]}]));
    assert_eq!(said["additional_files"], json!([{"document": "u"}]));
    assert_eq!(said["extracted_original_sender"], json!({"email": "a@b"}));
    assert_eq!(said["messages"][0]["content"], "one left out");
    // Without a word about files nothing is left out, and an empty list is a word.
    assert_eq!(returned(&mail, r#"{"additional_files": []}"#)["files"], json!([{"id": "1"}, {"id": "2"}]));
    assert_eq!(returned(&mail, r#"{"files": []}"#)["files"], json!([]));
    let upload = json!({"event": "upload", "action": "created", "files": [{"document": "d/1", "prevent_importing": false}]});
    let stop = r#"{"files": [{"document": "d/1", "prevent_importing": True, "messages": [{"type": "error", "content": "no"}]}]}"#;
    assert_eq!(
        returned(&upload, stop)["files"],
        json!([{"document": "d/1", "prevent_importing": true, "messages": [{"type": "error", "content": "no"}]}])
    );
    let manual = json!({"event": "invocation", "action": "manual", "ask": 3});
    let intent = returned(&manual, r#"{"intent": {"form": {"width": 600}}, "asked": payload["ask"]}"#);
    assert_eq!(intent, json!({"intent": {"form": {"width": 600}}, "asked": 3}));
    assert_eq!(returned(&manual, r#"{"messages": "any"}"#), json!({"messages": "any"}));
    assert_eq!(returned(&manual, "[1, None]"), json!([1, null]));
    // What fails is told, and all files stay.
    let failed = returned(&mail, r#"{"files": "all"}"#);
    assert_eq!(failed["files"].as_array().unwrap().len(), 2);
    assert_eq!(failed["messages"].as_array().unwrap().len(), 1);
}

const FUNCTION: &str = r#"
from txscript import TxScript, is_empty

def rossum_hook_request_handler(payload):
    t = TxScript.from_payload(payload)
    t.field.line_items = [row for row in t.field.line_items if not is_empty(row.item_total)]
    t.field.line_items.append({"item_code": "FEE", "item_total": 5})
    t.field.note.attr.hidden = True
    t.show_info("one line more", t.field.document_id)
    return t.hook_response()
"#;

#[test]
fn later_steps_see_the_rows_that_a_function_left() {
    let sum = r#"
[[hook.step]]
use = "formulas"
[[hook.step.formula]]
field = "amount_due"
code = "sum(field.item_total.all_values)"
[[hook.step.formula]]
field = "item_description"
code = "field.item_code + str(field._index)"
[[hook.step]]
use = "checks"
[[hook.step.check]]
column_sum = ["item_total"]
equals = ["amount_total"]
[[hook.step]]
use = "function"
file = "seen.py"
"#;
    let seen = r#"
def rossum_hook_request_handler(payload):
    lines = payload["annotation"]["content"][2]["children"][0]["children"]
    codes = [row["children"][0]["content"]["value"] for row in lines]
    return {"messages": [{"type": "info", "content": payload["event"] + " " + str(codes), "id": None}]}
"#;
    let steps = format!("[[hook.step]]\nuse = \"function\"\nfile = \"fee.py\"\n{sum}");
    let answer = answer_with(&steps, &[("fee.py", FUNCTION), ("seen.py", seen)], &document());
    let value = |text: &str| json!({"content": {"value": text}});
    let replace = |id: u32, text: &str| json!({"op": "replace", "id": id, "value": value(text)});
    let added =
        [("item_code", "FEE"), ("item_description", "FEE3"), ("item_quantity", ""), ("item_amount", "")];
    let added = added.into_iter().chain([("item_total", "5"), ("item_date", "")]);
    let added: Vec<_> =
        added.map(|(id, text)| json!({"content": {"value": text}, "schema_id": id})).collect();
    let expected = json!([
        {"op": "remove", "id": 140},
        {"op": "add", "id": 148, "value": added},
        {"op": "replace", "id": 103, "value": {"hidden": true}},
        replace(116, "126.28999999999999"),
        replace(121, "A-10"),
        replace(128, "B-21"),
        replace(142, "C-32"),
    ]);
    assert_eq!(answer["operations"], expected, "{answer:#}");
    let messages = answer["messages"].as_array().unwrap();
    assert_eq!(messages[0], json!({"id": 101, "type": "info", "content": "one line more"}));
    assert!(messages[1]["content"].as_str().unwrap().contains("126.29"), "the check: {}", messages[1]);
    assert_eq!(messages[2]["content"], "annotation_content ['A-1', 'B-2', 'C-3', 'FEE']");
}

#[test]
fn a_function_that_fails_or_answers_nonsense_changes_nothing() {
    let steps = "[[hook.step]]\nuse = \"function\"\nfile = \"f.py\"\n";
    let answer_of = |body: &str| {
        let code = FUNCTION.replace("    return t.hook_response()\n", &format!("    {body}\n"));
        answer_with(steps, &[("f.py", &code)], &document())
    };
    let failed = answer_of("return 1 / 0");
    assert_eq!(failed["operations"], json!([]));
    let message = &failed["messages"][0];
    assert_eq!(message["detail"], json!({"is_exception": true, "traceback_line_number": 10}));
    let text = message["content"].as_str().unwrap();
    assert!(text.contains("ZeroDivisionError") && text.contains("in rossum_hook_request_handler"), "{text}");

    let nonsense = answer_of(
        "return {\"operations\": [{\"op\": \"move\", \"id\": 101, \"value\": {}}], \"messages\": [{\"content\": \"x\"}]}",
    );
    assert_eq!(nonsense["operations"], json!([]));
    assert_eq!(nonsense["messages"].as_array().unwrap().len(), 1, "{nonsense}");
    assert!(nonsense["messages"][0]["content"].as_str().unwrap().contains("cannot be used"));
    assert_eq!(answer_of("return None")["messages"], json!([]));

    let mut bare = document();
    bare.as_object_mut().unwrap().remove("schemas");
    let missing = answer_with(steps, &[("f.py", FUNCTION)], &bare)["messages"][0]["content"].to_string();
    assert!(missing.contains("switch on the sideload `schemas`"), "{missing}");
}

#[test]
fn check_says_what_is_wrong_with_a_function() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("schema.json"), &document()["schemas"][0].to_string());
    let check = |code: &str| {
        write(&folder.path().join("f.py"), code);
        let step = "[[hook.step]]\nuse = \"function\"\nfile = \"f.py\"\nschema = \"schema.json\"\n";
        let config = format!("[[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n{step}");
        write(&folder.path().join("annex.toml"), &config);
        let mut command = annex_command();
        command.args(["check", "--dev-http", "--config", "annex.toml"]).current_dir(folder.path());
        let output = command.env("ROSSUM_SECRET", crate::support::SECRET).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    let text = check("def handler(payload): pass");
    assert!(text.contains("f.py:1:1: there is no function `rossum_hook_request_handler`"), "{text}");
    let text = check(&FUNCTION.replace("t.field.note", "t.field.notes"));
    assert!(text.contains("f.py: line 8, column 13: the schema has no field `notes`"), "{text}");
    let text = check("import requests");
    assert!(text.contains("f.py:1:8: there is no module `requests` here"), "{text}");
}

#[test]
fn check_says_what_is_wrong_with_rules_and_where() {
    let folder = tempfile::tempdir().unwrap();
    let schema = document()["schemas"][0].to_string();
    write(&folder.path().join("schema.json"), &schema);
    let steps = rules(&[
        rule("field.amount_totl > 5", SHOW),
        rule("x = 1\nimport os", SHOW),
        rule("re.search('(', field.note)", r#"{ type = "send_mail" }"#),
        rule("True", r#"{ type = "show_message", payload = { type = "info" } }"#),
        rule("sum(row.item_totl for row in field.line_items if row._index > row.attr.id) > 5", SHOW),
    ]);
    let steps = steps.replacen("use = \"rules\"", "use = \"rules\"\nschema = \"schema.json\"", 1);
    let config = format!("[[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n{steps}");
    write(&folder.path().join("annex.toml"), &config);
    let mut command = annex_command();
    command.args(["check", "--dev-http", "--config", "annex.toml"]).current_dir(folder.path());
    let output = command.env("ROSSUM_SECRET", crate::support::SECRET).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    for part in [
        "annex.toml:9:",
        "rule r: line 1, column 7: the schema has no field `amount_totl`",
        "rule r: line 2, column 8: there is no module `os` here",
        "rule r: line 1, column 11: this regular expression always fails",
        "Rossum has no action `send_mail`",
        "the action show_message has no `content` in its payload",
        "rule r: line 1, column 9: the table `line_items` has no column `item_totl`",
        "6 mistakes",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn eval_prints_value_messages_and_what_went_wrong() {
    let payload = format!("{ORACLE_FOLDER}/payload.json");
    let run = |arguments: &[&str]| {
        let output =
            annex_command().arg("eval").args(arguments).args(["--payload", &payload]).output().unwrap();
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        (output.status.code().unwrap(), text)
    };
    assert_eq!(run(&["field.amount_total + 1"]), (0, "1122.29\n".to_owned()));
    assert_eq!(run(&["field.item_code + '!'", "--row", "1"]), (0, "'B-2!'\n".to_owned()));
    let (code, text) = run(&["show_error('no', field.note)\n1 / 0"]);
    assert_eq!(
        (code, text.as_str()),
        (
            1,
            "  line 2, in <formula:eval>\n    1 / 0\nZeroDivisionError: division by zero\nerror (note): no\n"
        )
    );
    assert!(run(&["field.nothing"]).1.contains("the schema has no field `nothing`"));
    assert!(run(&["field.amount_total", "--row", "0"]).1.contains("names no column"));
    assert!(run(&["field.item_code", "--row", "9"]).1.contains("line_items has 4 rows"));
}

#[test]
fn runaway_rules_hold_nobody_else_up() {
    let hook = |path: &str, condition: &str| {
        let rule = rules(&[rule(condition, SHOW)]);
        let limits = "steps = 1000000000\ntime = \"2s\"";
        format!(
            "[[hook]]\npath = \"{path}\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n{rule}\n[hook.step.limits]\n{limits}\n"
        )
    };
    let config = hook("/runaway", "while True: pass") + &hook("/quick", "True");
    let annex = Annex::dev_with(&config);
    let document = document().to_string();
    let runaways: Vec<_> = (0..4)
        .map(|_| {
            let (mut client, document) = (annex.client(), document.clone());
            std::thread::spawn(move || client.deliver("/runaway", document))
        })
        .collect();
    std::thread::sleep(std::time::Duration::from_millis(300));
    let mut slowest = std::time::Duration::ZERO;
    while runaways.iter().any(|runaway| !runaway.is_finished()) {
        let start = std::time::Instant::now();
        assert_eq!(
            annex.client().deliver("/quick", document.as_str()).json()["messages"][0]["content"],
            "seen"
        );
        slowest = slowest.max(start.elapsed());
    }
    println!("slowest {slowest:?}");
    assert!(slowest < std::time::Duration::from_secs(1), "{slowest:?}");
    for runaway in runaways {
        let answer = runaway.join().unwrap();
        assert!(answer.json()["messages"][0]["content"].as_str().unwrap().contains("longer than allowed"));
    }
}

#[test]
fn an_exception_of_code_is_in_the_log_without_the_documents_values() {
    let steps = rules(&[rule("int(field.document_id) > 5", SHOW)]);
    let annex =
        Annex::dev_with(&format!("[[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n{steps}"));
    let answer = annex.client().deliver("/x", document().to_string()).json();
    assert!(answer["messages"].to_string().contains("ValueError"), "{answer}");
    annex.logs("the step's code raised an exception in line 1", std::time::Duration::from_secs(1));
    assert!(!annex.log().contains("ValueError"));
}
