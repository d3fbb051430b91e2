//! Queries of the configuration on the store: read-only, each until its deadline.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{Row as _, Sqlite, TypeInfo as _, ValueRef as _};
use tokio::sync::OnceCell;
use tokio::time::timeout_at;

use crate::sqlite::{self, Limited, Rows, SqliteError, Stopped};
use crate::tasks;

use super::datasets::VERSIONS;
use super::documents::MEMORY;
use super::hot::Hot;
use super::turns::{QueryTurn, QueryTurns};
use super::words::Words;
use super::{Asked, FILE, LONGEST, LONGEST_IN_SQL, Query, Record, StoreError};

/// What a query found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    pub columns: Vec<String>,
    pub records: Vec<Record>,
    pub choice: Choice,
}

/// Whether one of the records that were found is the one that is meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Choice {
    /// All fit: it is the one where there is only one.
    #[default]
    ByCount,
    /// They are similar, and the first is sure.
    First,
    /// They are similar, and a person chooses.
    Person,
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
    turns: QueryTurns,
    idle: Mutex<Vec<Limited>>,
    /// For `$search`.
    pub(super) words: Words,
    /// For what is similar.
    pub(super) hot: Hot,
}

/// Queries at a time that are not in SQL.
const CONNECTIONS: u32 = 8;
/// Queries in SQL at a time: each may take [`MEMORY`] for what it finds.
pub(super) const CONNECTIONS_IN_SQL: usize = 4;
/// Steps of SQLite's machine between two looks at the clock.
const LOOK: i32 = 2_000;

impl Reader {
    pub fn new(folder: &Path) -> Self {
        Self {
            file: folder.join(FILE),
            pool: OnceCell::new(),
            turns: QueryTurns::new(),
            idle: Mutex::default(),
            words: Words::default(),
            hot: Hot::default(),
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
        let asking = self.turns.ask(&query.sql, deadline).await?;
        // Nothing large is read for nothing. The query may end with a remark.
        let sql: Arc<str> = format!("SELECT * FROM ({}\n) LIMIT {most}", query.sql).into();
        let values: Arc<[Option<String>]> = values.into();
        let found = loop {
            let turn = self.turns.turn(&asking, deadline).await?;
            if !self.file.exists() {
                return Err(StoreError::NoDatasets(self.file.clone()));
            }
            let until = turn.until(deadline);
            let found = self.in_turn(turn, Arc::clone(&sql), Arc::clone(&values), until).await?;
            // It is slow, and has a turn of that kind next: a query changes nothing, so that it may be asked again.
            if until == deadline || !matches!(found, Err(Stopped::Time)) {
                break found;
            }
        };
        match found {
            Ok(found) if found.rows.is_empty() => Ok(Found::default()),
            Ok(Rows { columns, rows }) => Ok(Found { columns, records: rows, choice: Choice::default() }),
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

    /// Asks while a turn lasts.
    async fn in_turn(
        &self,
        turn: QueryTurn,
        sql: Arc<str>,
        values: Arc<[Option<String>]>,
        until: Instant,
    ) -> Result<Result<Rows, Stopped>, StoreError> {
        // One that was used before, if there is one.
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let file = self.file.clone();
        // SQLite itself ends it when the turn is over, or when the function that it is in has ended: the thread is free then.
        let asked = tasks::blocking(move |cut| {
            let began = Instant::now();
            let connection = idle.map_or_else(|| Limited::open(&file, VERSIONS), Ok);
            let cut = cut.clone();
            let found = connection.map(|connection| {
                let found = connection.ask(&sql, &values, MEMORY, until, move || cut.is_cancelled());
                (connection, found)
            });
            let was_stopped = matches!(found, Ok((_, Err(Stopped::Time))));
            turn.took(began.elapsed(), was_stopped); // kept for as long as the thread is at work, whoever still waits
            found
        });
        let (connection, found) = asked.await.map_err(|_| StoreError::TooLong)??;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(found)
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
        let others = reader.turns.all().await;
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

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn several_slow_queries_leave_turns_to_quick_ones() {
        let folder = tempfile::tempdir().unwrap();
        Store::open(folder.path()).await.unwrap().close().await;
        let reader = Reader::new(folder.path());
        let ask = async |sql: &str, deadline| {
            reader.find(&Query::parse(sql, Dialect::Sqlite).unwrap(), &[], 100, deadline).await
        };
        let quick = async || {
            let began = Instant::now();
            let found = ask("SELECT 1 AS a", began + Duration::from_secs(60)).await.unwrap();
            assert_eq!(found.records.len(), 1);
            began.elapsed()
        };
        let alone = quick().await;
        let slow = |number: usize| {
            format!(
                "WITH RECURSIVE n(i) AS (SELECT {number} UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
            )
        };
        let until = Instant::now() + Duration::from_secs(4);
        let texts: Vec<_> = (0..9).map(|at| slow(at % 3)).collect();
        let slow = futures_util::future::join_all(texts.iter().map(|sql| ask(sql, until)));
        let others = async {
            // The first time tells that they are slow.
            tokio::time::sleep(Duration::from_millis(1_000)).await;
            let mut times = Vec::new();
            while Instant::now() < until.checked_sub(Duration::from_secs(1)).unwrap() {
                times.push(quick().await);
            }
            times
        };
        let (slow, mut times) = tokio::join!(slow, others);
        assert!(slow.iter().any(|ended| matches!(ended, Err(StoreError::TooLong))), "none of them ran");
        assert!(slow.iter().all(Result::is_err));
        times.sort_unstable();
        assert!(times.len() > 4, "{times:?}");
        let (middle, worst) = (times[times.len() / 2], times[times.len() - 1]);
        assert!(middle < alone + Duration::from_millis(250), "{middle:?}, alone {alone:?}");
        assert!(worst < alone + Duration::from_secs(1), "{worst:?}, alone {alone:?}");
    }

    #[tokio::test]
    async fn a_query_that_is_slow_the_first_time_is_answered_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        Store::open(folder.path()).await.unwrap().close().await;
        let reader = Reader::new(folder.path());
        let slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT max(i) AS a FROM n";
        let query = Query::parse(slow, Dialect::Sqlite).unwrap();
        for _ in 0..2 {
            let began = Instant::now();
            let found = reader.find(&query, &[], 100, began + Duration::from_secs(60)).await.unwrap();
            assert_eq!(found.records, [[Some("3000000".to_owned())]]);
            assert!(began.elapsed() > Duration::from_millis(250), "it is to be slow: {:?}", began.elapsed());
        }
    }
}
