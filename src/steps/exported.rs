//! The data of a document that is exported, on events that do not bring it along.

use std::time::Instant;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::api::{Api, ApiError};

use super::{Delivery, Lasts, StepError};

/// The status of an annotation whose export went through.
const EXPORTED: &str = "exported";

/// Where the data is.
pub(super) enum Exported {
    /// In the delivery.
    Here,
    /// It was fetched: a delivery that has it.
    Fetched(String),
    /// The document is not exported.
    Not,
}

impl Exported {
    /// `annotation_status` tells of every status, and brings no data.
    pub(super) async fn of(
        delivery: &Delivery<'_>,
        api: Option<&Api>,
        deadline: Instant,
    ) -> Result<Self, StepError> {
        let payload = &delivery.payload;
        if payload.annotation.is_some() || payload.event.event != "annotation_status" {
            return Ok(Self::Here);
        }
        if status(delivery.body).as_deref() != Some(EXPORTED) {
            return Ok(Self::Not);
        }
        let api = api.ok_or_else(|| {
            StepError::configuration("annotation_status brings no data; with [rossum] it is fetched")
        })?;
        let id = payload.annotation_id.to_string();
        let content = api.content(&id, deadline).await.map_err(|error| unfetched("The document", &error))?;
        let content: Option<Content<'_>> = serde_json::from_slice(&content).ok();
        let content = content.filter(Content::is_list).ok_or_else(|| StepError {
            message: "The document could not be fetched from Rossum. Nothing was sent: export again later."
                .to_owned(),
            cause: "Rossum's API answered without a list of sections in `content`".to_owned(),
            lasts: Lasts::ForNow,
        })?;
        Ok(Self::Fetched(format!("{{\"annotation\":{{\"id\":0,\"content\":{}}}}}", content.content.get())))
    }
}

/// `{"content": […]}`.
#[derive(Deserialize)]
struct Content<'c> {
    #[serde(borrow)]
    content: &'c RawValue,
}

impl Content<'_> {
    /// Whether it has sections, as every annotation does.
    fn is_list(&self) -> bool {
        let inside = self.content.get().strip_prefix('[');
        inside.is_some_and(|inside| !inside.trim_start().starts_with(']'))
    }
}

fn status(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Sent {
        annotation: Option<Annotated>,
    }
    #[derive(Deserialize)]
    struct Annotated {
        status: Option<String>,
    }
    serde_json::from_slice::<Sent>(body).ok()?.annotation?.status
}

/// What Rossum did not give, for the person and the log.
pub(super) fn unfetched(what: &str, error: &ApiError) -> StepError {
    let todo = if error.may_pass() {
        "Nothing was sent: export again later."
    } else {
        "Nothing was sent. Tell the people who run this extension."
    };
    StepError {
        message: format!("{what} could not be fetched from Rossum. {todo}"),
        cause: format!("{what}: {error}"),
        lasts: if error.may_pass() { Lasts::ForNow } else { Lasts::ForGood },
    }
}
