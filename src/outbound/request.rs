//! What is sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};

use crate::secret::Secret;

use super::form::{Part, multipart, urlencoded};
use super::repeated::secrets_in;

/// One request, made and not yet sent.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// What the other side may repeat, and nobody shall read in its answer.
    pub(super) secrets: Vec<Secret>,
    /// The same of a refusal alone, which is words for people; in an answer that is data it may be a value by chance.
    pub(super) hidden: Vec<Secret>,
}

/// A secret that no header can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoHeader {
    #[error("the secret cannot be in a header")]
    Unfit,
    #[error("nothing was sent: its secret is not there, as was said at the start")]
    Absent,
}

impl Request {
    pub fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            secrets: Vec::new(),
            hidden: Vec::new(),
        }
    }

    #[must_use]
    pub fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.headers = headers;
        self
    }

    /// With headers whose values are all secret.
    #[must_use]
    pub fn with_secret_headers(mut self, headers: HeaderMap) -> Self {
        self.secrets.extend(headers.iter().flat_map(|(name, value)| secrets_in(name, value)));
        self.headers = headers;
        self
    }

    /// Something of the request that no answer shall show.
    #[must_use]
    pub fn without_repeating(mut self, secrets: impl IntoIterator<Item = Secret>) -> Self {
        self.secrets.extend(secrets);
        self
    }

    /// A header of the request that no refusal shall show.
    #[must_use]
    pub fn hiding(mut self, name: &HeaderName) -> Self {
        self.hidden.extend(self.headers.get_all(name).iter().flat_map(|value| secrets_in(name, value)));
        self
    }

    /// With a body, whose kind is this.
    #[must_use]
    pub fn with_body(mut self, kind: HeaderValue, body: impl Into<Bytes>) -> Self {
        self.headers.insert(CONTENT_TYPE, kind);
        self.body = body.into();
        self
    }

    #[must_use]
    pub fn with_json(self, json: &serde_json::Value) -> Self {
        self.with_body(HeaderValue::from_static("application/json"), json.to_string().into_bytes())
    }

    #[must_use]
    pub fn with_form(self, pairs: &[(&str, &str)]) -> Self {
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        self.with_body(kind, urlencoded(pairs).into_bytes())
    }

    #[must_use]
    pub fn with_parts(self, parts: &[Part]) -> Self {
        let (form, kind) = multipart(parts);
        let kind = HeaderValue::try_from(kind).unwrap_or(HeaderValue::from_static("multipart/form-data"));
        self.with_body(kind, form)
    }

    /// With `Authorization: Bearer …` (RFC 6750).
    ///
    /// # Errors
    ///
    /// Where the token cannot stand in a header.
    pub fn with_bearer(mut self, token: &Secret) -> Result<Self, NoHeader> {
        self.secrets.push(there(token)?.clone());
        self.authorized(&[b"Bearer ", token.expose()].concat())
    }

    /// With `Authorization: Basic …` (RFC 7617).
    ///
    /// # Errors
    ///
    /// Where the password is not there.
    pub fn with_basic(mut self, user: &str, password: &Secret) -> Result<Self, NoHeader> {
        let both = STANDARD.encode([user.as_bytes(), b":", there(password)?.expose()].concat());
        self.secrets.extend([password.clone(), Secret::new(both.as_bytes())]);
        self.authorized(format!("Basic {both}").as_bytes())
    }

    fn authorized(mut self, value: &[u8]) -> Result<Self, NoHeader> {
        self.headers.insert(AUTHORIZATION, sensitive(value)?);
        Ok(self)
    }

    /// With a secret in a header of its own.
    ///
    /// # Errors
    ///
    /// Where the secret cannot be in a header.
    pub fn with_secret(mut self, name: &HeaderName, secret: &Secret) -> Result<Self, NoHeader> {
        self.headers.insert(name, sensitive(there(secret)?.expose())?);
        self.secrets.push(secret.clone());
        Ok(self)
    }
}

fn there(secret: &Secret) -> Result<&Secret, NoHeader> {
    if secret.is_absent() { Err(NoHeader::Absent) } else { Ok(secret) }
}

fn sensitive(value: &[u8]) -> Result<HeaderValue, NoHeader> {
    let mut value = HeaderValue::from_bytes(value).map_err(|_| NoHeader::Unfit)?;
    value.set_sensitive(true);
    Ok(value)
}
