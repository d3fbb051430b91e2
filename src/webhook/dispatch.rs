//! A verified body through the hook's steps, in order, under one deadline.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::timeout_at;
use tracing::{debug, error, warn};

use crate::rossum::{MessageType, escape_html};
use crate::signature::VerifiedBody;
use crate::steps::{Answer, Context, Delivery, OnError};

use super::hook::Hook;
use super::refusal::Refusal;
use super::reply;

/// Bodies from this size are read and evaluated off the reactor: some 200 µs of work that no small delivery
/// behind them shall wait for.
const LARGE_BODY: usize = 100_000;

/// What became of a delivery, for the caller and for the log.
pub(super) struct Outcome {
    pub(super) result: Result<Bytes, Refusal>,
    pub(super) facts: Facts,
}

/// What a log line says of a delivery once it is read.
#[derive(Default)]
pub(super) struct Facts {
    pub(super) event: String,
    pub(super) annotation: String,
    pub(super) request_id: Option<String>,
    pub(super) messages: usize,
    pub(super) operations: usize,
    pub(super) note: Option<&'static str>,
}

/// Runs deliveries: small ones where they are, large ones on threads of their own, a few at a time.
pub(super) struct Dispatch {
    large: Semaphore,
}

impl Dispatch {
    /// One core stays free for the reactor, where there are several.
    pub(super) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            large: Semaphore::new(cores.saturating_sub(1).max(1)),
        }
    }

    /// A panic in a step costs this delivery and nothing else.
    pub(super) async fn run(&self, hook: Arc<Hook>, body: VerifiedBody, started: Instant) -> Outcome {
        if body.bytes().len() < LARGE_BODY {
            return Caught(Box::pin(deliver(hook, body, started))).await;
        }
        let Ok(_permit) = self.large.acquire().await else {
            return Outcome::refused(Refusal::Panicked);
        };
        let runtime = tokio::runtime::Handle::current();
        let work = tokio::task::spawn_blocking(move || runtime.block_on(deliver(hook, body, started)));
        work.await.unwrap_or_else(|_| Outcome::refused(Refusal::Panicked))
    }
}

/// A delivery whose panic becomes a refusal. (A task of its own would do too, but waking a second thread for it
/// costs a small delivery a tenth of its time.)
struct Caught<F>(Pin<Box<F>>);

impl<F: Future<Output = Outcome>> Future for Caught<F> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<Outcome> {
        // Nothing that the panic may have left half done is looked at again: the delivery is dropped.
        catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(context)))
            .unwrap_or_else(|_| Poll::Ready(Outcome::refused(Refusal::Panicked)))
    }
}

impl Outcome {
    pub(super) fn refused(refusal: Refusal) -> Self {
        Self {
            result: Err(refusal),
            facts: Facts::default(),
        }
    }
}

async fn deliver(hook: Arc<Hook>, body: VerifiedBody, started: Instant) -> Outcome {
    let delivery = match Delivery::read(&body) {
        Ok(delivery) => delivery,
        Err(error) => return Outcome::refused(Refusal::Payload(error)),
    };
    let payload = &delivery.payload;
    let mut facts = Facts {
        event: payload.event.to_string(),
        annotation: payload.annotation_id.to_string(),
        request_id: payload.request_id.as_deref().map(str::to_owned),
        ..Facts::default()
    };
    let deadline = started + hook.limits.timeout;
    let mut answer = Answer::default();
    let mut asked = false;
    for stage in hook.stages.iter().filter(|stage| stage.wants(&payload.event)) {
        asked = true;
        let before = answer.checkpoint();
        let context = Context {
            delivery: &delivery,
            answer: &mut answer,
            deadline,
        };
        let ran = timeout_at(deadline.into(), stage.step.run(context)).await;
        let request_id = facts.request_id.as_deref().unwrap_or("-");
        match ran {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => {
                warn!(
                    hook = hook.name,
                    step = stage.name,
                    request_id,
                    "step failed: {}",
                    failure.cause
                );
                answer.roll_back(before);
                answer.show(MessageType::Error, None, escape_html(&failure.message));
                if stage.on_error == OnError::Stop {
                    break;
                }
            }
            Err(_) => {
                error!(
                    hook = hook.name,
                    step = stage.name,
                    request_id,
                    "step ran out of time"
                );
                return Outcome {
                    result: Err(Refusal::OutOfTime),
                    facts,
                };
            }
        }
    }
    if !asked {
        facts.note = Some(if payload.event.is_known() {
            "no step for this event"
        } else {
            "unknown event"
        });
        debug!(hook = hook.name, event = facts.event, "no step wants this event");
    }
    facts.messages = answer.messages().len();
    facts.operations = answer.journal.operations_len();
    Outcome {
        result: Ok(reply::write(payload, &answer)),
        facts,
    }
}
