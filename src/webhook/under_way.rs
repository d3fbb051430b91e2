//! Deliveries that are under way: those that the end of the server cuts off are told by name.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tracing::warn;

use crate::telemetry::DELIVERY;

#[derive(Clone, Default)]
pub(super) struct DeliveriesUnderWay(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    next: u64,
    known: BTreeMap<u64, Arc<Known>>,
}

/// What is known of a delivery so far.
struct Known {
    hook: String,
    is_verified: AtomicBool,
    /// Its annotation and its `request_id`, once it was read.
    names: OnceLock<(String, String)>,
}

/// One delivery, until this is dropped.
pub(super) struct Entry {
    under_way: DeliveriesUnderWay,
    id: u64,
    known: Arc<Known>,
}

impl DeliveriesUnderWay {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A delivery whose body begins to arrive.
    pub(super) fn begin(&self, hook: &str) -> Entry {
        let known = Known { hook: hook.to_owned(), is_verified: false.into(), names: OnceLock::new() };
        let known = Arc::new(known);
        let mut state = self.lock();
        let id = state.next;
        state.next += 1;
        state.known.insert(id, Arc::clone(&known));
        drop(state);
        Entry { under_way: self.clone(), id, known }
    }

    /// A line for each that is verified and not answered. Of the others, which anybody can send, their number.
    pub(super) fn tell_cut_off(&self) {
        let mut arriving = BTreeMap::<String, usize>::new();
        let all: Vec<_> = self.lock().known.values().map(Arc::clone).collect();
        for known in all {
            let hook = &known.hook;
            if !known.is_verified.load(Ordering::Relaxed) {
                *arriving.entry(hook.clone()).or_default() += 1;
                continue;
            }
            let (annotation, request_id) =
                known.names.get().map_or(("-", "-"), |(annotation, id)| (annotation, id));
            warn!(
                target: DELIVERY,
                hook,
                annotation,
                request_id,
                "{hook} annotation {annotation} cut off by the end of the server, not answered; request {request_id}"
            );
        }
        for (hook, count) in arriving {
            warn!(target: DELIVERY, hook, count, "{hook}: bodies cut off by the end of the server before they were there: {count}");
        }
    }
}

impl Entry {
    pub(super) fn verified(&self) {
        self.known.is_verified.store(true, Ordering::Relaxed);
    }

    pub(super) fn read(&self, annotation: &str, request_id: Option<&str>) {
        let id = request_id.filter(|id| !id.is_empty()).unwrap_or("-");
        let _ = self.known.names.set((annotation.to_owned(), id.to_owned())); // it is read once
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.under_way.lock().known.remove(&self.id);
    }
}
