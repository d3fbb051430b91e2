//! What the couriers of `export` and `request_processor` share: how long a try may take, when a job cannot go on, what
//! Rossum is told at its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::api::{Api, ApiError};
use crate::outbox::{Carried, Job};

/// For one try from the outbox, where the call's own time-out does not end it.
pub(super) const TRY: Duration = Duration::from_secs(300);
/// For telling Rossum that an export was given up.
const TELL: Duration = Duration::from_secs(20);

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
