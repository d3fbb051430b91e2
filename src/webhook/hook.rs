//! A hook at run time: its keys, its steps, its share of work.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use tokio::sync::Semaphore;
use tracing::{info, warn};

use crate::cases::Recorder;
use crate::clock;
use crate::forward::Facts;
use crate::outbox::Outbox;
use crate::secret::{Secret, SecretFile};
use crate::signature::{Keys, LegacySha1};
use crate::steps::Stage;
use crate::steps::ignored::Ignored;
use crate::steps::names::NamedField;
use crate::steps::rows::FirstOf;
use crate::steps::schema::Schemas;
use crate::steps::undone::Undone;
use crate::telemetry::Metrics;
use crate::telemetry::about::Whose;
use crate::telemetry::metrics::{HookMetrics, StepMetrics};

use super::door::ClientCertificate;
use super::plan::BuiltHook;
use super::repeats::Repeats;

/// What is said once of a hook's steps and fields is said of so many.
const MOST_TOLD: usize = 10_000;

/// A hook as configured.
pub struct HookSettings {
    pub name: String,
    pub path: String,
    /// The only host that it is reached under, in lower case; any if `None`.
    pub domain: Option<String>,
    /// Whether a caller must show a client certificate, beside signing.
    pub demands_certificate: bool,
    pub secrets: Vec<Secret>,
    /// Where the first of them is kept, if in a file.
    pub secret_file: Option<SecretFile>,
    /// How the first of them is named: `env:NAME`, `file:PATH`.
    pub secret_source: String,
    pub legacy: LegacySha1,
    pub limits: HookLimits,
    /// Which fields its documents have.
    pub schemas: Schemas,
    pub answers: Answers,
    /// Where its deliveries are recorded.
    pub record: Option<Record>,
    /// Whether somebody develops it: what failed is run again, not answered from memory.
    pub is_developed: bool,
}

/// Recorded deliveries take so many bytes where nothing else is said.
pub const RECORD_MAX: u64 = 500_000_000;

/// A folder for recorded deliveries, and how many bytes of them it has at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub folder: PathBuf,
    pub most: u64,
}

/// When a delivery is answered for which nobody waits at the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Answers {
    /// Once its steps are done.
    #[default]
    Direct,
    /// At once, with the place where the result will be.
    Async,
}

#[derive(Debug, Clone, Copy)]
pub struct HookLimits {
    /// How long the steps may take. Rossum gives up after 30 s (contract: "Time, retries").
    pub timeout: Duration,
    /// Verified deliveries that may be worked on at a time; more wait a little, then get 503.
    pub in_flight: usize,
    /// How long a delivery that comes again is answered again and not run again.
    pub repeat_window: Duration,
    /// The largest body, in bytes. A document of 1000 rows × 20 columns has about 8.5 MB.
    pub body: usize,
}

impl Default for HookLimits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(25),
            in_flight: 64,
            repeat_window: Duration::from_secs(3_600),
            body: 20_000_000,
        }
    }
}

/// How much a secret is used, since the configuration was read.
#[derive(Debug, Default)]
pub(super) struct Use {
    verified: AtomicU64,
    /// Seconds since 1970.
    last: AtomicU64,
}

impl Use {
    pub(super) fn count(&self) {
        self.verified.fetch_add(1, Ordering::Relaxed);
        self.last.store(clock::unix_seconds(clock::now()), Ordering::Relaxed);
    }
}

/// A hook's secrets as an operator sees them.
#[derive(Debug, Serialize)]
pub struct HookUse {
    name: String,
    /// In the configuration's order.
    secrets: Vec<SecretUse>,
}

impl HookUse {
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

/// A service that deliveries are forwarded to, as an operator sees it.
#[derive(Debug, Serialize)]
pub struct ServiceFacts {
    pub hook: String,
    pub step: String,
    #[serde(flatten)]
    pub last: Facts,
}

impl ServiceFacts {
    /// Hook and step, and since when there is no answer.
    pub fn silence(&self) -> (&str, &str, Option<SystemTime>) {
        (&self.hook, &self.step, self.last.failing_since)
    }
}

#[derive(Debug, Serialize)]
struct SecretUse {
    /// Deliveries since the configuration was read.
    verified: u64,
    /// When the last one was, in seconds since 1970; 0 where there was none.
    last: u64,
}

impl Hook {
    pub(super) fn used(&self) -> HookUse {
        let one = |used: &Use| SecretUse {
            verified: used.verified.load(Ordering::Relaxed),
            last: used.last.load(Ordering::Relaxed),
        };
        HookUse { name: self.name.clone(), secrets: self.uses.iter().map(one).collect() }
    }
}

pub(super) struct Hook {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) secret_source: String,
    /// Its name and its steps', for lines of the log.
    pub(super) whose: Arc<Whose>,
    pub(super) domain: Option<String>,
    demands_certificate: bool,
    pub(super) keys: Keys,
    /// Of each secret.
    pub(super) uses: Vec<Use>,
    pub(super) limits: HookLimits,
    pub(super) permits: Semaphore,
    pub(super) stages: Vec<(Stage, StepMetrics)>,
    pub(super) schemas: Schemas,
    /// Fields whose absence the log has, and what Rossum is likely to ignore, each with its step.
    told: Mutex<HashSet<(String, String)>>,
    pub(super) answers: Answers,
    pub(super) repeats: Repeats,
    pub(super) record: Option<Arc<Recorder>>,
    pub(super) memory: Option<Arc<Outbox>>,
    /// Whether somebody develops it.
    pub(super) is_developed: bool,
    pub(super) metrics: HookMetrics,
}

impl Hook {
    /// Whether a step asks how a delivery came, to send it on so.
    pub(super) fn forwards(&self) -> bool {
        self.stages.iter().any(|(stage, _)| stage.service.is_some())
    }

    /// The services that its deliveries are forwarded to, as they were lately.
    pub(super) fn services(&self) -> impl Iterator<Item = ServiceFacts> {
        let facts = |(stage, _): &(Stage, StepMetrics)| {
            let last = stage.service.as_ref()?.facts();
            Some(ServiceFacts { hook: self.name.clone(), step: stage.name.clone(), last })
        };
        self.stages.iter().filter_map(facts)
    }

    pub(super) fn new(built: BuiltHook, metrics: &Metrics) -> Self {
        let BuiltHook { settings, stages, memory } = built;
        let HookSettings {
            name,
            path,
            domain,
            demands_certificate,
            secrets,
            secret_file: _,
            secret_source,
            legacy,
            limits,
            schemas,
            answers,
            record: _,
            is_developed,
        } = settings;
        let counted = |stage: Stage| {
            let metrics = metrics.step(&name, &stage.name);
            (stage, metrics)
        };
        let steps = stages.iter().map(|stage| stage.name.clone()).collect();
        let whose = Arc::new(Whose { hook: name.clone(), steps });
        let uses = secrets.iter().map(|_| Use::default()).collect();
        Self {
            path,
            secret_source,
            uses,
            keys: Keys::new(&secrets, legacy),
            domain,
            demands_certificate,
            limits,
            permits: Semaphore::new(limits.in_flight.min(Semaphore::MAX_PERMITS)),
            stages: stages.into_iter().inspect(|stage| say_notes(&name, stage)).map(counted).collect(),
            schemas,
            told: Mutex::default(),
            repeats: Repeats::new(limits.repeat_window),
            answers,
            memory,
            is_developed,
            record: None,
            metrics: metrics.hook(&name),
            whose,
            name,
        }
    }

    /// Says once of each step and field that documents do not have it, and counts it each time.
    pub(super) fn tell_missing(&self, stage: &Stage, metrics: &StepMetrics, missing: &[&NamedField]) {
        for field in missing {
            metrics.missed_field();
            if self.is_new(stage, field.id.clone()) {
                let hook = &self.name;
                warn!(hook, step = stage.name, "{}", field.words());
            }
        }
    }

    /// Counts what Rossum is likely to ignore of a step's answer, and says it once of each field and cause.
    pub(super) fn tell_ignored(&self, (stage, metrics): &(Stage, StepMetrics), ignored: &Ignored<'_>) {
        metrics.ignored_operation();
        let Ignored { field, why, .. } = ignored;
        if self.is_new(stage, format!("{field} {why:?}")) {
            warn!(hook = self.name, step = stage.name, field, "{}", ignored.words());
        }
    }

    /// The same of what does not come to the document as the step meant it.
    pub(super) fn tell_undone(&self, (stage, metrics): &(Stage, StepMetrics), undone: &Undone) {
        metrics.ignored_operation();
        if self.is_new(stage, undone.kind.clone()) {
            warn!(hook = self.name, step = stage.name, "{}", undone.words());
        }
    }

    /// Says once of each step and field that one of several values is taken.
    pub(super) fn tell_first(&self, stage: &Stage, taken: &FirstOf) {
        if self.is_new(stage, format!("first of {}", taken.field)) {
            info!(hook = self.name, step = stage.name, field = taken.field, "the step {}", taken.words());
        }
    }

    /// Whether something was not said yet of a step. So many are said at most: ids may come from a document.
    fn is_new(&self, stage: &Stage, what: String) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.len() < MOST_TOLD && told.insert((stage.name.clone(), what))
    }

    pub(super) fn turns_away(&self, certificate: ClientCertificate) -> bool {
        self.demands_certificate && certificate == ClientCertificate::None
    }

    /// Whether it is to be found under this host (which may carry a port).
    pub(super) fn is_at(&self, host: &str) -> bool {
        let host = host.rsplit_once(':').map_or(host, |(name, _)| name);
        self.domain.as_ref().is_none_or(|domain| domain.eq_ignore_ascii_case(host))
    }
}
/// What a step leaves undone is said once, when it is loaded.
fn say_notes(hook: &str, stage: &Stage) {
    for note in &stage.needs.notes {
        warn!(hook, step = stage.name, "{note}");
    }
}
