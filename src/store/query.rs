//! Queries of the configuration on the store: read-only, each until its deadline.

use std::path::{Path, PathBuf};
use std::time::Instant;

use futures_util::TryStreamExt as _;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{AssertSqlSafe, Column as _, Row as _, Sqlite, TypeInfo as _, ValueRef as _};
use tokio::sync::OnceCell;
use tokio::time::timeout_at;

use crate::sqlite::{self, SqliteError};

use super::datasets::VERSIONS;
use super::documents::MEMORY;
use super::words::Words;
use super::{Asked, FILE, LONGEST, Query, Record, StoreError};

/// What a query found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    pub columns: Vec<String>,
    pub records: Vec<Record>,
}

impl Found {
    /// Bytes of its texts, and what each costs.
    pub fn size(&self) -> usize {
        let of = |record: &Record| {
            record.iter().map(|text| 48 + text.as_ref().map_or(0, String::len)).sum::<usize>()
        };
        self.records.iter().map(of).fold(0, usize::saturating_add)
    }
}

/// Reads the store of a state folder; opened when first asked.
pub struct Reader {
    file: PathBuf,
    pool: OnceCell<SqlitePool>,
    /// For `$search`.
    pub(super) words: Words,
}

/// Queries at a time.
const CONNECTIONS: u32 = 8;
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
        if !matches!(asked, Asked::Sql(_)) {
            let is_long = |value: &Option<String>| value.as_ref().is_some_and(|text| text.len() > LONGEST);
            if let Some((field, _)) = asked.fields().into_iter().zip(values).find(|(_, value)| is_long(value))
            {
                return Err(StoreError::LongText(field.to_owned()));
            }
        }
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
        let mut found = Found::default();
        let done = async {
            let mut rows = asked.fetch(&mut *connection);
            let late =
                |error| if Instant::now() >= deadline { StoreError::TooLong } else { self.failed(error) };
            let mut memory = 0;
            while let Some(row) = rows.try_next().await.map_err(late)? {
                if found.columns.is_empty() {
                    found.columns = row.columns().iter().map(|column| column.name().to_owned()).collect();
                }
                let record = (0..found.columns.len()).map(|at| text(&row, at)).collect::<Result<Record, _>>();
                let record = record.map_err(failed)?;
                memory += record.iter().flatten().map(String::len).sum::<usize>();
                if memory > MEMORY {
                    return Err(StoreError::TooMuch(MEMORY >> 20));
                }
                found.records.push(record);
            }
            Ok(())
        };
        let done: Result<(), StoreError> = done.await;
        self.release(&mut connection).await?;
        done.map(|()| found)
    }

    /// A connection on which SQLite itself stops at `deadline`: dropping the future would leave it at work.
    pub(super) async fn guarded(&self, deadline: Instant) -> Result<PoolConnection<Sqlite>, StoreError> {
        let failed = |error| self.failed(error);
        if Instant::now() >= deadline {
            return Err(StoreError::TooLong);
        }
        let turn = timeout_at(deadline.into(), self.pool().await?.acquire());
        let mut connection = match turn.await {
            Ok(Err(sqlx::Error::PoolTimedOut)) | Err(_) => return Err(StoreError::Busy),
            Ok(connection) => connection.map_err(failed)?,
        };
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Dialect, Store};
    use super::*;

    #[tokio::test]
    async fn who_has_no_turn_in_time_is_told_so_and_a_result_has_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        Store::open(folder.path()).await.unwrap().close().await;
        let reader = Reader::new(folder.path());
        let later = Instant::now() + Duration::from_secs(60);
        let ask = async |sql: &str, deadline| {
            reader.find(&Query::parse(sql, Dialect::Sqlite).unwrap(), &[], 100, deadline).await
        };
        let mut others = Vec::new();
        for _ in 0..CONNECTIONS {
            others.push(reader.guarded(later).await.unwrap());
        }
        let soon = Instant::now() + Duration::from_millis(50);
        let busy = ask("SELECT 1", soon).await;
        assert!(matches!(busy, Err(StoreError::Busy)), "{busy:?}");
        others.clear();
        assert_eq!(ask("SELECT 1 AS a", later).await.unwrap().records, [[Some("1".to_owned())]]);
        let large = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20) \
                     SELECT hex(zeroblob(4000000)) FROM n";
        let large = ask(large, later).await;
        assert!(
            matches!(large, Err(StoreError::TooMuch(64))),
            "{:?}",
            large.map(|found| found.records.len())
        );
    }
}
