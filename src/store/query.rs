//! Queries of the configuration on the store: read-only, each until its deadline.

use std::path::{Path, PathBuf};
use std::time::Instant;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{AssertSqlSafe, Column as _, Row as _, Sqlite, TypeInfo as _, ValueRef as _};
use tokio::sync::OnceCell;
use tokio::time::timeout_at;

use crate::sqlite::{self, SqliteError};

use super::datasets::VERSIONS;
use super::documents::Words;
use super::{Asked, FILE, Query, Record, StoreError};

/// What a query found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    pub columns: Vec<String>,
    pub records: Vec<Record>,
}

/// Reads the store of a state folder; opened when first asked.
pub struct Reader {
    file: PathBuf,
    pool: OnceCell<SqlitePool>,
    /// For `$search`.
    pub(super) words: Words,
}

/// Queries at a time.
const CONNECTIONS: u32 = 4;
/// Steps of SQLite's machine between two looks at the clock.
const LOOK: i32 = 2_000;

impl Reader {
    pub fn new(folder: &Path) -> Self {
        Self { file: folder.join(FILE), pool: OnceCell::new(), words: Words::default() }
    }

    pub(super) async fn pool(&self) -> Result<&SqlitePool, StoreError> {
        if !self.file.exists() {
            return Err(StoreError::NoDatasets(self.file.clone()));
        }
        let open = || sqlite::reader(&self.file, CONNECTIONS, VERSIONS);
        Ok(self.pool.get_or_try_init(open).await?)
    }

    /// Asks with the values of the fields, of an empty one `None`, until `deadline`; at most `most` records.
    pub async fn ask(
        &self,
        asked: &Asked,
        values: &[Option<String>],
        most: usize,
        deadline: Instant,
    ) -> Result<Found, StoreError> {
        match asked {
            Asked::Sql(query) => self.find(query, values, most, deadline).await,
            Asked::Search(search) => self.search(search, values, most, deadline).await,
            Asked::Documents(query) => self.documents(query, values, most, deadline).await,
        }
    }

    /// Runs a query with the values of its fields, of an empty one `None`, until `deadline`; at most `most` records.
    pub async fn find(
        &self,
        query: &Query,
        values: &[Option<String>],
        most: usize,
        deadline: Instant,
    ) -> Result<Found, StoreError> {
        until(deadline, self.run(query, values, most, deadline)).await
    }

    async fn run(
        &self,
        query: &Query,
        values: &[Option<String>],
        most: usize,
        deadline: Instant,
    ) -> Result<Found, StoreError> {
        let failed = |error| self.failed(error);
        let mut connection = self.guarded(deadline).await?;
        // Nothing large is read for nothing. The query may end with a remark.
        let limited = format!("SELECT * FROM ({}\n) LIMIT {most}", query.sql);
        let mut asked = sqlx::query(AssertSqlSafe(limited));
        for value in values {
            asked = asked.bind(value);
        }
        let rows = asked.fetch_all(&mut *connection).await;
        self.release(&mut connection).await?;
        let rows =
            rows.map_err(
                |error| {
                    if Instant::now() >= deadline { StoreError::TooLong } else { self.failed(error) }
                },
            )?;
        let mut found = Found::default();
        for row in rows {
            if found.columns.is_empty() {
                found.columns = row.columns().iter().map(|column| column.name().to_owned()).collect();
            }
            let record = (0..found.columns.len()).map(|at| text(&row, at)).collect::<Result<_, _>>();
            found.records.push(record.map_err(failed)?);
        }
        Ok(found)
    }

    /// A connection on which SQLite itself stops at `deadline`: dropping the future would leave it at work.
    pub(super) async fn guarded(&self, deadline: Instant) -> Result<PoolConnection<Sqlite>, StoreError> {
        let failed = |error| self.failed(error);
        let mut connection = self.pool().await?.acquire().await.map_err(failed)?;
        let mut handle = connection.lock_handle().await.map_err(failed)?;
        handle.set_progress_handler(LOOK, move || Instant::now() < deadline);
        drop(handle);
        Ok(connection)
    }

    pub(super) async fn release(&self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        connection.lock_handle().await.map_err(|error| self.failed(error))?.remove_progress_handler();
        Ok(())
    }

    pub(super) fn failed(&self, error: sqlx::Error) -> StoreError {
        SqliteError::Sqlite { file: self.file.clone(), error }.into()
    }
}

/// Work that ends at a deadline.
pub(super) async fn until<T>(
    deadline: Instant,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    timeout_at(deadline.into(), work).await.unwrap_or(Err(StoreError::TooLong))
}

/// A value as text, whatever an expression made of it.
pub(super) fn text(row: &sqlx::sqlite::SqliteRow, at: usize) -> Result<Option<String>, sqlx::Error> {
    let value = row.try_get_raw(at)?;
    if value.is_null() {
        return Ok(None);
    }
    Ok(Some(match value.type_info().name() {
        "INTEGER" | "BOOLEAN" => row.try_get_unchecked::<i64, _>(at)?.to_string(),
        "REAL" => row.try_get_unchecked::<f64, _>(at)?.to_string(),
        _ => row.try_get_unchecked::<String, _>(at)?,
    }))
}
