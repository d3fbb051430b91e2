//! `use = "function"`: the code of a Rossum function, run here. Its answer becomes part of ours.

use crate::rossum::{Annotation, Event};
use crate::txscript::{Document, Limits, Output, Schema, Script};

use super::blueprint::{Built, CourierId, Needs, Services};
use super::passed_on::PassedOn;
use super::returned::{Returned, wrong};
use super::schema::Schemas;
use super::{Blueprint, Context, Step, StepError, StepFuture, patience, unread};

/// Built by the configuration from `[[hook.step]] use = "function"`.
pub struct Function {
    pub script: Script,
    pub schemas: Schemas,
    pub limits: Limits,
}

impl Blueprint for Function {
    /// Rossum uses no answer to a status or a schedule, and the code here reaches nothing else.
    fn can_act_at(&self, event: &Event<'_>) -> bool {
        let pairs = [
            ("email", "received"),
            ("upload", "created"),
            ("invocation", "manual"),
            ("invocation", "interface"),
        ];
        event.event == "annotation_content" || pairs.into_iter().any(|(name, action)| event.is(name, action))
    }

    fn needs(&self) -> Needs {
        Needs { schema: self.schemas.is_sent(), ..Needs::default() }
    }

    fn build(self: Box<Self>, _: &Services, _: &CourierId) -> Built {
        Built::step(*self)
    }
}

impl Step for Function {
    fn run<'c>(&'c self, context: Context<'c>) -> StepFuture<'c> {
        Box::pin(std::future::ready(self.call(context)))
    }
}

impl Function {
    fn call(&self, context: Context<'_>) -> Result<(), StepError> {
        let Context { delivery, answer, deadline, .. } = context;
        let payload = &delivery.payload;
        let empty = Annotation::empty();
        let annotation = payload.annotation.as_ref().unwrap_or(&empty);
        let schema = match self.schemas.of(delivery) {
            Ok(schema) => schema,
            // Without `t` no types are asked for.
            Err(_) if !self.script.mentions("from_payload") => {
                Schema::from_annotation(annotation, &std::collections::HashMap::new()).into()
            }
            Err(error) => return Err(error),
        };
        let result = {
            let document = Document::new(annotation, &answer.journal, &schema, delivery.body);
            let call =
                |limits| (self.script.call(&document, &payload.event.event, limits), Output::default());
            patience::evaluate(self.limits, deadline, call).0
        };
        answer.reasons.note_labels(&schema);
        match result {
            Ok(json) => {
                answer.undone.extend(unread::keys(&payload.event, &json));
                let passed_on = PassedOn::read(&payload.event, &json).map_err(wrong)?;
                // The answer to an invocation is the caller's: it changes no document.
                if payload.event.event != "invocation" {
                    Returned::read(&json)?.apply(annotation, &schema, answer)?;
                }
                answer.passed_on.extend(Some(passed_on).filter(|passed_on| !passed_on.is_empty()));
                Ok(())
            }
            Err(failure) => {
                answer.show_exception(None, failure.to_html(), failure.line());
                Ok(())
            }
        }
    }
}
