//! Rossum's Request Processor: its settings as they are, run stage after stage.
//!
//! ```text
//! settings.json → read → Settings            State: fields, properties, the call that is next
//! State → next → Prepared → send → Answer → take → State
//! ```
//!
//! Between two calls everything is in the state, so that a run can be kept and taken up at the call that failed. Knows
//! nothing of deliveries or queues: the step `request_processor` does. Source of what the settings mean: Rossum's
//! documentation of the extension ("Request Processor", 2026); where this differs, docs/requests.md says so.

mod auth;
mod body;
mod call;
mod client;
mod extract;
mod failure;
mod filter;
mod gather;
mod read;
mod run;
mod scope;
mod settings;
mod sign;
mod state;
mod template;
mod url;
mod xml_path;
mod xml_shape;

use serde_json::{Map, Value as Json};

use crate::neighbour::{self, Digits};

pub use client::Answer;
pub use failure::{Failure, Kind as FailureKind, Told};
pub use read::Wrong;
pub use run::{Credentials, Next, Prepared, Processor};
pub use settings::Settings;
pub use state::{Kind, State, cell, row};

impl Settings {
    /// A delivery as far as it is read, without what must not be kept.
    pub fn payload(&self, body: &[u8]) -> Json {
        let reads = self.reads_payload();
        if !reads.payload {
            return Json::Null;
        }
        let mut sent: Map<String, Json> = match neighbour::json(body, Digits::AsValued) {
            Ok(Json::Object(sent)) => sent,
            _ => Map::new(),
        };
        sent.retain(|key, _| !matches!(key.as_str(), "rossum_authorization_token" | "secrets"));
        if !reads.content {
            sent.remove("schemas");
            if let Some(annotation) = sent.get_mut("annotation").and_then(Json::as_object_mut)
                && annotation.get("content").is_some_and(Json::is_array)
            {
                annotation.remove("content");
            }
        }
        scope::unmarked(Json::Object(sent))
    }
}
