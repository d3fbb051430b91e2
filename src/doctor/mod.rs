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

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use tokio::time::timeout_at;

use crate::config::Config;
use crate::tls::{self, AcmeSettings, Challenge, ChallengeChoice, Source, identifier};

pub use exports::unwritable;
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

/// How long an examination takes at most, whatever does not answer.
#[derive(Debug, Clone, Copy)]
pub struct Time {
    whole: Duration,
    until: Instant,
}

impl Time {
    pub const USUAL: Duration = Duration::from_secs(15);

    pub fn new(whole: Duration) -> Self {
        Self { whole, until: Instant::now() + whole }
    }

    /// For what others wait for: the rest is theirs.
    fn first_part(self) -> Self {
        let rest = self.whole / 3;
        Self {
            whole: self.whole.saturating_sub(rest),
            until: self.until.checked_sub(rest).unwrap_or(self.until),
        }
    }

    /// What some work gives, or that it gave nothing in time.
    async fn within<T>(self, work: impl Future<Output = T>) -> Result<T, Late> {
        timeout_at(self.until.into(), work).await.map_err(|_| Late(self.whole))
    }
}

/// No answer came in time.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {} s", (.0.as_secs_f64() * 10.0).round() / 10.0)]
struct Late(Duration);

impl Late {
    /// What was not looked at for want of time.
    fn unchecked(&self, what: &str) -> Finding {
        Finding::warning(format!("not checked: {what}: {self}"), "allow more time: annex doctor --timeout 60")
    }
}

/// Checks that run at a time, of one kind.
const WIDTH: usize = 16;

/// Runs checks of one kind side by side, and tells what they find in their own order.
async fn side_by_side(checks: Vec<impl Future<Output = Vec<Finding>>>, tell: &(impl Fn(Finding) + Sync)) {
    let mut all = stream::iter(checks).buffered(WIDTH);
    while let Some(findings) = all.next().await {
        findings.into_iter().for_each(tell);
    }
}

/// Examines a host with this configuration. Findings are told one by one, as they come: what asks others runs side by side.
pub async fn examine(
    config: &Config,
    server: Option<&Running>,
    unit: Option<&Unit>,
    time: Duration,
    mut tell: impl FnMut(Finding) + Send,
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
    let tell = Mutex::new(tell);
    let tell = |finding| tell.lock().unwrap_or_else(PoisonError::into_inner)(finding);
    let time = Time::new(time);
    tokio::join!(
        databases::databases(config, time, &tell),
        exports::rossum(config, time, &tell),
        exports::outbox(config, &tell),
        exports::targets(config, time, &tell),
        reachable(config, server, unit, time, &tell),
    );
}

/// What a CA's validation meets: the CA itself, the names, CAA records, the ports through the names. `server`: the
/// ports are ours already.
pub async fn reachable(
    config: &Config,
    server: Option<&Running>,
    unit: Option<&Unit>,
    time: Time,
    tell: &(impl Fn(Finding) + Sync),
) {
    if let Some(never) = config.server.certificates.iter().find_map(tls::Settings::never_issued) {
        tell(Finding::bad(
            format!("{never}: no public CA gives a certificate for it, and annex serve does not start"),
            "write the public name or address of this host as `domains` in [server]",
        ));
    }
    let all: Vec<&AcmeSettings> = config.server.certificates.iter().filter_map(of_acme).collect();
    let names_and_ports = async {
        let addresses = names::resolve(&config.server.domains, time, tell).await;
        ports::open(config, server.is_some(), unit, &addresses, time, tell).await;
    };
    tokio::join!(may_issue(config, server, time, tell), persist::look(&all, time, tell), names_and_ports);
}

/// The CA itself, and whether the CAA records let it issue.
async fn may_issue(config: &Config, server: Option<&Running>, time: Time, tell: &(impl Fn(Finding) + Sync)) {
    let settings = acme(config);
    let identities = match settings {
        Some(first) => authority::answers(first, time.first_part(), tell).await,
        None => Some(Vec::new()),
    };
    let has_names = settings
        .is_some_and(|settings| settings.domains.iter().any(|name| identifier::address(name).is_none()));
    if has_names && identities.as_ref().is_some_and(Vec::is_empty) {
        tell(Finding::warning(
            "not checked: CAA records, because the CA's directory does not give its name for them (`caaIdentities`)",
            "if your domain has CAA records, they must name the CA; to see them: dig CAA",
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
    caa::look(&config.server.domains, &ours, time, tell).await;
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
