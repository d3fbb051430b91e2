//! Carries queued runs: each call is prepared, kept, sent and noted on its own, and resumed where it failed.

use std::time::Instant;

use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::neighbour::may_pass;
use crate::outbox::{Carried, Courier, CourierFuture, Job};
use crate::requests::{Credentials, Failure, FailureKind, Next, Prepared, State};
use crate::rossum::shorten;

use super::super::carrying::{Kept, Report, TRY, changed};
use super::super::post::call_key;
use super::{Came, Errors, RequestProcessor, values};

/// How far a run is, as the outbox keeps it.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Progress {
    /// The names of all calls when it was accepted: changed settings must not skip one, nor send another.
    calls: Vec<String>,
    state: State,
    /// The call that is next, once it is prepared; its body is kept beside.
    #[serde(default)]
    request: Option<Prepared>,
    /// Whether all is sent, and only the values are to be written back.
    #[serde(default)]
    is_sent: bool,
}

impl Progress {
    pub(super) fn new(step: &RequestProcessor, state: State) -> Self {
        Self { calls: step.settings.processor.settings.names(), state, request: None, is_sent: false }
    }
}

impl RequestProcessor {
    async fn carry_part(&self, job: &mut Job) -> Carried {
        let mut kept = match Kept::<Progress>::read(&job.progress, Instant::now() + TRY).await {
            Ok(kept) => kept,
            Err(carried) => return carried,
        };
        let progress = &mut kept.progress;
        if progress.calls != self.settings.processor.settings.names() {
            return changed(&progress.calls);
        }
        if progress.is_sent {
            self.post.turn().await;
            return self.report(job, progress).await;
        }
        match progress.request.take() {
            Some(request) => self.send_part(job, kept, request).await,
            None => self.prepare_part(job, kept).await,
        }
    }

    /// Prepares the call that is next, so that it stays the same over all tries.
    async fn prepare_part(&self, job: &mut Job, mut kept: Kept<Progress>) -> Carried {
        let progress = &mut kept.progress;
        // What the calls gather, and what they leave in Rossum, goes through its API.
        if self.settings.processor.api.is_some() && self.settings.processor.settings.needs_api() {
            self.post.turn().await;
        }
        let deadline = Instant::now() + TRY;
        let next = self.settings.processor.next(&mut progress.state, &Credentials::default(), deadline).await;
        match next {
            Ok(Next::Call(mut prepared)) => {
                job.body = std::mem::take(&mut prepared.body);
                progress.request = Some(*prepared);
            }
            Ok(Next::Further) => {}
            Ok(Next::Finished) => {
                job.body = Vec::new();
                progress.is_sent = true;
                if let Some(field) =
                    self.settings.problem_field.as_ref().filter(|_| progress.state.problems.is_empty())
                {
                    progress.state.clear(field);
                }
            }
            Err(failure) => return self.failed(job, kept, failure, false),
        }
        kept.keep(&mut job.progress)
    }

    async fn send_part(&self, job: &mut Job, mut kept: Kept<Progress>, mut request: Prepared) -> Carried {
        let progress = &mut kept.progress;
        request.body = std::mem::take(&mut job.body);
        let deadline = Instant::now() + TRY;
        let key = call_key(&job.key, progress.state.number());
        let none = Credentials::default();
        let answered = self.settings.processor.send(&progress.state, &none, &request, &key, deadline).await;
        job.body = std::mem::take(&mut request.body);
        let answered = match answered {
            Ok(answered) => answered,
            Err(failure)
                if failure.told.kind == FailureKind::TimedOut
                    && self.settings.processor.ignores_timeout(&progress.state) =>
            {
                warn!(job = job.key, "{}: passed over", failure.cause());
                self.settings.processor.pass_over(&mut progress.state);
                job.body = Vec::new();
                return kept.keep(&mut job.progress);
            }
            Err(failure) => return self.failed(job, kept, failure, true),
        };
        let passes = self.settings.errors == Errors::Stop && may_pass(answered.status);
        if passes && self.is_error(&progress.state, answered.status) {
            let (problem, cause) = self.refused(&request, &answered);
            return Carried::Later { problem, cause, not_before: answered.retry_after };
        }
        let came = self.came(&mut progress.state, &none, &request, &answered, deadline).await;
        match came {
            Ok(Came::Refused { problem, cause }) if self.settings.errors == Errors::Stop => {
                // What its answer gave to fields is told with the problem; a retry begins at this call again.
                let _ = kept.keep(&mut job.progress);
                Carried::Dead { problem, cause }
            }
            Ok(Came::Refused { problem, .. }) => {
                progress.state.problems.push(problem);
                job.body = Vec::new();
                kept.keep(&mut job.progress)
            }
            Ok(Came::Through) => {
                // The call is noted as sent before anything else can fail.
                job.body = Vec::new();
                kept.keep(&mut job.progress)
            }
            Err(failure) => self.failed(job, kept, failure, true),
        }
    }

    /// What becomes of a job that could not be carried further.
    fn failed(&self, job: &mut Job, mut kept: Kept<Progress>, failure: Failure, is_call: bool) -> Carried {
        let progress = &mut kept.progress;
        let (problem, cause) = (failure.text(), failure.cause());
        match failure.told.kind {
            FailureKind::Passing(not_before) => Carried::Later { problem, cause, not_before },
            FailureKind::TimedOut | FailureKind::Broken => {
                Carried::Later { problem, cause, not_before: None }
            }
            FailureKind::Final if self.settings.errors == Errors::Stop => Carried::Dead { problem, cause },
            FailureKind::Final => {
                warn!(job = job.key, "{cause}");
                progress.state.problems.push(problem);
                if is_call {
                    self.settings.processor.pass_over(&mut progress.state);
                } else {
                    self.settings.processor.abandon(&mut progress.state);
                }
                job.body = Vec::new();
                kept.keep(&mut job.progress)
            }
        }
    }

    /// Writes back what the answers gave.
    async fn report(&self, job: &Job, progress: &Progress) -> Carried {
        let state = &progress.state;
        for field in &state.unknown_fields {
            warn!(job = job.key, "the document has no field {field}, which an answer is written to");
        }
        let mut values = values(state);
        let problems = state.problems.join("\n");
        if let Some(id) = self.settings.problem_field.as_deref().and_then(|field| state.datapoint(field))
            && !problems.is_empty()
        {
            values.push((id.to_owned(), shorten(problems)));
        }
        self.told(&values).write_back(job).await
    }

    fn told<'r>(&'r self, values: &'r [(String, String)]) -> Report<'r> {
        Report {
            api: self.settings.processor.api.as_ref(),
            values,
            validation_sources: &self.settings.validation_sources,
        }
    }
}

impl Courier for RequestProcessor {
    fn hook(&self) -> &str {
        self.post.hook()
    }

    fn target(&self) -> &str {
        self.post.courier()
    }

    fn concurrency(&self) -> usize {
        self.settings.concurrency
    }

    fn carry<'c>(&'c self, job: &'c mut Job) -> CourierFuture<'c> {
        Box::pin(self.carry_part(job))
    }

    fn tell<'c>(&'c self, job: &'c Job) -> CourierFuture<'c> {
        Box::pin(async move {
            let kept = match Kept::<Progress>::read(&job.progress, Instant::now() + TRY).await {
                Ok(kept) => kept,
                Err(Carried::Dead { .. }) => return Carried::Done,
                Err(carried) => return carried,
            };
            let progress = &kept.progress;
            let mut values = values(&progress.state);
            if let Some(id) =
                self.settings.problem_field.as_deref().and_then(|field| progress.state.datapoint(field))
            {
                values.push((id.to_owned(), shorten(job.problem.clone())));
            }
            if values.is_empty() {
                return Carried::Done;
            }
            self.post.turn().await;
            self.told(&values).give_up(job).await
        })
    }
}
