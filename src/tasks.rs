//! The tasks that a server runs beside its connections. Each has an owner: the server, which waits for it or ends it when it
//! stops; a handle that ends it when it is dropped; or, for the outbox's writer, who closes the outbox. `clippy.toml` forbids
//! tokio's own `spawn` and `spawn_blocking`; sets of tasks (`JoinSet`) end with whoever holds them.

use std::sync::LazyLock;
use std::time::Duration;

use tokio::task::{JoinError, JoinHandle};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};
use tracing::error;

use crate::telemetry::about;

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

/// Works on threads that may block, of the whole process.
static BLOCKING: LazyLock<TaskTracker> = LazyLock::new(TaskTracker::new);

/// The process ends, and the work never began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotBegun;

/// Has work done on a thread that may block; nothing ends it from outside. It gets a token that is cancelled when nobody waits
/// for it any more: it looks there between its parts, and ends without doing the rest. A panic in it is one here.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce(&CancellationToken) -> T + Send + 'static,
) -> Result<T, NotBegun> {
    let cut = CancellationToken::new();
    let _cut = cut.clone().drop_guard();
    // What it logs says whose work it is.
    done(BLOCKING.spawn_blocking(about::along_thread(move || work(&cut))).await)
}

fn done<T>(ended: Result<T, JoinError>) -> Result<T, NotBegun> {
    ended.map_err(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => NotBegun,
    })
}

/// Until the works on threads that may block have ended, those too that nobody waits for any more.
pub async fn blocking_ended() {
    BLOCKING.close();
    BLOCKING.wait().await;
}

/// How long after a panic a task begins again.
const AGAIN: Duration = Duration::from_secs(1);

/// Goes on with what is to go on for as long as the server does: where it panics, it begins again.
pub async fn kept_up<F: Future<Output = ()> + Send + 'static>(what: &str, begin: impl Fn() -> F) {
    while owned(begin()).await.is_err_and(|error| error.is_panic()) {
        error!("{what} ended by a mistake in Annex, which its log says above: it begins again");
        sleep(AGAIN).await;
    }
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
    /// Starts a task whose end the server waits for when it stops: somebody was told that it will be done. What it logs
    /// says whose work it is.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let cut = self.cut.clone();
        let task = async move {
            cut.run_until_cancelled(task).await;
        };
        drop(self.awaited.spawn(about::along(task)));
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
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

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

    #[tokio::test]
    async fn what_a_delivery_starts_says_whose_it_is() {
        let (tasks, of) = (Tasks::default(), Arc::new(AtomicUsize::new(0)));
        let counts = || {
            let of = Arc::clone(&of);
            move || of.fetch_add(usize::from(about::current().is_some()), Ordering::Relaxed)
        };
        let delivery = Arc::new(about::About::delivery(&Arc::default()));
        let starts = async {
            let (on_thread, in_task, beside) = (counts(), counts(), counts());
            assert!(blocking(move |_| on_thread()).await.is_ok());
            tasks.spawn(async move { _ = in_task() });
            tasks.background(async move { _ = beside() });
        };
        about::within(delivery, starts).await;
        tasks.ended().await;
        assert_eq!(of.load(Ordering::Relaxed), 2, "not what goes on beside it");
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_is_told_so_and_its_end_is_waited_for() {
        let ended = Arc::new(AtomicUsize::new(0));
        let work = {
            let ended = Arc::clone(&ended);
            blocking(move |cut| {
                let patience = std::time::Instant::now() + Duration::from_secs(60);
                while !cut.is_cancelled() && std::time::Instant::now() < patience {
                    std::thread::sleep(Duration::from_millis(1));
                }
                ended.store(if cut.is_cancelled() { 1 } else { 2 }, Ordering::Relaxed);
            })
        };
        assert!(tokio::time::timeout(Duration::from_millis(50), work).await.is_err());
        blocking_ended().await;
        assert_eq!(ended.load(Ordering::Relaxed), 1, "it was cut off, and its end was waited for");
        assert_eq!(blocking(|_| 7).await, Ok(7));
        let panics = owned(blocking(|_| panic!("a mistake"))).await;
        assert!(panics.is_err_and(|error| error.is_panic()), "a panic there is one here");
    }

    #[tokio::test(start_paused = true)]
    async fn what_panics_begins_again() {
        let begun = Arc::new(AtomicUsize::new(0));
        kept_up("counting", || {
            let begun = Arc::clone(&begun);
            async move { assert!(begun.fetch_add(1, Ordering::Relaxed) == 2, "a mistake") }
        })
        .await;
        assert_eq!(begun.load(Ordering::Relaxed), 3);
    }
}
