//! The reference of annex.toml: the page in docs/ is what the binary prints, and one key at a time is explained.

use crate::support::annex_command;

fn config(arguments: &[&str]) -> (bool, String) {
    let output = annex_command().arg("config").args(arguments).output().unwrap();
    (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

#[test]
fn the_page_says_every_key_that_the_schema_knows_as_the_binary_prints_it() {
    let (is_good, printed) = config(&["reference"]);
    assert!(is_good, "{printed}");
    let page = std::fs::read_to_string("docs/reference.md").unwrap();
    assert!(page == printed, "docs/reference.md is old: `annex config reference > docs/reference.md`");
    let schema: serde_json::Value = serde_json::from_str(&config(&["schema"]).1).unwrap();
    let mut keys = Vec::new();
    names(&schema, &mut keys);
    assert!(keys.len() > 150, "{}", keys.len());
    for key in keys {
        let (row, table) = (format!("`{key}`"), format!("{key}]"));
        assert!(page.contains(&row) || page.contains(&table), "{key} is not in the page");
    }
    for line in page.lines().filter(|line| line.starts_with("| ")) {
        let about = line.trim_end_matches('|').rsplit(" | ").next().unwrap().trim();
        assert!(!about.is_empty(), "nothing is said of {line}");
    }
}

/// Every key, however deep.
fn names(node: &serde_json::Value, keys: &mut Vec<String>) {
    match node {
        serde_json::Value::Object(object) => {
            if let Some(properties) = object.get("properties").and_then(serde_json::Value::as_object) {
                keys.extend(properties.keys().filter(|key| *key != "use").cloned());
            }
            object.values().for_each(|value| names(value, keys));
        }
        serde_json::Value::Array(list) => list.iter().for_each(|value| names(value, keys)),
        _ => {}
    }
}

#[test]
fn one_key_is_explained_and_one_that_is_not_there_has_its_place() {
    let (is_good, said) = config(&["explain", "server.acme.order_timeout"]);
    assert!(is_good && said.contains("[server.acme]") && said.contains("default: \"5m\""), "{said}");
    let (is_good, said) = config(&["explain", "[hook]"]);
    assert!(is_good && said.contains("secrets ") && said.contains("max_in_flight "), "{said}");
    let (is_good, said) = config(&["explain", "checks.check"]);
    assert!(is_good && said.contains("column_sum "), "{said}");
    // As TOML has it, a key of several steps is said for each.
    let (is_good, said) = config(&["explain", "hook.step.check.column_sum"]);
    assert!(is_good && said.contains("column_sum  in [[hook.step.check]]"), "{said}");
    let (is_good, said) = config(&["explain", "hook.step.on_error"]);
    assert!(is_good && said.matches("on_error  in ").count() > 5, "{said}");
    let (is_good, said) = config(&["explain", "max_in_flight"]);
    assert!(!is_good && said.contains("it is a key at: hook.max_in_flight"), "{said}");
    let (is_good, said) = config(&["explain", "checks.tolerence"]);
    assert!(!is_good && said.contains("did you mean `tolerance`?"), "{said}");
}
