//! A job and its courier.

use std::pin::Pin;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::clock::rfc3339;

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Waiting,
    Sent,
    /// Given up: a person decides.
    Dead,
    /// A person decided against it.
    Dropped,
}

impl State {
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Sent, Self::Dead, Self::Dropped];

    pub(super) fn number(self) -> i64 {
        match self {
            Self::Waiting => 0,
            Self::Sent => 1,
            Self::Dead => 2,
            Self::Dropped => 3,
        }
    }

    pub(super) fn of(number: i64) -> Self {
        Self::ALL.into_iter().find(|state| state.number() == number).unwrap_or(Self::Dead)
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Dead => "dead",
            Self::Dropped => "dropped",
        }
    }
}

/// A job to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// The same for the same work: it is taken once.
    pub key: String,
    /// Who carries it.
    pub courier: String,
    /// Whom it goes to: so many jobs of one target are carried at a time.
    pub target: String,
    /// Jobs of one line are done one after another.
    pub line: String,
    /// For people.
    pub annotation: String,
    pub request_id: String,
    /// The courier's own: how far it is.
    pub progress: String,
    pub body: Vec<u8>,
}

/// A job that is kept.
#[derive(Debug, Clone, Serialize)]
pub struct Job {
    #[serde(skip)]
    pub id: i64,
    pub key: String,
    pub courier: String,
    pub target: String,
    #[serde(skip)]
    pub line: String,
    pub annotation: String,
    pub request_id: String,
    pub state: State,
    /// Tries of the part that is next that were begun, with the one that is under way.
    pub attempts: u32,
    /// How long that part has waited between its tries, whatever the clock did meanwhile.
    #[serde(skip)]
    pub waited: Duration,
    /// How far it was when it was given up: what is told. A retry begins where it was before.
    #[serde(skip)]
    pub telling: String,
    /// Tries to tell that it was given up; 0 where there is nothing to tell.
    #[serde(skip)]
    pub tellings: u32,
    /// How often it was begun: who began it last may say what became of it.
    #[serde(skip)]
    pub fence: i64,
    #[serde(serialize_with = "rfc3339")]
    pub accepted: Option<SystemTime>,
    #[serde(serialize_with = "rfc3339")]
    pub due: Option<SystemTime>,
    /// Why the last try failed; of one that was sent, what it left undone.
    pub problem: String,
    /// What a courier leaves undone although the job is done: kept as its problem. It holds no data.
    #[serde(skip)]
    pub remark: String,
    #[serde(skip)]
    pub progress: String,
    #[serde(skip)]
    pub body: Vec<u8>,
}

/// What became of a part of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carried {
    /// All of it is done. What is kept of it no longer holds its data.
    Done,
    /// A part is done or prepared: what the courier changed is kept, then it goes on.
    Further,
    /// It failed, and may succeed later: not before the given time, where there is one. `problem` is kept with the job;
    /// `cause` is for the log, and holds no data.
    Later { problem: String, cause: String, not_before: Option<Duration> },
    /// It will never succeed as it is.
    Dead { problem: String, cause: String },
}

pub type CourierFuture<'c> = Pin<Box<dyn Future<Output = Carried> + Send + 'c>>;

/// Does the work of jobs, one part after another.
pub trait Courier: Send + Sync {
    /// The name of the hook whose jobs it carries.
    fn hook(&self) -> &str;

    /// Whom its jobs go to.
    fn target(&self) -> &str;

    /// How many jobs of that target are carried at a time.
    fn concurrency(&self) -> usize;

    /// Carries the next part of a job. It may have been carried before, and the process killed before that was noted.
    fn carry<'c>(&'c self, job: &'c mut Job) -> CourierFuture<'c>;

    /// Tells whom it concerns that a job was given up. It is asked again until this is done or cannot be.
    fn tell<'c>(&'c self, job: &'c Job) -> CourierFuture<'c>;
}

/// A key for work that nothing identifies.
pub fn random_key() -> Result<String, getrandom::Error> {
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random)?;
    Ok(hex::encode(random))
}

/// A key from what makes a job what it is; parts cannot be confused with each other.
pub fn key(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(&hash.finalize()[..16])
}
