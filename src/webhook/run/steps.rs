//! The steps that want the event, one after another, under the delivery's deadline.

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};
use tracing::{error, warn};

use crate::rossum::{MessageType, Payload, escape_html};
use crate::steps::ignored::{self, Why};
use crate::steps::names::{self, Missing};
use crate::steps::reasons::{Came, Reason, Reasons};
use crate::steps::{Answer, Checkpoint, Context, Delivery, Lasts, OnError, Stage, StepError};
use crate::telemetry::about;
use crate::telemetry::metrics::StepMetrics;
use crate::telemetry::spans::{StepResult, StepSpan};

use super::super::hook::Hook;
use super::super::refusal::Refusal;
use super::super::{keeping, witness};
use super::Facts;

/// Said where one of several values is taken.
const FIRST: &str = "the others are not looked at here";

/// Runs them; what they leave behind is kept, with the answer under `id`. Gives the answer as Rossum reads it.
pub(super) async fn run(
    hook: &Hook,
    delivery: &Delivery<'_>,
    id: Option<&str>,
    deadline: Instant,
    facts: &mut Facts,
) -> Result<Bytes, Refusal> {
    let payload = &delivery.payload;
    if !keeping::can_keep(hook, &payload.event).await {
        return Err(Refusal::NotKept);
    }
    let mut answer = Answer::default();
    if facts.trace.is_some() {
        answer.reasons = Reasons::wanted();
    }
    let is_only = hook.stages.iter().filter(|(stage, _)| stage.wants(&payload.event)).count() == 1;
    let (mut asked, mut has_failed) = (false, false);
    // Where the journal stood before each step.
    let mut starts = Vec::with_capacity(hook.stages.len());
    for (at, counted) in hook.stages.iter().enumerate() {
        let (stage, metrics) = counted;
        starts.push(answer.journal.len());
        if !stage.wants(&payload.event) {
            witness::left_out(facts, &stage.name, "not for this event");
            continue;
        }
        asked = true;
        about::at_step(Some(at));
        let before = answer.checkpoint();
        let missing = names::missing_of(&stage.names, &hook.schemas, delivery);
        hook.tell_missing(stage, metrics, &missing);
        for field in &missing {
            facts.say(&stage.name, || field.words());
        }
        let missing = Missing::new(&missing);
        missing.explain(&mut answer.reasons);
        let until = deadline.into_std();
        let context = Context { delivery, answer: &mut answer, deadline: until, missing, is_only };
        let began = Instant::now();
        let ran = timeout_at(deadline, stage.step.run(context)).await;
        let took = began.elapsed();
        metrics.ran(took);
        if let Some(steps) = &mut facts.steps {
            let result = ran.as_ref().map_or(StepResult::OutOfTime, |done| match done {
                Ok(()) => StepResult::Done,
                Err(_) => StepResult::Failed,
            });
            steps.push(StepSpan { name: stage.name.clone(), began: began.into_std(), took, result });
        }
        tell_undone(hook, counted, &mut answer, facts);
        for taken in std::mem::take(&mut answer.first_of) {
            hook.tell_first(stage, &taken);
            facts.say(&stage.name, || taken.words());
            answer.reasons.note(|| Reason::single(taken.words(), Came::Quiet, FIRST, Vec::new()));
        }
        witness::ran(facts, &stage.name, payload, &mut answer, before, (&ran, took));
        let has_failed_part = std::mem::take(&mut answer.has_failed_part);
        match ran {
            Ok(Ok(())) => {
                let has_raised = tell_raised(&answer, before);
                if has_failed_part || has_raised {
                    metrics.failed();
                    facts.has_failed = true;
                }
            }
            Ok(Err(failure)) => {
                metrics.failed();
                (has_failed, facts.has_failed) = (true, true);
                warn!("step failed: {}", failure.cause);
                if let Some(refusal) = refusal_of(stage, payload, &mut answer, &failure, is_only) {
                    keeping::remember(hook, &mut answer, deadline).await;
                    return Err(refusal);
                }
                answer.roll_back(before);
                answer.show(MessageType::Error, None, escape_html(&failure.message));
                tell_undone(hook, counted, &mut answer, facts);
                if stage.on_error == OnError::Stop {
                    for (later, _) in hook.stages.iter().skip(at + 1) {
                        witness::left_out(facts, &later.name, "not run: a step before it failed");
                    }
                    break;
                }
            }
            Err(_) => {
                metrics.failed();
                error!("step ran out of time");
                return Err(Refusal::OutOfTime);
            }
        }
    }
    about::at_step(None);
    if !asked {
        facts.note =
            Some(if facts.known_event.is_some() { "no step for this event" } else { "unknown event" });
    }
    keeping::settle(payload, &mut answer, has_failed);
    tell_ignored(hook, delivery, &answer, &starts, facts);
    facts.count(&answer);
    let began = Instant::now();
    let written = keeping::keep(hook, payload, &mut answer, facts.kept(hook, id), deadline).await;
    if let Some(trace) = &mut facts.trace {
        trace.wrote = began.elapsed();
        trace.labels = std::mem::take(&mut answer.reasons).into_labels();
    }
    written
}

/// Tells of code that raised an exception; whether there is any.
fn tell_raised(answer: &Answer, before: Checkpoint) -> bool {
    let (said, ..) = answer.since(before);
    let line = said.iter().find_map(|message| message.failed_line);
    if let Some(line) = line {
        // Its words may hold values of the document: they stand in the answer.
        warn!("the step's code raised an exception in line {line}: the document shows it");
    }
    line.is_some()
}

/// Whether the whole delivery fails with a step.
fn refusal_of(
    stage: &Stage,
    payload: &Payload<'_>,
    answer: &mut Answer,
    failure: &StepError,
    is_only: bool,
) -> Option<Refusal> {
    // Nobody reads a message there: Rossum sends the delivery again, or shows that it failed. What waiting does not mend is
    // in the log and the metrics: sent again it would fail again.
    let is_sent_again = stage.needs.outbox || failure.lasts == Lasts::ForNow;
    if is_sent_again && keeping::nobody_reads(&payload.event) {
        return Some(if stage.needs.outbox { Refusal::NotKept } else { Refusal::NotSent });
    }
    passed_on(payload, answer, failure, is_only)
}

/// What the caller is told where a service that the delivery is forwarded to refused or failed: what the service said, where
/// its answer is all of ours; else what a gateway says. Where a person waits for what other steps say too, a message is
/// shown beside that.
fn passed_on(
    payload: &Payload<'_>,
    answer: &mut Answer,
    failure: &StepError,
    is_only: bool,
) -> Option<Refusal> {
    if let Some(verbatim) = answer.verbatim.take() {
        return Some(Refusal::PassedOn(verbatim));
    }
    if !is_only && !payload.event.may_come_again() {
        return None;
    }
    match failure.lasts {
        Lasts::Unanswered => Some(Refusal::NoAnswer),
        Lasts::Late => Some(Refusal::LateAnswer),
        Lasts::ForGood | Lasts::ForNow => None,
    }
}

/// Says what a step gave that does not come to the document as it was meant.
fn tell_undone(hook: &Hook, counted: &(Stage, StepMetrics), answer: &mut Answer, facts: &mut Facts) {
    for undone in std::mem::take(&mut answer.undone) {
        hook.tell_undone(counted, &undone);
        facts.say(&counted.0.name, || undone.words());
        answer.reasons.note(|| undone.reason());
    }
}

/// Says what Rossum is likely to ignore of the operations, each of the step that wrote it last.
fn tell_ignored(hook: &Hook, delivery: &Delivery<'_>, answer: &Answer, starts: &[usize], facts: &mut Facts) {
    let Some(annotation) = delivery.payload.annotation.as_ref().filter(|_| !answer.journal.is_empty()) else {
        return;
    };
    // One that cannot be read is told by the steps that need it.
    let of_hook = hook.schemas.known(delivery).ok().flatten();
    let place = |entry: usize| starts.partition_point(|start| *start <= entry).saturating_sub(1);
    let schema = |entry| {
        let own = hook.stages.get(place(entry)).and_then(|(stage, _)| stage.schema.as_deref());
        own.or(of_hook.as_deref())
    };
    let tree = answer.journal.tree(annotation);
    ignored::each(&answer.journal, &tree, schema, |ignored| {
        let at = place(ignored.entry);
        let Some(counted) = hook.stages.get(at) else { return };
        // What the schema's own formulas compute is what Rossum computes.
        if ignored.why == Why::Computed && counted.0.computes_as_rossum {
            return;
        }
        hook.tell_ignored(counted, &ignored);
        facts.say(&counted.0.name, || ignored.words());
        witness::ignored(facts, at, &ignored);
    });
}
