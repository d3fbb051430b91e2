//! What must outlive the process, beside certificates: a SQLite database in the state folder.
//!
//! How its file is opened and kept is [`crate::sqlite`]'s.

mod allowed;
mod asked;
mod bare;
mod changed;
mod counted;
mod datasets;
mod documents;
mod forms;
mod hot;
mod keyed;
mod likeness;
mod lists;
mod names;
mod near;
mod nearest;
mod normal;
mod problem;
mod query;
mod ranking;
mod refused;
mod renewal;
mod search;
mod spelled;
mod sql;
mod tables;
mod turns;
mod words;

use std::path::{Path, PathBuf};

use sqlx::sqlite::SqlitePool;

use crate::sqlite::{self, LONGEST_VALUE, MOST_WRITTEN, SqliteError};

pub use allowed::Allowed;
pub use asked::Asked;
pub(crate) use bare::bare_numbers;
pub use datasets::{Change, Dataset, Import, Imported, Progress, Record};
pub use keyed::{Keyed, is_total};
pub use likeness::{Alike, Exactness, Likeness};
pub use names::check_name;
pub use near::{Comparable, similarity};
pub use normal::{Keys, normalize};
pub use query::{Choice, Found, Reader};
pub use ranking::{Decides, RANKED, ranked};
pub use refused::Refused;
pub use renewal::Renewed;
pub(crate) use search::pattern;
pub use search::{Compared, SCORE, Search, SearchKind};
pub use sql::{Dialect, Query, QueryError};
pub use tables::{Table, columns_of, tables};

/// The file in the state folder.
const FILE: &str = "datasets.sqlite";

/// Bytes of a field's text that records are compared with.
pub(crate) const LONGEST: usize = 64 << 10;
/// The same in SQL: nothing ends a function of SQLite that compares two long texts.
pub(crate) const LONGEST_IN_SQL: usize = 16 << 10;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{0}")]
    File(#[from] SqliteError),
    #[error("there are no datasets: {0} is not there; annex data import makes it")]
    NoDatasets(PathBuf),
    #[error("it took too long")]
    TooLong,
    /// Nothing is wrong with the store: others keep it busy.
    #[error("as many queries of the datasets are under way as may be: it had no turn in time")]
    Busy,
    #[error("the text of the field `{field}` is longer than {kib} KiB: no record is looked up by it")]
    LongText { field: String, kib: usize },
    #[error("it needs more memory than a query may take ({0} MiB)")]
    TooMuch(usize),
    #[error(
        "one of the values that it makes or reads is larger than a query may have ({kib} KiB): \
         let group_concat, replace, printf and recursion make less, or select fewer records",
        kib = LONGEST_VALUE >> 10
    )]
    LargeValue,
    #[error(
        "it uses json_group_array or json_group_object, which SQLite does not bound in memory: use group_concat, or a record for each value"
    )]
    Function,
    #[error(
        "it sorts or gathers more than a query may put on the disk meanwhile ({mib} MiB): \
         narrow it by WHERE before it joins, sorts or groups, and import the dataset with --index for that column",
        mib = MOST_WRITTEN >> 20
    )]
    Written,
    #[error(
        "`{dataset}` has no index of similar texts for {column}: annex data import {dataset} FILE --near {column}"
    )]
    NoIndex { dataset: String, column: String },
    #[error(
        "the index of similar texts in `{column}` of `{dataset}` is of an earlier Annex, and not built anew yet: \
         the server does so when it starts, and its log says when it has; so does annex data import {dataset} FILE"
    )]
    OldIndex { dataset: String, column: String },
    /// A query of a Master Data Hub configuration fails; no value of a document is in it.
    #[error("the query cannot be run: {0}")]
    Query(String),
    #[error("there is no dataset `{0}`")]
    NoDataset(String),
    #[error("`{name}` is not a name of a dataset: {why}")]
    Name { name: String, why: &'static str },
    #[error("{0}")]
    Columns(String),
    #[error(
        "it has no records, and the dataset has {before}: if they are to go, --allow-empty, in annex.toml allow_empty = true"
    )]
    Empty { before: u64 },
    #[error(
        "it has {now} records, and the dataset has {before}: that is {percent} % fewer, and {most} % are allowed. If they are to go, \
         --allow-shrink, in annex.toml allow_shrink = 100"
    )]
    Shrunk { before: u64, now: u64, percent: u64, most: u8 },
    /// The file of an import cannot be read to its end; nothing of the import is kept.
    #[error("{0}")]
    Source(String),
    /// A record that cannot be taken; nothing of the import is kept.
    #[error("{place}: {problem}")]
    Record { place: String, problem: String },
}

use datasets::VERSIONS;

pub struct Store {
    pool: SqlitePool,
    file: PathBuf,
}

impl Store {
    /// Opens the store of a state folder; makes both where they are not there yet.
    pub async fn open(folder: &Path) -> Result<Self, StoreError> {
        let pool = sqlite::open(folder, FILE, 4, VERSIONS).await?;
        Ok(Self { pool, file: folder.join(FILE) })
    }

    /// Opens the store of a state folder where there is one, to change it.
    pub async fn existing(folder: &Path) -> Result<Option<Self>, StoreError> {
        let file = folder.join(FILE);
        if file.exists() || file.is_symlink() { Self::open(folder).await.map(Some) } else { Ok(None) }
    }

    /// Opens the store of a state folder where there is one, to read: nothing is made, and nothing changed.
    pub async fn look(folder: &Path) -> Result<Option<Self>, StoreError> {
        let pool = sqlite::look(folder, FILE, VERSIONS).await?;
        Ok(pool.map(|pool| Self { pool, file: folder.join(FILE) }))
    }

    /// Lets go of the database: what is in the write-ahead log goes into the file, what was deleted is gone.
    pub async fn close(self) {
        if let Ok(mut connection) = self.pool.acquire().await {
            let _ = sqlite::forget(&mut connection).await; // a reader keeps it until the next import
        }
        self.pool.close().await;
    }

    fn failed(&self, error: sqlx::Error) -> StoreError {
        SqliteError::Sqlite { file: self.file.clone(), error }.into()
    }
}
