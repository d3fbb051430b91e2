//! The page that says what becomes of each key of Rossum's objects, held against `annex check`.

use serde_json::{Map, Value, json};

use crate::support::{annex_command, write};

/// The keys that Rossum's API reference and its SDK (`rossum-api` 3.17.0) name, by the page's heading.
const KEYS: [(&str, &str); 7] = [
    (
        "Rule",
        "id name enabled organization queues trigger_condition url created_by created_at modified_by modified_at \
         rule_template synchronized_from_template actions description schema",
    ),
    ("Rule action", "id type payload event enabled"),
    ("Payload of an action", "type content schema_id schema_ids condition multivalue_child_id"),
    (
        "Hook",
        "id name url active config test guide read_more_url extension_image_url type metadata queues run_after events \
         settings settings_schema secrets secrets_schema extension_source sideload token_owner token_lifetime_s \
         description status hook_template created_by created_at modified_by modified_at",
    ),
    ("Schema", "id name queues url content metadata modified_by modified_at"),
    (
        "Field",
        "id type label description category disable_prediction hidden can_export can_collapse rir_field_names \
         default_value constraints score_threshold options ui_configuration width stretch width_chars formula prompt \
         context matching memory enum_value_type format children min_occurrences max_occurrences grid \
         show_grid_by_default icon",
    ),
    (
        "Queue",
        "id name url workspace connector schema inbox counts session_timeout webhooks hooks users rir_url rir_params \
         automation_enabled automation_level default_score_threshold locale metadata settings dedicated_engine \
         generic_engine use_confirmed_state document_lifetime delete_after status engine training_enabled",
    ),
];

/// The page's rows of one heading: key, and what becomes of it.
fn page(heading: &str) -> Vec<(String, String)> {
    let page = std::fs::read_to_string("docs/objects.md").unwrap();
    let start = format!("\n## {heading}\n");
    let section = page.split(&start).nth(1).unwrap_or_else(|| panic!("no heading {heading}"));
    let section = section.split("\n## ").next().unwrap();
    let mut rows = Vec::new();
    for line in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        rows.extend(cells[1].split(", ").map(|key| (key.trim_matches('`').to_owned(), cells[2].to_owned())));
    }
    rows
}

/// What `annex check` says of a step with a file beside it: whether it is well, and all that it writes.
fn checked(step: &str, name: &str, file: &Value) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join(name), &file.to_string());
    write(&folder.path().join("s"), "0123456789abcdef0123456789abcdef");
    let config = format!("[[hook]]\npath = \"/x\"\nsecrets = [\"file:s\"]\n[[hook.step]]\n{step}\n");
    write(&folder.path().join("annex.toml"), &config);
    let done = annex_command()
        .current_dir(folder.path())
        .args(["check", "--dev-http", "--config", "annex.toml"])
        .output()
        .unwrap();
    let text = [done.stdout, done.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    (done.status.success(), text)
}

/// The place of one object, and the file and step that have it.
struct Place {
    heading: &'static str,
    step: &'static str,
    file: fn(Map<String, Value>) -> Value,
    plain: Value,
}

fn places() -> Vec<Place> {
    const RULES: &str = "use = \"rules\"\nfile = \"o.json\"";
    const FORMULAS: &str = "use = \"formulas\"\nschema = \"o.json\"\nfrom_schema = true";
    let payload = json!({"type": "info", "content": "x"});
    let action = json!({"type": "show_message", "payload": payload});
    let plain_field = json!({"category": "datapoint", "id": "total", "type": "number", "formula": "1 + 1"});
    let content = json!([{"category": "section", "id": "s", "children": [plain_field]}]);
    vec![
        Place {
            heading: "Rule",
            step: RULES,
            file: |rule| json!([rule]),
            plain: json!({"name": "N", "trigger_condition": "True", "actions": [action]}),
        },
        Place {
            heading: "Rule action",
            step: RULES,
            file: |action| json!([{"name": "N", "trigger_condition": "True", "actions": [action]}]),
            plain: action,
        },
        Place {
            heading: "Payload of an action",
            step: RULES,
            file: |payload| json!([{"name": "N", "trigger_condition": "True", "actions": [{"type": "show_message", "payload": payload}]}]),
            plain: payload,
        },
        Place {
            heading: "Hook",
            step: "use = \"business_rules\"\nfile = \"o.json\"",
            file: Value::Object,
            plain: json!({"settings": {"checks": [{"rule": "{total} > 1", "message": "x"}]}}),
        },
        Place { heading: "Schema", step: FORMULAS, file: Value::Object, plain: json!({"content": content}) },
        Place {
            heading: "Field",
            step: FORMULAS,
            file: |field| json!([{"category": "section", "id": "s", "children": [field]}]),
            plain: plain_field,
        },
    ]
}

#[test]
fn the_page_names_every_key_of_rossums_objects() {
    for (heading, keys) in KEYS {
        let rows = page(heading);
        let mut told: Vec<_> = rows.iter().map(|(key, _)| key.as_str()).collect();
        let mut keys: Vec<_> = keys.split_whitespace().collect();
        told.sort_unstable();
        keys.sort_unstable();
        assert_eq!(told, keys, "{heading}");
        for (key, fate) in &rows {
            assert!(
                ["used", "Rossum's", "describes", "noted"].contains(&fate.as_str()),
                "{heading} {key}: {fate}"
            );
        }
    }
}

#[test]
fn what_the_page_says_of_each_key_is_what_check_does() {
    for Place { heading, step, file, plain } in places() {
        let with = |key: &str, value: Value| {
            let mut object = plain.as_object().unwrap().clone();
            object.entry(key).or_insert(value);
            checked(step, "o.json", &file(object))
        };
        let (is_well, quiet) = with("//", json!("a remark"));
        assert!(is_well && !quiet.contains("note:"), "{heading}: {quiet}");
        for (key, fate) in page(heading) {
            // A key that is used is part of the object already, or is tried by the tests of its step.
            if fate == "used" {
                continue;
            }
            let (is_well, text) = with(&key, right(&key));
            assert!(is_well, "{heading} {key}: {text}");
            let note = text.lines().find(|line| line.contains("note:"));
            match &*fate {
                "noted" => assert!(
                    note.is_some_and(|note| note.contains(&format!("`{key}`"))),
                    "{heading} {key}: {text}"
                ),
                _ => assert_eq!(note, None, "{heading} {key}"),
            }
            // Where nobody set it there is nothing to say.
            let unset = if matches!(&*key, "active" | "condition") { json!(true) } else { json!(null) };
            assert!(!with(&key, unset).1.contains("note:"), "{heading} {key}");
        }
        let (is_well, text) = with("summoned_by", json!("x"));
        let wanted = "the key `summoned_by` is not known here: it has no effect";
        assert!(is_well && text.contains(wanted), "{heading}: {text}");
    }
}

#[test]
fn a_value_of_another_kind_is_told_with_its_key_wherever_a_key_is_used() {
    for Place { heading, step, file, plain } in places() {
        for (key, fate) in page(heading).into_iter().filter(|(_, fate)| fate == "used") {
            let mut object = plain.as_object().unwrap().clone();
            object.insert(key.clone(), json!(5));
            let (is_well, text) = checked(step, "o.json", &file(object));
            assert!(!is_well && text.contains("annex.toml:"), "{heading} {key} ({fate}): {text}");
            // Without these it is no schema at all.
            let is_basic = matches!(&*key, "id" | "category") || heading == "Schema";
            assert!(
                is_basic || text.contains(&format!("`{key}` is the number 5, but must be")),
                "{heading} {key}: {text}"
            );
        }
    }
}

/// Keys that Annex does not use, by the kind that Rossum has there; the others take any, or texts.
const LISTS: [&str; 5] = ["queues", "events", "sideload", "run_after", "rir_field_names"];
const MAPS: [&str; 4] = ["config", "metadata", "secrets", "grid"];
const NUMBERS: [&str; 4] = ["id", "token_lifetime_s", "min_occurrences", "max_occurrences"];
const FLAGS: [&str; 8] = [
    "active",
    "hidden",
    "disable_prediction",
    "can_export",
    "can_collapse",
    "stretch",
    "show_grid_by_default",
    "synchronized_from_template",
];
const ANY: [&str; 14] = [
    "schema",
    "secrets_schema",
    "settings_schema",
    "test",
    "condition",
    "multivalue_child_id",
    "prompt",
    "context",
    "matching",
    "memory",
    "default_value",
    "score_threshold",
    "width",
    "width_chars",
];

/// A value of the kind that Rossum has under a key, which is another than the one that it gives by itself.
fn right(key: &str) -> Value {
    match key {
        "events" => json!(["annotation_content.export", "email"]),
        "sideload" => json!(["schemas"]),
        _ if LISTS.contains(&key) => json!(["x"]),
        _ if MAPS.contains(&key) => json!({"a": "x"}),
        _ if NUMBERS.contains(&key) => json!(7),
        "active" | "condition" => json!(false),
        _ if FLAGS.contains(&key) => json!(true),
        _ => json!("x"),
    }
}

#[test]
fn a_value_that_rossum_does_not_have_there_is_told_where_annex_does_not_use_it() {
    for Place { heading, step, file, plain } in places() {
        for (key, fate) in page(heading).into_iter().filter(|(_, fate)| fate != "used") {
            if ANY.contains(&&*key) || (heading, &*key) == ("Rule action", "id") {
                continue;
            }
            let mut object = plain.as_object().unwrap().clone();
            object.insert(key.clone(), json!([5]));
            let (is_well, text) = checked(step, "o.json", &file(object));
            let is_told =
                text.contains(&format!("`{key}` is a list")) || text.contains("has the number 5 in it");
            assert!(is_told && text.contains("annex.toml:"), "{heading} {key}: {text}");
            assert_eq!(is_well, fate == "describes" || fate == "refused", "{heading} {key} ({fate}): {text}");
        }
    }
}

#[test]
fn words_of_a_hook_that_rossum_does_not_know_are_told_with_their_line() {
    let step = "use = \"business_rules\"\nfile = \"o.json\"";
    let of = |events: &str, sideload: &str| {
        let checks = "{\"checks\": [{\"rule\": \"{a} > 5\", \"message\": \"M\"}]}";
        let text =
            format!("{{\n\"settings\": {checks},\n\"events\": [\n{events}],\n\"sideload\": [{sideload}]}}");
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("o.json"), &text);
        write(&folder.path().join("s"), "0123456789abcdef0123456789abcdef");
        let config = format!("[[hook]]\npath = \"/x\"\nsecrets = [\"file:s\"]\n[[hook.step]]\n{step}\n");
        write(&folder.path().join("annex.toml"), &config);
        let mut command = annex_command();
        command.current_dir(folder.path()).args(["check", "--dev-http", "--config", "annex.toml"]);
        let done = command.output().unwrap();
        let all = [done.stdout, done.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        (done.status.success(), all)
    };
    for (events, sideload, says) in [
        ("\"anotation_content\"", "", "did you mean `annotation_content`?"),
        (
            "\"email\", \"annotation_content.initalize\"",
            "",
            "o.json:3: `events`: Rossum knows no `annotation_content.initalize`",
        ),
        ("\"annotation_content\"", "\"schema\"", "did you mean `schemas`?"),
    ] {
        let (is_well, text) = of(events, sideload);
        assert!(!is_well && text.contains(says) && text.contains("annex.toml:6"), "{events}: {text}");
    }
    let (is_well, text) = of("\"billing.closed\"", "");
    let note = "note: annex.toml:6: o.json:3: `events`: Rossum knows no `billing.closed` that it documents";
    assert!(is_well && text.contains(note), "{text}");
    let (is_well, text) =
        of("\"annotation_content.export\", \"annotation_status\"", "\"schemas\", \"queues\"");
    assert!(is_well && !text.contains("note: "), "{text}");
}

#[test]
fn a_page_of_rules_that_has_a_next_one_is_refused() {
    let rule = json!({"name": "N", "trigger_condition": "True", "actions": [{"type": "show_message", "payload": {"type": "info", "content": "x"}}]});
    let page =
        |next: Value| json!({"pagination": {"total": 2, "next": next, "previous": null}, "results": [rule]});
    let step = "use = \"rules\"\nfile = \"o.json\"";
    let (is_well, text) = checked(step, "o.json", &page(json!(null)));
    assert!(is_well && !text.contains("note:"), "{text}");
    let (is_well, text) = checked(step, "o.json", &page(json!("https://elis.rossum.ai/api/v1/rules?page=2")));
    assert!(!is_well && text.contains("one page of several") && text.contains("annex rule list"), "{text}");
    // With queues of its own a rule needs no schema to say where it acts.
    let mut rule = rule.clone();
    rule["schema"] = json!("https://elis.rossum.ai/api/v1/schemas/7");
    assert!(checked(step, "o.json", &json!([rule])).1.contains("`schema`"));
    rule["queues"] = json!(["https://elis.rossum.ai/api/v1/queues/8199"]);
    assert!(!checked(step, "o.json", &json!([rule])).1.contains("note:"));
}
