//! Deliveries that are under way: those that the end of the server cuts off are told by name.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::warn;

use crate::telemetry::DELIVERY;
use crate::telemetry::about::{About, Whose};

#[derive(Clone, Default)]
pub(super) struct DeliveriesUnderWay(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    next: u64,
    known: BTreeMap<u64, Arc<Known>>,
}

/// What is known of a delivery so far.
struct Known {
    about: Arc<About>,
    is_verified: AtomicBool,
    /// Whether it has a line of its own already.
    is_told: AtomicBool,
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
    pub(super) fn begin(&self, whose: &Arc<Whose>) -> Entry {
        let about = Arc::new(About::delivery(whose));
        let known = Arc::new(Known { about, is_verified: false.into(), is_told: false.into() });
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
            let hook = known.about.hook();
            if !known.is_verified.load(Ordering::Relaxed) {
                *arriving.entry(hook.to_owned()).or_default() += 1;
                continue;
            }
            known.tell("cut off by the end of the server, not answered");
        }
        for (hook, count) in arriving {
            warn!(target: DELIVERY, hook, count, "{hook}: bodies cut off by the end of the server before they were there: {count}");
        }
    }
}

impl Known {
    /// A line of its own, unless it has one.
    fn tell(&self, what: &str) {
        if self.is_told.swap(true, Ordering::Relaxed) {
            return;
        }
        let hook = self.about.hook();
        let (annotation, request_id) = self.about.names().unwrap_or_default();
        let [annotation, request_id] =
            [annotation, request_id].map(|name| if name.is_empty() { "-" } else { name });
        warn!(
            target: DELIVERY,
            hook,
            annotation,
            request_id,
            "{hook} annotation {annotation} {what}; request {request_id}"
        );
    }
}

impl Entry {
    /// What became of it was logged.
    pub(super) fn told(&self) {
        self.known.is_told.store(true, Ordering::Relaxed);
    }

    pub(super) fn verified(&self) {
        self.known.is_verified.store(true, Ordering::Relaxed);
    }

    pub(super) fn read(&self, annotation: &str, request_id: Option<&str>) {
        self.known.about.read(annotation, request_id.unwrap_or_default());
    }

    /// What the lines are about that are written while it runs.
    pub(super) fn about(&self) -> Arc<About> {
        Arc::clone(&self.known.about)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.under_way.lock().known.remove(&self.id);
        // Nothing was logged of it: whoever waited for the answer closed the connection, and the work ended with it.
        if self.known.is_verified.load(Ordering::Relaxed) {
            self.known.tell("cut off: the caller went away, not answered");
        }
    }
}
