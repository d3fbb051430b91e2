//! Where a step's list of values is: a file that is read with the configuration, a dataset, a query.

use std::path::PathBuf;
use std::time::Duration;

use crate::data::{self, Format, Layout};
use crate::steps::checks::{Among, Rule};
use crate::store::{Allowed, Asked, Compared, Decides, Dialect, Search, SearchKind};

use super::super::document::Place;
use super::super::known::Known;
use super::super::schemas::Named;
use super::super::section::Section;
use super::super::{List, datasets, tables};
use super::lookup;

/// For all values that a check looks up.
const TIME: Duration = Duration::from_secs(5);
/// The key that says where the values are.
const KINDS: [&str; 3] = ["file", "dataset", "sql"];
/// Keys of a file, which say nothing of anything else.
const OF_FILE: [&str; 7] = ["format", "separator", "encoding", "sheet", "head", "foot", "allow_shrink"];

/// `one_of = { … }` of a check, and what was said of its file.
pub(super) fn rule(
    section: &Section<'_>,
    fields: Option<Vec<String>>,
    known: &Known,
) -> Option<(Rule, Vec<String>)> {
    let own = section.section("one_of")?;
    let kinds: Vec<&str> = KINDS.into_iter().filter(|kind| own.has(kind)).collect();
    let (among, notes) = match kinds[..] {
        ["file"] => file(&own).map_or((None, Vec::new()), |(among, notes)| (Some(among), notes)),
        [kind] => (asked(&own, kind, fields.as_deref(), known), Vec::new()),
        _ => {
            let what = if kinds.is_empty() {
                "`one_of` does not say where the values are".to_owned()
            } else {
                format!("`one_of` has {}", kinds.join(" and "))
            };
            own.wrong(what, format!("give it one of: {}", KINDS.join(", ")));
            for key in OF_FILE.into_iter().chain(["column", "only", "database", "time"]) {
                own.has(key);
            }
            (None, Vec::new())
        }
    };
    own.finish();
    Some((Rule::Listed { fields: fields?, among: among? }, notes))
}

/// `{ file = "orders.csv", column = "number", only = { open = "1" } }`.
fn file(own: &Section<'_>) -> Option<(Among, Vec<String>)> {
    refuse(own, &["database", "time"], "a file is read with the configuration");
    let column = own.required_text("column", COLUMN).map(|column| *column.get_ref());
    let only = own.section("only").map(|only| lookup::only(&only)).unwrap_or_default();
    let columns: Vec<&str> =
        column.into_iter().chain(only.iter().map(|(column, _)| column.as_str())).collect();
    let rows = rows(own, &columns, "name the column with `column = \"…\"`, and check `separator`")?;
    column?;
    let fits =
        |cells: &Vec<String>| cells.iter().skip(1).zip(&only).all(|(cell, (_, wanted))| cell == wanted);
    let values = rows.cells.into_iter().filter(fits).filter_map(|cells| cells.into_iter().next());
    let values: std::collections::HashSet<String> = values.filter(|value| !value.trim().is_empty()).collect();
    let name = rows.path.display();
    if values.is_empty() && only.is_empty() {
        let what = format!("no record of {name} has a value in the column `{}`", columns.join("`"));
        own.document().note(own.place_of("file"), what, Some("name the column that has the values"));
    } else if values.is_empty() {
        // It may be so today: all orders are closed.
        let what = format!("`only` leaves no record of {name}: every value is wrong now");
        own.remark(&own.place_of("only"), &what);
    }
    let file = own.text("file")?.into_inner().to_owned();
    Some((Among::File { file, values }, rows.notes))
}

const COLUMN: &str = "\"number\", the column that has the values";

/// `{ dataset, column, only }` or `{ sql }`, of the store or of a database.
fn asked(own: &Section<'_>, kind: &str, fields: Option<&[String]>, known: &Known) -> Option<Among> {
    refuse(own, &OF_FILE, "it says how a `file` is read");
    let database = known.database(own);
    let time = own.time("time").unwrap_or(TIME);
    let dialect = if own.has("database") { Dialect::Postgres } else { Dialect::Sqlite };
    let place = own.place_of(if kind == "sql" { "sql" } else { "dataset" });
    let asked = if kind == "sql" {
        refuse(own, &["column", "only"], "the query in `sql` says it: `WHERE open = '1'`");
        let asked = lookup::sql(own, &own.text("sql")?, dialect);
        if let (Some(asked), Some(fields)) = (&asked, fields) {
            look_at_fields(own, &place, asked, fields);
        }
        asked
    } else {
        let dataset = own.required_text("dataset", "\"orders\", the name of a dataset");
        let column = own.required_text("column", COLUMN);
        let only = own.section("only").map(|only| lookup::only(&only)).unwrap_or_default();
        let (dataset, column) = (dataset?.into_inner().to_owned(), column?.into_inner().to_owned());
        // The field is the check's own: each of its values is asked for by itself.
        let compared =
            Compared { column, field: String::new(), weight: 1.0, around: <(String, String)>::default() };
        let (kind, decides) = (SearchKind::Exact, Decides::default());
        Some(Asked::Search(Search { dataset, kind, compared: vec![compared], only, decides }))
    };
    let asked = asked?;
    match &database {
        Some(database) => own.asks(database, &place, &asked),
        None if own.has("database") => return None, // it is wrong, and noted
        None => known.tables.look(own, &[(place.clone(), asked.clone())], &[]),
    }
    for note in asked.notes() {
        own.remark(&place, &note);
    }
    Some(Among::Asked { asked, database, time })
}

/// A query names the field whose values are checked, and may name others.
fn look_at_fields(own: &Section<'_>, place: &Place, asked: &Asked, fields: &[String]) {
    let names = asked.fields();
    for name in &names {
        own.names(Named::new(place.clone(), name).read());
    }
    match fields {
        [field] if !names.contains(&field.as_str()) => {
            let what = format!("the query does not name `{field}`, whose values the check looks up");
            let hint = format!("write it after a colon: `SELECT 1 FROM orders WHERE number = :{field}`");
            own.document().note(place.clone(), what, Some(hint));
        }
        [_] => {}
        _ => {
            let what = "a query looks up the values of one field, and `field` names several";
            let hint = "make a `[[hook.step.check]]` of each";
            own.document().note(place.clone(), what, Some(hint));
        }
    }
}

/// Keys that say nothing here.
fn refuse(own: &Section<'_>, keys: &[&'static str], why: &str) {
    for key in keys.iter().filter(|key| own.has(key)) {
        let what = format!("`{key}` has no effect here: {why}");
        own.document().note(own.place_of(key), what, Some("leave it out"));
    }
}

/// Some columns of a file of records.
pub(super) struct Rows {
    pub(super) path: PathBuf,
    /// Of each record the cells of the columns that were asked for.
    pub(super) cells: Vec<Vec<String>>,
    /// What is to be said of the file.
    pub(super) notes: Vec<String>,
}

/// Reads the columns of `file`, which counts as a part of the configuration from then on.
pub(super) fn rows(section: &Section<'_>, columns: &[&str], hint: &str) -> Option<Rows> {
    let document = section.document();
    let file = section.text("file")?;
    let path = document.resolve(file.get_ref());
    let allow_shrink = datasets::shrink(section).unwrap_or_else(|| Allowed::default().shrink);
    let layout = tables::layout(section, Some(&path), Some(Format::Csv))?;
    let layout = Layout { needs: columns.iter().map(|&column| column.to_owned()).collect(), ..layout };
    document.files.borrow_mut().push(path.clone());
    let note = |what: String, hint: Option<&str>| {
        document.note(file.span(), what, hint);
        None
    };
    let read = match data::read(&path, &layout) {
        Ok(read) => read,
        Err(error @ data::ReadError::Io { .. }) => {
            return note(error.to_string(), Some("relative paths start at the configuration file"));
        }
        Err(error) => return note(error.of(&path), None),
    };
    let column = |name: &&str| read.columns.iter().position(|column| column == name);
    let places: Option<Vec<usize>> = columns.iter().map(column).collect();
    let Some(places) = places else {
        let have = read.columns.join(", ");
        let (word, wanted) = (if columns.len() == 1 { "column" } else { "columns" }, columns.join("` and `"));
        return note(format!("{} has no {word} `{wanted}`; it has: {have}", path.display()), Some(hint));
    };
    let mut cells = Vec::new();
    for record in read.records {
        match record {
            Ok((_, record)) => {
                let cell = |at: &usize| record.get(*at).cloned().flatten().unwrap_or_default();
                cells.push(places.iter().map(cell).collect());
            }
            Err(error) => return note(error.of(&path), None),
        }
    }
    if cells.is_empty() {
        return note(format!("{} has no records", path.display()), Some("add a line below the header"));
    }
    document.lists.borrow_mut().push(List {
        file: path.clone(),
        layout,
        records: cells.len(),
        allow_shrink,
        place: document.named(&file.span()),
    });
    let notes = read.notes.texts().into_iter().map(|note| format!("{}: {note}", path.display())).collect();
    Some(Rows { path, cells, notes })
}
