//! Templates are tried at load on documents made of the schema: what fails for the types of its fields fails at each delivery.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::export::looked::FieldCompared;
use crate::export::reads::Owner;
use crate::export::tried::{Fails, Trial};
use crate::export::{Template, View};
use crate::txscript::{FieldType, Schema};

use super::super::document::Place;
use super::super::section::Section;

/// Documents that differ in their values; more where a field has more options.
const DOCUMENTS: usize = 8;
const MOST_DOCUMENTS: usize = 64;
/// Constants of a template that its fields are set to, one after another.
const MOST_CONSTANTS: usize = 12;
/// What trying a template may take: it is no check of how long it runs.
const TIME: Duration = Duration::from_secs(2);

/// Types that what a delivery brings may have.
const KINDS: usize = 5;

const TEXTS: [&str; DOCUMENTS] =
    ["x", "1", "2026-01-31", "true", "12345678901234567890", "AB-1 / 2", "1,5", "a@example.com"];
const SMALL: [&str; 4] = ["1", "2.5", "3", "0.25"];
const LARGE: [&str; 4] = ["100000", "250000.75", "300000", "1000000.01"];
const DATES: [&str; 2] = ["2026-01-31", "2025-12-01"];

/// The values of a document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'v> {
    number: usize,
    /// What stands for values whose type nobody knows.
    kind: usize,
    is_large: bool,
    fixed: Option<(&'v str, &'v str)>,
    /// What stands in each field that may hold any text.
    text: Option<&'v str>,
}

impl Values<'_> {
    pub(super) fn of(number: usize) -> Self {
        Self { number, kind: 0, is_large: false, fixed: None, text: None }
    }

    fn one<'t>(&self, of: &[&'t str]) -> &'t str {
        of.get(self.number % of.len().max(1)).copied().unwrap_or_default()
    }

    fn value(&self, schema: &Schema, id: &str) -> Value {
        if let Some((_, text)) = self.fixed.filter(|(field, _)| *field == id) {
            return text.into();
        }
        let options = schema.options_of(id).unwrap_or_default();
        let options: Vec<&str> = options.iter().map(String::as_str).filter(|one| !one.is_empty()).collect();
        let value = match schema.kind_of(id) {
            _ if !options.is_empty() => self.one(&options),
            Some(FieldType::Number) => self.one(if self.is_large { &LARGE } else { &SMALL }),
            Some(FieldType::Date) => self.one(&DATES),
            Some(FieldType::Boolean) => self.one(&["true", "false"]),
            _ => self.text.unwrap_or_else(|| self.one(&TEXTS)),
        };
        value.into()
    }

    /// What a delivery or an answer may bring: anything.
    fn brought(&self) -> Value {
        match self.kind % KINDS {
            0 => json!(self.one(&TEXTS)),
            1 => json!(1),
            2 => json!(["x"]),
            3 => json!({"x": "x"}),
            _ => json!(true),
        }
    }
}

/// Refuses a template that fails on every document of each schema for the types of fields alone.
pub(super) fn refuse_failing(section: &Section<'_>, title: &str, place: &Place, template: &Template) {
    let compared = template.compared();
    let schemas = section.hook_schemas();
    let until = Instant::now() + TIME;
    let found = if schemas.is_empty() {
        let make = |values: &Values<'_>| unknown(template, values);
        try_on(template, &compared, (DOCUMENTS, KINDS), until, make)
    } else {
        let mut found = None;
        for schema in &schemas {
            let options = schema.ids().filter_map(|id| schema.options(id).map(Iterator::count)).max();
            let documents = options.unwrap_or_default().clamp(DOCUMENTS, MOST_DOCUMENTS);
            let make = |values: &Values<'_>| named(template, document(schema, values), values);
            let kinds = if template.reads_brought() { KINDS } else { 1 };
            let fails = try_on(template, &compared, (documents, kinds), until, make);
            if fails.is_none() {
                return; // it works for one of the queues
            }
            found = found.or(fails);
        }
        found
    };
    let Some(Fails { at, code, what, hint }) = found else { return };
    let (place, where_it_is) = place_in(section, place, template, at);
    let what = format!("`{title}`: `{code}`{where_it_is} fails whatever the fields contain: {what}");
    section.document().note(place, what, Some(hint));
}

/// Where something of a template stands in annex.toml; its line and column where the template is a file of its own, or is
/// written with signs that stand for others.
pub(super) fn place_in(
    section: &Section<'_>,
    place: &Place,
    template: &Template,
    at: usize,
) -> (Place, String) {
    if let Some(written) = section.document().within(place, template.source(), at) {
        return (written, String::new());
    }
    let lines = template.source().get(..at).unwrap_or(template.source());
    let line = lines.matches('\n').count() + 1;
    let column = lines.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (place.clone(), format!(" in line {line}, column {column}"))
}

/// What fails in one of some groups of documents: those with small numbers, with large ones, with each constant that fields are
/// compared with. It must fail in the same way whatever type the values have that nobody knows.
fn try_on(
    template: &Template,
    compared: &[FieldCompared],
    (documents, kinds): (usize, usize),
    until: Instant,
    make: impl Fn(&Values<'_>) -> View,
) -> Option<Fails> {
    let constants = compared.iter().map(|one| Some((one.field.as_str(), one.with.as_str())));
    let fixed: Vec<_> = [None].into_iter().chain(constants.take(MOST_CONSTANTS)).collect();
    let groups = fixed.into_iter().flat_map(|fixed| [(fixed, false), (fixed, true)]);
    groups.take_while(|_| Instant::now() < until).find_map(|(fixed, is_large)| {
        let fails = |kind| {
            let trial = |number| {
                let values = Values { number, kind, is_large, fixed, text: None };
                Trial { view: make(&values), brought: values.brought() }
            };
            template.fails((0..documents).map(trial))
        };
        let first = fails(0)?;
        (1..kinds).all(|kind| fails(kind).as_ref() == Some(&first)).then_some(first)
    })
}

/// Each document that a template is tried on, and whether it is an ordinary one: none of its fields has a value only because
/// the template compares it with that. Whether there was time for all.
pub(super) fn each(
    template: &Template,
    schemas: &[Arc<Schema>],
    text: Option<&str>,
    visit: &mut dyn FnMut(Trial, bool) -> ControlFlow<()>,
) -> bool {
    let compared = template.compared();
    let constants = compared.iter().map(|one| Some((one.field.as_str(), one.with.as_str())));
    let fixed: Vec<_> = [None].into_iter().chain(constants.take(MOST_CONSTANTS)).collect();
    let known = schemas.iter().map(|schema| Some(schema.as_ref()));
    let schemas: Vec<_> = if schemas.is_empty() { vec![None] } else { known.collect() };
    let documents = if text.is_some() { 1 } else { DOCUMENTS };
    for (schema, fixed) in schemas.into_iter().flat_map(|one| fixed.iter().map(move |fixed| (one, *fixed))) {
        let kinds = if schema.is_none() || template.reads_brought() { KINDS } else { 1 };
        for (kind, is_large) in (0..kinds).flat_map(|kind| [(kind, false), (kind, true)]) {
            for number in 0..documents {
                let values = Values { number, kind, is_large, fixed, text };
                let view = match schema {
                    Some(schema) => named(template, document(schema, &values), &values),
                    None => unknown(template, &values),
                };
                let trial = Trial { view, brought: values.brought() };
                if visit(trial, fixed.is_none() && kind == 0).is_break() {
                    return false;
                }
            }
        }
    }
    true
}

/// A document with what templates name beside what its schema has; that it is in no schema is said of its name.
fn named(template: &Template, mut view: View, values: &Values<'_>) -> View {
    for id in template.fields().filter(|id| !view.fields().contains_key(*id)).collect::<Vec<_>>() {
        view.field.insert(id.to_owned(), values.text.unwrap_or_else(|| values.one(&TEXTS)).into());
    }
    view
}

/// A document whose schema nobody knows: a field may be a text, a list or a table.
fn unknown(template: &Template, values: &Values<'_>) -> View {
    let text = values.text.unwrap_or_else(|| values.one(&TEXTS));
    let columns =
        template.reads_of().into_iter().filter(|read| matches!(read.of, Owner::Line | Owner::Row(_)));
    let row: Map<String, Value> = columns.map(|read| (read.id, Value::from(text))).collect();
    let row = Value::Object(row);
    let field = |id: &str| {
        let value = match (values.fixed.filter(|(field, _)| *field == id), values.kind % 3) {
            (Some((_, text)), _) => text.into(),
            (None, 1) => json!([text]),
            (None, 2) => json!([row.clone()]),
            (None, _) => Value::from(text),
        };
        (id.to_owned(), value)
    };
    View::sample(template.fields().map(field).collect(), vec![row.clone(), row.clone()])
}

/// A document of a schema, with a value in every field, as templates see it.
pub(super) fn document(schema: &Schema, values: &Values<'_>) -> View {
    let (mut fields, mut first_table) = (Map::new(), Vec::new());
    let mut rows: Map<String, Value> = Map::new();
    let mut lists = HashMap::new();
    for id in schema.ids() {
        match (schema.table_of(id), schema.kind_of(id)) {
            (Some(table), _) => {
                let row = rows.entry(table.to_owned()).or_insert_with(|| json!({}));
                if let Some(row) = row.as_object_mut() {
                    row.insert(id.to_owned(), values.value(schema, id));
                }
            }
            (None, Some(FieldType::Nothing) | None) => {
                if let Some(child) =
                    schema.child_of(id).filter(|child| schema.kind_of(child) != Some(FieldType::Nothing))
                {
                    lists.insert(child.to_owned(), id.to_owned());
                    fields.insert(id.to_owned(), json!([values.value(schema, child)])); // a simple multivalue
                }
            }
            (None, Some(_)) => {
                fields.insert(id.to_owned(), values.value(schema, id));
            }
        }
    }
    for (table, row) in rows {
        if first_table.is_empty() || table == "line_items" {
            first_table = vec![row.clone(), row.clone()];
        }
        fields.insert(table, json!([row.clone(), row]));
    }
    View { lists, ..View::sample(fields, first_table) }
}
