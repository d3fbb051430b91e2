//! Stopping: no new connections, those there finish what they do, within a deadline.

use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use crate::tasks::Tasks;

/// Shared by everything that must end before the process does.
#[derive(Debug, Clone, Default)]
pub struct Drain {
    stop: CancellationToken,
    pub tasks: Tasks,
}

impl Drain {
    /// Runs a task that the drain waits for.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Ends when the server was told to stop.
    pub fn stopping(&self) -> WaitForCancellationFuture<'_> {
        self.stop.cancelled()
    }

    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Tells everyone to stop and waits; gives how many connections and deliveries were still open after the deadline.
    pub async fn finish(&self, deadline: Duration) -> usize {
        self.stop.cancel();
        let _ = timeout(deadline, self.tasks.ended()).await; // what is left is counted
        self.tasks.awaited()
    }
}
