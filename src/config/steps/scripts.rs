//! What steps that run TxScript have in common: code with its mistakes, types of fields, limits.

use std::collections::HashMap;

use serde_json::Value as Json;

use crate::steps::ignored::Why;
use crate::steps::schema::Schemas;
use crate::txscript::{Constant, ConstantKind, Doubts, FieldType, Limits, Problem, Schema, Script};

use super::super::document::Place;
use super::super::schemas::{Named, QueueSchema};
use super::super::section::Section;
use crate::steps::nearest::nearest;

const TYPES: [&str; 4] = ["string", "number", "date", "boolean"];

/// `schema` and `types`.
pub(super) fn schemas(section: &Section<'_>) -> Schemas {
    let own = section.text("schema").and_then(|path| QueueSchema::read(section, &path, None));
    if let (Some(step), Some(own)) = (section.step(), &own) {
        step.set_own(own.clone());
    }
    let types = section.section("types").map(|types| {
        let mut known = HashMap::new();
        for (name, value) in types.entries() {
            let kind =
                value.get_ref().as_str().filter(|word| TYPES.contains(word)).and_then(FieldType::named);
            match kind {
                Some(kind) => {
                    section.names(Named::new(name.span(), name.get_ref()).typed());
                    known.insert((*name.get_ref()).to_owned(), kind);
                }
                None => {
                    let list = TYPES.map(|word| format!("\"{word}\"")).join(", ");
                    let text = format!("the type of `{}` does not exist", name.get_ref());
                    let word = value.get_ref().as_str().unwrap_or_default();
                    let hint = nearest(word, TYPES.into_iter()).map_or_else(
                        || format!("use one of {list}"),
                        |near| format!("did you mean \"{near}\"?"),
                    );
                    section.document().note(value.span(), text, Some(hint));
                }
            }
        }
        known
    });
    if own.is_some() && types.is_some() {
        section.wrong("this step has both `schema` and `types`", "keep one of them");
    }
    match types {
        Some(types) => Schemas::of_types(types),
        None => section.step().map(|step| step.schemas().at_run_time()).unwrap_or_default(),
    }
}

/// `[hook.step.limits]`.
pub(super) fn limits(section: &Section<'_>) -> Limits {
    let mut limits = Limits::default();
    if let Some(own) = section.section("limits") {
        limits.steps = own.count("steps", 1..=10_000_000_000).map_or(limits.steps, |steps| steps as u64);
        limits.memory = own.bytes("memory", 1..=4 << 30).unwrap_or(limits.memory);
        limits.time = own.time("time").unwrap_or(limits.time);
        limits.messages = own.count("messages", 1..=1_000_000).unwrap_or(limits.messages);
        let depth = own.count("depth", 1..=100_000).and_then(|depth| u32::try_from(depth).ok());
        limits.depth = depth.unwrap_or(limits.depth);
        own.finish();
    }
    limits
}

/// A piece of code in the configuration, or in a file beside it.
pub(super) struct Code<'c, 'd> {
    pub(super) section: &'c Section<'d>,
    pub(super) place: Place,
    /// Names it in messages.
    pub(super) title: String,
    /// The file of its own that it stands in, whose lines are named then.
    pub(super) file: Option<String>,
    pub(super) is_condition: bool,
    /// The only queues that it is for.
    pub(super) queues: Option<&'c [u64]>,
}

impl Code<'_, '_> {
    /// The script that it was compiled to. What is wrong with it is noted, with its own line and column; so is what can
    /// hold for no document of the schema.
    pub(super) fn checked(&self, script: Result<Script, Problem>, source: &str) -> Option<Script> {
        match script {
            Ok(script) => {
                self.look(&script, source);
                Some(script)
            }
            Err(problem) => {
                self.note(problem, source);
                None
            }
        }
    }

    /// The same of Python: all that is wrong with code that does not compile.
    pub(super) fn checked_all(&self, script: Result<Script, Problem>, source: &str) -> Option<Script> {
        let problems = if script.is_err() { Script::problems(source) } else { Vec::new() };
        if problems.is_empty() {
            return self.checked(script, source);
        }
        for problem in problems {
            self.note(problem, source);
        }
        None
    }

    fn within(&self, problem: &Problem) -> String {
        format!("{}: line {}, column {}", self.title, problem.line, problem.column)
    }

    fn note(&self, problem: Problem, source: &str) {
        let excerpt = problem.excerpt(source);
        let document = self.section.document();
        match &self.file {
            Some(file) => {
                let at = (problem.line as usize, problem.column as usize);
                document.note_in_file(&self.place, (file, at), problem.message, problem.hint, excerpt);
            }
            None => {
                let text = format!("{}: {}", self.within(&problem), problem.message);
                document.note_with(&self.place, text, problem.hint, excerpt);
            }
        }
    }

    fn look(&self, script: &Script, source: &str) {
        for (id, problem) in script.named() {
            let named = Named::new(self.place.clone(), id).within(self.within(problem));
            self.section.names(named.for_queues(self.queues));
        }
        let schemas = self.section.schemas_of(self.queues);
        let columns = |schema: Option<&Schema>| Doubts {
            wrong: schema.map(|schema| script.unknown_columns(schema)).unwrap_or_default(),
            odd: Vec::new(),
        };
        let doubts = |schema: Option<&Schema>| script.doubts(self.is_condition, schema);
        for Doubts { wrong, odd } in [in_all(&schemas, columns), in_all(&schemas, doubts)] {
            for problem in wrong {
                self.note(problem, source);
            }
            for problem in odd {
                self.section.remark(&self.place, &format!("{}: {}", self.within(&problem), problem.message));
            }
        }
    }
}

/// Notes constants that Rossum would ignore where code writes them: to the fields that it names, or to the one whose formula
/// it is.
pub(super) fn note_constants(code: &Code<'_, '_>, script: &Script, own: Option<&str>) {
    let schemas = code.section.schemas_of(code.queues);
    for constant in script.constants() {
        let Some(field) = constant.field.as_deref().or(own) else { continue };
        let mut whys = schemas.iter().filter(|one| one.schema.has(field)).map(|one| {
            let why = why_ignored(script, &one.schema, field, &constant)?;
            Some((why, one.file.as_str()))
        });
        let Some(Some((why, file))) = whys.next() else { continue };
        if whys.all(|other| other.is_some()) {
            let Constant { text, place, .. } = &constant;
            let message = format!("Rossum ignores `{text}` in `{field}`: {why} ({file})");
            let problem = Problem { message, hint: Some(why.cure().to_owned()), ..place.clone() };
            code.note(problem, script.source());
        }
    }
}

fn why_ignored(script: &Script, schema: &Schema, field: &str, constant: &Constant) -> Option<Why> {
    // An enum with no option, or only one, may be filled by an extension; so may be one whose options the code names.
    let is_filled = schema.options(field).is_some_and(|options| options.take(2).count() < 2);
    let is_enum = schema.options(field).is_some();
    let kind = schema.kind_of(field)?;
    if kind == FieldType::Nothing || (is_enum && (is_filled || script.sets_options())) {
        return None; // of what holds no value it is said elsewhere
    }
    match (constant.kind, kind) {
        (ConstantKind::Number, FieldType::Date) => Some(Why::NoDate),
        // How Python shows it may differ from how it is written.
        (ConstantKind::Number, _) if constant.text.contains(['.', 'e', 'E', 'x']) || !is_enum => None,
        (ConstantKind::Boolean, FieldType::Boolean) => None,
        _ => Why::of_text(Some(schema), field, &constant.text, None),
    }
}

/// Notes columns of tables other than `own` that code names without `.all_values`: it fails there. Without `own`, code is
/// evaluated for the rows of the table that it names first.
pub(super) fn note_other_tables(code: &Code<'_, '_>, script: &Script, own: Option<&str>) {
    for one in code.section.schemas_of(code.queues) {
        let first = own.is_none().then(|| script.table(&one.schema)).flatten();
        let own = own.map_or(first, |field| one.schema.repeated_in(field));
        let other = script.by_row().find(|id| {
            let table = one.schema.repeated_in(id);
            table.is_some() && table != own
        });
        let Some(id) = other else { continue };
        let of = own.map_or_else(|| "once".to_owned(), |table| format!("for each row or value of `{table}`"));
        code.section.remark(
            &code.place,
            &format!(
                "{}: it is evaluated {of}, where `field.{id}` has no value of its own and fails; `field.{id}.all_values` has all values ({})",
                code.title, one.file
            ),
        );
        return;
    }
}

/// What is wrong whichever of the schemas a document has; without a schema, what is wrong in any case.
pub(super) fn in_all(schemas: &[QueueSchema], look: impl Fn(Option<&Schema>) -> Doubts) -> Doubts {
    let Some((first, others)) = schemas.split_first() else { return look(None) };
    let mut found = look(Some(&first.schema));
    for other in others {
        let also = look(Some(&other.schema));
        found.wrong.retain(|problem| also.wrong.contains(problem));
        found.odd.retain(|problem| also.odd.contains(problem));
    }
    found
}

/// A file of JSON that is named beside the configuration. Keys that stand twice in it are noted.
pub(super) fn read_json(
    section: &Section<'_>,
    path: &str,
    place: &Place,
) -> Option<Result<Json, serde_json::Error>> {
    let text = read_file(section, path, place.clone())?;
    Some(section.document().json(place, path, &text))
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
