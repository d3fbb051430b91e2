//! `schema` of a hook or of the server: what the names in a hook's steps are checked against.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;
use toml::Spanned;

use crate::database::Checked;
use crate::rossum::Category;
use crate::steps::ignored::Why;
use crate::steps::names::NamedField;
use crate::steps::schema::Schemas;
use crate::txscript::{FieldType, Schema};

use super::document::{Document, Place};
use super::objects;
use super::section::Section;
use crate::steps::nearest::nearest;

/// The schemas of the queues that a hook serves.
#[derive(Clone, Default)]
pub(super) struct HookSchemas(Vec<QueueSchema>);

#[derive(Clone)]
pub(super) struct QueueSchema {
    pub(super) file: String,
    /// The queue that has it; `None` where the configuration does not say.
    pub(super) queue: Option<u64>,
    pub(super) schema: Arc<Schema>,
    /// Where it is named, and all that its file says.
    place: Place,
    whole: Rc<Json>,
}

/// What the sections of one step share.
#[derive(Default)]
pub(super) struct StepScope {
    schemas: HookSchemas,
    /// What all steps of the hook may take together.
    pub(super) timeout: Duration,
    /// The step's own schema, where it has one.
    own: RefCell<Option<HookSchemas>>,
    /// Schema ids that the step names, and where.
    names: RefCell<Vec<Named>>,
    /// What it asks of databases.
    pub(super) queries: RefCell<Vec<Checked>>,
    /// What is not wrong, and yet worth knowing.
    pub(super) notes: RefCell<Vec<String>>,
}

/// A schema id in the file, or in a file beside it.
pub(super) struct Named {
    place: Place,
    id: String,
    /// What could stand there instead.
    words: &'static [&'static str],
    /// Where in another file, or in a piece of code.
    within: String,
    /// The only queues that it is for.
    queues: Option<Vec<u64>>,
    changes: Changes,
    /// Whether its value is read: a table has none.
    is_read: bool,
    /// Whether only its type is said.
    is_typed: bool,
}

/// What a step changes of a field that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Changes {
    Nothing,
    Value,
    /// Whether people see it, or what validated it.
    Shown,
}

impl Named {
    pub(super) fn new(place: Place, id: &str) -> Self {
        Self {
            place,
            id: id.to_owned(),
            words: &[],
            within: String::new(),
            queues: None,
            changes: Changes::Nothing,
            is_read: false,
            is_typed: false,
        }
    }

    /// Only its type is said.
    pub(super) fn typed(self) -> Self {
        Self { is_typed: true, ..self }
    }

    /// Its value is read.
    pub(super) fn read(self) -> Self {
        Self { is_read: true, ..self }
    }

    /// Where it is no field, it is one of these.
    pub(super) fn or(self, words: &'static [&'static str]) -> Self {
        Self { words, ..self }
    }

    /// Where it stands, within what is at its place.
    pub(super) fn within(self, within: impl Into<String>) -> Self {
        Self { within: within.into(), ..self }
    }

    /// It is not only read.
    pub(super) fn changed(self, changes: Changes) -> Self {
        Self { changes, ..self }
    }

    pub(super) fn for_queues(self, queues: Option<&[u64]>) -> Self {
        Self { queues: queues.map(<[u64]>::to_vec), ..self }
    }
}

impl HookSchemas {
    /// `schema = "schema.json"`; a list or, with the queue of each, a table where the hook's queues have several.
    pub(super) fn read(section: &Section<'_>) -> Self {
        if section.is_table("schema") {
            return Self::by_queue(section);
        }
        let files = section.texts("schema").unwrap_or_default();
        let one = |file: Spanned<&str>| QueueSchema::read(section, &file, None);
        Self(files.into_iter().filter_map(one).collect())
    }

    /// `schema = { 1234 = "invoices.json", 5678 = "orders.json" }`
    fn by_queue(section: &Section<'_>) -> Self {
        let hint = "write the queue's id and its schema: `schema = { 1234 = \"invoices.json\" }`";
        let document = section.document();
        let mut all = Vec::new();
        for (queue, file) in section.section("schema").map(|own| own.entries()).unwrap_or_default() {
            let Ok(id) = queue.get_ref().parse::<u64>() else {
                document.note(
                    queue.span(),
                    format!("`{}` is not an id of a queue", queue.get_ref()),
                    Some(hint),
                );
                continue;
            };
            let Some(text) = file.get_ref().as_str() else {
                document.note(file.span(), "this is no file", Some(hint));
                continue;
            };
            all.extend(QueueSchema::read(section, &Spanned::new(file.span(), text), Some(id)));
        }
        if all.is_empty() {
            document.note(section.place_of("schema"), "`schema` names no schema", Some(hint));
        }
        Self(all)
    }

    /// For what runs: the schema of each queue, or the one that all queues of the hook share.
    pub(super) fn at_run_time(&self) -> Schemas {
        let by_queue = self.0.iter().filter_map(|one| Some((one.queue?, Arc::clone(&one.schema))));
        let are_listed = self.0.iter().filter(|one| one.queue.is_none()).count() > 1;
        let mut schemas = Schemas::by_queue(self.only(), by_queue.collect());
        schemas.are_listed = are_listed;
        schemas
    }

    fn only(&self) -> Option<Arc<Schema>> {
        match &self.0[..] {
            [QueueSchema { queue: None, schema, .. }] => Some(Arc::clone(schema)),
            _ => None,
        }
    }

    /// Those that something for these queues only meets.
    fn of(&self, queues: Option<&[u64]>) -> Vec<&QueueSchema> {
        let is_for = |one: &&QueueSchema| match (queues, one.queue) {
            (Some(queues), Some(queue)) => queues.contains(&queue),
            _ => true,
        };
        self.0.iter().filter(is_for).collect()
    }
}

impl QueueSchema {
    /// One schema file, as Rossum's API gives it.
    pub(super) fn read(section: &Section<'_>, file: &Spanned<&str>, queue: Option<u64>) -> Option<Self> {
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
            Ok(schema) => {
                let whole: Rc<Json> = Rc::new(document.json(&file.span(), path, &text).unwrap_or_default());
                objects::check_schema(section, &file.span(), path, &whole);
                Some(Self {
                    file: path.to_owned(),
                    queue,
                    schema: Arc::new(schema),
                    place: file.span(),
                    whole,
                })
            }
            Err(error) => {
                let hint = Some("export it from Rossum: GET /v1/schemas/{id}");
                document.note(file.span(), format!("{path}: {error}"), hint);
                None
            }
        }
    }
}

impl QueueSchema {
    /// Tells what the schema says of its fields, and is not done here.
    pub(super) fn tell(&self, section: &Section<'_>) {
        objects::schema(section, &self.place, &self.file, &self.whole);
    }
}

impl StepScope {
    pub(super) fn new(schemas: HookSchemas, timeout: Duration) -> Rc<Self> {
        Rc::new(Self { schemas, timeout, ..Self::default() })
    }

    /// From here on the step's names are checked against a schema of its own.
    pub(super) fn set_own(&self, own: QueueSchema) {
        *self.own.borrow_mut() = Some(HookSchemas(vec![own]));
    }

    /// The step's own schema, where it has one.
    pub(super) fn own_schema(&self) -> Option<Arc<Schema>> {
        self.own.borrow().as_ref().and_then(HookSchemas::only)
    }

    /// The one schema of all documents, where they have one.
    pub(super) fn only_schema(&self) -> Option<Arc<Schema>> {
        self.schemas().only()
    }

    /// The schemas that the step's names are checked against.
    pub(super) fn schemas(&self) -> HookSchemas {
        self.own.borrow().as_ref().unwrap_or(&self.schemas).clone()
    }

    /// The same for something that is for some queues only.
    pub(super) fn schemas_of(&self, queues: Option<&[u64]>) -> Vec<QueueSchema> {
        self.schemas().of(queues).into_iter().cloned().collect()
    }

    pub(super) fn name(&self, named: Named) {
        self.names.borrow_mut().push(named);
    }

    /// The fields that the step names. One that no schema has is a mistake; where a schema has it and another has not,
    /// that is noted, and the documents of the other queue tell.
    pub(super) fn check(&self, document: &Document<'_>) -> Vec<NamedField> {
        let schemas = self.schemas();
        let mut names: Vec<NamedField> = Vec::new();
        let all = self.names.take();
        for named in all.iter().filter(|named| named.is_typed) {
            self.look_at_type(document, named, all.iter().filter(|named| !named.is_typed));
        }
        for named in all {
            if named.id.trim().is_empty() {
                continue;
            }
            let known = schemas.of(named.queues.as_deref());
            if !known.is_empty() {
                self.look(document, &known, &named);
                look_at_value(document, &known, &named);
                self.look_at_change(document, &known, &named);
            }
            let same = |known: &&mut NamedField| known.id == named.id && known.queues == named.queues;
            if let Some(known) = names.iter_mut().find(same) {
                known.is_read |= named.is_read;
            } else {
                let Named { place, id, queues, is_read, .. } = named;
                names.push(NamedField { place: document.named(&place), id, queues, is_read });
            }
        }
        names
    }

    /// What Rossum would ignore of a change. Where that is so with every schema, nothing can come of it: a mistake, but for
    /// a field that Rossum may leave to others tomorrow, and for rules, which Rossum itself runs with it.
    fn look_at_change(&self, document: &Document<'_>, known: &[&QueueSchema], named: &Named) {
        if named.changes == Changes::Nothing {
            return;
        }
        let having = || known.iter().filter(|one| one.schema.has(&named.id));
        let of = |one: &&&QueueSchema| {
            let why = Why::of_field(&one.schema, &named.id)?;
            let counts = named.changes == Changes::Value || matches!(why, Why::NoDatapoint(_));
            counts.then(|| (one.file.clone(), why))
        };
        let Some((file, why)) = having().find_map(|one| of(&one)) else { return };
        let within = if named.within.is_empty() { String::new() } else { format!("{}: ", named.within) };
        let what = format!("{within}Rossum ignores a change of `{}`: {why} ({file})", named.id);
        let is_sure = why != Why::Computed && named.changes == Changes::Value;
        if is_sure && having().all(|one| of(&one).is_some()) {
            document.note(named.place.clone(), what, Some(why.cure()));
        } else {
            let note = format!("{}: {what}; {}", document.named(&named.place), why.cure());
            self.notes.borrow_mut().push(note);
        }
    }

    /// A type of a field that the step does not name: it has no effect.
    fn look_at_type<'n>(
        &self,
        document: &Document<'_>,
        named: &Named,
        others: impl Iterator<Item = &'n Named> + Clone,
    ) {
        if others.clone().any(|other| other.id == named.id) {
            return;
        }
        let what = format!("nothing in this step names `{}`, but its type is set", named.id);
        match nearest(&named.id, others.map(|other| other.id.as_str())) {
            Some(near) => {
                document.note(named.place.clone(), what, Some(format!("did you mean `{near}`?")));
            }
            None => {
                self.notes.borrow_mut().push(format!("{}: {what}", document.named(&named.place)));
            }
        }
    }

    fn look(&self, document: &Document<'_>, known: &[&QueueSchema], named: &Named) {
        let id = &named.id;
        let within = if named.within.is_empty() { String::new() } else { format!("{}: ", named.within) };
        let lacking: Vec<_> = known.iter().filter(|one| !one.schema.has(id)).collect();
        if lacking.len() == known.len() {
            let ids = known.iter().flat_map(|one| one.schema.ids()).chain(named.words.iter().copied());
            let hint = nearest(id, ids).map(|near| format!("did you mean `{near}`?"));
            let what = match known {
                [one] => format!("{within}the schema has no field `{id}` ({})", one.file),
                _ => format!("{within}none of the hook's schemas has a field `{id}`"),
            };
            document.note(named.place.clone(), what, hint);
        } else {
            for QueueSchema { file, queue, .. } in lacking {
                let Some(queue) = queue else { continue };
                self.notes.borrow_mut().push(format!(
                    "{}: {within}the schema of queue {queue} has no field `{id}` ({file}): documents of that queue are not checked for it",
                    document.named(&named.place)
                ));
            }
        }
    }
}

/// Refuses a name of what has no value where a value is read: what is compared with nothing would hold, or fail, always.
fn look_at_value(document: &Document<'_>, known: &[&QueueSchema], named: &Named) {
    let has_value = |one: &&QueueSchema| {
        one.schema.category_of(&named.id) == Some(Category::Datapoint)
            && one.schema.kind_of(&named.id) != Some(FieldType::Nothing)
    };
    if !named.is_read || known.iter().any(has_value) {
        return;
    }
    let found = known.iter().find_map(|one| Some((*one, one.schema.category_of(&named.id)?)));
    let Some((QueueSchema { file, schema, .. }, category)) = found else { return };
    let kind = match category {
        Category::Section => "a section",
        Category::Tuple => "a row",
        Category::Datapoint => "a button",
        Category::Multivalue => "a multivalue",
    };
    let mut below = schema.child_of(&named.id);
    while let Some(id) = below.filter(|id| schema.category_of(id) != Some(Category::Datapoint)) {
        below = schema.child_of(id);
    }
    let hint = below.map(|field| format!("name a field in it, such as `{field}`"));
    let within = if named.within.is_empty() { String::new() } else { format!("{}: ", named.within) };
    let what = format!("{within}`{}` is {kind}, which has no value of its own ({file})", named.id);
    document.note(named.place.clone(), what, hint);
}

/// Refuses a text for a field that Rossum would ignore there. An enum with no option, or only one, may be filled by an
/// extension: it is not looked at.
pub(super) fn look_at_text(section: &Section<'_>, place: &Place, id: &str, text: &str) {
    for QueueSchema { file, schema, .. } in section.schemas_of(None) {
        let may_be_filled = schema.options(id).is_some_and(|options| options.take(2).count() < 2);
        let why = Why::of_text(Some(&schema), id, text, may_be_filled.then_some(true));
        if let Some(why) = why.filter(|why| *why != Why::Button) {
            let what = format!("Rossum ignores this text in `{id}`: {why} ({file})");
            section.document().note(place.clone(), what, Some(why.cure()));
            return;
        }
    }
}
