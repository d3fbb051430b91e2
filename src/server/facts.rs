//! How the rest of the house is, as an operator sees it on the admin pages.

use std::net::SocketAddr;
use std::path::Path;
use std::time::SystemTime;

use serde::Serialize;

use crate::clock;
use crate::tls::Status;
use crate::webhook::{HookUse, ServiceFacts};

/// `GET /status`.
#[derive(Debug, Serialize)]
pub(super) struct Overview<'p> {
    pub(super) version: &'static str,
    pub(super) pid: u32,
    #[serde(serialize_with = "clock::rfc3339")]
    pub(super) started: Option<SystemTime>,
    pub(super) config: &'p Path,
    pub(super) configuration: ConfigFacts,
    pub(super) https: Option<SocketAddr>,
    pub(super) ready: bool,
    /// Why it is not ready.
    pub(super) reasons: Vec<String>,
    /// What an operator should look at, although it is ready.
    pub(super) warnings: Vec<String>,
    pub(super) certificates: Vec<Status>,
    pub(super) exports: ExportFacts,
    pub(super) datasets: Vec<DatasetFacts>,
    /// Which of the hooks' secrets are used.
    pub(super) hooks: Vec<HookUse>,
    /// Services that deliveries are forwarded to, as they were in their last calls.
    pub(super) services: Vec<ServiceFacts>,
}

/// Which configuration is in use.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ConfigFacts {
    #[serde(serialize_with = "clock::rfc3339")]
    pub loaded: Option<SystemTime>,
    /// SHA-256 of its text, by which it is known whether the file was changed since.
    pub digest: String,
    /// Why the last reload was refused, and when, where none was taken since.
    pub refused: Option<String>,
    #[serde(serialize_with = "clock::rfc3339")]
    pub refused_at: Option<SystemTime>,
}

impl ConfigFacts {
    pub fn of(digest: String) -> Self {
        Self { loaded: Some(clock::now()), digest, refused: None, refused_at: None }
    }

    pub(super) fn warning(&self) -> Option<String> {
        let (problem, at) =
            (self.refused.as_ref()?, self.refused_at.map_or_else(|| "-".to_owned(), clock::display));
        Some(format!(
            "the reload at {at} was refused, so the server still uses the previous configuration: {problem}"
        ))
    }
}

/// How the outbox is, as an operator sees it.
#[derive(Debug, Default)]
pub struct OutboxFacts {
    /// Why it cannot be written, where it cannot.
    pub problem: Option<String>,
    pub warnings: Vec<String>,
    /// How often its file disappeared or was replaced since the start.
    pub times_lost: u64,
}

/// A service that gave no answer to its last call. Others are served, so that the server is ready.
pub(super) fn silent(service: &ServiceFacts) -> Option<String> {
    let (hook, step, to) = (&service.hook, &service.step, &service.last.to);
    let problem = service.last.problem.as_ref()?;
    let since = service.last.failing_since.map_or_else(|| "-".to_owned(), clock::display);
    Some(format!("the service of {hook}/{step}, {to}, has not answered since {since}: {problem}"))
}

/// Exports in the outbox.
#[derive(Debug, Serialize)]
pub(super) struct ExportFacts {
    pub(super) waiting: u64,
    pub(super) given_up: u64,
    /// Whether exports can be accepted.
    pub(super) writable: bool,
}

/// A dataset that is declared as a file.
#[derive(Debug, Serialize)]
pub struct DatasetFacts {
    pub name: String,
    /// Why its file is refused, and since when; what was imported before is served.
    pub refused: Option<String>,
    #[serde(serialize_with = "clock::rfc3339")]
    pub since: Option<SystemTime>,
}

impl DatasetFacts {
    pub(super) fn warning(&self) -> Option<String> {
        let (name, problem) = (&self.name, self.refused.as_ref()?);
        let since = self.since.map_or_else(|| "-".to_owned(), clock::display);
        Some(format!(
            "the file of the dataset {name} has been refused since {since}, so the server still uses the previous import: {problem}"
        ))
    }
}
