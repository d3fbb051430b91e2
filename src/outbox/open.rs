//! The database of an outbox that is open.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::sqlite::SqlitePool;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::private;
use crate::sqlite::{self, SqliteError};
use crate::tasks;

use super::table;
use super::writer::{self, Message, Order};

/// The file in the state folder. Not that of the datasets: an import must not keep exports from being accepted.
pub(super) const FILE: &str = "outbox.sqlite";
/// Orders that wait for the writer; more have to wait for a place.
const QUEUE: usize = 1_024;

pub(super) struct Open {
    pub(super) file: PathBuf,
    inode: u64,
    pub(super) reads: SqlitePool,
    /// Nobody writes where it was opened to read.
    writer: Option<(mpsc::Sender<Message>, JoinHandle<()>)>,
}

impl Open {
    /// Opens it to write; makes it where it is not there yet.
    pub(super) async fn new(folder: &Path) -> Result<Self, SqliteError> {
        // One connection writes, so that writes never wait for each other inside SQLite.
        let writes = sqlite::open(folder, FILE, 1, table::VERSIONS).await?;
        let reads = sqlite::open(folder, FILE, 2, table::VERSIONS).await?;
        let file = folder.join(FILE);
        let inode = inode(&file).unwrap_or_default();
        let (orders, received) = mpsc::channel(QUEUE);
        let writer = tasks::handled(writer::run(writes, file.clone(), received));
        Ok(Self { file, inode, reads, writer: Some((orders, writer)) })
    }

    /// Opens it to read only: nothing is made, and nothing changed.
    pub(super) async fn look(folder: &Path) -> Result<Self, SqliteError> {
        let reads = sqlite::look(folder, FILE, table::VERSIONS).await?;
        let missing =
            || SqliteError::Folder { folder: folder.to_owned(), error: io::ErrorKind::NotFound.into() };
        let reads = reads.ok_or_else(missing)?;
        let file = folder.join(FILE);
        let inode = inode(&file).unwrap_or_default();
        Ok(Self { file, inode, reads, writer: None })
    }

    /// Lets go of the file: what is in the write-ahead log goes into it, what was sent is gone from both.
    pub(super) async fn close(self) {
        self.reads.close().await;
        if let Some((orders, writer)) = self.writer {
            drop(orders);
            let _ = writer.await; // it ends when it has written what was ordered
        }
    }

    /// Whether the file that is open is still the one in the folder.
    pub(super) fn is_there(&self) -> bool {
        let is_written = |(orders, _): &(mpsc::Sender<Message>, _)| !orders.is_closed();
        inode(&self.file) == Some(self.inode) && self.writer.as_ref().is_none_or(is_written)
    }

    /// Has the writer do something; how many rows it changed. It is on disk when this returns.
    pub(super) async fn order(&self, order: Order) -> Result<u64, Arc<SqliteError>> {
        let (done, answer) = oneshot::channel();
        let gone = || {
            let error = sqlx::Error::WorkerCrashed;
            Arc::new(SqliteError::Sqlite { file: self.file.clone(), error })
        };
        let (orders, _) = self.writer.as_ref().ok_or_else(gone)?;
        orders.send(Message { order, done }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Copies what it holds into another file: this works too when the file itself is no longer in its folder.
    pub(super) async fn copy_to(&self, file: &Path) -> Result<(), SqliteError> {
        // Into an empty file that is accessible to its owner only: SQLite takes one that is there and empty.
        private::ensure(file).map_err(|error| SqliteError::Folder { folder: file.to_owned(), error })?;
        let query = sqlx::query("VACUUM INTO ?").bind(file.display().to_string());
        query.execute(&self.reads).await.map_err(|error| self.failed(error))?;
        Ok(())
    }

    pub(super) fn failed(&self, error: sqlx::Error) -> SqliteError {
        SqliteError::Sqlite { file: self.file.clone(), error }
    }
}

fn inode(file: &Path) -> Option<u64> {
    std::fs::metadata(file).ok().map(|known| known.ino())
}
