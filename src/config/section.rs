//! A table of `annex.toml`: its values by key, each of the kind that is asked for.
//!
//! A [`Section`] remembers which keys it was asked for; [`Section::finish`] reports all others as unknown, with
//! the nearest known name.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use regex::Regex;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::database::{Checked, Database};
use crate::store::Asked;
use crate::txscript::Schema;

use super::document::{Document, Place};
use super::schemas::{Changes, Named, QueueSchema, StepScope};
use crate::steps::nearest::nearest;

/// A table of the file.
pub(super) struct Section<'d> {
    document: &'d Document<'d>,
    table: &'d DeTable<'d>,
    place: Place,
    title: String,
    known: RefCell<Vec<&'static str>>,
    /// Where the values begin of which is told: they are blank, or of another kind than was asked for.
    mismatched: RefCell<Vec<usize>>,
    /// The step that it belongs to, if it does.
    step: Option<Rc<StepScope>>,
}

impl<'d> Section<'d> {
    pub(super) fn new(
        document: &'d Document<'d>,
        table: &'d DeTable<'d>,
        place: Place,
        title: impl Into<String>,
    ) -> Self {
        let (known, mismatched) = Default::default();
        Self { document, table, place, title: title.into(), known, mismatched, step: None }
    }

    /// This section as a step's; the sections in it are the step's too.
    pub(super) fn of_step(self, step: &Rc<StepScope>) -> Self {
        Self { step: Some(Rc::clone(step)), ..self }
    }

    fn child(&self, table: &'d DeTable<'d>, place: Place, title: String) -> Self {
        Self { step: self.step.clone(), ..Self::new(self.document, table, place, title) }
    }

    /// The step that it belongs to.
    pub(super) fn step(&self) -> Option<&StepScope> {
        self.step.as_deref()
    }

    /// The schemas that something of the step is checked against, which is for these queues only, or for all.
    pub(super) fn schemas_of(&self, queues: Option<&[u64]>) -> Vec<QueueSchema> {
        self.step.as_ref().map(|step| step.schemas_of(queues)).unwrap_or_default()
    }

    /// All schemas of the hook that the step is in.
    pub(super) fn hook_schemas(&self) -> Vec<Arc<Schema>> {
        self.schemas_of(None).into_iter().map(|one| one.schema).collect()
    }

    /// Says that a text in the file is the schema id of a field, which the schema must have.
    pub(super) fn names_field(&self, place: Place, id: &str) {
        self.names(Named::new(place, id));
    }

    /// The same of a field whose value the step changes.
    pub(super) fn writes_field(&self, place: Place, id: &str) {
        self.names(Named::new(place, id).changed(Changes::Value));
    }

    /// The same, with what is to be said of it.
    pub(super) fn names(&self, named: Named) {
        if let Some(step) = &self.step {
            step.name(named);
        }
    }

    /// Says what is not wrong, and yet worth knowing.
    pub(super) fn remark(&self, place: &Place, what: &str) {
        if let Some(step) = &self.step {
            step.notes.borrow_mut().push(format!("{}: {what}", self.document.named(place)));
        } else {
            self.document.remark(place, what);
        }
    }

    /// Remembers a query that is looked at as soon as its database answers; messages then name its file and line.
    pub(super) fn asks(&self, database: &Arc<Database>, place: &Place, asked: &Asked) {
        if let Some(step) = &self.step {
            let place = self.document.named(place);
            let checked = Checked { database: Arc::clone(database), place, asked: asked.clone() };
            step.queries.borrow_mut().push(checked);
        }
    }

    /// The schema id of a field.
    pub(super) fn field(&self, key: &'static str) -> Option<Spanned<&'d str>> {
        let field = self.text(key)?;
        self.names_field(field.span(), field.get_ref());
        Some(field)
    }

    /// The schema id of a field whose value the step changes.
    pub(super) fn written_field(&self, key: &'static str) -> Option<Spanned<&'d str>> {
        let field = self.text(key)?;
        self.writes_field(field.span(), field.get_ref());
        Some(field)
    }

    /// The same, which must be there.
    pub(super) fn required_written_field(
        &self,
        key: &'static str,
        example: &str,
    ) -> Option<Spanned<&'d str>> {
        self.required_text(key, example)?;
        self.written_field(key)
    }

    /// The schema id of a field, which must be there.
    pub(super) fn required_field(&self, key: &'static str, example: &str) -> Option<Spanned<&'d str>> {
        let field = self.required_text(key, example)?;
        self.names(Named::new(field.span(), field.get_ref()).read());
        Some(field)
    }

    pub(super) fn document(&self) -> &'d Document<'d> {
        self.document
    }

    pub(super) fn place(&self) -> Place {
        self.place.clone()
    }

    /// Notes a mistake about this section as a whole.
    pub(super) fn wrong(&self, what: impl Into<String>, hint: impl Into<String>) {
        self.document.note(self.place(), what, Some(hint));
    }

    pub(super) fn value(&self, key: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.known.borrow_mut().push(key);
        self.table.get(key)
    }

    pub(super) fn is_table(&self, key: &'static str) -> bool {
        self.value(key).is_some_and(|value| value.get_ref().is_table())
    }

    pub(super) fn has(&self, key: &'static str) -> bool {
        self.value(key).is_some()
    }

    pub(super) fn place_of(&self, key: &'static str) -> Place {
        self.value(key).map_or_else(|| self.place(), Spanned::span)
    }

    /// Whether nothing was told yet of the value at this place.
    fn is_first(&self, place: Place) -> bool {
        let mut told = self.mismatched.borrow_mut();
        let is_first = !told.contains(&place.start);
        told.push(place.start);
        is_first
    }

    /// Told once of each value, however many read it.
    pub(super) fn mismatch(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) {
        self.mismatch_hinted(key, value, wanted, None);
    }

    /// The same, with how it is written.
    pub(super) fn mismatch_hinted(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        wanted: &str,
        hint: Option<String>,
    ) {
        if !self.is_first(value.span()) {
            return;
        }
        let found = match value.get_ref() {
            DeValue::Array(_) => "a list",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Float(_) => "a number",
            DeValue::Integer(_) => "a whole number",
            DeValue::String(_) => "a text",
            DeValue::Table(_) => "a table",
        };
        let hint = hint.or_else(|| self.rewritten(key, value, wanted));
        self.document.note(value.span(), format!("`{key}` is {found}, but must be {wanted}"), hint);
    }

    /// The value as it must be written, where it is clear what was meant.
    fn rewritten(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) -> Option<String> {
        let written = self.document.written(&value.span());
        let header = |open: &str, close: &str| Some(written.strip_prefix(open)?.split_once(close)?.0);
        match value.get_ref() {
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_)
                if wanted.starts_with("a text") =>
            {
                Some(format!("write `{key} = \"{written}\"`"))
            }
            DeValue::String(text) if wanted == "true or false" => {
                let is = matches!(&*text.to_ascii_lowercase(), "true" | "yes" | "on" | "1");
                let is_not = matches!(&*text.to_ascii_lowercase(), "false" | "no" | "off" | "0");
                (is || is_not).then(|| format!("write `{key} = {is}`, without quotes"))
            }
            DeValue::String(text) if wanted == "a whole number" => {
                let number = text.trim().parse::<i64>().ok()?;
                Some(format!("write `{key} = {number}`, without quotes"))
            }
            DeValue::Table(_) if wanted == "a list of tables" => {
                let name = header("[", "]")?;
                Some(format!("write `[[{name}]]` for `[{name}]`: there may be several"))
            }
            DeValue::Array(_) if wanted == "a table" => {
                let name = header("[[", "]]")?;
                Some(format!("write `[{name}]` for `[[{name}]]`: there is only one"))
            }
            _ => None,
        }
    }

    /// A text that says something. A blank one is noted: where it has a meaning, ask for [`Self::text_or_blank`].
    pub(super) fn text(&self, key: &'static str) -> Option<Spanned<&'d str>> {
        self.text_or_blank(key).filter(|text| self.says(key, text))
    }

    /// Whether a text is not blank; told once where it is, however many read it.
    pub(super) fn says(&self, key: &str, text: &Spanned<&str>) -> bool {
        let is_blank = text.get_ref().trim().is_empty();
        if is_blank && self.is_first(text.span()) {
            self.document.note(
                text.span(),
                format!("`{key}` is empty"),
                Some("write something, or leave the key out"),
            );
        }
        !is_blank
    }

    /// A folder, which is made where it is not there. A file in its place may be gone tomorrow: a server starts, and says so.
    pub(super) fn folder(&self, key: &'static str) -> Option<PathBuf> {
        let text = self.text(key)?;
        let path = self.document.resolve(text.get_ref());
        let is_file = match std::fs::metadata(&path) {
            Ok(there) => !there.is_dir(),
            Err(error) => error.kind() == std::io::ErrorKind::NotADirectory,
        };
        if is_file && self.is_first(text.span()) {
            let what = format!("`{key}` must be a folder, but {} is a file", path.display());
            let hint = "name a folder: Annex makes it if it does not exist".to_owned();
            self.document.doubt(&text.span(), what, hint);
        }
        Some(path)
    }

    /// A text that may be blank, which means something.
    pub(super) fn text_or_blank(&self, key: &'static str) -> Option<Spanned<&'d str>> {
        let value = self.value(key)?;
        if let Some(text) = value.get_ref().as_str() {
            return Some(Spanned::new(value.span(), text));
        }
        self.mismatch(key, value, "a text in quotes");
        None
    }

    /// A text that must be there.
    pub(super) fn required_text(&self, key: &'static str, example: &str) -> Option<Spanned<&'d str>> {
        self.require(key, example);
        self.text(key)
    }

    /// The same where a blank text means something.
    pub(super) fn required_text_or_blank(
        &self,
        key: &'static str,
        example: &str,
    ) -> Option<Spanned<&'d str>> {
        self.require(key, example);
        self.text_or_blank(key)
    }

    fn require(&self, key: &'static str, example: &str) {
        if !self.has(key) {
            self.wrong(format!("{} has no `{key}`", self.title), format!("write `{key} = {example}`"));
        }
    }

    /// Tells of a key that has no effect beside what else is said.
    pub(super) fn idle(&self, key: &'static str, why: &str) {
        if self.has(key) {
            self.remark(&self.place_of(key), &format!("`{key}` has no effect: {why}"));
        }
    }

    pub(super) fn boolean(&self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        let boolean = value.get_ref().as_bool();
        if boolean.is_none() {
            self.mismatch(key, value, "true or false");
        }
        boolean
    }

    /// A regular expression in the `regex` crate's syntax.
    pub(super) fn regex(&self, key: &'static str) -> Option<Regex> {
        // A blank one is a pattern, too: it finds blanks.
        let text =
            self.text_or_blank(key).filter(|text| !text.get_ref().is_empty() || self.says(key, text))?;
        match Regex::new(text.get_ref()) {
            Ok(regex) => Some(regex),
            Err(error) => {
                let cause = error.to_string();
                let last = cause.lines().last().unwrap_or_default().trim_start_matches("error: ");
                self.document.note(
                    text.span(),
                    format!("`{key}` is not a regular expression: {last}"),
                    Some("in '…' a \\ stands for itself; look-around and back-references are not supported"),
                );
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text_or_blank(key)?;
        let found = words.iter().find(|(word, _)| word == text.get_ref());
        if found.is_none() {
            let list = words.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
            let nearest = nearest(text.get_ref(), words.iter().map(|(word, _)| *word));
            let hint = nearest
                .map_or_else(|| format!("write one of {list}"), |word| format!("did you mean \"{word}\"?"));
            self.document.note(
                text.span(),
                format!("`{}` is not a value of `{key}`: it takes {list}", text.get_ref()),
                Some(hint),
            );
        }
        found.map(|(_, value)| *value)
    }

    pub(super) fn section(&self, key: &'static str) -> Option<Self> {
        let value = self.value(key)?;
        if let Some(table) = value.get_ref().as_table() {
            return Some(self.child(table, value.span(), format!("`{key}`")));
        }
        self.mismatch(key, value, "a table");
        None
    }

    /// A list of tables: `[[key]]`, or `key = [{ … }]`.
    pub(super) fn sections(&self, key: &'static str) -> Vec<Self> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let Some(array) = value.get_ref().as_array() else {
            self.mismatch(key, value, "a list of tables");
            return Vec::new();
        };
        array
            .iter()
            .filter_map(|element| {
                let table = element.get_ref().as_table();
                if table.is_none() {
                    self.mismatch(key, element, "a table");
                }
                table.map(|table| self.child(table, element.span(), format!("this `{key}`")))
            })
            .collect()
    }

    /// The value as text, which may be blank, or whole number, as an enum option's value may be.
    pub(super) fn text_or_integer(&self, key: &'static str) -> Option<Result<String, i64>> {
        match self.value(key)?.get_ref() {
            DeValue::Integer(_) => self.integer(key, i64::MIN..=i64::MAX).map(Err),
            _ => self.text_or_blank(key).map(|t| Ok(t.into_inner().to_owned())),
        }
    }

    /// The keys of a table whose keys are names of the user's own.
    pub(super) fn entries(&self) -> Vec<(Spanned<&'d str>, &'d Spanned<DeValue<'d>>)> {
        let entry = |(key, value): (&'d Spanned<_>, _)| {
            let name: &'d std::borrow::Cow<'d, str> = key.get_ref();
            (Spanned::new(key.span(), &**name), value)
        };
        self.table.iter().map(entry).collect()
    }

    /// Reports every key that nobody asked for.
    pub(super) fn finish(self) {
        let known = self.known.borrow();
        for key in self.table.keys().filter(|key| !known.contains(&&**key.get_ref())) {
            let hint = nearest(key.get_ref(), known.iter().copied()).map_or_else(
                || {
                    let mut names = known.clone();
                    names.sort_unstable();
                    names.dedup();
                    format!("{} takes: {}", self.title, names.join(", "))
                },
                |name| format!("did you mean `{name}`?"),
            );
            self.document.note(
                key.span(),
                format!("unknown key `{}` in {}", key.get_ref(), self.title),
                Some(hint),
            );
        }
    }
}
