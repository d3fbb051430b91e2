//! Datasets as documents, for queries in MongoDB's language.
//!
//! What an index of the dataset serves (equality) SQLite looks up, the rest is looked at record by record. For `$search` the
//! words of a column are kept in memory, and gathered again after an import.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use futures_util::TryStreamExt as _;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row as _};

use crate::pipeline::{Condition, Document, Index, Query, Reading, Records, RunError, Search, Value};
use crate::slices::{Budget, sliced};

use super::names::{names_of, number, quoted};
use super::query::{Found, Reader, text};
use super::words::MOST_WORDS;
use super::{StoreError, query::until};

/// Memory that one query may take.
pub(super) const MEMORY: usize = 64 << 20;

/// Documents that `$search` gives to the next stage.
const MOST_FOUND: usize = 1_000;
/// Texts that SQLite looks up at a time; more are looked at one by one.
const MOST_TEXTS: usize = 10_000;
impl Reader {
    /// Runs a query with the values of its fields until `deadline`; of its documents the first `most`.
    pub(super) async fn documents(
        &self,
        query: &Query,
        values: &[Option<String>],
        most: usize,
        deadline: Instant,
    ) -> Result<Found, StoreError> {
        let budget = Budget::until(deadline).with_memory(MEMORY);
        let records = Documents { reader: self, budget };
        let run = async {
            let ready = query.ready(&|name| {
                let at = query.fields.iter().position(|field| field == name);
                at.and_then(|at| values.get(at)?.clone()).unwrap_or_default()
            });
            let ready = ready.map_err(|mistake| StoreError::Query(mistake.to_string()))?;
            let documents = ready.run(&records).await.map_err(of_run)?;
            as_found(documents, most, &records.budget).map_err(of_run)
        };
        until(deadline, sliced(run)).await
    }
}

fn of_run(error: RunError) -> StoreError {
    match error {
        RunError::TooLong => StoreError::TooLong,
        RunError::TooMuch(_) => StoreError::TooMuch(MEMORY >> 20),
        RunError::Records(error) => match error.downcast::<StoreError>() {
            Ok(error) => *error,
            Err(error) => StoreError::Query(error.to_string()),
        },
        other => StoreError::Query(other.to_string()),
    }
}

/// Documents side by side: a column for each name that one of them has.
fn as_found(mut documents: Vec<Document>, most: usize, budget: &Budget) -> Result<Found, RunError> {
    let mut found = Found::default();
    documents.truncate(most);
    for (name, _) in documents.iter().flat_map(|document| &document.0) {
        if !found.columns.iter().any(|known| **known == **name) {
            found.columns.push(name.to_string());
        }
    }
    for document in &documents {
        budget.take(document.size_of_texts())?;
        found.records.push(found.columns.iter().map(|name| document.get(name).text()).collect());
    }
    Ok(found)
}

/// The records of a store, read until a deadline.
struct Documents<'r> {
    reader: &'r Reader,
    budget: Budget,
}

/// A dataset that is there.
struct Dataset {
    columns: Vec<Arc<str>>,
    /// What SQLite calls the number of a record.
    number: &'static str,
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
            statement = format!("{statement} ORDER BY {}", known.number);
            let mut connection = self.reader.guarded(self.budget.deadline()).await.map_err(failed)?;
            let mut asked = sqlx::query(AssertSqlSafe(statement));
            for text in texts {
                asked = asked.bind(text);
            }
            let (mut documents, mut held) = (Vec::new(), 0_usize);
            let done = async {
                let mut rows = asked.fetch(&mut *connection);
                while let Some(row) = rows.try_next().await.map_err(|error| self.why(error))? {
                    self.budget.turn().await?;
                    let document = document(&known.columns, &row, 0).map_err(|error| self.why(error))?;
                    if condition.map_or(Ok(true), |condition| condition.fits(&document, &self.budget))? {
                        let size = document.size();
                        held += size;
                        self.budget.take(size)?;
                        documents.push(document);
                    }
                    if documents.len() > MOST_DOCUMENTS {
                        return Err(RunError::TooMany);
                    }
                }
                Ok(())
            };
            let done: Result<(), RunError> = done.await;
            self.budget.give_back(held); // whoever asked counts them
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
            let index = self.index(dataset, columns, &known).await?;
            let rows = search.rows(&index, MOST_FOUND, &self.budget).await?;
            let numbers: Vec<String> = rows.iter().map(|(row, _)| row.to_string()).collect();
            let (number, numbers) = (known.number, numbers.join(", "));
            let statement =
                format!("SELECT {number}, * FROM {} WHERE {number} IN ({numbers})", quoted(dataset));
            let mut connection = self.reader.guarded(self.budget.deadline()).await.map_err(failed)?;
            let (mut by_row, mut held): (HashMap<u32, Document>, usize) = (HashMap::new(), 0);
            let done = async {
                let mut found = sqlx::query(AssertSqlSafe(statement)).fetch(&mut *connection);
                while let Some(row) = found.try_next().await.map_err(|error| self.why(error))? {
                    self.budget.turn().await?;
                    let number: i64 = row.try_get(0).map_err(|error| self.why(error))?;
                    let document = document(&known.columns, &row, 1).map_err(|error| self.why(error))?;
                    held += document.size();
                    self.budget.take(document.size())?;
                    by_row.insert(u32::try_from(number).unwrap_or(u32::MAX), document);
                }
                Ok(())
            };
            let done: Result<(), RunError> = done.await;
            self.budget.give_back(held); // whoever asked counts them
            self.reader.release(&mut connection).await.map_err(failed)?;
            done?;
            let scored = |(number, score): (u32, f64)| Some((score, by_row.remove(&number)?));
            Ok(rows.into_iter().filter_map(scored).collect())
        })
    }

    fn budget(&self) -> &Budget {
        &self.budget
    }
}

/// Documents of one dataset at a time.
const MOST_DOCUMENTS: usize = 50_000;

impl Documents<'_> {
    /// Only a dataset can be read, whatever a placeholder made of its name.
    async fn dataset(&self, name: &str) -> Result<Dataset, RunError> {
        let mut connection = self.reader.guarded(self.budget.deadline()).await.map_err(failed)?;
        let asked = sqlx::query(
            "SELECT columns, (SELECT schema_version FROM pragma_schema_version) FROM annex_datasets WHERE name = ?",
        );
        let row = asked.bind(name).fetch_optional(&mut *connection).await;
        self.reader.release(&mut connection).await.map_err(failed)?;
        let row = row.map_err(|error| self.why(error))?;
        let row = row.ok_or_else(|| failed(StoreError::NoDataset(name.to_owned())))?;
        let columns: String = row.try_get(0).map_err(|error| self.why(error))?;
        let version = row.try_get(1).map_err(|error| self.why(error))?;
        let columns = names_of(&columns).map_err(|error| self.why(error))?;
        let number = number(&columns);
        Ok(Dataset { columns: columns.into_iter().map(Into::into).collect(), number, version })
    }

    /// The words of some columns.
    async fn index(
        &self,
        dataset: &str,
        columns: Vec<String>,
        known: &Dataset,
    ) -> Result<Arc<Index>, RunError> {
        let (gathering, number) = (self.reader.words.of(dataset, &columns, known.version), known.number);
        if let Some(index) = gathering.done() {
            return Ok(index);
        }
        let mut gathered = gathering.lock().await;
        if let Some(index) = gathering.done() {
            return Ok(index);
        }
        let names: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
        let selected = if names.is_empty() { String::new() } else { format!(", {}", names.join(", ")) };
        let statement = format!(
            "SELECT {number}{selected} FROM {} WHERE {number} > ? ORDER BY {number}",
            quoted(dataset)
        );
        let mut connection = self.reader.guarded(self.budget.deadline()).await.map_err(failed)?;
        let done = async {
            let mut rows =
                sqlx::query(AssertSqlSafe(statement)).bind(gathered.after()).fetch(&mut *connection);
            while let Some(row) = rows.try_next().await.map_err(|error| self.why(error))? {
                self.budget.turn().await?;
                let texts = (1..=columns.len()).map(|at| text(&row, at)).collect::<Result<Vec<_>, _>>();
                let texts = texts.map_err(|error| self.why(error))?;
                let row_number = row.try_get(0).map_err(|error| self.why(error))?;
                if !gathered.add(row_number, &texts, &columns) {
                    let most = MOST_WORDS >> 20;
                    let what = format!(
                        "`$search`: the words of `{dataset}` need more than {most} MiB; name fewer columns in `path`"
                    );
                    return Err(RunError::Query(what));
                }
            }
            Ok(())
        };
        let done: Result<(), RunError> = done.await;
        self.reader.release(&mut connection).await.map_err(failed)?;
        done?;
        Ok(gathering.finish(&mut gathered))
    }

    fn why(&self, error: sqlx::Error) -> RunError {
        if self.budget.is_late() { RunError::TooLong } else { failed(self.reader.failed(error)) }
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
