//! Hooks as configured, and how they become hooks with steps that run.

use std::sync::Arc;

use crate::outbox::Outbox;
use crate::steps::blueprint::Services;
use crate::steps::{Carries, Stage, StagePlan};

use super::hook::HookSettings;

/// A hook as configured: data, of which nothing runs.
pub struct HookPlan {
    pub settings: HookSettings,
    pub stages: Vec<StagePlan>,
    /// What an operator should know of its own keys.
    pub notes: Vec<String>,
}

/// A hook with its steps.
pub struct BuiltHook {
    pub settings: HookSettings,
    pub stages: Vec<Stage>,
    /// Where answers are kept over a restart, because its steps send something elsewhere.
    pub memory: Option<Arc<Outbox>>,
}

/// The hooks of a configuration with all that runs for them.
pub struct BuiltHooks {
    pub hooks: Vec<BuiltHook>,
    pub couriers: Vec<Carries>,
}

impl HookPlan {
    /// What an operator should know of it and of its steps, each with the step's name.
    pub fn notes(&self) -> impl Iterator<Item = (Option<&str>, String)> {
        let of = |stage: &StagePlan| stage.blueprint.needs().notes.into_iter().chain(stage.notes.clone());
        let own = self.notes.iter().map(|note| (None, note.clone()));
        own.chain(
            self.stages.iter().flat_map(move |stage| of(stage).map(|note| (Some(stage.name.as_str()), note))),
        )
    }

    /// All hooks, with what steps work with.
    pub fn build_all(plans: Vec<Self>, services: &Services) -> BuiltHooks {
        let (mut hooks, mut couriers) = (Vec::new(), Vec::new());
        for Self { settings, stages, .. } in plans {
            let before = couriers.len();
            let mut built = Vec::new();
            for stage in stages {
                let (stage, courier) = stage.build(&settings.name, services);
                built.push(stage);
                couriers.extend(courier);
            }
            let memory = services.outbox.clone().filter(|_| couriers.len() > before);
            hooks.push(BuiltHook { settings, stages: built, memory });
        }
        BuiltHooks { hooks, couriers }
    }
}
