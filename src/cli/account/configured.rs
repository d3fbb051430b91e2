//! What `annex.toml` says of a hook, as Rossum is to know it.

use std::path::PathBuf;

use crate::config::{self, Purpose};
use crate::rossum::Event;
use crate::secret::Secret;

use super::super::exit::Failure;

pub(super) struct Configured {
    pub(super) url: String,
    pub(super) secret: Secret,
    pub(super) events: Vec<String>,
    /// Whether Rossum must send the schema along.
    pub(super) needs_schema: bool,
}

/// Where a step names a whole event, these pairs of it are registered.
const USUAL: [&str; 3] =
    ["annotation_content.initialize", "annotation_content.started", "annotation_content.updated"];

/// A hook of the configuration, by its name or path.
pub(super) fn hook(path: Option<PathBuf>, wanted: &str) -> Result<Configured, Failure> {
    let path = super::super::config_path(path);
    let environment = super::super::service_environment(&path);
    let config = config::load(&path, Purpose::Serve, &environment)?;
    let names = || config.hooks.iter().map(|hook| hook.name.as_str()).collect::<Vec<_>>().join(", ");
    let found = config.hooks.iter().find(|hook| hook.name == wanted || hook.path == wanted);
    let Some(hook) = found else {
        return Err(Failure::Because(format!("{} has no hook {wanted}; it has {}", path.display(), names())));
    };
    let domain = hook.domain.as_ref().or_else(|| config.server.domains.first()).ok_or_else(|| {
        Failure::Because(format!("{} names no domain: write `domains` in [server]", path.display()))
    })?;
    let secret = hook.secrets.first().cloned();
    let secret = secret.ok_or_else(|| Failure::Because(format!("the hook {} has no secret", hook.name)))?;
    let mut events: Vec<String> = Vec::new();
    for stage in &hook.stages {
        let patterns: Vec<String> = match &stage.events {
            Some(own) => own.clone(),
            None => stage.step.events().iter().map(|event| (*event).to_owned()).collect(),
        };
        for pattern in patterns {
            let pairs: Vec<&str> = match (pattern.contains('.'), pattern.as_str()) {
                (false, "annotation_content") => USUAL.to_vec(),
                _ => Event::known_patterns()
                    .filter(|known| known.contains('.') && covers(&pattern, known))
                    .collect(),
            };
            for pair in pairs {
                if !events.iter().any(|known| known == pair) {
                    events.push(pair.to_owned());
                }
            }
        }
    }
    let needs_schema = hook.stages.iter().any(|stage| stage.step.needs_schema());
    Ok(Configured { url: format!("https://{domain}{}", hook.path), secret, events, needs_schema })
}

fn covers(pattern: &str, pair: &str) -> bool {
    pattern == pair || pair.split_once('.').is_some_and(|(whole, _)| whole == pattern)
}
