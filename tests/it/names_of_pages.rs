//! Names in the examples: the fields of the pages are those of the sample's schema, or stand in a short list of the page's own.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use toml::de::{DeTable, DeValue};

use crate::readme::{blocks, pages, whole};

/// Fields that a page needs and the sample's schema does not have, and what the page's messages may name beside fields.
const OWN: [(&str, &[&str]); 3] = [
    ("match.md", &["name"]),
    ("rules.md", &["amount_due"]),
    ("steps.md", &["document_id", "currency", "iban", "iban_normalized"]),
];
/// What a message may name beside fields.
const RESULTS: [&str; 5] = ["calculated", "days", "difference", "label", "score"];
/// Keys of a step or check that name one field or several.
const KEYS: [&str; 8] =
    ["field", "sum", "equals", "column_sum", "product", "days_between", "required", "percent"];

fn ids(node: &Value, all: &mut BTreeSet<String>) {
    match node {
        Value::Array(list) => list.iter().for_each(|one| ids(one, all)),
        Value::Object(object) => {
            all.extend(object.get("id").and_then(Value::as_str).map(str::to_owned));
            object.values().for_each(|one| ids(one, all));
        }
        _ => {}
    }
}

/// The names of fields in a value, which is a text or a list of texts.
fn texts<'v>(value: &'v DeValue<'_>) -> Vec<&'v str> {
    match value {
        DeValue::String(text) => vec![text],
        DeValue::Array(list) => list.iter().flat_map(|one| texts(one.get_ref())).collect(),
        _ => Vec::new(),
    }
}

/// Fields that a table names: by its keys, and in braces in its messages.
fn named(table: &DeTable<'_>, all: &mut Vec<String>) {
    for (key, value) in table {
        let (key, value): (&str, _) = (key.get_ref(), value.get_ref());
        if KEYS.contains(&key) {
            all.extend(texts(value).into_iter().map(str::to_owned));
        }
        if key == "message" {
            let pieces = texts(value).into_iter().flat_map(|text| text.split('{').skip(1));
            all.extend(pieces.filter_map(|piece| piece.split(['}', ' ']).next()).map(str::to_owned));
        }
        below(value, all);
    }
}

fn below(value: &DeValue<'_>, all: &mut Vec<String>) {
    match value {
        DeValue::Table(table) => named(table, all),
        DeValue::Array(list) => list.iter().for_each(|one| below(one.get_ref(), all)),
        _ => {}
    }
}

#[test]
fn fields_of_the_pages_are_those_of_the_sample() {
    let schema = std::fs::read_to_string("config/example_schema.json").unwrap();
    let mut known = BTreeSet::new();
    ids(&serde_json::from_str(&schema).unwrap(), &mut known);
    assert!(known.contains("amount_total") && known.contains("item_quantity"));
    let (mut unknown, mut count) = (Vec::new(), 0);
    for (page, text) in pages() {
        let name = page.file_name().and_then(|name| name.to_str()).unwrap().to_owned();
        let own = OWN.iter().find(|(page, _)| *page == name).map_or(&[][..], |(_, fields)| *fields);
        for block in blocks(&text, "toml") {
            let mut fields = Vec::new();
            let config = whole(block);
            named(DeTable::parse(&config).unwrap().get_ref(), &mut fields);
            count += fields.len();
            let is_known =
                |field: &str| known.contains(field) || own.contains(&field) || RESULTS.contains(&field);
            let these = fields.iter().filter(|field| !is_known(field));
            unknown.extend(these.map(|field| format!("{name}: {field}")));
        }
    }
    assert!(count > 30, "{count}");
    assert!(unknown.is_empty(), "no field of the sample's schema: {unknown:?}");
    for (page, _) in OWN {
        assert!(Path::new("docs").join(page).exists(), "{page}");
    }
}
