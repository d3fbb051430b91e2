//! Durable jobs: what was accepted is done, whatever happens to the process meanwhile.
//!
//! ```text
//! accept → writer (one commit for all that wait) → outbox.sqlite → worker → courier → writer
//! ```
//!
//! A table of its own with a single writer, and no job library: jobs of one line go one after another, the same key
//! is taken once, and each part of a job is resumed where it failed; all that is one query here. It knows nothing of
//! what a job does: that is its courier's.

mod forget;
mod job;
mod open;
mod table;
mod worker;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, Notify};

use crate::private;
use crate::sqlite::SqliteError as StoreError;

pub use job::{Carried, Courier, CourierFuture, Job, NewJob, State, key, random_key};
use open::Open;
pub use worker::{Couriers, Workers};
use writer::Order;

/// After it could not be opened, this long nobody tries again.
const AGAIN: Duration = Duration::from_secs(2);

/// The outbox of a state folder, opened when it is first used.
pub struct Outbox {
    folder: PathBuf,
    state: Mutex<Tried>,
    wake: Arc<Notify>,
    access: Access,
}

#[derive(Clone, Copy)]
enum Access {
    Write,
    Read,
}

enum Tried {
    Closed,
    Open(Arc<Open>),
    Failed { at: Instant, error: Arc<StoreError> },
}

impl Outbox {
    pub fn new(folder: &Path) -> Self {
        Self::with(folder, Access::Write)
    }

    /// To list and to show: nothing is made in the folder, and nothing can be ordered.
    pub fn to_read(folder: &Path) -> Self {
        Self::with(folder, Access::Read)
    }

    fn with(folder: &Path, access: Access) -> Self {
        Self { folder: folder.to_owned(), state: Mutex::new(Tried::Closed), wake: Arc::default(), access }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether there is one on disk already.
    pub fn exists(&self) -> bool {
        let file = self.folder.join(open::FILE);
        file.exists() || private::is_link(&file) // a link is an error where it is opened, wherever it leads
    }

    async fn open(&self) -> Result<Arc<Open>, Arc<StoreError>> {
        let mut state = self.state.lock().await;
        match &*state {
            Tried::Open(open) if open.is_there() => return Ok(Arc::clone(open)),
            Tried::Failed { at, error } if at.elapsed() < AGAIN => return Err(Arc::clone(error)),
            _ => {}
        }
        let opened = match self.access {
            Access::Write => Open::new(&self.folder).await,
            Access::Read => Open::look(&self.folder).await,
        };
        match opened {
            Ok(open) => {
                let open = Arc::new(open);
                *state = Tried::Open(Arc::clone(&open));
                Ok(open)
            }
            Err(error) => {
                let error = Arc::new(error);
                *state = Tried::Failed { at: Instant::now(), error: Arc::clone(&error) };
                Err(error)
            }
        }
    }

    /// Opens it, so that a folder that cannot be used is known before anything is to be kept.
    pub async fn prepare(&self) -> Result<(), Arc<StoreError>> {
        self.open().await.map(drop)
    }

    /// Lets go of it, so that nothing that was sent is left on the disk. Somebody who still uses it keeps it open.
    pub async fn close(&self) {
        let tried = std::mem::replace(&mut *self.state.lock().await, Tried::Closed);
        if let Tried::Open(open) = tried
            && let Some(open) = Arc::into_inner(open)
        {
            open.close().await;
        }
    }

    /// Keeps a job. It is on disk when this returns; one whose key is known is there already, and stays as it is.
    pub async fn accept(&self, job: NewJob) -> Result<(), Arc<StoreError>> {
        let open = self.open().await?;
        open.order(Order::Accept(Box::new(job))).await?;
        self.wake.notify_one();
        Ok(())
    }

    /// Keeps the answer to a delivery, so that it is answered again and not run again.
    pub async fn remember(&self, hook: &str, request_id: &str, answer: &[u8]) -> Result<(), Arc<StoreError>> {
        let open = self.open().await?;
        let (hook, request_id) = (hook.to_owned(), request_id.to_owned());
        open.order(Order::Remember { hook, request_id, answer: answer.to_vec() }).await?;
        Ok(())
    }

    /// The answer that a delivery got, where it got one within `window`.
    pub async fn recall(
        &self,
        hook: &str,
        request_id: &str,
        window: Duration,
    ) -> Result<Option<Vec<u8>>, Arc<StoreError>> {
        self.open().await?.recall(hook, request_id, window).await.map_err(Arc::new)
    }

    /// Jobs without what they hold, oldest first; all of them, or those of one state.
    pub async fn list(&self, state: Option<State>, most: u32) -> Result<Vec<Job>, Arc<StoreError>> {
        self.open().await?.list(state, most).await.map_err(Arc::new)
    }

    /// One job by the beginning of its key, with what it holds.
    pub async fn find(&self, key: &str) -> Result<Vec<Job>, Arc<StoreError>> {
        self.open().await?.find(key).await.map_err(Arc::new)
    }

    /// How many later jobs of its line were sent: sending it now would undo what they did.
    pub async fn overtaken(&self, job: &Job) -> Result<u64, Arc<StoreError>> {
        self.open().await?.overtaken(job).await.map_err(Arc::new)
    }

    /// Has a job tried again from where it failed; whether it was there to be.
    pub async fn retry(&self, key: &str) -> Result<bool, Arc<StoreError>> {
        let changed = self.open().await?.order(Order::Retry { key: key.to_owned() }).await?;
        self.wake.notify_one();
        Ok(changed > 0)
    }

    /// Gives a job up for good; whether it was there to be.
    pub async fn drop_job(&self, key: &str) -> Result<bool, Arc<StoreError>> {
        Ok(self.open().await?.order(Order::Drop { key: key.to_owned() }).await? > 0)
    }

    /// How many jobs wait, and how many were given up.
    pub async fn counts(&self) -> Result<[u64; 2], Arc<StoreError>> {
        self.open().await?.counts().await.map_err(Arc::new)
    }
}
