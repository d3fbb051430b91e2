//! One readable line for each request: hook, event.action, annotation, verdict, messages and operations by count,
//! status, duration. (The time stands before it, put there by the log.)

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use hyper::StatusCode;
use hyper::http::request::Parts;
use tracing::{Level, info, warn};

use crate::clock;
use crate::signature::Algorithm;
use crate::telemetry::DELIVERY;

use super::door::Caller;
use super::refusal::Refusal;
use super::run::Facts;

/// Longest part of a text from outside that a line quotes.
const QUOTED: usize = 80;

/// When and from where a request came.
#[derive(Clone, Copy)]
pub(super) struct Arrival {
    pub(super) at: Instant,
    pub(super) caller: Caller,
}

impl Arrival {
    pub(super) fn now(caller: Caller) -> Self {
        Self { at: Instant::now(), caller }
    }

    pub(super) fn log(self, target: Target<'_>, verdict: Verdict<'_>, facts: Facts, status: StatusCode) {
        let line =
            LogLine { target, verdict, facts, status, took: self.at.elapsed(), from: self.caller.address };
        // The fields are for logs in JSON; the line says the same to people.
        macro_rules! line {
            ($level:ident) => {
                $level!(
                    target: DELIVERY,
                    hook = line.target.hook(),
                    event = line.facts.event,
                    annotation = line.facts.annotation,
                    request_id = line.facts.request_id.as_deref().unwrap_or_default(),
                    messages = line.facts.messages as u64,
                    operations = line.facts.operations as u64,
                    status = u64::from(status.as_u16()),
                    milliseconds = line.took.as_secs_f64() * 1e3,
                    "{line}"
                )
            };
        }
        if level(status) == Level::WARN {
            line!(warn);
        } else {
            line!(info);
        }
    }
}

/// How much a line matters that has this status.
pub(super) fn level(status: StatusCode) -> Level {
    let matters = status.is_server_error() || status == StatusCode::BAD_REQUEST;
    if matters { Level::WARN } else { Level::INFO }
}

struct LogLine<'l> {
    target: Target<'l>,
    verdict: Verdict<'l>,
    facts: Facts,
    status: StatusCode,
    took: Duration,
    from: IpAddr,
}

#[derive(Clone, Copy)]
pub(super) enum Target<'l> {
    Hook(&'l str),
    /// Where a result was promised: the path is for nobody else.
    Result,
    /// No hook there: method and path as they came.
    Other {
        method: &'l str,
        path: &'l str,
    },
}

impl<'l> Target<'l> {
    pub(super) fn of(head: &'l Parts) -> Self {
        Self::Other { method: head.method.as_str(), path: head.uri.path() }
    }

    /// The hook's name; nothing where there is none.
    pub(super) fn hook(self) -> &'l str {
        match self {
            Self::Hook(name) => name,
            Self::Result | Self::Other { .. } => "",
        }
    }
}

pub(super) enum Verdict<'l> {
    Verified {
        algorithm: Algorithm,
        secret: usize,
        problem: Option<&'l Refusal>,
    },
    Refused(&'l Refusal),
    /// The front page.
    NotNeeded,
}

impl fmt::Display for LogLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Hook(name) => f.write_str(name)?,
            Target::Result => f.write_str("a promised result")?,
            Target::Other { method, path } => write!(f, "{} {}", quoted(method), quoted(path))?,
        }
        if !self.facts.event.is_empty() {
            write!(f, " {} annotation {}", quoted(&self.facts.event), quoted(&self.facts.annotation))?;
        }
        match &self.verdict {
            Verdict::Verified { algorithm, secret, problem } => {
                f.write_str(match algorithm {
                    Algorithm::Sha256 => " verified",
                    Algorithm::Sha1 => " verified (sha1)",
                })?;
                if *secret > 0 {
                    write!(f, " (secret {})", secret + 1)?;
                }
                match problem {
                    Some(problem) => write!(f, " failed: {problem}")?,
                    None => write!(
                        f,
                        " {} {}",
                        count(self.facts.messages, "message"),
                        count(self.facts.operations, "operation")
                    )?,
                }
            }
            Verdict::Refused(why) => write!(f, " refused: {why}; from {}", self.from)?,
            Verdict::NotNeeded => {}
        }
        if let Some(note) = self.facts.note {
            write!(f, " ({note})")?;
        }
        write!(f, " {} {}", self.status.as_u16(), precise(self.took))?;
        match &self.facts.request_id {
            Some(id) => write!(f, " request {}", quoted(id)),
            None => Ok(()),
        }
    }
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// A text from outside, shortened. (Control characters are the log's concern.)
fn quoted(text: &str) -> &str {
    text.char_indices().nth(QUOTED).map_or(text, |(end, _)| &text[..end])
}

fn precise(took: Duration) -> String {
    match took.as_micros() {
        us if us < 10_000 => format!("{}.{} ms", us / 1000, us % 1000 / 100),
        _ => clock::display_span(took),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_happened() {
        let facts = Facts {
            event: "annotation_content.updated".into(),
            annotation: "314521".into(),
            messages: 2,
            operations: 1,
            ..Facts::default()
        };
        let line = LogLine {
            target: Target::Hook("checks"),
            verdict: Verdict::Verified { algorithm: Algorithm::Sha256, secret: 1, problem: None },
            facts,
            status: StatusCode::OK,
            took: Duration::from_micros(1240),
            from: IpAddr::from([127, 0, 0, 1]),
        };
        assert_eq!(
            line.to_string(),
            "checks annotation_content.updated annotation 314521 verified (secret 2) 2 messages 1 operation 200 1.2 ms"
        );
    }
}
