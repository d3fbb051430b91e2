//! What people and the log read of a call.

use serde_json::Value;

use crate::export::{Call, Received, SendError};
use crate::trees;

use super::super::{Lasts, StepError};
use super::Export;

/// Characters of an answer that a person reads.
const QUOTED: usize = 500;

impl Export {
    pub(super) fn unsent(&self, call: &Call, error: &SendError) -> StepError {
        let name = &self.settings.target.name;
        let message = match error {
            SendError::TimedOut => format!(
                "{name} did not answer in time. It may have taken the export or not: look there before you export again."
            ),
            SendError::Broken(_) => format!(
                "The connection to {name} broke. It may have taken the export or not: look there before you export again."
            ),
            SendError::Refused(_) => {
                format!(
                    "The export could not be sent to {name}. Tell the people who run this extension: {error}."
                )
            }
            SendError::Denied(_) => {
                format!("Nothing was sent to {name}. Tell the people who run this extension: {error}.")
            }
            SendError::Token(_) => format!("Nothing was sent to {name}: {error}. Export again later."),
            _ => format!("{name} cannot be reached at the moment. Nothing was sent: export again later."),
        };
        let lasts = if error.is_final() { Lasts::ForGood } else { Lasts::ForNow };
        StepError { message, cause: format!("{name}, {}: {error}", call.title()), lasts }
    }

    /// That the target answered, without its words.
    pub(super) fn answered(&self, received: &Received) -> String {
        format!("{} answered with status {}", self.settings.target.name, received.status)
    }

    /// What the target says, for a person.
    pub(super) fn said(&self, received: &Received) -> String {
        let text = self.problem_in(&received.body);
        let answered = self.answered(received);
        if text.is_empty() { format!("{answered}.") } else { format!("{answered}: {text}") }
    }

    fn problem_in(&self, body: &[u8]) -> String {
        let text = String::from_utf8_lossy(body);
        let pointed = self.settings.problem.as_ref().and_then(|pointer| {
            let json = trees::read(body, trees::SMALL).ok()?;
            Some(match json.pointer(pointer)? {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            })
        });
        let text = pointed.unwrap_or_else(|| text.trim().to_owned());
        let short: String = text.chars().filter(|c| !c.is_control() || *c == '\n').take(QUOTED).collect();
        if short.len() < text.len() { format!("{short}…") } else { short }
    }
}
