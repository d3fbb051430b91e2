//! Datasets: tables of the customer's own records, each by its name, all values text.
//!
//! A dataset is a table of the same name, so that queries can be written in SQL. `annex_datasets` says which there are.
//! An import is one transaction.

use std::time::SystemTime;

use serde::Serialize;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row as _, Sqlite, Transaction};

use crate::clock::{self, rfc3339};
use crate::sqlite::{Step, Versions};

use super::allowed::Allowed;
use super::changed::Filled;
use super::keyed::Keyed;
use super::names::{check_columns, check_name, names_of, number, quoted};
use super::{Store, StoreError, near};

/// A record's values in the order of the columns; `None` where it has none.
pub type Record = Vec<Option<String>>;

/// A dataset, as an operator wants to know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dataset {
    pub name: String,
    pub columns: Vec<String>,
    /// The columns that tell records apart; empty where none were named.
    pub key: Vec<String>,
    pub records: u64,
    /// Columns that are found fast by their value, and by similar texts.
    pub indexed: Vec<String>,
    pub near: Vec<String>,
    /// The file that was last imported, and how it was read.
    pub source: String,
    pub layout: String,
    /// What was said of it: what was skipped.
    pub notes: Vec<String>,
    #[serde(serialize_with = "rfc3339")]
    pub imported: Option<SystemTime>,
}

/// What an import does with the records that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The dataset becomes what is imported.
    Replace,
    /// Records with a known key are updated, others added; the rest stays.
    Update,
}

/// What to import.
pub struct Import<'i> {
    pub name: &'i str,
    pub columns: Vec<String>,
    /// Columns that tell records apart; with [`Change::Update`] at least one.
    pub key: Vec<String>,
    /// Columns to be found fast by their value, and by similar texts; those of the import before where there are none.
    pub indexed: Vec<String>,
    pub near: Vec<String>,
    pub change: Change,
    pub allowed: Allowed,
    /// Where the records are from, for people, and how they are read.
    pub source: &'i str,
    pub layout: &'i str,
    /// What is to be said of the file, once it was read.
    pub notes: &'i dyn Fn() -> Vec<String>,
}

impl<'i> Import<'i> {
    /// Replaces a dataset, without key and indexes.
    pub fn new(name: &'i str, columns: Vec<String>, source: &'i str) -> Self {
        Self {
            name,
            columns,
            key: Vec::new(),
            indexed: Vec::new(),
            near: Vec::new(),
            change: Change::Replace,
            allowed: Allowed::default(),
            source,
            layout: "",
            notes: &Vec::new,
        }
    }
}

/// What came of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Records that were read.
    pub read: u64,
    /// Records that the dataset has now.
    pub records: u64,
    /// What is to be said of the file, and of columns that it does not have any more.
    pub notes: Vec<String>,
}

/// What an import is doing, and how far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'p> {
    /// So many records were read.
    Read(u64),
    /// So many records are in the index of similar texts of this column.
    Indexed(&'p str, u64),
    /// All is written, and being kept.
    Kept,
}

/// SQLite takes this many values in one statement.
const MOST_VALUES: usize = 32_000;
/// Records that are written by one statement.
const BATCH: usize = 200;

/// The tables that are not a customer's.
pub(super) const VERSIONS: Versions = &[&[
    Step::Run(
        "CREATE TABLE IF NOT EXISTS annex_datasets (
            name TEXT PRIMARY KEY, columns TEXT NOT NULL, key TEXT NOT NULL, records INTEGER NOT NULL,
            source TEXT NOT NULL, imported INTEGER NOT NULL, indexed TEXT NOT NULL, near TEXT NOT NULL) STRICT",
    ),
    Step::Column { table: "annex_datasets", name: "indexed", definition: "TEXT NOT NULL DEFAULT '[]'" },
    Step::Column { table: "annex_datasets", name: "near", definition: "TEXT NOT NULL DEFAULT '[]'" },
], &[
    Step::Column { table: "annex_datasets", name: "layout", definition: "TEXT NOT NULL DEFAULT ''" },
    Step::Column { table: "annex_datasets", name: "notes", definition: "TEXT NOT NULL DEFAULT '[]'" },
    Step::Run(
        "CREATE TABLE IF NOT EXISTS annex_refused (
            name TEXT PRIMARY KEY, source TEXT NOT NULL, problem TEXT NOT NULL, since INTEGER NOT NULL) STRICT",
    ),
]];

impl Store {
    /// All datasets, by name.
    pub async fn datasets(&self) -> Result<Vec<Dataset>, StoreError> {
        let query = sqlx::query("SELECT * FROM annex_datasets ORDER BY name");
        let rows = query.fetch_all(&self.pool).await.map_err(|error| self.failed(error))?;
        rows.iter().map(|row| self.dataset(row)).collect()
    }

    /// One dataset.
    pub async fn known(&self, name: &str) -> Result<Dataset, StoreError> {
        let query = sqlx::query("SELECT * FROM annex_datasets WHERE name = ?").bind(name);
        let row = query.fetch_optional(&self.pool).await.map_err(|error| self.failed(error))?;
        let row = row.ok_or_else(|| StoreError::NoDataset(name.to_owned()))?;
        self.dataset(&row)
    }

    pub(super) fn dataset(&self, row: &SqliteRow) -> Result<Dataset, StoreError> {
        let read = || -> Result<Dataset, sqlx::Error> {
            let names =
                |column| -> Result<Vec<String>, sqlx::Error> { names_of(&row.try_get::<String, _>(column)?) };
            let seconds: i64 = row.try_get("imported")?;
            let records: i64 = row.try_get("records")?;
            Ok(Dataset {
                name: row.try_get("name")?,
                columns: names("columns")?,
                key: names("key")?,
                indexed: names("indexed")?,
                near: names("near")?,
                records: u64::try_from(records).unwrap_or(0),
                source: row.try_get("source")?,
                layout: row.try_get("layout")?,
                notes: names("notes")?,
                imported: u64::try_from(seconds).ok().map(clock::from_unix_seconds),
            })
        };
        read().map_err(|error| self.failed(error))
    }

    /// Imports records, each with its line: all of them, or where one is wrong none. `progress` hears how far it is.
    pub async fn import(
        &self,
        import: &Import<'_>,
        records: impl Iterator<Item = Result<(u64, Record), StoreError>>,
        mut progress: impl FnMut(Progress<'_>),
    ) -> Result<Imported, StoreError> {
        check_name(import.name)?;
        check_columns(&import.columns)?;
        let have = || import.columns.join(", ");
        if let Some(column) = import.indexed.iter().chain(&import.near).find(|c| !import.columns.contains(c))
        {
            return Err(StoreError::Columns(format!(
                "there is no column `{column}` to index; there are: {}",
                have()
            )));
        }
        if let Some(key) = import.key.iter().find(|key| !import.columns.contains(key)) {
            let have = import.columns.join(", ");
            return Err(StoreError::Columns(format!(
                "there is no column `{key}` for the key; there are: {have}"
            )));
        }
        let failed = |error| self.failed(error);
        // At once for writing: an import that waits for another one has read nothing yet.
        let mut work = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        let filled_before = match import.change {
            Change::Replace => Filled::before(&mut work, import.name).await.map_err(failed)?,
            Change::Update => Filled::default(),
        };
        let (all, before) = self.table(&mut work, import).await?;
        let count_before = before.as_ref().map_or(0, |before| before.records);
        let mut read = 0;
        let mut batch = Vec::new();
        let mut keyed = Keyed::new(&import.columns, &import.key);
        let mut filled = Filled::none(&import.columns);
        let most = BATCH.min(MOST_VALUES / import.columns.len());
        for record in records {
            let (line, record) = record?;
            let wrong = |problem| StoreError::Record { place: format!("line {line}"), problem };
            keyed.add(line, &record).map_err(wrong)?;
            filled.add(&record);
            batch.push(record);
            read += 1;
            if batch.len() == most {
                self.write(&mut work, import, &mut batch).await?;
                progress(Progress::Read(read));
            }
        }
        self.write(&mut work, import, &mut batch).await?;
        if import.change == Change::Replace {
            import.allowed.check(count_before, read)?;
        }
        let [indexed, near] = self.indexes(&mut work, import, &all, &mut progress).await?;
        let count = format!("SELECT count(*) FROM {}", quoted(import.name));
        let records: i64 =
            sqlx::query_scalar(AssertSqlSafe(count)).fetch_one(&mut *work).await.map_err(failed)?;
        let mut notes = (import.notes)();
        notes.extend(filled.against(&filled_before));
        let json = |list: &[String]| serde_json::Value::from(list.to_vec()).to_string();
        sqlx::query(
            "INSERT OR REPLACE INTO annex_datasets
                (name, columns, key, records, source, imported, indexed, near, layout, notes)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(import.name)
        .bind(json(&all))
        .bind(json(&import.key))
        .bind(records)
        .bind(import.source)
        .bind(i64::try_from(clock::unix_seconds(clock::now())).unwrap_or(i64::MAX))
        .bind(json(&indexed))
        .bind(json(&near))
        .bind(import.layout)
        .bind(json(&notes))
        .execute(&mut *work)
        .await
        .map_err(failed)?;
        let accepted = sqlx::query("DELETE FROM annex_refused WHERE name = ?").bind(import.name);
        accepted.execute(&mut *work).await.map_err(failed)?;
        progress(Progress::Kept);
        work.commit().await.map_err(failed)?;
        Ok(Imported { read, records: u64::try_from(records).unwrap_or(0), notes })
    }

    /// Makes the table ready for the records; gives all its columns, and what the dataset was before.
    async fn table(
        &self,
        work: &mut Transaction<'_, Sqlite>,
        import: &Import<'_>,
    ) -> Result<(Vec<String>, Option<Dataset>), StoreError> {
        let failed = |error| self.failed(error);
        let name = quoted(import.name);
        let known =
            sqlx::query("SELECT * FROM annex_datasets WHERE name = ? COLLATE NOCASE").bind(import.name);
        let known = known.fetch_optional(&mut **work).await.map_err(failed)?;
        let known = known.map(|row| self.dataset(&row)).transpose()?;
        if known.as_ref().is_some_and(|known| known.name != import.name) {
            // To SQLite both are the same table.
            let why = "one that differs only in capitals is there";
            return Err(StoreError::Name { name: import.name.to_owned(), why });
        }
        let before = known.clone();
        let mut all = import.columns.clone();
        match (known, import.change) {
            (Some(known), Change::Update) => {
                let has =
                    |column: &String| known.columns.iter().any(|have| have.eq_ignore_ascii_case(column));
                for column in import.columns.iter().filter(|column| !has(column)) {
                    let add = format!("ALTER TABLE {name} ADD COLUMN {}", quoted(column));
                    sqlx::query(AssertSqlSafe(add)).execute(&mut **work).await.map_err(failed)?;
                }
                let new = import.columns.iter().filter(|column| !has(column)).cloned();
                all = known.columns.iter().cloned().chain(new).collect();
                check_columns(&all)?;
            }
            _ => {
                let columns = all.iter().map(|column| quoted(column)).collect::<Vec<_>>().join(", ");
                for statement in
                    [format!("DROP TABLE IF EXISTS {name}"), format!("CREATE TABLE {name} ({columns})")]
                {
                    sqlx::query(AssertSqlSafe(statement)).execute(&mut **work).await.map_err(failed)?;
                }
            }
        }
        let index = quoted(&format!("annex_key_{}", import.name));
        let mut statements = vec![format!("DROP INDEX IF EXISTS {index}")];
        if !import.key.is_empty() {
            let key = import.key.iter().map(|column| quoted(column)).collect::<Vec<_>>().join(", ");
            statements.push(format!("CREATE UNIQUE INDEX {index} ON {name} ({key})"));
        }
        for statement in statements {
            let done = sqlx::query(AssertSqlSafe(statement)).execute(&mut **work).await;
            done.map_err(|error| {
                let database = error.as_database_error();
                if database.is_some_and(sqlx::error::DatabaseError::is_unique_violation) {
                    let (name, key) = (import.name, import.key.join(" and "));
                    let text =
                        format!("several records of `{name}` have the same {key}: it cannot be their key");
                    return StoreError::Columns(text);
                }
                self.failed(error)
            })?;
        }
        Ok((all, before))
    }

    /// Makes the indexes of a dataset whose records are there; gives the columns that have them.
    async fn indexes(
        &self,
        work: &mut Transaction<'_, Sqlite>,
        import: &Import<'_>,
        columns: &[String],
        progress: &mut impl FnMut(Progress<'_>),
    ) -> Result<[Vec<String>; 2], StoreError> {
        let failed = |error| self.failed(error);
        let query = sqlx::query("SELECT * FROM annex_datasets WHERE name = ?").bind(import.name);
        let known = query.fetch_optional(&mut **work).await.map_err(failed)?;
        let known = known.map(|row| self.dataset(&row)).transpose()?;
        let (old_indexed, old_near) = known.map(|known| (known.indexed, known.near)).unwrap_or_default();
        let keep = |new: &[String], old: Vec<String>| {
            let wanted = if new.is_empty() { old } else { new.to_vec() };
            wanted.into_iter().filter(|column| columns.contains(column)).collect::<Vec<_>>()
        };
        let [indexed, near] = [keep(&import.indexed, old_indexed), keep(&import.near, old_near.clone())];
        for column in &indexed {
            let index = quoted(&format!("annex_index_{}.{column}", import.name));
            let (table, column) = (quoted(import.name), quoted(column));
            let statement = format!("CREATE INDEX IF NOT EXISTS {index} ON {table} ({column})");
            sqlx::query(AssertSqlSafe(statement)).execute(&mut **work).await.map_err(failed)?;
        }
        for column in old_near.iter().filter(|column| !near.contains(column)) {
            near::remove(work, import.name, column).await.map_err(failed)?;
        }
        for column in &near {
            let told = |read| progress(Progress::Indexed(column, read));
            near::build(work, import.name, columns, column, told).await.map_err(failed)?;
        }
        Ok([indexed, near])
    }

    async fn write(
        &self,
        work: &mut Transaction<'_, Sqlite>,
        import: &Import<'_>,
        batch: &mut Vec<Record>,
    ) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let columns = import.columns.iter().map(|column| quoted(column)).collect::<Vec<_>>().join(", ");
        let one = format!("({})", vec!["?"; import.columns.len()].join(", "));
        let values = vec![one.as_str(); batch.len()].join(", ");
        let mut statement = format!("INSERT INTO {} ({columns}) VALUES {values}", quoted(import.name));
        if import.change == Change::Update {
            let key = import.key.iter().map(|column| quoted(column)).collect::<Vec<_>>().join(", ");
            let others = import.columns.iter().filter(|column| !import.key.contains(column));
            let set: Vec<_> =
                others.map(|column| quoted(column)).map(|c| format!("{c} = excluded.{c}")).collect();
            let action =
                if set.is_empty() { "NOTHING".to_owned() } else { format!("UPDATE SET {}", set.join(", ")) };
            statement = format!("{statement} ON CONFLICT ({key}) DO {action}");
        }
        // The same text for each full batch: prepared once. Names are quoted, values bound.
        let mut query = sqlx::query(AssertSqlSafe(statement));
        for value in batch.drain(..).flatten() {
            query = query.bind(value);
        }
        query.execute(&mut **work).await.map_err(|error| self.failed(error))?;
        Ok(())
    }

    /// A page of a dataset's records in the order of their import, each with its number; `after` the last one seen.
    pub async fn page(
        &self,
        dataset: &Dataset,
        after: i64,
        most: u64,
    ) -> Result<Vec<(i64, Record)>, StoreError> {
        let columns = dataset.columns.iter().map(|column| quoted(column)).collect::<Vec<_>>().join(", ");
        let table = quoted(&dataset.name);
        let number = number(&dataset.columns);
        let query =
            format!("SELECT {number}, {columns} FROM {table} WHERE {number} > ? ORDER BY {number} LIMIT ?");
        let query =
            sqlx::query(AssertSqlSafe(query)).bind(after).bind(i64::try_from(most).unwrap_or(i64::MAX));
        let rows = query.fetch_all(&self.pool).await.map_err(|error| self.failed(error))?;
        let read = |row: &SqliteRow| -> Result<(i64, Record), sqlx::Error> {
            let record = (1..=dataset.columns.len()).map(|at| row.try_get(at)).collect::<Result<_, _>>()?;
            Ok((row.try_get(0)?, record))
        };
        rows.iter().map(read).collect::<Result<_, _>>().map_err(|error| self.failed(error))
    }

    /// Removes a dataset with its records.
    pub async fn drop(&self, name: &str) -> Result<(), StoreError> {
        let known = self.known(name).await?;
        let failed = |error| self.failed(error);
        let mut work = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        for column in &known.near {
            near::remove(&mut work, &known.name, column).await.map_err(failed)?;
        }
        let table = format!("DROP TABLE IF EXISTS {}", quoted(&known.name));
        sqlx::query(AssertSqlSafe(table)).execute(&mut *work).await.map_err(failed)?;
        let entry = sqlx::query("DELETE FROM annex_datasets WHERE name = ?").bind(name);
        entry.execute(&mut *work).await.map_err(failed)?;
        work.commit().await.map_err(failed)
    }
}
