//! `use = "forward"`.

use std::net::IpAddr;
use std::os::unix::fs::FileTypeExt as _;
use std::sync::Arc;

use reqwest::Url;

use crate::forward::{Place, PlaceError, Service};
use crate::rossum::Event;
use crate::steps::blueprint::Reaches;
use crate::steps::forward::Forward;
use crate::steps::{Blueprint, StagePlan};

use super::super::document::{self, Document};
use super::super::known::Known;
use super::super::numbers::SMALLEST_BODY;
use super::super::section::Section;
use super::super::targets;
use super::scripts;

/// Bytes of an answer at most, where nothing else is said: one that changes 20,000 fields has about 3 MB.
const MAX_ANSWER: usize = 8_000_000;
const LARGEST_ANSWER: usize = 100_000_000;

pub(super) fn read(section: &Section<'_>, known: &Known) -> Option<Box<dyn Blueprint>> {
    let document = section.document();
    let schemas = scripts::schemas(section);
    let timeout = section.time("timeout");
    let max_answer = section.bytes("max_answer", SMALLEST_BODY..=LARGEST_ANSWER).unwrap_or(MAX_ANSWER);
    let uplink = targets::uplink(section, known.proxy.as_ref());
    let to = section.required_text("to", "\"http://127.0.0.1:5050\", where the service listens")?;
    let place = match Place::read(to.get_ref(), |path| document.resolve(path)) {
        Ok(place) => place,
        Err(error) => {
            let hint = match error {
                PlaceError::No(_) => {
                    "write `http://127.0.0.1:5050`, `http://127.0.0.1:5050/hook`, `unix:/run/app.sock` or `unix:/run/app.sock:/hook`"
                }
                PlaceError::Password => {
                    "take it out of the URL: the service verifies Rossum's signature, which goes along"
                }
                PlaceError::TooLong(_) => {
                    "put the socket into a folder with a shorter path, such as /run/app"
                }
            };
            document.note(to.span(), error.to_string(), Some(hint));
            return None;
        }
    };
    if let Some(socket) = place.socket()
        && std::fs::metadata(socket).is_ok_and(|known| !known.file_type().is_socket())
    {
        let what = format!("{} is not a unix socket", socket.display());
        document.note(to.span(), what, Some("name the socket that the service listens on"));
    }
    if place.socket().is_some() || place.url().scheme() == "http" {
        for key in ["ca", "client_certificate"] {
            section.idle(key, "the service is not called by `https://`");
        }
    }
    tell_of_secret(section, &place, &to.span());
    if place.socket().is_none() && !is_near(place.url()) {
        targets::remark_plain(section, place.url(), &to.span(), "the delivery, with its token and secrets,");
    }
    match Service::new(place, uplink?, timeout, max_answer) {
        Ok(service) => {
            let service = Arc::new(service);
            known.services.borrow_mut().push((to.span(), Arc::clone(&service)));
            Some(Box::new(Forward { service, schemas }))
        }
        Err(error) => {
            section.wrong(error.to_string(), "look at `ca` and `client_certificate`");
            None
        }
    }
}

/// Keys of a query that mostly hold a secret.
const SECRET: [&str; 9] =
    ["token", "access_token", "key", "api_key", "apikey", "secret", "password", "code", "sig"];

/// Tells of a secret in the address, which whoever reads the file, or a log of calls, would know.
fn tell_of_secret(section: &Section<'_>, place: &Place, at: &document::Place) {
    let is_secret = |key: &str| SECRET.iter().any(|word| key.eq_ignore_ascii_case(word));
    if let Some((key, _)) = place.url().query_pairs().find(|(key, value)| is_secret(key) && !value.is_empty())
    {
        let what = format!(
            "`to` has `{key}` in its query, perhaps a secret, which does not belong into this file: the service can verify Rossum's signature, which goes along"
        );
        section.remark(at, &what);
    }
}

/// Tells of a hook whose deliveries go to two services at once.
pub(in super::super) fn tell_of_two(document: &Document<'_>, stages: &[(document::Place, StagePlan)]) {
    let services: Vec<_> = stages
        .iter()
        .filter_map(|(place, stage)| match stage.blueprint.reaches() {
            Some(Reaches::Service(service)) => Some((place, stage, service)),
            _ => None,
        })
        .collect();
    for (at, (place, stage, service)) in services.iter().enumerate() {
        let mut before = services.iter().take(at).rev();
        let Some((_, _, other)) = before.find(|(_, other, _)| meet(other, stage)) else { continue };
        let what = if other.place() == service.place() {
            "this `forward` goes where a step before it goes: the service gets each delivery twice"
        } else {
            "a second `forward` for the same events: where Rossum repeats a delivery, because one service failed, the other gets it again too"
        };
        document.remark(place, what);
    }
}

/// Whether two steps are for an event that is the same.
fn meet(one: &StagePlan, other: &StagePlan) -> bool {
    let (Some(of_one), Some(of_other)) = (&one.events, &other.events) else { return true };
    Event::pairs()
        .any(|pair| [of_one, of_other].iter().all(|events| events.iter().any(|event| pair.matches(event))))
}

/// Whether a host is on this machine or in its network: a container has a name without a dot.
fn is_near(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    match host.parse() {
        Ok(IpAddr::V4(address)) => address.is_private() || address.is_loopback() || address.is_link_local(),
        Ok(IpAddr::V6(address)) => {
            address.is_unique_local() || address.is_loopback() || address.is_unicast_link_local()
        }
        Err(_) => !host.contains('.'),
    }
}
