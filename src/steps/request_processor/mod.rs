//! `use = "request_processor"`: the settings of Rossum's Request Processor, run as they are, while Rossum waits or from the
//! outbox.

mod courier;
mod fields;

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tracing::warn;

use crate::requests::{
    Answer as Answered, Credentials, Failure, FailureKind, Next, Prepared, Processor, State,
};
use crate::rossum::{
    Change, Event, Journal, MessageType, Payload, SourcesPlace, Value, escape_html, shorten,
};
use crate::trees;

use crate::txscript::Schema;

use super::blueprint::{Built, CourierId, Needs, Reaches, Services};
use super::export::Deliver;
use super::exported::Exported;
use super::halfway::{Halfway, NOT_NOTED};
use super::ignored;
use super::made::{Call, NotTaken};
use super::post::{Post, call_key};
use super::reasons::{self, QUEUED, Reason};
use super::rows::{self, held_at};
use super::schema::Schemas;
use super::{Answer, Blueprint, Context, Delivery, Lasts, Step, StepError, StepFuture};

/// Built by the configuration from `[[hook.step]] use = "request_processor"`.
pub struct RequestProcessorSettings {
    /// Without Rossum's API, which comes with the services.
    pub processor: Processor,
    pub deliver: Deliver,
    pub errors: Errors,
    /// Statuses that are answers and no errors, by the names of calls.
    pub expected: HashMap<String, Vec<RangeInclusive<u16>>>,
    /// Where in a JSON answer the other side says what is wrong: a JSON pointer.
    pub problem: Option<String>,
    pub schemas: Schemas,
    /// That of all documents, where they have one.
    pub schema: Option<Arc<Schema>>,
    pub validation_sources: Vec<String>,
    /// The field that gets why a queued run was given up; emptied once it is through.
    pub problem_field: Option<String>,
    /// Queued runs at a time.
    pub concurrency: usize,
}

pub struct RequestProcessor {
    post: Post,
    settings: RequestProcessorSettings,
}

/// What an error does to the calls after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Errors {
    /// None of them is made.
    #[default]
    Stop,
    /// They are made, as Rossum's own engine does; what went wrong is said at the end.
    Continue,
}

/// Kept free at the end of a delivery's time, for the answer.
const SPARE: Duration = Duration::from_millis(500);
/// Characters of an answer that a person reads.
const QUOTED: usize = 500;

impl Blueprint for RequestProcessorSettings {
    fn can_act_at(&self, _event: &Event<'_>) -> bool {
        true // it may send what the delivery itself says
    }

    fn needs(&self) -> Needs {
        Needs {
            events: &["annotation_content.export"],
            notes: self.processor.settings.notes.clone(),
            neighbours: true,
            outbox: self.deliver == Deliver::Queued,
            schema: self.schemas.is_sent(),
        }
    }

    fn reaches(&self) -> Option<Reaches<'_>> {
        Some(Reaches::Hosts(&self.processor))
    }

    fn build(mut self: Box<Self>, services: &Services, id: &CourierId) -> Built {
        self.processor.api.clone_from(&services.api);
        Built::carrying(RequestProcessor { post: Post::new(services, id), settings: *self })
    }
}

impl Step for RequestProcessor {
    fn run<'c>(&'c self, context: Context<'c>) -> StepFuture<'c> {
        Box::pin(async move {
            let Context { delivery, answer, deadline, .. } = context;
            let deadline = deadline.checked_sub(SPARE).unwrap_or(deadline);
            let Some(state) = self.begin(delivery, answer, deadline).await? else { return Ok(()) };
            match self.settings.deliver {
                Deliver::Now => self.run_now(delivery, answer, state, deadline).await,
                Deliver::Queued => {
                    rows::say_first(answer, &delivery.payload, self.settings.processor.settings.fields());
                    let progress = json!(courier::Progress::new(self, state)).to_string();
                    answer.outcome.jobs.push(self.post.job(
                        delivery,
                        self.post.courier(),
                        progress,
                        Vec::new(),
                    )?);
                    answer.reasons.note(|| Reason::single("run", reasons::Came::Acted, QUEUED, Vec::new()));
                    Ok(())
                }
            }
        })
    }
}

/// Why a run ended before its end.
struct Ended {
    /// For a person.
    message: String,
    /// For the log.
    cause: String,
    lasts: Lasts,
}

/// What one call came to.
enum Came {
    /// Its answer is taken in.
    Through,
    /// As `Through`, and the status is an error.
    Refused { problem: String, cause: String },
}

impl RequestProcessor {
    /// Where a run begins; `None` where there is nothing to export.
    async fn begin(
        &self,
        delivery: &Delivery<'_>,
        answer: &Answer,
        deadline: Instant,
    ) -> Result<Option<State>, StepError> {
        let payload = &delivery.payload;
        let sent = self.settings.processor.settings.payload(delivery.body, deadline).await.map_err(|what| {
            StepError::configuration(format!(
                "`{{payload…}}` in its settings needs the delivery, and {what}; send less along (sideloads, `settings`, \
                 `metadata`), or take `{{field…}}`; nothing was sent"
            ))
        })?;
        let schema = self.settings.schemas.of(delivery).ok();
        let schema = schema.as_deref();
        let id = payload.annotation_id.to_string();
        let fields = match Exported::of(delivery, self.settings.processor.api.as_deref(), deadline).await? {
            Exported::Not => return Ok(None),
            Exported::Here => {
                let annotation = payload.annotation.as_ref();
                annotation.map(|annotation| fields::fields(annotation, &answer.journal, schema))
            }
            Exported::Fetched(body) => {
                let fetched = Payload::read(body.as_bytes()).map_err(|_| {
                    StepError::configuration("the annotation data of Rossum's API cannot be read")
                })?;
                let annotation = fetched.annotation.as_ref();
                annotation.map(|annotation| fields::fields(annotation, &Journal::default(), schema))
            }
        };
        Ok(Some(State::new(id, sent, fields.unwrap_or_default())))
    }

    /// All calls, while Rossum waits.
    async fn run_now(
        &self,
        delivery: &Delivery<'_>,
        answer: &mut Answer,
        mut state: State,
        deadline: Instant,
    ) -> Result<(), StepError> {
        let (secrets, token) = delivery.credentials();
        let credentials = Credentials { secrets, token };
        let key = self.post.key(delivery)?;
        // A call that sends a secret may be answered with a token, which is not kept.
        let keeps_answers = self.settings.processor.settings.stored_secrets().is_empty();
        let mut halfway = Halfway::new(&self.post, &state.annotation, keeps_answers, deadline).await?;
        let ended = self.run_all(&mut state, &credentials, &key, &mut halfway, deadline).await;
        self.write_back(delivery, answer, &state, deadline).await;
        answer.reasons.note(|| {
            let says = format!("{} calls made", state.sent());
            Reason::single("run", reasons::Came::Acted, says, Vec::new())
        });
        let told = |text: &str| format!("The export did not finish: {text}");
        for problem in &state.problems {
            answer.show(MessageType::Error, None, escape_html(&told(problem)));
        }
        // What may have been taken is not sent again by itself, where nothing is kept of the run.
        let was_sent = state.sent() > 0 && !halfway.keeps();
        let ended = ended.map_err(|Ended { message, cause, lasts }| StepError {
            message: told(&message),
            cause,
            lasts: if was_sent { Lasts::ForGood } else { lasts },
        });
        halfway.end(ended, answer)
    }

    /// As far as it goes.
    async fn run_all(
        &self,
        state: &mut State,
        credentials: &Credentials,
        key: &str,
        halfway: &mut Halfway<'_, Answered>,
        deadline: Instant,
    ) -> Result<(), Ended> {
        loop {
            let prepared = match self.settings.processor.next(state, credentials, deadline).await {
                Ok(Next::Finished) => return Ok(()),
                Ok(Next::Further) => continue,
                Ok(Next::Call(prepared)) => prepared,
                Err(failure) => {
                    self.fail(state, &failure)?;
                    self.settings.processor.abandon(state);
                    continue;
                }
            };
            match self.call(state, credentials, &prepared, key, halfway, deadline).await {
                Ok(Came::Through) => {}
                Ok(Came::Refused { problem, cause }) => match self.settings.errors {
                    Errors::Stop => {
                        return Err(Ended { message: problem, cause, lasts: Lasts::ForGood });
                    }
                    Errors::Continue => state.problems.push(problem),
                },
                Err(failure) => {
                    self.fail(state, &failure)?;
                    self.settings.processor.pass_over(state);
                }
            }
        }
    }

    /// Ends a run, or notes what went wrong.
    fn fail(&self, state: &mut State, failure: &Failure) -> Result<(), Ended> {
        let mut text = failure.text();
        if matches!(failure.told.kind, FailureKind::TimedOut | FailureKind::Broken) {
            text.push_str(". It may have been taken or not: look there before you export again.");
        }
        match self.settings.errors {
            Errors::Stop => {
                let lasts = match failure.told.kind {
                    FailureKind::Passing(_) | FailureKind::Broken => Lasts::ForNow,
                    FailureKind::TimedOut | FailureKind::Final => Lasts::ForGood,
                };
                Err(Ended { message: text, cause: failure.cause(), lasts })
            }
            Errors::Continue => {
                warn!(annotation = state.annotation, "{}", failure.cause());
                state.problems.push(text);
                Ok(())
            }
        }
    }

    /// Makes one call, and takes its answer in. A time-out that is to be passed over counts as through.
    async fn call(
        &self,
        state: &mut State,
        credentials: &Credentials,
        prepared: &Prepared,
        key: &str,
        halfway: &mut Halfway<'_, Answered>,
        deadline: Instant,
    ) -> Result<Came, Failure> {
        let key = call_key(key, state.number());
        let changes = !matches!(&*prepared.method, "GET" | "HEAD");
        let this = Call::new(&prepared.name, prepared, &prepared.body);
        let recalled = if changes { halfway.recall(&this) } else { None };
        let is_recalled = recalled.is_some();
        let processor = &self.settings.processor;
        let sent = match recalled {
            Some(answered) => Ok(answered),
            None if changes => {
                let begun = halfway.begin(&this, Some(key), &prepared.host()).await;
                let key = begun.map_err(|cause| prepared.unsent(NOT_NOTED, cause))?.unwrap_or_default();
                processor.send(state, credentials, prepared, &key, deadline).await
            }
            None => halfway.during(processor.send(state, credentials, prepared, &key, deadline)).await,
        };
        let answered = match sent {
            Err(failure)
                if failure.told.kind == FailureKind::TimedOut && processor.ignores_timeout(state) =>
            {
                halfway.not_taken(NotTaken::PassedOver);
                warn!(annotation = state.annotation, "{}: passed over", failure.cause());
                processor.pass_over(state);
                return Ok(Came::Through);
            }
            Err(failure) => {
                halfway.not_taken(match failure.told.kind {
                    FailureKind::TimedOut | FailureKind::Broken => NotTaken::Unknown,
                    FailureKind::Passing(_) | FailureKind::Final => NotTaken::Nothing,
                });
                return Err(failure);
            }
            Ok(answered) => answered,
        };
        let is_error = self.is_error(state, answered.status);
        let is_taken = changes && !is_error;
        if is_error {
            halfway.not_taken(NotTaken::by(answered.status));
        } else if is_taken && !is_recalled {
            halfway.took(&this, &answered.body, answered.to_keep());
        }
        let came = self.came(state, credentials, prepared, &answered, deadline).await;
        if came.is_err() && is_taken {
            halfway.not_understood();
        }
        came
    }

    /// Takes an answer in; what it comes to.
    async fn came(
        &self,
        state: &mut State,
        credentials: &Credentials,
        prepared: &Prepared,
        answered: &Answered,
        deadline: Instant,
    ) -> Result<Came, Failure> {
        let is_error = self.is_error(state, answered.status);
        self.settings.processor.take(state, credentials, answered, deadline).await?;
        if !is_error {
            return Ok(Came::Through);
        }
        let (problem, cause) = self.refused(prepared, answered);
        if self.settings.errors == Errors::Continue {
            warn!(annotation = state.annotation, "{cause}");
        }
        Ok(Came::Refused { problem, cause })
    }

    /// What a person and the log read of an answer that is an error.
    fn refused(&self, prepared: &Prepared, answered: &Answered) -> (String, String) {
        let cause = format!("{}: the answer has status {}", prepared.name, answered.status);
        let said = self.said(answered);
        let problem = if said.is_empty() { cause.clone() } else { format!("{cause}: {said}") };
        (problem, cause)
    }

    /// Whether this status of the call that is next is an error.
    fn is_error(&self, state: &State, status: u16) -> bool {
        let expected = self.settings.expected.get(self.settings.processor.call_name(state));
        !(200..300).contains(&status)
            && !expected.is_some_and(|ranges| ranges.iter().any(|range| range.contains(&status)))
    }

    /// What the other side says.
    fn said(&self, answered: &Answered) -> String {
        let text = String::from_utf8_lossy(&answered.body);
        let pointed = self.settings.problem.as_ref().and_then(|pointer| {
            let json = trees::read(&answered.body, trees::SMALL).ok()?;
            Some(match json.pointer(pointer)? {
                Json::String(text) => text.clone(),
                other => other.to_string(),
            })
        });
        let text = pointed.unwrap_or_else(|| text.trim().to_owned());
        let short: String = text.chars().filter(|c| !c.is_control() || *c == '\n').take(QUOTED).collect();
        if short.len() < text.len() { format!("{short}…") } else { short }
    }

    /// What the answers gave to fields; it stays, whatever became of the run.
    async fn write_back(
        &self,
        delivery: &Delivery<'_>,
        answer: &mut Answer,
        state: &State,
        deadline: Instant,
    ) {
        for field in &state.unknown_fields {
            warn!("the document has no field {field}, which an answer is written to");
            let text = format!("The document has no field {field}, which an answer is to be written to.");
            answer.show(MessageType::Warning, None, escape_html(&text));
        }
        let Some(annotation) = &delivery.payload.annotation else {
            let values = self.values(state);
            if let Some(api) = self.settings.processor.api.as_ref().filter(|_| !values.is_empty()) {
                let id = &state.annotation;
                let written = api.replace(id, &values, &self.settings.validation_sources, deadline).await;
                // It was sent: Rossum must not be told to send it again.
                if let Err(error) = written {
                    warn!(annotation = id, "values of answers were not written back: {error}");
                }
            }
            return;
        };
        let tree = answer.journal.tree(annotation);
        for (field, value) in state.written() {
            let (node, said) = held_at(&tree, None, &field).first(&field);
            answer.first_of.extend(said);
            let Some(node) = node else { continue };
            let change = Change {
                value: Some(Value::Text(shorten(value))),
                validation_sources: Some(self.settings.validation_sources.clone()),
                sources_place: SourcesPlace::BesideContent,
                ..Change::default()
            };
            answer.journal.record(node, change);
        }
        answer.keep_changes();
    }
    /// Datapoints and their values, for Rossum's API.
    fn values(&self, state: &State) -> Vec<(String, String)> {
        let of = |(field, value): (String, String)| {
            let id = state.datapoint(&field)?.to_owned();
            ignored::warn_later(self.post.courier(), self.settings.schema.as_deref(), &field, &value);
            Some((id, shorten(value)))
        };
        state.written().into_iter().filter_map(of).collect()
    }
}
