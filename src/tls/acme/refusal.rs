//! What a CA says when it refuses, in its own words (RFC 7807, RFC 8555 section 6.7), and until when.

use std::fmt;
use std::time::SystemTime;

use serde::Deserialize;

use crate::clock;
use crate::outbound::Received;

/// A problem document.
#[derive(Debug, Clone, Deserialize, Default)]
#[serde(default)]
pub(super) struct Problem {
    /// A URN, of which the last part says something.
    #[serde(rename = "type")]
    kind: String,
    detail: String,
    status: Option<u16>,
    subproblems: Vec<Subproblem>,
}

#[derive(Debug, Clone, Deserialize, Default)]
#[serde(default)]
struct Subproblem {
    detail: String,
    identifier: Option<Identifier>,
}

#[derive(Debug, Clone, Deserialize)]
struct Identifier {
    value: String,
}

impl Problem {
    fn kind(&self) -> &str {
        self.kind.rsplit(':').next().unwrap_or_default()
    }

    fn detail(&self) -> String {
        let mut detail = self.detail.clone();
        for sub in &self.subproblems {
            let name = sub.identifier.as_ref().map(|identifier| format!("{}: ", identifier.value));
            detail = format!("{detail}; {}{}", name.unwrap_or_default(), sub.detail);
        }
        // A line of the log, and of `annex status`, shows it.
        if let Some((end, _)) = detail.char_indices().nth(QUOTED) {
            detail.truncate(end);
            detail.push('…');
        }
        detail
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        words(f, &self.detail(), self.status, self.kind())
    }
}

fn words(f: &mut fmt::Formatter<'_>, detail: &str, status: Option<u16>, kind: &str) -> fmt::Result {
    f.write_str(if detail.is_empty() { "the CA gives no reason" } else { detail })?;
    match (status, kind) {
        (None, "") => Ok(()),
        (None, kind) => write!(f, " ({kind})"),
        (Some(status), "") => write!(f, " (status {status})"),
        (Some(status), kind) => write!(f, " (status {status}, {kind})"),
    }
}

/// Characters of a CA's words that are kept.
const QUOTED: usize = 2_000;

/// An answer that is no success.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    pub(super) status: u16,
    /// The last part of the problem's URN: `rateLimited`, `malformed` …
    pub(super) kind: String,
    pub(super) detail: String,
    /// No sooner than this, says the header or the text.
    pub(super) not_before: Option<SystemTime>,
    /// Whether the same request may be answered differently later.
    pub(super) may_pass: bool,
}

impl Refused {
    pub(super) fn by(answer: &Received) -> Self {
        let problem: Problem = serde_json::from_slice(&answer.body).unwrap_or_default();
        let (kind, detail, now) = (problem.kind().to_owned(), problem.detail(), clock::now());
        let header = answer.retry_after(now).and_then(|span| now.checked_add(span));
        let not_before = header.max(text_moment(&detail));
        Self { status: answer.status, kind, detail, not_before, may_pass: answer.may_pass() }
    }

    /// Whether it is about the request itself, and not about the moment.
    pub(super) fn is_final(&self) -> bool {
        !self.may_pass && (400..500).contains(&self.status)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        words(f, &self.detail, Some(self.status), &self.kind)
    }
}

/// The moment in "… retry after 2026-11-25 10:15:00 UTC …", as Let's Encrypt words it.
fn text_moment(detail: &str) -> Option<SystemTime> {
    let after = detail.split("retry after ").nth(1)?;
    let mut words = after.split_whitespace();
    let first = words.next()?.trim_end_matches([',', ':', ';']);
    if first.contains('T') {
        return clock::parse_rfc3339(first);
    }
    let time = words.next()?.trim_end_matches([',', ':', ';']);
    clock::parse_rfc3339(&format!("{first}T{time}Z"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::Url;
    use reqwest::header::{HeaderMap, RETRY_AFTER};

    use super::*;

    #[test]
    fn a_refusal_keeps_the_cas_words_and_the_later_of_both_moments() {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, "120".parse().unwrap());
        let body = br#"{"type": "urn:ietf:params:acme:error:rateLimited",
            "detail": "too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s, retry after 2099-11-25 10:15:00 UTC: see https://x",
            "subproblems": [{"detail": "no such name", "identifier": {"type": "dns", "value": "b.example"}}]}"#;
        let refused = Refused::by(&Received {
            status: 429,
            headers,
            url: Url::parse("https://ca.example/order").unwrap(),
            body: body.to_vec(),
            is_whole: true,
            elapsed: Duration::ZERO,
        });
        assert_eq!(refused.kind, "rateLimited");
        assert!(refused.to_string().contains("b.example: no such name (status 429, rateLimited)"));
        assert_eq!(refused.not_before, clock::parse_rfc3339("2099-11-25T10:15:00Z"));
    }

    #[test]
    fn moments_in_texts_are_found_or_absent() {
        let moment = clock::parse_rfc3339("2026-11-25T10:15:00Z");
        for text in ["retry after 2026-11-25 10:15:00 UTC", "x, retry after 2026-11-25T10:15:00Z: see"] {
            assert_eq!(text_moment(text), moment, "{text}");
        }
        assert_eq!(text_moment("retry after lunch"), None);
        assert_eq!(text_moment("nothing"), None);
        let long = Problem { detail: "é".repeat(50_000), ..Problem::default() };
        assert_eq!(long.detail().chars().count(), QUOTED + 1, "a line of the log has an end");
    }
}
