//! The lease: one process at a time uses the account and the orders of a state folder.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::private;

use super::storage::{Storage, StorageError};

/// Whoever has it only reads or makes an account gives it back within this time. An order takes longer.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Held while an order runs: the kernel gives it back when its holder ends, however that happens.
pub(super) struct Lease {
    _file: File,
}

impl Lease {
    /// `None` where somebody has it.
    pub(super) fn take(path: &Path) -> io::Result<Option<Self>> {
        let file = private::lock_file(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Waits up to five seconds for it. `None`: an order of another process runs.
    pub(super) async fn of(storage: &Storage) -> Result<Option<Self>, StorageError> {
        let begun = Instant::now();
        loop {
            if let Some(lease) = storage.lease()? {
                return Ok(Some(lease));
            }
            if begun.elapsed() >= LONGEST_WAIT {
                return Ok(None);
            }
            sleep(LOOK_AGAIN).await;
        }
    }
}
