//! Queries of the configuration: SQL with the document's fields as `:name`, which are bound, never pasted in. They read
//! only.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePool, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, Column as _, Row as _, Sqlite, TypeInfo as _, ValueRef as _};
use tokio::sync::OnceCell;
use tokio::time::timeout_at;

use super::{BUSY, FILE, Record, StoreError};

/// A query as the database takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    sql: String,
    /// The fields that it names, in the order of their numbers.
    pub fields: Vec<String>,
}

/// Why a text is no query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    #[error("a query begins with SELECT or WITH")]
    NoQuery,
    #[error("a text, name or remark in it has no end")]
    Open,
    #[error("it has more than one statement")]
    SeveralStatements,
    #[error("`?` has no name: write the schema id of a field, `:sender_name`")]
    Nameless,
}

impl Query {
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let word = text.trim_start().split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        if !["select", "with"].contains(&word.to_ascii_lowercase().as_str()) {
            return Err(QueryError::NoQuery);
        }
        let mut query = Self { sql: String::with_capacity(text.len()), fields: Vec::new() };
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let taken = match first {
                '\'' | '"' | '`' => quoted(rest, first)?,
                '[' => rest.find(']').ok_or(QueryError::Open)? + 1,
                '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
                '/' if rest.starts_with("/*") => rest.find("*/").ok_or(QueryError::Open)? + 2,
                ';' if rest[1..].trim().is_empty() => break,
                ';' => return Err(QueryError::SeveralStatements),
                '?' => return Err(QueryError::Nameless),
                ':' => {
                    let name = rest[1..].split(|c: char| !c.is_alphanumeric() && c != '_').next();
                    let name = name.filter(|name| !name.is_empty()).ok_or(QueryError::Nameless)?;
                    query.bind(name);
                    rest = &rest[1 + name.len()..];
                    continue;
                }
                other => other.len_utf8(),
            };
            query.sql.push_str(&rest[..taken]);
            rest = &rest[taken..];
        }
        Ok(query)
    }

    fn bind(&mut self, name: &str) {
        let known = self.fields.iter().position(|field| field == name);
        let at = known.unwrap_or_else(|| {
            self.fields.push(name.to_owned());
            self.fields.len() - 1
        });
        let _ = write!(self.sql, "?{}", at + 1); // to a text: never fails
    }
}

/// How long a quoted text is, with its quotes; a quote in it is written twice.
fn quoted(text: &str, quote: char) -> Result<usize, QueryError> {
    let mut inside = text[1..].char_indices().peekable();
    while let Some((at, c)) = inside.next() {
        if c == quote && inside.next_if(|(_, next)| *next == quote).is_none() {
            return Ok(at + 2);
        }
    }
    Err(QueryError::Open)
}

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
}

/// Queries at a time.
const CONNECTIONS: u32 = 4;
/// Steps of SQLite's machine between two looks at the clock.
const LOOK: i32 = 2_000;

impl Reader {
    pub fn new(folder: &Path) -> Self {
        Self { file: folder.join(FILE), pool: OnceCell::new() }
    }

    async fn pool(&self) -> Result<&SqlitePool, StoreError> {
        if !self.file.exists() {
            return Err(StoreError::NoDatasets(self.file.clone()));
        }
        let open = || {
            let options = SqliteConnectOptions::new().filename(&self.file).read_only(true).busy_timeout(BUSY);
            SqlitePoolOptions::new().max_connections(CONNECTIONS).connect_with(options)
        };
        self.pool.get_or_try_init(open).await.map_err(|error| self.failed(error))
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
        StoreError::Sqlite { file: self.file.clone(), error }
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
    use super::*;

    #[test]
    fn fields_are_numbered_and_texts_left_alone() {
        let query = Query::parse(
            "SELECT id, ':no', \"a:b\" -- :no\n FROM v /* :no */ WHERE a = :x AND (b = :y OR c=:x);",
        )
        .unwrap();
        assert_eq!(query.fields, ["x", "y"]);
        assert_eq!(
            query.sql,
            "SELECT id, ':no', \"a:b\" -- :no\n FROM v /* :no */ WHERE a = ?1 AND (b = ?2 OR c=?1)"
        );
        assert_eq!(Query::parse("select 'it''s :no' || :č").unwrap().fields, ["č"]);
        let error = |text| Query::parse(text).unwrap_err();
        assert_eq!(error("DELETE FROM v"), QueryError::NoQuery);
        assert_eq!(error("SELECT 1; DROP TABLE v"), QueryError::SeveralStatements);
        assert_eq!(error("SELECT 'a"), QueryError::Open);
        assert_eq!(error("SELECT ?"), QueryError::Nameless);
        assert_eq!(error("SELECT :"), QueryError::Nameless);
    }
}
