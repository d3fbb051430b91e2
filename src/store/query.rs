//! Queries of the configuration on the store: read-only, each until its deadline.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{Row as _, Sqlite, TypeInfo as _, ValueRef as _};
use tokio::sync::{AcquireError, OnceCell, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout_at;

use crate::sqlite::{self, Limited, Rows, SqliteError, Stopped};
use crate::tasks;

use super::datasets::VERSIONS;
use super::documents::MEMORY;
use super::words::Words;
use super::{Asked, FILE, LONGEST, LONGEST_IN_SQL, Query, Record, StoreError};

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
    /// Queries in SQL that may be under way, and the connections that they use; kept apart from the others', which
    /// have bounds of ours instead of SQLite's.
    turns: Arc<Semaphore>,
    /// The turns of each query, by its text: a slow one leaves some to the others.
    own_turns: Mutex<HashMap<String, Arc<Semaphore>>>,
    idle: Mutex<Vec<Limited>>,
    /// For `$search`.
    pub(super) words: Words,
}

/// A turn of one query in SQL.
struct Turn {
    /// One that was used before, if there is one.
    connection: Option<Limited>,
    turns: [OwnedSemaphorePermit; 2],
}

/// Queries at a time that are not in SQL.
const CONNECTIONS: u32 = 8;
/// Queries in SQL at a time: each may take [`MEMORY`] for what it finds.
const TURNS: usize = 4;
/// The same of one query.
const OWN_TURNS: usize = 2;
/// Steps of SQLite's machine between two looks at the clock.
const LOOK: i32 = 2_000;

impl Reader {
    pub fn new(folder: &Path) -> Self {
        Self {
            file: folder.join(FILE),
            pool: OnceCell::new(),
            turns: Arc::new(Semaphore::new(TURNS)),
            own_turns: Mutex::default(),
            idle: Mutex::default(),
            words: Words::default(),
        }
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
        let longest = if matches!(asked, Asked::Sql(_)) { LONGEST_IN_SQL } else { LONGEST };
        let is_long = |value: &Option<String>| value.as_ref().is_some_and(|text| text.len() > longest);
        if let Some((field, _)) = asked.fields().into_iter().zip(values).find(|(_, value)| is_long(value)) {
            return Err(StoreError::LongText { field: field.to_owned(), kib: longest >> 10 });
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
        let Turn { connection, turns } = self.turn(&query.sql, deadline).await?;
        // Nothing large is read for nothing. The query may end with a remark.
        let sql = format!("SELECT * FROM ({}\n) LIMIT {most}", query.sql);
        let values = values.to_vec();
        // SQLite itself ends it at the deadline, or when the function that it is in has ended: the thread is free again then.
        let file = self.file.clone();
        let asked = tasks::blocking(move || {
            let _turns = turns; // kept for as long as the thread is at work, whoever still waits
            let connection = connection.map_or_else(|| Limited::open(&file, VERSIONS), Ok)?;
            let found = connection.ask(&sql, &values, MEMORY, deadline);
            Ok::<_, StoreError>((connection, found))
        });
        // A panic there is one here: it is a mistake of ours, and no time-out.
        let (connection, found) = match asked.await {
            Ok(asked) => asked?,
            Err(panicked) => match panicked.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return Err(StoreError::TooLong),
            },
        };
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        match found {
            Ok(found) if found.rows.is_empty() => Ok(Found::default()),
            Ok(Rows { columns, rows }) => Ok(Found { columns, records: rows }),
            Err(Stopped::Time) => Err(StoreError::TooLong),
            Err(Stopped::Result) => Err(StoreError::TooMuch(MEMORY >> 20)),
            Err(Stopped::Value) => Err(StoreError::LargeValue),
            Err(Stopped::Function) => Err(StoreError::Function),
            Err(Stopped::Written) => Err(StoreError::Written),
            Err(Stopped::Sqlite(error)) => {
                Err(SqliteError::Limited { file: self.file.clone(), error }.into())
            }
        }
    }

    /// A turn among the queries in SQL, with a connection whose bounds SQLite keeps.
    async fn turn(&self, sql: &str, deadline: Instant) -> Result<Turn, StoreError> {
        if Instant::now() >= deadline {
            return Err(StoreError::TooLong);
        }
        let own = {
            let mut all = self.own_turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(sql.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(OWN_TURNS))))
        };
        let turns =
            async { Ok([own.acquire_owned().await?, Arc::clone(&self.turns).acquire_owned().await?]) };
        let turns: Result<Result<_, AcquireError>, _> = timeout_at(deadline.into(), turns).await;
        let Ok(Ok(turns)) = turns else { return Err(StoreError::Busy) };
        if !self.file.exists() {
            return Err(StoreError::NoDatasets(self.file.clone()));
        }
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Ok(Turn { connection: idle, turns })
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
        let others = Arc::clone(&reader.turns).acquire_many_owned(4).await.unwrap();
        let soon = Instant::now() + Duration::from_millis(50);
        let busy = ask("SELECT 1", soon).await;
        assert!(matches!(busy, Err(StoreError::Busy)), "{busy:?}");
        drop(others);
        let slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
        let until = Instant::now() + Duration::from_secs(1);
        let slow = futures_util::future::join_all((0..8).map(|_| ask(slow, until)));
        let other = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            ask("SELECT 1 AS a", Instant::now() + Duration::from_millis(600))
                .await
                .map(|found| found.records.len())
        };
        let (slow, other) = tokio::join!(slow, other);
        assert!(
            slow.iter().all(Result::is_err) && other.is_ok_and(|found| found == 1),
            "a slow query leaves turns"
        );
        assert_eq!(ask("SELECT 1 AS a", later).await.unwrap().records, [[Some("1".to_owned())]]);
        let large = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99) \
                     SELECT hex(zeroblob(500000)) FROM n";
        let large = ask(large, later).await;
        assert!(
            matches!(large, Err(StoreError::TooMuch(64))),
            "{:?}",
            large.map(|found| found.records.len())
        );
    }
}
