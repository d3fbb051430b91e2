//! The tasks that a server runs beside its connections. Each has an owner: the server, which waits for it or ends it when it
//! stops; a handle that ends it when it is dropped; or, for the outbox's writer, who closes the outbox. `clippy.toml` forbids
//! tokio's own `spawn`; sets of tasks (`JoinSet`) end with whoever holds them.

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// A task that ends when this is dropped.
pub type Owned<T> = AbortOnDropHandle<T>;

/// Starts a task that ends when its handle is dropped.
#[must_use = "the task ends when its handle is dropped"]
pub fn owned<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> Owned<T> {
    AbortOnDropHandle::new(handled(task))
}

/// Starts a task that goes on until its work is done. Whoever keeps the handle waits for it before the process ends.
#[must_use = "somebody waits for the task, or it is lost when the process ends"]
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn handled<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(task)
}

/// Has work done on a thread that may block. It goes on to its end when its handle is dropped: it needs a deadline of its own.
#[must_use = "somebody waits for what it gives"]
pub fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    tokio::task::spawn_blocking(work)
}

/// The tasks of one server.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    awaited: TaskTracker,
    background: TaskTracker,
    /// Ends what was not done in time, and the background.
    cut: CancellationToken,
    end: CancellationToken,
}

impl Tasks {
    /// Starts a task whose end the server waits for when it stops: somebody was told that it will be done.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let cut = self.cut.clone();
        drop(self.awaited.spawn(async move {
            cut.run_until_cancelled(task).await;
        }));
    }

    /// Starts a task that is dropped where it is when the server stops: nobody waits for it.
    pub fn background(&self, task: impl Future<Output = ()> + Send + 'static) {
        let end = self.end.clone();
        drop(self.background.spawn(async move {
            end.run_until_cancelled(task).await;
        }));
    }

    /// How many are waited for.
    pub fn awaited(&self) -> usize {
        self.awaited.len()
    }

    /// Until all that are waited for have ended, and those that they start meanwhile.
    pub async fn ended(&self) {
        self.awaited.close();
        self.awaited.wait().await;
    }

    /// Ends those that are waited for, where they wait for something; until they are dropped.
    pub async fn cut_off(&self) {
        self.cut.cancel();
        self.ended().await;
    }

    /// Ends the others.
    pub async fn end_background(&self) {
        self.end.cancel();
        self.background.close();
        self.background.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_was_promised_is_waited_for_and_the_rest_is_ended() {
        let (tasks, done) = (Tasks::default(), Arc::new(AtomicUsize::new(0)));
        let after = |seconds| {
            let done = Arc::clone(&done);
            async move {
                sleep(Duration::from_secs(seconds)).await;
                done.fetch_add(1, Ordering::Relaxed);
            }
        };
        tasks.background(after(1_000));
        tasks.spawn(after(5));
        let own = owned(after(1_000));
        assert_eq!(tasks.awaited(), 1);
        tasks.ended().await;
        assert_eq!(done.load(Ordering::Relaxed), 1);
        tasks.end_background().await;
        tasks.spawn(after(1_000));
        tasks.cut_off().await;
        drop(own);
        sleep(Duration::from_secs(5_000)).await;
        assert_eq!(done.load(Ordering::Relaxed), 1, "nothing goes on after the end");
    }
}
