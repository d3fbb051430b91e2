//! What the inspector is told of a request: who it was, whether it is Rossum's, what became of it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use hyper::http::request::Parts;

use crate::clock;
use crate::inspector::{Inspector, Seen, Sent, Trace, Verdict};
use crate::signature::{Algorithm, Forged, SHA1_HEADER, SHA256_HEADER, VerifiedBody};

use super::log_line::Arrival;
use super::promises::PLACE;
use super::refusal::Refusal;
use super::run::Facts;

/// A verified delivery that somebody looks at.
pub(super) struct Watched {
    inspector: Arc<Inspector>,
    arrival: Arrival,
    read: Duration,
    sent: Sent,
    again: Option<u64>,
    verdict: Verdict,
    headers: Vec<(String, String)>,
}

impl Watched {
    pub(super) fn new(
        inspector: &Arc<Inspector>,
        head: &Parts,
        host: &str,
        body: &VerifiedBody,
        arrival: Arrival,
    ) -> Self {
        let header = |name: &str| head.headers.get(name).map(HeaderValue::as_bytes).map(<[u8]>::to_vec);
        let sent = Sent {
            host: Some(host.to_owned()).filter(|host| !host.is_empty()),
            path: head.uri.path().to_owned(),
            sha256: header(SHA256_HEADER),
            sha1: header(SHA1_HEADER),
            body: body.share(),
        };
        Self { headers: headers(head), ..Self::of(inspector, sent, body, arrival, None) }
    }

    /// One that is sent again.
    pub(super) fn again(
        inspector: &Arc<Inspector>,
        sent: Sent,
        body: &VerifiedBody,
        arrival: Arrival,
        number: u64,
    ) -> Self {
        Self::of(inspector, sent, body, arrival, Some(number))
    }

    fn of(
        inspector: &Arc<Inspector>,
        sent: Sent,
        body: &VerifiedBody,
        arrival: Arrival,
        again: Option<u64>,
    ) -> Self {
        let algorithm = match body.algorithm() {
            Algorithm::Sha256 => "HMAC-SHA256 over the body fits",
            Algorithm::Sha1 => "HMAC-SHA1 over the body fits (legacy)",
        };
        let text = format!("{algorithm} secret {} of the hook", body.secret() + 1);
        let hint = (body.secret() > 0)
            .then_some("an old secret: Rossum does not have the newest one yet (annex hook rotate)");
        let verdict = Verdict { verified: true, text, hint };
        let inspector = Arc::clone(inspector);
        let read = arrival.at.elapsed();
        Self { inspector, arrival, read, sent, again, verdict, headers: Vec::new() }
    }

    /// Tells what became of it; gives its number.
    pub(super) fn tell(
        self,
        hook: &str,
        facts: &mut Facts,
        result: Result<&Bytes, &Refusal>,
        status: StatusCode,
    ) -> Option<u64> {
        let Self { inspector, arrival, read, sent, again, verdict, headers } = self;
        let answer = match result {
            Ok(answer) => answer.clone(),
            Err(refusal) => refusal.body(facts.request_id.as_deref()),
        };
        inspector.show(Seen {
            trace: facts.trace.take().map(|trace| *trace).unwrap_or_default(),
            read,
            path: sent.path.clone(),
            sent: Some(sent),
            answer,
            again,
            event: facts.event.clone(),
            annotation: facts.annotation.clone(),
            request_id: facts.request_id.clone(),
            note: facts.note,
            messages: facts.messages,
            operations: facts.operations,
            errors: facts.errors,
            headers,
            hook: hook.to_owned(),
            problem: result.err().map(ToString::to_string),
            ..seen("POST", verdict, status, arrival)
        })
    }
}

/// A request that was turned away before anything was known to be Rossum's: its body is not kept.
pub(super) fn refused(head: &Parts, hook: &str, refusal: &Refusal, arrival: Arrival) -> Seen {
    let verdict = Verdict { verified: false, text: refusal.to_string(), hint: hint(refusal) };
    let path = head.uri.path();
    Seen {
        // What was promised is for nobody else.
        path: if path.starts_with(PLACE) { PLACE.to_owned() } else { path.chars().take(200).collect() },
        hook: hook.to_owned(),
        headers: headers(head),
        answer: refusal.body(None),
        ..seen(head.method.as_str(), verdict, refusal.status(), arrival)
    }
}

fn seen(method: &str, verdict: Verdict, status: StatusCode, arrival: Arrival) -> Seen {
    let took = arrival.at.elapsed();
    Seen {
        number: 0,
        received: clock::now().checked_sub(took).unwrap_or_else(clock::now),
        from: arrival.caller.address,
        method: method.to_owned(),
        path: String::new(),
        hook: String::new(),
        verdict,
        problem: None,
        status: status.as_u16(),
        event: String::new(),
        annotation: String::new(),
        request_id: None,
        note: None,
        messages: 0,
        operations: 0,
        errors: 0,
        headers: Vec::new(),
        again: None,
        took,
        read: took,
        trace: Trace::default(),
        sent: None,
        answer: Bytes::new(),
    }
}

/// Headers that are kept of a request, and bytes of a value.
const MOST_HEADERS: usize = 100;
const LONGEST_VALUE: usize = 2000;

fn headers(head: &Parts) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| {
        let bytes = value.as_bytes();
        String::from_utf8_lossy(bytes.get(..LONGEST_VALUE).unwrap_or(bytes)).into_owned()
    };
    head.headers.iter().take(MOST_HEADERS).map(|(name, value)| (name.to_string(), text(value))).collect()
}

/// What to do about it.
fn hint(refusal: &Refusal) -> Option<&'static str> {
    Some(match refusal {
        Refusal::Forged(Forged::Missing) => {
            "it carries no X-Rossum-Signature-SHA256: not from Rossum, or something on the way removes the header"
        }
        Refusal::Forged(Forged::Malformed) => "Rossum writes `sha256=` and 64 hexadecimal digits",
        Refusal::Forged(Forged::LegacyOnly) => {
            "an old hook: write `allow_sha1 = true` for it, or have Rossum sign with SHA-256"
        }
        Refusal::Forged(Forged::Wrong) => {
            "compare the hook's secret in Rossum with `secrets` here (annex hook change ID --config-secret …); else something changed the body on its way"
        }
        Refusal::NoHook => "compare the hook's URL in Rossum with `path` in annex.toml",
        Refusal::Method { .. } => "Rossum calls hooks by POST",
        _ => return None,
    })
}
