//! Runs of several calls that are made while Rossum waits. What a run got done is known until its delivery went well: exported
//! again, the same call is not made twice.

use std::sync::Arc;
use std::time::Instant;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tracing::warn;

use crate::outbox::{Outbox, Outcome, Run, RunTurn};
use crate::rossum::{MessageType, escape_html};
use crate::trees;

use super::post::Post;
use super::{Answer, Lasts, StepError};

/// Characters of an id that a person reads.
const QUOTED: usize = 100;

/// A call, as far as it must be the same to be the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Call {
    name: String,
    hash: String,
}

impl Call {
    /// What is sent, and its body, which is kept apart.
    pub(super) fn new(name: &str, request: &impl Serialize, body: &[u8]) -> Self {
        let mut hash = Sha256::new();
        // Writing these types to memory cannot fail: their keys are texts.
        hash.update(serde_json::to_vec(request).unwrap_or_default());
        hash.update([0]);
        hash.update(body);
        Self { name: name.to_owned(), hash: hex::encode(hash.finalize()) }
    }
}

/// A call that its target took, with its answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Taken<A> {
    call: Call,
    /// What the target calls what it made.
    id: Option<String>,
    /// None in a run of which nothing is kept.
    answer: Option<A>,
}

impl<A> Taken<A> {
    fn told(&self) -> String {
        match &self.id {
            Some(id) => format!("{} (id {id})", self.call.name),
            None => self.call.name.clone(),
        }
    }
}

/// How far a run is, whose calls have such answers.
pub(super) struct Halfway<'p, A> {
    outbox: Option<&'p Arc<Outbox>>,
    courier: &'p str,
    annotation: String,
    /// Taken by earlier runs, and not met by this one yet.
    before: Vec<Taken<A>>,
    /// Taken by a run that went through while this one waited for its end, and not met yet: two exports of the same data
    /// at the same time are one.
    beside: Vec<Taken<A>>,
    now: Vec<Taken<A>>,
    /// No other run of this step for this annotation begins before it is dropped.
    turn: Option<RunTurn>,
    /// Whether there is something of it on disk.
    is_kept: bool,
    /// Whether what is on disk is not all.
    is_behind: bool,
}

impl<'p, A: Clone + Serialize + DeserializeOwned> Halfway<'p, A> {
    /// Begins a run, once an earlier one of the same step and annotation has ended: with what that got done, where it
    /// failed or was still under way when this one came.
    pub(super) async fn new(post: &'p Post, annotation: &str, deadline: Instant) -> Result<Self, StepError> {
        let (outbox, courier) = (post.outbox(), post.courier());
        let turn = match outbox {
            Some(outbox) => Some(outbox.line(courier, annotation, deadline).await.ok_or_else(not_ended)?),
            None => None,
        };
        let kept = match outbox {
            Some(outbox) => outbox.taken(courier, annotation).await.unwrap_or_else(|problem| {
                warn!(annotation, "what an earlier run got done is not known: {problem}");
                None
            }),
            None => None,
        };
        let read = |kept: &[u8]| serde_json::from_slice::<Vec<Taken<A>>>(kept).ok();
        let before = kept.as_deref().and_then(read).unwrap_or_default();
        let beside = turn.as_ref().and_then(RunTurn::before).and_then(read).unwrap_or_default();
        Ok(Self {
            outbox,
            courier,
            annotation: annotation.to_owned(),
            before,
            beside,
            now: Vec::new(),
            turn,
            is_kept: kept.is_some(),
            is_behind: false,
        })
    }

    /// A run whose answers may hold tokens: nothing of it is kept, and what it got done is only told.
    pub(super) fn forgetful() -> Self {
        Self {
            outbox: None,
            courier: "",
            annotation: String::new(),
            before: Vec::new(),
            beside: Vec::new(),
            now: Vec::new(),
            turn: None,
            is_kept: false,
            is_behind: false,
        }
    }

    /// The answer of an earlier run to the same call.
    pub(super) fn recall(&mut self, call: &Call) -> Option<A> {
        for earlier in [&mut self.before, &mut self.beside] {
            let Some(at) = earlier.iter().position(|taken| taken.call == *call) else { continue };
            let answer = earlier[at].answer.clone()?;
            self.now.push(earlier.remove(at));
            return Some(answer);
        }
        None
    }

    /// A call was taken.
    pub(super) fn took(&mut self, call: Call, body: &[u8], answer: A) {
        let answer = self.outbox.is_some().then_some(answer);
        self.is_behind |= answer.is_some();
        self.now.push(Taken { call, id: id_in(body), answer });
    }

    /// The last answer was not understood, so nobody knows whether its call was taken: exported again, it is made again.
    /// Whether there was one.
    pub(super) fn not_understood(&mut self) -> bool {
        self.is_behind = true;
        self.now.pop().is_some()
    }

    /// Whether what it gets done is known when it is exported again.
    pub(super) fn keeps(&self) -> bool {
        self.outbox.is_some()
    }

    /// Makes the next call; what was taken before it is kept meanwhile.
    pub(super) async fn during<C: Future>(&mut self, call: C) -> C::Output {
        if !self.is_behind {
            return call.await;
        }
        let (answered, ()) = tokio::join!(call, self.keep());
        answered
    }

    async fn keep(&mut self) {
        self.is_behind = false;
        let Some(outbox) = self.outbox else { return };
        self.is_kept = true;
        let run = self.run();
        let kept = outbox.accept(Outcome { runs: vec![run], ..Outcome::default() }).await;
        if let Err(problem) = kept {
            warn!(annotation = self.annotation, "what a run got done cannot be kept: {problem}");
            self.is_behind = true;
        }
    }

    fn run(&self) -> Run {
        let all: Vec<&Taken<A>> = self.before.iter().chain(&self.now).collect();
        Run {
            courier: self.courier.to_owned(),
            annotation: self.annotation.clone(),
            taken: serde_json::to_vec(&all).ok(),
            is_kept: self.is_kept,
        }
    }

    /// The end of a run: the delivery keeps what it got done, or forgets it, once it is known how the delivery ends.
    pub(super) fn end(mut self, ended: Result<(), StepError>, answer: &mut Answer) -> Result<(), StepError> {
        if let Some(mut turn) = self.turn.take() {
            // What failed is on disk before the next one begins.
            turn.leave(ended.is_ok().then(|| serde_json::to_vec(&self.now).ok()).flatten());
            answer.turns.push(turn);
        }
        let all: Vec<String> = self.before.iter().chain(&self.now).map(Taken::told).collect();
        if (!all.is_empty() || self.is_kept) && self.outbox.is_some() {
            answer.outcome.runs.push(self.run());
        }
        match ended {
            Err(mut error) if !all.is_empty() => {
                let again = if self.outbox.is_some() {
                    "Exported again, it is not sent twice while its data stays the same."
                } else {
                    "Look there before you export again."
                };
                let end = if error.message.ends_with(['.', '!', '?']) { "" } else { "." };
                error.message = format!("{}{end} Taken already: {}. {again}", error.message, all.join(", "));
                Err(error)
            }
            Err(error) => Err(error),
            Ok(()) => {
                if !self.before.is_empty() {
                    let before: Vec<String> = self.before.iter().map(Taken::told).collect();
                    let text = format!(
                        "An earlier export of this document that failed had sent other data: {}. Look whether it is there twice.",
                        before.join(", ")
                    );
                    answer.show(MessageType::Warning, None, escape_html(&text));
                }
                Ok(())
            }
        }
    }
}

/// An earlier run of the same annotation takes too long.
fn not_ended() -> StepError {
    StepError {
        message: "Another export of this document is still under way, so nothing was sent: look what became of it, and export again then."
            .to_owned(),
        cause: "another run for this annotation did not end in time".to_owned(),
        lasts: Lasts::ForNow,
    }
}

/// The id in an answer: `{"id": …}`, or one level below.
fn id_in(body: &[u8]) -> Option<String> {
    let answer = trees::read(body, trees::SMALL).ok()?;
    let all = answer.as_object()?;
    let id = all.get("id").or_else(|| all.values().find_map(|inner| inner.get("id")))?;
    let text = match id {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(text.chars().filter(|c| !c.is_control()).take(QUOTED).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_and_calls_are_the_same_only_with_the_same_data() {
        assert_eq!(id_in(br#"{"id": 17}"#).as_deref(), Some("17"));
        assert_eq!(id_in(br#"{"invoice": {"id": "E-1"}}"#).as_deref(), Some("E-1"));
        for none in [&b"<html>"[..], b"[1]", br#"{"id": null}"#, br#"{"number": 4}"#] {
            assert_eq!(id_in(none), None);
        }
        let call = |path: &str, body: &[u8]| Call::new("create", &path, body);
        assert_eq!(call("a", b"b"), call("a", b"b"));
        assert_ne!(call("a", b"b"), call("a", b"c"));
        assert_ne!(call("a", b"b"), call("b", b"b"));
    }
}
