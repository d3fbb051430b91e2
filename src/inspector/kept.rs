//! A delivery on the shelf: its line in the list, and what the page shows of it.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::Serialize;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use crate::cases::cleaned;
use crate::clock;

use super::counts::Look;
use super::headers;
use super::mask::{MASK, mask, masked_text};
use super::seen::{Seen, Sent, StepSeen, Trace};

pub(super) struct Kept {
    pub(super) number: u64,
    pub(super) received: SystemTime,
    pub(super) look: Look,
    pub(super) hook: String,
    /// A name for its file.
    pub(super) name: String,
    /// Whether its steps answered it.
    pub(super) is_answered: bool,
    /// Its line in the list, as JSON.
    pub(super) line: String,
    /// As it came; nothing where it is masked.
    pub(super) sent: Option<Sent>,
    pub(super) answer: Bytes,
    /// The delivery as it may be shown, where that is not made of `sent` when somebody asks.
    payload: Option<Box<RawValue>>,
    more: String,
}

/// One line of the list.
#[derive(Serialize)]
struct Line<'k> {
    number: u64,
    /// Milliseconds since 1970.
    received: u128,
    hook: &'k str,
    method: &'k str,
    path: &'k str,
    event: &'k str,
    annotation: &'k str,
    verdict: &'k super::Verdict,
    problem: Option<&'k str>,
    status: u16,
    /// Microseconds.
    took: u128,
    messages: usize,
    operations: usize,
    errors: usize,
    /// Steps that did not get to their end.
    failures: usize,
    again: Option<u64>,
    note: Option<&'static str>,
}

impl Kept {
    pub(super) fn new(seen: Seen, is_masked: bool) -> Self {
        let line = Line {
            number: seen.number,
            received: seen.received.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis(),
            hook: &seen.hook,
            method: &seen.method,
            path: &seen.path,
            event: &seen.event,
            annotation: &seen.annotation,
            verdict: &seen.verdict,
            problem: seen.problem.as_deref(),
            status: seen.status,
            took: seen.took.as_micros(),
            messages: seen.messages,
            operations: seen.operations,
            errors: seen.errors,
            failures: seen.failures(),
            again: seen.again,
            note: seen.note,
        };
        let line = json!(line).to_string();
        let look = Look::of(seen.status, seen.failures(), seen.errors);
        let headers = headers::shown(seen.headers, is_masked);
        let name = format!("{}-{}-{}", seen.hook, seen.event, seen.annotation);
        let Trace { waited, mut steps, explained, labels, wrote } = seen.trace;
        let (mut sent, mut answer, mut payload) = (seen.sent, seen.answer, None);
        if is_masked {
            payload = sent.take().and_then(|sent| mask(&sent.body));
            answer = mask(&answer).map(|masked| Bytes::from(masked.get().to_owned())).unwrap_or_default();
            steps.iter_mut().for_each(mask_step);
        }
        let us = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        let more = json!({
            "request_id": seen.request_id,
            "from": seen.from,
            "read": us(seen.read),
            "waited": us(waited),
            "wrote": us(wrote),
            "explained": us(explained),
            "headers": headers,
            "steps": steps,
            "labels": labels,
        });
        Self {
            number: seen.number,
            received: seen.received,
            look,
            is_answered: seen.status == 200 && seen.verdict.verified,
            hook: seen.hook,
            name,
            line,
            sent,
            answer,
            payload,
            more: more.to_string(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let sent = self.sent.as_ref().map_or(0, |sent| sent.body.len());
        let payload = self.payload.as_ref().map_or(0, |payload| payload.get().len());
        sent + payload + self.answer.len() + self.line.len() + self.more.len() + 500
    }

    /// Everything that the page shows, as JSON.
    pub(super) fn detail(&self) -> String {
        let made = self.sent.as_ref().and_then(|sent| cleaned(&sent.body));
        let raw = |text: &str| RawValue::from_string(text.to_owned()).ok();
        let answer = std::str::from_utf8(&self.answer).ok().and_then(raw);
        let all = [("payload", made.or_else(|| self.payload.clone())), ("answer", answer)];
        let all = all.into_iter().chain([("line", raw(&self.line)), ("more", raw(&self.more))]);
        let all: std::collections::BTreeMap<_, _> = all.collect();
        to_raw_value(&all).map(|all| all.get().to_owned()).unwrap_or_default()
    }

    pub(super) fn second(&self) -> u64 {
        clock::unix_seconds(self.received)
    }
}

/// Without the values that it saw, the texts that it showed and what it wrote.
fn mask_step(step: &mut StepSeen) {
    for message in &mut step.messages {
        MASK.clone_into(&mut message.content);
    }
    for change in &mut step.changes {
        change.before = masked_text(&change.before);
        change.after = masked_text(&change.after);
    }
    for saw in step.reasons.iter_mut().flat_map(|reason| &mut reason.places).flat_map(|place| &mut place.saw)
    {
        saw.value = masked_text(&saw.value);
    }
}
