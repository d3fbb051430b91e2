//! The database of an outbox that is open.

use std::fs::OpenOptions;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::sqlite::SqlitePool;
use tokio::sync::{mpsc, oneshot};

use crate::store::{StoreError, file};

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
    orders: mpsc::Sender<Message>,
}

impl Open {
    pub(super) async fn new(folder: &Path) -> Result<Self, StoreError> {
        // One connection writes, so that writes never wait for each other inside SQLite.
        let writes = file::open(folder, FILE, 1).await?;
        let file = folder.join(FILE);
        let failed = |error| StoreError::Sqlite { file: file.clone(), error };
        table::prepare(&writes).await.map_err(failed)?;
        let reads = file::open(folder, FILE, 2).await?;
        file::own_all(folder, FILE)?;
        let inode = inode(&file).unwrap_or_default();
        let (orders, received) = mpsc::channel(QUEUE);
        tokio::spawn(writer::run(writes, file.clone(), received));
        Ok(Self { file, inode, reads, orders })
    }

    /// Whether the file that is open is still the one in the folder.
    pub(super) fn is_there(&self) -> bool {
        inode(&self.file) == Some(self.inode) && !self.orders.is_closed()
    }

    /// Has the writer do something; how many rows it changed. It is on disk when this returns.
    pub(super) async fn order(&self, order: Order) -> Result<u64, Arc<StoreError>> {
        let (done, answer) = oneshot::channel();
        let gone = || {
            let error = sqlx::Error::WorkerCrashed;
            Arc::new(StoreError::Sqlite { file: self.file.clone(), error })
        };
        self.orders.send(Message { order, done }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Copies what it holds into another file: this works too when the file itself is no longer in its folder.
    pub(super) async fn copy_to(&self, file: &Path) -> Result<(), StoreError> {
        // Into an empty file that is its owner's alone: SQLite takes one that is there and empty.
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
        made.map_err(|error| StoreError::Folder { folder: file.to_owned(), error })?;
        let query = sqlx::query("VACUUM INTO ?").bind(file.display().to_string());
        query.execute(&self.reads).await.map_err(|error| self.failed(error))?;
        Ok(())
    }

    pub(super) fn failed(&self, error: sqlx::Error) -> StoreError {
        StoreError::Sqlite { file: self.file.clone(), error }
    }
}

fn inode(file: &Path) -> Option<u64> {
    std::fs::metadata(file).ok().map(|known| known.ino())
}
