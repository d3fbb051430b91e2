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

use std::time::Instant;

use serde_json::Value as Json;

use crate::neighbour::{self, Digits};
use crate::trees::{DELIVERIES, Parts, Tree, make_of};

pub use client::Answer;
pub use failure::{Failure, Kind as FailureKind, Told};
pub use read::Wrong;
pub use run::{Credentials, Next, Prepared, Processor};
pub use settings::{FieldPath, Settings};
pub use state::{Kind, State, cell, row};

/// What is read of a delivery.
const PAYLOAD: Parts<'_> = Parts::But(&[SECRETS, TOKEN]);
const PAYLOAD_WITHOUT_CONTENT: Parts<'_> = Parts::But(&[
    SECRETS,
    TOKEN,
    ("schemas", Parts::None),
    ("annotation", Parts::But(&[("content", Parts::NoList)])),
]);
const SECRETS: (&str, Parts<'_>) = ("secrets", Parts::None);
const TOKEN: (&str, Parts<'_>) = ("rossum_authorization_token", Parts::None);

impl Settings {
    /// A delivery as far as it is read, without what must not be kept.
    ///
    /// # Errors
    /// Where that is more than fits in memory, or others keep it waiting until the deadline.
    pub async fn payload(&self, body: &[u8], deadline: Instant) -> Result<Tree, String> {
        let reads = self.reads_payload();
        if !reads.payload {
            return Ok(Tree::from(Json::Null));
        }
        let parts = if reads.content { PAYLOAD } else { PAYLOAD_WITHOUT_CONTENT };
        let room = DELIVERIES.room(body, deadline).await.map_err(|spent| spent.to_string())?;
        let read =
            || neighbour::tree(body, Digits::AsValued, parts, room).map(|sent| sent.map(scope::unmarked));
        let read = make_of(body, deadline, read).map_err(|spent| spent.to_string())?;
        read.map_err(|unread| unread.to_string())
    }
}
