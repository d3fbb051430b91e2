//! A delivery that comes twice runs once: what it was answered is known in memory, and over a restart in the outbox.

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use crate::steps::Delivery;

use super::super::hook::Hook;
use super::super::refusal::Refusal;
use super::super::repeats::Arrival;
use super::{Facts, steps};

/// What the log says of a delivery that is answered from memory.
const REPEATED: &str = "repeated: answered again";

/// Runs a delivery, or answers it as the first time. `id` is its `request_id`.
pub(super) async fn run(
    hook: &Hook,
    id: &str,
    delivery: &Delivery<'_>,
    deadline: Instant,
    facts: &mut Facts,
) -> Result<Bytes, Refusal> {
    let first = loop {
        match hook.repeats.arrive(id) {
            Arrival::First(first) => break first,
            Arrival::Answered(answer) => {
                (facts.note, facts.is_repeated) = (Some(REPEATED), true);
                return Ok(answer);
            }
            Arrival::Running(mut running) => {
                // It ends in an error: nothing is ever sent.
                if timeout_at(deadline, running.changed()).await.is_err() {
                    return Err(Refusal::OutOfTime);
                }
            }
        }
    };
    if let Some(answer) = recall(hook, id, deadline).await {
        (facts.note, facts.is_repeated) = (Some(REPEATED), true);
        first.answered(answer.clone());
        return Ok(answer);
    }
    let result = steps::run(hook, delivery, Some(id), deadline, facts).await;
    if let (Ok(answer), Some(_)) = (&result, facts.kept(hook, Some(id))) {
        first.answered(answer.clone());
    }
    result
}

/// The answer that this delivery got from an earlier process.
async fn recall(hook: &Hook, id: &str, deadline: Instant) -> Option<Bytes> {
    let memory = hook.memory.as_ref()?;
    match timeout_at(deadline, memory.recall(&hook.name, id, hook.repeats.window())).await {
        Ok(Ok(answer)) => answer.map(Bytes::from),
        Ok(Err(problem)) => {
            warn!("cannot tell whether this delivery was answered before: {problem}");
            None
        }
        Err(_) => None,
    }
}
