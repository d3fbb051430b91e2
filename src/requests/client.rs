//! The calls themselves: which hosts they may go to, and what comes back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use crate::breaker::Breaker;
use crate::clock;
use crate::export::SendError;
use crate::export::target::{LONGEST_ANSWER, kept_body};
use crate::neighbour::{self, Digits};
use crate::outbound::{Client, ClientError, Read, Redirects, Request, Settings, Uplink};
use crate::secret::Secret;
use crate::trees::{Parts, Room, Tree, Unread};

pub(super) struct Clients {
    client: Client,
    /// For GET: it follows redirections.
    reader: Client,
    /// Hosts with their ports; `*.example.com` is every host under it.
    hosts: Vec<String>,
    /// One for each host, so that one that is down does not cost every delivery its time-out.
    breakers: Mutex<HashMap<String, Arc<Breaker>>>,
}

/// What is sent.
pub(super) struct Sent<'s> {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: &'s [u8],
    pub(super) unrepeated: Unrepeated,
}

/// What the answer comes without.
#[derive(Default)]
pub(super) struct Unrepeated {
    /// Known secrets.
    pub(super) secrets: Vec<Secret>,
    /// Headers that prove who we are: a refusal comes without their values. An answer that was asked for may give one that is
    /// the next call's.
    pub(super) headers: Vec<HeaderName>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub status: u16,
    pub retry_after: Option<Duration>,
    /// As far as it was read.
    #[serde(with = "kept_body")]
    pub body: Vec<u8>,
    /// Whether that is all of it.
    pub(super) is_whole: bool,
    pub(super) headers: Vec<(String, String)>,
    pub(super) url: String,
    pub(super) elapsed: Duration,
}

impl Clients {
    pub(super) fn new(uplink: Uplink, hosts: Vec<String>) -> Result<Self, ClientError> {
        let client = |redirects| Client::new(Settings::new(uplink.clone()).following(redirects));
        Ok(Self {
            client: client(Redirects::None)?,
            reader: client(Redirects::SameHost)?,
            hosts,
            breakers: Mutex::default(),
        })
    }

    /// A URL that may be called.
    pub(super) fn admit(&self, url: &str) -> Result<Url, String> {
        let url =
            Url::parse(url).map_err(|error| format!("the `url` that was made is not valid: {error}"))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err("the `url` that was made is neither https nor http".to_owned());
        }
        let host = url.host_str().unwrap_or_default();
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let fits = |known: &String| match known.strip_prefix("*.") {
            Some(end) => host.strip_suffix(end).is_some_and(|rest| rest.ends_with('.')),
            None => *known == authority || known == host,
        };
        if self.hosts.iter().any(fits) {
            Ok(url)
        } else {
            Err(format!("the host {authority} is not one that it may call: add it to `hosts` of the step"))
        }
    }

    fn breaker(&self, url: &Url) -> Arc<Breaker> {
        let host =
            format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(0));
        let mut breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(breakers.entry(host).or_default())
    }

    /// Sends it, once.
    pub(super) async fn send(
        &self,
        sent: Sent<'_>,
        timeout: Duration,
        deadline: Instant,
    ) -> Result<Answer, SendError> {
        let breaker = self.breaker(&sent.url);
        let call = breaker.admit(Instant::now()).map_err(SendError::Down)?;
        let left = deadline.saturating_duration_since(Instant::now()).min(timeout);
        let result = self.once(sent, left).await;
        let reached = match &result {
            Ok(answer) => !matches!(answer.status, 502..=504),
            Err(error) => matches!(error, SendError::Refused(_)),
        };
        match &result {
            Err(SendError::TimedOut) => _ = call.timed_out(left, timeout, Instant::now()),
            _ => call.report(reached, Instant::now()),
        }
        result
    }

    async fn once(&self, sent: Sent<'_>, within: Duration) -> Result<Answer, SendError> {
        let client = if sent.method == Method::GET { &self.reader } else { &self.client };
        let request = Request::new(sent.method, sent.url).with_headers(sent.headers);
        let request = request.without_repeating(sent.unrepeated.secrets);
        let mut request = sent.unrepeated.headers.iter().fold(request, Request::hiding);
        request.body = Bytes::copy_from_slice(sent.body);
        let received = client.send(request, within, Read::UpTo(LONGEST_ANSWER)).await?;
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = received.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        Ok(Answer {
            status: received.status,
            retry_after: received.retry_after(clock::now()),
            headers,
            url: received.url.to_string(),
            elapsed: received.elapsed,
            body: received.body,
            is_whole: received.is_whole,
        })
    }
}

/// A header that the settings make; what cannot stand in one becomes a space.
pub(super) fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    let value: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut value = HeaderValue::from_bytes(value.trim().as_bytes()).ok()?;
    value.set_sensitive(true);
    Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value))
}

impl Answer {
    /// Whether the other side did what it was asked.
    pub fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// As it may be kept: a cookie opens a session.
    #[must_use]
    pub fn to_keep(&self) -> Self {
        let mut kept = self.clone();
        kept.headers.retain(|(name, _)| name != "set-cookie");
        kept
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether the body is what a query for JSON reads, or nothing at all. `response` is this answer.
    pub(super) fn is_understood(&self, response: &Json) -> bool {
        self.body.is_empty() || response.get("body").is_some_and(|body| !body.is_string())
    }

    /// As handlers see it, under `response`.
    ///
    /// # Errors
    /// Where its JSON is more than an answer may hold.
    pub(super) fn to_json(&self, room: Room) -> Result<Tree, Unread> {
        let text = self.text();
        let mut headers = Map::new();
        for (name, value) in &self.headers {
            headers.insert(name.replace('-', "_"), value.clone().into());
        }
        let raw: Vec<_> = self.headers.iter().map(|(name, value)| json!([name, value])).collect();
        let kind = self.header("content-type").unwrap_or_default().to_ascii_lowercase();
        let encoding =
            kind.split("charset=").nth(1).map(|rest| rest.split(';').next().unwrap_or(rest).trim());
        let body: Option<Tree> = match &*kind {
            "" => None,
            kind if kind.contains("unknown") => None,
            kind if kind.contains("application/json") || kind.contains("+json") => {
                match neighbour::tree(&self.body, Digits::AsValued, Parts::All, room) {
                    Err(unread) if unread.is_too_large() => return Err(unread),
                    read => Some(read.unwrap_or_else(|_| Json::String(text.clone()).into())),
                }
            }
            _ => Some(Json::String(text.clone()).into()),
        };
        let cookies: Map<String, Json> = self
            .headers
            .iter()
            .filter(|(name, _)| name == "set-cookie")
            .filter_map(|(_, value)| value.split(';').next()?.split_once('='))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().into()))
            .collect();
        let reason =
            reqwest::StatusCode::from_u16(self.status).ok().and_then(|status| status.canonical_reason());
        let mut whole = Map::new();
        for (key, value) in [
            ("status_code", Json::from(self.status)),
            ("headers", headers.into()),
            ("headers_raw", raw.into()),
            ("text", text.clone().into()),
            ("content", text.into()),
            ("url", self.url.clone().into()),
            ("ok", (self.status < 400).into()),
            ("reason", reason.unwrap_or_default().into()),
            ("elapsed", self.elapsed.as_secs_f64().into()),
            ("encoding", encoding.map_or(Json::Null, Into::into)),
            ("cookies", cookies.into()),
        ] {
            whole.insert(key.to_owned(), value);
        }
        Ok(match body {
            None => Json::Object(whole).into(),
            Some(body) => body.map(|body| {
                whole.insert("body".to_owned(), super::scope::unmarked(body));
                Json::Object(whole)
            }),
        })
    }
}
