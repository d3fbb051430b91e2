//! `use = "export"`: makes documents of what was extracted and sends them to another system, while Rossum waits or from
//! the outbox.

use std::sync::Arc;
use std::time::{Duration, Instant};

mod courier;
mod taken;
mod understood;
mod words;

use serde_json::{Map, Value, json};
use tracing::warn;

use crate::api::Api;
use crate::export::{Call, Received, Request, Target, Template, Uses, Verdict, View};
use crate::neighbour::may_pass;
use crate::rossum::{
    Change, Event, GrownTree, MessageType, SourcesPlace, Value as FieldValue, escape_html, shorten,
};
use crate::slices::aside;

use courier::Progress;
use taken::{Answers, NoRequest, Taken};
use understood::{LOOK_THERE, Unusable};

use crate::txscript::Schema;

use super::blueprint::{Built, CourierId, Needs, Reaches, Services};
use super::halfway::{Halfway, NOT_NOTED};
use super::ignored;
use super::made::{Call as MadeCall, NotTaken};
use super::post::{Post, call_key};
use super::reasons::{Came, QUEUED, Reason};
use super::rows::{self, held_at};
use super::{Answer, Blueprint, Context as StepContext, Delivery, Lasts, Step, StepError, StepFuture};

/// Built by the configuration from `[[hook.step]] use = "export"`.
pub struct ExportSettings {
    pub target: Arc<Target>,
    pub calls: Vec<Call>,
    pub deliver: Deliver,
    /// Where in a JSON answer the target says what is wrong: a JSON pointer.
    pub problem: Option<String>,
    pub validation_sources: Vec<String>,
    /// The field that gets why a queued export was given up; emptied once it is sent.
    pub problem_field: Option<String>,
    /// That of all documents, where they have one.
    pub schema: Option<Arc<Schema>>,
}

pub struct Export {
    post: Post,
    /// For the original document, for what is written back later, and for events that bring no data.
    api: Option<Arc<Api>>,
    settings: ExportSettings,
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

impl Blueprint for ExportSettings {
    fn can_act_at(&self, _event: &Event<'_>) -> bool {
        true // it may send what the delivery itself says
    }

    fn needs(&self) -> Needs {
        let raw = self.calls.iter().filter(|call| call.path.is_raw());
        let told = |call: &Call| {
            format!(
                "{}: `path` puts values in as they are (`safe`): what stands in a field can lead to another resource",
                call.name
            )
        };
        Needs {
            events: &["annotation_content.export"],
            notes: raw.map(told).collect(),
            neighbours: true,
            outbox: self.deliver == Deliver::Queued,
            schema: false,
        }
    }

    fn reaches(&self) -> Option<Reaches<'_>> {
        Some(Reaches::Target(&self.target))
    }

    fn build(self: Box<Self>, services: &Services, id: &CourierId) -> Built {
        Built::carrying(Export { post: Post::new(services, id), api: services.api.clone(), settings: *self })
    }
}

impl Step for Export {
    fn run<'c>(&'c self, context: StepContext<'c>) -> StepFuture<'c> {
        Box::pin(async move {
            match self.settings.deliver {
                Deliver::Now => self.send_now(context).await,
                Deliver::Queued => self.queue(context).await,
            }
        })
    }
}

impl ExportSettings {
    /// The calls whose path cannot be made of a document, each with the problem. A path that reads what only a delivery or
    /// an answer brings is left out.
    pub fn try_paths(&self, view: &View) -> Vec<(&str, String)> {
        let context = taken::context(view, &Answers::new(), None, None);
        let brought = ["answers", "secrets", "payload", "original_file", "original_file_name"];
        let known = self.calls.iter().filter(|call| !brought.iter().any(|name| call.path.reads(name)));
        let problem = |call: &Call| match call.path.render_path(&context) {
            _ if call.path.decides() => None, // what one document makes of it says nothing of another
            Ok(path) => self.target.takes(&path).err().map(|error| error.to_string()),
            Err(error) => error.is_sure().then(|| error.to_string()),
        };
        known.filter_map(|call| Some((call.name.as_str(), problem(call)?))).collect()
    }

    /// Whether one of its templates reads this name.
    pub fn reads(&self, name: &str) -> bool {
        self.calls.iter().flat_map(Call::templates).any(|template| template.reads(name))
    }
}

impl Export {
    fn uses(&self) -> Uses {
        let paths = self.settings.calls.iter().flat_map(Call::templates).flat_map(Template::paths);
        Uses::of(paths, self.settings.calls.iter().any(Call::needs_original))
    }

    fn names(&self) -> Vec<String> {
        self.settings.calls.iter().map(|call| call.name.clone()).collect()
    }

    /// The next call from `from` on that is not left out, with what it sends.
    async fn next(
        &self,
        from: usize,
        view: &View,
        answers: &Answers,
        secrets: Option<&Value>,
        deadline: Instant,
    ) -> Result<Option<(usize, Request)>, NoRequest> {
        let mut original = None;
        for (at, call) in self.settings.calls.iter().enumerate().skip(from) {
            if call.needs_original() && original.is_none() {
                original = Some(self.original(view, deadline).await?);
            }
            let made = aside(deadline, || {
                let context = taken::context(view, answers, secrets, original.as_ref());
                call.request(view, &context)
            });
            match made.unwrap_or_else(|spent| Err(spent.into())) {
                Ok(Some(request)) => return Ok(Some((at, request))),
                Ok(None) => {}
                Err(error) => return Err(NoRequest::Render(call.name.clone(), error)),
            }
        }
        Ok(None)
    }

    async fn queue(&self, context: StepContext<'_>) -> Result<(), StepError> {
        let StepContext { delivery, answer, deadline, .. } = context;
        let Some(Taken { view, datapoints }) = self.take(delivery, answer, deadline).await? else {
            return Ok(());
        };
        rows::say_first(answer, &delivery.payload, self.kept_fields().map(String::as_str));
        self.look_ahead(&view, None, answer, deadline)?;
        let mut progress = Progress { calls: self.names(), datapoints, ..Progress::default() };
        let mut body = Vec::new();
        // Rossum need not wait for its own file.
        let first = if self.settings.calls.first().is_some_and(Call::needs_original) {
            None
        } else {
            match self.next(0, &view, &progress.answers, None, deadline).await {
                Ok(Some(first)) => Some(first),
                Ok(None) => return Ok(()),
                Err(NoRequest::Api(error)) if error.may_pass() => None,
                Err(other) => return Err(other.told()),
            }
        };
        match first {
            None => progress.view = Some(view), // the courier makes it
            Some((call, mut request)) => {
                body = std::mem::take(&mut request.body);
                progress.call = call;
                progress.request = Some(request);
                progress.view = (call + 1 < self.settings.calls.len()).then_some(view);
            }
        }
        let job = self.post.job(delivery, &self.settings.target.name, json!(progress).to_string(), body)?;
        answer.outcome.jobs.push(job);
        answer.reasons.note(|| Reason::single(&*self.settings.target.name, Came::Acted, QUEUED, Vec::new()));
        Ok(())
    }

    async fn send_now(&self, context: StepContext<'_>) -> Result<(), StepError> {
        let StepContext { delivery, answer, deadline, .. } = context;
        let deadline = deadline.checked_sub(SPARE).unwrap_or(deadline);
        let Some(taken) = self.take(delivery, answer, deadline).await? else { return Ok(()) };
        let annotation = delivery.payload.annotation_id.to_string();
        let mut halfway = Halfway::new(&self.post, &annotation, true, deadline).await?;
        let ended = self.send_all(delivery, answer, taken, &mut halfway, deadline).await;
        halfway.end(ended, answer)
    }

    async fn send_all(
        &self,
        delivery: &Delivery<'_>,
        answer: &mut Answer,
        Taken { view, datapoints }: Taken,
        halfway: &mut Halfway<'_, Received>,
        deadline: Instant,
    ) -> Result<(), StepError> {
        let secrets = self.settings.reads("secrets").then(|| Value::Object(delivery.credentials().0));
        self.look_ahead(&view, secrets.as_ref(), answer, deadline)?;
        let key = self.post.key(delivery)?;
        let mut answers = Answers::new();
        let mut values = Vec::new();
        let mut from = 0;
        loop {
            let next = self.next(from, &view, &answers, secrets.as_ref(), deadline).await;
            let next = next.map_err(|problem| match problem {
                // The answer before it does not have what the call needs.
                NoRequest::Render(..) if halfway.not_understood() => {
                    let StepError { message, cause, lasts } = problem.told();
                    StepError { message: format!("{message} {LOOK_THERE}"), cause, lasts }
                }
                _ => problem.told(),
            });
            let Some((at, request)) = next? else { break };
            let call = &self.settings.calls[at];
            let received = self.send_once(halfway, call, &request, call_key(&key, at), deadline).await?;
            answer.reasons.note(|| {
                let says = format!("{} answered {}", self.settings.target.name, received.status);
                Reason::single(&*call.name, Came::Acted, says, Vec::new())
            });
            match call.verdicts.of(received.status) {
                Verdict::Ok => {}
                Verdict::Warning => {
                    let text = self.said(&received);
                    answer.show(MessageType::Warning, None, escape_html(&text));
                }
                Verdict::Error => {
                    let cause = format!("{}: {}", call.title(), self.answered(&received));
                    let lasts = if may_pass(received.status) { Lasts::ForNow } else { Lasts::ForGood };
                    return Err(StepError { message: self.said(&received), cause, lasts });
                }
            }
            let said = self.understood(at, &received, deadline).await.map_err(|unread| {
                if let Unusable::NotUnderstood(_) = unread {
                    halfway.not_understood();
                }
                self.not_understood(call, &unread)
            })?;
            for from in Self::missing(call, &said) {
                let text = format!(
                    "{} was sent, and its answer to {} has nothing at {from}.",
                    self.settings.target.name, call.name
                );
                answer.show(MessageType::Warning, None, escape_html(&text));
            }
            match &delivery.payload.annotation {
                Some(annotation) => {
                    let tree = answer.journal.tree(annotation);
                    self.write_back(call, &said, &tree, answer);
                    answer.keep_changes();
                }
                None => values.extend(self.values(call, &said, &datapoints)),
            }
            if self.reads_answers_after(at) {
                answers.insert(call.name.clone(), said);
            }
            from = at + 1;
        }
        if let Some(api) = self.api.as_ref().filter(|_| !values.is_empty()) {
            let annotation = delivery.payload.annotation_id.to_string();
            let written =
                api.replace(&annotation, &values, &self.settings.validation_sources, deadline).await;
            // It was sent: Rossum must not be told to send it again.
            if let Err(error) = written {
                warn!(annotation, "the export was sent, and its values were not written back: {error}");
            }
        }
        Ok(())
    }

    /// The places in an answer that a field is to be filled from, and where there is nothing.
    fn missing<'f>(call: &'f Call, said: &Value) -> Vec<&'f str> {
        let write = call.write.iter().map(|(_, from)| &**from);
        write.filter(|from| *from != "status" && said["body"].pointer(from).is_none()).collect()
    }

    /// Sends a call, unless it was taken before, as it is, by a run that did not get to its end.
    async fn send_once(
        &self,
        halfway: &mut Halfway<'_, Received>,
        call: &Call,
        request: &Request,
        key: String,
        deadline: Instant,
    ) -> Result<Received, StepError> {
        let this = MadeCall::new(&call.name, request, &request.body);
        if let Some(received) = halfway.recall(&this) {
            return Ok(received);
        }
        let target = &self.settings.target;
        let received = if matches!(&*request.method, "GET" | "HEAD") {
            halfway.during(target.send(request, &key, deadline)).await
        } else {
            let key = target.knows_keys().then_some(key);
            let key = halfway.begin(&this, key, &target.name).await.map_err(|cause| StepError {
                message: NOT_NOTED.to_owned(),
                cause: format!("{}, {}: {cause}", target.name, call.title()),
                lasts: Lasts::ForNow,
            })?;
            target.send(request, key.as_deref().unwrap_or_default(), deadline).await
        };
        match &received {
            Ok(received) if call.verdicts.of(received.status) != Verdict::Error => {
                halfway.took(&this, &received.body, received.clone());
            }
            Ok(received) => halfway.not_taken(NotTaken::by(received.status)),
            Err(error) if error.may_be_taken() => halfway.not_taken(NotTaken::Unknown),
            Err(_) => halfway.not_taken(NotTaken::Nothing),
        }
        received.map_err(|error| self.unsent(call, &error))
    }

    /// What an answer gives to each field that is written.
    fn found<'f>(&self, call: &'f Call, said: &Value) -> Vec<(&'f str, String)> {
        let mut all = Vec::new();
        for (field, from) in &call.write {
            let found = if from == "status" { said.get("status") } else { said["body"].pointer(from) };
            let value = match found {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Null) => String::new(),
                Some(other) => other.to_string(),
                None => {
                    warn!(
                        target_system = self.settings.target.name,
                        "the answer to {} has nothing at {from}", call.name
                    );
                    continue;
                }
            };
            all.push((field.as_str(), value));
        }
        all
    }

    /// The same by the ids of the datapoints, for Rossum's API.
    fn values(&self, call: &Call, said: &Value, datapoints: &Map<String, Value>) -> Vec<(String, String)> {
        let of = |(field, value): (&str, String)| match datapoints.get(field).and_then(Value::as_str) {
            Some(id) => {
                ignored::warn_later(self.post.courier(), self.settings.schema.as_deref(), field, &value);
                Some((id.to_owned(), shorten(value)))
            }
            None => {
                warn!("the document has no field {field}, which the answer to {} is written to", call.name);
                None
            }
        };
        self.found(call, said).into_iter().filter_map(of).collect()
    }

    fn write_back(&self, call: &Call, said: &Value, tree: &GrownTree<'_>, answer: &mut Answer) {
        for (field, value) in self.found(call, said) {
            // That it is there was looked at before anything was sent.
            let (node, said) = held_at(tree, None, field).first(field);
            answer.first_of.extend(said);
            let Some(node) = node else {
                warn!("the document has no field {field}, which the answer to {} is written to", call.name);
                continue;
            };
            let change = Change {
                value: Some(FieldValue::Text(shorten(value))),
                validation_sources: Some(self.settings.validation_sources.clone()),
                sources_place: SourcesPlace::BesideContent,
                ..Change::default()
            };
            answer.journal.record(node, change);
        }
    }
}
