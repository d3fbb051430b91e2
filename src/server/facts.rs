//! How the rest of the house is, as an operator sees it on the admin pages.

use std::time::SystemTime;

use serde::Serialize;

use crate::clock;

/// How the outbox is, as an operator sees it.
#[derive(Debug, Default)]
pub struct OutboxFacts {
    /// Why it cannot be written, where it cannot.
    pub problem: Option<String>,
    pub warnings: Vec<String>,
    /// How often its file disappeared or was replaced since the start.
    pub times_lost: u64,
}

/// A dataset that is declared as a file.
#[derive(Debug, Serialize)]
pub struct DatasetFacts {
    pub name: String,
    /// Why its file is refused, and since when; what was imported before is served.
    pub refused: Option<String>,
    #[serde(serialize_with = "clock::rfc3339")]
    pub since: Option<SystemTime>,
}

impl DatasetFacts {
    pub(super) fn warning(&self) -> Option<String> {
        let (name, problem) = (&self.name, self.refused.as_ref()?);
        let since = self.since.map_or_else(|| "-".to_owned(), clock::display);
        Some(format!(
            "the file of the dataset {name} is refused since {since}, and what was imported before it is served: {problem}"
        ))
    }
}
