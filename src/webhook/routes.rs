//! Which hook a request is for, and whether it is from Rossum.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::HeaderMap;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::http::request::Parts;
use tracing::error;

use crate::cases::Recorder;
use crate::signature::{Forged, SHA1_HEADER, SHA256_HEADER, VerifiedBody};
use crate::telemetry::Metrics;

use super::body::{self, DoorLimits};
use super::body_memory::{BodyMemory, Share};
use super::hook::{Hook, Record};
use super::plan::BuiltHook;
use super::refusal::Refusal;

/// All hooks, by path; those of one path differ by their domain.
pub(super) struct Routes {
    pub(super) hooks: HashMap<String, Vec<Arc<Hook>>>,
    memory: BodyMemory,
    limits: DoorLimits,
}

impl Routes {
    pub(super) fn new(built: Vec<BuiltHook>, limits: DoorLimits, metrics: &Metrics) -> Self {
        let mut hooks = HashMap::<_, Vec<_>>::new();
        // Hooks that are recorded in one folder share what counts its bytes.
        let mut recorders = HashMap::<PathBuf, Option<Arc<Recorder>>>::new();
        for built in built {
            let (path, record) = (built.settings.path.clone(), built.settings.record.clone());
            let mut hook = Hook::new(built, metrics);
            if let Some(Record { folder, most }) = record {
                let made = recorders.entry(folder).or_insert_with_key(|folder| recorder(folder, most));
                hook.record.clone_from(made);
            }
            hooks.entry(path).or_default().push(Arc::new(hook));
        }
        // A hook with a domain comes before one that takes any.
        for list in hooks.values_mut() {
            list.sort_by_key(|hook| hook.domain.is_none());
        }
        Self { hooks, memory: BodyMemory::new(limits.body_memory), limits }
    }

    pub(super) fn find(&self, path: &str, host: &str) -> Option<&Arc<Hook>> {
        self.hooks.get(path)?.iter().find(|hook| hook.is_at(host))
    }

    /// Headers first: a call without a well-formed signature costs no body.
    pub(super) async fn verify(
        &self,
        hook: &Hook,
        head: &Parts,
        body: &mut Incoming,
    ) -> Result<(VerifiedBody, Share), Refusal> {
        let header = |name| header(&head.headers, name).map_err(Refusal::Forged);
        let claim = hook.keys.claim(header(SHA256_HEADER)?, header(SHA1_HEADER)?).map_err(Refusal::Forged)?;
        let verifier = hook.keys.verifier(claim);
        body::read(body, verifier, hook.limits.body, &self.memory, &self.limits).await
    }
}

/// A folder that cannot be written to is said, and does not keep the server from serving.
fn recorder(folder: &Path, most: u64) -> Option<Arc<Recorder>> {
    let made = Recorder::new(folder, most);
    made.inspect_err(|problem| error!("cannot record deliveries in {}: {problem}", folder.display())).ok()
}

/// A header that is there once, or not at all: of two, whoever stands between might have read the other.
fn header<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h [u8]>, Forged> {
    let mut all = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let first = all.next();
    if all.next().is_some() { Err(Forged::Several) } else { Ok(first) }
}
