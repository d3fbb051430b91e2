//! `use = "export"`: makes documents of what was extracted and sends them to another system, while Rossum waits or from
//! the outbox.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use minijinja::Value as Context;
use minijinja::value::Serde;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tracing::warn;

use crate::export::{Call, Received, RenderError, Request, SendError, Target, Uses, Verdict, View, may_pass};
use crate::outbox::{self, Carried, Courier, CourierFuture, Job, NewJob, Outbox};
use crate::rossum::{Change, MessageType, SourcesPlace, Tree, Value as FieldValue, escape_html, shorten};

use super::{Answer, Context as StepContext, Delivery, Step, StepError, StepFuture};

/// Built by the configuration from `[[hook.step]] use = "export"`.
pub struct Export {
    /// The hook and the step: who carries its jobs. No two exports have the same.
    pub courier: OnceLock<String>,
    pub target: Arc<Target>,
    pub calls: Vec<Call>,
    pub deliver: Deliver,
    /// Where in a JSON answer the target says what is wrong: a JSON pointer.
    pub problem: Option<String>,
    pub validation_sources: Vec<String>,
    pub outbox: OnceLock<Arc<Outbox>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deliver {
    /// Rossum waits for the target's answer.
    Now,
    /// Rossum waits until the export is on disk.
    Queued,
}

/// Kept free at the end of a delivery's time, for the answer.
const SPARE: Duration = Duration::from_millis(500);
/// For one try from the outbox, where the target's own time-out does not end it.
const TRY: Duration = Duration::from_secs(300);
/// Characters of an answer that a person reads.
const QUOTED: usize = 500;

/// How far an export is, as the outbox keeps it.
#[derive(Serialize, Deserialize)]
struct Progress {
    /// The names of all calls when it was accepted: a changed configuration must not skip one, nor send another.
    calls: Vec<String>,
    /// The number of the call that is next.
    call: usize,
    /// What that call sends, once it is rendered; its body is kept beside.
    request: Option<Request>,
    /// What later calls read; not kept where there are none.
    view: Option<View>,
    /// Answers of earlier calls, by name.
    answers: Map<String, Value>,
}

impl Step for Export {
    fn events(&self) -> &'static [&'static str] {
        &["annotation_content.export"]
    }

    fn run<'c>(&'c self, context: StepContext<'c>) -> StepFuture<'c> {
        Box::pin(async move {
            match self.deliver {
                Deliver::Now => self.send_now(context).await,
                Deliver::Queued => self.queue(context).await,
            }
        })
    }
}

impl Export {
    pub fn courier(&self) -> &str {
        self.courier.get().map_or("export", String::as_str)
    }

    fn uses(&self) -> Uses {
        Uses { payload: self.reads("payload") }
    }

    /// Whether one of its templates reads this name.
    pub fn reads(&self, name: &str) -> bool {
        self.calls.iter().flat_map(Call::templates).any(|template| template.reads(name))
    }

    fn names(&self) -> Vec<String> {
        self.calls.iter().map(|call| call.name.clone()).collect()
    }

    fn view(&self, delivery: &Delivery<'_>, answer: &Answer) -> View {
        View::new(&delivery.payload, delivery.body, &answer.journal, self.uses())
    }

    /// The next call from `from` on that is not left out, with what it sends.
    fn next(
        &self,
        from: usize,
        view: &View,
        answers: &Map<String, Value>,
        secrets: Option<&Value>,
    ) -> Result<Option<(usize, Request)>, (String, RenderError)> {
        for (at, call) in self.calls.iter().enumerate().skip(from) {
            let context = context(view, answers, secrets);
            match call.request(view, &context) {
                Ok(Some(request)) => return Ok(Some((at, request))),
                Ok(None) => {}
                Err(error) => return Err((call.name.clone(), error)),
            }
        }
        Ok(None)
    }

    async fn queue(&self, context: StepContext<'_>) -> Result<(), StepError> {
        let StepContext { delivery, answer, .. } = context;
        let view = self.view(delivery, answer);
        let mut answers = Map::new();
        let Some((call, mut request)) = self.next(0, &view, &answers, None).map_err(unrendered)? else {
            return Ok(());
        };
        let body = std::mem::take(&mut request.body);
        let view = (call + 1 < self.calls.len()).then_some(view);
        let progress = Progress {
            calls: self.names(),
            call,
            request: Some(request),
            view,
            answers: std::mem::take(&mut answers),
        };
        let annotation = delivery.payload.annotation_id.to_string();
        let job = NewJob {
            key: self.key(delivery)?,
            courier: self.courier().to_owned(),
            line: format!("{}#{annotation}", self.courier()),
            annotation,
            request_id: delivery.payload.request_id.as_deref().unwrap_or_default().to_owned(),
            progress: json!(progress).to_string(),
            body,
        };
        let outbox = self.outbox.get().ok_or_else(|| StepError {
            message: "The export could not be kept. Tell the people who run this extension.".to_owned(),
            cause: "there is no outbox here: queued exports need the server".to_owned(),
        })?;
        outbox.accept(job).await.map_err(|error| StepError {
            message: "The export could not be kept, so it was not accepted. Try again later; if it happens again, tell the people who run this extension.".to_owned(),
            cause: format!("an export could not be kept: {error}"),
        })
    }

    /// The same for a repeated delivery, another for a new one.
    fn key(&self, delivery: &Delivery<'_>) -> Result<String, StepError> {
        if let Some(request_id) = delivery.payload.request_id.as_deref().filter(|id| !id.is_empty()) {
            return Ok(outbox::key(&[self.courier(), request_id]));
        }
        outbox::random_key().map_err(|error| StepError {
            message: "The export could not be sent. Tell the people who run this extension.".to_owned(),
            cause: format!("the system gives no random numbers: {error}"),
        })
    }

    async fn send_now(&self, context: StepContext<'_>) -> Result<(), StepError> {
        let StepContext { delivery, answer, deadline } = context;
        let deadline = deadline.checked_sub(SPARE).unwrap_or(deadline);
        let view = self.view(delivery, answer);
        let secrets = self.reads("secrets").then(|| secrets(delivery.body));
        let key = self.key(delivery)?;
        let mut answers = Map::new();
        let mut from = 0;
        while let Some((at, request)) =
            self.next(from, &view, &answers, secrets.as_ref()).map_err(unrendered)?
        {
            let call = &self.calls[at];
            let received = self.target.send(&request, &call_key(&key, at), deadline).await;
            let received = received.map_err(|error| self.unsent(call, &error))?;
            let said = answer_of(&received);
            match call.verdicts.of(received.status) {
                Verdict::Ok => {}
                Verdict::Warning => {
                    let text = self.said(&received);
                    answer.show(MessageType::Warning, None, escape_html(&text));
                }
                Verdict::Error => {
                    let cause = format!("call {}: {}", call.name, self.answered(&received));
                    return Err(StepError { message: self.said(&received), cause });
                }
            }
            if let Some(annotation) = &delivery.payload.annotation {
                let tree = answer.journal.tree(annotation);
                self.write_back(call, &said, &tree, answer)?;
            }
            answers.insert(call.name.clone(), said);
            from = at + 1;
        }
        Ok(())
    }

    fn unsent(&self, call: &Call, error: &SendError) -> StepError {
        let name = &self.target.name;
        let message = match error {
            SendError::TimedOut => format!(
                "{name} did not answer in time. It may have taken the export or not: look there before you export again."
            ),
            SendError::Broken(_) => format!(
                "The connection to {name} broke. It may have taken the export or not: look there before you export again."
            ),
            SendError::Refused(_) => {
                format!("The export could not be sent to {name}. Tell the people who run this extension.")
            }
            _ => format!("{name} cannot be reached at the moment. Nothing was sent: export again later."),
        };
        StepError { message, cause: format!("{name}, call {}: {error}", call.name) }
    }

    /// That the target answered, without its words.
    fn answered(&self, received: &Received) -> String {
        format!("{} answered with status {}", self.target.name, received.status)
    }

    /// What the target says, for a person.
    fn said(&self, received: &Received) -> String {
        let text = self.problem_in(&received.body);
        let answered = self.answered(received);
        if text.is_empty() { format!("{answered}.") } else { format!("{answered}: {text}") }
    }

    fn problem_in(&self, body: &[u8]) -> String {
        let text = String::from_utf8_lossy(body);
        let pointed = self.problem.as_ref().and_then(|pointer| {
            let json: Value = serde_json::from_str(&text).ok()?;
            Some(match json.pointer(pointer)? {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            })
        });
        let text = pointed.unwrap_or_else(|| text.trim().to_owned());
        let short: String = text.chars().filter(|c| !c.is_control() || *c == '\n').take(QUOTED).collect();
        if short.len() < text.len() { format!("{short}…") } else { short }
    }

    fn write_back(
        &self,
        call: &Call,
        said: &Value,
        tree: &Tree<'_>,
        answer: &mut Answer,
    ) -> Result<(), StepError> {
        for (field, from) in &call.write {
            let node = tree
                .first(field)
                .ok_or_else(|| StepError::configuration(format!("its data has no field {field}")))?;
            let found = if from == "status" { said.get("status") } else { said["body"].pointer(from) };
            let value = match found {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Null) => String::new(),
                Some(other) => other.to_string(),
                None => {
                    warn!(
                        target_system = self.target.name,
                        "the answer to {} has nothing at {from}", call.name
                    );
                    continue;
                }
            };
            let change = Change {
                value: Some(FieldValue::Text(shorten(value))),
                validation_sources: Some(self.validation_sources.clone()),
                sources_place: SourcesPlace::BesideContent,
                ..Change::default()
            };
            answer.journal.record(node, change);
        }
        Ok(())
    }

    /// Renders the call that is next; what becomes of the job.
    fn prepare(&self, job: &mut Job, mut progress: Progress) -> Carried {
        let Some(view) = &progress.view else { return Carried::Done };
        match self.next(progress.call, view, &progress.answers, None) {
            Ok(Some((call, mut request))) => {
                job.body = std::mem::take(&mut request.body);
                progress.call = call;
                progress.request = Some(request);
                job.progress = json!(progress).to_string();
                Carried::Further
            }
            Ok(None) => Carried::Done,
            Err((call, error)) => {
                let of = |what: &str| format!("the call {call} cannot be made: {what}");
                Carried::Dead { problem: of(&error.to_string()), cause: of(error.cause()) }
            }
        }
    }

    async fn carry_part(&self, job: &mut Job) -> Carried {
        let Ok(mut progress) = serde_json::from_str::<Progress>(&job.progress) else {
            let cause = "what was kept of it cannot be read".to_owned();
            return Carried::Dead { problem: cause.clone(), cause };
        };
        if progress.calls != self.names() {
            let cause = format!(
                "its calls were {} when it was accepted, and are others now",
                progress.calls.join(", ")
            );
            return Carried::Dead { problem: cause.clone(), cause };
        }
        let Some(mut request) = progress.request.take() else { return self.prepare(job, progress) };
        let Some(call) = self.calls.get(progress.call) else {
            return Carried::Done; // all were sent, and only that was not noted
        };
        request.body = std::mem::take(&mut job.body);
        let key = call_key(&job.key, progress.call);
        let result = self.target.send(&request, &key, Instant::now() + TRY).await;
        job.body = std::mem::take(&mut request.body);
        let at = |what: &dyn std::fmt::Display| format!("call {}: {what}", call.name);
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
                progress.answers.insert(call.name.clone(), answer_of(&received));
                progress.call += 1;
                self.prepare(job, progress)
            }
            Err(error) => {
                let cause = at(&error);
                let problem = cause.clone();
                match error {
                    SendError::Refused(_) => Carried::Dead { problem, cause },
                    SendError::Down(wait) => Carried::Later { problem, cause, not_before: Some(wait) },
                    _ => Carried::Later { problem, cause, not_before: None },
                }
            }
        }
    }
}

impl Courier for Export {
    fn carry<'c>(&'c self, job: &'c mut Job) -> CourierFuture<'c> {
        Box::pin(self.carry_part(job))
    }
}

fn call_key(key: &str, call: usize) -> String {
    format!("{key}-{}", call + 1)
}

fn context(view: &View, answers: &Map<String, Value>, secrets: Option<&Value>) -> Context {
    minijinja::context! {
        field => Context::from(Serde(&view.field)),
        line_items => Context::from(Serde(&view.line_items)),
        annotation_id => view.annotation_id.clone(),
        payload => Context::from(Serde(&view.payload)),
        answers => Context::from(Serde(answers)),
        secrets => secrets.map(|secrets| Context::from(Serde(secrets))),
    }
}

/// An answer as later templates read it: `answers.create.body.id`.
fn answer_of(received: &Received) -> Value {
    let body = serde_json::from_slice(&received.body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&received.body).into_owned()));
    json!({"status": received.status, "body": body})
}

/// The hook's secrets, which Rossum sends along where the hook has any.
fn secrets(body: &[u8]) -> Value {
    #[derive(Deserialize)]
    struct Sent {
        #[serde(default)]
        secrets: Value,
    }
    serde_json::from_slice::<Sent>(body).map(|sent| sent.secrets).unwrap_or_default()
}

fn unrendered((call, error): (String, RenderError)) -> StepError {
    StepError {
        message: format!(
            "The export could not be made ({call}): {error}. Tell the people who run this extension."
        ),
        cause: format!("call {call}: {}", error.cause()),
    }
}
