//! `annex.toml` as written: values with their places, read section by section.
//!
//! A [`Section`] remembers which keys it was asked for; [`Section::finish`] reports all others as unknown, with
//! the nearest known name. Nothing here stops at the first mistake: each is noted, and reading goes on.

use std::cell::{OnceCell, RefCell};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use regex::Regex;
use rust_decimal::Decimal;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::database::Database;
use crate::store::{Asked, Reader};

use super::Purpose;
use super::databases::Databases;
use super::exports::Exports;
use super::mistake::Mistake;
pub(super) use super::nearest::nearest;
use super::secrets::Environment;
use super::units;

/// One file, its text and the mistakes found so far.
pub(super) struct Document<'e> {
    environment: Environment<'e>,
    pub(super) purpose: Purpose,
    name: String,
    text: String,
    /// Where relative paths in the file start.
    folder: PathBuf,
    mistakes: RefCell<Vec<(usize, Mistake)>>,
    secret_files: RefCell<Vec<PathBuf>>,
    /// Other files that were read beside it.
    pub(super) files: RefCell<Vec<PathBuf>>,
    store: OnceCell<Arc<Reader>>,
    exports: Exports,
    databases: Databases,
}

/// A place in the file: bytes from the start.
pub(super) type Place = Range<usize>;

impl<'e> Document<'e> {
    pub(super) fn new(path: &Path, text: String, purpose: Purpose, environment: Environment<'e>) -> Self {
        let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        Self {
            environment,
            purpose,
            name: path.display().to_string(),
            text,
            folder,
            mistakes: RefCell::default(),
            secret_files: RefCell::default(),
            files: RefCell::default(),
            store: OnceCell::new(),
            exports: Exports::default(),
            databases: Databases::default(),
        }
    }

    /// Says where the store is, before steps ask.
    pub(super) fn set_store(&self, state: &Path) {
        let _ = self.store.set(Arc::new(Reader::new(state)));
    }

    /// The store that steps read; one for all of them.
    pub(super) fn store(&self) -> Arc<Reader> {
        Arc::clone(self.store.get_or_init(|| Arc::new(Reader::new(&self.folder))))
    }

    /// The file as TOML; `None` where its syntax is broken, which is noted.
    pub(super) fn parse(&self) -> Option<Spanned<DeTable<'_>>> {
        let (table, errors) = DeTable::parse_recoverable(&self.text);
        for error in &errors {
            self.note(error.span().unwrap_or(0..0), format!("not TOML: {}", error.message()), None::<&str>);
        }
        errors.is_empty().then_some(table)
    }

    pub(super) fn root<'d>(&'d self, table: &'d Spanned<DeTable<'d>>) -> Section<'d> {
        Section::new(self, table.get_ref(), 0..0, "the file")
    }

    pub(super) fn note(&self, place: Place, what: impl Into<String>, hint: Option<impl Into<String>>) {
        let (line, column) = self.line_and_column(&place);
        let mistake =
            Mistake { file: self.name.clone(), line, column, what: what.into(), hint: hint.map(Into::into) };
        self.mistakes.borrow_mut().push((place.start, mistake));
    }

    fn line_and_column(&self, place: &Place) -> (usize, usize) {
        let before = self.text.get(..place.start).unwrap_or("");
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// A query that is looked at as soon as its database answers; messages then name its file and line.
    pub(super) fn check_later(&self, database: &Arc<Database>, place: &Place, asked: &Asked) {
        let named = format!("{}:{}", self.name, self.line_and_column(place).0);
        self.databases.add(database, named, asked);
    }

    /// A path in the file: relative ones start at the file's own folder.
    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    pub(super) fn exports(&self) -> &Exports {
        &self.exports
    }

    pub(super) fn databases(&self) -> &Databases {
        &self.databases
    }

    /// Where secrets of the environment come from.
    pub(super) fn environment(&self) -> Environment<'e> {
        self.environment
    }

    /// Remembers a file that a secret was read from.
    pub(super) fn add_secret_file(&self, path: &Path) {
        self.secret_files.borrow_mut().push(path.to_path_buf());
    }

    /// Reads a file that is named beside the configuration, and remembers it.
    pub(super) fn read_file(&self, path: &str) -> std::io::Result<String> {
        let path = self.resolve(path);
        let text = std::fs::read_to_string(&path);
        self.files.borrow_mut().push(path);
        text
    }

    pub(super) fn secret_files(&self) -> Vec<PathBuf> {
        self.secret_files.borrow().clone()
    }

    pub(super) fn into_mistakes(self) -> Vec<Mistake> {
        let mut mistakes = self.mistakes.into_inner();
        mistakes.sort_by_key(|(place, _)| *place);
        mistakes.into_iter().map(|(_, mistake)| mistake).collect()
    }
}

/// A table of the file.
pub(super) struct Section<'d> {
    document: &'d Document<'d>,
    table: &'d DeTable<'d>,
    place: Place,
    title: String,
    known: RefCell<Vec<&'static str>>,
}

impl<'d> Section<'d> {
    fn new(
        document: &'d Document<'d>,
        table: &'d DeTable<'d>,
        place: Place,
        title: impl Into<String>,
    ) -> Self {
        Self { document, table, place, title: title.into(), known: RefCell::default() }
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

    fn value(&self, key: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.known.borrow_mut().push(key);
        self.table.get(key)
    }

    pub(super) fn has(&self, key: &'static str) -> bool {
        self.value(key).is_some()
    }

    pub(super) fn place_of(&self, key: &'static str) -> Place {
        self.value(key).map_or_else(|| self.place(), Spanned::span)
    }

    fn mismatch(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) {
        let found = value.get_ref().type_str();
        self.document.note(value.span(), format!("`{key}` is {found}, but must be {wanted}"), None::<&str>);
    }

    pub(super) fn text(&self, key: &'static str) -> Option<Spanned<&'d str>> {
        let value = self.value(key)?;
        if let Some(text) = value.get_ref().as_str() {
            return Some(Spanned::new(value.span(), text));
        }
        self.mismatch(key, value, "a text in quotes");
        None
    }

    /// A text that must be there.
    pub(super) fn required_text(&self, key: &'static str, example: &str) -> Option<Spanned<&'d str>> {
        if !self.has(key) {
            self.wrong(format!("{} has no `{key}`", self.title), format!("write `{key} = {example}`"));
        }
        self.text(key)
    }

    /// A text or a list of texts.
    pub(super) fn texts(&self, key: &'static str) -> Option<Vec<Spanned<&'d str>>> {
        let value = self.value(key)?;
        let one = |value: &'d Spanned<DeValue<'d>>| {
            value.get_ref().as_str().map(|text| Spanned::new(value.span(), text))
        };
        let list = match value.get_ref() {
            DeValue::Array(array) => array.iter().map(one).collect::<Option<Vec<_>>>(),
            _ => one(value).map(|text| vec![text]),
        };
        if list.is_none() {
            self.mismatch(key, value, "a text in quotes, or a list of them");
        }
        list
    }

    /// A list of whatever.
    pub(super) fn list(&self, key: &'static str) -> Option<&'d [Spanned<DeValue<'d>>]> {
        let value = self.value(key)?;
        let list = value.get_ref().as_array().map(|array| &**array);
        if list.is_none() {
            self.mismatch(key, value, "a list");
        }
        list
    }

    /// Names of fields: at least one, none empty.
    pub(super) fn fields(&self, key: &'static str) -> Option<Vec<String>> {
        let names = self.texts(key)?;
        if names.is_empty() {
            self.document.note(
                self.place_of(key),
                format!("`{key}` names no field"),
                Some("write schema ids in quotes"),
            );
        }
        for name in names.iter().filter(|name| name.get_ref().trim().is_empty()) {
            self.document.note(name.span(), "an empty schema id", None::<&str>);
        }
        Some(names.into_iter().map(|name| name.into_inner().to_owned()).collect())
    }

    pub(super) fn boolean(&self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        let boolean = value.get_ref().as_bool();
        if boolean.is_none() {
            self.mismatch(key, value, "true or false");
        }
        boolean
    }

    pub(super) fn integer(&self, key: &'static str) -> Option<Spanned<i64>> {
        let value = self.value(key)?;
        let number =
            value.get_ref().as_integer().and_then(|n| i64::from_str_radix(n.as_str(), n.radix()).ok());
        if number.is_none() {
            self.mismatch(key, value, "a whole number");
        }
        number.map(|number| Spanned::new(value.span(), number))
    }

    /// A count of at least 1.
    pub(super) fn count(&self, key: &'static str) -> Option<usize> {
        let number = self.integer(key)?;
        let count = usize::try_from(*number.get_ref()).ok().filter(|n| *n > 0);
        if count.is_none() {
            self.document.note(number.span(), format!("`{key}` must be at least 1"), None::<&str>);
        }
        count
    }

    /// An exact decimal, in quotes or as a number.
    pub(super) fn decimal(&self, key: &'static str) -> Option<Decimal> {
        let value = self.value(key)?;
        let text = match value.get_ref() {
            DeValue::String(text) => &**text,
            DeValue::Integer(number) => number.as_str(),
            DeValue::Float(number) => number.as_str(),
            _ => "",
        };
        let decimal = Decimal::from_str_exact(text).ok().filter(|d| !d.is_sign_negative());
        if decimal.is_none() {
            self.document.note(
                value.span(),
                format!("`{key}` is no amount"),
                Some(format!("write `{key} = \"0.01\"`")),
            );
        }
        decimal
    }

    pub(super) fn duration(&self, key: &'static str) -> Option<Duration> {
        let text = self.text(key)?;
        let span = units::duration(text.get_ref());
        if span.is_none() {
            self.document.note(
                text.span(),
                format!("`{}` is no duration", text.get_ref()),
                Some("write `30s`, `5m` or `1h`"),
            );
        }
        span
    }

    pub(super) fn durations(&self, key: &'static str) -> Option<Vec<Duration>> {
        let read = |text: Spanned<&str>| {
            let span = units::duration(text.get_ref());
            if span.is_none() {
                let what = format!("`{}` is no duration", text.get_ref());
                self.document.note(text.span(), what, Some("write `30s`, `5m` or `1h`"));
            }
            span
        };
        self.texts(key)?.into_iter().map(read).collect()
    }

    pub(super) fn bytes(&self, key: &'static str) -> Option<usize> {
        let text = self.text(key)?;
        let size = units::bytes(text.get_ref()).filter(|size| *size > 0);
        if size.is_none() {
            self.document.note(
                text.span(),
                format!("`{}` is no size", text.get_ref()),
                Some("write `20MB` or `512KiB`"),
            );
        }
        size
    }

    /// A regular expression in the `regex` crate's syntax.
    pub(super) fn regex(&self, key: &'static str) -> Option<Regex> {
        let text = self.text(key)?;
        match Regex::new(text.get_ref()) {
            Ok(regex) => Some(regex),
            Err(error) => {
                let cause = error.to_string();
                let last = cause.lines().last().unwrap_or_default().trim_start_matches("error: ");
                self.document.note(
                    text.span(),
                    format!("`{key}` is no regular expression: {last}"),
                    Some("in '…' a \\ stands for itself; look-around and back-references are not supported"),
                );
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = words.iter().find(|(word, _)| word == text.get_ref());
        if found.is_none() {
            let list = words.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
            let nearest = nearest(text.get_ref(), words.iter().map(|(word, _)| *word));
            let hint = nearest
                .map_or_else(|| format!("write one of {list}"), |word| format!("did you mean \"{word}\"?"));
            self.document.note(
                text.span(),
                format!("`{}` is no value of `{key}`: it takes {list}", text.get_ref()),
                Some(hint),
            );
        }
        found.map(|(_, value)| *value)
    }

    pub(super) fn section(&self, key: &'static str) -> Option<Self> {
        let value = self.value(key)?;
        if let Some(table) = value.get_ref().as_table() {
            return Some(Self::new(self.document, table, value.span(), format!("`{key}`")));
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
                table.map(|table| Self::new(self.document, table, element.span(), format!("this `{key}`")))
            })
            .collect()
    }

    /// The value as text or whole number, as an enum option's value may be.
    pub(super) fn text_or_integer(&self, key: &'static str) -> Option<Result<String, i64>> {
        match self.value(key)?.get_ref() {
            DeValue::Integer(_) => self.integer(key).map(|n| Err(n.into_inner())),
            _ => self.text(key).map(|t| Ok(t.into_inner().to_owned())),
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
