//! How far a run is: all of it can be kept and taken up again. It holds no token and no secret.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use crate::neighbour::{self, Digits};
use crate::trees::Tree;

use super::scope::{MARK, words};

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub annotation: String,
    /// The delivery, as far as the settings read it.
    pub payload: Tree,
    /// Fields by their schema ids: [`cell`]s, rows of tables, values of simple multivalues.
    pub fields: Map<String, Json>,
    pub(super) property: Map<String, Json>,
    pub(super) stage: usize,
    /// Whether the stage's conditions held and its content was gathered.
    pub(super) is_entered: bool,
    pub(super) call: usize,
    /// What the call is repeated for, and which of them is next.
    pub(super) items: Option<Vec<Json>>,
    pub(super) item: usize,
    /// Calls that were made.
    pub(super) sent: usize,
    /// What answers gave to fields, in order.
    pub(super) writes: Vec<(String, String)>,
    /// Answers that are to become documents of the annotation, in Rossum.
    pub(super) uploads: Vec<Upload>,
    /// What went wrong without ending the run, for people.
    pub problems: Vec<String>,
    /// Fields that answers were written to, and that the document does not have.
    pub unknown_fields: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Upload {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) text: String,
}

/// What a field is to a JSON document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Number,
    Boolean,
}

impl State {
    /// Calls that were made.
    pub fn sent(&self) -> usize {
        self.sent
    }
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }

    fn of(word: Option<&Json>) -> Self {
        match word.and_then(Json::as_str) {
            Some("number") => Self::Number,
            Some("boolean") => Self::Boolean,
            _ => Self::Text,
        }
    }

    fn typed(self, text: &str) -> Json {
        let text = text.trim();
        match self {
            Self::Text => Json::String(text.to_owned()),
            Self::Number => {
                // A number that would be another one stays the text that it is.
                let number = neighbour::json(text.as_bytes(), Digits::AsValued).ok();
                let number =
                    number.filter(|json| json.is_number() || json.is_string() && !text.starts_with('"'));
                number.or_else(|| text.parse::<f64>().ok().map(Json::from)).unwrap_or_default()
            }
            Self::Boolean => matches!(text, "true" | "True" | "1").into(),
        }
    }
}

/// A field's value, as placeholders see it. `normalized` is Rossum's form of it, where it has one.
pub fn cell(id: &str, schema_id: &str, value: &str, normalized: Option<&str>, kind: Kind) -> Json {
    let typed = match (kind, normalized) {
        (Kind::Text, _) => Json::String(value.to_owned()),
        (kind, normalized) => kind.typed(normalized.unwrap_or(value)),
    };
    json!({MARK: "cell", "id": id, "schema_id": schema_id, "value": value, "typed": typed, "type": kind.word()})
}

/// Whether it is one of the values of a field that has several.
fn is_value_of(value: &Json, field: &str) -> bool {
    value.get("schema_id").is_some_and(|id| id == field)
}

/// A row of a table.
pub fn row(mut cells: Map<String, Json>) -> Json {
    cells.insert(MARK.to_owned(), "row".into());
    Json::Object(cells)
}

impl State {
    pub fn new(annotation: String, payload: Tree, fields: Map<String, Json>) -> Self {
        Self {
            annotation,
            payload,
            fields,
            property: Map::new(),
            stage: 0,
            is_entered: false,
            call: 0,
            items: None,
            item: 0,
            sent: 0,
            writes: Vec::new(),
            uploads: Vec::new(),
            problems: Vec::new(),
            unknown_fields: Vec::new(),
        }
    }

    /// The number of the call that is next: it makes the call's idempotency key.
    pub fn number(&self) -> usize {
        self.sent
    }

    pub(super) fn write(&mut self, field: &str, value: &Json) {
        let text = words(value);
        let own = if self.fields.contains_key(field) {
            self.fields.get_mut(field)
        } else {
            // Of a field with several values the first.
            let mut firsts = self.fields.values_mut().filter_map(|list| list.as_array_mut()?.first_mut());
            firsts.find(|value| is_value_of(value, field))
        };
        let Some(cell) = own.and_then(Json::as_object_mut).filter(|cell| cell.contains_key(MARK)) else {
            if !self.unknown_fields.iter().any(|one| one == field) {
                self.unknown_fields.push(field.to_owned());
            }
            return;
        };
        let typed = Kind::of(cell.get("type")).typed(&text);
        cell.insert("typed".to_owned(), typed);
        cell.insert("value".to_owned(), text.clone().into());
        self.writes.push((field.to_owned(), text));
    }

    /// Empties a field, where the document has it and no answer filled it.
    pub fn clear(&mut self, field: &str) {
        if self.datapoint(field).is_some() && self.writes.iter().all(|(known, _)| known != field) {
            self.writes.push((field.to_owned(), String::new()));
        }
    }

    /// What each field gets; several values of one field as a JSON list.
    pub fn written(&self) -> Vec<(String, String)> {
        let mut all: Vec<(String, Vec<&str>)> = Vec::new();
        for (field, value) in &self.writes {
            match all.iter_mut().find(|(known, _)| known == field) {
                Some((_, values)) => values.push(value),
                None => all.push((field.clone(), vec![value])),
            }
        }
        let one = |values: Vec<&str>| match *values {
            [one] => one.to_owned(),
            _ => json!(values).to_string(),
        };
        all.into_iter().map(|(field, values)| (field, one(values))).collect()
    }

    /// The datapoint of a header field, the first where it has several values.
    pub fn datapoint(&self, field: &str) -> Option<&str> {
        let mut firsts = self.fields.values().filter_map(|list| list.as_array()?.first());
        let own = self.fields.get(field).or_else(|| firsts.find(|value| is_value_of(value, field)));
        own?.get("id")?.as_str()
    }

    /// The call, or the item of it, is done with.
    pub(super) fn advance(&mut self) {
        self.sent += 1;
        self.item += 1;
        if self.items.as_ref().is_none_or(|items| self.item >= items.len()) {
            self.leave_call();
        }
    }

    pub(super) fn leave_call(&mut self) {
        self.call += 1;
        self.items = None;
        self.item = 0;
    }

    pub(super) fn leave_stage(&mut self) {
        self.stage += 1;
        self.is_entered = false;
        self.call = 0;
        self.items = None;
        self.item = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_values_of_a_field_become_a_list_and_unknown_fields_are_noted() {
        let mut fields = Map::new();
        fields.insert("status".to_owned(), cell("7", "status", "", None, Kind::Text));
        fields.insert("count".to_owned(), cell("8", "count", "1", Some("1"), Kind::Number));
        let mut state = State::new("1".to_owned(), Tree::default(), fields);
        state.write("status", &json!(200));
        assert_eq!(state.written(), [("status".to_owned(), "200".to_owned())]);
        assert_eq!(state.fields["status"]["typed"], json!("200"));
        state.write("status", &json!("a\"b"));
        state.write("count", &json!("5"));
        assert_eq!(state.fields["count"]["typed"], json!(5));
        assert_eq!(state.written()[0].1, r#"["200","a\"b"]"#);
        state.write("count", &json!("12345678901234567890123"));
        assert_eq!(state.fields["count"]["typed"], json!("12345678901234567890123"));
        state.write("count", &json!("1.50"));
        assert_eq!(state.fields["count"]["typed"], json!(1.5));
        state.write("nowhere", &json!(1));
        state.write("nowhere", &json!(1));
        assert_eq!(state.unknown_fields, ["nowhere"]);
        assert_eq!(state.datapoint("count"), Some("8"));
    }
}
