//! `use = "formulas"`.

use crate::steps::Blueprint;
use crate::steps::formulas::{Formula, Formulas};
use crate::txscript::Script;

use super::super::known::Known;
use super::super::section::Section;
use super::scripts::{self, Code};

pub(super) fn read(section: &Section<'_>, _: &Known) -> Option<Box<dyn Blueprint>> {
    let schemas = scripts::schemas(section);
    let schema = schemas.file.clone();
    let limits = scripts::limits(section);
    let mut formulas = Vec::new();
    for own in section.sections("formula") {
        let field =
            own.required_written_field("field", "\"amount_due\"").map(|field| field.into_inner().to_owned());
        let code = own.required_text("code", "\"field.amount_total - field.amount_paid\"");
        own.finish();
        if let (Some(field), Some(code)) = (field, code) {
            if formulas.iter().any(|other: &Formula| other.field == field) {
                let what = format!("two formulas of `{field}`");
                section.document().note(
                    code.span(),
                    what,
                    Some("keep one of them: `if … else …` decides within it"),
                );
                continue;
            }
            let place = code.span();
            let title = format!("formula of {field}");
            let checked = Code { section, place, title, file: None, is_condition: false, queues: None };
            let script = checked.checked_all(Script::new(&field, code.get_ref()), code.get_ref());
            if let Some(script) = &script {
                scripts::note_other_tables(&checked, script, Some(&field));
                scripts::note_constants(&checked, script, Some(&field));
            }
            formulas.extend(script.map(|script| Formula { field, script }));
        }
    }
    let from_schema = section.boolean("from_schema").unwrap_or(false);
    match (&schema, from_schema) {
        (Some(schema), true) => {
            section.schemas_of(None).iter().for_each(|one| one.tell(section));
            for (field, code) in schema.formulas() {
                let title = format!("formula of {field} in the schema");
                let place = section.place_of("schema");
                let checked = Code { section, place, title, file: None, is_condition: false, queues: None };
                let script = checked.checked_all(Script::new(field, code), code);
                formulas.extend(script.map(|script| Formula { field: field.to_owned(), script }));
            }
        }
        (None, true) => section.wrong("`from_schema` needs a schema", "add `schema = \"schema.json\"`"),
        _ => {}
    }
    if formulas.is_empty() && !from_schema && !section.has("formula") {
        section.wrong(
            "this step has no formulas",
            "add `[[hook.step.formula]]` with `field` and `code`, or `schema` and `from_schema = true`",
        );
    }
    match Formulas::new(formulas, schemas, limits, from_schema) {
        Ok(step) => Some(Box::new(step)),
        Err(cycle) => {
            section.wrong(cycle.to_string(), "let one of them read something else");
            None
        }
    }
}
