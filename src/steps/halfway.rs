//! Runs of calls that are made while Rossum waits. That a call begins is noted with its key before it is sent, and what a run
//! got done is known until its delivery went well: exported again, a call that was taken is not made twice, and one of which
//! nobody knows is made again under the same key.

use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::warn;

use crate::outbox::{self, Outbox, Outcome, Run, RunTurn};
use crate::rossum::{MessageType, escape_html};

use super::made::{Call, Fate, Made, NotTaken, id_in, told};
use super::post::Post;
use super::{Answer, Lasts, StepError};

/// How what is on disk stands to what is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnDisk {
    Known,
    /// More is known.
    Behind,
    /// The last note could not be written.
    Refused,
}

/// How far a run is, whose calls have such answers.
pub(super) struct Halfway<'p, A> {
    outbox: Option<&'p Arc<Outbox>>,
    courier: &'p str,
    annotation: String,
    /// Whether answers are kept, so that a call that was taken is not made again. Else it is, under the same key.
    keeps_answers: bool,
    /// Made by earlier runs, and not met by this one yet.
    before: Vec<Made<A>>,
    /// Made by a run that went through while this one waited for its end, and not met yet: two exports of the same data
    /// at the same time are one.
    beside: Vec<Made<A>>,
    now: Vec<Made<A>>,
    /// The call that is being made, and what was known of it before where an earlier run made it.
    under_way: Option<(Made<A>, Option<Fate>)>,
    /// Calls that were made again under their key, in words.
    resumed: Vec<String>,
    /// No other run of this step for this annotation begins before it is dropped.
    turn: Option<RunTurn>,
    /// Whether there is something of it on disk.
    is_kept: bool,
    on_disk: OnDisk,
}

impl<'p, A: Clone + Serialize + DeserializeOwned> Halfway<'p, A> {
    /// Begins a run, once an earlier one of the same step and annotation has ended: with what that got done, where it
    /// failed, was killed or was still under way when this one came.
    pub(super) async fn new(
        post: &'p Post,
        annotation: &str,
        keeps_answers: bool,
        deadline: Instant,
    ) -> Result<Self, StepError> {
        let (outbox, courier) = (post.outbox(), post.courier());
        let turn = match outbox {
            Some(outbox) => Some(outbox.line(courier, annotation, deadline).await.ok_or_else(not_ended)?),
            None => None,
        };
        let mut outbox = outbox;
        let kept = match outbox {
            Some(known) => match known.taken(courier, annotation).await {
                Ok(kept) => kept,
                Err(problem) if known.must_note() => {
                    return Err(StepError {
                        message: NOT_NOTED.to_owned(),
                        cause: format!("what an earlier run did cannot be read: {problem}"),
                        lasts: Lasts::ForNow,
                    });
                }
                Err(problem) => {
                    warn!(
                        annotation,
                        "what is sent is not noted, and not known when it is exported again: {problem}"
                    );
                    outbox = None;
                    None
                }
            },
            None => None,
        };
        let read = |kept: &[u8]| match serde_json::from_slice::<Vec<Made<A>>>(kept) {
            Ok(mut all) => {
                all.iter_mut().for_each(Made::is_of_earlier);
                all
            }
            Err(error) => {
                warn!(annotation, "what an earlier run did is not known: {error}");
                Vec::new()
            }
        };
        let before = kept.as_deref().map(read).unwrap_or_default();
        let beside = turn.as_ref().and_then(RunTurn::before).map(read).unwrap_or_default();
        Ok(Self {
            outbox,
            courier,
            annotation: annotation.to_owned(),
            keeps_answers: keeps_answers && outbox.is_some(),
            before,
            beside,
            now: Vec::new(),
            under_way: None,
            resumed: Vec::new(),
            turn,
            is_kept: kept.is_some(),
            on_disk: OnDisk::Known,
        })
    }

    /// The answer of an earlier run to the same call.
    pub(super) fn recall(&mut self, call: &Call) -> Option<A> {
        for earlier in [&mut self.before, &mut self.beside] {
            let is_same = |made: &Made<A>| made.call == *call && made.answer.is_some();
            let Some(at) = earlier.iter().position(is_same) else { continue };
            let made = earlier.remove(at);
            let answer = made.answer.clone();
            self.now.push(made);
            return answer;
        }
        None
    }

    /// Notes that a call begins which changes something; gives the key to make it under. That is the key of an earlier run
    /// where one made the same call and nobody knows what became of it. `key` is the one for a call that is new; a file
    /// has none. In an error, nothing may be sent.
    pub(super) async fn begin(
        &mut self,
        call: &Call,
        key: Option<String>,
        place: &str,
    ) -> Result<Option<String>, String> {
        let is_same =
            |made: &Made<A>| made.call == *call && made.answer.is_none() && made.fate != Fate::Refused;
        let (mut earlier, mut is_noted) = (None, false);
        if let Some(at) = self.before.iter().position(is_same) {
            is_noted = self.on_disk == OnDisk::Known;
            earlier = Some(self.before.remove(at));
        } else if let Some(at) = self.beside.iter().position(is_same) {
            earlier = Some(self.beside.remove(at));
        }
        let is_known = |key: &String| {
            let mut all = self.before.iter().chain(&self.beside).chain(&self.now);
            all.any(|made| made.key.as_ref() == Some(key))
        };
        let key = key.map(|key| match earlier.as_mut().and_then(|made| made.key.take()) {
            Some(known) => known,
            // A key has one body: Rossum may send other data under the same `request_id`.
            None if is_known(&key) => outbox::key(&[&key, &call.hash]),
            None => key,
        });
        let fate = earlier.as_ref().map(|made| made.fate);
        let made = Made { key: key.clone(), place: place.to_owned(), ..Made::new(call) };
        self.under_way = Some((made, fate));
        if !is_noted && let Err(problem) = self.keep().await {
            if let Some((made, Some(fate))) = self.under_way.take() {
                self.before.push(Made { fate, ..made });
            }
            return Err(problem);
        }
        Ok(key)
    }

    /// A call was taken: the one that is under way, or one that only reads.
    pub(super) fn took(&mut self, call: &Call, body: &[u8], answer: A) {
        let (mut made, before) = self.under_way.take().unwrap_or_else(|| (Made::new(call), None));
        if before.is_some() && made.key.is_some() {
            self.resumed.push(made.told());
        }
        made.fate = Fate::Taken;
        if self.keeps_answers {
            (made.id, made.answer) = (id_in(body), Some(answer));
        }
        self.on_disk = OnDisk::Behind;
        self.now.push(made);
    }

    /// The call that is under way was not taken, or nobody knows.
    pub(super) fn not_taken(&mut self, ended: NotTaken) {
        let Some((mut made, before)) = self.under_way.take() else { return };
        made.fate = match (ended, before) {
            (NotTaken::Nothing | NotTaken::Refused, None) => {
                self.on_disk = OnDisk::Behind;
                return;
            }
            (NotTaken::Refused, Some(_)) => {
                self.on_disk = OnDisk::Behind;
                Fate::Refused
            }
            (NotTaken::PassedOver, _) => Fate::PassedOver,
            (NotTaken::Nothing | NotTaken::Unknown, before) => before.unwrap_or(Fate::Open),
        };
        self.now.push(made);
    }

    /// The last answer was not understood, so nobody knows whether its call was taken: exported again, it is made again.
    /// Whether there was one.
    pub(super) fn not_understood(&mut self) -> bool {
        self.on_disk = OnDisk::Behind;
        let Some(made) = self.now.pop() else { return false };
        if !made.place.is_empty() {
            self.now.push(Made { id: None, answer: None, fate: Fate::Open, ..made });
        }
        true
    }

    /// Whether the answers that it gets are known when it is exported again.
    pub(super) fn keeps(&self) -> bool {
        self.keeps_answers
    }

    /// Makes a call that only reads; what was taken before it is kept meanwhile.
    pub(super) async fn during<C: Future>(&mut self, call: C) -> C::Output {
        if self.on_disk == OnDisk::Known {
            return call.await;
        }
        let (answered, kept) = tokio::join!(call, self.keep());
        if let Err(problem) = kept {
            warn!(annotation = self.annotation, "what a run did cannot be kept: {problem}");
        }
        answered
    }

    async fn keep(&mut self) -> Result<(), String> {
        let Some(outbox) = self.outbox else { return Ok(()) };
        self.is_kept = true;
        let run = self.run();
        let kept = outbox.accept(Outcome { runs: vec![run], ..Outcome::default() }).await;
        self.on_disk = if kept.is_ok() { OnDisk::Known } else { OnDisk::Refused };
        kept.map_err(|problem| format!("that a call begins cannot be noted: {problem}"))
    }

    fn run(&self) -> Run {
        let under_way = self.under_way.iter().map(|(made, _)| made);
        let all: Vec<&Made<A>> = self.before.iter().chain(&self.now).chain(under_way).collect();
        Run {
            courier: self.courier.to_owned(),
            annotation: self.annotation.clone(),
            taken: if all.is_empty() { None } else { serde_json::to_vec(&all).ok() },
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
        let run = self.run();
        if (run.taken.is_some() || self.is_kept) && self.outbox.is_some() {
            answer.outcome.runs.push(run);
        }
        match ended {
            Err(mut error) => {
                let (taken, open) = told(self.before.iter().chain(&self.now));
                if !self.now.is_empty() && error.message.starts_with(NOT_NOTED) {
                    error.message = error.message.replacen("Nothing was sent", "No more was sent", 1);
                }
                let resumed = self.resumed.join(", ");
                if !resumed.is_empty() {
                    add(&mut error.message, &sent_again(&resumed));
                    warn!(annotation = self.annotation, "perhaps taken before: {resumed}");
                }
                if !taken.is_empty() {
                    let again = if self.on_disk == OnDisk::Refused {
                        "That could not be noted on the server's disk: look there before you export again."
                    } else if self.keeps_answers {
                        "Exported again, it is not sent twice while its data stays the same."
                    } else {
                        "Look there before you export again."
                    };
                    add(&mut error.message, &format!("Taken already: {taken}. {again}"));
                }
                if !open.is_empty() {
                    add(&mut error.message, &self.perhaps(&open));
                    error.cause = format!("{}; perhaps taken: {open}", error.cause);
                }
                Err(error)
            }
            Ok(()) => {
                let (taken, open) = told(self.before.iter());
                let (_, now) = told(self.now.iter());
                let mut say = |text: &str| {
                    answer.show(MessageType::Warning, None, escape_html(text));
                };
                if !taken.is_empty() {
                    say(&format!(
                        "An earlier export of this document that failed had sent other data: {taken}. Look whether it is there twice."
                    ));
                }
                let resumed = self.resumed.join(", ");
                if !resumed.is_empty() {
                    say(&sent_again(&resumed));
                }
                if !open.is_empty() {
                    say(&format!(
                        "An earlier export of this document did not end, and may have been taken: {open}. This one has another key: look whether it is there twice."
                    ));
                }
                if !now.is_empty() {
                    say(&self.perhaps(&now));
                }
                for open in [resumed, open, now].iter().filter(|open| !open.is_empty()) {
                    warn!(annotation = self.annotation, "perhaps taken before: {open}");
                }
                Ok(())
            }
        }
    }

    /// What a person reads of calls of which nobody knows whether they were taken.
    fn perhaps(&self, open: &str) -> String {
        let mut all = self.before.iter().chain(&self.now);
        let again = if all.any(|made| made.fate == Fate::Open && made.key.is_some()) && self.outbox.is_some()
        {
            "Exported again, it is sent under the same key while its data stays the same."
        } else {
            "Look there before you export again."
        };
        format!("Perhaps taken: {open}. {again}")
    }
}

/// Nothing is sent where it cannot be known afterwards.
pub(super) const NOT_NOTED: &str = "Nothing was sent, since it cannot be noted on the server's disk that it is sent: the export might be made twice. Export again later, or tell the people who run this extension.";

/// What a person reads of calls that an earlier run may have made.
fn sent_again(resumed: &str) -> String {
    format!(
        "An earlier export of this document did not end, and may have been taken: {resumed}. It was sent again under the same key: look whether it is there twice."
    )
}

/// Another sentence.
fn add(message: &mut String, sentence: &str) {
    if !message.ends_with(['.', '!', '?']) {
        message.push('.');
    }
    message.push(' ');
    message.push_str(sentence);
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
