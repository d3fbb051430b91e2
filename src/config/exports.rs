//! The exports of a file while it is read: where they may go, and by which name their jobs find them again.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use crate::api::Api;
use crate::export::Target;
use crate::steps::post::Exporter;

use super::document::{Document, Place};

/// Targets by name; `None` where the configuration of one is wrong.
pub(super) type Targets = HashMap<String, Option<Arc<Target>>>;

#[derive(Default)]
pub(super) struct Exports {
    targets: OnceCell<Targets>,
    /// Rossum's API, and whether the file has a section for it, right or wrong.
    api: OnceCell<(Option<Arc<Api>>, bool)>,
    /// Each with its place and its step's name.
    steps: RefCell<Vec<(Place, String, Exporter)>>,
}

impl Exports {
    pub(super) fn set_targets(&self, targets: Targets) {
        let _ = self.targets.set(targets); // once for each file
    }

    pub(super) fn set_api(&self, api: Option<Arc<Api>>, is_named: bool) {
        let _ = self.api.set((api, is_named)); // once for each file
    }

    pub(super) fn api(&self) -> Option<Arc<Api>> {
        self.api.get().and_then(|(api, _)| api.clone())
    }

    /// Whether there is a section for the API: what is wrong in it is noted there.
    pub(super) fn names_api(&self) -> bool {
        self.api.get().is_some_and(|(_, is_named)| *is_named)
    }

    pub(super) fn targets(&self) -> Option<&Targets> {
        self.targets.get()
    }

    pub(super) fn add(&self, place: Place, export: Exporter) {
        self.steps.borrow_mut().push((place, String::new(), export));
    }

    /// The step that was read last gets its name, where it is an export.
    pub(super) fn name_step(&self, name: &str) {
        if let Some((_, step, _)) = self.steps.borrow_mut().last_mut().filter(|(_, step, _)| step.is_empty())
        {
            name.clone_into(step);
        }
    }

    /// The exports of a hook get their names; those of hooks before it have theirs. Two of one name would take each
    /// other's jobs.
    pub(super) fn name_hook(&self, document: &Document<'_>, hook: &str) {
        let steps = self.steps.borrow();
        for (at, (place, step, export)) in steps.iter().enumerate() {
            let post = &export.post;
            if post.name_it(format!("{hook}/{step}"))
                && steps[..at].iter().any(|(_, _, other)| other.post.courier() == post.courier())
            {
                let what = format!("two exports have the name `{}`", post.courier());
                document.note(place.clone(), what, Some("give each its own `name`"));
            }
        }
    }

    /// All of them, for the server.
    pub(super) fn take(&self) -> Vec<Exporter> {
        self.steps.take().into_iter().map(|(_, _, export)| export).collect()
    }
}
