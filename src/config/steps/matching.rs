//! `use = "match"`.

use std::collections::HashSet;

use toml::Spanned;

use crate::rossum::{EnumOption, Value};
use crate::steps::Blueprint;
use crate::steps::matching::{Compare, Matching, Normalize, NothingFits, Record, Run, option};
use crate::txscript::FieldType;

use super::super::known::Known;
use super::super::section::Section;
use super::{MESSAGE_TYPES, message};

/// What is ignored in comparing where the configuration says nothing: commas, points, white space.
const DEFAULT_IGNORE: &str = r"[,.\s]";
/// What the enum gets when nothing fits, as in Rossum's samples.
pub(super) const DEFAULT_NONE: &str = "---";

pub(super) fn read(section: &Section<'_>, known: &Known) -> Option<Box<dyn Blueprint>> {
    if section.has("configuration") {
        return super::master_data::read(section, known);
    }
    super::lookup::note_misplaced(section);
    if section.has("queries") || section.has("query") {
        note_both_forms(section);
        return super::lookup::read(section, known);
    }
    let field = section.required_field("field", "\"vendor_name\"").map(|f| f.into_inner().to_owned());
    let target = section.written_field("target").map(|target| target.into_inner().to_owned());
    if let Some(written) = section.text("target").filter(|_| field == target) {
        let what = format!(
            "`{}` is looked up by itself: the step overwrites what it looks up, and looks up what a person chooses",
            written.get_ref()
        );
        section.remark(&written.span(), &what);
    }
    let is_list = section.has("records");
    let idle = [("value", is_list), ("label", is_list), ("run", true), ("validation_sources", true)];
    look_at_check(section, &["none"], &idle);
    if let (Some(field), Some(target)) = (&field, section.text("target")) {
        super::pairs::look(section, field, &target);
    }
    let compare = section.choice("compare", &[("equal", Compare::Equal), ("substring", Compare::Substring)]);
    let run = if target.is_some() { run(section) } else { Run::Always };
    let ignore = if section.text_or_blank("ignore").is_some_and(|ignore| ignore.get_ref().is_empty()) {
        // Nothing is ignored.
        regex::Regex::new("").ok()
    } else if section.has("ignore") {
        section.regex("ignore")
    } else {
        regex::Regex::new(DEFAULT_IGNORE).ok()
    };
    let normalize = Normalize { ignore };
    let (options, notes) = options(section);
    if let Some(target) = section.text("target") {
        look_at_target(section, &target);
    }
    tell_of_list(section, &options, &normalize);
    let records =
        options.into_iter().map(|option| Record { key: normalize.apply(&option.label), option }).collect();
    let none = none(section, field.as_deref().unwrap_or_default());
    Some(Box::new(Matching {
        field: field?,
        target,
        compare: compare.unwrap_or(Compare::Equal),
        normalize,
        records,
        run,
        none,
        notes,
        validation_sources: super::validation_sources(section),
    }))
}

/// Without a target the step only says what it finds: looks for what that leaves without an effect. Of a file, `value` and
/// `label` name columns.
pub(super) fn look_at_check(section: &Section<'_>, outcomes: &[&'static str], idle: &[(&'static str, bool)]) {
    if section.has("target") {
        return;
    }
    let says = |key: &&'static str| section.section(key).is_some_and(|own| own.has("message"));
    if !outcomes.iter().any(says) {
        section.wrong(
            "this step has no `target` to fill, and no message to show",
            "write `target = \"vendor\"`, the enum that is filled, or `none = { message = \"…\" }`, which is shown where nothing is found",
        );
        return;
    }
    for (key, _) in idle.iter().filter(|(key, is_idle)| *is_idle && section.has(key)) {
        let what = format!("`{key}` has no effect: without a `target` the step only shows messages");
        section.document().note(section.place_of(key), what, Some("name a `target`, or leave it out"));
    }
    for key in outcomes {
        let Some(own) = section.section(key) else { continue };
        for of_option in ["value", "label"].into_iter().filter(|of_option| own.has(of_option)) {
            let what = format!("`{of_option}` of `{key}` has no effect: there is no `target` to offer it in");
            let hint = "name a `target`, or leave it out";
            section.document().note(own.place_of(of_option), what, Some(hint));
        }
    }
}

/// A list of the step's own and queries are two forms, of which a step has one.
fn note_both_forms(section: &Section<'_>) {
    const OF_LIST: [&str; 5] = ["field", "records", "file", "compare", "ignore"];
    let own: Vec<_> = OF_LIST.into_iter().filter(|key| section.has(key)).collect();
    if let [first, ..] = own[..] {
        let what = format!("this step has queries, and {} of a list: these are two forms", words(&own));
        let hint = format!(
            "with queries, take out {}: a query names its fields itself, `WHERE name = :vendor_name`",
            words(&own)
        );
        section.document().note(section.place_of(first), what, Some(hint));
    }
}

fn words(keys: &[&str]) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" and ")
}

/// What is doubtful in a list: records that cannot be told from each other, or that nothing fits.
fn tell_of_list(section: &Section<'_>, options: &[EnumOption], normalize: &Normalize) {
    let key = if section.has("file") { "file" } else { "records" };
    let place = section.place_of(key);
    let blank = options.iter().filter(|option| normalize.apply(&option.label).is_empty()).count();
    if options.iter().all(|option| option.label.trim().is_empty()) && !options.is_empty() {
        section.remark(&place, "no record has a label: nothing would fit");
    } else if blank > 0 && blank == options.len() {
        let what = "`ignore` leaves nothing of any label: nothing would fit".to_owned();
        section.document().note(section.place_of("ignore"), what, Some("ignore less: `ignore = '[,.\\s]'`"));
    } else if blank > 0 {
        section.remark(&place, &format!("{blank} records have no label that a text could be equal to"));
    }
    let mut values = HashSet::new();
    let twice = options.iter().filter(|option| !values.insert(option.value.as_text())).count();
    if twice > 0 {
        section.remark(&place, &format!("{twice} records have a value that a record before has"));
    }
}

/// Tells of a target that holds no text: the value of an option is one, mostly.
pub(super) fn look_at_target(section: &Section<'_>, target: &Spanned<&str>) {
    let schemas = section.schemas_of(None);
    let mut kinds = schemas.iter().filter_map(|one| {
        let is_enum = one.schema.options(target.get_ref()).is_some();
        one.schema.kind_of(target.get_ref()).filter(|_| !is_enum)
    });
    let kind = match kinds.next() {
        Some(FieldType::Number) => "a number",
        Some(FieldType::Date) => "a date",
        Some(FieldType::Boolean) => "true or false",
        _ => return,
    };
    if kinds.count() + 1 == schemas.len() {
        let what = format!(
            "`{}` is {kind}: Rossum shows the options of an enum only, and ignores a value that is not {kind}",
            target.get_ref()
        );
        section.remark(&target.span(), &what);
    }
}

pub(super) fn run(section: &Section<'_>) -> Run {
    let run = section.choice("run", &[("when_changed", Run::WhenChanged), ("always", Run::Always)]);
    run.unwrap_or(Run::WhenChanged)
}

/// The list to match against: `records` in the file, or a file of records beside it; and what is to be said of that.
fn options(section: &Section<'_>) -> (Vec<EnumOption>, Vec<String>) {
    let records = section.sections("records");
    match (records.is_empty(), section.has("file")) {
        (false, false) => (records.into_iter().filter_map(record).collect(), Vec::new()),
        (true, true) => file_records(section).unwrap_or_default(),
        (false, true) => {
            section.wrong("this step has both `records` and `file`", "keep one of them");
            Default::default()
        }
        (true, false) => {
            section.wrong(
                "this step has no list to match against",
                "write `records = [{ value = \"1\", label = \"Rossum\" }]`, `file = \"vendors.csv\"`, or `queries` of a dataset",
            );
            Default::default()
        }
    }
}

fn record(section: Section<'_>) -> Option<EnumOption> {
    let label = section.required_text("label", "\"Rossum\"").map(|label| label.into_inner().to_owned());
    let value = value(&section, "value");
    if value.is_none() && !section.has("value") {
        section.wrong("this record has no `value`", "write `value = \"V-1\"`");
    }
    section.finish();
    Some(option(value?, label?))
}

pub(super) fn value(section: &Section<'_>, key: &'static str) -> Option<Value> {
    section.text_or_integer(key).map(|value| value.map_or_else(Value::Number, Value::Text))
}

/// A table whose columns `value` and `label` name.
fn file_records(section: &Section<'_>) -> Option<(Vec<EnumOption>, Vec<String>)> {
    let value = section.text("value").map_or("value", Spanned::into_inner);
    let label = section.text("label").map_or("label", Spanned::into_inner);
    let hint = "name the columns with `value = \"…\"` and `label = \"…\"`, and check `separator`";
    let rows = super::listed::rows(section, &[value, label], hint)?;
    let as_option = |cells: Vec<String>| {
        let mut cells = cells.into_iter();
        Some(option(Value::Text(cells.next()?), cells.next()?))
    };
    Some((rows.cells.into_iter().filter_map(as_option).collect(), rows.notes))
}

/// `none = { value, label, message, type, on }`.
fn none(step: &Section<'_>, field: &str) -> NothingFits {
    let fallback = option(Value::Text(DEFAULT_NONE.to_owned()), DEFAULT_NONE);
    let Some(section) = step.section("none") else {
        return NothingFits { option: fallback, message: None, on: field.to_owned() };
    };
    let value = value(&section, "value").unwrap_or(fallback.value);
    let label = section
        .text_or_blank("label")
        .map_or_else(|| value.as_text().into_owned(), |label| label.into_inner().to_owned());
    let kind = section.choice("type", &MESSAGE_TYPES).unwrap_or(crate::rossum::MessageType::Error);
    let message = message(&section, "message", &[]).map(|message| (kind, message));
    let on = section.field("on").map_or_else(|| field.to_owned(), |on| on.into_inner().to_owned());
    section.finish();
    NothingFits { option: option(value, label), message, on }
}
