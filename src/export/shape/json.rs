//! `shape = "json"`: the fields by their schema ids, tables as lists of objects.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::super::view::View;

#[derive(Debug, Default)]
pub struct Json {
    /// Fields whose values are written as numbers, exactly as they stand. All others are texts.
    pub numbers: Vec<String>,
}

impl Json {
    pub(super) fn make(&self, view: &View) -> String {
        let mut whole = Map::with_capacity(view.field.len() + 1);
        whole.insert("annotation_id".to_owned(), Value::String(view.annotation_id.clone()));
        whole.extend(view.field.iter().map(|(name, value)| (name.clone(), value.clone())));
        let mut out = String::new();
        self.write(&mut out, "", &Value::Object(whole), view);
        out
    }

    /// The values of a multivalue may be named by their own schema id too.
    fn is_number(&self, name: &str, view: &View) -> bool {
        let is_in = |number: &String| view.lists.get(number).is_some_and(|list| list == name);
        self.numbers.iter().any(|number| number == name || is_in(number))
    }

    fn write(&self, out: &mut String, name: &str, value: &Value, view: &View) {
        match value {
            Value::Object(fields) => {
                out.push('{');
                for (at, (name, value)) in fields.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    out.push_str(&Value::from(name.as_str()).to_string());
                    out.push(':');
                    self.write(out, name, value, view);
                }
                out.push('}');
            }
            Value::Array(list) => {
                out.push('[');
                for (at, value) in list.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    self.write(out, name, value, view);
                }
                out.push(']');
            }
            Value::String(text) if self.is_number(name, view) => {
                out.push_str(number(text).as_deref().unwrap_or("null"));
            }
            other => out.push_str(&other.to_string()),
        }
    }
}

/// A number as JSON writes it, digit for digit; `None` where the field is empty or holds something else.
fn number(text: &str) -> Option<String> {
    let text = text.trim();
    let is_number = text.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    (is_number && serde_json::from_str::<Box<RawValue>>(text).is_ok()).then(|| text.to_owned())
}
