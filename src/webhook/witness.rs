//! What a step did, written down where somebody looks: its messages, its changes, its reasons.

use std::time::Duration;

use tokio::time::error::Elapsed;

use crate::inspector::{Changed, FAILED, OUT_OF_TIME, Said, StepSeen};
use crate::rossum::{Annotation, Category, Change, Done, GrownTree, NodeRef, Payload, escape_html};
use crate::steps::ignored::Ignored;
use crate::steps::{Answer, Checkpoint, StepError};

use super::run::Facts;

/// Messages and changes of one step that are kept.
const MOST: usize = 500;
/// Characters of a value or a message that are kept.
const LONGEST: usize = 1000;

/// A step that did not run.
pub(super) fn left_out(facts: &mut Facts, step: &str, why: &'static str) {
    let Some(trace) = &mut facts.trace else { return };
    trace.steps.push(StepSeen {
        name: step.to_owned(),
        came: why,
        cause: None,
        took: Duration::ZERO,
        messages: Vec::new(),
        changes: Vec::new(),
        reasons: Vec::new(),
    });
}

/// A step that ran; what it did is in the answer, behind the checkpoint.
pub(super) fn ran(
    facts: &mut Facts,
    step: &str,
    payload: &Payload<'_>,
    answer: &mut Answer,
    before: Checkpoint,
    (result, took): (&Result<Result<(), StepError>, Elapsed>, Duration),
) {
    let Some(trace) = &mut facts.trace else { return };
    let (came, cause) = match result {
        Ok(Ok(())) => ("done", None),
        Ok(Err(failure)) => (FAILED, Some(failure.cause.clone())),
        Err(_) => (OUT_OF_TIME, None),
    };
    let (reasons, explained) = answer.reasons.take();
    let took = took.saturating_sub(explained);
    trace.explained += explained;
    let empty = Annotation::empty();
    let tree = &answer.journal.tree(payload.annotation.as_ref().unwrap_or(&empty));
    let (messages, blockers, changes) = answer.since(before);
    let said = |kind, on: Option<NodeRef>, content: &str| Said {
        kind,
        schema_id: on.map(|on| tree.node(on).schema_id.to_string()),
        row: on.and_then(|on| row(tree, on)),
        content: short(content),
    };
    let (mut messages, changes): (Vec<_>, Vec<_>) = match result {
        // What it had done is taken back.
        Ok(Err(failure)) => (vec![said("error", None, &escape_html(&failure.message))], Vec::new()),
        _ => {
            let blockers = blockers.iter().map(|blocker| said("blocker", blocker.on, &blocker.content));
            let messages = messages.iter().map(|m| said(m.kind.word(), m.on, &m.content)).chain(blockers);
            (
                messages.take(MOST).collect(),
                changes.flat_map(|done| changed(tree, &done)).take(MOST).collect(),
            )
        }
    };
    messages.shrink_to_fit();
    trace.steps.push(StepSeen { name: step.to_owned(), came, cause, took, messages, changes, reasons });
}

/// What Rossum is likely to ignore of what a step wrote.
pub(super) fn ignored(facts: &mut Facts, step: usize, ignored: &Ignored<'_>) {
    let Some(step) = facts.trace.as_mut().and_then(|trace| trace.steps.get_mut(step)) else { return };
    let reason = ignored.reason();
    match step.reasons.iter_mut().find(|known| known.what == reason.what) {
        Some(known) => known.join(reason),
        None => step.reasons.push(reason),
    }
}

/// The number of the row that a cell belongs to, or that the node is.
fn row(tree: &GrownTree<'_>, node: NodeRef) -> Option<usize> {
    let is_value = |node: &NodeRef| {
        let parent = tree.parent(*node).map(|parent| tree.node(parent).category);
        tree.node(*node).category == Category::Datapoint && parent == Some(Category::Multivalue)
    };
    let row = tree.row(node).or(Some(node).filter(is_value))?;
    tree.children(tree.parent(row)?).position(|one| one == row)
}

fn changed(tree: &GrownTree<'_>, done: &Done<'_>) -> Vec<Changed> {
    let of = |node: NodeRef, what, before: &str, after: &str| Changed {
        schema_id: tree.node(node).schema_id.to_string(),
        row: row(tree, node),
        what,
        before: short(before),
        after: short(after),
    };
    match done {
        Done::Added(node) => vec![of(*node, "row added", "", "")],
        Done::Removed(node) => vec![of(*node, "row removed", "", "")],
        Done::Changed { node, before, change } => {
            let Change { value, options, hidden, content, .. } = change;
            let mut all = Vec::new();
            let sent = &tree.node(*node).value;
            let before = before.as_deref().unwrap_or(sent);
            if let Some(value) = value {
                all.push(of(*node, "value", before, &value.as_text()));
            }
            if let Some(options) = options {
                let labels: Vec<&str> = options.iter().take(20).map(|option| option.label.as_str()).collect();
                all.push(of(*node, "options", "", &labels.join(" · ")));
            }
            if let Some(hidden) = hidden {
                all.push(of(*node, if *hidden { "hidden" } else { "shown" }, "", ""));
            }
            if !content.is_empty() {
                let keys: Vec<&str> = content.keys().map(String::as_str).collect();
                all.push(of(*node, "details", "", &keys.join(", ")));
            }
            all
        }
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
