//! Metrics of services that deliveries are forwarded to.

use std::time::SystemTime;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::metrics::{Seconds, seconds};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServiceLabels {
    hook: String,
    step: String,
}

#[derive(Default)]
pub struct Services {
    silent: Family<ServiceLabels, Seconds>,
}

impl Services {
    pub(super) fn register(&self, annex: &mut Registry) {
        annex.register(
            "service_silent_since_seconds",
            "Since when a service that deliveries are forwarded to gives no answer, in seconds since 1970; 0 while it does",
            self.silent.clone(),
        );
    }

    /// All of them: hook, step, and since when there is no answer.
    pub fn set<'s>(&self, facts: impl Iterator<Item = (&'s str, &'s str, Option<SystemTime>)>) {
        self.silent.clear();
        for (hook, step, since) in facts {
            let label = ServiceLabels { hook: hook.to_owned(), step: step.to_owned() };
            self.silent.get_or_create(&label).set(since.map_or(0.0, seconds));
        }
    }
}
