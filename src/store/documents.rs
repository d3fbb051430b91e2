//! Datasets as documents, for queries in MongoDB's language.
//!
//! What an index of the dataset serves (equality) SQLite looks up, the rest is looked at record by record. For `$search` the
//! words of a column are kept in memory, and gathered again after an import.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{AssertSqlSafe, Row as _};
use tokio::sync::OnceCell;

use crate::pipeline::{Condition, Document, Index, Query, Reading, Records, RunError, Search, Value};

use super::datasets::quoted;
use super::query::{Found, Reader, text};
use super::{StoreError, query::until};

/// Documents that `$search` gives to the next stage.
const MOST_FOUND: usize = 1_000;
/// Texts that SQLite looks up at a time; more are looked at one by one.
const MOST_TEXTS: usize = 10_000;
/// Sets of columns whose words are kept.
const MOST_INDEXES: usize = 16;
/// Records between two looks at the clock.
const LOOK: usize = 1_000;

/// The words of datasets that were searched, by dataset and columns.
#[derive(Default)]
pub(super) struct Words {
    known: Mutex<HashMap<(String, Vec<String>), Kept>>,
}

/// Words as they were at one version of the database.
struct Kept {
    version: i64,
    index: Arc<OnceCell<Arc<Index>>>,
}

impl Reader {
    /// Runs a query with the values of its fields until `deadline`; of its documents the first `most`.
    pub(super) async fn documents(
        &self,
        query: &Query,
        values: &[Option<String>],
        most: usize,
        deadline: Instant,
    ) -> Result<Found, StoreError> {
        let ready = query.ready(&|name| {
            let at = query.fields.iter().position(|field| field == name);
            at.and_then(|at| values.get(at)?.clone()).unwrap_or_default()
        });
        let ready = ready.map_err(|mistake| StoreError::Query(mistake.to_string()))?;
        let records = Documents { reader: self, deadline };
        let found = until(deadline, async {
            ready.run(&records).await.map_err(|error| match error {
                RunError::TooLong => StoreError::TooLong,
                RunError::Records(error) => match error.downcast::<StoreError>() {
                    Ok(error) => *error,
                    Err(error) => StoreError::Query(error.to_string()),
                },
                other => StoreError::Query(other.to_string()),
            })
        });
        Ok(as_found(found.await?, most))
    }
}

/// Documents side by side: a column for each name that one of them has.
fn as_found(documents: Vec<Document>, most: usize) -> Found {
    let mut found = Found::default();
    let documents = documents.into_iter().take(most).collect::<Vec<_>>();
    for (name, _) in documents.iter().flat_map(|document| &document.0) {
        if !found.columns.iter().any(|known| **known == **name) {
            found.columns.push(name.to_string());
        }
    }
    for document in &documents {
        found.records.push(found.columns.iter().map(|name| document.get(name).text()).collect());
    }
    found
}

/// The records of a store, read until a deadline.
struct Documents<'r> {
    reader: &'r Reader,
    deadline: Instant,
}

/// A dataset that is there.
struct Dataset {
    columns: Vec<Arc<str>>,
    version: i64,
}

impl Records for Documents<'_> {
    fn read<'a>(&'a self, dataset: &'a str, condition: Option<&'a Condition>) -> Reading<'a, Vec<Document>> {
        Box::pin(async move {
            let known = self.dataset(dataset).await?;
            let has = |column: &str| known.columns.iter().any(|name| **name == *column);
            let needs = condition.and_then(Condition::needs).filter(|needs| needs.len() <= MOST_TEXTS);
            // A column that no record has is equal to no text.
            let needs =
                needs.map(|needs| needs.into_iter().filter(|(column, _)| has(column)).collect::<Vec<_>>());
            let mut statement = format!("SELECT * FROM {}", quoted(dataset));
            let mut texts: Vec<&str> = Vec::new();
            if let Some(needs) = needs {
                if needs.is_empty() {
                    return Ok(Vec::new());
                }
                let mut by_column: Vec<(&str, Vec<&str>)> = Vec::new();
                for (column, text) in needs {
                    match by_column.iter_mut().find(|(known, _)| *known == column) {
                        Some((_, texts)) => texts.push(text),
                        None => by_column.push((column, vec![text])),
                    }
                }
                let of = |(column, all): &(&str, Vec<&str>)| {
                    format!("{} IN ({})", quoted(column), vec!["?"; all.len()].join(", "))
                };
                let conditions: Vec<String> = by_column.iter().map(of).collect();
                statement = format!("{statement} WHERE {}", conditions.join(" OR "));
                texts = by_column.into_iter().flat_map(|(_, texts)| texts).collect();
            }
            statement.push_str(" ORDER BY rowid");
            let mut connection = self.reader.guarded(self.deadline).await.map_err(failed)?;
            let mut asked = sqlx::query(AssertSqlSafe(statement));
            for text in texts {
                asked = asked.bind(text);
            }
            let (mut documents, mut seen) = (Vec::new(), 0_usize);
            let done = async {
                let mut rows = asked.fetch(&mut *connection);
                while let Some(row) = rows.try_next().await.map_err(|error| self.why(error))? {
                    let document = document(&known.columns, &row, 0).map_err(|error| self.why(error))?;
                    let fits = condition.map_or(Ok(true), |condition| condition.fits(&document));
                    if fits.map_err(RunError::Query)? {
                        documents.push(document);
                    }
                    seen += 1;
                    if seen % LOOK == 0 && self.is_late() {
                        return Err(RunError::TooLong);
                    }
                    if documents.len() > MOST_DOCUMENTS {
                        return Err(RunError::TooMany);
                    }
                }
                Ok(())
            };
            let done: Result<(), RunError> = done.await;
            self.reader.release(&mut connection).await.map_err(failed)?;
            done.map(|()| documents)
        })
    }

    fn search<'a>(&'a self, dataset: &'a str, search: &'a Search) -> Reading<'a, Vec<(f64, Document)>> {
        Box::pin(async move {
            let known = self.dataset(dataset).await?;
            let columns: Vec<String> = known
                .columns
                .iter()
                .filter(|column| search.columns().is_none_or(|wanted| wanted.contains(&&***column)))
                .map(ToString::to_string)
                .collect();
            let index = self.index(dataset, columns, known.version).await?;
            let mut rows = search.rows(&index);
            rows.truncate(MOST_FOUND);
            let numbers: Vec<String> = rows.iter().map(|(row, _)| row.to_string()).collect();
            let statement =
                format!("SELECT rowid, * FROM {} WHERE rowid IN ({})", quoted(dataset), numbers.join(", "));
            let mut connection = self.reader.guarded(self.deadline).await.map_err(failed)?;
            let found = sqlx::query(AssertSqlSafe(statement)).fetch_all(&mut *connection).await;
            self.reader.release(&mut connection).await.map_err(failed)?;
            let mut by_row: HashMap<u32, SqliteRow> = HashMap::new();
            for row in found.map_err(|error| self.why(error))? {
                let number: i64 = row.try_get(0).map_err(|error| self.why(error))?;
                by_row.insert(u32::try_from(number).unwrap_or(u32::MAX), row);
            }
            let mut all = Vec::with_capacity(rows.len());
            for (number, score) in rows {
                if let Some(row) = by_row.get(&number) {
                    let document = document(&known.columns, row, 1).map_err(|error| self.why(error))?;
                    all.push((score, document));
                }
            }
            Ok(all)
        })
    }

    fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }
}

/// Documents of one dataset at a time.
const MOST_DOCUMENTS: usize = 50_000;

impl Documents<'_> {
    /// Only a dataset can be read, whatever a placeholder made of its name.
    async fn dataset(&self, name: &str) -> Result<Dataset, RunError> {
        let mut connection = self.reader.guarded(self.deadline).await.map_err(failed)?;
        let asked = sqlx::query(
            "SELECT columns, (SELECT schema_version FROM pragma_schema_version) FROM annex_datasets WHERE name = ?",
        );
        let row = asked.bind(name).fetch_optional(&mut *connection).await;
        self.reader.release(&mut connection).await.map_err(failed)?;
        let row = row.map_err(|error| self.why(error))?;
        let row = row.ok_or_else(|| failed(StoreError::NoDataset(name.to_owned())))?;
        let columns: String = row.try_get(0).map_err(|error| self.why(error))?;
        let version = row.try_get(1).map_err(|error| self.why(error))?;
        let columns: Vec<String> =
            serde_json::from_str(&columns).map_err(|error| RunError::Records(Box::new(error)))?;
        Ok(Dataset { columns: columns.into_iter().map(Into::into).collect(), version })
    }

    /// The words of some columns; gathered by a task of its own, so that who waits no longer does not stop it.
    async fn index(&self, dataset: &str, columns: Vec<String>, version: i64) -> Result<Arc<Index>, RunError> {
        let cell = self.reader.words.of(dataset, &columns, version);
        if let Some(index) = cell.get() {
            return Ok(Arc::clone(index));
        }
        let pool = self.reader.pool().await.map_err(failed)?.clone();
        let dataset = dataset.to_owned();
        let gather =
            async move { cell.get_or_try_init(|| gather(pool, dataset, columns)).await.map(Arc::clone) };
        let gathered = crate::tasks::handled(gather).await;
        let index = gathered.map_err(|_| RunError::Query("the words could not be gathered".to_owned()))?;
        index.map_err(|error| self.why(error))
    }

    fn why(&self, error: sqlx::Error) -> RunError {
        if self.is_late() { RunError::TooLong } else { failed(self.reader.failed(error)) }
    }
}

impl Words {
    fn of(&self, dataset: &str, columns: &[String], version: i64) -> Arc<OnceCell<Arc<Index>>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (dataset.to_owned(), columns.to_vec());
        if !known.contains_key(&key) && known.len() >= MOST_INDEXES {
            known.clear();
        }
        let kept = known.entry(key).or_insert_with(|| Kept { version, index: Arc::default() });
        if kept.version != version {
            *kept = Kept { version, index: Arc::default() };
        }
        Arc::clone(&kept.index)
    }
}

/// Reads all records once, a page at a time.
async fn gather(pool: SqlitePool, dataset: String, columns: Vec<String>) -> Result<Arc<Index>, sqlx::Error> {
    const PAGE: u32 = 5_000;
    let names: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
    let selected = if names.is_empty() { String::new() } else { format!(", {}", names.join(", ")) };
    let statement = format!(
        "SELECT rowid{selected} FROM {} WHERE rowid > ? ORDER BY rowid LIMIT {PAGE}",
        quoted(&dataset)
    );
    let (mut index, mut after) = (Index::new(&columns), 0_i64);
    loop {
        let rows = sqlx::query(AssertSqlSafe(statement.as_str())).bind(after).fetch_all(&pool).await?;
        let Some(last) = rows.last() else { return Ok(Arc::new(index)) };
        after = last.try_get(0)?;
        for row in &rows {
            let number = u32::try_from(row.try_get::<i64, _>(0)?).unwrap_or(u32::MAX);
            for at in 0..columns.len() {
                if let Some(text) = text(row, at + 1)? {
                    index.add(number, at, &text);
                }
            }
        }
        tokio::time::sleep(Duration::ZERO).await; // others have their turn
    }
}

fn failed(error: StoreError) -> RunError {
    match error {
        StoreError::TooLong => RunError::TooLong,
        other => RunError::Records(Box::new(other)),
    }
}

/// A record without its first `skip` columns. An empty cell is an empty text, as in Master Data Hub's imports of CSV.
fn document(columns: &[Arc<str>], row: &SqliteRow, skip: usize) -> Result<Document, sqlx::Error> {
    let cell = |(at, name): (usize, &Arc<str>)| {
        let value = text(row, at + skip)?.unwrap_or_default();
        Ok((Arc::clone(name), Value::Text(value)))
    };
    columns.iter().enumerate().map(cell).collect::<Result<_, sqlx::Error>>().map(Document)
}
