//! A SQLite file in the state folder: how it is opened, and who owns it.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;

use sqlx::Connection as _;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use super::{BUSY, StoreError};

/// Opens a database of a state folder; makes both where they are not there yet.
pub(crate) async fn open(folder: &Path, name: &str, connections: u32) -> Result<SqlitePool, StoreError> {
    let unusable = |error| StoreError::Folder { folder: folder.to_owned(), error };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unusable)?;
    let file = folder.join(name);
    let options = SqliteConnectOptions::new()
        .filename(&file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY);
    let pool = SqlitePoolOptions::new()
        .max_connections(connections)
        // Where SQLite rolled back by itself (a full disk), the connection counts a transaction that is none: another is opened.
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
        .connect_with(options)
        .await;
    pool.map_err(|error| StoreError::Sqlite { file, error })
}

/// The database, its write-ahead log and the log's index are the folder's owner's.
pub(crate) fn own_all(folder: &Path, name: &str) -> Result<(), StoreError> {
    for end in ["", "-wal", "-shm"] {
        own(folder, &folder.join(format!("{name}{end}")))
            .map_err(|error| StoreError::Folder { folder: folder.to_owned(), error })?;
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A full disk has SQLite roll back by itself; here the statement does.
    #[tokio::test]
    async fn a_connection_whose_transaction_ended_by_itself_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let pool = open(folder.path(), "a.sqlite", 1).await.unwrap();
        sqlx::query("CREATE TABLE a (b INTEGER)").execute(&pool).await.unwrap();
        let mut work = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
        sqlx::query("ROLLBACK").execute(&mut *work).await.unwrap();
        drop(work);
        for _ in 0..3 {
            let mut work = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
            sqlx::query("INSERT INTO a VALUES (1)").execute(&mut *work).await.unwrap();
            work.commit().await.unwrap();
        }
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM a").fetch_one(&pool).await.unwrap();
        assert_eq!(count, 3);
    }
}
