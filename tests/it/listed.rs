//! Values that must be in a list: `one_of` in a file, a query, a database; `match` that only says what it finds.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Annex, POSTGRES_PASSWORD, Postgres, eventually, write};

const SOON: Duration = Duration::from_secs(10);

fn config(more: &str, step: &str) -> String {
    format!(
        "[server]\ndomains = [\"hooks.acme.com\"]\nstate = \"state\"\n{more}\n[[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n\
         [[hook.step]]\n{step}\n"
    )
}

fn check(one_of: &str) -> String {
    format!(
        "use = \"checks\"\n[[hook.step.check]]\nfield = \"order\"\none_of = {one_of}\nmessage = \"There is no order {{order}}.\"\n\
         [[hook.step.check]]\nrequired = \"vendor\"\nmessage = \"Whose is it?\""
    )
}

/// A document with an order, a vendor, and an order in each line.
fn document(
    action: &str,
    updated: &[u64],
    order: &str,
    vendor: &str,
    target: &str,
    lines: &[&str],
) -> String {
    let datapoint = |id: usize, schema_id: &str, value: &str| json!({"id": id, "schema_id": schema_id, "category": "datapoint", "content": {"value": value}});
    let row = |(at, value): (usize, &&str)| {
        json!({"id": 100 + at, "schema_id": "line", "category": "tuple", "children": [
        datapoint(10 + 2 * at, "line_order", value), datapoint(11 + 2 * at, "line_vendor", vendor)]})
    };
    let rows: Vec<Value> = lines.iter().enumerate().map(row).collect();
    json!({"request_id": "r", "event": "annotation_content", "action": action, "updated_datapoints": updated, "annotation": {"id": 7, "content": [
        {"id": 200, "schema_id": "s", "category": "section", "children": [
            datapoint(1, "order", order), datapoint(2, "vendor", vendor), datapoint(3, "target", target), datapoint(4, "note", ""),
            {"id": 201, "schema_id": "lines", "category": "multivalue", "children": rows}]}]}})
    .to_string()
}

/// The place and text of each message.
fn said(annex: &Annex, document: String) -> Vec<(i64, String)> {
    let answer = annex.client().deliver("/x", document);
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    let all = answer["messages"].as_array().unwrap().iter();
    all.map(|one| (one["id"].as_i64().unwrap_or(0), one["content"].as_str().unwrap().to_owned())).collect()
}

fn said_of(annex: &Annex, order: &str) -> Vec<(i64, String)> {
    said(annex, document("updated", &[], order, "V", "", &[]))
}

fn one(id: i64, text: &str) -> Vec<(i64, String)> {
    vec![(id, text.to_owned())]
}

/// What `annex check` says of a step, and whether it takes it.
fn checked(annex: &Annex, more: &str, step: &str) -> (bool, String) {
    write(&annex.folder().join("annex.toml"), &config(more, step));
    let check = annex.run(&["check"]);
    (check.status.success(), String::from_utf8([check.stdout, check.stderr].concat()).unwrap())
}

#[test]
fn a_value_must_be_in_a_column_of_a_file_that_is_read_again_when_it_changes() {
    let step =
        check("{ file = \"po.csv\", column = \"number\", only = { open = \"1\" }, separator = \";\" }");
    let annex =
        Annex::dev_with_files(&config("", &step), &[("po.csv", "number;open\nA-1;1\nA-2;0\nA-3;1\n")]);
    assert_eq!(said_of(&annex, "A-1"), []);
    assert_eq!(said_of(&annex, ""), [], "nothing is in no list, and not wrong for that");
    assert_eq!(said_of(&annex, "A-2"), one(1, "There is no order A-2."));
    assert_eq!(said_of(&annex, "A-4"), one(1, "There is no order A-4."));
    write(&annex.folder().join("po.csv"), "number;open\nA-4;1\nA-2;0\n");
    annex.signal("HUP");
    annex.logs("configuration reloaded", SOON);
    assert_eq!(said_of(&annex, "A-4"), []);
    assert_eq!(said_of(&annex, "A-1"), one(1, "There is no order A-1."));
    let (is_right, text) = checked(&annex, "", &step);
    assert!(is_right && !text.contains("note"), "{text}");
    for (one_of, says) in [
        ("{ file = \"po.csv\", column = \"nmber\", separator = \";\" }", "has no column `nmber`"),
        ("{ file = \"none.csv\", column = \"number\" }", "none.csv"),
        ("{ file = \"po.csv\" }", "has no `column`"),
        ("{ file = \"po.csv\", dataset = \"po\", column = \"number\" }", "`one_of` has file and dataset"),
        ("{ column = \"number\" }", "does not say where the values are"),
        ("{ file = \"po.csv\", column = \"number\", time = \"1s\" }", "`time` has no effect here"),
        ("{ sql = \"SELECT 1 FROM po\" }", "does not name `order`"),
        (
            "{ sql = \"SELECT 1 FROM po WHERE number = :order\", column = \"a\" }",
            "`column` has no effect here",
        ),
        ("{ sql = \"SELECT 1 FROM po WHERE number = :order\", sheet = 1 }", "`sheet` has no effect here"),
        ("{ database = \"erp\", dataset = \"po\", column = \"number\" }", "there is no database `erp`"),
    ] {
        let (is_right, text) = checked(&annex, "", &check(one_of));
        assert!(!is_right && text.contains(says), "{one_of}: {text}");
    }
    let closed =
        check("{ file = \"po.csv\", column = \"number\", only = { open = \"2\" }, separator = \";\" }");
    let (is_right, text) = checked(&annex, "", &closed);
    assert!(is_right && text.contains("every value is wrong now"), "{text}");
}

#[test]
fn a_query_finds_a_value_by_other_fields_of_its_row() {
    let dataset = "[[dataset]]\nname = \"po\"\nfile = \"po.csv\"";
    let step = "use = \"checks\"\n[[hook.step.check]]\nfield = \"line_order\"\nmessage = \"no\"\n\
                one_of = { sql = \"SELECT 1 FROM po WHERE number = :line_order AND vendor = :vendor\" }";
    let annex = Annex::dev_with_files(&config(dataset, step), &[("po.csv", "number,vendor\nA-1,V\nA-2,W\n")]);
    annex.logs("2 records imported dataset=po", SOON);
    let of =
        |vendor: &str| said(&annex, document("updated", &[], "", vendor, "", &["A-1", "A-2", "", "A-1"]));
    assert_eq!(of("V"), one(12, "no"));
    assert_eq!(of("W"), [(10, "no".to_owned()), (16, "no".to_owned())]);
    let (is_right, text) = checked(&annex, dataset, step);
    assert!(is_right && !text.contains("note"), "{text}");
}

#[test]
fn a_database_that_is_away_is_no_wrong_value_and_stops_no_other_check() {
    let mut postgres = Postgres::start();
    postgres.sql("CREATE TABLE orders (number text, open boolean); INSERT INTO orders VALUES ('A-1', true), ('A-2', false);");
    let declared = format!(
        "[[database]]\nname = \"erp\"\nurl = \"{}\"\npassword = \"file:password\"\nca = \"{}\"",
        postgres.url(),
        postgres.ca().display()
    );
    let by_sql = "{ database = \"erp\", sql = \"SELECT 1 FROM orders WHERE number = :order AND open\" }";
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("annex.toml"), &config(&declared, &check(by_sql)));
    write(&folder.path().join("password"), POSTGRES_PASSWORD);
    let annex = Annex::dev_in(folder, crate::support::free_port());
    assert_eq!(said_of(&annex, "A-1"), []);
    assert_eq!(said_of(&annex, "A-2"), one(1, "There is no order A-2."));
    // A number that one of the table's rows is not: nobody knows whether the document's is there. One of the document's is.
    postgres.sql("CREATE TABLE numbers (number text); INSERT INTO numbers VALUES ('4500-17'), ('1');");
    let cast =
        "{ database = \"erp\", sql = \"SELECT 1 FROM numbers WHERE number::integer = :order::integer\" }";
    write(&annex.folder().join("annex.toml"), &config(&declared, &check(cast)));
    annex.signal("HUP");
    annex.logs("configuration reloaded", SOON);
    let [(1, text)] = &said_of(&annex, "1")[..] else { panic!("one message") };
    assert!(text.starts_with("order could not be checked: "), "{text}");
    assert_eq!(said_of(&annex, "A-9"), one(1, "There is no order A-9."));
    let column = "{ database = \"erp\", dataset = \"orders\", column = \"number\" }";
    write(&annex.folder().join("annex.toml"), &config(&declared, &check(column)));
    annex.signal("HUP");
    eventually("the column is asked", SOON, || said_of(&annex, "A-2").is_empty());
    assert_eq!(said_of(&annex, "A-3"), one(1, "There is no order A-3."));
    postgres.down();
    let away = said(&annex, document("updated", &[], "A-1", "", "", &[]));
    let [(1, text), (2, other)] = &away[..] else { panic!("{away:?}") };
    assert!(text.starts_with("order could not be checked: ") && !text.contains("choose"), "{text}");
    assert_eq!(other, "Whose is it?");
    annex.logs("order not checked: a query of the database erp failed", SOON);
    assert_eq!(said_of(&annex, ""), [], "there is nothing to look up");
}

const LIST: &str = "use = \"match\"\nfield = \"order\"\nfile = \"po.csv\"\nvalue = \"number\"\nlabel = \"number\"\n\
                    none = { message = \"There is no order {order}.\" }";
const QUERIES: &str = "use = \"match\"\nqueries = [\"SELECT number FROM po WHERE number = :order\"]\n\
                       none = { message = \"There is no order {order}.\" }";
const DATASET: &str = "[[dataset]]\nname = \"po\"\nfile = \"po.csv\"";

#[test]
fn a_match_without_a_target_says_what_it_does_not_find_and_writes_nothing() {
    for step in [LIST, QUERIES] {
        let annex =
            Annex::dev_with_files(&config(DATASET, step), &[("po.csv", "number,open\nA-1,1\nA-2,0\n")]);
        annex.logs("2 records imported dataset=po", SOON);
        assert_eq!(said_of(&annex, "A-1"), [], "{step}");
        assert_eq!(said_of(&annex, ""), [], "{step}");
        assert_eq!(said_of(&annex, "A-3"), one(1, "There is no order A-3."), "{step}");
        let answer = annex.client().deliver("/x", document("initialize", &[], "A-1", "V", "", &[])).json();
        assert_eq!(answer["operations"], json!([]), "{step}");
        let (is_right, text) = checked(&annex, DATASET, step);
        assert!(is_right && !text.contains("has no effect"), "{step}: {text}");
        for (more, says) in [
            ("run = \"always\"", "`run` has no effect"),
            ("validation_sources = [\"connector\"]", "`validation_sources` has no effect"),
        ] {
            let (is_right, text) = checked(&annex, DATASET, &format!("{step}\n{more}"));
            assert!(!is_right && text.contains(says), "{more}: {text}");
        }
        let silent = step.lines().filter(|line| !line.starts_with("none")).collect::<Vec<_>>().join("\n");
        let (is_right, text) = checked(&annex, DATASET, &silent);
        assert!(!is_right && text.contains("no `target` to fill, and no message to show"), "{text}");
    }
    let annex = Annex::dev_with_files(&config(DATASET, QUERIES), &[("po.csv", "number,open\nA-1,1\n")]);
    for key in ["fields = { note = \"open\" }", "value = \"number\"", "choose = \"first\"", "options = 9"] {
        let (is_right, text) = checked(&annex, DATASET, &format!("{QUERIES}\n{key}"));
        assert!(!is_right && text.contains("has no effect: without a `target`"), "{key}: {text}");
    }
}

#[test]
fn what_a_person_has_yet_to_choose_is_said_after_an_unrelated_change_too() {
    for (step, open) in [(LIST, "---"), (QUERIES, "")] {
        let step = format!("{step}\ntarget = \"target\"");
        let annex =
            Annex::dev_with_files(&config(DATASET, &step), &[("po.csv", "number,open\nA-1,1\nA-2,0\n")]);
        annex.logs("2 records imported dataset=po", SOON);
        let there_is_none = one(1, "There is no order A-3.");
        let there_is_none = if open.is_empty() { one(3, &there_is_none[0].1) } else { there_is_none };
        assert_eq!(said(&annex, document("initialize", &[], "A-3", "V", "", &[])), there_is_none, "{step}");
        let unrelated = |order: &str, target: &str| {
            let document = document("updated", &[4], order, "V", target, &[]);
            let answer = annex.client().deliver("/x", document.clone()).json();
            assert_eq!(answer["operations"], json!([]), "a person's choice stays: {step}");
            said(&annex, document)
        };
        assert_eq!(unrelated("A-3", open), there_is_none, "{step}");
        assert_eq!(unrelated("A-3", "A-2"), [], "a person has chosen: {step}");
        assert_eq!(unrelated("A-1", "A-1"), [], "{step}");
    }
}

#[test]
fn a_field_that_is_looked_up_by_itself_is_refused() {
    let annex = Annex::dev_with_files(&config(DATASET, QUERIES), &[("po.csv", "number,open\nA-1,1\n")]);
    let step = |queries: &str, more: &str| {
        format!("use = \"match\"\ntarget = \"target\"\nqueries = [{queries}]\n{more}")
    };
    let by = |field: &str| format!("\"SELECT number, open FROM po WHERE number = :{field}\"");
    for step in [
        step(&by("target"), ""),
        step(&format!("{}, {}", by("target"), by("note")), "fields = { note = \"open\" }"),
    ] {
        let (is_right, text) = checked(&annex, DATASET, &step);
        assert!(!is_right && text.contains("overwrites what it looks up"), "{step}: {text}");
    }
    let (is_right, text) = checked(&annex, DATASET, &step(&by("order"), "fields = { order = \"open\" }"));
    assert!(!is_right && text.contains("overwrites what it looks up"), "{text}");
    let both = format!("{}, {}", by("order"), by("note"));
    let (is_right, text) = checked(&annex, DATASET, &step(&both, "fields = { note = \"open\" }"));
    assert!(is_right && text.contains("looks up `note`, which `fields` writes"), "{text}");
    let itself = "use = \"match\"\nfield = \"target\"\ntarget = \"target\"\nfile = \"po.csv\"\nvalue = \"number\"\nlabel = \"number\"";
    let (is_right, text) = checked(&annex, DATASET, itself);
    assert!(is_right && text.contains("is looked up by itself"), "{text}");
    let cascade = format!("{}, {}", by("order"), by("target"));
    for right in [step(&cascade, ""), step(&by("order"), "fields = { note = \"open\" }")] {
        let (is_right, text) = checked(&annex, DATASET, &right);
        assert!(is_right && !text.contains("looks up") && !text.contains("look up"), "{right}: {text}");
    }
}

#[test]
fn two_forwards_of_one_delivery_and_a_secret_in_the_address_are_noted() {
    let annex = Annex::dev_with_files(&config(DATASET, QUERIES), &[("po.csv", "number,open\nA-1,1\n")]);
    let of = |first: &str, second: &str| {
        format!("use = \"forward\"\n{first}\n[[hook.step]]\nuse = \"forward\"\nname = \"second\"\n{second}")
    };
    let [one, other] = ["to = \"http://127.0.0.1:21200\"", "to = \"http://127.0.0.1:21201\""];
    let (is_right, text) = checked(&annex, "", &of(one, other));
    assert!(is_right && text.contains("a second `forward` for the same events"), "{text}");
    let (is_right, text) = checked(&annex, "", &of(one, one));
    assert!(is_right && text.contains("the service gets each delivery twice"), "{text}");
    let [content, mail] =
        ["annotation_content", "email"].map(|event| format!("{one}\nevents = [\"{event}\"]"));
    let (is_right, text) = checked(&annex, "", &of(&content, &mail));
    assert!(is_right && !text.contains("second `forward`") && !text.contains("twice"), "{text}");
    let with = |query: &str| {
        checked(&annex, "", &format!("use = \"forward\"\nto = \"http://127.0.0.1:21200/x?{query}\""))
    };
    let (is_right, text) = with("token=geheim");
    assert!(is_right && text.contains("`token` in its query") && !text.contains("geheim"), "{text}");
    let (is_right, text) = with("tenant=4");
    assert!(is_right && !text.contains("in its query"), "{text}");
}
