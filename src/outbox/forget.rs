//! What was sent is gone: overwritten in the file by SQLite (`secure_delete`), and soon after cut off its write-ahead
//! log, which would keep every earlier state of a page until it is used again.

use std::time::Duration;

use sqlx::sqlite::SqlitePool;
use tokio::time::Instant;
use tracing::warn;

use crate::sqlite;

/// A quiet moment: for so long nobody wanted anything written.
const QUIET: Duration = Duration::from_secs(1);
/// Where there is no quiet moment, the log is cut off all the same after this long.
const LONGEST: Duration = Duration::from_secs(10);

pub(super) struct Forgetting {
    /// Since when something may be in the log that is to be gone.
    since: Option<Instant>,
}

impl Forgetting {
    /// The log may be a process's that was killed.
    pub(super) fn new() -> Self {
        Self { since: Some(Instant::now()) }
    }

    /// Takes note that something was written, perhaps in the place of something else.
    pub(super) fn written(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }

    /// How long the writer may wait for orders before it forgets; as long as it likes where nothing is to be gone.
    pub(super) fn wait(&self) -> Duration {
        match self.since {
            Some(since) => QUIET.min(LONGEST.saturating_sub(since.elapsed())),
            None => Duration::MAX,
        }
    }

    pub(super) async fn forget(&mut self, pool: &SqlitePool) {
        let done = async { sqlite::forget(&mut *pool.acquire().await?).await };
        self.since = match done.await {
            Ok(true) => None,
            // Somebody reads an earlier state: a quiet moment later.
            Ok(false) => Some(Instant::now()),
            Err(error) => {
                warn!("what was sent stays in the outbox's log for now: {error}");
                Some(Instant::now())
            }
        };
    }
}
