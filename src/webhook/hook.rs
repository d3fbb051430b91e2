//! A hook at run time: its keys, its steps, its share of work.

use std::time::Duration;

use tokio::sync::Semaphore;

use crate::secret::Secret;
use crate::signature::{Keys, LegacySha1};
use crate::steps::Stage;

/// A hook as configured.
pub struct HookSettings {
    pub name: String,
    pub path: String,
    pub secrets: Vec<Secret>,
    pub legacy: LegacySha1,
    pub limits: HookLimits,
    pub stages: Vec<Stage>,
}

#[derive(Debug, Clone, Copy)]
pub struct HookLimits {
    /// How long the steps may take. Rossum gives up after 30 s (contract: "Time, retries").
    pub timeout: Duration,
    /// Verified deliveries that may be worked on at a time; more wait a little, then get 503.
    pub in_flight: usize,
    /// The largest body, in bytes. A document of 1000 rows × 20 columns has about 8.5 MB.
    pub body: usize,
}

impl Default for HookLimits {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(25), in_flight: 64, body: 20_000_000 }
    }
}

pub(super) struct Hook {
    pub(super) name: String,
    pub(super) keys: Keys,
    pub(super) limits: HookLimits,
    pub(super) permits: Semaphore,
    pub(super) stages: Vec<Stage>,
}

impl From<HookSettings> for Hook {
    fn from(settings: HookSettings) -> Self {
        Self {
            keys: Keys::new(&settings.secrets, settings.legacy),
            name: settings.name,
            limits: settings.limits,
            permits: Semaphore::new(settings.limits.in_flight),
            stages: settings.stages,
        }
    }
}
