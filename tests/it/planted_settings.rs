//! Settings that can never do what they were written for: `annex check` says so, at their line. What is right is left alone.

use serde_json::{Value, json};

use crate::planted::checked;

fn schema() -> Value {
    let field = |id: &str, kind: &str| json!({"id": id, "category": "datapoint", "type": kind});
    let choice = |id: &str, options: &[&str]| {
        let options: Vec<_> = options.iter().map(|value| json!({"value": value, "label": value})).collect();
        json!({"id": id, "category": "datapoint", "type": "enum", "options": options})
    };
    let table = |id: &str, row: &str, columns: Vec<Value>| json!({"id": id, "category": "multivalue", "children": {"id": row, "category": "tuple", "children": columns}});
    let goods =
        [("good_code", "string"), ("good_price", "number"), ("good_fee", "number"), ("good_day", "date")];
    let rates = [("rate", "number"), ("rate_base", "number"), ("rate_day", "date")];
    let columns = |all: &[(&str, &str)]| all.iter().map(|(id, kind)| field(id, kind)).collect();
    json!([
        {"id": "head", "category": "section", "children": [
            field("reference", "string"), field("remark", "string"), choice("sort", &["standard", "express"]),
            choice("currency", &["GBP", "EUR"]), choice("partner", &[]), field("shipped", "date"),
            field("arrived", "date"), field("gross", "number"), field("net", "number"), field("settled", "boolean"),
            field("send_it", "button"),
            {"id": "parcels", "category": "multivalue", "children": field("parcel", "string")}]},
        {"id": "rows", "category": "section", "children": [
            table("goods", "good", columns(&goods)), table("rates", "rate_row", columns(&rates))]}
    ])
}

/// What is said of some steps: whether all is well, and all that is written.
fn said(steps: &str) -> (bool, String) {
    let partners = "code,title,city,active\n1,One,Praha,1\n2,Two,Brno,0\n";
    let last = if steps.contains("target = \"files\"") {
        ""
    } else {
        "[[hook.step]]\nuse = \"export\"\nname = \"last\"\ntarget = \"files\"\npath = \"{{ field.reference }}.txt\"\nshape = \"json\""
    };
    let dataset = if steps.contains("dataset = ") {
        "[[dataset]]\nname = \"partners\"\nfile = \"partners.csv\"\nnear = [\"title\"]\n"
    } else {
        "\n\n\n"
    };
    let config = format!(
        "[[target]]\nname = \"files\"\nfolder = \"out\"\n{dataset}[[hook]]\npath = \"/settings\"\nsecrets = [\"file:s\"]\nschema = \"schema.json\"\n{steps}\n{last}"
    );
    checked(&config, &[("schema.json", schema()), ("partners.csv", json!(partners))])
}

/// Steps, each behind a line `=== what is said of it`.
fn cases(text: &str) -> Vec<(&str, &str)> {
    let blocks = text.split("===").filter(|block| !block.trim().is_empty());
    blocks.map(|block| block.split_once('\n').unwrap()).map(|(says, steps)| (steps, says.trim())).collect()
}

#[test]
fn settings_that_can_do_nothing_right_are_refused() {
    let cases = cases(include_str!("../config/settings.wrong.txt"));
    assert!(cases.len() >= 60, "{}", cases.len());
    for (steps, says) in cases {
        let (is_well, text) = said(steps);
        assert!(!is_well && text.contains(says) && text.contains("annex.toml:"), "{steps}\n{says}\n{text}");
    }
}

#[test]
fn settings_without_effect_are_noted() {
    for (steps, says) in cases(include_str!("../config/settings.odd.txt")) {
        let (is_well, text) = said(steps);
        let note = text.lines().find(|line| line.contains("note: ") && line.contains(says));
        assert!(is_well && note.is_some_and(|note| note.contains("annex.toml:")), "{steps}\n{says}\n{text}");
    }
}

#[test]
fn settings_that_are_right_are_left_alone() {
    for (steps, _) in cases(include_str!("../config/settings.right.txt")) {
        let (is_well, text) = said(steps);
        assert!(is_well && !text.contains("note: "), "{steps}\n{text}");
    }
}

#[test]
fn a_target_that_no_step_sends_to_is_noted() {
    let checks = "[[hook.step]]\nuse = \"checks\"\n[[hook.step.check]]\nrequired = [\"reference\"]\n";
    let config = format!(
        "[[hook]]\npath = \"/x\"\nsecrets = [\"file:s\"]\n{checks}[[target]]\nname = \"forgotten\"\nfolder = \"else\""
    );
    let (is_well, text) = checked(&config, &[]);
    assert!(
        is_well && text.contains("note: annex.toml:9: no step sends to the target `forgotten`"),
        "{text}"
    );
}

/// What is said of business rules: their rule and their message.
fn said_of_rules(checks: &[(&str, &str)]) -> (bool, String) {
    let checks: Vec<_> =
        checks.iter().map(|(rule, message)| json!({"rule": rule, "message": message})).collect();
    let config = "[[hook]]\npath = \"/x\"\nsecrets = [\"file:s\"]\nschema = \"schema.json\"\n[[hook.step]]\nuse = \"business_rules\"\nfile = \"own.json\"";
    checked(config, &[("schema.json", schema()), ("own.json", json!({"checks": checks}))])
}

#[test]
fn business_rules_that_check_nothing_are_told_of() {
    for (rule, message, says) in [
        ("has_value(\"reference\")", "M", "`has_value({reference})`"),
        ("is_empty('{reference}')", "M", "`is_empty({reference})`"),
        ("has_value({reference})", " ", "people would see an empty box"),
        ("{shipped} + {arrived} > today()", "M", "their difference, `-`"),
        ("{arrived} - {shipped} > 14", "M", "`timedelta(days=14)`"),
        ("{shipped} > 5", "M", "compare a date with a date"),
        ("{sort} == \"Standard\"", "M", "did you mean `standard`?"),
        ("10 < {gross} < 5", "M", "no value is on both sides"),
        ("{remark} == 5 and {remark} != 5", "M", "never hold together"),
    ] {
        let (is_well, text) = said_of_rules(&[(rule, message)]);
        assert!(
            !is_well && text.contains(says) && text.contains("own.json: checks[0]"),
            "{rule}\n{says}\n{text}"
        );
    }
    for (rule, message, says) in [
        ("{gross} != \"\"", "M", "an empty value skips the rule, so that this always holds"),
        ("\"\" == {remark}", "M", "so that this never holds"),
        ("has_value({reference})", "Look at {refrence}.", "`{refrence}` in its message is shown as it is"),
    ] {
        let (is_well, text) = said_of_rules(&[(rule, message)]);
        assert!(is_well && text.contains("note: ") && text.contains(says), "{rule}\n{says}\n{text}");
    }
    let right = [
        "has_value({reference})",
        "{gross} != 0 and {arrived} - {shipped} > timedelta(days=14)",
        "{remark, default=\"\"} == \"\"",
        "{remark} == \"5\" or {gross} == \"5\"",
        "{shipped} + timedelta(days=5) > {arrived}",
        "sum({good_price}) == {gross} and {shipped} <= today()",
    ];
    let (is_well, text) = said_of_rules(&right.map(|rule| (rule, "M")));
    assert!(is_well && !text.contains("note: "), "{text}");
}
