//! Rossum's REST API, as far as steps need it: the original document, a document's data, values written back.
//!
//! It is called with a token of the configuration's own. The token of a delivery ends with our answer and is never kept.
//! Source: Rossum's API reference, "Document", "Annotation data".

mod documents;

use std::time::{Duration, Instant};

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url, redirect};
use serde_json::{Value, json};
use tokio::time::timeout_at;

use crate::clock;
use crate::neighbour::{self, Unread};
use crate::secret::Secret;
use crate::trees::{self, make_of};
use crate::unreached::words;

pub use documents::Fetched;

/// The largest answer: Rossum takes files of 40 MB.
const LARGEST: usize = 64_000_000;
/// What Rossum says of a mistake.
const QUOTED: usize = 300;
/// For connecting, and between two parts of an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// An account, and the token for it.
pub struct Api {
    /// Ends in `/api/v1/`.
    base: Url,
    token: Secret,
    client: Client,
}

/// A file as it was uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    pub bytes: Vec<u8>,
    pub content_type: String,
}

/// Why Rossum did not do it. It holds no data of a document.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("Rossum's API cannot be reached: {0}")]
    Unreachable(String),
    #[error("Rossum's API did not answer in time")]
    TimedOut,
    #[error(
        "Rossum's API does not take the token (status 401): put a new one where `token` of [rossum] names it, and reload"
    )]
    Token,
    #[error("Rossum's API is busy (status {status})")]
    Busy { status: u16, retry_after: Option<Duration> },
    #[error("Rossum's API refuses {what} (status {status})")]
    Refused { what: String, status: u16, words: String },
    #[error("what Rossum's API answers is larger than {} MB", LARGEST / 1_000_000)]
    TooLarge,
    #[error("what Rossum's API answers: {0}")]
    TooMuch(String),
}

impl ApiError {
    /// Whether the same may succeed later.
    pub fn may_pass(&self) -> bool {
        !matches!(self, Self::Refused { .. } | Self::TooLarge | Self::TooMuch(_))
    }

    /// What Rossum itself says, for people; it may quote the document.
    pub fn words(&self) -> &str {
        match self {
            Self::Refused { words, .. } => words,
            _ => "",
        }
    }

    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// The body of a request.
enum Sent<'s> {
    Json(&'s Value),
    /// A form with files, and its content type.
    Form(Vec<u8>, String),
}

/// A client that cannot be built.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ClientError(String);

impl Api {
    /// `base` is the account's address, with `/api/v1` or without.
    pub fn new(mut base: Url, token: Secret, tls: rustls::ClientConfig) -> Result<Self, ClientError> {
        let path = base.path().trim_end_matches('/');
        let path = if path.ends_with("/api/v1") { format!("{path}/") } else { format!("{path}/api/v1/") };
        base.set_path(&path);
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(redirect::Policy::none()) // the token goes to no stranger
            .no_proxy()
            .connect_timeout(PATIENCE)
            .read_timeout(PATIENCE)
            .user_agent(concat!("annex/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| ClientError(words(&error)))?;
        Ok(Self { base, token, client })
    }

    /// Where it is.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// The file that a document was made of: `GET /documents/{id}/content`.
    pub async fn original(&self, document: u64, deadline: Instant) -> Result<Original, ApiError> {
        let path = format!("documents/{document}/content");
        let answer = self.call(Method::GET, &path, None, deadline).await?;
        let content_type = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or("application/octet-stream").to_owned();
        Ok(Original { bytes: whole(answer, deadline).await?, content_type })
    }

    /// The extracted data, as JSON: `GET /annotations/{id}/content`.
    pub async fn content(&self, annotation: &str, deadline: Instant) -> Result<Vec<u8>, ApiError> {
        let path = format!("annotations/{annotation}/content");
        whole(self.call(Method::GET, &path, None, deadline).await?, deadline).await
    }

    /// Gives datapoints new values: `POST /annotations/{id}/content/operations`.
    pub async fn replace(
        &self,
        annotation: &str,
        values: &[(String, String)],
        validation_sources: &[String],
        deadline: Instant,
    ) -> Result<(), ApiError> {
        let operation = |(id, value): &(String, String)| {
            let id: Value = id.parse::<u64>().map_or_else(|_| id.clone().into(), Into::into);
            let value = json!({"content": {"value": value}, "validation_sources": validation_sources});
            json!({"op": "replace", "id": id, "value": value})
        };
        let body = json!({"operations": values.iter().map(operation).collect::<Vec<_>>()});
        let path = format!("annotations/{annotation}/content/operations");
        self.call(Method::POST, &path, Some(Sent::Json(&body)), deadline).await.map(|_| ())
    }

    /// Whether the token is taken: `GET /auth/user`.
    pub async fn look(&self, deadline: Instant) -> Result<(), ApiError> {
        self.call(Method::GET, "auth/user", None, deadline).await.map(|_| ())
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Sent<'_>>,
        deadline: Instant,
    ) -> Result<Response, ApiError> {
        // An id comes from a delivery: it must lead nowhere else.
        let url = self.base.join(path).ok().filter(|url| url.as_str().starts_with(self.base.as_str()));
        let url = url.ok_or_else(|| ApiError::Unreachable("the path leads out of the API".to_owned()))?;
        let token = String::from_utf8_lossy(self.token.expose());
        let mut call: RequestBuilder = self.client.request(method, url).bearer_auth(token);
        call = match body {
            None => call,
            Some(Sent::Json(json)) => call.header(CONTENT_TYPE, "application/json").body(json.to_string()),
            Some(Sent::Form(bytes, kind)) => call.header(CONTENT_TYPE, kind).body(bytes),
        };
        let answer = match timeout_at(deadline.into(), call.send()).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) if error.is_timeout() => return Err(ApiError::TimedOut),
            Ok(Err(error)) => return Err(ApiError::Unreachable(words(&error))),
            Err(_) => return Err(ApiError::TimedOut),
        };
        let status = answer.status();
        match status {
            status if status.is_success() => Ok(answer),
            StatusCode::UNAUTHORIZED => Err(ApiError::Token),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::CONFLICT | StatusCode::REQUEST_TIMEOUT => {
                Err(busy(&answer))
            }
            status if status.is_server_error() => Err(busy(&answer)),
            status => {
                let what = path.split('/').next().unwrap_or_default().to_owned();
                let text = timeout_at(deadline.into(), neighbour::beginning(answer, QUOTED * 4)).await;
                let text = text.ok().and_then(Result::ok).unwrap_or_default().0;
                let words = String::from_utf8_lossy(&text).chars().take(QUOTED).collect();
                Err(ApiError::Refused { what, status: status.as_u16(), words })
            }
        }
    }
}

fn busy(answer: &Response) -> ApiError {
    let retry_after = neighbour::retry_after(answer.headers(), clock::now());
    ApiError::Busy { status: answer.status().as_u16(), retry_after }
}

/// Bytes of the largest tree: three such are fetched for a call now and then.
const LARGEST_TREE: usize = 64 << 20;

/// The tree of an answer; `None` where it is no JSON.
fn tree(bytes: &[u8], deadline: Instant) -> Result<Option<Value>, ApiError> {
    match make_of(bytes, deadline, || trees::read(bytes, LARGEST_TREE)) {
        Ok(Ok(json)) => Ok(Some(json)),
        Ok(Err(unread)) if unread.is_too_large() => Err(ApiError::TooMuch(unread.to_string())),
        Ok(Err(_)) => Ok(None),
        Err(_) => Err(ApiError::TimedOut),
    }
}

async fn whole(answer: Response, deadline: Instant) -> Result<Vec<u8>, ApiError> {
    match timeout_at(deadline.into(), neighbour::whole(answer, LARGEST)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(Unread::TooLong(_))) => Err(ApiError::TooLarge),
        Ok(Err(Unread::Broken(error))) => Err(ApiError::Unreachable(words(&error))),
        Err(_) => Err(ApiError::TimedOut),
    }
}
