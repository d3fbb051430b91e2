//! What an export takes from a delivery, and from Rossum's API where the delivery does not bring it.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use minijinja::Value as Context;
use minijinja::value::Serde;
use serde_json::{Map, Value};

use crate::api::{ApiError, Original};
use crate::export::{Call, RenderError, View};
use crate::rossum::{Annotation, Journal, MessageType, Payload, escape_html};
use crate::slices::aside;
use crate::trees::Tree;
use crate::txscript::Schema;

use super::super::exported::{Exported, unfetched};
use super::super::{Answer, Delivery, Lasts, StepError};
use super::Export;

/// Answers of earlier calls, by their names.
pub(super) type Answers = BTreeMap<String, Tree>;

/// The data of a document, and the datapoints that are written back, by the names of their fields.
pub(super) struct Taken {
    pub(super) view: View,
    pub(super) datapoints: Map<String, Value>,
}

/// Why a call cannot be made.
pub(super) enum NoRequest {
    /// Of the call with this name.
    Render(String, RenderError),
    Api(ApiError),
    NoOriginal(&'static str),
}

impl NoRequest {
    /// As a person and the log read it.
    pub(super) fn told(self) -> StepError {
        match self {
            Self::Render(_, error) if error.is_of_data() => StepError {
                message: error.to_string(),
                cause: error.cause().to_owned(),
                lasts: Lasts::ForGood,
            },
            Self::Render(call, error) => StepError {
                message: format!(
                    "The export could not be made ({call}): {error}. Tell the people who run this extension."
                ),
                cause: format!("call {call}: {}", error.cause()),
                lasts: Lasts::ForGood,
            },
            Self::Api(error) => unfetched("The original document", &error),
            Self::NoOriginal(cause) => StepError::configuration(cause),
        }
    }
}

impl Export {
    /// The document's data; `None` where there is nothing to export.
    pub(super) async fn take(
        &self,
        delivery: &Delivery<'_>,
        answer: &Answer,
        deadline: Instant,
    ) -> Result<Option<Taken>, StepError> {
        let payload = &delivery.payload;
        let uses = self.uses();
        let sent = |what: String| {
            StepError::configuration(format!(
                "its templates read `payload`, and {what}; send less along (sideloads, `settings`, `metadata`), or read \
                 `field`; nothing was sent"
            ))
        };
        let body = match Exported::of(delivery, self.api.as_deref(), deadline).await? {
            Exported::Not => return Ok(None),
            Exported::Fetched(body) => body,
            Exported::Here => {
                let sent = uses.payload(delivery.body, deadline).await.map_err(sent)?;
                let taken = match &payload.annotation {
                    Some(annotation) => self.taken(payload, annotation, delivery.body, &answer.journal, sent),
                    None => {
                        let view = View::new(payload, delivery.body, &answer.journal, &uses, sent);
                        Taken { view, datapoints: Map::new() }
                    }
                };
                return self.fit(taken).map(Some);
            }
        };
        let fetched = Payload::read(body.as_bytes())
            .map_err(|_| StepError::configuration("the annotation data of Rossum's API cannot be read"))?;
        let Some(annotation) = &fetched.annotation else { return Ok(None) };
        let sent = uses.payload(delivery.body, deadline).await.map_err(sent)?;
        let mut taken = self.taken(&fetched, annotation, delivery.body, &Journal::default(), sent);
        taken.view.annotation_id = payload.annotation_id.to_string();
        self.fit(taken).map(Some)
    }

    /// Whether all calls can be made and their answers kept: what is sent cannot be taken back, so this is asked before.
    fn fit(&self, taken: Taken) -> Result<Taken, StepError> {
        if let Some(field) = self.kept_fields().find(|field| !taken.datapoints.contains_key(*field)) {
            return Err(StepError::configuration(format!(
                "its data has no field {field}, which an answer is to be written to; nothing was sent"
            )));
        }
        if self.settings.calls.iter().any(Call::needs_original) && taken.view.original.is_none() {
            return Err(StepError::configuration("the delivery names no document; nothing was sent"));
        }
        Ok(taken)
    }

    /// Fields that get what becomes of the export.
    fn kept_fields(&self) -> impl Iterator<Item = &String> {
        let written = self.settings.calls.iter().flat_map(|call| &call.write).map(|(field, _)| field);
        written.chain(&self.settings.problem_field)
    }

    fn taken(
        &self,
        payload: &Payload<'_>,
        annotation: &Annotation<'_>,
        body: &[u8],
        journal: &Journal,
        sent: Tree,
    ) -> Taken {
        let tree = journal.tree(annotation);
        let mut datapoints = Map::new();
        for field in self.kept_fields() {
            if let Some(node) = tree.first(field) {
                datapoints.insert(field.clone(), tree.node(node).id.to_string().into());
            }
        }
        let mut view = View::new(payload, body, journal, &self.uses(), sent);
        view.labels = self.labels(payload);
        Taken { view, datapoints }
    }

    /// What people call the fields that its messages name, where the schema was sent along.
    fn labels(&self, payload: &Payload<'_>) -> HashMap<String, String> {
        let names = |id: &str| self.settings.calls.iter().any(|call| call.names(id));
        let sent = payload.schemas.filter(|_| self.settings.calls.iter().any(Call::may_refuse));
        // One that cannot be read leaves the labels that everybody knows.
        let schema = sent.and_then(|schemas| Schema::parse(schemas.get()).ok());
        let labels = schema.iter().flat_map(Schema::labels).filter(|(id, _)| names(id));
        labels.map(|(id, label)| (id.to_owned(), label.to_owned())).collect()
    }

    /// Looks at every document that can be made now, before anything is sent.
    pub(super) fn look_ahead(
        &self,
        view: &View,
        secrets: Option<&Value>,
        answer: &mut Answer,
        deadline: Instant,
    ) -> Result<(), StepError> {
        if !self.settings.calls.iter().any(Call::may_refuse) {
            return Ok(());
        }
        for call in &self.settings.calls {
            let looked = aside(deadline, || {
                let context = context(view, &Answers::new(), secrets, None);
                call.look_ahead(view, &context)
            });
            let looked = looked.unwrap_or_else(|spent| Err(spent.into()));
            let warning = looked.map_err(|error| {
                let mut told = NoRequest::Render(call.name.clone(), error).told();
                told.message.push_str(" Nothing was sent.");
                told
            })?;
            if let Some(warning) = warning {
                answer.show(MessageType::Warning, None, escape_html(&warning));
            }
        }
        Ok(())
    }

    /// The file that the document was made of.
    pub(super) async fn original(&self, view: &View, deadline: Instant) -> Result<Original, NoRequest> {
        let api = self
            .api
            .as_ref()
            .ok_or(NoRequest::NoOriginal("there is no [rossum] to fetch the document with"))?;
        let original = view.original.as_ref();
        let original = original.ok_or(NoRequest::NoOriginal("the delivery names no document"))?;
        api.original(original.id, deadline).await.map_err(NoRequest::Api)
    }
}

/// What templates read.
pub(super) fn context(
    view: &View,
    answers: &Answers,
    secrets: Option<&Value>,
    original: Option<&Original>,
) -> Context {
    minijinja::context! {
        field => Context::from(Serde(&view.field)),
        line_items => Context::from(Serde(&view.line_items)),
        annotation_id => view.annotation_id.clone(),
        payload => Context::from(Serde(&view.payload)),
        answers => Context::from(Serde(answers)),
        secrets => secrets.map(|secrets| Context::from(Serde(secrets))),
        original_file => original.map(|original| Context::from_bytes(original.bytes.clone())),
        original_file_name => view.original.as_ref().map(|original| original.name.clone()),
    }
}
