//! What a delivery leaves behind: its jobs, its answer, what its runs got done. All of it is kept, in one transaction after all
//! steps, or the delivery did not happen.

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use crate::outbox::{Answered, Outcome};
use crate::rossum::{Event, MessageType, Payload};
use crate::steps::Answer;

use super::hook::Hook;
use super::refusal::Refusal;
use super::reply;

/// Whether a delivery can be kept, as far as that is known before its steps run: what a step sends at once is not sent where
/// another step's export cannot be kept, since Rossum then sends all of it again.
pub(super) async fn can_keep(hook: &Hook, event: &Event<'_>) -> bool {
    let Some(memory) = hook.memory.as_ref().filter(|memory| memory.health().problem().is_some()) else {
        return true;
    };
    let queues = hook.stages.iter().any(|(stage, _)| stage.needs.outbox && stage.wants(event));
    event.is_interactive() || !queues || memory.probe().await.is_ok()
}

/// Whether the answer to an event has no place for messages: what is not done then must not look as if it were.
pub(super) fn nobody_reads(event: &Event<'_>) -> bool {
    event.event != "annotation_content" && !event.is_interactive()
}

/// An export whose answer is an error fails in Rossum, and a person exports again: nothing of it is sent then, and what was
/// taken already is remembered for the next time. Elsewhere nobody does it again, and what could be done is done.
pub(super) fn settle(payload: &Payload<'_>, answer: &mut Answer, has_failed: bool) {
    let is_veto = ["export", "confirm"].contains(&&*payload.event.action)
        && answer.messages().iter().any(|message| message.kind == MessageType::Error);
    let is_off = payload.event.event == "annotation_content" && (has_failed || is_veto);
    let outcome = &mut answer.outcome;
    if !has_failed && !is_veto {
        for run in &mut outcome.runs {
            run.taken = None;
        }
        outcome.runs.retain(|run| run.is_kept);
    }
    if is_off && !outcome.jobs.is_empty() {
        outcome.jobs.clear();
        let text = "The other exports of this document were not sent either: they go together. Export again.";
        answer.show(MessageType::Error, None, text);
    }
}

/// Keeps what the runs of a delivery that Rossum sends again got done: none of it is sent twice then.
pub(super) async fn remember(hook: &Hook, answer: &mut Answer, deadline: Instant) {
    let runs = std::mem::take(&mut answer.outcome.runs);
    let Some(memory) = hook.memory.as_ref().filter(|_| !runs.is_empty()) else { return };
    let kept = memory.accept(Outcome { runs, ..Outcome::default() });
    match timeout_at(deadline, kept).await {
        Ok(Ok(())) => {}
        Ok(Err(problem)) => {
            warn!("cannot store which exports were sent, so they may be sent again: {problem}");
        }
        Err(_) => warn!("storing which exports were sent takes too long"),
    }
}

/// Writes the answer, and keeps it under `id` with all that the delivery leaves behind.
pub(super) async fn keep(
    hook: &Hook,
    payload: &Payload<'_>,
    answer: &mut Answer,
    id: Option<&str>,
    deadline: Instant,
) -> Result<Bytes, Refusal> {
    let written = match answer.verbatim.take() {
        Some(said) if said.status == 200 => said.body,
        Some(later) => return Err(Refusal::PassedOn(later)),
        None => reply::write(payload, answer),
    };
    let Outcome { jobs, runs, .. } = std::mem::take(&mut answer.outcome);
    let Some(memory) = &hook.memory else { return Ok(written) };
    let has_jobs = !jobs.is_empty();
    if !has_jobs && runs.is_empty() && id.is_none() {
        return Ok(written);
    }
    let answered = id.map(|id| Answered {
        hook: hook.name.clone(),
        request_id: id.to_owned(),
        answer: written.to_vec(),
        window: hook.repeats.window(),
    });
    let kept = memory.accept(Outcome { jobs, answer: answered, runs });
    match timeout_at(deadline, kept).await {
        Ok(Ok(())) => Ok(written),
        // Nothing was queued: the answer is worth more than that it is known later.
        Ok(Err(problem)) if !has_jobs => {
            warn!("cannot store the answer for a restart: {problem}");
            Ok(written)
        }
        Err(_) if !has_jobs => {
            warn!("storing the answer takes too long");
            Ok(written)
        }
        Ok(Err(problem)) => {
            warn!("cannot store an export, so it was not accepted: {problem}");
            if payload.event.is_interactive() {
                let text = "The export could not be kept, so it was not accepted. Try again later; if it happens again, tell the people who run this extension.";
                answer.show(MessageType::Error, None, text);
                return Ok(reply::write(payload, answer));
            }
            Err(Refusal::NotKept)
        }
        Err(_) => Err(Refusal::OutOfTime),
    }
}
