//! A template tried on documents: what fails whatever stands in their fields fails at each delivery too.
//!
//! Only faults of types count: a text where a number belongs, an argument that is missing. That a value is no number or no
//! date says nothing of other values.

use minijinja::value::Serde;
use minijinja::{Error, ErrorKind, Value};
use serde_json::{Map, Value as Json};

use super::render::Template;
use super::terms;
use super::view::View;

/// A document that a template is tried on.
pub struct Trial {
    pub view: View,
    /// What stands for each value that a delivery or an answer brings: nobody knows its type before.
    pub brought: Json,
}

/// What fails, wherever it stands in the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fails {
    /// In bytes from the template's start.
    pub at: usize,
    pub code: String,
    pub what: String,
    pub hint: &'static str,
}

/// Names that have a meaning in loops and macros only.
const WITHIN: [&str; 2] = ["loop", "caller"];
/// What a delivery or an answer brings.
const BROUGHT: [&str; 3] = ["answers", "payload", "secrets"];

/// A fault of types: a part of the language's message, and what mends it.
const OF_TYPES: [(&str, &str); 21] = [
    ("operator on unsupported types", NUMBER),
    ("can only sum numbers, got", SUM),
    ("cannot round value", NUMBER),
    ("cannot get absolute value", NUMBER),
    ("not a format of a date", "write `%d.%m.%Y` for 31.12.2026, `%Y-%m-%d` for 2026-12-31"),
    ("method must be common", "write `round(2, \"floor\")` or `round(2, \"ceil\")`"),
    ("count cannot be 0", "write the number of parts"),
    ("cannot convert string to", ARGUMENT),
    ("cannot convert sequence to", LIST),
    ("cannot convert map to", LIST),
    ("value is not a string", ARGUMENT),
    ("is not iterable", LIST),
    ("cannot convert value to list", LIST),
    ("cannot convert value into pair", LIST),
    ("cannot join value of type", LIST),
    ("cannot reverse values of type", LIST),
    ("cannot calculate length of value of type", LIST),
    ("is not callable", "what is called is a macro of the template or a function of the language"),
    ("can only be multiplied with integers", NUMBER),
    ("cannot be sliced", LIST),
    ("cannot perform a containment check", LIST),
];
const NUMBER: &str =
    "every field is a text in a template: `field.x | float` is its number; `~` puts texts together";
const SUM: &str = "every field is a text in a template: write `rows | map(attribute=\"x\") | map(\"float\", default=0) | sum`";
const ARGUMENT: &str =
    "a text is where something else belongs: write numbers without quotes, texts with quotes";
const LIST: &str =
    "a field is a text; a table is a list of rows: `{% for row in line_items %}{{ row.x }}{% endfor %}`";

impl Template {
    /// Whether it reads what only a delivery or an answer brings.
    pub fn reads_brought(&self) -> bool {
        BROUGHT.into_iter().any(|name| self.reads(name))
    }

    /// What fails on each of some documents that differ in their values. Where one of them passes, or another one fails in
    /// another way, nothing is sure.
    pub fn fails(&self, documents: impl Iterator<Item = Trial>) -> Option<Fails> {
        let mut found: Option<Fails> = None;
        for document in documents {
            let context = self.context_of(&document);
            let Err(error) = self.rendered(&context) else { return None };
            // What is wrong with a value hides what comes after it, and says nothing of types.
            let Some(fails) = self.fault(&error) else { continue };
            match &found {
                Some(known) if *known != fails => return None,
                _ => found = Some(fails),
            }
        }
        found
    }

    /// What it makes of a document; `None` where it fails.
    pub fn made(&self, document: &Trial) -> Option<String> {
        self.rendered(&self.context_of(document)).ok()
    }

    fn context_of(&self, document: &Trial) -> Value {
        let view = &document.view;
        let mut context = Map::new();
        context.insert("field".to_owned(), Json::Object(view.fields().into_owned()));
        context.insert("line_items".to_owned(), Json::Array(view.line_items.clone()));
        context.insert("annotation_id".to_owned(), view.annotation_id.clone().into());
        context.insert("original_file_name".to_owned(), "document.pdf".into());
        for name in BROUGHT.into_iter().filter(|name| self.reads(name)) {
            let paths = self.paths().filter_map(|path| path.strip_prefix(name));
            let paths: Vec<Vec<&str>> = paths
                .filter(|rest| rest.is_empty() || rest.starts_with('.'))
                .map(|rest| rest.split('.').filter(|part| !part.is_empty()).collect())
                .collect();
            let paths: Vec<&[&str]> = paths.iter().map(Vec::as_slice).collect();
            context.insert(name.to_owned(), filled(&paths, &document.brought));
        }
        let context = Value::from(Serde(Json::Object(context)));
        minijinja::context! { original_file => Value::from_bytes(b"%PDF".to_vec()), ..context }
    }

    /// The fault of types that an error is.
    fn fault(&self, error: &Error) -> Option<Fails> {
        let range = error.range()?;
        let [from, to] = [range.start, range.end].map(|at| terms::place_in(self.source(), at));
        let code = self.source().get(from..to)?.trim().to_owned();
        let detail = error.detail().unwrap_or_default();
        let (what, hint) = match error.kind() {
            ErrorKind::MissingArgument => ("an argument is missing".to_owned(), "give it what it needs"),
            ErrorKind::TooManyArguments => {
                ("it has an argument that it does not take".to_owned(), "take the argument out")
            }
            ErrorKind::UnknownMethod => {
                let hint =
                    "values have no methods here: write `field.x`, or a filter such as `field.x | upper`";
                ("there is no such method".to_owned(), hint)
            }
            ErrorKind::UndefinedError => {
                let begins = |name: &&str| {
                    let rest = code.strip_prefix(name);
                    rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
                };
                let name = WITHIN.into_iter().filter(|name| self.reads(name)).find(|name| begins(name))?;
                let hint = match name {
                    "loop" => "move it between `{% for … %}` and `{% endfor %}`",
                    _ => "move it into the macro that `{% call %}` calls",
                };
                (format!("there is no `{name}` here"), hint)
            }
            ErrorKind::InvalidOperation => {
                // What is not there says nothing of types: another value may have that part.
                let (_, hint) = OF_TYPES
                    .iter()
                    .filter(|_| !detail.contains("undefined"))
                    .find(|(part, _)| detail.contains(part))?;
                (detail.to_owned(), *hint)
            }
            _ => return None,
        };
        Some(Fails { at: from, code, what, hint })
    }
}

/// An object with this value at the end of each path.
fn filled(paths: &[&[&str]], value: &Json) -> Json {
    let mut all = Map::new();
    for first in paths.iter().filter_map(|path| path.first()) {
        if !all.contains_key(*first) {
            let rests = paths.iter().filter(|path| path.first() == Some(first)).map(|path| &path[1..]);
            let rests: Vec<&[&str]> = rests.collect();
            all.insert((*first).to_owned(), filled(&rests, value));
        }
    }
    if all.is_empty() { value.clone() } else { Json::Object(all) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Escape;
    use super::*;

    fn fails(source: &str) -> Option<Fails> {
        let brought = [json!("x"), json!(1), json!(["x"]), json!({"x": "x"})];
        let trial = |(text, brought): (&str, Json)| {
            let row = json!({"total": "1.5", "name": text});
            let field = json!({"text": text, "total": "1.5", "day": "2026-01-31", "rows": [row.clone(), row.clone()]});
            let field = field.as_object().cloned().unwrap_or_default();
            Trial { view: View::sample(field, vec![row.clone(), row]), brought }
        };
        let texts = ["x", "1", "2026-01-31", "1;2"];
        let template = Template::new(source, Escape::None).unwrap();
        template.fails(texts.into_iter().zip(brought).map(trial))
    }

    #[test]
    fn faults_of_types_are_found_with_their_place() {
        for (source, code, what) in [
            ("{{ line_items | sum(attribute=\"total\") }}", "sum", "can only sum numbers"),
            ("a\n{{ field.total + 1 }}", "field.total + 1", "string and number"),
            ("{{ (field.text + field.total) + 1 }}", "", "string and number"),
            ("{{ 1 - field.text }}", "", "number and string"),
            ("{{ field.text | round }}", "round", "cannot round"),
            ("{{ field.total | money(\"2\") }}", "money", "cannot convert string"),
            ("{{ field.text | replace(\"a\") }}", "replace", "argument is missing"),
            ("{{ field.text | upper(1) }}", "upper", "does not take"),
            ("{{ field.day | date(\"%Q\") }}", "date", "not a format of a date"),
            ("{{ loop.index }}", "loop", "no `loop` here"),
            ("{{ field.text.get() }}", "get", "method"),
            ("{{ field.get('text') }}", "get", "method"),
            ("{{ field.text | abs }}", "abs", "absolute"),
        ] {
            let found = fails(source);
            let fits = found.as_ref().is_some_and(|one| one.code.contains(code) && one.what.contains(what));
            assert!(fits, "{source}\n{found:?}");
        }
    }

    #[test]
    fn what_only_some_values_cannot_be_is_left_alone() {
        for source in [
            "{{ field.text | float }}",
            "{{ field.text | float + 1 }}",
            "{{ field.text | date('%d') }}",
            "{{ (field.text | split(';'))[1] | int }}",
            "{{ (field.text | split(';'))[7] + 1 }}",
            "{{ field.text[4:6] | int + 1 }}",
            "{% set a, b = field.text | split(';') %}{{ a + b }}",
            "{{ line_items | map(attribute='total') | map('float', default=0) | sum }}",
            "{{ payload.annotation.id + 1 }}",
            "{{ payload.rows | sum(attribute='x') }}",
            "{{ payload['x'].y.z }}{{ answers.first.body.id | int }}",
            "{{ answers.first.status + 1 }}",
            "{% for row in line_items %}{{ loop.index + 1 }}{{ row.total | float * 2 }}{% endfor %}",
            "{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}x{% endcall %}",
            "{{ loop.index if loop is defined }}",
            "{{ original_file | b64encode }}{{ original_file_name | lower }}",
            "{{ field.total | float | round(2) }}{{ field.total | money(2, ',', ' ') }}",
        ] {
            assert_eq!(fails(source), None, "{source}");
        }
    }
}
