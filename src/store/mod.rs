//! What must outlive the process, beside certificates: a SQLite database in the state folder.
//!
//! Written with WAL and full syncs: what was committed is there after `kill -9` and after a power cut, and readers see
//! the state before a change or after it, never between.

mod asked;
mod datasets;
mod documents;
pub(crate) mod file;
mod near;
mod normal;
mod query;
mod search;
mod sql;
mod words;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::SqlitePool;

pub use asked::Asked;
pub use datasets::{Change, Dataset, Import, Imported, Record};
pub use near::{Comparable, Near, similarity};
pub use normal::normalize;
pub use query::{Found, Reader};
pub(crate) use search::pattern;
pub use search::{Compared, SCORE, Search, SearchKind};
pub use sql::{Dialect, Query, QueryError};

/// The file in the state folder.
const FILE: &str = "datasets.sqlite";

/// Bytes of a field's text that records are compared with.
pub(crate) const LONGEST: usize = 64 << 10;

/// How long a writer waits for another one.
const BUSY: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the state folder {folder} cannot be used: {error}")]
    Folder { folder: PathBuf, error: io::Error },
    #[error("{file}: {}", words(.error))]
    Sqlite { file: PathBuf, error: sqlx::Error },
    #[error("there are no datasets: {0} is not there; annex data import makes it")]
    NoDatasets(PathBuf),
    #[error("it took too long")]
    TooLong,
    /// Nothing is wrong with the store: others keep it busy.
    #[error("as many queries of the datasets are under way as may be: it had no turn in time")]
    Busy,
    #[error("the text of the field `{0}` is longer than {kib} KiB: no record is looked up by it", kib = LONGEST >> 10)]
    LongText(String),
    #[error("it needs more memory than a query may take ({0} MiB)")]
    TooMuch(usize),
    #[error(
        "`{dataset}` has no index of similar texts for {column}: annex data import {dataset} FILE --near {column}"
    )]
    NoIndex { dataset: String, column: String },
    /// A query of a Master Data Hub configuration fails; no value of a document is in it.
    #[error("the query cannot be run: {0}")]
    Query(String),
    #[error("there is no dataset `{0}`")]
    NoDataset(String),
    #[error("`{name}` is no name of a dataset: {why}")]
    Name { name: String, why: &'static str },
    #[error("{0}")]
    Columns(String),
    /// The file of an import cannot be read to its end; nothing of the import is kept.
    #[error("{0}")]
    Source(String),
    /// A record that cannot be taken; nothing of the import is kept.
    #[error("{place}: {problem}")]
    Record { place: String, problem: String },
}

/// What SQLite says, with what to do about it.
fn words(error: &sqlx::Error) -> String {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    let hint = match code.as_deref() {
        Some("5" | "6" | "261" | "517") => "another import runs: try again when it is done",
        Some("13") => "the disk is full: nothing was changed",
        Some("8" | "1032" | "520") => "the file or its folder is read-only for this user",
        Some("11" | "26") => {
            "the file is damaged: move it away and import the datasets again, then reload the server"
        }
        Some("14") => "the file cannot be opened: look at the folder's owner and mode",
        _ => return error.to_string(),
    };
    format!("{error}; {hint}")
}

pub struct Store {
    pool: SqlitePool,
    file: PathBuf,
}

impl Store {
    /// Opens the store of a state folder; makes both where they are not there yet.
    pub async fn open(folder: &Path) -> Result<Self, StoreError> {
        let pool = file::open(folder, FILE, 4).await?;
        let store = Self { pool, file: folder.join(FILE) };
        store.prepare().await?;
        file::own_all(folder, FILE)?;
        Ok(store)
    }

    /// Opens the store of a state folder where there is one.
    pub async fn existing(folder: &Path) -> Result<Option<Self>, StoreError> {
        if folder.join(FILE).exists() { Self::open(folder).await.map(Some) } else { Ok(None) }
    }

    /// Lets go of the database: what is in the write-ahead log goes into the file.
    pub async fn close(self) {
        self.pool.close().await;
    }

    fn failed(&self, error: sqlx::Error) -> StoreError {
        StoreError::Sqlite { file: self.file.clone(), error }
    }
}
