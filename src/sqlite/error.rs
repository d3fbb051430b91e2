//! Why a file cannot be used.

use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum SqliteError {
    #[error("the state folder {folder} cannot be used: {error}")]
    Folder { folder: PathBuf, error: io::Error },
    #[error("{file}: {}", words(.error))]
    Sqlite { file: PathBuf, error: sqlx::Error },
    /// A query of the configuration fails, or its file cannot be opened.
    #[error("{file}: {error}")]
    Limited { file: PathBuf, error: rusqlite::Error },
    /// Its tables are of a later Annex: reading them by an earlier one's rules could lose what they hold.
    #[error(
        "{file} was written by a newer Annex (its tables have version {found}, this one knows {known}): install that version again, or move the file away"
    )]
    Newer { file: PathBuf, found: i64, known: i64 },
}

/// Whether there was no room on the disk.
pub(crate) fn is_full(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.as_deref() == Some("13")
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
