//! A step as configured: data that can be asked and checked, and that becomes a step once there is what it works with.

use std::fmt;
use std::sync::Arc;

use crate::api::Api;
use crate::export::Target;
use crate::forward::Service;
use crate::outbox::{Courier, Outbox};
use crate::requests::Processor;
use crate::rossum::Event;
use crate::store::Reader;

use super::Step;

/// What the configuration makes of a step's keys. Nothing is opened and nobody is called before it is built.
pub trait Blueprint: Send + Sync {
    /// What must be so around it that it can do its work.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// Whether it computes fields that Rossum computes as well, by the same formulas.
    fn computes_as_rossum(&self) -> bool {
        false
    }

    /// Whether it can do anything at an event. Fields come with `annotation_content` alone.
    fn can_act_at(&self, event: &Event<'_>) -> bool {
        event.event == "annotation_content"
    }

    /// Whom its step sends to, where it sends anything.
    fn reaches(&self) -> Option<Reaches<'_>> {
        None
    }

    fn build(self: Box<Self>, services: &Services, id: &CourierId) -> Built;
}

/// What must be so around a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs {
    /// The events that it acts on (`annotation_content`, or pairs such as `annotation_content.export`) where the
    /// configuration names none.
    pub events: &'static [&'static str],
    /// What an operator should know of its configuration: what it leaves undone, and why.
    pub notes: Vec<String>,
    /// It calls other systems: it is left out where hooks are only tried out.
    pub neighbours: bool,
    /// What it sends is kept first, so that it cannot do its work while nothing can be kept.
    pub outbox: bool,
    /// Rossum must send the queue's schema along (`sideload`).
    pub schema: bool,
}

impl Default for Needs {
    fn default() -> Self {
        Self {
            events: &["annotation_content"],
            notes: Vec::new(),
            neighbours: false,
            outbox: false,
            schema: false,
        }
    }
}

/// Whom a step sends to.
pub enum Reaches<'r> {
    Target(&'r Target),
    Hosts(&'r Processor),
    Service(&'r Arc<Service>),
}

/// What steps work with. It is there before the first of them.
pub struct Services {
    /// Where queued exports and half-done runs are kept; `None` where hooks are only looked at or tried out.
    pub outbox: Option<Arc<Outbox>>,
    /// Rossum's API, where the configuration has an account.
    pub api: Option<Arc<Api>>,
    /// Datasets.
    pub store: Arc<Reader>,
}

/// Who carries a step's jobs. No two steps have the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CourierId {
    pub hook: String,
    pub step: String,
}

impl fmt::Display for CourierId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.hook, self.step)
    }
}

/// A step that is ready.
pub struct Built {
    pub step: Box<dyn Step>,
    /// Who carries its jobs, where it has some.
    pub courier: Option<Arc<dyn Courier>>,
}

impl Built {
    pub fn step(step: impl Step + 'static) -> Self {
        Self { step: Box::new(step), courier: None }
    }

    /// A step that also carries its own jobs, between deliveries.
    pub fn carrying(step: impl Step + Courier + 'static) -> Self {
        let step = Arc::new(step);
        Self { step: Box::new(Arc::clone(&step)), courier: Some(step) }
    }
}
