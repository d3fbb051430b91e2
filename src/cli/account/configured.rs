//! What `annex.toml` says of a hook, as Rossum is to know it.

use std::path::{Path, PathBuf};

use crate::config::{self, Purpose};
use crate::rossum::Event;
use crate::secret::{Secret, SecretFile};
use crate::tls::identifier;
use crate::webhook::HookPlan;

use super::super::exit::{Failure, mistaken};

pub(super) struct Configured {
    pub(super) name: String,
    pub(super) url: String,
    /// The first is the one that Rossum is to have; all of them are taken.
    pub(super) secrets: Vec<Secret>,
    /// Where the first one is kept, if in a file.
    pub(super) secret_file: Option<SecretFile>,
    /// Pairs that Rossum must send.
    pub(super) events: Vec<String>,
    /// What its steps listen to, whole events among it.
    patterns: Vec<String>,
    /// Whether Rossum must send the schema along.
    pub(super) needs_schema: bool,
}

/// Where a step names a whole event, these pairs of it are registered.
const USUAL: [&str; 3] =
    ["annotation_content.initialize", "annotation_content.started", "annotation_content.updated"];

/// All hooks of the configuration.
pub(super) fn hooks(path: Option<PathBuf>) -> Result<Vec<Configured>, Failure> {
    hooks_for(path, Purpose::Serve)
}

fn hooks_for(path: Option<PathBuf>, purpose: Purpose) -> Result<Vec<Configured>, Failure> {
    let path = super::super::config_path(path);
    let environment = super::super::service_environment(&path);
    let config = config::load(&path, purpose, &environment).map_err(mistaken)?;
    let domain = config.server.domains.iter().find(|domain| !identifier::without_wildcard(domain).1);
    config.hooks.iter().map(|hook| read(hook, domain, &path)).collect()
}

/// A hook of the configuration, by its name.
pub(super) fn hook(path: Option<PathBuf>, wanted: &str) -> Result<Configured, Failure> {
    named(hooks(path)?, wanted)
}

/// The same where URL and secret are given apart, as for a tunnel: no public name is needed then, and no secret.
pub(super) fn hook_behind_tunnel(path: Option<PathBuf>, wanted: &str) -> Result<Configured, Failure> {
    named(hooks_for(path, Purpose::DevHttp)?, wanted)
}

fn named(hooks: Vec<Configured>, wanted: &str) -> Result<Configured, Failure> {
    let names = hooks.iter().map(|hook| hook.name.as_str()).collect::<Vec<_>>().join(", ");
    let found = hooks.into_iter().find(|hook| hook.name == wanted);
    found.ok_or_else(|| {
        Failure::Because(format!("the configuration has no hook {wanted}; its hooks are {names}"))
    })
}

fn read(plan: &HookPlan, domain: Option<&String>, path: &Path) -> Result<Configured, Failure> {
    let HookPlan { settings: hook, stages, .. } = plan;
    let domain = hook.domain.as_ref().or(domain).ok_or_else(|| {
        Failure::Because(format!("{} has no domain: set `domains` in [server]", path.display()))
    })?;
    let mut patterns: Vec<String> = Vec::new();
    let mut events: Vec<String> = Vec::new();
    let mut needs_schema = false;
    for stage in stages {
        let needs = stage.blueprint.needs();
        needs_schema |= needs.schema;
        let own: Vec<String> = match &stage.events {
            Some(own) => own.clone(),
            None => needs.events.iter().map(|event| (*event).to_owned()).collect(),
        };
        for pattern in own {
            let pairs: Vec<&str> = match pattern.as_str() {
                "annotation_content" => USUAL.to_vec(),
                pattern => Event::known_patterns()
                    .filter(|pair| pair.contains('.') && covers(pattern, pair))
                    .collect(),
            };
            for pair in pairs {
                if !events.iter().any(|known| known == pair) {
                    events.push(pair.to_owned());
                }
            }
            patterns.push(pattern);
        }
    }
    Ok(Configured {
        name: hook.name.clone(),
        url: format!("https://{}{}", identifier::in_url(domain), hook.path),
        secrets: hook.secrets.clone(),
        secret_file: hook.secret_file.clone(),
        events,
        patterns,
        needs_schema,
    })
}

impl Configured {
    /// The secret that Rossum is to have.
    pub(super) fn secret(&self) -> String {
        self.secrets
            .first()
            .map(|secret| String::from_utf8_lossy(secret.expose()).into_owned())
            .unwrap_or_default()
    }

    /// Whether one of its steps listens to this event.
    pub(super) fn listens_to(&self, event: &str) -> bool {
        self.patterns.iter().any(|pattern| covers(pattern, event) || covers(event, pattern))
    }
}

fn covers(pattern: &str, pair: &str) -> bool {
    pattern == pair || pair.split_once('.').is_some_and(|(whole, _)| whole == pattern)
}
