//! How a call says who it is: a token that is fetched and kept, or a signature of its own.

mod assertion;
mod oauth1;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Map, Value as Json};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use crate::neighbour;
use crate::secret::Secret;

use super::scope::words;
use super::template::{Hole, Path, Template, Text};

pub(super) use assertion::{ALGORITHMS, Certificate};
pub(super) use oauth1::{Hash, OAuth1, Signed};

pub(super) enum Auth {
    Bearer(Box<Bearer>),
    OAuth1(OAuth1),
    Certificate(Box<Certificate>),
}

/// The token is fetched by a request of its own.
pub(super) struct Bearer {
    pub(super) url: Text,
    pub(super) method: Method,
    pub(super) is_json: bool,
    pub(super) content: Option<Template>,
    pub(super) headers: Option<Template>,
    pub(super) params: Option<Template>,
    /// Where in the answer the token stands.
    pub(super) credential_key: Path,
}

/// A request for a token, filled.
pub(super) struct TokenRequest {
    pub(super) url: String,
    pub(super) method: Method,
    pub(super) is_json: bool,
    pub(super) content: Json,
    pub(super) headers: Map<String, Json>,
    pub(super) params: Json,
    /// The same for the same request.
    pub(super) key: [u8; 32],
}

impl Auth {
    /// Where the token comes from.
    pub(super) fn url(&self) -> Option<&Text> {
        match self {
            Self::Bearer(bearer) => Some(&bearer.url),
            Self::Certificate(certificate) => Some(&certificate.url),
            Self::OAuth1(_) => None,
        }
    }

    pub(super) fn holes<'a>(&'a self, into: &mut Vec<&'a Hole>) {
        match self {
            Self::Bearer(bearer) => {
                into.extend(bearer.url.holes());
                let parts = [&bearer.content, &bearer.headers, &bearer.params];
                parts.into_iter().flatten().for_each(|part| part.holes(into));
            }
            Self::OAuth1(own) => into.extend(own.texts().flat_map(Text::holes)),
            Self::Certificate(own) => {
                into.extend(own.texts().flat_map(Text::holes));
                own.templates().for_each(|part| part.holes(into));
            }
        }
    }
}

/// What makes two requests for a token the same.
pub(super) fn key(parts: &[&Json]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        let text = part.to_string();
        hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(text);
    }
    hash.finalize().into()
}

/// The token in an answer, and how long it is good for.
pub(super) fn issued(answer: &Json, credential_key: &Path) -> Option<(Secret, Duration)> {
    let mut value = answer;
    for segment in &credential_key.segments {
        value = match segment {
            super::template::Segment::Key(key) => value.get(key.as_str())?,
            super::template::Segment::Index(index) => value.get(usize::try_from(*index).ok()?)?,
            super::template::Segment::Fetch => return None,
        };
    }
    let token = Some(words(value)).filter(|token| !token.is_empty())?;
    let life = answer.get("expires_in").and_then(neighbour::seconds);
    let life = life.unwrap_or(USUAL_LIFE).saturating_sub(EARLY);
    Some((Secret::new(token.into_bytes()), life))
}

/// Where the answer does not say how long a token lives.
const USUAL_LIFE: Duration = Duration::from_secs(3_600);
/// A token is fetched anew this long before its end.
const EARLY: Duration = Duration::from_secs(60);
/// Tokens that are kept.
const MOST: usize = 100;

/// Tokens by what they were asked with.
#[derive(Default)]
pub(super) struct Tokens {
    known: Mutex<HashMap<[u8; 32], (Secret, Instant)>>,
}

impl Tokens {
    pub(super) async fn get(&self, key: &[u8; 32], now: Instant) -> Option<String> {
        let known = self.known.lock().await;
        let (secret, until) = known.get(key)?;
        (*until > now).then(|| String::from_utf8_lossy(secret.expose()).into_owned())
    }

    pub(super) async fn keep(&self, key: [u8; 32], secret: Secret, until: Instant) {
        let mut known = self.known.lock().await;
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(key, (secret, until));
    }

    pub(super) async fn forget(&self, key: &[u8; 32]) {
        self.known.lock().await.remove(key);
    }
}
