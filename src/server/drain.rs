//! Stopping: no new connections, those there finish what they do, within a deadline.

use std::time::Duration;

use hyper::rt::Executor;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use crate::tasks::Tasks;

/// How long tasks that are cut off may take to notice.
const CUT: Duration = Duration::from_millis(500);

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

    /// Ends what [`Drain::finish`] left. What computes without a pause ends with the process.
    pub async fn cut_off(&self) {
        let _ = timeout(CUT, self.tasks.cut_off()).await; // it was told by name
    }
}

/// HTTP/2 runs each request in a task: the drain waits for these too.
impl<F> Executor<F> for Drain
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, task: F) {
        self.spawn(async move {
            task.await;
        });
    }
}
