//! What the couriers of `export` and `request_processor` share: how long a try may take, when a job cannot go on, what
//! Rossum is told at its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::{Api, ApiError};
use crate::outbox::{Carried, Job};
use crate::slices::{Spent, apart};
use crate::trees::{self, Room};

/// For one try from the outbox, where the call's own time-out does not end it.
pub(super) const TRY: Duration = Duration::from_secs(300);
/// For telling Rossum that an export was given up.
const TELL: Duration = Duration::from_secs(20);

/// How far a job is, as the outbox keeps it, in memory: with a share of the memory of deliveries' trees, since it may hold a
/// whole document. A large one is read, written and taken apart off the serving threads.
#[derive(Default)]
pub(super) struct Kept<P: Default> {
    pub(super) progress: P,
    bytes: usize,
    _room: Option<Room>,
}

impl<P: Default + Serialize + DeserializeOwned> Kept<P> {
    /// Reads it; else what becomes of the job.
    pub(super) async fn read(progress: &str, deadline: Instant) -> Result<Self, Carried> {
        let text = progress.as_bytes();
        let busy = |spent: Spent| {
            let cause = format!("other documents in work take the memory for it: {spent}");
            Carried::Later { problem: cause.clone(), cause, not_before: None }
        };
        let room = trees::DELIVERIES.room(text, deadline).await.map_err(busy)?;
        let progress = trees::make_of(text, deadline, || serde_json::from_slice(text)).map_err(busy)?;
        match progress {
            Ok(progress) => Ok(Self { progress, bytes: text.len(), _room: Some(room) }),
            Err(_) => Err(dead("what was kept of it cannot be read")),
        }
    }

    /// Has it kept as the progress of its job, which goes on.
    pub(super) fn keep(&self, progress: &mut String) -> Carried {
        let write = || serde_json::to_string(&self.progress);
        match if self.is_large() { apart(write) } else { write() } {
            Ok(text) => {
                *progress = text;
                Carried::Further
            }
            Err(_) => dead("what is to be kept of it is not JSON"),
        }
    }
}

impl<P: Default> Kept<P> {
    fn is_large(&self) -> bool {
        self.bytes >= trees::LARGE_TEXT
    }
}

impl<P: Default> Drop for Kept<P> {
    fn drop(&mut self) {
        if self.is_large() {
            let progress = std::mem::take(&mut self.progress);
            apart(|| drop(progress));
        }
    }
}

/// A job that no further try can help.
pub(super) fn dead(cause: &str) -> Carried {
    Carried::Dead { problem: cause.to_owned(), cause: cause.to_owned() }
}

/// A job whose calls are not those of the configuration any more: none must be skipped, no other sent.
pub(super) fn changed(calls: &[String]) -> Carried {
    dead(&format!("its calls were {} when it was accepted, and are others now", calls.join(", ")))
}

/// What becomes of a job that Rossum's API failed.
pub(super) fn failed_by_api(what: &str, error: &ApiError) -> Carried {
    let cause = format!("{what}: {error}");
    let words = error.words();
    let problem = if words.is_empty() { cause.clone() } else { format!("{cause}: {words}") };
    if error.may_pass() {
        Carried::Later { problem, cause, not_before: error.retry_after() }
    } else {
        Carried::Dead { problem, cause }
    }
}

/// Datapoints and values for Rossum, and whom they go through.
pub(super) struct Report<'r> {
    pub(super) api: Option<&'r Arc<Api>>,
    pub(super) values: &'r [(String, String)],
    pub(super) validation_sources: &'r [String],
}

impl Report<'_> {
    /// Writes back what the calls gave, at the end of a job.
    pub(super) async fn write_back(self, job: &Job) -> Carried {
        match self.send(job, TRY).await {
            Ok(()) => Carried::Done,
            Err(error) => failed_by_api("sent, and its values are not written back yet", &error),
        }
    }

    /// Tells that the job was given up; the outbox asks again until Rossum took it or cannot.
    pub(super) async fn give_up(self, job: &Job) -> Carried {
        match self.send(job, TELL).await {
            Ok(()) => Carried::Done,
            Err(error) => failed_by_api("the values of a given-up export", &error),
        }
    }

    async fn send(&self, job: &Job, time: Duration) -> Result<(), ApiError> {
        match self.api.filter(|_| !self.values.is_empty()) {
            Some(api) => {
                let deadline = Instant::now() + time;
                api.replace(&job.annotation, self.values, self.validation_sources, deadline).await
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_kept_of_a_job_waits_for_a_share_of_the_memory_that_deliveries_have() {
        let mut known = serde_json::to_string(&vec!["a line of the document"; 10_000]).unwrap();
        let soon = || (tokio::time::Instant::now() + Duration::from_secs(1)).into_std();
        let all = format!("[{}[]]", "[],".repeat(3 << 20));
        let others = trees::DELIVERIES.room(all.as_bytes(), soon()).await.unwrap();
        let waits = Kept::<Vec<String>>::read(&known, soon()).await;
        assert!(matches!(waits, Err(Carried::Later { .. })), "there is no room for it");
        let small = Kept::<Vec<String>>::read("[\"x\"]", soon()).await;
        assert!(small.is_ok(), "a small one waits for nobody");
        drop(others);
        let Ok(mut kept) = Kept::<Vec<String>>::read(&known, soon()).await else { panic!("there is room") };
        kept.progress.push("one more".to_owned());
        assert!(matches!(kept.keep(&mut known), Carried::Further));
        assert!(known.ends_with(",\"one more\"]"));
        assert!(matches!(Kept::<Vec<String>>::read("[", soon()).await, Err(Carried::Dead { .. })));
    }
}
