//! What an answer gives to the calls after it and to fields. One that was not understood is an error where something is to be
//! read from it: nothing is called with what it did not say.

use serde_json::{Value, json};

use crate::export::target::LONGEST_ANSWER;
use crate::export::{Call, Received};
use crate::neighbour::{self, Digits};

use super::super::{Lasts, StepError};
use super::Export;

/// The end of each message about an answer that was not understood.
pub(super) const LOOK_THERE: &str =
    "It may have taken the export or not: look there before you export again.";

impl Export {
    /// An answer as later templates read it: `answers.create.body.id`. Or why nothing can be read from it, in words that quote
    /// nothing of it.
    pub(super) fn understood(&self, at: usize, received: &Received) -> Result<Value, String> {
        let said = |body: Value| Ok(json!({"status": received.status, "body": body}));
        let fills =
            self.calls.get(at).is_some_and(|call| call.write.iter().any(|(_, from)| from != "status"));
        let later = self.calls.iter().skip(at + 1).flat_map(Call::templates);
        if !fills && !later.into_iter().any(|template| template.reads("answers")) {
            return said(Value::Null);
        }
        if !received.is_whole {
            return Err(format!(
                "its answer has more than {LONGEST_ANSWER} bytes, which is too much to read"
            ));
        }
        if received.body.is_empty() {
            return said(Value::Null);
        }
        let kind = received.content_type.to_ascii_lowercase();
        match neighbour::json(&received.body, Digits::AsWritten) {
            Ok(body) => said(body),
            Err(_) if fills || kind.contains("html") || kind.contains("json") => {
                let what = if kind.contains("html") { "a page (HTML), maybe a login" } else { "no JSON" };
                Err(format!("its answer is {what}, and something is to be read from it"))
            }
            Err(_) => said(String::from_utf8_lossy(&received.body).into()),
        }
    }

    /// That an answer was not understood, for the person at the screen.
    pub(super) fn not_understood(&self, call: &Call, what: &str) -> StepError {
        let name = &self.target.name;
        StepError {
            message: format!("{name}, {}: {what}. {LOOK_THERE}", call.name),
            cause: format!("{name}, call {}: {what}", call.name),
            lasts: Lasts::ForGood,
        }
    }
}
