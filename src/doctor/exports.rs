//! Other systems that exports go to, and exports that were given up.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::outbox::{Counts, Outbox};
use crate::private;
use crate::requests::Processor;
use crate::steps::blueprint::Reaches;

use super::Finding;

/// For one question.
const TIME: Duration = Duration::from_secs(10);

/// Whether each target answers and takes our credentials. Nothing is sent.
pub(super) async fn targets(config: &Config, tell: &mut impl FnMut(Finding)) {
    let (mut seen, mut hosts_seen) = (BTreeSet::new(), BTreeSet::new());
    for reaches in config.reaches() {
        let target = match reaches {
            Reaches::Target(target) => target,
            Reaches::Hosts(processor) => {
                hosts(processor, &mut hosts_seen, tell).await;
                continue;
            }
        };
        if !seen.insert(&target.name) {
            continue;
        }
        let (name, place) = (&target.name, target.place());
        tell(match target.look().await {
            Ok(None) if target.is_folder() => {
                let user = private::runs_as();
                // What root can do says little of another.
                let other = private::foreign_owner(&config.state).ok().flatten().map(private::user_name);
                let other =
                    other.map(|other| format!("; the server runs as {other}, who must be able to as well"));
                let other = other.unwrap_or_default();
                Finding::good(format!("{user} can write to the target {name}, the folder {place}{other}"))
            }
            Ok(None) => Finding::good(format!("the target {name} is the folder {place}")),
            Ok(Some(status @ (401 | 403))) => Finding::warning(
                format!("the target {name}, {place}, answers with {status}"),
                "look at `auth` of the target; its URL alone may be refused while its interfaces are not",
            ),
            Ok(Some(status)) if status >= 500 => failing(&format!("the target {name}, {place},"), status),
            Ok(Some(status)) => {
                Finding::good(format!("the target {name}, {place}, answers (status {status})"))
            }
            Err(error) => Finding::bad(
                format!("the target {name}, {place}: {error}"),
                "exports to it fail or wait until it answers: look at its URL, at name and firewall, at `ca` and `auth`",
            ),
        });
    }
}

/// Folders of targets that nothing can be written to by whoever asks; the server may be somebody else.
pub async fn unwritable(config: &Config) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for reaches in config.reaches() {
        let Reaches::Target(target) = reaches else { continue };
        if target.is_folder()
            && seen.insert(&target.name)
            && let Err(error) = target.look().await
        {
            let (name, user) = (&target.name, private::runs_as());
            found.push(format!("whether the server can write to the target {name}: {user} cannot: {error}"));
        }
    }
    found
}

/// One that is there, and answers that it cannot answer.
fn failing(who: &str, status: u16) -> Finding {
    Finding::warning(
        format!("{who} answers, but with {status}: something fails there"),
        "exports to it wait and are tried again: ask the people of that system",
    )
}

/// Whether the hosts answer that stand in the settings of a Request Processor.
async fn hosts(processor: &Processor, seen: &mut BTreeSet<String>, tell: &mut impl FnMut(Finding)) {
    for host in processor.settings.hosts() {
        if !seen.insert(host.clone()) {
            continue;
        }
        tell(match processor.look(&host, Instant::now() + TIME).await {
            Ok(status) if status >= 500 => failing(&host, status),
            Ok(status) => Finding::good(format!("{host} answers (status {status})")),
            Err(error) => Finding::bad(
                format!("{host}: {error}"),
                "exports to it fail or wait until it answers: look at the settings, at name and firewall, at `ca`",
            ),
        });
    }
}

/// Whether Rossum's API answers and takes the token.
pub(super) async fn rossum(config: &Config, tell: &mut impl FnMut(Finding)) {
    let Some(api) = &config.api else { return };
    tell(match api.look(Instant::now() + TIME).await {
        Ok(()) => Finding::good(format!("Rossum's API at {} takes the token", api.base())),
        Err(error) => Finding::bad(
            format!("{error}: {}", api.base()),
            "exports cannot fetch the original document nor write anything back: look at `url` and `token` of [rossum]",
        ),
    });
}

/// What the outbox holds.
pub(super) async fn outbox(config: &Config, tell: &mut impl FnMut(Finding)) {
    let outbox = Outbox::to_read(&config.state);
    if !outbox.exists() {
        return;
    }
    tell(match outbox.counts().await {
        Ok(Counts { waiting, dead: 0, .. }) => {
            Finding::good(format!("no export was given up; {waiting} wait"))
        }
        Ok(Counts { dead, .. }) => Finding::warning(
            format!("{dead} exports were given up"),
            "annex outbox list says why; annex outbox retry KEY, or drop KEY",
        ),
        Err(error) => Finding::bad(error.to_string(), "exports are not accepted until this is mended"),
    });
}
