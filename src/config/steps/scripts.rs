//! What steps that run TxScript have in common: code with its mistakes, types of fields, limits.

use std::collections::HashMap;
use std::sync::Arc;

use crate::steps::schema::Schemas;
use crate::txscript::{FieldType, Limits, Problem, Schema, Script};

use super::super::document::Place;
use super::super::section::Section;

const TYPES: [&str; 4] = ["string", "number", "date", "boolean"];

/// `schema` and `types`.
pub(super) fn schemas(section: &Section<'_>) -> Schemas {
    let file = section.text("schema").and_then(|path| {
        let place = path.span();
        let text = read_file(section, path.get_ref(), place.clone())?;
        match Schema::parse(&text) {
            Ok(schema) => Some(schema),
            Err(error) => {
                let hint = Some("export it from Rossum: GET /v1/schemas/{id}");
                section.document().note(place, format!("{}: {error}", path.get_ref()), hint);
                None
            }
        }
    });
    let types = section.section("types").map(|types| {
        let mut known = HashMap::new();
        for (name, value) in types.entries() {
            let kind =
                value.get_ref().as_str().filter(|word| TYPES.contains(word)).and_then(FieldType::named);
            match kind {
                Some(kind) => {
                    known.insert((*name.get_ref()).to_owned(), kind);
                }
                None => {
                    let list = TYPES.map(|word| format!("\"{word}\"")).join(", ");
                    let text = format!("the type of `{}` is none that there is", name.get_ref());
                    section.document().note(value.span(), text, Some(format!("use one of {list}")));
                }
            }
        }
        known
    });
    let own = file.map(Arc::new);
    let file = if types.is_some() { None } else { own.clone().or_else(|| section.hook_schema()) };
    if own.is_some() && types.is_some() {
        section.wrong("this step has both `schema` and `types`", "keep one of them");
    }
    Schemas::new(file, types)
}

/// `[hook.step.limits]`.
pub(super) fn limits(section: &Section<'_>) -> Limits {
    let mut limits = Limits::default();
    if let Some(own) = section.section("limits") {
        limits.steps = own.count("steps").map_or(limits.steps, |steps| steps as u64);
        limits.memory = own.bytes("memory").unwrap_or(limits.memory);
        limits.time = own.duration("time").unwrap_or(limits.time);
        limits.messages = own.count("messages").unwrap_or(limits.messages);
        let depth = own.count("depth").and_then(|depth| u32::try_from(depth).ok());
        limits.depth = depth.unwrap_or(limits.depth);
        own.finish();
    }
    limits
}

/// Compiles code. What is wrong with it is noted at `place`, after `title`, with its own line and column.
pub(super) fn script(
    section: &Section<'_>,
    place: Place,
    title: &str,
    name: &str,
    code: &str,
    schema: Option<&Schema>,
) -> Option<Script> {
    compiled(section, place, title, Script::new(name, code), schema)
}

/// A script that was compiled, or else the note of what is wrong with it.
pub(super) fn compiled(
    section: &Section<'_>,
    place: Place,
    title: &str,
    script: Result<Script, Problem>,
    schema: Option<&Schema>,
) -> Option<Script> {
    let note = |problem: Problem| {
        let text = format!("{title}: line {}, column {}: {}", problem.line, problem.column, problem.message);
        section.document().note(place.clone(), text, problem.hint);
    };
    match script {
        Ok(script) => {
            let unknown = schema.map(|schema| script.check(schema)).unwrap_or_default();
            let fits = unknown.is_empty();
            unknown.into_iter().for_each(note);
            fits.then_some(script)
        }
        Err(problem) => {
            note(problem);
            None
        }
    }
}

/// The text of a file that is named beside the configuration.
pub(super) fn read_file(section: &Section<'_>, path: &str, place: Place) -> Option<String> {
    match section.document().read_file(path) {
        Ok(text) => Some(text),
        Err(error) => {
            section.document().note(place, format!("cannot read {path}: {error}"), None::<&str>);
            None
        }
    }
}
