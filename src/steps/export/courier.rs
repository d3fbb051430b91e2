//! Carries queued exports: one call after another, then what is written back to Rossum.

use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::export::{Call, Request, SendError, Verdict, View};
use crate::neighbour::may_pass;
use crate::outbox::{Carried, Courier, CourierFuture, Job};
use crate::rossum::shorten;

use super::super::carrying::{Kept, Report, TRY, changed, dead, failed_by_api};
use super::super::post::call_key;
use super::Export;
use super::taken::{Answers, NoRequest};
use super::understood::{LOOK_THERE, Unusable};

/// How far an export is, as the outbox keeps it.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Progress {
    /// The names of all calls when it was accepted: a changed configuration must not skip one, nor send another.
    pub(super) calls: Vec<String>,
    /// The number of the call that is next.
    pub(super) call: usize,
    /// What that call sends, once it is rendered; its body is kept beside.
    pub(super) request: Option<Request>,
    /// What later calls read; not kept where there are none.
    pub(super) view: Option<View>,
    /// Answers of earlier calls, by name.
    pub(super) answers: Answers,
    /// The datapoints that are written back, by the names of their fields.
    #[serde(default)]
    pub(super) datapoints: Map<String, Value>,
    /// Whether all is sent, and only the values are to be written back.
    #[serde(default)]
    pub(super) is_sent: bool,
    /// Places in answers that a field was to be filled from, and where there was nothing.
    #[serde(default)]
    pub(super) missing: Vec<String>,
    /// What is written back at the end: datapoints and values.
    #[serde(default)]
    pub(super) values: Vec<(String, String)>,
}

impl Export {
    /// Renders the call that is next; what becomes of the job.
    async fn prepare(&self, job: &mut Job, mut kept: Kept<Progress>) -> Carried {
        let progress = &mut kept.progress;
        let next = match &progress.view {
            Some(view) => {
                if self.settings.calls.iter().any(Call::needs_original) {
                    self.post.turn().await;
                }
                let deadline = Instant::now() + TRY;
                self.next(progress.call, view, &progress.answers, None, deadline).await
            }
            None => Ok(None),
        };
        match next {
            Ok(Some((call, mut request))) => {
                job.body = std::mem::take(&mut request.body);
                progress.call = call;
                progress.request = Some(request);
            }
            Ok(None) => {
                let field =
                    self.settings.problem_field.as_deref().and_then(|field| progress.datapoints.get(field));
                if let Some(id) = field.and_then(Value::as_str) {
                    progress.values.push((id.to_owned(), String::new()));
                }
                if progress.values.is_empty() {
                    job.remark = remark(&progress.missing);
                    return Carried::Done;
                }
                progress.is_sent = true;
                progress.view = None;
                job.body = Vec::new();
            }
            Err(NoRequest::Render(call, error)) => {
                let of = |what: &str| format!("the call {call} cannot be made: {what}");
                return Carried::Dead { problem: of(&error.to_string()), cause: of(error.cause()) };
            }
            Err(NoRequest::Api(error)) => return failed_by_api("the original document", &error),
            Err(NoRequest::NoOriginal(cause)) => return dead(cause),
        }
        kept.keep(&mut job.progress)
    }

    fn report<'r>(&'r self, values: &'r [(String, String)]) -> Report<'r> {
        Report { api: self.api.as_ref(), values, validation_sources: &self.settings.validation_sources }
    }

    async fn carry_part(&self, job: &mut Job) -> Carried {
        let mut kept = match Kept::<Progress>::read(&job.progress, Instant::now() + TRY).await {
            Ok(kept) => kept,
            Err(carried) => return carried,
        };
        let progress = &mut kept.progress;
        if progress.calls != self.names() {
            return changed(&progress.calls);
        }
        if progress.is_sent {
            self.post.turn().await;
            job.remark = remark(&progress.missing);
            return self.report(&progress.values).write_back(job).await;
        }
        let Some(mut request) = progress.request.take() else { return self.prepare(job, kept).await };
        let Some(call) = self.settings.calls.get(progress.call) else {
            job.remark = remark(&progress.missing);
            return Carried::Done; // all were sent, and only that was not noted
        };
        request.body = std::mem::take(&mut job.body);
        let key = call_key(&job.key, progress.call);
        let result = self.settings.target.send(&request, &key, Instant::now() + TRY).await;
        job.body = std::mem::take(&mut request.body);
        let at = |what: &dyn std::fmt::Display| format!("{}: {what}", call.title());
        match result {
            Ok(received) if call.verdicts.of(received.status) == Verdict::Error => {
                let (problem, cause) = (at(&self.said(&received)), at(&self.answered(&received)));
                if may_pass(received.status) {
                    Carried::Later { problem, cause, not_before: received.retry_after }
                } else {
                    Carried::Dead { problem, cause }
                }
            }
            Ok(received) => {
                let said = match self.understood(progress.call, &received, Instant::now() + TRY).await {
                    Ok(said) => said,
                    Err(unread) => {
                        let cause = at(&unread.text());
                        return match unread {
                            Unusable::NotUnderstood(_) => {
                                Carried::Dead { problem: format!("{cause}. {LOOK_THERE}"), cause }
                            }
                            // Sent again with the same key, it is answered again.
                            Unusable::Waits(_) => {
                                Carried::Later { problem: cause.clone(), cause, not_before: None }
                            }
                        };
                    }
                };
                let values = self.values(call, &said, &progress.datapoints);
                let nothing = Self::missing(call, &said);
                progress.missing.extend(nothing.iter().map(|from| at(&format_args!("nothing at {from}"))));
                progress.values.extend(values);
                if self.reads_answers_after(progress.call) {
                    progress.answers.insert(call.name.clone(), said);
                }
                progress.call += 1;
                let is_all = progress.view.is_none()
                    && progress.values.is_empty()
                    && self.settings.problem_field.is_none();
                if is_all {
                    job.remark = remark(&progress.missing);
                    return Carried::Done;
                }
                // The call is noted as sent before anything else can fail.
                job.body = Vec::new();
                kept.keep(&mut job.progress)
            }
            Err(error) => {
                let cause = at(&error);
                let problem = cause.clone();
                match error {
                    error if error.is_final() => Carried::Dead { problem, cause },
                    SendError::Down(wait) => Carried::Later { problem, cause, not_before: Some(wait) },
                    _ => Carried::Later { problem, cause, not_before: None },
                }
            }
        }
    }
}

/// What a job that is done left undone.
fn remark(missing: &[String]) -> String {
    if missing.is_empty() {
        return String::new();
    }
    format!("sent, and what `write` was to bring back is not in the answer: {}", missing.join("; "))
}

impl Courier for Export {
    fn hook(&self) -> &str {
        self.post.hook()
    }

    fn target(&self) -> &str {
        &self.settings.target.name
    }

    fn concurrency(&self) -> usize {
        self.settings.target.concurrency
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
            let datapoints = &kept.progress.datapoints;
            let field = self.settings.problem_field.as_deref().and_then(|field| datapoints.get(field));
            let Some(id) = field.and_then(Value::as_str) else { return Carried::Done };
            self.post.turn().await;
            self.report(&[(id.to_owned(), shorten(job.problem.clone()))]).give_up(job).await
        })
    }
}
