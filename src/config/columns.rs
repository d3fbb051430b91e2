//! The datasets and their columns, and what steps ask of them: checked before a delivery does.
//!
//! A dataset's columns are those of the store, where it was imported, or else those of the file that is to be imported.
//! They change without this file, so what contradicts them keeps no server from starting: `annex check` refuses it, the
//! server says it in its log.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::data::{self, Format, Watched};
use crate::pipeline::{Missing, Never};
use crate::store::{Asked, Keyed, Query, SCORE, SearchKind, Table, bare_numbers, columns_of, tables};

use super::document::Place;
use super::section::Section;
use crate::steps::nearest::nearest;

/// A file that must be read whole for its columns is looked into up to this size: a reload waits for it.
const LARGEST: u64 = 2_000_000;

pub(super) struct Tables {
    state: PathBuf,
    declared: Vec<Watched>,
    known: OnceCell<Found>,
    /// The datasets that steps ask, in small letters.
    asked: RefCell<BTreeSet<String>>,
}

/// What there is.
#[derive(Default)]
struct Found {
    tables: Vec<Table>,
    /// Declared, and its columns are not known: there is no file yet, or a large one.
    unread: Vec<String>,
    /// Why the store's are not among them.
    unknown: Option<String>,
}

/// The column that something is taken from, and where it is named.
pub(super) struct Wanted {
    pub(super) place: Place,
    pub(super) column: String,
}

impl Tables {
    pub(super) fn new(state: &Path, declared: &[Watched]) -> Self {
        Self {
            state: state.to_owned(),
            declared: declared.to_vec(),
            known: OnceCell::new(),
            asked: RefCell::default(),
        }
    }

    /// Whether a step asks a dataset.
    pub(super) fn is_asked(&self, name: &str) -> bool {
        self.asked.borrow().contains(&name.to_lowercase())
    }

    fn found(&self) -> &Found {
        self.known.get_or_init(|| {
            let mut found = Found::default();
            match tables(&self.state) {
                Ok(Some(tables)) => found.tables = tables,
                Ok(None) => found.unknown = Some("nothing was imported yet".to_owned()),
                Err(error) => found.unknown = Some(error.to_string()),
            }
            for declared in &self.declared {
                let known = found.tables.iter_mut().find(|table| table.name == declared.name);
                match (known, columns_in(declared)) {
                    (Some(table), _) => table.near.extend(declared.near.iter().cloned()),
                    (None, Some(columns)) => {
                        let (name, near) = (declared.name.clone(), declared.near.clone());
                        found.tables.push(Table { name, columns, near, records: 0 });
                    }
                    (None, None) => found.unread.push(declared.name.clone()),
                }
            }
            found
        })
    }

    /// The queries of a step, and the columns that it takes from what they give.
    pub(super) fn look(&self, section: &Section<'_>, queries: &[(Place, Asked)], wanted: &[Wanted]) {
        for (place, asked) in queries {
            let gives = match asked {
                Asked::Sql(query) => self.sql(section, place, query),
                Asked::Search(search) => self.table(section, place, &search.dataset).map(|table| {
                    let compared = search.compared.iter().map(|one| &one.column);
                    for column in compared.chain(search.only.iter().map(|(column, _)| column)) {
                        column_of(section, place, table, column);
                    }
                    for (column, value) in &search.only {
                        self.only(section, place, table, column, value);
                    }
                    // Which of the columns are found by their index of similar texts.
                    let (kind, count) = match search.kind {
                        SearchKind::Fuzzy(_) => ("fuzzy", search.compared.len()),
                        SearchKind::Normalized => ("normalized", 1),
                        SearchKind::Prefix => ("prefix", 1),
                        SearchKind::Exact | SearchKind::Regex => ("", 0),
                    };
                    let near = search.compared.iter().take(count);
                    for one in near.filter(|one| table.columns.contains(&one.column)) {
                        self.near(section, place, table, &one.column, kind);
                    }
                    table.columns.iter().cloned().chain([SCORE.to_owned()]).collect()
                }),
                Asked::Documents(query) => {
                    let is_told = Cell::new(false);
                    let columns = |dataset: &str| {
                        let table = self.table(section, place, dataset);
                        is_told.set(is_told.get() || table.is_none());
                        table.map(|table| table.columns.clone())
                    };
                    let looked = query.look(&columns);
                    for Missing { stage, column, known } in looked.missing {
                        let what = format!("`{stage}` reads `{column}`, which nothing before it gives");
                        section.document().doubt(place, what, near_hint(&column, &known));
                    }
                    for Never { stage, column, value } in looked.never {
                        let what = format!(
                            "`{stage}` compares `{column}` with {value}: all values of a dataset are texts, and none is equal to it"
                        );
                        let hint = format!("write it as the dataset has it, such as `\"{value}\"`");
                        section.document().doubt(place, what, hint);
                    }
                    if looked.gives.is_none() && !wanted.is_empty() && !is_told.get() {
                        let what = "the columns that a query gives: they depend on what it finds";
                        section.document().leave_unchecked(place, what);
                    }
                    looked.gives.map(|gives| gives.into_iter().chain([SCORE.to_owned()]).collect())
                }
            };
            let Some(gives) = gives else { continue };
            for Wanted { place, column } in wanted.iter().filter(|wanted| !gives.contains(&wanted.column)) {
                let hint = near_hint(column, &gives);
                section.document().doubt(place, format!("the queries give no column `{column}`"), hint);
            }
        }
    }

    /// The columns that a query in SQL gives.
    fn sql(&self, section: &Section<'_>, place: &Place, query: &Query) -> Option<Vec<String>> {
        let (found, sql) = (self.found(), &query.sql);
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        let words = sql.split(|c: char| !is_name(c)).map(str::to_lowercase);
        // A name with other signs stands in quotes.
        let quoted = self.declared.iter().map(|one| one.name.to_lowercase());
        let quoted = quoted.filter(|name| !name.chars().all(is_name) && sql.to_lowercase().contains(name));
        self.asked.borrow_mut().extend(words.chain(quoted));
        let wrong = match columns_of(sql, &found.tables) {
            Ok(columns) => {
                numbers(section, place, query, &found.tables);
                return Some(columns);
            }
            Err(wrong) => wrong,
        };
        let name = |words: &str| wrong.split_once(words).map(|(_, name)| name.trim().to_owned());
        if let Some(table) = name("no such table: ") {
            self.table(section, place, &table);
        } else if let Some((text, _)) =
            name("no such column: ").as_deref().and_then(|column| column.split_once(" - should this be"))
        {
            let what = format!("{text} in this query is the name of a column, which no dataset has");
            let hint = format!("a text is in single quotes: write '{}'", text.trim_matches('"'));
            section.document().doubt(place, what, hint);
        } else if let Some(column) = name("no such column: ") {
            let plain = column.rsplit('.').next().unwrap_or(&column);
            let all: Vec<String> = found.tables.iter().flat_map(|table| table.columns.clone()).collect();
            let what = format!("the datasets have no column `{column}`, which this query names");
            section.document().doubt(place, what, near_hint(plain, &all));
        } else {
            let hint = Some("SQLite's words; its language: https://sqlite.org/lang_select.html".to_owned());
            section.document().note(place.clone(), format!("this query cannot be run: {wrong}"), hint);
        }
        None
    }

    /// A dataset that is named.
    fn table(&self, section: &Section<'_>, place: &Place, name: &str) -> Option<&Table> {
        self.asked.borrow_mut().insert(name.to_lowercase());
        let found = self.found();
        let table = found.tables.iter().find(|table| table.name.eq_ignore_ascii_case(name));
        if table.is_none() {
            let known = found.tables.iter().map(|table| &table.name).chain(&found.unread);
            let near = nearest(name, known.clone().map(String::as_str));
            if known.clone().any(|known| known == name) {
                let what = format!("the dataset `{name}`: its columns are not known yet");
                section.document().leave_unchecked(place, &what);
            } else if near.is_none()
                && let Some(why) = &found.unknown
            {
                section.document().leave_unchecked(place, &format!("the dataset `{name}`: {why}"));
            } else {
                let hint = near.map_or_else(
                    || format!("declare it by `[[dataset]]`, or: annex data import {name} FILE"),
                    |near| format!("did you mean `{near}`?"),
                );
                section.document().doubt(place, format!("there is no dataset `{name}`"), hint);
            }
        }
        table
    }

    /// `only` with a value that no record of the dataset's file has: nothing would be found.
    fn only(&self, section: &Section<'_>, place: &Place, table: &Table, column: &str, value: &str) {
        let declared = self.declared.iter().find(|declared| declared.name == table.name);
        let Some(values) = declared.and_then(|declared| values_in(declared, column)) else { return };
        if values.is_empty() || values.iter().any(|known| known.trim() == value.trim()) {
            return;
        }
        let what =
            format!("no record of `{}` has `{value}` in `{column}`: nothing would be found", table.name);
        let same = values.iter().find(|known| known.to_lowercase() == value.to_lowercase());
        let hint = same.map_or_else(|| near_hint(value, &values), |same| format!("did you mean `{same}`?"));
        section.document().doubt(place, what, hint);
    }

    fn near(&self, section: &Section<'_>, place: &Place, table: &Table, column: &str, kind: &str) {
        if !table.near.iter().any(|known| known == column) {
            let Table { name, .. } = table;
            let what = format!("`{name}` has no index of similar texts for `{column}`, which `{kind}` needs");
            let is_declared = self.declared.iter().any(|declared| declared.name == *name);
            let hint = if is_declared {
                format!("add `near = [\"{column}\"]` to its `[[dataset]]`")
            } else {
                format!("annex data import {name} FILE --near {column}")
            };
            section.document().doubt(place, what, hint);
        }
    }
}

/// A number that a query in SQL compares with what is a text.
fn numbers(section: &Section<'_>, place: &Place, query: &Query, tables: &[Table]) {
    let sql = query.sql.to_lowercase();
    let asked = tables.iter().filter(|table| sql.contains(&table.name.to_lowercase()));
    let columns: Vec<String> = asked.flat_map(|table| table.columns.iter().cloned()).collect();
    for bare in bare_numbers(query, &columns) {
        let result = if bare.holds { "always" } else { "never" };
        let what = format!(
            "`{}` {result} holds: all columns and fields are texts here, and SQLite takes no text for a number",
            bare.text
        );
        section.document().doubt(place, what, format!("write {}", bare.cure));
    }
}

/// A column that is named of a dataset.
fn column_of(section: &Section<'_>, place: &Place, table: &Table, column: &str) {
    if !table.columns.iter().any(|known| known.eq_ignore_ascii_case(column)) {
        let what = format!("the dataset `{}` has no column `{column}`", table.name);
        section.document().doubt(place, what, near_hint(column, &table.columns));
    }
}

fn near_hint(column: &str, known: &[String]) -> String {
    let near = nearest(column, known.iter().map(String::as_str));
    near.map_or_else(
        || format!("there are: {}", known.iter().take(20).cloned().collect::<Vec<_>>().join(", ")),
        |near| format!("did you mean `{near}`?"),
    )
}

/// The columns of a file that is to be imported, where it is there and not too large to know.
fn columns_in(watched: &Watched) -> Option<Vec<String>> {
    if !watched.file.exists() || is_large(watched) && !is_lazy(watched) {
        return None;
    }
    data::read(&watched.file, &watched.layout).ok().map(|records| records.columns)
}

/// Whether a file is read whole for its columns.
fn is_lazy(watched: &Watched) -> bool {
    watched.layout.format == Format::Csv && watched.layout.encoding.is_none()
}

fn is_large(watched: &Watched) -> bool {
    std::fs::metadata(&watched.file).is_ok_and(|file| file.len() > LARGEST)
}

/// The values that a column of a file has, each once; `None` where the file is too large to look through.
fn values_in(watched: &Watched, column: &str) -> Option<Vec<String>> {
    let size = std::fs::metadata(&watched.file).ok()?.len();
    if size > LARGEST {
        return None;
    }
    let read = data::read(&watched.file, &watched.layout).ok()?;
    let at = read.columns.iter().position(|known| known.eq_ignore_ascii_case(column))?;
    let mut values = BTreeSet::new();
    for record in read.records {
        let (_, mut record) = record.ok()?;
        values.insert(record.get_mut(at).and_then(Option::take).unwrap_or_default());
    }
    Some(values.into_iter().collect())
}

/// A `[[dataset]]`: whether its file would be imported, and the columns that it names in it. `before` is how many records the
/// store has of it.
pub(super) fn look_at_file(section: &Section<'_>, watched: &Watched, before: Option<u64>) {
    if !watched.file.exists() {
        let what = format!("there is no file {} yet", watched.file.display());
        section.document().leave_unchecked(&section.place_of("file"), &what);
        return;
    }
    let place = section.place_of("file");
    let refused = |problem: String| {
        let hint = "correct the file: it would not be imported, and the old records stay".to_owned();
        section.document().doubt_of_import(&place, problem, hint);
    };
    let unread = |what: &str| {
        let what = format!("{what} of {}: it is larger than {LARGEST} bytes", watched.file.display());
        section.document().leave_unchecked(&place, &what);
    };
    let is_large = is_large(watched);
    if is_large && !is_lazy(watched) {
        unread("columns and records");
        return;
    }
    let read = match data::read(&watched.file, &watched.layout) {
        Ok(read) => read,
        Err(problem) => return refused(problem.of(&watched.file)),
    };
    let (columns, notes) = (read.columns, read.notes);
    if is_large {
        unread("the records");
    } else {
        let mut keyed = Keyed::new(&columns, &watched.key);
        let mut records = read.records.map(|record| {
            let (line, record) = record.map_err(|problem| problem.of(&watched.file))?;
            let wrong = |problem| format!("{}: line {line}: {problem}", watched.file.display());
            keyed.add(line, &record).map_err(wrong)
        });
        let mut count = 0;
        match records.find_map(|record| record.map(|()| count += 1).err()) {
            Some(problem) => refused(problem),
            None => look_at_count(section, watched, before.unwrap_or_default(), count),
        }
        drop(records);
        for doubt in notes.doubts() {
            section.remark(&place, &format!("{}: {doubt}", watched.file.display()));
        }
    }
    for (key, named) in [("key", &watched.key), ("index", &watched.indexed), ("near", &watched.near)] {
        for column in named.iter().filter(|column| !columns.contains(column)) {
            let what = format!("{} has no column `{column}`", watched.file.display());
            section.document().doubt_of_import(&section.place_of(key), what, near_hint(column, &columns));
        }
    }
}

/// Fewer records than may take the place of those before, or none.
fn look_at_count(section: &Section<'_>, watched: &Watched, before: u64, count: u64) {
    let file = watched.file.display();
    let (what, hint) = match watched.allowed.check(before, count) {
        Ok(()) => return,
        Err(_) if count == 0 => (
            format!("{file} has no records: it would not be imported"),
            "add records, or write `allow_empty = true`",
        ),
        Err(_) => (
            format!("{file} has {count} records, and the dataset has {before}: it would not be imported"),
            "is the file complete? If the others should go, write `allow_shrink = 100`",
        ),
    };
    section.document().doubt_of_import(&section.place_of("file"), what, hint.to_owned());
}
