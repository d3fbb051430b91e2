//! Jobs in a SQLite file of the state folder: the ledger of one node.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Mutex;

use crate::clock;
use crate::sqlite::SqliteError;

use super::health::Health;
use super::job::{Job, State};
use super::ledger::{Counts, Ledger, LedgerFuture, Note, Outcome};
use super::open::{FILE, Open};
use super::slots::Slots;
use super::writer::Order;

/// After it could not be opened, this long nobody tries again.
const AGAIN: Duration = Duration::from_secs(2);

/// Opened when it is first used.
pub(super) struct Sqlite {
    folder: PathBuf,
    state: Mutex<Tried>,
    health: Arc<Health>,
    access: Access,
}

/// What the file is opened for.
#[derive(Clone, Copy)]
pub(super) enum Access {
    Write,
    /// To list and to show: nothing is made, and nothing can be ordered.
    Read,
}

enum Tried {
    Closed,
    Open(Arc<Open>),
    Failed {
        at: Instant,
        error: Arc<SqliteError>,
        /// A file that is no longer in its folder, and whose jobs are nowhere else yet.
        gone: Option<Arc<Open>>,
    },
}

impl Sqlite {
    pub(super) fn new(folder: &Path, health: Arc<Health>, access: Access) -> Self {
        Self { folder: folder.to_owned(), state: Mutex::new(Tried::Closed), health, access }
    }

    async fn open(&self) -> Result<Arc<Open>, Arc<SqliteError>> {
        let mut state = self.state.lock().await;
        let gone = match &*state {
            Tried::Open(open) if open.is_there() => return Ok(Arc::clone(open)),
            Tried::Open(open) => Some(Arc::clone(open)),
            Tried::Failed { at, error, .. } if at.elapsed() < AGAIN => return Err(Arc::clone(error)),
            Tried::Failed { gone, .. } => gone.clone(),
            Tried::Closed => None,
        };
        match self.open_anew(gone.as_deref()).await {
            Ok(open) => {
                let open = Arc::new(open);
                *state = Tried::Open(Arc::clone(&open));
                Ok(open)
            }
            Err(error) => {
                let error = Arc::new(error);
                *state = Tried::Failed { at: Instant::now(), error: Arc::clone(&error), gone };
                Err(error)
            }
        }
    }

    /// Opens the file, once what one held that disappeared is saved.
    async fn open_anew(&self, gone: Option<&Open>) -> Result<Open, SqliteError> {
        if let Some(gone) = gone {
            self.save(gone).await?;
        }
        match self.access {
            Access::Write => Open::new(&self.folder).await,
            Access::Read => Open::look(&self.folder).await,
        }
    }

    /// The file is gone, or another one is in its place, while this process has it open: what it holds is put back, or
    /// beside the other. Nothing is accepted before that is done.
    async fn save(&self, gone: &Open) -> Result<(), SqliteError> {
        let place = self.folder.join(FILE);
        let stamp = clock::unix_seconds(clock::now());
        let unusable = |error| SqliteError::Folder { folder: self.folder.clone(), error };
        if place.exists() {
            let beside = self.folder.join(format!("outbox-lost-{stamp}.sqlite"));
            gone.copy_to(&beside).await?;
            self.health.lost(format!(
                "{} was replaced by another file while in use: Annex now uses the new file, and {} has the content of the old one",
                place.display(),
                beside.display()
            ));
            return Ok(());
        }
        let draft = self.folder.join(format!(".outbox-{stamp}.draft"));
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(unusable)?;
        let copied = gone.copy_to(&draft).await;
        if copied.is_err() {
            let _ = std::fs::remove_file(&draft); // half a copy is none
        }
        copied?;
        std::fs::rename(&draft, &place).map_err(unusable)?;
        self.health.lost(format!(
            "{} was deleted while in use: Annex restored its content, and nothing is lost",
            place.display()
        ));
        Ok(())
    }

    async fn order(&self, order: Order) -> Result<u64, Arc<SqliteError>> {
        self.open().await?.order(order).await
    }
}

/// What a query of the file that is open gives.
macro_rules! read {
    ($self:ident, $open:ident => $query:expr) => {
        Box::pin(async move {
            let $open = $self.open().await?;
            $query.await.map_err(Arc::new)
        })
    };
}

impl Ledger for Sqlite {
    fn accept(&self, outcome: Outcome) -> LedgerFuture<'_, ()> {
        Box::pin(async move { self.order(Order::Accept(Box::new(outcome))).await.map(drop) })
    }

    fn recall<'l>(
        &'l self,
        hook: &'l str,
        request_id: &'l str,
        window: Duration,
    ) -> LedgerFuture<'l, Option<Vec<u8>>> {
        read!(self, open => open.recall(hook, request_id, window))
    }

    fn taken<'l>(&'l self, courier: &'l str, annotation: &'l str) -> LedgerFuture<'l, Option<Vec<u8>>> {
        read!(self, open => open.taken(courier, annotation))
    }

    fn claim<'l>(&'l self, slots: &'l Slots) -> LedgerFuture<'l, Vec<Job>> {
        Box::pin(async move {
            let open = self.open().await?;
            let mut jobs = Vec::new();
            for id in open.ready(slots).await? {
                jobs.extend(open.job(id).await?);
            }
            Ok(jobs)
        })
    }

    fn begin<'l>(&'l self, job: &'l mut Job, wait: Duration) -> LedgerFuture<'l, bool> {
        Box::pin(async move {
            let (id, fence, state) = (job.id, job.fence, job.state);
            if self.order(Order::Begin { id, fence, state, wait }).await? == 0 {
                return Ok(false);
            }
            job.fence += 1;
            match state {
                State::Dead => job.tellings += 1,
                _ => job.attempts += 1,
            }
            Ok(true)
        })
    }

    fn note(&self, id: i64, fence: i64, note: Note) -> LedgerFuture<'_, bool> {
        Box::pin(async move { Ok(self.order(Order::Note { id, fence, note }).await? > 0) })
    }

    fn aim(&self, courier: String, target: String) -> LedgerFuture<'_, ()> {
        Box::pin(async move { self.order(Order::Aim { courier, target }).await.map(drop) })
    }

    fn next_due(&self) -> LedgerFuture<'_, Option<SystemTime>> {
        read!(self, open => open.next_due())
    }

    fn list(&self, state: Option<State>, most: u32) -> LedgerFuture<'_, Vec<Job>> {
        read!(self, open => open.list(state, most))
    }

    fn find<'l>(&'l self, key: &'l str) -> LedgerFuture<'l, Vec<Job>> {
        read!(self, open => open.find(key))
    }

    fn overtaken<'l>(&'l self, job: &'l Job) -> LedgerFuture<'l, u64> {
        read!(self, open => open.overtaken(job))
    }

    fn retry(&self, key: String) -> LedgerFuture<'_, bool> {
        Box::pin(async move { Ok(self.order(Order::Retry { key }).await? > 0) })
    }

    fn drop_job(&self, key: String) -> LedgerFuture<'_, bool> {
        Box::pin(async move { Ok(self.order(Order::Drop { key }).await? > 0) })
    }

    fn counts(&self) -> LedgerFuture<'_, Counts> {
        read!(self, open => open.counts())
    }

    fn probe(&self) -> LedgerFuture<'_, ()> {
        Box::pin(async move {
            self.order(Order::Room(true)).await?;
            self.order(Order::Room(false)).await.map(drop)
        })
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        Box::pin(async move {
            let tried = std::mem::replace(&mut *self.state.lock().await, Tried::Closed);
            let Tried::Open(open) = tried else { return true };
            match Arc::into_inner(open) {
                Some(open) => {
                    open.close().await;
                    true
                }
                None => false,
            }
        })
    }
}
