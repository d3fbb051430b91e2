//! Looks for what is wrong on this host before users find it: each check says how it is and what to do.
//!
//! | checks of | file |
//! |---|---|
//! | names | `names` |
//! | CAA records | `caa` |
//! | TXT records of DNS-PERSIST-01 | `persist` |
//! | ports, here and through the names | `ports` |
//! | the service and its sockets under systemd | `systemd` |
//! | the certificate authority and the clock | `authority` |
//! | state folder, secrets, descriptors | `files` |
//! | databases, and the queries on them | `databases` |
//! | other systems, exports that were given up | `exports` |

mod authority;
mod caa;
mod databases;
mod exports;
mod files;
mod names;
mod persist;
mod ports;
mod systemd;

use crate::config::Config;
use crate::tls::{self, AcmeSettings, Challenge, ChallengeChoice, Source, identifier};

pub use systemd::Unit;

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

/// Asserts that what was found has no tick. The tick that it would be is named by its words in the table of
/// `tests/it/ticks.rs`, which looks for this call in the test that it names.
#[cfg(test)]
#[track_caller]
fn denied(tick: &str, found: &Finding) {
    assert!(found.verdict != Verdict::Good, "{tick} is shown: {found:?}");
}

/// The server of this configuration, where it runs.
#[derive(Debug, Clone, Default)]
pub struct Running {
    /// Its process.
    pub pid: Option<u32>,
    /// URLs of its accounts, with the directories of their CAs.
    pub accounts: Vec<(String, String)>,
}

/// Examines a host with this configuration. Findings are told one by one, as they come: some take seconds.
pub async fn examine(
    config: &Config,
    server: Option<&Running>,
    unit: Option<&Unit>,
    mut tell: impl FnMut(Finding),
) {
    files::secrets(config, &mut tell);
    files::certificates(config, &mut tell);
    if let Some(first) = acme(config) {
        files::state(&first.state, server.is_some(), &mut tell);
    }
    files::descriptors(config.server.limits.connections, server.and_then(|server| server.pid), &mut tell);
    if let Some(unit) = unit {
        unit.look(config, &mut tell);
    }
    databases::databases(config, &mut tell).await;
    exports::rossum(config, &mut tell).await;
    exports::outbox(config, &mut tell).await;
    exports::targets(config, &mut tell).await;
    reachable(config, server, unit, &mut tell).await;
}

/// What a CA's validation meets: the CA itself, the names, CAA records, the ports through the names. `server`: the
/// ports are ours already.
pub async fn reachable(
    config: &Config,
    server: Option<&Running>,
    unit: Option<&Unit>,
    tell: &mut impl FnMut(Finding),
) {
    if let Some(never) = config.server.certificates.iter().find_map(tls::Settings::never_issued) {
        tell(Finding::bad(
            format!("{never}: no public CA gives a certificate for it"),
            "write the public name or address of this host as `domains` in [server]",
        ));
    }
    let settings = acme(config);
    let identities = match settings {
        Some(first) => authority::answers(first, tell).await,
        None => Some(Vec::new()),
    };
    let has_names = settings
        .is_some_and(|settings| settings.domains.iter().any(|name| identifier::address(name).is_none()));
    if has_names && identities.as_ref().is_some_and(Vec::is_empty) {
        tell(Finding::warning(
            "not checked: CAA records, since the CA's directory does not say its name in them (`caaIdentities`)",
            "where your domain has some, they must name the CA: dig CAA",
        ));
    }
    let identities = identities.unwrap_or_default();
    let known = settings.zip(server).and_then(|(settings, server)| {
        server.accounts.iter().find(|(directory, _)| *directory == settings.ca.directory)
    });
    let challenges = match settings.map(|settings| settings.challenges) {
        Some(ChallengeChoice::Only(challenge)) => vec![challenge.word()],
        _ => vec![Challenge::TlsAlpn01.word(), Challenge::Http01.word()],
    };
    let account = known.map(|(_, account)| account.as_str());
    let ours = caa::Ours { identities: &identities, account, challenges: &challenges };
    let all: Vec<&AcmeSettings> = config.server.certificates.iter().filter_map(of_acme).collect();
    persist::look(&all, tell).await;
    let addresses = names::resolve(&config.server.domains, &ours, tell).await;
    ports::open(config, server.is_some(), unit, &addresses, tell).await;
}

fn acme(config: &Config) -> Option<&AcmeSettings> {
    config.server.certificates.iter().find_map(of_acme)
}

fn of_acme(settings: &tls::Settings) -> Option<&AcmeSettings> {
    match &settings.source {
        Source::Acme(acme) => Some(&**acme),
        Source::Files { .. } => None,
    }
}
