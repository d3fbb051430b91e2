//! An HTTP interface as a target.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Client, Method, Response, Url, redirect};

use super::super::call::{self, Request};
use super::super::place;
use super::auth::Auth;
use super::{LONGEST_ANSWER, Received, SendError};
use crate::breaker::Breaker;
use crate::clock;
use crate::multipart::{self, Part};
use crate::neighbour;
use crate::unreached::words;

/// The header that stays the same over all tries of a call (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: &str = "idempotency-key";

pub struct HttpTarget {
    base: Url,
    client: Client,
    headers: Vec<(HeaderName, HeaderValue)>,
    auth: Auth,
    /// For one call, from connecting to the end of the answer.
    timeout: Duration,
    breaker: Breaker,
}

/// A target that cannot be built.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ClientError(String);

impl HttpTarget {
    pub fn new(
        base: Url,
        tls: rustls::ClientConfig,
        headers: Vec<(HeaderName, HeaderValue)>,
        auth: Auth,
        timeout: Duration,
    ) -> Result<Self, ClientError> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(redirect::Policy::none()) // a redirected POST would lose its body or reach a stranger
            .no_proxy()
            .connect_timeout(timeout)
            .timeout(timeout)
            .user_agent(concat!("annex/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| ClientError(words(&error)))?;
        Ok(Self { base, client, headers, auth, timeout, breaker: Breaker::default() })
    }

    /// Where it is, without what may be secret in it.
    pub fn url(&self) -> &Url {
        &self.base
    }

    pub(super) async fn send(
        &self,
        request: &Request,
        key: &str,
        deadline: Instant,
    ) -> Result<Received, SendError> {
        let url = self.place(&request.path)?;
        let call = self.breaker.admit(Instant::now()).map_err(SendError::Down)?;
        let left = deadline.saturating_duration_since(Instant::now());
        let mut again = true;
        let result = loop {
            let left = deadline.saturating_duration_since(Instant::now()).min(self.timeout);
            let is_sent = AtomicBool::new(false);
            let result = match tokio::time::timeout(left, self.once(&url, request, key, &is_sent)).await {
                Ok(result) => result,
                Err(_) if is_sent.load(Ordering::Relaxed) => Err(SendError::TimedOut),
                Err(_) => Err(SendError::Token("it did not come in time".to_owned())),
            };
            match result {
                Ok(received) if received.status == 401 && again && self.auth.forget().await => again = false,
                result => break result,
            }
        };
        let reached = match &result {
            // A proxy in front of it says so, where there is one. A 500 is an answer: another document may pass.
            Ok(received) => !matches!(received.status, 502..=504),
            Err(error) => error.is_final(),
        };
        match &result {
            Err(SendError::TimedOut) => _ = call.timed_out(left, self.timeout, Instant::now()),
            _ => call.report(reached, Instant::now()),
        }
        result
    }

    pub(super) async fn look(&self) -> Result<u16, SendError> {
        let mut call = self.client.head(self.base.clone());
        for (name, value) in &self.headers {
            call = call.header(name, value);
        }
        let call = self.auth.sign(&self.client, call).await?;
        let answer = call.send().await.map_err(|error| failure(&error))?;
        Ok(answer.status().as_u16())
    }

    /// The target's URL with a call's path behind it: what stands in a field cannot lead anywhere else.
    fn place(&self, path: &str) -> Result<Url, SendError> {
        if path.is_empty() {
            return Ok(self.base.clone());
        }
        let mut base = self.base.clone();
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let relative = format!("./{}", path.trim_start_matches('/'));
        let url = base
            .join(&relative)
            .ok()
            .filter(|url| url.origin() == base.origin() && url.path().starts_with(base.path()))
            .filter(|url| url.fragment().is_none() && place::keeps(url, path));
        url.ok_or_else(|| SendError::Refused(format!("the path that was made leads out of {}", self.base)))
    }

    async fn once(
        &self,
        url: &Url,
        request: &Request,
        key: &str,
        is_sent: &AtomicBool,
    ) -> Result<Received, SendError> {
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| SendError::Refused(format!("`{}` is no method", request.method)))?;
        let mut call = self.client.request(method, url.clone());
        for (name, value) in &self.headers {
            call = call.header(name, value);
        }
        call = call.header(IDEMPOTENCY_KEY, key);
        for (name, value) in &request.headers {
            call = call.header(name.as_str(), value.as_str());
        }
        call = match &request.file_part {
            Some(name) => {
                let mut parts: Vec<_> = request.parts.iter().map(text_part).collect();
                parts.push(Part {
                    name: name.clone(),
                    file_name: Some(
                        request
                            .file_name
                            .clone()
                            .unwrap_or_else(|| file_name(&request.content_type).to_owned()),
                    ),
                    content_type: Some(request.content_type.clone()),
                    bytes: request.body.clone(),
                });
                let (form, kind) = multipart::form(&parts);
                call.header(CONTENT_TYPE, kind).body(form)
            }
            None if request.body.is_empty() && request.content_type.is_empty() => call,
            None => call.header(CONTENT_TYPE, request.content_type.as_str()).body(request.body.clone()),
        };
        let call = self.auth.sign(&self.client, call).await?;
        is_sent.store(true, Ordering::Relaxed);
        let answer = call.send().await.map_err(|error| failure(&error))?;
        read(answer).await
    }
}

fn text_part(part: &call::Part) -> Part {
    let bytes = part.text.clone().into_bytes();
    Part { name: part.name.clone(), file_name: None, content_type: None, bytes }
}

fn file_name(content_type: &str) -> &'static str {
    match content_type.split(';').next().unwrap_or_default() {
        "application/json" => "document.json",
        "text/csv" => "document.csv",
        "application/xml" | "text/xml" => "document.xml",
        _ => "document",
    }
}

async fn read(answer: Response) -> Result<Received, SendError> {
    let status = answer.status().as_u16();
    let retry_after = neighbour::retry_after(answer.headers(), clock::now());
    let content_type = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    let (body, is_whole) = neighbour::beginning(answer, LONGEST_ANSWER)
        .await
        .map_err(|error| SendError::Broken(words(&error)))?;
    Ok(Received { status, retry_after, content_type, body, is_whole })
}

/// Why a call failed, without what it held.
pub fn failure(error: &reqwest::Error) -> SendError {
    let text = words(error);
    match () {
        () if error.is_timeout() => SendError::TimedOut,
        () if error.is_connect() => SendError::Unreachable(text),
        () if error.is_builder() => SendError::Refused(text),
        () => SendError::Broken(text),
    }
}
