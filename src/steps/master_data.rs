//! `use = "match"` with `file`: a configuration of Rossum's Master Data Hub. Its lookups run one after another; each sees
//! what those before it chose.

use tracing::warn;

use crate::rossum::MessageType;

use super::blueprint::{Built, CourierId, Needs, Services};
use super::lookup::{Lookup, LookupSettings};
use super::{Blueprint, Context, Step, StepError, StepFuture};

/// Built by the configuration from the entries of `configurations`.
pub struct MasterDataSettings {
    /// Each with its name.
    pub lookups: Vec<(String, LookupSettings)>,
}

pub struct MasterData {
    lookups: Vec<(String, Lookup)>,
}

impl Blueprint for MasterDataSettings {
    fn needs(&self) -> Needs {
        let named = |(name, lookup): &(String, LookupSettings)| {
            lookup.remarks().map(|remark| format!("{name}: {remark}")).collect::<Vec<_>>()
        };
        Needs { notes: self.lookups.iter().flat_map(named).collect(), ..Needs::default() }
    }

    fn build(self: Box<Self>, services: &Services, _: &CourierId) -> Built {
        let ready = |(name, lookup): (String, LookupSettings)| (name, lookup.ready(services));
        Built::step(MasterData { lookups: self.lookups.into_iter().map(ready).collect() })
    }
}

impl Step for MasterData {
    fn run<'c>(&'c self, context: Context<'c>) -> StepFuture<'c> {
        Box::pin(self.look_up(context))
    }
}

impl MasterData {
    /// One that fails says so, and does not keep the others from their work.
    async fn look_up(&self, context: Context<'_>) -> Result<(), StepError> {
        let Context { delivery, answer, deadline, missing, is_only } = context;
        for (name, lookup) in &self.lookups {
            let before = answer.checkpoint();
            let own = Context { delivery, answer: &mut *answer, deadline, missing, is_only };
            if let Err(error) = lookup.look_up(own).await {
                answer.roll_back(before);
                answer.has_failed_part = true;
                warn!(configuration = name, "lookup failed: {}", error.cause);
                answer.show(MessageType::Error, None, error.message);
            }
        }
        Ok(())
    }
}
