//! `shape = "json"`: the fields by their schema ids, tables as lists of objects.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::super::view::View;
use super::Unfit;

#[derive(Debug, Default)]
pub struct Json {
    /// Fields whose values are written as numbers, exactly as they stand. All others are texts.
    pub numbers: Vec<String>,
}

impl Json {
    /// # Errors
    /// Where a field that is to be a number holds something else: what the other system would get for it is not known.
    pub(super) fn make(&self, view: &View) -> Result<String, Unfit> {
        let mut whole = Map::with_capacity(view.field.len() + 1);
        whole.insert("annotation_id".to_owned(), Value::String(view.annotation_id.clone()));
        whole.extend(view.field.iter().map(|(name, value)| (name.clone(), value.clone())));
        let mut out = String::new();
        let mut odd = Vec::new();
        self.write(&mut out, "", &Value::Object(whole), view, &mut odd);
        if odd.is_empty() {
            return Ok(out);
        }
        let told: Vec<String> = odd.iter().map(|(id, text)| format!("{id}: `{text}`")).collect();
        let text = format!("`numbers` names fields that hold no number as JSON has it ({})", told.join(", "));
        Err(Unfit::new("JSON", text, odd.into_iter().map(|(id, _)| id).collect()))
    }

    /// The values of a multivalue may be named by their own schema id too.
    fn is_number(&self, name: &str, view: &View) -> bool {
        let is_in = |number: &String| view.lists.get(number).is_some_and(|list| list == name);
        self.numbers.iter().any(|number| number == name || is_in(number))
    }

    fn write(
        &self,
        out: &mut String,
        name: &str,
        value: &Value,
        view: &View,
        odd: &mut Vec<(String, String)>,
    ) {
        match value {
            Value::Object(fields) => {
                out.push('{');
                for (at, (name, value)) in fields.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    out.push_str(&Value::from(name.as_str()).to_string());
                    out.push(':');
                    self.write(out, name, value, view, odd);
                }
                out.push('}');
            }
            Value::Array(list) => {
                out.push('[');
                for (at, value) in list.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    self.write(out, name, value, view, odd);
                }
                out.push(']');
            }
            Value::String(text) if self.is_number(name, view) => {
                let number = number(text);
                if number.is_none() && !text.trim().is_empty() && !odd.iter().any(|(id, _)| id == name) {
                    odd.push((name.to_owned(), text.clone()));
                }
                out.push_str(number.as_deref().unwrap_or("null"));
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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn made(value: &str) -> Result<String, Unfit> {
        let field = Map::from_iter([("amount".to_owned(), Value::from(value))]);
        let view = View {
            field,
            line_items: Vec::new(),
            annotation_id: "7".to_owned(),
            labels: HashMap::new(),
            lists: HashMap::new(),
            payload: Value::Null.into(),
            original: None,
        };
        Json { numbers: vec!["amount".to_owned()] }.make(&view)
    }

    #[test]
    fn a_value_that_is_no_number_is_refused_and_never_null() {
        for (value, written) in
            [("1.50", "1.50"), (" -3 ", "-3"), ("1e5", "1e5"), ("", "null"), ("  ", "null")]
        {
            assert_eq!(
                made(value).unwrap(),
                format!(r#"{{"annotation_id":"7","amount":{written}}}"#),
                "{value}"
            );
        }
        for value in ["ACME", "2026-11-27", "00123", "+5", "NaN", "1,50"] {
            let refused = made(value).unwrap_err();
            assert!(refused.to_string().contains(&format!("amount: `{value}`")), "{refused}");
            assert!(!refused.cause().contains(value), "the log quotes no data: {}", refused.cause());
        }
    }
}
