//! Every key of annex.toml in words: a JSON schema for editors, and from it a page, or one key at a time.

use std::fmt::Write as _;

use serde_json::Value;

use crate::shown::Lines;
use crate::steps::nearest::nearest;

/// Every key with what it means, as a JSON schema.
pub const SCHEMA: &str = include_str!("../../config/annex.schema.json");

/// What stands before the tables of the page.
const HEAD: &str = "# Every key of annex.toml

This page lists every key of annex.toml. `annex config reference` writes it. `annex config explain KEY` explains one key:
`annex config explain server.acme.retry`, `annex config explain checks.tolerance`.

**Bold** keys are required. Durations: `30s`, `5m`, `1h`, `1d`. Sizes: `20MB`, `512KiB`. Never write a secret into the file:
write `credential:NAME` (systemd), `file:PATH` or `env:NAME`. Paths are relative to the folder of annex.toml.
";

/// One table of annex.toml, with its own keys.
struct Table {
    /// As the file writes it: `[server.acme]`, `[[hook.step]]`.
    heading: String,
    /// As a person asks for it: `server.acme`, `checks.check`.
    path: String,
    /// As TOML has it: `server.acme`, `hook.step.check`.
    place: String,
    about: String,
    keys: Vec<Key>,
}

struct Key {
    name: String,
    is_required: bool,
    value: String,
    default: Option<String>,
    about: String,
}

/// A key that annex.toml does not have.
#[derive(Debug, thiserror::Error)]
#[error("there is no key `{name}`")]
pub struct UnknownKey {
    pub name: String,
    /// Where such a key is, or the one that is written nearly so.
    pub hint: String,
}

/// The whole page, as Markdown.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    for table in tables() {
        let heading = table.heading.replacen("]] use = ", "]]` with `use = ", 1).replacen(
            "] use = ",
            "]` with `use = ",
            1,
        );
        let _ = write!(page, "\n## `{heading}`\n\n"); // writing to a String cannot fail
        if !table.about.is_empty() {
            let _ = writeln!(page, "{}\n", table.about);
        }
        page.push_str("| key | value | default | what |\n|---|---|---|---|\n");
        for key in &table.keys {
            let name =
                if key.is_required { format!("**`{}`**", key.name) } else { format!("`{}`", key.name) };
            let default = key.default.as_ref().map(|default| format!("`{default}`")).unwrap_or_default();
            let cells = [&name, &key.value, &default, &key.about]
                .map(|cell| cell.replace('|', "\\|").replace('<', "&lt;"));
            let _ = writeln!(page, "| {} |", cells.join(" | "));
        }
    }
    page
}

/// What one key or table is.
///
/// # Errors
///
/// Where there is no such key.
pub fn explain(wanted: &str) -> Result<Lines, UnknownKey> {
    let tables = tables();
    let wanted = wanted.trim_matches(['[', ']']);
    let mut lines = Lines::default();
    for table in &tables {
        let is_it = |key: Option<&Key>| {
            [&table.path, &table.place].iter().any(|path| match key {
                Some(key) => {
                    wanted.strip_prefix(path.as_str()).and_then(|rest| rest.strip_prefix('.'))
                        == Some(&key.name)
                }
                None => wanted == path.as_str(),
            })
        };
        if is_it(None) {
            lines.add(format_args!("{}  {}", table.heading, table.about));
            for key in &table.keys {
                lines.add(format_args!("  {:<20} {}", key.name, key.about));
            }
        }
        for key in table.keys.iter().filter(|key| is_it(Some(key))) {
            lines.add(format_args!("{}  in {}", key.name, table.heading));
            lines.add(format_args!("  {}", key.about));
            lines.add(format_args!("  value: {}", key.value.replace('`', "")));
            if let Some(default) = &key.default {
                lines.add(format_args!("  default: {default}"));
            }
            if key.is_required {
                lines.add("  it is required");
            }
        }
    }
    if lines != Lines::default() {
        return Ok(lines);
    }
    // The last part of a path is what a person remembers.
    let all = || tables.iter().flat_map(|table| table.keys.iter().map(move |key| (table, key)));
    let last = wanted.rsplit('.').next().unwrap_or(wanted);
    let mut same: Vec<String> = all()
        .filter(|(_, key)| key.name == last)
        .map(|(t, key)| format!("{}.{}", t.path, key.name))
        .collect();
    same.extend(
        tables.iter().filter(|table| table.path.rsplit('.').next() == Some(last)).map(|t| t.path.clone()),
    );
    same.dedup();
    let hint = if same.is_empty() {
        let names =
            all().map(|(_, key)| key.name.as_str()).chain(tables.iter().map(|table| table.path.as_str()));
        nearest(last, names).map_or_else(
            || "`annex config reference` lists all keys".to_owned(),
            |near| format!("did you mean `{near}`?"),
        )
    } else {
        format!("it is a key at: {}", same.join(", "))
    };
    Err(UnknownKey { name: wanted.to_owned(), hint })
}

fn tables() -> Vec<Table> {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap_or_default(); // a test reads it
    let mut found = Vec::new();
    for (name, node) in properties(&schema) {
        walk(node, (name, ""), name, &mut found);
    }
    found
}

/// The table that a node is, and the tables below it.
fn walk(node: &Value, (heading, of): (&str, &str), path: &str, found: &mut Vec<Table>) {
    let (rows, is_list) = (&node["items"], node["type"] == "array");
    let table = if is_list { rows } else { node };
    let (open, close) = if is_list { ("[[", "]]") } else { ("[", "]") };
    if let Some(kinds) = table["oneOf"].as_array() {
        for kind in kinds {
            let word = kind["properties"]["use"]["const"].as_str().unwrap_or_default();
            let heading = format!("{open}{heading}{close} use = \"{word}\"");
            put(kind, heading, word, found);
        }
        return;
    }
    put(table, format!("{open}{heading}{close}{of}"), path, found);
}

fn put(table: &Value, heading: String, path: &str, found: &mut Vec<Table>) {
    let required = |name: &str| {
        table["required"].as_array().is_some_and(|names| names.iter().any(|known| known == name))
    };
    let (tables, keys): (Vec<_>, Vec<_>) = properties(table).partition(|(_, node)| is_table(node));
    let keys = keys
        .into_iter()
        .filter(|(name, _)| *name != "use")
        .map(|(name, node)| Key {
            name: name.clone(),
            is_required: required(name),
            value: value(node),
            default: node.get("default").map(|default| match default {
                Value::String(text) => format!("\"{text}\""),
                other => other.to_string(),
            }),
            about: text(node),
        })
        .collect();
    let (inner, of) = heading.split_once(" use = ").unwrap_or((&heading, ""));
    let inner = inner.trim_matches(['[', ']']).to_owned();
    let of = if of.is_empty() { String::new() } else { format!(" use = {of}") };
    let place = inner.clone();
    found.push(Table { heading, path: path.to_owned(), place, about: text(table), keys });
    for (name, node) in tables {
        walk(node, (&format!("{inner}.{name}"), &of), &format!("{path}.{name}"), found);
    }
}

/// Whether it has keys of its own that stand under a heading.
fn is_table(node: &Value) -> bool {
    let table = if node["type"] == "array" { &node["items"] } else { node };
    table.get("properties").is_some() || table.get("oneOf").is_some()
}

fn properties(node: &Value) -> impl Iterator<Item = (&String, &Value)> {
    node["properties"].as_object().into_iter().flatten()
}

fn text(node: &Value) -> String {
    node["description"].as_str().unwrap_or_default().to_owned()
}

/// What may stand behind the equals sign.
fn value(node: &Value) -> String {
    if let Some(words) = node["enum"].as_array() {
        let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
        return words.join(", ");
    }
    if let Some(word) = node.get("const") {
        return format!("`{word}`");
    }
    let kinds: Vec<&str> = match &node["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return "any".to_owned(),
    };
    let words: Vec<String> = kinds.iter().map(|kind| word(kind, node)).collect();
    words.join(" or ")
}

fn word(kind: &str, node: &Value) -> String {
    let number = |key: &str| node.get(key).map(ToString::to_string);
    match kind {
        "string" => "text".to_owned(),
        "boolean" => "true or false".to_owned(),
        "integer" | "number" => {
            let name = if kind == "integer" { "whole number" } else { "number" };
            match (number("minimum"), number("maximum")) {
                (Some(least), Some(most)) => format!("{name}, {least} to {most}"),
                (Some(least), None) => format!("{name}, at least {least}"),
                (None, Some(most)) => format!("{name}, at most {most}"),
                (None, None) => name.to_owned(),
            }
        }
        "array" => format!("list of {}", plural(&node["items"])),
        "object" => match &node["additionalProperties"] {
            inner @ Value::Object(_) => format!("table of {}", plural(inner)),
            _ => "table".to_owned(),
        },
        other => other.to_owned(),
    }
}

fn plural(node: &Value) -> String {
    match node["type"].as_str() {
        Some("string") => "texts".to_owned(),
        Some("integer" | "number") => "numbers".to_owned(),
        Some("object") => "tables".to_owned(),
        Some("array") => "lists".to_owned(),
        _ if node.get("enum").is_some() => value(node),
        _ => "values".to_owned(),
    }
}
