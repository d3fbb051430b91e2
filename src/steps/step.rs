//! The seam where a step plugs in.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use crate::database::Checked;
use crate::forward::Service;
use crate::outbox::Courier;
use crate::rossum::Event;
use crate::txscript::Schema;

use super::blueprint::{Blueprint, CourierId, Needs, Reaches, Services};
use super::names::{Missing, NamedField};
use super::{Answer, Delivery};

/// One thing that a hook does with a delivery. Built once at load, run for many deliveries at a time.
pub trait Step: Send + Sync {
    /// Adds its messages, changes and blockers to the answer. What a failed step added is taken back.
    fn run<'c>(&'c self, context: Context<'c>) -> StepFuture<'c>;
}

/// A step that something else holds too: the server, for what it does between deliveries.
impl<S: Step> Step for Arc<S> {
    fn run<'c>(&'c self, context: Context<'c>) -> StepFuture<'c> {
        (**self).run(context)
    }
}

/// What a step works with.
pub struct Context<'c> {
    pub delivery: &'c Delivery<'c>,
    /// What the steps before it left; also the way to read a datapoint as they left it.
    pub answer: &'c mut Answer,
    /// When the person at the screen has waited long enough: give up on neighbours before it.
    pub deadline: Instant,
    /// Fields that the step names and the document does not have.
    pub missing: Missing<'c>,
    /// Whether no other step of the hook is for this event: the answer is this step's alone.
    pub is_only: bool,
}

/// A step that waits for nothing returns [`std::future::ready`] in a box.
pub type StepFuture<'c> = Pin<Box<dyn Future<Output = Result<(), StepError>> + Send + 'c>>;

/// Why a step could not do its work.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub struct StepError {
    /// For the person at Rossum's screen, without HTML.
    pub message: String,
    /// For the log. Quotes no data of the document.
    pub cause: String,
    pub lasts: Lasts,
}

/// Whether the same may succeed later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lasts {
    /// Until somebody changes something: the document, the configuration, the other system.
    #[default]
    ForGood,
    /// Rossum may send the delivery again.
    ForNow,
    /// The service that the delivery is forwarded to gave no answer, or none that can be used.
    Unanswered,
    /// It gave none in time.
    Late,
}

impl StepError {
    /// A mistake in the step's configuration that only a document can show.
    pub fn configuration(cause: impl Into<String>) -> Self {
        let cause = cause.into();
        Self {
            message: format!("This extension is not set up for this document: {cause}."),
            cause,
            lasts: Lasts::ForGood,
        }
    }
}

/// What becomes of a hook's later steps when one fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// They run; the failure is a message beside theirs.
    #[default]
    Continue,
    /// They do not run.
    Stop,
}

/// Who carries the jobs of a step.
pub type Carries = (CourierId, Arc<dyn Courier>);

/// A step in its place in a hook, as configured.
pub struct StagePlan {
    /// The step's name in messages to the operator: its own, or its kind and number.
    pub name: String,
    pub blueprint: Box<dyn Blueprint>,
    /// The events that the configuration names instead of the step's own.
    pub events: Option<Vec<String>>,
    pub on_error: OnError,
    /// The fields that its configuration names.
    pub names: Vec<NamedField>,
    /// The step's own schema, where it has one.
    pub schema: Option<Arc<Schema>>,
    /// What it asks of databases.
    pub queries: Vec<Checked>,
    /// What an operator should know of its configuration, beside what the blueprint says.
    pub notes: Vec<String>,
}

impl StagePlan {
    /// The step of a hook, ready, and who carries its jobs.
    pub fn build(self, hook: &str, services: &Services) -> (Stage, Option<Carries>) {
        let Self { name, blueprint, events, on_error, names, schema, queries: _, notes } = self;
        let id = CourierId { hook: hook.to_owned(), step: name.clone() };
        let mut needs = blueprint.needs();
        needs.notes.extend(notes);
        let computes_as_rossum = blueprint.computes_as_rossum();
        let service = match blueprint.reaches() {
            Some(Reaches::Service(service)) => Some(Arc::clone(service)),
            _ => None,
        };
        let built = blueprint.build(services, &id);
        let step = built.step;
        let stage = Stage { name, step, needs, events, on_error, names, schema, computes_as_rossum, service };
        (stage, built.courier.map(|courier| (id, courier)))
    }
}

/// A step in its place in a hook.
pub struct Stage {
    /// The step's name in messages to the operator: its own, or its kind and number.
    pub name: String,
    pub step: Box<dyn Step>,
    pub needs: Needs,
    /// The events that the configuration names instead of the step's own.
    pub events: Option<Vec<String>>,
    pub on_error: OnError,
    /// The fields that its configuration names.
    pub names: Vec<NamedField>,
    /// The step's own schema, where it has one.
    pub schema: Option<Arc<Schema>>,
    /// Whether it computes fields that Rossum computes as well, by the same formulas.
    pub computes_as_rossum: bool,
    /// The service that deliveries are forwarded to, where this step does that.
    pub service: Option<Arc<Service>>,
}

impl Stage {
    pub fn wants(&self, event: &Event<'_>) -> bool {
        match &self.events {
            Some(patterns) => patterns.iter().any(|pattern| event.matches(pattern)),
            None => self.needs.events.iter().any(|pattern| event.matches(pattern)),
        }
    }
}
