//! What keeps jobs: the face that the rest of the house sees, whatever database is behind it.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::sqlite::SqliteError;

use super::job::{Job, NewJob, State};
use super::slots::Slots;

pub type LedgerFuture<'l, T> = Pin<Box<dyn Future<Output = Result<T, Arc<SqliteError>>> + Send + 'l>>;

/// What a delivery leaves behind: all of it is kept, or nothing.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub jobs: Vec<NewJob>,
    pub answer: Option<Answered>,
    /// Runs that were made while Rossum waited.
    pub runs: Vec<Run>,
}

/// The answer to a delivery, to be given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    pub hook: String,
    pub request_id: String,
    pub answer: Vec<u8>,
    /// For how long.
    pub window: Duration,
}

/// What of a run was taken by its target, should it have to be made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The step, and the annotation that it exports.
    pub courier: String,
    pub annotation: String,
    /// Nothing where the run need not be known any more.
    pub taken: Option<Vec<u8>>,
    /// Whether something of it may be on disk already.
    pub is_kept: bool,
}

/// How many jobs there are of those that an operator looks at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub waiting: u64,
    /// Given up.
    pub dead: u64,
    /// Sent, and something was left undone.
    pub incomplete: u64,
}

/// What became of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A part is done. Where it goes on, the next part is begun with that.
    Further { progress: String, body: Vec<u8>, goes_on: bool, wait: Duration },
    /// It is tried again after this long.
    Later { problem: String, wait: Duration },
    /// `telling` is what is told of a job that is given up.
    End { state: State, problem: String, telling: String },
    /// That it was given up is told, or cannot be.
    Told,
    /// That is told after this long.
    TellLater { wait: Duration },
}

/// Jobs, answers and runs on disk. What returns without an error is there after a power cut.
pub trait Ledger: Send + Sync {
    /// Keeps what a delivery leaves behind, in one transaction. A job whose key is known stays as it is.
    fn accept(&self, outcome: Outcome) -> LedgerFuture<'_, ()>;

    /// The answer that a delivery got, where it got one within `window`.
    fn recall<'l>(
        &'l self,
        hook: &'l str,
        request_id: &'l str,
        window: Duration,
    ) -> LedgerFuture<'l, Option<Vec<u8>>>;

    /// What is known of a run.
    fn taken<'l>(&'l self, courier: &'l str, annotation: &'l str) -> LedgerFuture<'l, Option<Vec<u8>>>;

    /// Jobs that are due and first in their line, as many as there are free slots.
    fn claim<'l>(&'l self, slots: &'l Slots) -> LedgerFuture<'l, Vec<Job>>;

    /// Notes that a try begins: the job is not due again before `wait` is over, whatever becomes of this process.
    /// `false` where somebody else has it, or nobody may.
    fn begin<'l>(&'l self, job: &'l mut Job, wait: Duration) -> LedgerFuture<'l, bool>;

    /// Notes what became of a try; `false` where the job is no longer this try's.
    fn note(&self, id: i64, fence: i64, note: Note) -> LedgerFuture<'_, bool>;

    /// Jobs of a courier go to this target now.
    fn aim(&self, courier: String, target: String) -> LedgerFuture<'_, ()>;

    /// When the next job is due that is not yet.
    fn next_due(&self) -> LedgerFuture<'_, Option<SystemTime>>;

    /// Jobs without what they hold, oldest first; all of them, or those of one state.
    fn list(&self, state: Option<State>, most: u32) -> LedgerFuture<'_, Vec<Job>>;

    /// Jobs by the beginning of their key, with what they hold: two at most.
    fn find<'l>(&'l self, key: &'l str) -> LedgerFuture<'l, Vec<Job>>;

    /// How many later jobs of its line were sent.
    fn overtaken<'l>(&'l self, job: &'l Job) -> LedgerFuture<'l, u64>;

    /// Has a job tried again from where it failed; whether it was there to be.
    fn retry(&self, key: String) -> LedgerFuture<'_, bool>;

    /// Gives a job up for good; whether it was there to be.
    fn drop_job(&self, key: String) -> LedgerFuture<'_, bool>;

    /// How many jobs there are of those that an operator looks at.
    fn counts(&self) -> LedgerFuture<'_, Counts>;

    /// Whether there is room for another job: writes as much as one has, and takes it back.
    fn probe(&self) -> LedgerFuture<'_, ()>;

    /// Lets go of what it holds: what was sent is gone then. `false` where somebody still uses it, so that it stays open.
    fn close(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>>;
}
