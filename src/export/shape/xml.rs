//! `shape = "xml"`: elements named after schema ids, tables as elements with a `row` for each row.

use serde_json::{Map, Value};

use super::super::view::View;
use super::elements::Elements;

#[derive(Debug)]
pub struct Xml {
    /// The outermost element.
    pub root: String,
}

impl Xml {
    pub(super) fn make(&self, view: &View) -> String {
        let id = [("annotation_id", &*view.annotation_id)];
        Elements::document(&name(&self.root), &id, |out| fields(out, &view.field))
    }
}

fn fields(out: &mut Elements, fields: &Map<String, Value>) {
    for (id, value) in fields {
        element(out, &name(id), value);
    }
}

fn element(out: &mut Elements, name: &str, value: &Value) {
    match value {
        Value::Array(list) => out.group(name, |out| {
            for value in list {
                element(out, if value.is_object() { "row" } else { "value" }, value);
            }
        }),
        Value::Object(row) => out.group(name, |out| fields(out, row)),
        value => out.text(name, &[], value.as_str().unwrap_or_default()),
    }
}

/// A schema id as an element's name.
fn name(id: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let mut name: String = id.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        name.insert(0, '_');
    }
    name
}
