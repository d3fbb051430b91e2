//! `use = "match"` with `queries`: a dataset instead of a list.

use std::time::Duration;

use crate::rossum::{MessageType, Value};
use crate::steps::Step;
use crate::steps::lookup::{Lookup, Outcome};
use crate::steps::matching::option;
use crate::store::Query;

use super::super::document::Section;
use super::matching::{DEFAULT_NONE, run, value};
use super::{MESSAGE_TYPES, template};

/// Options that a person can still look through.
const MOST: usize = 50;
const TIME: Duration = Duration::from_secs(2);

pub(super) fn read(section: &Section<'_>) -> Option<Box<dyn Step>> {
    let target = section.required_text("target", "\"vendor\"").map(|target| target.into_inner().to_owned());
    let queries: Vec<Query> = section
        .texts("queries")
        .unwrap_or_default()
        .into_iter()
        .filter_map(|text| match Query::parse(text.get_ref()) {
            Ok(query) => Some(query),
            Err(error) => {
                let hint = "SELECT id, name FROM vendors WHERE vat_id = :sender_vat_id";
                section.document().note(text.span(), format!("this is no query: {error}"), Some(hint));
                None
            }
        })
        .collect();
    if queries.iter().all(|query| query.fields.is_empty()) && !queries.is_empty() {
        let hint = "write the schema id of a field after a colon: `WHERE vat_id = :sender_vat_id`";
        section.document().note(section.place_of("queries"), "no query names a field", Some(hint));
    }
    let mut fields = Vec::new();
    if let Some(own) = section.section("fields") {
        for (field, column) in own.entries() {
            match column.get_ref().as_str() {
                Some(column) => fields.push(((*field.get_ref()).to_owned(), column.to_owned())),
                None => {
                    let hint = "write the name of a column: `fields = { vendor_city = \"city\" }`";
                    section.document().note(column.span(), "this is no column", Some(hint));
                }
            }
        }
    }
    let on = target.as_deref().unwrap_or_default();
    let none = outcome(section, "none", MessageType::Error, on);
    let several = outcome(section, "several", MessageType::Warning, on);
    let takes_first = section.choice("choose", &[("first", true), ("person", false)]);
    let run = run(section);
    let most = section.count("options").unwrap_or(MOST).max(2);
    let time = section.duration("time").unwrap_or(TIME);
    let validation_sources = super::validation_sources(section);
    Some(Box::new(Lookup {
        store: section.document().store(),
        queries,
        target: target?,
        fields,
        run,
        none,
        several,
        takes_first: takes_first.unwrap_or(false),
        most,
        time,
        validation_sources,
    }))
}

/// `none` and `several`: `{ value, label, message, type, on }`.
fn outcome(step: &Section<'_>, key: &'static str, kind: MessageType, target: &str) -> Outcome {
    let fallback = option(Value::Text(String::new()), DEFAULT_NONE);
    let Some(section) = step.section(key) else {
        return Outcome { option: fallback, message: None, on: target.to_owned() };
    };
    let value = value(&section, "value").unwrap_or(fallback.value);
    let label =
        section.text("label").map_or_else(|| DEFAULT_NONE.to_owned(), |label| label.into_inner().to_owned());
    let kind = section.choice("type", &MESSAGE_TYPES).unwrap_or(kind);
    let message = template(&section, "message").map(|message| (kind, message));
    let on = section.text("on").map_or_else(|| target.to_owned(), |on| on.into_inner().to_owned());
    section.finish();
    Outcome { option: option(value, label), message, on }
}
