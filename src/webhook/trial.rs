//! Hooks without their door: what they would answer to a delivery, asked by a person and not by Rossum.

use std::sync::Arc;

use bytes::Bytes;

use crate::clock;
use crate::secret::Secret;
use crate::signature::{Algorithm, LegacySha1, sign};
use crate::steps::Stage;
use crate::telemetry::Metrics;

use super::hook::Hook;
use super::plan::BuiltHook;
use super::run;

/// The hooks of a configuration, to be tried out. Steps that call other systems are left out.
pub struct Trial {
    hooks: Vec<Tried>,
    secret: Secret,
}

struct Tried {
    path: String,
    hook: Arc<Hook>,
    left_out: Vec<String>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    #[error("the configuration has no hook `{0}`; it has {1}")]
    NoHook(String, String),
    #[error("{0}")]
    Refused(String),
}

impl Trial {
    pub fn new(hooks: Vec<BuiltHook>) -> Result<Self, getrandom::Error> {
        // A delivery is verified before it is read: here too, by a secret that only this trial knows.
        let secret = Secret::generate()?;
        let metrics = Metrics::new(clock::now());
        let tried = |built: BuiltHook| {
            let BuiltHook { mut settings, stages, .. } = built;
            settings.secrets = vec![secret.clone()];
            settings.legacy = LegacySha1::Refused;
            settings.record = None;
            let (left_out, stages): (Vec<_>, Vec<_>) =
                stages.into_iter().partition(|stage: &Stage| stage.needs.neighbours);
            let left_out = left_out.into_iter().map(|stage| stage.name).collect();
            let path = settings.path.clone();
            let built = BuiltHook { settings, stages, memory: None };
            Tried { path, left_out, hook: Arc::new(Hook::new(built, &metrics)) }
        };
        let hooks = hooks.into_iter().map(tried).collect();
        Ok(Self { hooks, secret })
    }

    fn find(&self, hook: &str) -> Option<&Tried> {
        self.hooks.iter().find(|tried| tried.hook.name == hook || tried.path == hook)
    }

    /// The steps of a hook that are left out, by their names.
    pub fn left_out(&self, hook: &str) -> &[String] {
        self.find(hook).map(|tried| tried.left_out.as_slice()).unwrap_or_default()
    }

    /// The answer to a delivery, and what the log of a server would say of its steps.
    pub async fn answer(&self, hook: &str, payload: &[u8]) -> Result<(Bytes, Vec<String>), NoAnswer> {
        let names = || self.hooks.iter().map(|tried| tried.hook.name.as_str()).collect::<Vec<_>>().join(", ");
        let tried = self.find(hook).ok_or_else(|| NoAnswer::NoHook(hook.to_owned(), names()))?;
        let signature = sign(Algorithm::Sha256, &self.secret, payload);
        let forged = |error: crate::signature::Forged| NoAnswer::Refused(error.to_string());
        let claim = tried.hook.keys.claim(Some(signature.as_bytes()), None).map_err(forged)?;
        let mut verifier = tried.hook.keys.verifier(claim);
        verifier.update(payload);
        let body = verifier.finish(vec![Bytes::copy_from_slice(payload)]).map_err(forged)?;
        let outcome = run::try_out(&tried.hook, body).await;
        outcome.map_err(|refusal| NoAnswer::Refused(refusal.to_string()))
    }
}
