//! `use = "match"`.

use crate::rossum::{EnumOption, Value};
use crate::steps::Blueprint;
use crate::steps::matching::{Compare, Matching, Normalize, NothingFits, Record, Run, option};

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
    if section.has("queries") || section.has("query") {
        return super::lookup::read(section, known);
    }
    let field = section.required_field("field", "\"vendor_name\"").map(|f| f.into_inner().to_owned());
    let target = section.required_field("target", "\"vendor\"").map(|t| t.into_inner().to_owned());
    let compare = section.choice("compare", &[("equal", Compare::Equal), ("substring", Compare::Substring)]);
    let run = run(section);
    let ignore =
        if section.has("ignore") { section.regex("ignore") } else { regex::Regex::new(DEFAULT_IGNORE).ok() };
    let normalize = Normalize { ignore };
    let options = options(section);
    let records =
        options.into_iter().map(|option| Record { key: normalize.apply(&option.label), option }).collect();
    let none = none(section, field.as_deref().unwrap_or_default());
    Some(Box::new(Matching {
        field: field?,
        target: target?,
        compare: compare.unwrap_or(Compare::Equal),
        normalize,
        records,
        run,
        none,
        validation_sources: super::validation_sources(section),
    }))
}

pub(super) fn run(section: &Section<'_>) -> Run {
    let run = section.choice("run", &[("when_changed", Run::WhenChanged), ("always", Run::Always)]);
    run.unwrap_or(Run::WhenChanged)
}

/// The list to match against: `records` in the file, or a CSV beside it.
fn options(section: &Section<'_>) -> Vec<EnumOption> {
    let records = section.sections("records");
    match (records.is_empty(), section.has("file")) {
        (false, false) => records.into_iter().filter_map(record).collect(),
        (true, true) => csv_records(section),
        (false, true) => {
            section.wrong("this step has both `records` and `file`", "keep one of them");
            Vec::new()
        }
        (true, false) => {
            section.wrong(
                "this step has no list to match against",
                "write `records = [{ value = \"1\", label = \"Rossum\" }]`, `file = \"vendors.csv\"`, or `queries` of a dataset",
            );
            Vec::new()
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

/// A CSV with a header line; `value` and `label` name its columns.
fn csv_records(section: &Section<'_>) -> Vec<EnumOption> {
    let document = section.document();
    let Some(file) = section.text("file") else {
        return Vec::new();
    };
    let value_column = section.text("value").map_or("value", toml::Spanned::into_inner);
    let label_column = section.text("label").map_or("label", toml::Spanned::into_inner);
    let separator = section.text("separator").map_or(",", toml::Spanned::into_inner);
    let path = document.resolve(file.get_ref());
    let note = |what: String, hint: &str| {
        document.note(file.span(), what, Some(hint.to_owned()));
        Vec::new()
    };
    let [separator] = separator.as_bytes() else {
        document.note(
            section.place_of("separator"),
            "`separator` must be one ASCII character",
            Some("write `separator = \";\"`"),
        );
        return Vec::new();
    };
    let mut reader =
        match csv::ReaderBuilder::new().delimiter(*separator).trim(csv::Trim::All).from_path(&path) {
            Ok(reader) => reader,
            Err(error) => {
                return note(
                    format!("cannot read {}: {error}", path.display()),
                    "relative paths start at the configuration file",
                );
            }
        };
    let headers = match reader.headers() {
        Ok(headers) => headers.clone(),
        Err(error) => return note(format!("{}: {error}", path.display()), "save it as UTF-8 text"),
    };
    let column = |name: &str| headers.iter().position(|header| header.trim_start_matches('\u{feff}') == name);
    let (Some(value_at), Some(label_at)) = (column(value_column), column(label_column)) else {
        let have = headers.iter().collect::<Vec<_>>().join(", ");
        let what = format!(
            "{} has no columns `{value_column}` and `{label_column}`; it has: {have}",
            path.display()
        );
        return note(
            what,
            "name the columns with `value = \"…\"` and `label = \"…\"`, and check `separator`",
        );
    };
    let mut options = Vec::new();
    for line in reader.records() {
        match line {
            Ok(line) => {
                let cell = |at: usize| line.get(at).unwrap_or_default().to_owned();
                options.push(option(Value::Text(cell(value_at)), cell(label_at)));
            }
            Err(error) => {
                return note(
                    format!("{}: {error}", path.display()),
                    "every line needs as many values as the header",
                );
            }
        }
    }
    if options.is_empty() {
        return note(format!("{} has no records", path.display()), "add a line below the header");
    }
    options
}

/// `none = { value, label, message, type, on }`.
fn none(step: &Section<'_>, field: &str) -> NothingFits {
    let fallback = option(Value::Text(DEFAULT_NONE.to_owned()), DEFAULT_NONE);
    let Some(section) = step.section("none") else {
        return NothingFits { option: fallback, message: None, on: field.to_owned() };
    };
    let value = value(&section, "value").unwrap_or(fallback.value);
    let label = section
        .text("label")
        .map_or_else(|| value.as_text().into_owned(), |label| label.into_inner().to_owned());
    let kind = section.choice("type", &MESSAGE_TYPES).unwrap_or(crate::rossum::MessageType::Error);
    let message = message(&section, "message", &[]).map(|message| (kind, message));
    let on = section.field("on").map_or_else(|| field.to_owned(), |on| on.into_inner().to_owned());
    section.finish();
    NothingFits { option: option(value, label), message, on }
}
