//! Recorded deliveries: each in a file of its own, with the answer that it got or should get.
//!
//! ```json
//! {"hook": "invoice_checks", "recorded": "2026-11-26T06:22:00Z", "payload": {…}, "answer": {…}}
//! ```
//!
//! A case holds what the document holds, and no token and none of the hook's secrets.

mod cleaned;
mod difference;
mod recorder;

use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{fs, io};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::clock;
use crate::private;

pub use cleaned::cleaned;
pub use difference::{Difference, differences};
pub use recorder::Recorder;

/// A file.
#[derive(Debug, Serialize, Deserialize)]
pub struct Case {
    /// The hook's name, or its path.
    pub hook: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<String>,
    pub payload: Box<RawValue>,
    /// What is expected; a case without one is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Box<RawValue>>,
}

/// A file that is no case.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    #[error("{0}")]
    Unreadable(#[from] io::Error),
    #[error("it is no case: {0}; it must have `hook`, `payload` and, once it is accepted, `answer`")]
    NoCase(serde_json::Error),
}

impl Case {
    pub fn read(path: &Path) -> Result<Self, CaseError> {
        serde_json::from_slice(&fs::read(path)?).map_err(CaseError::NoCase)
    }

    /// A delivery and its answer; `None` where they are no JSON objects.
    pub fn recorded(hook: &str, received: SystemTime, payload: &[u8], answer: &[u8]) -> Option<Self> {
        let seconds = clock::from_unix_seconds(clock::unix_seconds(received));
        let recorded = clock::rfc3339(&Some(seconds), serde_json::value::Serializer).ok()?;
        Some(Self {
            hook: hook.to_owned(),
            recorded: recorded.as_str().map(str::to_owned),
            payload: cleaned(payload)?,
            answer: Some(serde_json::from_slice(answer).ok()?),
        })
    }

    /// A delivery that nobody answered yet.
    pub fn unanswered(hook: &str, payload: &[u8]) -> Option<Self> {
        Some(Self { hook: hook.to_owned(), recorded: None, payload: cleaned(payload)?, answer: None })
    }

    /// Writes it whole, or not at all. Only its owner reads it: it holds what documents hold.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        private::write(path, &serde_json::to_vec(self)?)
    }
}

/// Writes a case into a folder, which is made where it is not there; gives its file. No other file is touched.
pub fn save(case: &Case, folder: &Path, name: &str) -> io::Result<PathBuf> {
    private::folder(folder)?;
    let name = recorder::file_name(name);
    let mut path = folder.join(format!("{name}.json"));
    let mut number = 1;
    while path.exists() {
        number += 1;
        path = folder.join(format!("{name}-{number}.json"));
    }
    case.write(&path)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_has_no_token_and_no_secret_and_the_rest_to_the_byte() {
        let payload =
            br#"{"rossum_authorization_token": "T", "secrets": {"a": "S"}, "annotation": {"x": 1.50}}"#;
        let case = Case::recorded("h", clock::from_unix_seconds(0), payload, b"{}").unwrap();
        assert_eq!(
            case.payload.get(),
            r#"{"rossum_authorization_token": "[removed]", "secrets": "[removed]", "annotation": {"x": 1.50}}"#
        );
        assert_eq!(case.recorded.as_deref(), Some("1970-01-01T00:00:00Z"));
        assert!(Case::recorded("h", clock::from_unix_seconds(0), b"[]", b"{}").is_none());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        case.write(&path).unwrap();
        assert_eq!(Case::read(&path).unwrap().payload.get(), case.payload.get());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    }
}
