//! A delivery that Rossum could send: of a schema's own fields, or the invoice that `annex send` has.

use serde_json::{Map, Value as Json, json};

use crate::rossum::{Category, Event};
use crate::txscript::{FieldType, Schema};

/// An invoice that the sample hooks have something to say to.
pub const INVOICE: &str = include_str!("../../config/sample_delivery.json");
/// Rows of each table.
const ROWS: usize = 2;

/// The body of a sample.
pub fn delivery(event: &Event<'_>, schema: Option<&Schema>, request_id: &str) -> Vec<u8> {
    let mut all: Map<String, Json> = serde_json::from_str(INVOICE).unwrap_or_default();
    all.insert("request_id".to_owned(), request_id.into());
    all.insert("event".to_owned(), (*event.event).into());
    all.insert("action".to_owned(), (*event.action).into());
    let content = schema.map(|schema| Made { schema, last: 1000 }.content());
    let annotation = all.get_mut("annotation").and_then(Json::as_object_mut);
    if let (Some(content), Some(annotation)) = (content, annotation) {
        annotation.insert("content".to_owned(), content.into());
    }
    Json::Object(all).to_string().into_bytes()
}

struct Made<'s> {
    schema: &'s Schema,
    /// The last id that was given.
    last: u64,
}

impl Made<'_> {
    fn content(mut self) -> Vec<Json> {
        let schema = self.schema;
        schema.ids().filter(|id| schema.parent_of(id).is_none()).map(|id| self.node(id, 0)).collect()
    }

    fn node(&mut self, id: &str, row: usize) -> Json {
        self.last += 1;
        let (own, schema) = (self.last, self.schema);
        let within = |parent: &str| -> Vec<&str> {
            schema.ids().filter(|one| schema.parent_of(one) == Some(parent)).collect()
        };
        let (category, children) = match schema.category_of(id) {
            Some(Category::Multivalue) => {
                let rows = (0..ROWS).flat_map(|row| within(id).into_iter().map(move |child| (child, row)));
                ("multivalue", rows.map(|(child, row)| self.node(child, row)).collect::<Vec<_>>())
            }
            Some(category @ (Category::Section | Category::Tuple)) => {
                let name = if category == Category::Section { "section" } else { "tuple" };
                (name, within(id).into_iter().map(|child| self.node(child, row)).collect())
            }
            _ => {
                let value = self.value(id, row);
                let content = json!({"value": value, "normalized_value": value, "page": 1});
                return json!({"id": own, "schema_id": id, "category": "datapoint", "content": content, "validation_sources": []});
            }
        };
        json!({"id": own, "schema_id": id, "category": category, "children": children})
    }

    /// Totals add up where they have their usual names.
    fn value(&self, id: &str, row: usize) -> String {
        let mut options = self.schema.options_of(id).into_iter().flatten().filter(|value| !value.is_empty());
        if let Some(option) = options.next() {
            return option;
        }
        let value = match (self.schema.kind_of(id), id) {
            (_, _) if self.schema.is_button(id) => String::new(),
            (Some(FieldType::Number), "amount_total") => "121".to_owned(),
            (Some(FieldType::Number), "amount_total_base") => "100".to_owned(),
            (Some(FieldType::Number), "amount_total_tax") => "21".to_owned(),
            (Some(FieldType::Number), _) => (10 * (row + 1)).to_string(),
            (Some(FieldType::Date), id) if id.contains("due") => "2026-02-14".to_owned(),
            (Some(FieldType::Date), _) => "2026-01-15".to_owned(),
            (Some(FieldType::Boolean), _) => "true".to_owned(),
            (Some(FieldType::Nothing), _) => String::new(),
            _ => {
                let label =
                    self.schema.labels().find(|(field, _)| *field == id).map_or(id, |(_, label)| label);
                format!("{label} {}", row + 1)
            }
        };
        let longest = self.schema.longest(id).unwrap_or(usize::MAX);
        value.chars().take(longest).collect()
    }
}
