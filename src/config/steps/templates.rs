//! Templates in a step's keys: what they name is checked, and a path is made once of sample values.

use serde_json::json;

use crate::export::looked::{FILTERS, FieldCompared, READ, Unknown};
use crate::export::reads::Owner;
use crate::export::{Escape, Template, View};
use crate::txscript::{FieldType, Schema};

use super::super::document::Place;
use super::super::section::Section;
use super::{comparisons, paths, trials};
use crate::steps::nearest::nearest;

/// A template, and the note of what is wrong with it.
pub(super) fn template(
    section: &Section<'_>,
    title: &str,
    place: Place,
    source: &str,
    escape: Escape,
) -> Option<Template> {
    let template = match Template::new(source, escape) {
        Ok(template) => template,
        Err(error) => {
            section.document().note(place, format!("`{title}` is not a template: {error}"), None::<&str>);
            return None;
        }
    };
    let reads = template.reads_of();
    for field in template.fields() {
        section.names_field(place.clone(), field);
    }
    // Also `field['x']`, and what a name stands for.
    for read in reads.iter().filter(|read| read.of == Owner::Document) {
        if !template.fields().any(|field| field == read.id) {
            section.names_field(place.clone(), &read.id);
        }
    }
    look_at_filters(section, title, &place, &template);
    for unknown in template.unknown() {
        note_unknown(section, title, place.clone(), &unknown);
    }
    for compared in template.compared() {
        look_at_comparison(section, title, place.clone(), &compared);
    }
    for read in reads {
        let astray = paths::of_loop(&read)
            .or_else(|| paths::of_payload(&read))
            .or_else(|| paths::in_each(section, |schema| paths::of_template(schema, &read)));
        if let Some((what, hint)) = astray {
            section.document().note(place.clone(), format!("`{title}`: {what}"), Some(hint));
        }
    }
    remark_no_sums(section, title, &place, &template);
    comparisons::look(section, title, &place, &template);
    trials::refuse_failing(section, title, &place, &template);
    Some(template)
}

/// Filters whose result is never what it is compared with, and filters for another type of field.
fn look_at_filters(section: &Section<'_>, title: &str, place: &Place, template: &Template) {
    let note = |what: String, hint: String| section.document().note(place.clone(), what, Some(hint));
    for (filter, text, same) in template.never_equal() {
        let what = format!("`{title}`: what `{filter}` gives is never `{text}`: it has other letters");
        note(what, format!("write `'{same}'`"));
    }
    for format in template.dateless_formats() {
        let what = format!(
            "`{title}`: `date('{format}')` writes `{format}` for every date: nothing in it is a part of one"
        );
        note(what, "write `%d.%m.%Y` for 31.12.2026, `%Y-%m-%d` for 2026-12-31".to_owned());
    }
    let schemas = section.schemas_of(None);
    for (field, filter) in template.filtered() {
        let kinds: Vec<_> = schemas.iter().filter_map(|one| one.schema.kind_of(&field)).collect();
        let is_other = |kind: &FieldType| match filter.as_str() {
            "date" => matches!(kind, FieldType::Number | FieldType::Boolean),
            _ => matches!(kind, FieldType::Date | FieldType::Boolean),
        };
        if !kinds.is_empty() && kinds.iter().all(is_other) {
            let wanted = if filter == "date" { "a date" } else { "an amount" };
            note(
                format!(
                    "`{title}`: `{filter}` writes {wanted}, and `field.{field}` is not one in the schema"
                ),
                format!("name another field, or leave `{filter}` out"),
            );
        }
    }
}

/// Numbers are texts in templates: `+` writes one behind the other, `*` writes one several times.
fn remark_no_sums(section: &Section<'_>, title: &str, place: &Place, template: &Template) {
    let schemas = section.hook_schemas();
    let is_number = |id: &str| schemas.iter().any(|schema| schema.kind_of(id) == Some(FieldType::Number));
    let (added, repeated) = template.put_together();
    let hint = "every field is a text in a template: `field.x | float` is its number";
    for (one, other) in added.iter().filter(|(one, other)| is_number(one) && is_number(other)) {
        let what = format!("`{title}`: `+` writes `{other}` behind `{one}` and adds nothing: {hint}");
        section.remark(place, &what);
    }
    for id in repeated.iter().filter(|id| is_number(id)) {
        let what = format!("`{title}`: `*` writes `{id}` several times and multiplies nothing: {hint}");
        section.remark(place, &what);
    }
}

/// `when`: a template that decides; `None` where there is none, or a wrong one.
pub(super) fn condition(section: &Section<'_>, key: &'static str) -> Option<Template> {
    let text = section.text(key)?;
    let template = template(section, key, text.span(), text.get_ref(), Escape::None)?;
    if template.is_constant() {
        let what = format!("`{key}` is the same for every document");
        let hint = format!(
            "write what it depends on between braces: `{key} = \"{{{{ field.kind == 'invoice' }}}}\"`"
        );
        section.document().note(text.span(), what, Some(hint));
    }
    Some(template)
}

fn note_unknown(section: &Section<'_>, title: &str, place: Place, unknown: &Unknown) {
    let near = |name: &str, known: &[&str]| nearest(name, known.iter().copied()).map(str::to_owned);
    let (what, near, otherwise) = match unknown {
        Unknown::Filter(name) => (
            format!("there is no filter `{name}`"),
            near(name, &FILTERS),
            format!("the filters are: {}", FILTERS.join(", ")),
        ),
        Unknown::Test(name) => (
            format!("there is no test `is {name}`"),
            near(name, &["defined", "undefined", "none", "number", "string", "even", "odd"]),
            "write `is defined`, `is none` or a comparison".to_owned(),
        ),
        Unknown::Name(name) => (
            format!("nothing that a template reads is called `{name}`"),
            near(name, &READ),
            format!("a field is `field.schema_id`; templates read: {}", READ.join(", ")),
        ),
    };
    let hint = near.map_or(otherwise, |near| format!("did you mean `{near}`?"));
    section.document().note(place, format!("`{title}`: {what}"), Some(hint));
}

/// Every field is a text in a template.
fn look_at_comparison(section: &Section<'_>, title: &str, place: Place, compared: &FieldCompared) {
    let FieldCompared { field, with, is_number, is_by_order } = compared;
    if *is_number {
        let what = format!(
            "`{title}` compares `field.{field}`, a text as all fields are in templates, with the number {with}"
        );
        // By order, texts are compared letter by letter: '9' is above '1000'.
        let hint = match is_by_order {
            true => format!("write `field.{field} | float` for its number"),
            false => format!("write `field.{field} | float` for its number, or `'{with}'` in quotes"),
        };
        section.document().note(place, what, Some(hint));
        return;
    }
    let schemas = section.schemas_of(None);
    let holds_number = || schemas.iter().any(|one| one.schema.kind_of(field) == Some(FieldType::Number));
    if *is_by_order && (with.parse::<f64>().is_ok() || holds_number()) {
        let what =
            format!("`{title}` compares `field.{field}` with '{with}' letter by letter: '9' is above '1000'");
        let hint = format!("write `field.{field} | float` and the number without quotes");
        section.document().note(place, what, Some(hint));
        return;
    }
    let options: Vec<Vec<String>> = schemas.iter().filter_map(|one| one.schema.options_of(field)).collect();
    let lacks = |options: &Vec<String>| options.len() > 1 && !options.contains(with);
    if !with.is_empty() && !options.is_empty() && options.len() == schemas.len() && options.iter().all(lacks)
    {
        let what = format!("`{title}`: the options of `{field}` do not have `{with}`");
        let known = || options.iter().flatten().map(String::as_str);
        let hint = nearest(with, known()).map_or_else(
            || format!("its options are: {}", known().take(10).collect::<Vec<_>>().join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        section.document().note(place, what, Some(hint));
    }
}

/// A document with a value in each field that templates name, where there is no schema.
pub(super) fn sample_of<'t>(templates: impl Iterator<Item = &'t Template>) -> View {
    let fields = templates.flat_map(Template::fields).map(|id| (id.to_owned(), json!("x"))).collect();
    View::sample(fields, vec![json!({})])
}

/// A document of a schema, with a value in every field, as templates see it.
pub(super) fn sample(schema: &Schema) -> View {
    trials::document(schema, &trials::Values::of(0))
}
