//! `schema` of a hook or of the server: what the names in a hook's steps are checked against.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use toml::Spanned;

use crate::steps::names::NamedField;
use crate::txscript::Schema;

use super::document::{Document, Place};
use super::nearest::nearest;
use super::section::Section;

/// The schemas of the queues that a hook serves, each with the file that it was read from.
#[derive(Clone, Default)]
pub(super) struct HookSchemas(Vec<(String, Arc<Schema>)>);

/// What the sections of one step share.
#[derive(Default)]
pub(super) struct StepScope {
    pub(super) schemas: HookSchemas,
    /// Schema ids that the step names, and where.
    pub(super) names: RefCell<Vec<Named>>,
}

/// A schema id in the file.
pub(super) struct Named {
    pub(super) place: Place,
    pub(super) id: String,
    /// What could stand there instead.
    pub(super) words: &'static [&'static str],
}

impl HookSchemas {
    /// `schema = "schema.json"`, or a list where the hook's queues have several.
    pub(super) fn read(section: &Section<'_>) -> Self {
        let files = section.texts("schema").unwrap_or_default();
        Self(
            files
                .into_iter()
                .filter_map(|file| Some((file.get_ref().to_string(), read(section, &file)?)))
                .collect(),
        )
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The schema, where all queues of the hook share one.
    pub(super) fn only(&self) -> Option<Arc<Schema>> {
        match &self.0[..] {
            [(_, schema)] => Some(Arc::clone(schema)),
            _ => None,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Schema>> {
        self.0.iter().map(|(_, schema)| schema)
    }
}

/// One schema file, as Rossum's API gives it.
fn read(section: &Section<'_>, file: &Spanned<&str>) -> Option<Arc<Schema>> {
    let document = section.document();
    let path = *file.get_ref();
    let text = match document.read_file(path) {
        Ok(text) => text,
        Err(error) => {
            document.note(file.span(), format!("cannot read {path}: {error}"), None::<&str>);
            return None;
        }
    };
    match Schema::parse(&text) {
        Ok(schema) => Some(Arc::new(schema)),
        Err(error) => {
            let hint = Some("export it from Rossum: GET /v1/schemas/{id}");
            document.note(file.span(), format!("{path}: {error}"), hint);
            None
        }
    }
}

impl StepScope {
    pub(super) fn new(schemas: HookSchemas) -> Rc<Self> {
        Rc::new(Self { schemas, names: RefCell::default() })
    }

    /// The fields that the step names. One that no schema of the hook has is a mistake; where a schema has it and
    /// another has not, the documents of the other queue tell.
    pub(super) fn check(&self, document: &Document<'_>) -> Vec<NamedField> {
        let mut names: Vec<NamedField> = Vec::new();
        for Named { place, id, words } in self.names.take() {
            if id.trim().is_empty() || names.iter().any(|known| known.id == id) {
                continue;
            }
            if !self.schemas.is_empty() && !self.schemas.iter().any(|schema| schema.has(&id)) {
                note_unknown(document, &self.schemas, place.clone(), &id, words);
            }
            names.push(NamedField { id, place: document.named(&place) });
        }
        names
    }
}

fn note_unknown(document: &Document<'_>, schemas: &HookSchemas, place: Place, id: &str, words: &[&str]) {
    let known = schemas.iter().flat_map(|schema| schema.ids()).chain(words.iter().copied());
    let hint = nearest(id, known).map(|near| format!("did you mean `{near}`?"));
    let what = match &schemas.0[..] {
        [(file, _)] => format!("the schema has no field `{id}` ({file})"),
        _ => format!("none of the hook's schemas has a field `{id}`"),
    };
    document.note(place, what, hint);
}
