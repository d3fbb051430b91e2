//! How a file is opened: to write, to read beside a writer, or to have one look.

use std::io;
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, Connection as _};

use crate::private;

use super::{BUSY, SqliteError, Versions, version};

/// What SQLite keeps beside a file: the write-ahead log, its index, the journal of a change of mode.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Pages of 4 KiB in the write-ahead log after which they go into the file: on a small disk the log would otherwise
/// take the room that the file needs for them.
const LOG_PAGES: &str = "256";
/// Bytes that the log keeps on the disk once what was in it is in the file.
const LOG_KEPT: u64 = 1 << 20;

/// How long the log waits for those who read an earlier state, and writers with it.
const READERS: Duration = Duration::from_millis(100);

/// Opens a database of a state folder to write, at the last of `versions`; makes both where they are not there yet.
/// What is deleted is overwritten.
pub(crate) async fn open(
    folder: &Path,
    name: &str,
    connections: u32,
    versions: Versions,
) -> Result<SqlitePool, SqliteError> {
    let unusable = |error| SqliteError::Folder { folder: folder.to_owned(), error };
    private::folder(folder).map_err(unusable)?;
    let file = folder.join(name);
    // Made here: SQLite itself would follow a link that has the file's name.
    private::ensure(&file).map_err(unusable)?;
    adopt(folder, name)?;
    let options = SqliteConnectOptions::new()
        .filename(&file)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("secure_delete", "ON")
        .pragma("wal_autocheckpoint", LOG_PAGES)
        .pragma("journal_size_limit", LOG_KEPT.to_string())
        .busy_timeout(BUSY);
    let pool = SqlitePoolOptions::new()
        .max_connections(connections)
        // Where SQLite rolled back by itself (a full disk), the connection counts a transaction that is none: another is opened.
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
        .connect_with(options)
        .await;
    let pool = pool.map_err(|error| SqliteError::Sqlite { file: file.clone(), error })?;
    // Before anything is written: what a process that was killed left in the log may take the room for it.
    if let Ok(mut connection) = pool.acquire().await {
        let _ = forget(&mut connection).await; // who reads or writes meanwhile keeps it, and it is tried again
    }
    let migrated = version::migrate(&pool, &file, versions).await;
    if let Err(error) = migrated.and_then(|()| adopt(folder, name)) {
        pool.close().await;
        return Err(error);
    }
    Ok(pool)
}

/// Opens a database to read while another connection may write.
pub(crate) async fn reader(
    file: &Path,
    connections: u32,
    versions: Versions,
) -> Result<SqlitePool, SqliteError> {
    read(file, connections, versions, false).await
}

/// Opens a database to have one look; `None` where there is none. Nothing is made, and only a file of an earlier version
/// is changed: it is brought up to date.
pub(crate) async fn look(
    folder: &Path,
    name: &str,
    versions: Versions,
) -> Result<Option<SqlitePool>, SqliteError> {
    let file = folder.join(name);
    if !private::is_link(&file) && !file.exists() {
        return Ok(None);
    }
    for name in [name.to_owned()].into_iter().chain(BESIDE.map(|end| format!("{name}{end}"))) {
        match private::plain(&folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(SqliteError::Folder { folder: folder.to_owned(), error });
            }
            _ => {}
        }
    }
    // Without a write-ahead log nobody writes: to read the file as it stands leaves nothing beside it.
    let is_still = !folder.join(format!("{name}-wal")).exists();
    let pool = read(&file, 1, versions, is_still).await?;
    if version::is_current(&pool, &file, versions).await? {
        return Ok(Some(pool));
    }
    pool.close().await;
    open(folder, name, 1, versions).await?.close().await;
    read(&file, 1, versions, false).await.map(Some)
}

async fn read(
    file: &Path,
    connections: u32,
    versions: Versions,
    is_still: bool,
) -> Result<SqlitePool, SqliteError> {
    if private::is_link(file) {
        let folder = file.parent().unwrap_or(Path::new(".")).to_owned();
        let error = io::Error::other(format!("{} is a link, which is not followed", file.display()));
        return Err(SqliteError::Folder { folder, error });
    }
    let options =
        SqliteConnectOptions::new().filename(file).read_only(true).immutable(is_still).busy_timeout(BUSY);
    let pool = SqlitePoolOptions::new().max_connections(connections).connect_with(options).await;
    let pool = pool.map_err(|error| SqliteError::Sqlite { file: file.to_owned(), error })?;
    version::of(&pool, file, versions).await?;
    Ok(pool)
}

/// The database and what is beside it are the folder's owner's, who alone reads them.
fn adopt(folder: &Path, name: &str) -> Result<(), SqliteError> {
    for end in [""].iter().chain(&BESIDE) {
        private::adopt(&folder.join(format!("{name}{end}")))
            .map_err(|error| SqliteError::Folder { folder: folder.to_owned(), error })?;
    }
    Ok(())
}

/// Has what was deleted or overwritten be gone from the write-ahead log, too; whether it is: somebody who still reads an
/// earlier state keeps it.
pub(crate) async fn forget(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    wait_for_others(connection, READERS).await?;
    let busy = sqlx::query_scalar("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *connection).await;
    wait_for_others(connection, BUSY).await?;
    let busy: i64 = busy?;
    Ok(busy == 0)
}

/// Whether all that is in a file's write-ahead log could go into the file. A log that somebody's long reading keeps must
/// not grow until it cannot be emptied any more.
pub(crate) fn log_has_room(file: &Path) -> bool {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    let log = std::fs::metadata(log).map_or(0, |known| known.len());
    let free = || file.parent().and_then(private::free);
    log <= LOG_KEPT || free().is_none_or(|free| free >= log)
}

async fn wait_for_others(connection: &mut SqliteConnection, wait: Duration) -> Result<(), sqlx::Error> {
    let set = format!("PRAGMA busy_timeout = {}", wait.as_millis());
    sqlx::query(AssertSqlSafe(set)).execute(connection).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A full disk has SQLite roll back by itself; here the statement does.
    #[tokio::test]
    async fn a_connection_whose_transaction_ended_by_itself_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let pool = open(folder.path(), "a.sqlite", 1, &[]).await.unwrap();
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
