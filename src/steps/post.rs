//! The way of a step's exports into the outbox, and by which name its jobs find it again.

use std::sync::Arc;

use crate::outbox::{self, NewJob, Outbox};

use super::blueprint::{CourierId, Services};
use super::{Delivery, Lasts, StepError};

pub struct Post {
    hook: String,
    /// The hook and the step: who carries its jobs.
    courier: String,
    /// `None` where nothing can be kept: a hook is only looked at, or tried out.
    outbox: Option<Arc<Outbox>>,
}

impl Post {
    pub(super) fn new(services: &Services, id: &CourierId) -> Self {
        Self { hook: id.hook.clone(), courier: id.to_string(), outbox: services.outbox.clone() }
    }

    pub(super) fn hook(&self) -> &str {
        &self.hook
    }

    pub(super) fn courier(&self) -> &str {
        &self.courier
    }

    /// The same for a repeated delivery, another for a new one.
    pub(super) fn key(&self, delivery: &Delivery<'_>) -> Result<String, StepError> {
        if let Some(request_id) = delivery.payload.request_id.as_deref().filter(|id| !id.is_empty()) {
            return Ok(outbox::key(&[self.courier(), request_id]));
        }
        outbox::random_key().map_err(|error| StepError {
            message: "The export could not be sent. Tell the people who run this extension.".to_owned(),
            cause: format!("the system gives no random numbers: {error}"),
            lasts: Lasts::ForGood,
        })
    }

    /// A job of this step's, for the end of the delivery: it is kept with the delivery's other jobs and its answer.
    pub(super) fn job(
        &self,
        delivery: &Delivery<'_>,
        target: &str,
        progress: String,
        body: Vec<u8>,
    ) -> Result<NewJob, StepError> {
        if self.outbox.is_none() {
            return Err(StepError {
                message: "The export could not be kept. Tell the people who run this extension.".to_owned(),
                cause: "there is no outbox here: queued exports need the server".to_owned(),
                lasts: Lasts::ForGood,
            });
        }
        let annotation = delivery.payload.annotation_id.to_string();
        Ok(NewJob {
            key: self.key(delivery)?,
            courier: self.courier().to_owned(),
            target: target.to_owned(),
            line: format!("{}#{annotation}", self.courier()),
            annotation,
            request_id: delivery.payload.request_id.as_deref().unwrap_or_default().to_owned(),
            progress,
            body,
        })
    }

    pub(super) fn outbox(&self) -> Option<&Arc<Outbox>> {
        self.outbox.as_ref()
    }

    /// The turn of a job that calls Rossum's API.
    pub(super) async fn turn(&self) {
        if let Some(outbox) = &self.outbox {
            outbox.turn().await;
        }
    }
}

/// The key of one call of an export: the same over all tries.
pub(super) fn call_key(key: &str, call: usize) -> String {
    format!("{key}-{}", call + 1)
}
