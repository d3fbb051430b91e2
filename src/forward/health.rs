//! How a service was in its last calls. It is never asked for that.

use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use serde::Serialize;

use crate::clock;

#[derive(Debug, Default)]
pub struct Health(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    answered: u64,
    errors: u64,
    unanswered: u64,
    last_answer: Option<SystemTime>,
    last_status: Option<u16>,
    /// Since when there is no answer, and why there was none at last.
    failing: Option<(SystemTime, String)>,
    /// Since when no connection comes about.
    away: Option<Instant>,
}

/// The same for an operator, since the configuration was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Facts {
    pub to: String,
    /// Answers, whatever their status.
    pub answered: u64,
    /// Those of them that were errors.
    pub errors: u64,
    /// Calls without an answer.
    pub unanswered: u64,
    pub last_status: Option<u16>,
    #[serde(serialize_with = "clock::rfc3339")]
    pub last_answer: Option<SystemTime>,
    #[serde(serialize_with = "clock::rfc3339")]
    pub failing_since: Option<SystemTime>,
    /// Why the last call had no answer, where it had none.
    pub problem: Option<String>,
}

impl Health {
    pub(super) fn answered(&self, status: u16) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.answered += 1;
        state.errors += u64::from(status >= 400);
        state.last_answer = Some(clock::now());
        state.last_status = Some(status);
        (state.failing, state.away) = (None, None);
    }

    pub(super) fn failed(&self, why: &str, is_away: bool) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.unanswered += 1;
        let since = state.failing.take().map_or_else(clock::now, |(since, _)| since);
        state.failing = Some((since, why.to_owned()));
        if !is_away {
            state.away = None;
        }
    }

    /// Notes that no connection came about in a call that began then; gives since when.
    pub(super) fn away(&self, began: Instant) -> Instant {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state.away.get_or_insert(began)
    }

    pub(super) fn facts(&self, to: String) -> Facts {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (failing_since, problem) = state.failing.clone().unzip();
        Facts {
            to,
            answered: state.answered,
            errors: state.errors,
            unanswered: state.unanswered,
            last_status: state.last_status,
            last_answer: state.last_answer,
            failing_since,
            problem,
        }
    }
}
