//! Files of datasets that were refused, for whoever asks the running server how it is.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Declared datasets, and why the file of one is refused.
#[derive(Default)]
pub struct Board(Mutex<BTreeMap<String, Option<Refusal>>>);

/// Why a file is not served, and since when: what was imported before it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub problem: String,
    pub since: SystemTime,
}

impl Board {
    /// All declared datasets, by name.
    pub fn all(&self) -> Vec<(String, Option<Refusal>)> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().map(|(name, refusal)| (name.clone(), refusal.clone())).collect()
    }

    /// Others are forgotten, and new ones are not refused yet.
    pub(super) fn keep(&self, names: &[&str]) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|name, _| names.contains(&name.as_str()));
        for name in names {
            known.entry((*name).to_owned()).or_default();
        }
    }

    pub(super) fn set(&self, name: &str, refusal: Option<Refusal>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), refusal);
    }
}
