//! Where an order is, for `annex status` and for the message of one that took too long.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock;

use super::super::{Board, Challenge};
use super::request::Step;

/// Names that are shown of many.
const SHOWN: usize = 3;

/// One order under way. When it is dropped, none is.
pub(super) struct Progress {
    board: Arc<Board>,
    /// Of the certificate.
    name: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    step: Option<Step>,
    /// Names that the CA is validating.
    waiting: BTreeSet<String>,
    challenge: &'static str,
}

impl State {
    fn words(&self) -> String {
        if self.waiting.is_empty() {
            return self.step.map_or_else(|| "beginning".to_owned(), |step| format!("asking for {step}"));
        }
        let shown = self.waiting.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = self.waiting.len().saturating_sub(SHOWN);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        format!("waiting for the CA to validate {shown}{more} by {}", self.challenge)
    }
}

impl Progress {
    pub(super) fn begin(board: &Arc<Board>, name: &str) -> Self {
        board.update(name, |status| status.ordering_since = Some(clock::now()));
        Self { board: Arc::clone(board), name: name.to_owned(), state: Mutex::default() }
    }

    pub(super) fn words(&self) -> String {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).words()
    }

    pub(super) fn asks(&self, step: Step) {
        self.change(|state| state.step = Some(step));
    }

    /// The CA was told to look for this name.
    pub(super) fn waits_for(&self, domain: &str, challenge: Challenge) {
        self.change(|state| {
            state.waiting.insert(domain.to_owned());
            state.challenge = challenge.word();
        });
    }

    pub(super) fn validated(&self, domain: &str) {
        self.change(|state| _ = state.waiting.remove(domain));
    }

    /// Whoever waited for the CA does so no more.
    pub(super) fn begins_anew(&self) {
        self.change(|state| state.waiting.clear());
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        let words = state.words();
        self.board.update(&self.name, |status| status.ordering = Some(words));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.board.update(&self.name, |status| {
            status.ordering_since = None;
            status.ordering = None;
        });
    }
}
