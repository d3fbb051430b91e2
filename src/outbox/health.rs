//! Whether the outbox can be written, for readiness, metrics and the log.

use std::sync::{Mutex, PoisonError};

use tracing::{error, info};

#[derive(Debug, Default)]
pub struct Health {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    problem: Option<String>,
    /// Files that disappeared while the process ran, and what became of their jobs.
    lost: Vec<String>,
    /// All of them, listed or not.
    times_lost: u64,
}

/// Accidents that are listed; there is none in a good year.
const MOST_LOST: usize = 10;

impl Health {
    /// It could not be written; said once.
    pub(super) fn failed(&self, problem: &impl std::fmt::Display) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.problem.is_none() {
            error!("cannot write to the outbox, so Annex accepts and sends no exports: {problem}");
        }
        known.problem = Some(problem.to_string());
    }

    /// There is room for another job.
    pub(super) fn recovered(&self) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.problem.take().is_some() {
            info!("the outbox is writable again");
        }
    }

    pub(super) fn lost(&self, what: String) {
        error!("{what}");
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.times_lost += 1;
        if known.lost.len() < MOST_LOST {
            known.lost.push(what);
        }
    }

    /// Why it cannot be written, where it cannot.
    pub fn problem(&self) -> Option<String> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).problem.clone()
    }

    /// How often its file disappeared or was replaced since the start.
    pub fn times_lost(&self) -> u64 {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).times_lost
    }

    /// What an operator should look at, until the next start.
    pub fn warnings(&self) -> Vec<String> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).lost.clone()
    }
}
