//! What the door saw of one request, as it hands it over.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::{Serialize, Serializer};

use crate::steps::reasons::Reason;

pub struct Seen {
    /// Given by the inspector.
    pub number: u64,
    pub received: SystemTime,
    pub from: IpAddr,
    pub method: String,
    pub path: String,
    /// The hook's name; empty where there is none.
    pub hook: String,
    pub verdict: Verdict,
    /// Why it got no answer although it was verified.
    pub problem: Option<String>,
    pub status: u16,
    pub event: String,
    pub annotation: String,
    pub request_id: Option<String>,
    pub note: Option<&'static str>,
    pub messages: usize,
    pub operations: usize,
    /// Messages of the kind `error`.
    pub errors: usize,
    /// The delivery that this one repeats, because somebody wanted it sent again.
    pub again: Option<u64>,
    pub took: Duration,
    /// Until its body was there and verified.
    pub read: Duration,
    pub trace: Trace,
    /// As they came, in their order.
    pub headers: Vec<(String, String)>,
    /// Of a request that was verified.
    pub sent: Option<Sent>,
    pub answer: Bytes,
}

/// Whether it comes from Rossum.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    pub verified: bool,
    /// How it was verified, or exactly why not.
    pub text: String,
    /// What to do about it.
    pub hint: Option<&'static str>,
}

/// A request as it came: enough to send it again.
#[derive(Clone)]
pub struct Sent {
    pub host: Option<String>,
    pub path: String,
    pub sha256: Option<Vec<u8>>,
    pub sha1: Option<Vec<u8>>,
    pub body: Bytes,
}

/// What the steps did.
#[derive(Default)]
pub struct Trace {
    /// Until the hook had a place for it.
    pub waited: Duration,
    pub steps: Vec<StepSeen>,
    /// What it took to write all this down, which nothing takes where nobody looks.
    pub explained: Duration,
    /// How the schema calls fields.
    pub labels: BTreeMap<String, String>,
    /// Writing the answer.
    pub wrote: Duration,
}

/// How a step came that did not get to its end.
pub const FAILED: &str = "failed";
pub const OUT_OF_TIME: &str = "out of time";

#[derive(Debug, Serialize)]
pub struct StepSeen {
    pub name: String,
    /// `done`, `failed`, `out of time`, `not for this event`, `not run: …`.
    pub came: &'static str,
    pub cause: Option<String>,
    #[serde(serialize_with = "microseconds")]
    pub took: Duration,
    pub messages: Vec<Said>,
    pub changes: Vec<Changed>,
    pub reasons: Vec<Reason>,
}

/// A message or an automation blocker.
#[derive(Debug, Serialize)]
pub struct Said {
    /// `error`, `warning`, `info`, `blocker`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The datapoint that it stands at, and the row if it is a cell.
    pub schema_id: Option<String>,
    pub row: Option<usize>,
    pub content: String,
}

/// A field before and after a step.
#[derive(Debug, Serialize)]
pub struct Changed {
    pub schema_id: String,
    pub row: Option<usize>,
    /// `value`, `options`, `hidden`, `shown`, `row added`, `row removed`, `details`.
    pub what: &'static str,
    pub before: String,
    pub after: String,
}

fn microseconds<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(span.as_micros()).unwrap_or(u64::MAX))
}

impl StepSeen {
    /// Whether it did not get to its end.
    fn has_failed(&self) -> bool {
        matches!(self.came, FAILED | OUT_OF_TIME)
    }
}

impl Seen {
    /// Steps that did not get to their end.
    pub(super) fn failures(&self) -> usize {
        self.trace.steps.iter().filter(|step| step.has_failed()).count()
    }

    /// About what it takes of memory.
    pub fn bytes(&self) -> u64 {
        let body = self.sent.as_ref().map_or(0, |sent| sent.body.len());
        let step = |step: &StepSeen| {
            let messages: usize = step.messages.iter().map(|said| said.content.len() + 100).sum();
            let changes: usize = step.changes.iter().map(|c| c.before.len() + c.after.len() + 100).sum();
            messages + changes + step.reasons.iter().map(Reason::bytes).sum::<usize>()
        };
        let steps: usize = self.trace.steps.iter().map(step).sum();
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + 50).sum();
        (body + headers + self.answer.len() + steps + 1000) as u64
    }
}
