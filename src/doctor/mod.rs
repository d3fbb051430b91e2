//! Looks for what is wrong on this host before users find it: each check says how it is and what to do.
//!
//! | checks of | file |
//! |---|---|
//! | names and CAA records | `names` |
//! | ports, here and through the names | `ports` |
//! | the certificate authority and the clock | `authority` |
//! | state folder, secrets, descriptors | `files` |
//! | databases, and the queries on them | `databases` |
//! | other systems, exports that were given up | `exports` |

mod authority;
mod databases;
mod exports;
mod files;
mod names;
mod ports;

use crate::config::Config;
use crate::tls::{AcmeSettings, Source};

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Good,
    /// Perhaps meant so, perhaps not.
    Warning,
    Bad,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub verdict: Verdict,
    pub what: String,
    /// What to do, where something is to be done.
    pub remedy: Option<String>,
}

impl Finding {
    pub fn good(what: impl Into<String>) -> Self {
        Self { verdict: Verdict::Good, what: what.into(), remedy: None }
    }

    pub fn warning(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warning, what: what.into(), remedy: Some(remedy.into()) }
    }

    pub fn bad(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::Bad, what: what.into(), remedy: Some(remedy.into()) }
    }
}

/// Examines a host with this configuration; `server` is the process of the running server, where there is one.
/// Findings are told one by one, as they come: some take seconds.
pub async fn examine(config: &Config, server: Option<u32>, mut tell: impl FnMut(Finding)) {
    files::secrets(config, &mut tell);
    if let Some(first) = acme(config) {
        files::state(&first.state, &mut tell);
    }
    files::descriptors(config.server.limits.connections, server, &mut tell);
    databases::databases(config, &mut tell).await;
    exports::rossum(config, &mut tell).await;
    exports::outbox(config, &mut tell).await;
    exports::targets(config, &mut tell).await;
    reachable(config, server.is_some(), &mut tell).await;
}

/// What a CA's validation meets: the CA itself, the names, CAA records, the ports through the names. `running`: the
/// ports are ours already.
pub async fn reachable(config: &Config, running: bool, tell: &mut impl FnMut(Finding)) {
    let caa = match acme(config) {
        Some(first) => authority::answers(first, tell).await,
        None => Vec::new(),
    };
    let addresses = names::resolve(&config.server.domains, &caa, tell).await;
    ports::open(config, running, &addresses, tell).await;
}

fn acme(config: &Config) -> Option<&AcmeSettings> {
    config.server.certificates.iter().find_map(|settings| match &settings.source {
        Source::Acme(acme) => Some(&**acme),
        Source::Files { .. } => None,
    })
}
