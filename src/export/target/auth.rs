//! How a target knows us.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Method, StatusCode, Url};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::neighbour;
use crate::outbound::{CallError, Client, Read, Received, Request};
use crate::secret::Secret;

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
    pub token_url: Url,
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
    /// Adds what proves who we are. A token that has to be fetched comes before `until`.
    pub(super) async fn sign(
        &self,
        client: &Client,
        request: Request,
        until: Instant,
    ) -> Result<Request, SendError> {
        let signed = match self {
            Self::None => Ok(request),
            Self::Bearer(token) => request.with_bearer(token),
            Self::Header(name, secret) => request.with_secret(name, secret),
            Self::Basic { user, password } => request.with_basic(user, password),
            Self::OAuth2(oauth) => {
                let mut known = oauth.token.lock().await;
                let now = Instant::now();
                let token = match known.take_if(|token| token.until > now) {
                    Some(token) => token,
                    None => oauth.fetch(client, now, until).await?,
                };
                request.with_bearer(&known.insert(token).secret)
            }
        };
        signed.map_err(|error| SendError::Refused(error.to_string()))
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
    async fn fetch(&self, client: &Client, now: Instant, until: Instant) -> Result<Token, SendError> {
        let mut form = vec![("grant_type", "client_credentials")];
        if let Some(scope) = &self.scope {
            form.push(("scope", scope));
        }
        let request = Request::new(Method::POST, self.token_url.clone())
            .with_form(&form)
            .with_basic(&self.client_id, &self.client_secret)
            .map_err(|error| SendError::Refused(error.to_string()))?;
        let left = until.saturating_duration_since(Instant::now());
        let received =
            client.send(request, left, Read::UpTo(LONGEST)).await.map_err(|error| match error {
                CallError::Silent(_) => SendError::Token("it did not come in time".to_owned()),
                other => SendError::Token(other.to_string()),
            })?;
        if !received.is_success() {
            return Err(self.refused(&received));
        }
        let said = |what: &str| format!("{} answered {}{what}", self.token_url, status(&received));
        if !received.is_whole {
            return Err(no_token(&said(&format!(" with more than {LONGEST} bytes"))));
        }
        let body = &received.body;
        let json: Option<Value> = serde_json::from_slice(body).ok();
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
    fn refused(&self, received: &Received) -> SendError {
        let secret = text(&self.client_secret);
        let credentials = STANDARD.encode(format!("{}:{secret}", self.client_id));
        let refusal = neighbour::refusal(received.status, &received.body, &[&secret, &credentials]);
        let what = format!("{} answered {}", self.token_url, status(received));
        let what = if refusal.words.is_empty() { what } else { format!("{what}: {}", refusal.words) };
        if refusal.may_pass { SendError::Token(what) } else { no_token(&what) }
    }
}

/// As `401 Unauthorized`.
fn status(received: &Received) -> String {
    StatusCode::from_u16(received.status)
        .map_or_else(|_| received.status.to_string(), |status| status.to_string())
}

fn no_token(why: &str) -> SendError {
    SendError::Denied(format!("Annex cannot get its token: {why}"))
}
