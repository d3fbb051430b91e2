//! The step `business_rules` in the running binary: the language of the store's extension, row by row, and what a file
//! may hold.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Annex, Client, SECRET, annex_command, eventually, free_port, write};

/// `(schema id, normalized value)`; ids are 1, 2, … for the header, 100·row + 1, … for rows.
fn document(header: &[(&str, &str)], rows: &[&[(&str, &str)]]) -> Value {
    let datapoint = |id: usize, (schema_id, value): &(&str, &str)| json!({"id": id, "schema_id": schema_id, "category": "datapoint", "content": {"value": value, "normalized_value": value}});
    let header: Vec<_> = header.iter().zip(1..).map(|(field, id)| datapoint(id, field)).collect();
    let rows = rows.iter().zip(1..).map(|(cells, row)| {
        let cells: Vec<_> = cells.iter().zip(1..).map(|(cell, id)| datapoint(100 * row + id, cell)).collect();
        json!({"id": 100 * row, "schema_id": "line_item", "category": "tuple", "children": cells})
    });
    let rows: Vec<_> = rows.collect();
    json!({"request_id": "r", "event": "annotation_content", "action": "updated",
        "annotation": {"id": 7, "queue": "https://acme.rossum.app/api/v1/queues/8236", "content": [
            {"id": 1000, "schema_id": "basic", "category": "section", "children": header},
            {"id": 1001, "schema_id": "lines", "category": "section", "children": [
                {"id": 1002, "schema_id": "line_items", "category": "multivalue", "children": rows}]}]}})
}

fn invoice() -> Value {
    document(
        &[
            ("document_id", "0017"),
            ("amount_total", "121.30"),
            ("amount_total_base", "100.1"),
            ("amount_total_tax", "21.20"),
            ("date_issue", "2024-01-31"),
            ("date_due", "2024-03-01"),
            ("sender_name", "Acme Ltd"),
            ("iban", ""),
            ("account_num", ""),
            ("label", "label"),
        ],
        &[
            &[("item_code", "A"), ("item_quantity", "1"), ("item_price", "10.1"), ("item_total", "10.10")],
            &[("item_code", "B"), ("item_quantity", "2"), ("item_price", "20"), ("item_total", "41")],
            &[("item_code", "C"), ("item_quantity", ""), ("item_price", "20"), ("item_total", "41")],
            &[("item_code", "A"), ("item_quantity", "2"), ("item_price", "25"), ("item_total", "50")],
        ],
    )
}

const STEP: &str = "[[hook.step]]\nuse = \"business_rules\"\nfile = \"rules.json\"\n";

#[track_caller]
fn answer_with(settings: &Value, document: &Value, more: &str) -> Value {
    let config = format!("[[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n{STEP}{more}");
    let annex = Annex::dev_with_files(&config, &[("rules.json", &settings.to_string())]);
    let answer = annex.client().deliver("/x", document.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn answer(settings: &Value) -> Value {
    answer_with(settings, &invoice(), "")
}

/// Of many rules, each with itself as its message: which do not hold.
#[track_caller]
fn broken<'r>(rules: &[&'r str], document: &Value) -> BTreeSet<&'r str> {
    let checks: Vec<_> = rules.iter().map(|rule| json!({"rule": rule, "message": rule})).collect();
    let answer = answer_with(&json!({"checks": checks}), document, "");
    let messages = answer["messages"].as_array().unwrap();
    let known = |message: &Value| {
        let text = message["content"].as_str().unwrap();
        *rules.iter().find(|rule| **rule == text).unwrap_or_else(|| panic!("{text}"))
    };
    messages.iter().map(known).collect()
}

fn messages(answer: &Value) -> Vec<(Value, &str)> {
    let list = answer["messages"].as_array().unwrap().iter();
    list.map(|message| (message["id"].clone(), message["content"].as_str().unwrap())).collect()
}

#[test]
fn rules_that_hold_say_nothing() {
    let hold = [
        // Floats would not be equal here.
        "{amount_total} == {amount_total_base} + {amount_total_tax}",
        "{amount_total_base} * 3 == 300.3",
        "sum({item_total}) == 142.1",
        "len({item_quantity}) == 3",
        "len({item_quantity, default=0}) == 4",
        "unique_len({item_quantity}) == 2 and unique_len({item_code}) == 3",
        "len(filter({item_quantity}, [1])) == 2",
        "first_value(filter({item_quantity}, [1, None])) == 2",
        "min({item_price}) == 10.1 and max({item_price}) == 25 and max({amount_total}, 7) > 7",
        "any({item_total} > 45) and all({item_total} > 10)",
        "all({item_quantity} * {item_price} <= {item_total})",
        "sum({item_quantity} * {item_price}) == 100.1",
        "{document_id} == 17 and {document_id} == '17' and regexp('^0017$', {document_id})",
        "{date_issue} > \"2023-12-31\" and {date_due} - {date_issue} <= timedelta(days=30)",
        "{date_issue} + timedelta(months=1) == '2024-02-29'",
        "{date_due} - timedelta(years=1, days=1) == date('2023-02-28')",
        "today() > {date_due}",
        "2023-12-24 == 1987",
        "has_value({sender_name}) and is_empty({iban}) and not has_value({account_num})",
        "{iban, default=\"none\"} == 'none' and {iban, default=value('sender_name')} == 'Acme Ltd'",
        "value({iban}, default={document_id}) == 17",
        "list_contains({item_code}, \"B\") and list_contains({item_code}, ['x', 'C'])",
        "substring('cme', {sender_name}) and not substring('ACME', {sender_name})",
        "regexp('acme', {sender_name}, ignore_case=True) and not regexp('x*', {sender_name})",
        "similarity({sender_name}, 'Acme Ltx') == 1",
        "{document_id} == 1 xor {sender_name} == 'Acme Ltd'",
        "not ({document_id} == 17 xor {sender_name} == 'Acme Ltd')",
        "7 // 2 == 3 and 7 % 2 == 1 and {amount_total_base} // 3 == 33 and (0 - {amount_total_base}) // 3 == -34",
        "int({amount_total}) == 121 and float('2.50') == 2.5 and str({document_id}) == '0017'",
        "round({amount_total} / 3, 2) == 40.43 and abs(0 - {amount_total}) == {amount_total}",
        "{label} != {sender_name}",
        "1 == 2 xor 1 == 1 or 1 == 2 xor 1 == 2",
    ];
    assert_eq!(broken(&hold, &invoice()), BTreeSet::new());
}

#[test]
fn rules_that_do_not_hold_show_their_message() {
    let wrong = [
        "{amount_total} == {amount_total_base}",
        "sum({item_total}) == {amount_total}",
        "has_value({iban})",
        "is_empty({document_id})",
        "{document_id} == '18'",
        "not list_contains({item_code}, 'A')",
        "{date_due} < {date_issue}",
        "regexp('^\\d{3}$', {document_id})",
        "all({item_quantity} == 1)",
        "{document_id} == 1 xor {sender_name} == 'x'",
        "False",
    ];
    assert_eq!(broken(&wrong, &invoice()), wrong.into_iter().collect());
}

#[test]
fn an_empty_value_skips_the_rule() {
    let skipped = [
        "{iban} == 'x'",
        "{iban} != ''",
        "{iban} == ''",
        "{document_id} == 1 and {iban} == 1",
        "{document_id} == 1 or {iban} == 1",
        "sum(filter({item_code}, ['A', 'B', 'C'])) == 1",
        "{amount_total} == sum({item_missing})",
        "{missing} > 1",
        "regexp('x', {iban})",
        "{document_id} == value({iban}, default={account_num})",
    ];
    assert_eq!(broken(&skipped, &invoice()), BTreeSet::new());
}

/// The handbook's own table of what aggregations give.
#[test]
fn columns_with_empty_values_as_the_handbook_has_them() {
    let rows = |values: [&'static str; 4]| values.map(|value| [("item_amount", value)]);
    let of = |values: [&'static str; 4], rules: &[&str]| {
        let rows = rows(values);
        let rows: Vec<&[(&str, &str)]> = rows.iter().map(|row| &row[..]).collect();
        broken(rules, &document(&[], &rows)).len()
    };
    let some = [
        "sum({item_amount}) == 5",
        "sum({item_amount, default=0}) == 5",
        "unique_len({item_amount}) == 2",
        "len({item_amount}) == 3",
        "len(filter(({item_amount}),\"\")) == 3",
        "len({item_amount, default=0}) == 4",
    ];
    assert_eq!(of(["1", "2", "", "2"], &some), 0);
    let none = ["sum({item_amount}) == 0", "unique_len({item_amount}) == 0", "len({item_amount}) == 0"];
    assert_eq!(of(["", "", "", ""], &none), 0, "no value at all: skipped");
    assert_eq!(of(["", "", "", ""], &["len({item_amount, default=0}) == 4"]), 0);
    assert_eq!(of(["", "", "", ""], &["len({item_amount, default=0}) == 3"]), 1);
    let not_annotated = ["len({item_amount, default=0}) == 1", "sum({item_amount}) == 1"];
    assert_eq!(broken(&not_annotated, &document(&[], &[])).len(), 0, "not annotated");
}

#[test]
fn messages_land_on_the_rows_and_on_the_first_field_that_is_named() {
    let settings = json!({"checks": [
        {"rule": "{item_quantity} * {item_price} == {item_total}", "message": "line", "type": "warning", "automation_blocker": true},
        {"rule": "sum({item_total}) == {amount_total}", "message": "sum"},
        {"rule": "sum({item_total}) == 1", "message": "whole", "type": "info"},
        {"rule": "has_value({item_quantity})", "message": "quantity"},
    ]});
    let answer = answer(&settings);
    assert_eq!(
        messages(&answer),
        [
            (json!(202), "line"), // the third row has no quantity
            (json!(2), "sum"),
            (Value::Null, "whole"),
            (json!(302), "quantity"),
        ]
    );
    assert_eq!(answer["messages"][0]["type"], "warning");
    assert_eq!(answer["messages"][2]["type"], "info");
    assert_eq!(answer["automation_blockers"], json!([{"id": 202, "content": "line"}]));
}

#[test]
fn conditions_queues_and_switched_off_checks() {
    let check = |message: &str, more: Value| {
        let mut check = json!({"rule": "False", "message": message});
        check.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        check
    };
    let settings = json!({"checks": [
        check("on", json!({"condition": "has_value({document_id})"})),
        check("off by condition", json!({"condition": "has_value({iban})"})),
        check("off by an empty value", json!({"condition": "{iban} == 'x'"})),
        check("off", json!({"active": false})),
        check("this queue", json!({"queue_ids": [1, 8236]})),
        check("another queue", json!({"queue_ids": [1]})),
        {"rule": "{item_total} < 45", "condition": "{item_code} == 'A'", "message": "rows that are A"},
        {"rule": "{item_total} < 45", "condition": "{amount_total} > 1000", "message": "no row"},
    ]});
    let answer = answer(&settings);
    let texts: Vec<_> = messages(&answer).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["on", "this queue", "rows that are A"]);
    assert_eq!(answer["messages"][2]["id"], 404);
}

#[test]
fn of_alternatives_one_must_hold() {
    let rule = |rule: &str| json!({"rule": rule, "message": rule});
    let alternatives = |rules: &[&str]| {
        let list: Vec<_> = rules.iter().map(|text| rule(text)).collect();
        let answer = answer(&json!({"checks": [{"or": list}]}));
        messages(&answer).into_iter().map(|(id, text)| (id, text.to_owned())).collect::<Vec<_>>()
    };
    let both = ["has_value({iban})", "has_value({account_num})"];
    assert_eq!(alternatives(&both), [(json!(8), both[0].to_owned()), (json!(9), both[1].to_owned())]);
    assert_eq!(alternatives(&["has_value({iban})", "has_value({document_id})"]), []);
    assert_eq!(alternatives(&["has_value({iban})", "{iban} == 'skipped'"]), []);
    // Of rules about rows, one must hold in each.
    let rows = alternatives(&["{item_total} < 45", "{item_code} == 'B'"]);
    assert_eq!(
        rows,
        [(json!(404), "{item_total} < 45".to_owned()), (json!(401), "{item_code} == 'B'".to_owned())]
    );
    let not_this_queue = json!({"checks": [{"or": [
        {"rule": "has_value({iban})", "message": "here"},
        {"rule": "has_value({document_id})", "message": "elsewhere", "queue_ids": [1]}]}]});
    assert_eq!(messages(&answer(&not_this_queue)), [(json!(8), "here")]);
}

#[test]
fn variables_are_expressions_and_see_each_other() {
    let settings = json!({
        "checks": [
            {"rule": "{lines} == 4 and lines == 4", "message": "lines"},
            {"rule": "double == 8", "message": "double"},
            {"rule": "{item_total} < double", "message": "row"},
            {"rule": "nothing > 1", "message": "skipped"},
            {"rule": "{nothing, default=3} == 3", "message": "default"},
            {"rule": "has_value({nothing})", "message": "nothing has a value"},
        ],
        "variables": {"lines": "len({item_code})", "double": "lines * 2", "nothing": "sum({item_missing})"},
    });
    let answer = answer(&settings);
    let texts: Vec<_> = messages(&answer).into_iter().map(|(_, text)| text.to_owned()).collect();
    assert_eq!(texts, ["row", "row", "row", "row", "nothing has a value"]);
}

#[test]
fn a_rule_that_fails_says_so_and_the_others_go_on() {
    let settings = json!({"checks": [
        {"rule": "{sender_name} > 5", "message": "types"},
        {"rule": "{amount_total} / 0 == 1", "message": "division"},
        {"rule": "date({sender_name}) > today()", "message": "no date"},
        {"rule": "False", "message": "after"},
    ]});
    let answer = answer(&settings);
    let texts: Vec<_> = messages(&answer).into_iter().map(|(_, text)| text.to_owned()).collect();
    assert!(texts[0].starts_with("Business rule checks[0]: TypeError: "), "{texts:?}");
    assert!(texts[1].starts_with("Business rule checks[1]: DivisionByZero: "), "{texts:?}");
    assert!(texts[2].starts_with("Business rule checks[2]: ValueError: "), "{texts:?}");
    assert_eq!(texts[3], "after");
}

#[test]
fn a_rule_that_takes_too_long_is_stopped() {
    let rule = format!("{} == 1", "sum({item_total}) + ".repeat(400) + "1");
    let settings =
        json!({"checks": [{"rule": rule, "message": "no"}, {"rule": "False", "message": "after"}]});
    let answer = answer_with(&settings, &invoice(), "[hook.step.limits]\nsteps = 1000\n");
    let texts: Vec<_> = messages(&answer).into_iter().map(|(_, text)| text.to_owned()).collect();
    assert!(texts[0].starts_with("Business rule checks[0]: Stopped: "), "{texts:?}");
    assert_eq!(texts[1], "after");
}

#[test]
fn a_rule_of_thousands_of_parts_is_no_danger() {
    let chain = |word: &str, count: usize| vec!["{amount_total} > 1"; count].join(word);
    let checks: Vec<_> =
        [chain(" and ", 2_500), chain(" or ", 2_500), format!("{} == 1", vec!["1"; 400].join(" - "))]
            .into_iter()
            .map(|rule| json!({"rule": rule, "message": "shown"}))
            .collect();
    let answer = answer(&json!({"checks": checks}));
    assert_eq!(messages(&answer), [(Value::Null, "shown")], "the differences are not 1");
    for (rule, part) in [
        (vec!["1"; 5_000].join(" + "), "nested too deeply"),
        (chain(" and ", 6_000), "the rule is too large"),
        (vec!["True xor False"; 300].join(" or "), "`or` and `xor` change too often"),
        (format!("{}1{}", "(".repeat(50_000), ")".repeat(50_000)), "annex.toml"),
    ] {
        let text = mistakes(&json!({"checks": [{"rule": rule, "message": "m"}]}).to_string(), "");
        assert!(text.contains(part), "{part}\n{}", &text[text.len().saturating_sub(300)..]);
    }
    let doubled: serde_json::Map<String, Value> =
        (1..30).map(|at| (format!("v{at}"), json!(format!("v{} + v{}", at - 1, at - 1)))).collect();
    let mut variables = doubled;
    variables.insert("v0".to_owned(), json!("1"));
    let settings = json!({"checks": [{"rule": "v29 > 1", "message": "m"}], "variables": variables});
    assert!(mistakes(&settings.to_string(), "").contains("the rule is too large with its variables"));
}

#[test]
fn changes_of_earlier_steps_are_seen() {
    let config = format!(
        "[[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n[[hook.step]]\nuse = \"replace\"\nfield = \"iban\"\npattern = \"^.*$\"\nwith = \"CZ\"\n{STEP}"
    );
    let settings = json!({"checks": [{"rule": "{sender_name} == 'Acme'", "message": "changed"}]});
    let config = config.replace("\"iban\"", "\"sender_name\"");
    let annex = Annex::dev_with_files(&config, &[("rules.json", &settings.to_string())]);
    let answer = annex.client().deliver("/x", invoice().to_string()).json();
    assert_eq!(messages(&answer), [(json!(7), "changed")]);
    assert!(answer["operations"].to_string().contains("CZ"), "{answer}");
}

#[track_caller]
fn mistakes(settings: &str, more: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let config = format!("[[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n{STEP}{more}");
    let schema = json!({"content": [{"category": "section", "id": "s", "children": [
        {"category": "datapoint", "id": "total", "type": "number"},
        {"category": "multivalue", "id": "lines", "children": {"category": "tuple", "id": "line", "children": [
            {"category": "datapoint", "id": "item", "type": "number"}]}},
        {"category": "multivalue", "id": "taxes", "children": {"category": "tuple", "id": "tax", "children": [
            {"category": "datapoint", "id": "rate", "type": "number"}]}}]}]});
    for (name, text) in
        [("annex.toml", &*config), ("rules.json", settings), ("schema.json", &schema.to_string())]
    {
        write(&folder.path().join(name), text);
    }
    let mut command = annex_command();
    command.args(["check", "--dev-http", "--config", "annex.toml"]).current_dir(folder.path());
    let output = command.env("ROSSUM_SECRET", SECRET).output().unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

#[test]
fn mistakes_are_told_with_their_place() {
    let check = |rule: &str| json!({"rule": rule, "message": "m"});
    let checks: Vec<_> = [
        "{total} == 1 +",
        "{totl} == 1",
        "{total} in [1, 2]",
        "has_values({total})",
        "regexp('(', {total})",
        "{item} == {rate}",
        "total == 1",
        "len(5) == 1",
        "{total} == timedelta(months=1)",
        "sum({item}, {total})",
        "round",
        "a == 1",
        "",
        "lambda: 1",
        "{total}.real",
    ]
    .map(check)
    .into();
    let text = mistakes(
        &json!({"checks": checks, "variables": {"a": "b + 1", "b": "a", "c": "len({item}"}}).to_string(),
        "schema = \"schema.json\"\n",
    );
    for part in [
        "rules.json: checks[0].rule: line 1, column 15: invalid syntax",
        "checks[1].rule: line 1, column 2: the schema has no field `totl`",
        "checks[2].rule: line 1, column 1: `in` is not part of business rules",
        "list_contains(",
        "checks[3].rule: line 1, column 1: unknown function `has_values`",
        "did you mean `has_value`?",
        "checks[4].rule: line 1, column 8: this regular expression always fails",
        "checks[5].rule: it works on the rows of two tables, `lines` and `taxes`",
        "checks[6].rule: line 1, column 1: unknown name `total`",
        "a field is written in braces: `{total}`",
        "checks[7].rule: line 1, column 1: there is no column to work over",
        "checks[8].rule: line 1, column 12: `timedelta` has other arguments",
        "add them to a date",
        "checks[9].rule: line 1, column 1: `sum` has other arguments",
        "checks[10].rule: line 1, column 1: unknown name `round`",
        "the variable `a` is made of itself",
        "checks[12].rule: line 1, column 1: there is no expression",
        "checks[13].rule: line 1, column 1: this is not part of business rules",
        "checks[14].rule: line 1, column 1: this is not part of business rules",
        "variables.c: line 1, column 11: invalid syntax",
    ] {
        assert!(text.contains(part), "{part}\n\n{text}");
    }

    let wrong = |settings: Value, part: &str| {
        let text = mistakes(&settings.to_string(), "");
        assert!(text.contains(part), "{part}\n\n{text}");
    };
    wrong(
        json!({"checks": [{"rule": "True", "message": "m", "conditon": "x"}]}),
        "checks[0]: unknown key `conditon`",
    );
    wrong(json!({"checks": [{"rule": "True", "message": "m", "type": "fatal"}]}), "no message type `fatal`");
    wrong(json!({"checks": [{"message": "m"}]}), "checks[0]: there is no `rule`");
    wrong(json!({"checks": [{"rule": "True"}]}), "checks[0]: there is no `message`");
    wrong(json!({"checks": [{"or": [{"or": []}]}]}), "checks[0].or[0]: an `or` in an `or`");
    wrong(json!({"rules": []}), "holds no business rules: missing field `checks`");
    assert!(mistakes("{", "").contains("holds no business rules: EOF"));
}

#[test]
fn the_file_may_be_an_exported_hook_and_have_remarks() {
    let settings = json!({"checks": [{"rule": "has_value({iban})", "message": "iban", "_why": "paid by transfer"}], "variables": {}});
    let answer = answer(&json!({"id": 1, "name": "Business rules", "settings": settings}));
    assert_eq!(messages(&answer), [(json!(8), "iban")]);
    assert!(
        mistakes(&settings.to_string(), "").contains("annex.toml: ok"),
        "{}",
        mistakes(&settings.to_string(), "")
    );
}

#[test]
fn eval_tries_a_rule_out() {
    let payload = format!("{}/payload.json", crate::support::ORACLE_FOLDER);
    let run = |arguments: &[&str]| {
        let mut command = annex_command();
        command.args(["eval", "--business-rule", "--payload", &payload]).args(arguments);
        let output = command.output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code().unwrap(), text)
    };
    assert_eq!(run(&["{amount_total} > 1000"]), (0, "True\n".to_owned()));
    assert_eq!(run(&["{item_total} > 1000", "--row", "1"]), (0, "False\n".to_owned()));
    assert_eq!(run(&["{amount_total} > {amount_empty}"]), (0, "skipped: a value is empty\n".to_owned()));
    let (code, text) = run(&["{amount_totl} > 1000"]);
    assert!(code == 1 && text.contains("line 1, column 2: the schema has no field `amount_totl`"), "{text}");
}

/// A rule that skips a document in silence looks like one that holds: the inspector tells them apart.
#[test]
fn the_inspector_says_where_a_rule_has_nothing_to_check() {
    let field = |id: &str, kind: &str| json!({"id": id, "category": "datapoint", "type": kind});
    let schema = json!([
        {"id": "basic", "category": "section", "children": [field("amount_total", "number"), field("iban", "string")]},
        {"id": "lines", "category": "section", "children": [{"id": "line_items", "category": "multivalue", "children":
            {"id": "line_item", "category": "tuple", "children": [field("item_code", "string"), field("item_total", "number")]}}]}]);
    let rules = [
        ("{amount_total} > 5", "holds"),
        ("{amount_total} > 500", "does not hold"),
        ("{iban} == 'CZ1'", "has nothing to check: a value is empty"),
        ("{item_total} > 5", "has nothing to check: `line_items` has no rows"),
    ];
    let checks = rules.map(|(rule, _)| json!({"rule": rule, "message": rule}));
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("rules.json"), &json!({"checks": checks}).to_string());
    write(&folder.path().join("schema.json"), &schema.to_string());
    let config = format!(
        "[[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\nschema = \"schema.json\"\n{STEP}"
    );
    write(&folder.path().join("annex.toml"), &config);
    let port = free_port();
    let annex = Annex::dev_inspected(folder, port);
    let sent = document(&[("amount_total", "121.30"), ("iban", "")], &[]);
    assert_eq!(annex.client().deliver("/x", sent.to_string()).status, 200);
    let mut seen = Value::Null;
    eventually("it is listed", Duration::from_secs(10), || {
        let mut client = Client::plain(([127, 0, 0, 1], port).into());
        let host = format!("127.0.0.1:{port}");
        let answer =
            client.request_as(&host, "GET", "/inspector/deliveries/1", &[("content-length", "0")], b"");
        seen = serde_json::from_slice(&answer.body).unwrap_or_default();
        answer.status == 200
    });
    let reasons = seen["more"]["steps"][0]["reasons"].as_array().unwrap();
    assert_eq!(reasons.len(), rules.len(), "{seen}");
    for ((rule, says), reason) in rules.iter().zip(reasons) {
        assert_eq!(reason["source"], json!(rule));
        assert_eq!(reason["places"][0]["says"], json!(says), "{rule}: {reason}");
    }
}
