//! Requests to a CA that rustls-acme cannot make: the whole directory, an account bound to one elsewhere (EAB), an
//! order with `profile` and `replaces`, renewal information. Unlike its own they keep the status, `Retry-After` and the
//! problem document.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::hmac as mac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONTENT_TYPE, DATE, HeaderMap, LOCATION, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::ClientConfig;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::clock;
use crate::secret::Secret;

use super::super::ExternalAccount;

/// A CA that does not connect, or does not answer, within these is away.
const CONNECT: Duration = Duration::from_secs(10);
pub(super) const ANSWER: Duration = Duration::from_secs(15);
/// No answer of a CA is larger.
const LARGEST: usize = 1 << 20;
const AGENT: &str = concat!("annex/", env!("CARGO_PKG_VERSION"), " rustls-acme/0.15.4 hyper/1");

#[derive(Debug, thiserror::Error)]
pub(super) enum RequestError {
    #[error("cannot reach {url}: {problem}")]
    Unreachable { url: String, problem: String },
    #[error("no answer from {0} within {s} s", s = ANSWER.as_secs())]
    Silent(String),
    #[error("{0}")]
    Refused(Box<Refused>),
    #[error("{url} answered something else than expected: {problem}")]
    Unreadable { url: String, problem: String },
    #[error("cannot sign a request to the CA")]
    Signing,
    #[error("the key of the external account is no base64url")]
    ExternalKey,
}

/// A refusal in the CA's own words (RFC 7807, RFC 8555 section 6.7).
#[derive(Debug, Clone)]
pub(super) struct Refused {
    pub(super) status: u16,
    /// The last part of the problem's URN: `rateLimited`, `malformed` …
    pub(super) kind: String,
    pub(super) detail: String,
    /// No sooner than this, says the header or the text.
    pub(super) not_before: Option<SystemTime>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let detail = if self.detail.is_empty() { "no reason given" } else { &self.detail };
        write!(f, "{detail} (status {}", self.status)?;
        if !self.kind.is_empty() {
            write!(f, ", {}", self.kind)?;
        }
        f.write_str(")")
    }
}

/// What a CA answered with success.
pub(super) struct Answered {
    pub(super) headers: HeaderMap,
    body: Bytes,
    url: String,
}

impl Answered {
    pub(super) fn json<T: for<'de> Deserialize<'de>>(&self) -> Result<T, RequestError> {
        serde_json::from_slice(&self.body).map_err(|error| self.unreadable(error.to_string()))
    }

    pub(super) fn location(&self) -> Result<String, RequestError> {
        let location = self.headers.get(LOCATION).and_then(|location| location.to_str().ok());
        location.map(str::to_owned).ok_or_else(|| self.unreadable("no Location header".to_owned()))
    }

    pub(super) fn retry_after(&self) -> Option<SystemTime> {
        header_moment(&self.headers)
    }

    /// The CA's clock.
    pub(super) fn date(&self) -> Option<SystemTime> {
        httpdate::parse_http_date(self.headers.get(DATE)?.to_str().ok()?).ok()
    }

    fn unreadable(&self, problem: String) -> RequestError {
        RequestError::Unreadable { url: self.url.clone(), problem }
    }
}

/// An HTTPS client for one CA.
pub(super) struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Http {
    pub(super) fn new(tls: &Arc<ClientConfig>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT));
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(ClientConfig::clone(tls))
            .https_only()
            .enable_http1()
            .wrap_connector(tcp);
        Self { client: Client::builder(TokioExecutor::new()).build(https) }
    }

    pub(super) async fn get(&self, url: &str) -> Result<Answered, RequestError> {
        self.send(Method::GET, url, None).await
    }

    /// A signed request; `payload` empty is POST-as-GET.
    pub(super) async fn post(
        &self,
        url: &str,
        key: &EcdsaKeyPair,
        signer: Signer<'_>,
        payload: &str,
        nonces: &str,
    ) -> Result<Answered, RequestError> {
        let nonce = self.send(Method::HEAD, nonces, None).await?;
        let nonce = nonce.headers.get("replay-nonce").and_then(|nonce| nonce.to_str().ok());
        let nonce = nonce.ok_or_else(|| RequestError::Unreadable {
            url: nonces.to_owned(),
            problem: "no Replay-Nonce header".to_owned(),
        })?;
        let body = jws(key, signer, Some(nonce), url, payload)?;
        self.send(Method::POST, url, Some(body)).await
    }

    async fn send(&self, method: Method, url: &str, body: Option<Value>) -> Result<Answered, RequestError> {
        let unreachable = |problem: String| RequestError::Unreachable { url: url.to_owned(), problem };
        let mut request = Request::builder().method(method).uri(url).header(USER_AGENT, AGENT);
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/jose+json");
        }
        let body = Full::new(body.map_or_else(Bytes::new, |body| body.to_string().into()));
        let request = request.body(body).map_err(|error| unreachable(error.to_string()))?;
        let whole = async {
            let response = self.client.request(request).await.map_err(|error| unreachable(chain(&error)))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, LARGEST).collect().await;
            let body = body.map_err(|error| unreachable(error.to_string()))?.to_bytes();
            Ok((head, body))
        };
        let (head, body) =
            timeout(ANSWER, whole).await.map_err(|_| RequestError::Silent(url.to_owned()))??;
        if head.status.is_success() {
            Ok(Answered { headers: head.headers, body, url: url.to_owned() })
        } else {
            Err(RequestError::Refused(Box::new(refused(head.status.as_u16(), &head.headers, &body))))
        }
    }
}

/// An error with its causes: hyper's own text is only "client error (Connect)".
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.last().map_or_else(|| error.to_string(), ToString::to_string)
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Problem {
    #[serde(rename = "type")]
    kind: String,
    detail: String,
    subproblems: Vec<Subproblem>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Subproblem {
    detail: String,
    identifier: Option<Identifier>,
}

#[derive(Deserialize)]
struct Identifier {
    value: String,
}

fn refused(status: u16, headers: &HeaderMap, body: &[u8]) -> Refused {
    let problem: Problem = serde_json::from_slice(body).unwrap_or_default();
    let mut detail = problem.detail;
    for sub in problem.subproblems {
        let name = sub.identifier.map(|identifier| format!("{}: ", identifier.value)).unwrap_or_default();
        detail = format!("{detail}; {name}{}", sub.detail);
    }
    let not_before = header_moment(headers).max(text_moment(&detail));
    let kind = problem.kind.rsplit(':').next().unwrap_or_default().to_owned();
    Refused { status, kind, detail, not_before }
}

/// `Retry-After`: seconds from now, or a date.
fn header_moment(headers: &HeaderMap) -> Option<SystemTime> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse::<u64>() {
        Ok(seconds) => clock::now().checked_add(Duration::from_secs(seconds)),
        Err(_) => httpdate::parse_http_date(text).ok(),
    }
}

/// The moment in "… retry after 2026-11-25 10:15:00 UTC …", as Let's Encrypt words it.
pub(super) fn text_moment(detail: &str) -> Option<SystemTime> {
    let after = detail.split("retry after ").nth(1)?;
    let mut words = after.split_whitespace();
    let first = words.next()?.trim_end_matches([',', ':', ';']);
    if first.contains('T') {
        return clock::parse_rfc3339(first);
    }
    let time = words.next()?.trim_end_matches([',', ':', ';']);
    clock::parse_rfc3339(&format!("{first}T{time}Z"))
}

/// Who signs: a key that the CA does not know yet, or an account.
#[derive(Clone, Copy)]
pub(super) enum Signer<'s> {
    NewKey,
    Account(&'s str),
}

/// A JSON Web Signature with ES256 (RFC 8555 section 6.2).
fn jws(
    key: &EcdsaKeyPair,
    signer: Signer<'_>,
    nonce: Option<&str>,
    url: &str,
    payload: &str,
) -> Result<Value, RequestError> {
    let mut header = json!({"alg": "ES256", "url": url});
    match signer {
        Signer::NewKey => header["jwk"] = jwk(key),
        Signer::Account(url) => header["kid"] = url.into(),
    }
    if let Some(nonce) = nonce {
        header["nonce"] = nonce.into();
    }
    let (protected, payload) = (BASE64URL.encode(header.to_string()), BASE64URL.encode(payload));
    let signed = format!("{protected}.{payload}");
    let signature = key.sign(&SystemRandom::new(), signed.as_bytes()).map_err(|_| RequestError::Signing)?;
    Ok(json!({"protected": protected, "payload": payload, "signature": BASE64URL.encode(signature)}))
}

/// The public half of a P-256 key (RFC 7517): the point without its leading "uncompressed" byte.
fn jwk(key: &EcdsaKeyPair) -> Value {
    let point = key.public_key().as_ref();
    let (x, y) = point.get(1..).unwrap_or_default().split_at(32);
    json!({"kty": "EC", "crv": "P-256", "x": BASE64URL.encode(x), "y": BASE64URL.encode(y)})
}

/// Shows the CA that the account elsewhere agrees (RFC 8555 section 7.3.4).
pub(super) fn external_account_binding(
    external: &ExternalAccount,
    key: &EcdsaKeyPair,
    url: &str,
) -> Result<Value, RequestError> {
    let header = json!({"alg": "HS256", "kid": external.key_id, "url": url});
    let (protected, payload) = (BASE64URL.encode(header.to_string()), BASE64URL.encode(jwk(key).to_string()));
    let mac_key = mac_key(&external.mac_key)?;
    let tag = mac::sign(
        &mac::Key::new(mac::HMAC_SHA256, mac_key.expose()),
        format!("{protected}.{payload}").as_bytes(),
    );
    Ok(json!({"protected": protected, "payload": payload, "signature": BASE64URL.encode(tag)}))
}

fn mac_key(base64url: &Secret) -> Result<Secret, RequestError> {
    let text = String::from_utf8_lossy(base64url.expose());
    let text = text.trim().trim_end_matches('=');
    BASE64URL.decode(text).map(Secret::new).map_err(|_| RequestError::ExternalKey)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_keeps_the_cas_words_and_the_later_of_both_moments() {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, "120".parse().unwrap());
        let body = br#"{"type": "urn:ietf:params:acme:error:rateLimited",
            "detail": "too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s, retry after 2099-11-25 10:15:00 UTC: see https://x",
            "subproblems": [{"detail": "no such name", "identifier": {"type": "dns", "value": "b.example"}}]}"#;
        let refused = refused(429, &headers, body);
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
    }
}
