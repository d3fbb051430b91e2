//! Durable jobs: what was accepted is done, whatever happens to the process meanwhile.
//!
//! ```text
//! accept → writer (one commit for all that wait) → outbox.sqlite → worker → courier → writer
//! ```
//!
//! What keeps the jobs is a [`Ledger`]; a SQLite file of the state folder is the one that there is. A table of its own with
//! a single writer, and no job library: jobs of one line go one after another, the same key is taken once, and each part
//! of a job is resumed where it failed; all that is one query here. It knows nothing of what a job does: that is its
//! courier's.

mod forget;
mod health;
mod job;
mod ledger;
mod lines;
mod open;
mod pace;
mod patience;
mod slots;
mod sqlite;
mod table;
mod worker;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::private;
use crate::sqlite::SqliteError;

pub use health::Health;
pub use job::{Carried, Courier, CourierFuture, Job, NewJob, State, key, random_key};
pub use ledger::{Answered, Counts, Ledger, LedgerFuture, Note, Outcome, Run};
use lines::RunLines;
pub use lines::RunTurn;
use pace::Pace;
pub use slots::{CONCURRENCY, MOST_AT_A_TIME, Slots};
use sqlite::{Access, Sqlite};
pub use worker::{Couriers, Workers};

/// The outbox of a state folder, opened when it is first used.
pub struct Outbox {
    folder: PathBuf,
    ledger: Box<dyn Ledger>,
    health: Arc<Health>,
    pace: Pace,
    lines: RunLines,
    wake: Arc<Notify>,
    must_note: bool,
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
        let health = Arc::<Health>::default();
        let ledger = Box::new(Sqlite::new(folder, Arc::clone(&health), access));
        Self {
            folder: folder.to_owned(),
            ledger,
            health,
            pace: Pace::default(),
            lines: RunLines::default(),
            wake: Arc::default(),
            must_note: true,
        }
    }

    /// Says whether a call may be made that cannot be noted here.
    #[must_use]
    pub fn that_must_note(self, must_note: bool) -> Self {
        Self { must_note, ..self }
    }

    /// Whether no call may be made that cannot be noted here.
    pub fn must_note(&self) -> bool {
        self.must_note
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether there is one on disk already.
    pub fn exists(&self) -> bool {
        let file = self.folder.join(open::FILE);
        file.exists() || private::is_link(&file) // a link is an error where it is opened, wherever it leads
    }

    /// Whether it can be written, as far as that is known.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// The turn of a job that calls Rossum's API: all of them together keep to a pace that it takes from one account.
    pub async fn turn(&self) {
        self.pace.turn().await;
    }

    /// The turn of a run that is made while Rossum waits: runs of one step for one annotation follow each other. `None`
    /// where those before it take until `deadline`.
    pub async fn line(&self, courier: &str, annotation: &str, deadline: Instant) -> Option<RunTurn> {
        self.lines.turn(format!("{courier}#{annotation}"), deadline).await
    }

    /// Lets go of it, so that nothing that was sent is left on the disk. `false` where somebody still uses it.
    pub async fn close(&self) -> bool {
        self.ledger.close().await
    }

    /// Notes whether it could be written.
    fn written<T>(&self, result: Result<T, Arc<SqliteError>>) -> Result<T, Arc<SqliteError>> {
        result.inspect_err(|problem| self.health.failed(problem))
    }

    /// Looks whether another job could be kept.
    pub async fn probe(&self) -> Result<(), Arc<SqliteError>> {
        self.written(self.ledger.probe().await)?;
        self.health.recovered();
        Ok(())
    }

    /// Keeps what a delivery leaves behind, all of it or nothing. It is on disk when this returns; a job whose key is known
    /// is there already, and stays as it is.
    pub async fn accept(&self, outcome: Outcome) -> Result<(), Arc<SqliteError>> {
        let has_jobs = !outcome.jobs.is_empty();
        self.written(self.ledger.accept(outcome).await)?;
        if has_jobs {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// The answer that a delivery got, where it got one within `window`.
    pub async fn recall(
        &self,
        hook: &str,
        request_id: &str,
        window: Duration,
    ) -> Result<Option<Vec<u8>>, Arc<SqliteError>> {
        self.ledger.recall(hook, request_id, window).await
    }

    /// What of an unfinished run was taken by its target.
    pub async fn taken(&self, courier: &str, annotation: &str) -> Result<Option<Vec<u8>>, Arc<SqliteError>> {
        self.ledger.taken(courier, annotation).await
    }

    /// Jobs without what they hold, oldest first; all of them, or those of one state.
    pub async fn list(&self, state: Option<State>, most: u32) -> Result<Vec<Job>, Arc<SqliteError>> {
        self.ledger.list(state, most).await
    }

    /// One job by the beginning of its key, with what it holds.
    pub async fn find(&self, key: &str) -> Result<Vec<Job>, Arc<SqliteError>> {
        self.ledger.find(key).await
    }

    /// How many later jobs of its line were sent: sending it now would undo what they did.
    pub async fn overtaken(&self, job: &Job) -> Result<u64, Arc<SqliteError>> {
        self.ledger.overtaken(job).await
    }

    /// Has a job tried again from where it failed; whether it was there to be.
    pub async fn retry(&self, key: &str) -> Result<bool, Arc<SqliteError>> {
        let changed = self.written(self.ledger.retry(key.to_owned()).await)?;
        self.wake.notify_one();
        Ok(changed)
    }

    /// Gives a job up for good; whether it was there to be.
    pub async fn drop_job(&self, key: &str) -> Result<bool, Arc<SqliteError>> {
        self.written(self.ledger.drop_job(key.to_owned()).await)
    }

    /// How many jobs there are of those that an operator looks at.
    pub async fn counts(&self) -> Result<Counts, Arc<SqliteError>> {
        self.ledger.counts().await
    }
}
