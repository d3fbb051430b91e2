//! Rossum's REST API, as far as steps need it: the original document, a document's data, values written back.
//!
//! It is called with a token of the configuration's own. The token of a delivery ends with our answer and is never kept.
//! Source: Rossum's API reference, "Document", "Annotation data".

mod documents;

use std::time::{Duration, Instant};

use reqwest::{Method, Url};
use serde_json::{Value, json};

use crate::clock;
use crate::outbound::{CallError, Client, ClientError, Read, Received, Request, Settings, Uplink};
use crate::secret::Secret;
use crate::trees::{self, make_of};

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

impl Api {
    /// `base` is the account's address, with `/api/v1` or without.
    pub fn new(mut base: Url, token: Secret, uplink: Uplink) -> Result<Self, ClientError> {
        let path = base.path().trim_end_matches('/');
        let path = if path.ends_with("/api/v1") { format!("{path}/") } else { format!("{path}/api/v1/") };
        base.set_path(&path);
        let client = Client::new(Settings::new(uplink).connecting_within(PATIENCE).silent_for(PATIENCE))?;
        Ok(Self { base, token, client })
    }

    /// Where it is.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// The file that a document was made of: `GET /documents/{id}/content`.
    pub async fn original(&self, document: u64, deadline: Instant) -> Result<Original, ApiError> {
        let path = format!("documents/{document}/content");
        let received = self.call(self.request(Method::GET, &path)?, deadline).await?;
        Ok(Original { content_type: content_type(&received), bytes: received.body })
    }

    /// The extracted data, as JSON: `GET /annotations/{id}/content`.
    pub async fn content(&self, annotation: &str, deadline: Instant) -> Result<Vec<u8>, ApiError> {
        let path = format!("annotations/{annotation}/content");
        Ok(self.call(self.request(Method::GET, &path)?, deadline).await?.body)
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
        self.call(self.request(Method::POST, &path)?.with_json(&body), deadline).await.map(|_| ())
    }

    /// Whether the token is taken: `GET /auth/user`.
    pub async fn look(&self, deadline: Instant) -> Result<(), ApiError> {
        self.call(self.request(Method::GET, "auth/user")?, deadline).await.map(|_| ())
    }

    /// A request below the account's address, with its token.
    fn request(&self, method: Method, path: &str) -> Result<Request, ApiError> {
        // An id comes from a delivery: it must lead nowhere else.
        let url = self.base.join(path).ok().filter(|url| url.as_str().starts_with(self.base.as_str()));
        let url = url.ok_or_else(|| ApiError::Unreachable("the path leads out of the API".to_owned()))?;
        let request = Request::new(method, url).with_bearer(&self.token);
        request.map_err(|error| ApiError::Unreachable(error.to_string()))
    }

    async fn call(&self, request: Request, deadline: Instant) -> Result<Received, ApiError> {
        let what = request.url.path().strip_prefix(self.base.path()).unwrap_or_default();
        let what = what.split('/').next().unwrap_or_default().to_owned();
        let left = deadline.saturating_duration_since(Instant::now());
        let received = self.client.send(request, left, Read::Whole(LARGEST)).await?;
        match received.status {
            _ if received.is_success() => Ok(received),
            401 => Err(ApiError::Token),
            status @ (408 | 409 | 429 | 500..) => {
                Err(ApiError::Busy { status, retry_after: received.retry_after(clock::now()) })
            }
            status => {
                let words = String::from_utf8_lossy(&received.body).chars().take(QUOTED).collect();
                Err(ApiError::Refused { what, status, words })
            }
        }
    }
}

impl From<CallError> for ApiError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Silent(_) => Self::TimedOut,
            CallError::TooLarge(_) => Self::TooLarge,
            CallError::Unreachable(why) | CallError::Untimely(why) | CallError::Broken(why) => {
                Self::Unreachable(why)
            }
            CallError::Unfit(_) | CallError::Url { .. } => Self::Unreachable(error.to_string()),
        }
    }
}

fn content_type(received: &Received) -> String {
    received.content_type().unwrap_or("application/octet-stream").to_owned()
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
