//! How a target knows us.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::neighbour::{self, Unread};
use crate::secret::Secret;
use crate::unreached::words;

use super::SendError;

pub enum Auth {
    None,
    Bearer(Secret),
    /// An API key in a header of its own.
    Header(HeaderName, Secret),
    Basic {
        user: String,
        password: Secret,
    },
    OAuth2(OAuth2),
}

/// OAuth 2.0, client credentials grant (RFC 6749, section 4.4).
pub struct OAuth2 {
    pub token_url: reqwest::Url,
    pub client_id: String,
    pub client_secret: Secret,
    pub scope: Option<String>,
    pub token: Mutex<Option<Token>>,
}

/// An access token while it lives.
pub struct Token {
    secret: Secret,
    until: Instant,
}

/// A token is replaced this long before it ends.
const EARLY: Duration = Duration::from_secs(30);
/// The life of a token whose issuer names none.
const USUAL_LIFE: Duration = Duration::from_secs(300);
/// The longest answer of a token's issuer, in bytes.
const LONGEST: usize = 100_000;

impl Auth {
    /// Adds what proves who we are.
    pub(super) async fn sign(
        &self,
        client: &Client,
        request: RequestBuilder,
    ) -> Result<RequestBuilder, SendError> {
        Ok(match self {
            Self::None => request,
            Self::Bearer(token) => {
                HeaderValue::from_bytes(token.expose())
                    .map_err(|_| SendError::Refused("the secret cannot stand in a header".to_owned()))?;
                request.bearer_auth(text(token))
            }
            Self::Header(name, secret) => {
                let mut value = HeaderValue::from_bytes(secret.expose())
                    .map_err(|_| SendError::Refused("the secret cannot stand in a header".to_owned()))?;
                value.set_sensitive(true);
                request.header(name, value)
            }
            Self::Basic { user, password } => request.basic_auth(user, Some(text(password))),
            Self::OAuth2(oauth) => {
                let mut known = oauth.token.lock().await;
                let now = Instant::now();
                if known.as_ref().is_none_or(|token| token.until <= now) {
                    *known = Some(oauth.fetch(client, now).await?);
                }
                let token = known.as_ref().map(|token| text(&token.secret)).unwrap_or_default();
                request.bearer_auth(token)
            }
        })
    }

    /// The target refused the token: it is fetched anew. Whether that can help.
    pub(super) async fn forget(&self) -> bool {
        match self {
            Self::OAuth2(oauth) => oauth.token.lock().await.take().is_some(),
            _ => false,
        }
    }
}

fn text(secret: &Secret) -> String {
    String::from_utf8_lossy(secret.expose()).into_owned()
}

impl OAuth2 {
    async fn fetch(&self, client: &Client, now: Instant) -> Result<Token, SendError> {
        let mut form = vec![("grant_type", "client_credentials")];
        if let Some(scope) = &self.scope {
            form.push(("scope", scope));
        }
        let request = client
            .post(self.token_url.clone())
            .basic_auth(&self.client_id, Some(text(&self.client_secret)))
            .form(&form);
        let answer = request.send().await.map_err(|error| SendError::Token(words(&error)))?;
        let status = answer.status();
        let said = |what: &str| format!("{} answered {status}{what}", self.token_url);
        if !status.is_success() {
            return Err(self.refused(answer).await);
        }
        let body = neighbour::whole(answer, LONGEST).await.map_err(|unread| match unread {
            Unread::TooLong(most) => no_token(&said(&format!(" with more than {most} bytes"))),
            Unread::Broken(error) => SendError::Token(words(&error)),
        })?;
        let json: Option<Value> = serde_json::from_slice(&body).ok();
        let token = json.as_ref().and_then(|json| json.get("access_token")?.as_str());
        let token = token.filter(|token| !token.trim().is_empty()).ok_or_else(|| {
            let kind = neighbour::kind(json.as_ref());
            no_token(&said(&format!(" with {kind}, and no `access_token` in it")))
        })?;
        if HeaderValue::from_str(token).is_err() {
            return Err(no_token(&said(&format!(" with {}", neighbour::NO_HEADER))));
        }
        let life = json.as_ref().and_then(|json| neighbour::seconds(json.get("expires_in")?));
        let life = life.unwrap_or(USUAL_LIFE).saturating_sub(EARLY);
        Ok(Token { secret: Secret::new(token.as_bytes()), until: now + life })
    }

    /// A refusal in the provider's own words.
    async fn refused(&self, answer: Response) -> SendError {
        let status = answer.status();
        let body = neighbour::beginning(answer, LONGEST).await.map(|(body, _)| body).unwrap_or_default();
        let secret = text(&self.client_secret);
        let credentials = STANDARD.encode(format!("{}:{secret}", self.client_id));
        let refusal = neighbour::refusal(status.as_u16(), &body, &[&secret, &credentials]);
        let what = format!("{} answered {status}", self.token_url);
        let what = if refusal.words.is_empty() { what } else { format!("{what}: {}", refusal.words) };
        if refusal.may_pass { SendError::Token(what) } else { no_token(&what) }
    }
}

fn no_token(why: &str) -> SendError {
    SendError::Denied(format!("its token cannot be had: {why}"))
}
