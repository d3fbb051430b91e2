//! Other systems that exports go to, and exports that were given up.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::forward::Service;
use crate::outbox::{Counts, Outbox};
use crate::private;
use crate::requests::Processor;
use crate::steps::blueprint::Reaches;

use super::{Finding, Time};

/// For one question.
const TIME: Duration = Duration::from_secs(10);

/// Whether each target answers and takes our credentials, and each host of a Request Processor. Nothing is sent.
pub(super) async fn targets(config: &Config, time: Time, tell: &(impl Fn(Finding) + Sync)) {
    let (mut targets, mut hosts, mut services) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for reaches in config.reaches() {
        match reaches {
            Reaches::Target(target) => _ = targets.entry(&target.name).or_insert(target),
            Reaches::Service(service) => _ = services.entry(service.place().to_string()).or_insert(service),
            Reaches::Hosts(processor) => {
                for host in processor.settings.hosts() {
                    hosts.entry(host).or_insert(processor);
                }
            }
        }
    }
    let targets = targets.into_values().map(|target| {
        let (name, place) = (&target.name, target.place());
        let tick = if target.is_folder() {
            written(config, name, &place)
        } else {
            Finding::good(format!("the target {name} is the folder {place}"))
        };
        one(target.look(), name, place, tick, time)
    });
    let hosts = hosts.iter().map(|(host, processor)| answers(host, processor, time));
    let services = services.iter().map(|(place, service)| listens(place, service, time));
    tokio::join!(
        super::side_by_side(targets.collect(), tell),
        super::side_by_side(hosts.collect(), tell),
        super::side_by_side(services.collect(), tell)
    );
}

/// A file was written to the folder, and removed.
fn written(config: &Config, name: &str, place: &str) -> Finding {
    // What root can do says little of another.
    let other = private::foreign_owner(&config.state).ok().flatten().map(private::user_name);
    let other = other.map(|other| format!("; the server runs as {other}, who needs the same permission"));
    let (user, other) = (private::runs_as(), other.unwrap_or_default());
    Finding::good(format!("{user} can write to the target {name}, the folder {place}{other}"))
}

/// What `look` says of a target: its status, where it speaks HTTP; else `tick` stands where it is there.
async fn one(
    look: impl Future<Output = Result<Option<u16>, impl Display>>,
    name: &str,
    place: String,
    tick: Finding,
    time: Time,
) -> Vec<Finding> {
    let away = |error: &dyn Display| {
        Finding::bad(
            format!("the target {name}, {place}: {error}"),
            "exports to it fail or wait until it answers: check its URL, DNS, the firewall, `ca` and `auth`",
        )
    };
    vec![match time.within(look).await {
        Err(late) => away(&late),
        Ok(Err(error)) => away(&error),
        Ok(Ok(None)) => tick,
        Ok(Ok(Some(status @ (401 | 403)))) => Finding::warning(
            format!("the target {name}, {place}, answers with {status}"),
            "check `auth` of the target. The target may also refuse this URL and accept the URLs of the exports",
        ),
        Ok(Ok(Some(status))) if status >= 500 => failing(&format!("the target {name}, {place},"), status),
        Ok(Ok(Some(status))) => {
            Finding::good(format!("the target {name}, {place}, answers (status {status})"))
        }
    }]
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
        format!("{who} answers with {status}, an error of that system"),
        "exports to it wait, and Annex tries them again: ask the operators of that system",
    )
}

/// Whether a host answers that stands in the settings of a Request Processor.
async fn answers(host: &str, processor: &Processor, time: Time) -> Vec<Finding> {
    let away = |error: &dyn Display| {
        Finding::bad(
            format!("{host}: {error}"),
            "exports to it fail or wait until it answers: check the settings, DNS, the firewall and `ca`",
        )
    };
    vec![match time.within(processor.look(host, Instant::now() + TIME)).await {
        Ok(Ok(status)) if status >= 500 => failing(host, status),
        Ok(Ok(status)) => Finding::good(format!("{host} answers (status {status})")),
        Ok(Err(error)) => away(&error),
        Err(late) => away(&late),
    }]
}

/// Whether somebody listens where deliveries are forwarded to. No delivery is sent.
async fn listens(place: &str, service: &Service, time: Time) -> Vec<Finding> {
    let away = |error: &dyn Display| {
        Finding::bad(
            format!("the service {place}: {error}"),
            "Annex answers its deliveries with 502 until it listens: start it, or correct `to` of the step",
        )
    };
    vec![match time.within(service.look(TIME)).await {
        Ok(Ok(())) => {
            Finding::good(format!("a service listens at {place}, the target of forwarded deliveries"))
        }
        Ok(Err(error)) => away(&error),
        Err(late) => away(&late),
    }]
}

/// Whether Rossum's API answers and takes the token.
pub(super) async fn rossum(config: &Config, time: Time, tell: &(impl Fn(Finding) + Sync)) {
    let Some(api) = &config.api else { return };
    let away = |error: &dyn Display| {
        Finding::bad(
            format!("{error}: {}", api.base()),
            "exports cannot fetch the original document or write anything back: check `url` and `token` of [rossum]",
        )
    };
    tell(match time.within(api.look(Instant::now() + TIME)).await {
        Ok(Ok(())) => Finding::good(format!("Rossum's API at {} accepts the token", api.base())),
        Ok(Err(error)) => away(&error),
        Err(late) => away(&format!("Rossum's API: {late}")),
    });
}

/// What the outbox holds.
pub(super) async fn outbox(config: &Config, tell: &(impl Fn(Finding) + Sync)) {
    let outbox = Outbox::to_read(&config.state);
    if !outbox.exists() {
        return;
    }
    tell(match outbox.counts().await {
        Ok(Counts { waiting, dead: 0, .. }) => Finding::good(format!("no export has failed; {waiting} wait")),
        Ok(Counts { dead, .. }) => Finding::warning(
            format!("{dead} exports have failed and were given up"),
            "annex outbox list shows why; then annex outbox retry KEY, or annex outbox drop KEY",
        ),
        Err(error) => Finding::bad(error.to_string(), "Annex accepts no exports until this is corrected"),
    });
}
