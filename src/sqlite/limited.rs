//! A file for queries that somebody else wrote: read-only, each ended by its time, and bounded in what it takes of memory
//! and disk.
//!
//! SQLite bounds a whole process in memory (`hard_heap_limit`), which would stop other files of it too. So the bounds are
//! those of one connection: how large one value may become, and how much the connection writes into temporary files.

use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Once;
use std::time::Instant;

use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tracing::warn;

use crate::private;

use super::{BUSY, SqliteError, Versions, version};

/// Bytes of one value, and of one row where SQLite keeps it. It also bounds functions that compare long texts: they run
/// to their end whatever the time is.
pub(crate) const LONGEST_VALUE: usize = 1 << 20;
/// Bytes that one query may write into temporary files, which sorting and intermediate tables take.
pub(crate) const MOST_WRITTEN: u64 = 64 << 20;
/// Steps of SQLite's machine between two looks at the clock.
const LOOK: i32 = 2_000;

/// Limits of SQLite's, beside that of a value. Texts that need more are mistakes.
const LIMITS: [(Limit, i32); 6] = [
    (Limit::SQLITE_LIMIT_SQL_LENGTH, 256 << 10),
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 200),
    (Limit::SQLITE_LIMIT_VDBE_OP, 100_000),
    (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 4 << 10),
    (Limit::SQLITE_LIMIT_ATTACHED, 0),
    (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
];

/// Why a query was not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stopped {
    #[error("it took too long")]
    Time,
    #[error("one of its values is larger than {LONGEST_VALUE} bytes")]
    Value,
    #[error("it writes more than {MOST_WRITTEN} bytes into temporary files")]
    Written,
    #[error("it uses a function that gathers without bound")]
    Function,
    #[error("its result is larger than it may be")]
    Result,
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

/// Functions that gather in memory without regard to the limit of a value, until they are done.
const UNBOUNDED: [&str; 4] =
    ["json_group_array", "json_group_object", "jsonb_group_array", "jsonb_group_object"];

fn allows(asked: AuthContext<'_>) -> Authorization {
    match asked.action {
        AuthAction::Function { function_name }
            if UNBOUNDED.iter().any(|name| name.eq_ignore_ascii_case(function_name)) =>
        {
            Authorization::Deny
        }
        _ => Authorization::Allow,
    }
}

/// What a query found: the names of its columns, and rows of texts.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Option<String>>>,
}

/// A connection that others' queries run on, one at a time, on a thread that may block.
pub(crate) struct Limited(Connection);

impl Limited {
    /// Opens a file to read; one that is a link, or that a newer Annex wrote, is an error.
    pub(crate) fn open(file: &Path, versions: Versions) -> Result<Self, SqliteError> {
        let failed = |error| SqliteError::Limited { file: file.to_owned(), error };
        if private::is_link(file) {
            let folder = file.parent().unwrap_or(Path::new(".")).to_owned();
            let error = io::Error::other(format!("{} is a link, which is not followed", file.display()));
            return Err(SqliteError::Folder { folder, error });
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(file, flags).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        // What does not fit goes to disk, where it is counted; in memory nothing would.
        connection.pragma_update(None, "temp_store", "FILE").map_err(failed)?;
        let found = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
        version::known(file, found, versions)?;
        let longest = i32::try_from(LONGEST_VALUE).unwrap_or(i32::MAX);
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, longest).map_err(failed)?;
        restrict(&connection).map_err(failed)?;
        Ok(Self(connection))
    }

    /// Runs a query until `deadline`, or until nobody wants it any more; `most` bounds the bytes of what it finds.
    pub(crate) fn ask(
        &self,
        sql: &str,
        values: &[Option<String>],
        most: usize,
        deadline: Instant,
        is_cut: impl Fn() -> bool + Send + 'static,
    ) -> Result<Rows, Stopped> {
        let began = written();
        if began.is_none() {
            UNCOUNTED.call_once(|| {
                warn!("this system does not tell what a thread writes: only time bounds what SQL queries sort on the disk");
            });
        }
        let over = move || match (began, written()) {
            (Some(began), Some(now)) => now.saturating_sub(began) > MOST_WRITTEN,
            // A system that does not count: the time bounds it.
            _ => false,
        };
        let is_over = over;
        self.0.progress_handler(LOOK, Some(move || Instant::now() >= deadline || is_cut() || is_over()))?;
        let rows = self.rows(sql, values, most);
        self.0.progress_handler(0, None::<fn() -> bool>)?;
        rows.map_err(|stopped| match &stopped {
            Stopped::Sqlite(error) => match error.sqlite_error_code() {
                Some(ErrorCode::TooBig) => Stopped::Value,
                _ if error.to_string().contains("not authorized to use function") => Stopped::Function,
                Some(ErrorCode::OperationInterrupted) if Instant::now() >= deadline => Stopped::Time,
                Some(ErrorCode::OperationInterrupted) => Stopped::Written,
                _ => stopped,
            },
            _ => stopped,
        })
    }

    fn rows(&self, sql: &str, values: &[Option<String>], most: usize) -> Result<Rows, Stopped> {
        let mut statement = self.0.prepare(sql)?;
        let columns = statement.column_names().into_iter().map(str::to_owned).collect::<Vec<_>>();
        let mut found = Rows { columns, rows: Vec::new() };
        let mut rows = statement.query(rusqlite::params_from_iter(values))?;
        let mut bytes = 0_usize;
        while let Some(row) = rows.next()? {
            let mut texts = Vec::with_capacity(found.columns.len());
            for at in 0..found.columns.len() {
                let text = text(row.get_ref(at)?, at)?;
                bytes += text.as_ref().map_or(0, String::len);
                if bytes > most {
                    return Err(Stopped::Result);
                }
                texts.push(text);
            }
            found.rows.push(texts);
        }
        Ok(found)
    }
}

/// What a query of a configuration may do, the same when it is prepared for a check and when it runs.
fn restrict(connection: &Connection) -> Result<(), rusqlite::Error> {
    for (limit, most) in LIMITS {
        connection.set_limit(limit, most)?;
    }
    // A name in quotes that no column has is a mistake, and no text.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.authorizer(Some(allows))
}

/// The names of the columns that a query gives of empty tables, against which it is prepared; it is not run.
pub(crate) fn prepare(tables: &[(&str, &[String])], sql: &str) -> Result<Vec<String>, Stopped> {
    let connection = Connection::open_in_memory()?;
    for (name, columns) in tables {
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let columns = columns.iter().map(|column| quoted(column)).collect::<Vec<_>>().join(", ");
        connection.execute(&format!("CREATE TABLE {} ({columns})", quoted(name)), [])?;
    }
    restrict(&connection)?;
    let statement = connection.prepare(sql).map_err(|error| {
        let is_function = error.to_string().contains("not authorized to use function");
        if is_function { Stopped::Function } else { error.into() }
    })?;
    Ok(statement.column_names().into_iter().map(str::to_owned).collect())
}

/// A value as text, whatever an expression made of it.
fn text(value: ValueRef<'_>, at: usize) -> Result<Option<String>, rusqlite::Error> {
    Ok(Some(match value {
        ValueRef::Null => return Ok(None),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            let text = std::str::from_utf8(bytes).map_err(|error| rusqlite::Error::Utf8Error(at, error))?;
            text.to_owned()
        }
    }))
}

/// Said once.
static UNCOUNTED: Once = Once::new();

/// Bytes that this thread wrote into files so far, where the system counts them: SQLite writes on the thread that asks.
fn written() -> Option<u64> {
    let mut text = String::new();
    std::fs::File::open("/proc/thread-self/io").ok()?.take(1_000).read_to_string(&mut text).ok()?;
    text.lines().find_map(|line| line.strip_prefix("wchar:"))?.trim().parse().ok()
}
