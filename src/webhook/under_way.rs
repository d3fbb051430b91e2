//! Deliveries that are under way: those that the end of the server cuts off are told by name.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tracing::warn;

use crate::telemetry::DELIVERY;
use crate::telemetry::about::{About, Whose};

use super::run::Facts;

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
    /// The event, and what Rossum documents it as, once it was read.
    event: OnceLock<(String, Option<&'static str>)>,
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
        let known = Arc::new(Known {
            about,
            event: OnceLock::new(),
            is_verified: false.into(),
            is_told: false.into(),
        });
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
            known.tell("not answered: the server stopped");
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

    pub(super) fn read(&self, facts: &Facts) {
        let _ = self.known.event.set((facts.event.clone(), facts.known_event)); // it is read once
        self.known.about.read(&facts.annotation, facts.request_id.as_deref().unwrap_or_default());
    }

    /// What is known of a delivery of which nothing was told: whoever waited for its answer closed the connection, and the
    /// work ended with it.
    pub(super) fn cut_off(&self) -> Option<Facts> {
        let is_verified = self.known.is_verified.load(Ordering::Relaxed);
        if !is_verified || self.known.is_told.load(Ordering::Relaxed) {
            return None;
        }
        let (event, known_event) = self.known.event.get().cloned().unwrap_or_default();
        let (annotation, request_id) = self.known.about.names().unwrap_or_default();
        let request_id = Some(request_id.to_owned()).filter(|id| !id.is_empty());
        Some(Facts { event, known_event, annotation: annotation.to_owned(), request_id, ..Facts::default() })
    }

    /// What the lines are about that are written while it runs.
    pub(super) fn about(&self) -> Arc<About> {
        Arc::clone(&self.known.about)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.under_way.lock().known.remove(&self.id);
        if self.cut_off().is_some() {
            self.known.tell("not answered: the caller closed the connection");
        }
    }
}
