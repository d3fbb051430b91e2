//! `annex.toml` as written, and the mistakes that were found in it.
//!
//! Nothing here stops at the first mistake: each is noted, and reading goes on.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use toml::Spanned;
use toml::de::DeTable;

use crate::data;
use crate::shown::quoted;

use super::json_places::lines_of;
use super::mistake::Mistake;
use super::secrets::Environment;
use super::section::Section;
use super::{List, Purpose};

/// One file, its text and the mistakes found so far.
pub(super) struct Document<'e> {
    environment: Environment<'e>,
    pub(super) purpose: Purpose,
    name: String,
    text: String,
    /// Where relative paths in the file start.
    folder: PathBuf,
    mistakes: RefCell<Vec<(usize, Mistake)>>,
    /// What contradicts data that change without the file.
    doubts: RefCell<Vec<(usize, Mistake)>>,
    /// Those of them that importing a file tells too.
    of_imports: RefCell<Vec<String>>,
    /// What could not be checked, and why.
    unchecked: RefCell<Vec<String>>,
    /// What is not wrong, and yet worth knowing, of what is no step's.
    remarks: RefCell<Vec<String>>,
    /// With which no server starts.
    refused_to_serve: RefCell<Vec<Mistake>>,
    secret_files: RefCell<Vec<PathBuf>>,
    /// Lists of records among them.
    pub(super) lists: RefCell<Vec<List>>,
    /// JSON that was read, by its name.
    jsons: RefCell<HashMap<String, String>>,
    /// Other files that were read beside it.
    pub(super) files: RefCell<Vec<PathBuf>>,
}

/// The text of a file in UTF-8, without a byte order mark.
pub(super) fn read_text(path: &Path) -> io::Result<String> {
    let bytes = std::fs::read(path)?;
    let file = path.display().to_string();
    let from = |what: String, encoding: &str| {
        let cure = format!("iconv -f {encoding} -t UTF-8 {0} > utf8.txt && mv utf8.txt {0}", quoted(&file));
        io::Error::new(io::ErrorKind::InvalidData, format!("{what}: save it as UTF-8: {cure}"))
    };
    if bytes.starts_with(&[0xFF, 0xFE, 0, 0]) || bytes.starts_with(&[0, 0, 0xFE, 0xFF]) {
        return Err(from("it is in UTF-32".to_owned(), "UTF-32"));
    }
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err(from("it is in UTF-16".to_owned(), "UTF-16"));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.split(|byte| *byte == b'\n').count();
        // Which of the old encodings it is, its writer knows; this one is the most frequent.
        from(format!("a character in line {line} is not UTF-8"), "WINDOWS-1252")
    })?;
    if let Some((before, _)) = text.split_once('\0') {
        let line = before.matches('\n').count() + 1;
        let encoding = if text.starts_with('\0') { "UTF-16BE" } else { "UTF-16LE" };
        return Err(from(format!("line {line} has bytes of zero, as UTF-16 and UTF-32 have"), encoding));
    }
    match text.strip_prefix('\u{feff}') {
        Some(rest) => Ok(rest.to_owned()),
        None => Ok(text),
    }
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
            doubts: RefCell::default(),
            of_imports: RefCell::default(),
            unchecked: RefCell::default(),
            remarks: RefCell::default(),
            refused_to_serve: RefCell::default(),
            secret_files: RefCell::default(),
            lists: RefCell::default(),
            jsons: RefCell::default(),
            files: RefCell::default(),
        }
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
        let mistake = self.mistake(&place, what.into(), hint.map(Into::into));
        self.mistakes.borrow_mut().push((place.start, mistake));
    }

    /// The same of code, with the line that it is about.
    pub(super) fn note_with(
        &self,
        place: &Place,
        what: String,
        hint: Option<String>,
        excerpt: Option<(String, usize)>,
    ) {
        let mistake = Mistake { excerpt, ..self.mistake(place, what, hint) };
        self.mistakes.borrow_mut().push((place.start, mistake));
    }

    /// The same in a file beside it, at a line and column of that file.
    pub(super) fn note_in_file(
        &self,
        place: &Place,
        (file, (line, column)): (&str, (usize, usize)),
        what: String,
        hint: Option<String>,
        excerpt: Option<(String, usize)>,
    ) {
        let mistake = Mistake { file: file.to_owned(), line, column, what, hint, excerpt };
        self.mistakes.borrow_mut().push((place.start, mistake));
    }

    /// Notes what contradicts data as they are now: no reason not to start.
    pub(super) fn doubt(&self, place: &Place, what: String, hint: String) {
        let mistake = self.mistake(place, what, Some(hint));
        let mut doubts = self.doubts.borrow_mut();
        // Several queries may lack the same.
        if !doubts.iter().any(|(at, known)| *at == place.start && known.what == mistake.what) {
            doubts.push((place.start, mistake));
        }
    }

    /// The same of a file that a server is about to import, which says so itself.
    pub(super) fn doubt_of_import(&self, place: &Place, what: String, hint: String) {
        self.of_imports.borrow_mut().push(what.clone());
        self.doubt(place, what, hint);
    }

    pub(super) fn of_imports(&self) -> Vec<String> {
        self.of_imports.take()
    }

    /// Says what is not wrong, and yet worth knowing, where no step is to say it.
    pub(super) fn remark(&self, place: &Place, what: &str) {
        self.remarks.borrow_mut().push(format!("{}: {what}", self.named(place)));
    }

    pub(super) fn remarks(&self) -> Vec<String> {
        self.remarks.take()
    }

    /// Notes what could not be checked: it is not said to hold.
    pub(super) fn leave_unchecked(&self, place: &Place, what: &str) {
        self.unchecked.borrow_mut().push(format!("{}: {what}", self.named(place)));
    }

    pub(super) fn unchecked(&self) -> Vec<String> {
        self.unchecked.take()
    }

    /// Notes what a server does not start with, and other commands work with.
    pub(super) fn refuse_to_serve(&self, place: &Place, what: String, hint: &str) {
        let mistake = self.mistake(place, what, Some(hint.to_owned()));
        self.refused_to_serve.borrow_mut().push(mistake);
    }

    pub(super) fn refused_to_serve(&self) -> Vec<Mistake> {
        self.refused_to_serve.take()
    }

    fn mistake(&self, place: &Place, what: String, hint: Option<String>) -> Mistake {
        let (line, column) = self.line_and_column(place);
        Mistake { file: self.name.clone(), line, column, what, hint, excerpt: None }
    }

    pub(super) fn has_mistakes(&self) -> bool {
        !self.mistakes.borrow().is_empty()
    }

    /// What contradicts data as they are now, in the order of the lines.
    pub(super) fn doubts(&self) -> Vec<Mistake> {
        let mut doubts = self.doubts.take();
        doubts.sort_by_key(|(place, _)| *place);
        doubts.into_iter().map(|(_, doubt)| doubt).collect()
    }

    fn line_and_column(&self, place: &Place) -> (usize, usize) {
        let before = self.text.get(..place.start).unwrap_or("");
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// The place of a byte of a text that stands in the file as it is; `None` where it is written in another way.
    pub(super) fn within(&self, place: &Place, text: &str, at: usize) -> Option<Place> {
        let start = place.start + self.text.get(place.clone())?.find(text)? + at;
        Some(start..place.end.max(start))
    }

    /// What stands in the file at a place.
    pub(super) fn written(&self, place: &Place) -> &str {
        self.text.get(place.clone()).unwrap_or_default()
    }

    /// The file and the line of a place, as later messages name it.
    pub(super) fn named(&self, place: &Place) -> String {
        format!("{}:{}", self.name, self.line_and_column(place).0)
    }

    /// A path in the file: relative ones start at the file's own folder.
    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        self.folder.join(path)
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
    pub(super) fn read_file(&self, path: &str) -> io::Result<String> {
        let path = self.resolve(path);
        let text = read_text(&path);
        self.files.borrow_mut().push(path);
        text
    }

    /// JSON of a file that is named beside the configuration. Keys that stand twice in it are noted: only the last would
    /// count.
    pub(super) fn json(&self, place: &Place, name: &str, text: &str) -> Result<Json, serde_json::Error> {
        let (json, twice) = data::json(text)?;
        self.jsons.borrow_mut().insert(name.to_owned(), text.to_owned());
        for key in twice {
            let what = format!("{name}: `{key}` appears twice, and only the second would count");
            self.note(place.clone(), what, Some("keep one of them"));
        }
        Ok(json)
    }

    /// The items or keys of JSON that was read, each with its place: `rules.json:12`.
    pub(super) fn places_in_json(&self, name: &str, within: Option<&str>) -> Vec<(String, String)> {
        let jsons = self.jsons.borrow();
        let lines = jsons.get(name).map(|text| lines_of(text, within)).unwrap_or_default();
        lines.into_iter().map(|(key, line)| (key, format!("{name}:{line}"))).collect()
    }

    pub(super) fn secret_files(&self) -> Vec<PathBuf> {
        self.secret_files.borrow().clone()
    }

    pub(super) fn into_mistakes(self) -> Vec<Mistake> {
        let mut mistakes = self.mistakes.into_inner();
        if !mistakes.is_empty() {
            mistakes.extend(self.doubts.into_inner()); // whoever mends the one mends the other
        }
        mistakes.sort_by_key(|(place, _)| *place);
        mistakes.into_iter().map(|(_, mistake)| mistake).collect()
    }
}
