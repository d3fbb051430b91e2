//! What must outlive the process, beside certificates: a SQLite database in the state folder.
//!
//! Written with WAL and full syncs: what was committed is there after `kill -9` and after a power cut, and readers see
//! the state before a change or after it, never between.

mod datasets;
mod query;

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

pub use datasets::{Change, Dataset, Import, Imported, Record};
pub use query::{Found, Query, QueryError, Reader};

/// The file in the state folder.
const FILE: &str = "datasets.sqlite";

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
    #[error("there is no dataset `{0}`")]
    NoDataset(String),
    #[error("`{name}` is no name of a dataset: {why}")]
    Name { name: String, why: &'static str },
    #[error("{0}")]
    Columns(String),
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

/// Only its owner reads the file; that is the folder's, also where root imports for a service.
fn own(folder: &Path, file: &Path) -> io::Result<()> {
    let Ok(known) = fs::metadata(file) else { return Ok(()) };
    let folder = fs::metadata(folder)?;
    if known.mode() & 0o777 != 0o600 {
        fs::set_permissions(file, fs::Permissions::from_mode(0o600))?;
    }
    if known.uid() != folder.uid() {
        let _ = chown(file, Some(folder.uid()), Some(folder.gid())); // who is not root need not
    }
    Ok(())
}

pub struct Store {
    pool: SqlitePool,
    file: PathBuf,
}

impl Store {
    /// Opens the store of a state folder; makes both where they are not there yet.
    pub async fn open(folder: &Path) -> Result<Self, StoreError> {
        let unusable = |error| StoreError::Folder { folder: folder.to_owned(), error };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unusable)?;
        let file = folder.join(FILE);
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY);
        let failed = |error| StoreError::Sqlite { file: file.clone(), error };
        let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await.map_err(failed)?;
        let store = Self { pool, file: file.clone() };
        store.prepare().await?;
        // Its write-ahead log and the log's index too.
        for end in ["", "-wal", "-shm"] {
            own(folder, &folder.join(format!("{FILE}{end}"))).map_err(unusable)?;
        }
        Ok(store)
    }

    /// Lets go of the database: what is in the write-ahead log goes into the file.
    pub async fn close(self) {
        self.pool.close().await;
    }

    fn failed(&self, error: sqlx::Error) -> StoreError {
        StoreError::Sqlite { file: self.file.clone(), error }
    }
}
