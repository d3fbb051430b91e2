//! Ready-made searches in a customer's table: by value, and by similarity where `pg_trgm` is there, PostgreSQL searches;
//! otherwise the table is read to its end and compared here, as datasets are.

use std::fmt::Write as _;
use std::time::Instant;

use regex::Regex;

use crate::slices::{Budget, sliced};
use crate::store::{
    Comparable, Compared, Found, Keys, LONGEST, RANKED, Record, SCORE, Search, SearchKind, pattern, ranked,
};

use super::work::{Scan, Texts};
use super::{Column, Database, DatabaseError, record, rows_of};

/// A column as SQL, and what it is compared with.
type Given<'a> = (&'a Compared, &'a str);

impl Database {
    /// Searches until `deadline`; at most `most` records, the best first. A field that is empty finds nothing, and counts
    /// for nothing where several are weighed.
    pub(super) async fn search(
        &self,
        search: &Search,
        values: &[Option<String>],
        most: usize,
        deadline: Instant,
    ) -> Result<Found, DatabaseError> {
        let Some(given) = search.given(values) else { return Ok(Found::default()) };
        if let Some((compared, _)) = given.iter().find(|(_, value)| value.len() > LONGEST) {
            return Err(DatabaseError::LongText(compared.field.clone()));
        }
        let table = self.table(search, deadline).await?;
        let found = match search.kind {
            SearchKind::Exact => self.exact(search, &table, &given, most, deadline).await,
            SearchKind::Fuzzy(least) if self.has_trigrams(deadline).await? => {
                self.similar(search, &table, &given, (least, most.max(RANKED)), deadline).await
            }
            SearchKind::Fuzzy(_) => self.compare(search, &table, &given, most.max(RANKED), deadline).await,
            _ => self.compare(search, &table, &given, most, deadline).await,
        };
        let found = match (found, search.kind) {
            (Ok(found), SearchKind::Fuzzy(_)) => {
                let budget = Budget::until(deadline);
                let ranked = sliced(ranked(found, &given, search.decides, most, &budget)).await;
                ranked.map_err(|_| DatabaseError::TooLong) // of memory it takes none
            }
            (found, _) => found,
        };
        let is_other_table = match &found {
            Err(DatabaseError::Refused { code, .. }) => matches!(code.as_str(), "42P01" | "42703" | "42883"),
            Err(DatabaseError::NoColumn { .. }) => true,
            _ => false,
        };
        if is_other_table {
            self.forget(&search.dataset); // it was changed: the next one looks again
        }
        found
    }

    /// The table of a search, which has all its columns.
    pub(super) async fn table<'s>(
        &self,
        search: &'s Search,
        deadline: Instant,
    ) -> Result<Table<'s>, DatabaseError> {
        let table = Table { name: &search.dataset, columns: self.columns(&search.dataset, deadline).await? };
        let compared = search.compared.iter().map(|compared| &compared.column);
        for column in compared.chain(search.only.iter().map(|(column, _)| column)) {
            table.column(column)?;
        }
        Ok(table)
    }

    async fn columns(&self, table: &str, deadline: Instant) -> Result<Vec<Column>, DatabaseError> {
        if let Some(known) = self.known(table) {
            return Ok(known);
        }
        let name = quoted(table);
        let ask = Texts {
            sql: "SELECT (CASE t.typcategory WHEN 'S' THEN 't' ELSE 'o' END) || a.attname FROM pg_attribute a \
                  JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 \
                  AND NOT a.attisdropped ORDER BY a.attnum",
            values: vec![Some(&name)],
            least: None,
        };
        let rows = self.patiently(deadline, &ask).await?;
        let column = |row: &String| Column { is_text: row.starts_with('t'), name: row[1..].to_owned() };
        let columns: Vec<Column> = rows.iter().map(column).collect();
        if columns.is_empty() {
            return Err(DatabaseError::NoTable(table.to_owned()));
        }
        self.remember(table, &columns);
        Ok(columns)
    }

    async fn has_trigrams(&self, deadline: Instant) -> Result<bool, DatabaseError> {
        let ask = async || {
            let sql = "SELECT extname::text FROM pg_extension WHERE extname = 'pg_trgm'";
            let rows = self.patiently(deadline, &Texts { sql, values: Vec::new(), least: None }).await?;
            Ok(!rows.is_empty())
        };
        self.has_trigrams.get_or_try_init(ask).await.copied()
    }

    async fn exact(
        &self,
        search: &Search,
        table: &Table<'_>,
        given: &[Given<'_>],
        most: usize,
        deadline: Instant,
    ) -> Result<Found, DatabaseError> {
        let mut conditions = Vec::new();
        let mut values = Vec::new();
        for (compared, value) in given {
            values.push(*value);
            conditions.push(format!("{} = ${}", table.column(&compared.column)?, values.len()));
        }
        let only = table.only(search, &mut values)?;
        let sql = format!(
            "SELECT t.*, '1.00' AS {SCORE} FROM {} t WHERE {}{only}",
            quoted(&search.dataset),
            conditions.join(" AND ")
        );
        self.rows(&rows_of(&sql, most), &values, None, deadline).await
    }

    /// By `pg_trgm`'s `similarity`, which an index of the column serves.
    async fn similar(
        &self,
        search: &Search,
        table: &Table<'_>,
        given: &[Given<'_>],
        (least, most): (f64, usize),
        deadline: Instant,
    ) -> Result<Found, DatabaseError> {
        let (mut near, mut parts, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for (compared, value) in given {
            values.push(*value);
            let (column, at) = (table.column(&compared.column)?, values.len());
            // Who is near on the whole is near in one column at least: the mean is not above the largest.
            near.push(format!("{column} % ${at}"));
            parts.push(format!("{:?} * coalesce(similarity({column}, ${at}), 0)", compared.weight));
        }
        let only = table.only(search, &mut values)?;
        let weights: f64 = given.iter().map(|(compared, _)| compared.weight).sum();
        let score = format!("(({}) / {weights:?})", parts.join(" + "));
        let sql = format!(
            "SELECT t.*, to_char({score}, 'FM0.00') AS {SCORE} FROM {} t WHERE ({}){only} AND {score} >= {least:?} \
             ORDER BY {score} DESC",
            quoted(&search.dataset),
            near.join(" OR "),
        );
        self.rows(&rows_of(&sql, most), &values, Some(least), deadline).await
    }

    async fn rows(
        &self,
        sql: &str,
        values: &[&str],
        least: Option<f64>,
        deadline: Instant,
    ) -> Result<Found, DatabaseError> {
        let values = values.iter().copied().map(Some).collect();
        let rows = self.patiently(deadline, &Texts { sql, values, least }).await?;
        Ok(record::found(&rows))
    }

    /// Reads the whole table, and compares as a dataset's index does.
    async fn compare(
        &self,
        search: &Search,
        table: &Table<'_>,
        given: &[Given<'_>],
        most: usize,
        deadline: Instant,
    ) -> Result<Found, DatabaseError> {
        let compare = Compare::new(search.kind, given)?;
        let mut values = Vec::new();
        let only = table.only(search, &mut values)?;
        let sql = format!("SELECT row_to_json(t)::text FROM {} t WHERE true{only}", quoted(&search.dataset));
        self.patiently(deadline, &Scan { sql: &sql, values, compare, most }).await
    }
}

/// A table that is there, with its columns.
pub(super) struct Table<'t> {
    name: &'t str,
    columns: Vec<Column>,
}

impl Table<'_> {
    /// A column as a text, in SQL.
    fn column(&self, name: &str) -> Result<String, DatabaseError> {
        match self.columns.iter().find(|column| column.name == name) {
            Some(column) if column.is_text => Ok(format!("t.{}", quoted_part(name))),
            Some(_) => Ok(format!("t.{}::text", quoted_part(name))),
            None => Err(DatabaseError::NoColumn { table: self.name.to_owned(), column: name.to_owned() }),
        }
    }

    /// The values that columns must have, whatever the document, as conditions.
    fn only<'v>(&self, search: &'v Search, values: &mut Vec<&'v str>) -> Result<String, DatabaseError> {
        let mut conditions = String::new();
        for (column, value) in &search.only {
            values.push(value);
            let _ = write!(conditions, " AND {} = ${}", self.column(column)?, values.len()); // to a text: never fails
        }
        Ok(conditions)
    }
}

/// A name of SQL, `schema.table` too.
pub(super) fn quoted(name: &str) -> String {
    name.split('.').map(quoted_part).collect::<Vec<_>>().join(".")
}

fn quoted_part(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What records are compared with.
pub(super) struct Compare<'a> {
    kind: SearchKind,
    given: &'a [Given<'a>],
    normalized: Vec<Keys>,
    patterns: Vec<Regex>,
    comparable: Vec<Comparable>,
}

impl<'a> Compare<'a> {
    fn new(kind: SearchKind, given: &'a [Given<'a>]) -> Result<Self, DatabaseError> {
        let of = |(compared, value): &Given<'_>| {
            let (before, after) = &compared.around;
            pattern(&format!("{before}{}{after}", regex::escape(value)))
                .map_err(|_| DatabaseError::Other("a pattern with this value is too large".to_owned()))
        };
        let is_pattern = kind == SearchKind::Regex;
        let patterns = given.iter().filter(|_| is_pattern).map(of).collect::<Result<_, _>>()?;
        let normalized = given.iter().map(|(_, value)| Keys::new(value)).collect();
        let comparable = given.iter().map(|(_, value)| Comparable::new(value)).collect();
        Ok(Self { kind, given, normalized, patterns, comparable })
    }

    /// How much a record fits; `None` where it does not.
    pub(super) fn score(&self, columns: &[String], record: &Record) -> Option<f64> {
        let cell = |at: usize| {
            let name = &self.given[at].0.column;
            let place = columns.iter().position(|column| column == name)?;
            record.get(place)?.as_deref()
        };
        let all = |fits: &dyn Fn(usize, &str) -> bool| {
            (0..self.given.len()).all(|at| cell(at).is_some_and(|text| fits(at, text))).then_some(1.0)
        };
        match self.kind {
            SearchKind::Exact => all(&|at, text| text == self.given[at].1),
            // What is nothing once normalized is found nowhere.
            SearchKind::Normalized | SearchKind::Prefix if self.normalized.iter().any(Keys::is_empty) => None,
            SearchKind::Normalized => all(&|at, text| Keys::new(text).is_same(&self.normalized[at])),
            SearchKind::Prefix => all(&|at, text| Keys::new(text).begins_as(&self.normalized[at])),
            SearchKind::Regex => all(&|at, text| self.patterns[at].is_match(text)),
            SearchKind::Fuzzy(least) => {
                let weights: f64 = self.given.iter().map(|(compared, _)| compared.weight).sum();
                let of = |at: usize| {
                    self.given[at].0.weight * self.comparable[at].similarity(cell(at).unwrap_or_default())
                };
                let score = (0..self.given.len()).map(of).sum::<f64>() / weights;
                (score >= least).then_some(score)
            }
        }
    }
}
