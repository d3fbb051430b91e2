//! An HTTP interface as a target.

use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};

use super::super::call;
use super::super::place;
use super::auth::Auth;
use super::{LONGEST_ANSWER, Received, SendError};
use crate::breaker::Breaker;
use crate::clock;
use crate::outbound::{Client, ClientError, Part, Read, Request, Settings, Uplink};

/// The header that stays the same over all tries of a call (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: &str = "idempotency-key";

pub struct HttpTarget {
    base: Url,
    client: Client,
    headers: HeaderMap,
    auth: Auth,
    /// For one call, from connecting to the end of the answer.
    timeout: Duration,
    breaker: Breaker,
}

impl HttpTarget {
    pub fn new(
        base: Url,
        uplink: Uplink,
        headers: HeaderMap,
        auth: Auth,
        timeout: Duration,
    ) -> Result<Self, ClientError> {
        let client = Client::new(Settings::new(uplink))?;
        Ok(Self { base, client, headers, auth, timeout, breaker: Breaker::default() })
    }

    /// Where it is, without what may be secret in it.
    pub fn url(&self) -> &Url {
        &self.base
    }

    pub(super) async fn send(
        &self,
        request: &call::Request,
        key: &str,
        deadline: Instant,
    ) -> Result<Received, SendError> {
        let url = self.place(&request.path)?;
        let call = self.breaker.admit(Instant::now()).map_err(SendError::Down)?;
        let left = deadline.saturating_duration_since(Instant::now());
        let mut again = true;
        let result = loop {
            let left = deadline.saturating_duration_since(Instant::now()).min(self.timeout);
            let result = self.once(&url, request, key, Instant::now() + left).await;
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
        let request = Request::new(Method::HEAD, self.base.clone()).with_headers(self.headers.clone());
        let until = Instant::now() + self.timeout;
        let request = self.signed(request, until).await?;
        Ok(self.client.send(request, left(until), Read::UpTo(0)).await?.status)
    }

    /// With what proves who we are. A token that has to be fetched first is part of the call's time.
    async fn signed(&self, request: Request, until: Instant) -> Result<Request, SendError> {
        match tokio::time::timeout_at(until.into(), self.auth.sign(&self.client, request, until)).await {
            Ok(signed) => signed,
            Err(_) => Err(SendError::Token("it did not come in time".to_owned())),
        }
    }

    /// The target's URL with a call's path behind it: what stands in a field cannot lead anywhere else.
    pub(super) fn place(&self, path: &str) -> Result<Url, SendError> {
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
        call: &call::Request,
        key: &str,
        until: Instant,
    ) -> Result<Received, SendError> {
        let method = Method::from_bytes(call.method.as_bytes())
            .map_err(|_| SendError::Refused(format!("`{}` is no method", call.method)))?;
        let mut headers = self.headers.clone();
        headers.append(IDEMPOTENCY_KEY, value(key)?);
        for (name, text) in &call.headers {
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| SendError::Refused(format!("`{name}` is not a name of a header")))?;
            headers.append(name, value(text)?);
        }
        let mut request = Request::new(method, url.clone()).with_headers(headers);
        if let Some(name) = &call.file_part {
            let mut parts: Vec<_> = call.parts.iter().map(text_part).collect();
            let file_name = call.file_name.clone();
            parts.push(Part {
                name: name.clone(),
                file_name: Some(file_name.unwrap_or_else(|| usual_name(&call.content_type).to_owned())),
                content_type: Some(call.content_type.clone()),
                bytes: call.body.clone(),
            });
            request = request.with_parts(&parts);
        } else if !(call.body.is_empty() && call.content_type.is_empty()) {
            request = request.with_body(value(&call.content_type)?, call.body.clone());
        }
        let request = self.signed(request, until).await?;
        let received = self.client.send(request, left(until), Read::UpTo(LONGEST_ANSWER)).await?;
        Ok(Received {
            status: received.status,
            retry_after: received.retry_after(clock::now()),
            content_type: received.content_type().unwrap_or_default().to_owned(),
            is_whole: received.is_whole,
            body: received.body,
        })
    }
}

fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}

fn value(text: &str) -> Result<HeaderValue, SendError> {
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| {
        SendError::Refused("a header that was made has characters that none can have".to_owned())
    })
}

fn text_part(part: &call::Part) -> Part {
    let bytes = part.text.clone().into_bytes();
    Part { name: part.name.clone(), file_name: None, content_type: None, bytes }
}

fn usual_name(content_type: &str) -> &'static str {
    match content_type.split(';').next().unwrap_or_default() {
        "application/json" => "document.json",
        "text/csv" => "document.csv",
        "application/xml" | "text/xml" => "document.xml",
        _ => "document",
    }
}
