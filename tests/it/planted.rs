//! Planted mistakes that stop nothing: `annex check` notes each with its place. What is right is not noted.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Annex, annex_command, free_port, write};

/// What `annex check` says of hooks with files beside them, JSON or texts: whether it is well, and all that it writes.
pub(crate) fn checked(config: &str, files: &[(&str, Value)]) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("s"), "0123456789abcdef0123456789abcdef");
    for (name, file) in files {
        let text = file.as_str().map_or_else(|| file.to_string(), str::to_owned); // code is not JSON
        write(&folder.path().join(name), &text);
    }
    write(&folder.path().join("annex.toml"), config);
    let mut command = annex_command();
    command.current_dir(folder.path()).args(["check", "--dev-http", "--config", "annex.toml"]);
    let done = command.output().unwrap();
    let text = [done.stdout, done.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    (done.status.success(), text)
}

fn hook(keys: &str, steps: &str) -> String {
    format!("[[hook]]\npath = \"/x\"\nsecrets = [\"file:s\"]\n{keys}\n{steps}")
}

fn schema() -> Value {
    let columns = json!([
        {"id": "item_code", "category": "datapoint", "type": "string"},
        {"id": "item_total", "category": "datapoint", "type": "number"}]);
    json!([{"id": "basic", "category": "section", "icon": null, "children": [
        {"id": "document_id", "category": "datapoint", "type": "string"},
        {"id": "kind", "category": "datapoint", "type": "enum", "options": [{"value": "invoice"}, {"value": "credit"}]},
        {"id": "date_issue", "category": "datapoint", "type": "date"},
        {"id": "amount_total", "category": "datapoint", "type": "number", "formula": "1 + 1", "prompt": "ask"},
        {"id": "order_ids", "category": "multivalue", "children": {"id": "order_id", "category": "datapoint", "type": "string"}},
        {"id": "line_items", "category": "multivalue", "children":
            {"id": "line_item", "category": "tuple", "children": columns}}]}])
}

/// Keys of the hook, its steps, the file of rules, what is noted, and where.
type Case = (&'static str, String, Value, &'static str, &'static str);

fn rules(keys: &str) -> String {
    format!("[[hook.step]]\nuse = \"rules\"\n{keys}")
}

fn assert_noted(cases: Vec<Case>) {
    for (keys, steps, rules, says, place) in cases {
        let config = hook(keys, &steps);
        let (is_well, text) = checked(&config, &[("rules.json", rules), ("schema.json", schema())]);
        let note = text.lines().find(|line| line.contains("note: ") && line.contains(says));
        assert!(
            is_well && note.is_some_and(|note| note.contains(place)),
            "{config}\n{says}, {place}\n{text}"
        );
    }
}

#[test]
fn numbers_without_effect_are_noted_with_their_place() {
    const CHECKS: &str = "[[hook.step]]\nuse = \"checks\"\n[[hook.step.check]]\nrequired = [\"document_id\"]";
    let fuzzy = |keys: &str| {
        format!(
            "[[hook.step]]\nuse = \"match\"\ntarget = \"vendor\"\ndataset = \"d\"\nvalue = \"id\"\nlabel = \"{{id}}\"\n[[hook.step.query]]\nfuzzy = {{ name = \"sender_name\" }}\n{keys}"
        )
    };
    assert_noted(vec![
        ("timeout = \"60s\"", CHECKS.into(), json!([]), "annex.toml:4: `timeout` is 1m", "60 s at most"),
        (
            "timeout = \"35s\"",
            CHECKS.into(),
            json!([]),
            "annex.toml:4: `timeout` is 35s",
            "30 s while a person",
        ),
        (
            "answer = \"async\"\ntimeout = \"10m\"",
            CHECKS.into(),
            json!([]),
            "annex.toml:5: `timeout` is 10m",
            "300 s",
        ),
        (
            "",
            fuzzy("sure = 0.2"),
            json!([]),
            "`sure` is 0.2, less than `threshold`, which is 0.3",
            "annex.toml:13",
        ),
        ("", fuzzy("sure = 0\nlead = 0"), json!([]), "even a wrong one", "annex.toml:13"),
        ("", fuzzy("lead = 0"), json!([]), "`lead` is 0", "annex.toml:13"),
        (
            "",
            rules(
                "[hook.step.limits]\ntime = \"26s\"\n[[hook.step.rule]]\ntrigger_condition = \"field.a == 1\"\nactions = [{ type = \"hide_field\", payload = { schema_ids = [\"a\"] } }]",
            ),
            json!([]),
            "`time` is 26s, and all steps of the hook have 25s",
            "annex.toml:8",
        ),
    ]);
}

#[test]
fn what_has_no_effect_is_noted_with_its_place() {
    let rule = |condition: &str| {
        rules(&format!(
            "[[hook.step.rule]]\ntrigger_condition = '''{condition}'''\nactions = [{{ type = \"show_message\", payload = {{ type = \"error\", content = \"x\" }} }}]"
        ))
    };
    let file = "[[hook.step]]\nuse = \"rules\"\nfile = \"rules.json\"".to_owned();
    let says = json!({"type": "show_message", "payload": {"type": "error", "content": "x"}});
    assert_noted(vec![
        ("", rule("field.a != \"x\" or field.a != \"y\""), json!([]), "always holds", "line 1, column 1"),
        (
            "schema = \"schema.json\"",
            rule("field.amount_total == field.kind"),
            json!([]),
            "their values are never the same",
            "column 1",
        ),
        (
            "schema = \"schema.json\"",
            rule("field.kind in (\"invoice\")"),
            json!([]),
            "a part of this text",
            "annex.toml:",
        ),
        (
            "",
            rule("field.a == 1\nTrue"),
            json!([]),
            "nothing is done with the result of `field.a == 1`",
            "line 1",
        ),
        (
            "",
            file.clone(),
            json!([{"name": "N", "actions": [says]}]),
            "rule N: it has no `trigger_condition`",
            "rules.json",
        ),
        (
            "",
            file.clone(),
            json!([{"name": "N", "trigger_condition": "True", "actions": []}]),
            "it has no actions",
            "rule N",
        ),
        (
            "",
            file,
            json!([{"name": "N", "trigger_condition": "True", "actions": [{"type": "show_message", "enabled": false, "payload": {}}]}]),
            "all its actions are switched off",
            "rule N",
        ),
        (
            "",
            "[[hook.step]]\nuse = \"replace\"\nfield = \"document_id\"\npattern = '[0-9]*'\nwith = \"x\""
                .into(),
            json!([]),
            "comes between all letters",
            "annex.toml:8",
        ),
        // The schema of the hook is read as the step's own is.
        (
            "schema = \"schema.json\"",
            "[[hook.step]]\nuse = \"formulas\"\nfrom_schema = true".into(),
            json!([]),
            "schema.json: the field amount_total: `prompt` has no effect here",
            "annex.toml:4",
        ),
        (
            "",
            rules(
                "types = { zzzzzzzz = \"number\" }\n[[hook.step.rule]]\ntrigger_condition = \"field.a == 1\"\nactions = [{ type = \"hide_field\", payload = { schema_ids = [\"a\"] } }]",
            ),
            json!([]),
            "nothing in this step names `zzzzzzzz`",
            "annex.toml:7",
        ),
    ]);
}

#[test]
fn what_is_right_is_neither_refused_nor_noted() {
    let rule = |condition: &str| {
        format!(
            "[[hook.step]]\nuse = \"rules\"\n[[hook.step.rule]]\ntrigger_condition = '''{condition}'''\nactions = [{{ type = \"show_message\", payload = {{ type = \"error\", content = \"x\" }} }}]"
        )
    };
    let template = |text: &str| {
        format!(
            "[[hook.step]]\nuse = \"export\"\nname = \"n\"\ntarget = \"files\"\npath = \"{{{{ field.document_id }}}}.txt\"\ntemplate = \"\"\"{text}\"\"\""
        )
    };
    for steps in [
        rule("field.kind == \"invoice\" and field.amount_total > 10 and field.amount_total < 50"),
        rule("field.kind.lower() == \"invoice\" or field.kind.upper() in (\"CREDIT\", \"\")"),
        rule("field.document_id.strip().startswith(\"A\") and \"x\" in field.document_id"),
        rule("default_to(field.amount_total, 0) == 0 or len(field.order_ids) == 0"),
        rule(
            "any(row.item_code == \"5\" and row.item_total.attr.rir_confidence > 0.5 for row in field.line_items)",
        ),
        rule("sum(field.item_total.all_values) != field.amount_total and len(field.line_items) > 1"),
        rule("field.date_issue.year == 2026 and field.date_issue.strftime(\"%Y\") == \"2026\""),
        rule("kind = field.kind\nif kind == \"invoice\":\n    field.amount_total > 1\nelse:\n    False"),
        rule("field.document_id.attr.validation_sources != [] and field.document_id.id is not None"),
        template(
            "{% for l in field.line_items | sort(attribute='item_code') %}{{ l.item_code }}{{ loop.index }}{% endfor %}",
        ),
        template(
            "{% for l in line_items if l.item_total %}{{ l['item_total'] | money }}{% if not loop.last %},{% endif %}{% endfor %}",
        ),
        template(
            "{{ field.line_items | map(attribute='item_total') | join(',') }}{{ field.order_ids | join }}{{ field.order_id }}",
        ),
        template(
            "{% set l = field.document_id %}{{ l }}{{ field.line_items[0].item_code }}{{ field.kind | upper }}",
        ),
        "[[hook.step]]\nuse = \"replace\"\nfield = \"document_id\"\npattern = '^(n|m)$'\nwith = 'x\\1'"
            .to_owned(),
        "[[hook.step]]\nuse = \"replace\"\nfield = \"document_id\"\npattern = '\\s*$'\nwith = ''".to_owned(),
    ] {
        let target = if steps.contains("target = \"files\"") {
            "[[target]]\nname = \"files\"\nfolder = \"out\"\n"
        } else {
            ""
        };
        let config = format!("{target}{}", hook("schema = \"schema.json\"", &steps));
        let (is_well, text) = checked(&config, &[("schema.json", schema())]);
        assert!(is_well && !text.contains("note: "), "{config}\n{text}");
    }
}

#[test]
fn a_list_of_which_most_is_gone_is_not_taken_by_a_reload() {
    const SOON: Duration = Duration::from_secs(10);
    let folder = tempfile::tempdir().unwrap();
    let records = |count: usize| {
        let rows: Vec<String> = (0..count).map(|at| format!("V-{at};Vendor {at}\n")).collect();
        format!("value;label\n{}", rows.concat())
    };
    let config = |more: &str| {
        format!(
            "[[hook]]\nname = \"x\"\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n[[hook.step]]\nuse = \"match\"\nfield = \"a\"\ntarget = \"b\"\nfile = \"vendors.csv\"\n{more}"
        )
    };
    write(&folder.path().join("vendors.csv"), &records(100));
    write(&folder.path().join("annex.toml"), &config(""));
    let annex = Annex::dev_in(folder, free_port());
    write(&annex.folder().join("vendors.csv"), &records(60));
    annex.signal("HUP");
    annex.logs("configuration reloaded", SOON);
    write(&annex.folder().join("vendors.csv"), &records(6));
    annex.signal("HUP");
    annex.logs("has 6 records, and had 60: more than 50 % are missing", SOON);
    annex.logs("the new configuration is refused", SOON);
    assert!(
        annex.log().contains("annex.toml:9") && annex.log().contains("`allow_shrink = 100`"),
        "{}",
        annex.log()
    );
    let reloads = || annex.log().matches("configuration reloaded").count();
    let before = reloads();
    write(&annex.folder().join("annex.toml"), &config("allow_shrink = 100"));
    annex.signal("HUP");
    let taken = || reloads() > before;
    crate::support::eventually("it is taken where that is right", SOON, taken);
}
