//! One order, from the directory to the certificate (RFC 8555 section 7.4), through rustls-acme's `acme` module where
//! it can express a request, through [`super::request`] where not.
//!
//! A refused nonce repeats the one request; anything else that fails ends the order, in the CA's own words.

use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use rustls_acme::acme::{AcmeError, Auth, AuthStatus, Identifier, Order, OrderStatus, Problem};
use serde_json::json;
use tokio::time::{sleep, timeout};
use tracing::info;

use super::super::Challenge;
use super::Challenges;
use super::account::Session;
use super::pace::Failure;
use super::request::{ANSWER, RequestError, Signer, text_moment};
use super::storage::StorageError;

/// Times that one request is made when the CA refuses its nonce.
const NONCE_TRIES: usize = 20;
/// Milliseconds between looks at an authorization or order; the last one repeats.
const POLL: [u64; 5] = [50, 150, 300, 500, 1_000];

#[derive(Debug, thiserror::Error)]
pub(super) enum OrderError {
    /// The CA, or the way to it.
    #[error("{}", in_their_words(.0))]
    Acme(#[from] AcmeError),
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("{domain}: {words}")]
    Validation { domain: String, words: String },
    #[error("the CA offers no {0} challenge for {1}")]
    NoChallenge(&'static str, String),
    #[error("the CA has no profile `{wanted}`; it has: {offered}")]
    NoProfile { wanted: String, offered: String },
    #[error("the CA asks for an external account: set `eab_key_id` and `eab_key`")]
    ExternalAccountRequired,
    #[error("the order became invalid: {0}")]
    Invalid(String),
    #[error("the CA fell silent: no answer within {s} s", s = ANSWER.as_secs())]
    Silent,
    #[error("the CA did not finish within {}", crate::clock::display_span(*.0))]
    TooLong(Duration),
    #[error("cannot make a certificate request: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl OrderError {
    pub(super) fn kind(&self) -> Failure {
        match self {
            Self::Request(RequestError::Unreachable { .. } | RequestError::Silent(_))
            | Self::Silent
            | Self::TooLong(_) => Failure::Network,
            Self::Acme(error) if problem(error).is_none() => Failure::Network,
            Self::Validation { .. } | Self::Invalid(_) => Failure::Validation,
            _ => Failure::Ca,
        }
    }

    /// The CA wants no other try before this.
    pub(super) fn not_before(&self) -> Option<SystemTime> {
        match self {
            Self::Request(RequestError::Refused(refused)) => refused.not_before,
            Self::Acme(error) => text_moment(&problem(error)?.detail?),
            _ => None,
        }
    }
}

/// What to order.
pub(super) struct Wanted<'w> {
    pub(super) domains: &'w [String],
    pub(super) profile: Option<&'w str>,
    /// The certificate that it takes the place of (RFC 9773 section 5).
    pub(super) replaces: Option<&'w str>,
}

/// A new order whose names the CA has all validated.
pub(super) struct Validated {
    url: String,
    order: Order,
}

/// Orders, and shows that every name is ours.
pub(super) async fn validate(
    session: &Session,
    wanted: &Wanted<'_>,
    challenge: Challenge,
    challenges: &Challenges,
) -> Result<Validated, OrderError> {
    if let Some(profile) = wanted.profile
        && session.offer.profiles().next().is_some()
        && session.offer.profiles().all(|offered| offered != profile)
    {
        let offered = session.offer.profiles().collect::<Vec<_>>().join(", ");
        return Err(OrderError::NoProfile { wanted: profile.to_owned(), offered });
    }
    let (url, order) = match new_order(session, wanted).await {
        // The certificate was replaced already, or is unknown to this CA: its limits apply, nothing else is lost.
        Err(OrderError::Request(RequestError::Refused(refused)))
            if wanted.replaces.is_some() && refused.kind != "rateLimited" && refused.status < 500 =>
        {
            info!("the CA takes no `replaces`: {refused}; ordering without it");
            new_order(session, &Wanted { replaces: None, ..*wanted }).await?
        }
        ordered => ordered?,
    };
    for authorization in &order.authorizations {
        authorize(authorization, challenge, session, challenges).await?;
    }
    Ok(Validated { url, order })
}

async fn new_order(session: &Session, wanted: &Wanted<'_>) -> Result<(String, Order), OrderError> {
    let account = &session.account;
    let identifiers: Vec<_> = wanted.domains.iter().map(|d| json!({"type": "dns", "value": d})).collect();
    let mut payload = json!({"identifiers": identifiers});
    if let Some(profile) = wanted.profile {
        payload["profile"] = profile.into();
    }
    if let Some(replaces) = wanted.replaces {
        payload["replaces"] = replaces.into();
    }
    let (payload, directory) = (payload.to_string(), &account.directory);
    let order = || {
        let signer = Signer::Account(&account.kid);
        session.http.post(&directory.new_order, &account.key_pair, signer, &payload, &directory.new_nonce)
    };
    let answered = patiently(order).await?;
    Ok((answered.location()?, answered.json()?))
}

/// Finishes an order; returns key and chain as PEM.
pub(super) async fn finish(
    session: &Session,
    Validated { url, order }: Validated,
    domains: &[String],
) -> Result<String, OrderError> {
    let Session { account, client, .. } = session;
    let mut order = settled(order, &url, session).await?;
    let key = KeyPair::generate()?;
    if order.status == OrderStatus::Ready {
        let mut params = CertificateParams::new(domains.to_vec())?;
        params.distinguished_name = DistinguishedName::new();
        let request = params.serialize_request(&key)?;
        order = acme(|| account.finalize(client, &order.finalize, request.der())).await?;
        order = settled(order, &url, session).await?;
    }
    let OrderStatus::Valid { certificate } = order.status else {
        return Err(OrderError::Invalid(words(order.error.as_ref())));
    };
    let chain = acme(|| account.certificate(client, &certificate)).await?;
    Ok(format!("{}{chain}", key.serialize_pem()))
}

async fn authorize(
    url: &str,
    kind: Challenge,
    session: &Session,
    challenges: &Challenges,
) -> Result<(), OrderError> {
    let Session { account, client, .. } = session;
    let auth = acme(|| account.auth(client, url)).await?;
    let Identifier::Dns(domain) = auth.identifier.clone();
    if let AuthStatus::Pending = auth.status {
        let offered = match kind {
            Challenge::TlsAlpn01 => {
                account.tls_alpn_01(&auth.challenges, domain.clone()).map(|(challenge, certificate)| {
                    challenges.expect_tls_alpn(&domain, certificate);
                    challenge
                })
            }
            Challenge::Http01 => account.http_01(&auth.challenges).map(|(challenge, authorization)| {
                challenges.expect_http(&challenge.token, authorization);
                challenge
            }),
        };
        let challenge = match offered {
            Ok(challenge) => challenge,
            Err(AcmeError::NoTlsAlpn01Challenge | AcmeError::NoHttp01Challenge) => {
                return Err(OrderError::NoChallenge(kind.word(), domain));
            }
            Err(error) => return Err(error.into()),
        };
        acme(|| account.challenge(client, &challenge.url)).await?;
    }
    for wait in polls() {
        let auth = acme(|| account.auth(client, url)).await?;
        match auth.status {
            AuthStatus::Valid => return Ok(()),
            AuthStatus::Pending => sleep(wait).await,
            AuthStatus::Invalid | AuthStatus::Revoked | AuthStatus::Expired | AuthStatus::Deactivated => {
                return Err(OrderError::Validation { domain, words: failed_challenge(&auth) });
            }
        }
    }
    unreachable!("polls never end: the supervisor's deadline ends the order")
}

/// Waits until the CA has made up its mind.
async fn settled(mut order: Order, url: &str, session: &Session) -> Result<Order, OrderError> {
    for wait in polls() {
        match order.status {
            OrderStatus::Ready | OrderStatus::Valid { .. } => return Ok(order),
            OrderStatus::Invalid => return Err(OrderError::Invalid(words(order.error.as_ref()))),
            OrderStatus::Pending | OrderStatus::Processing => {}
        }
        sleep(wait).await;
        order = acme(|| session.account.order(&session.client, url)).await?;
    }
    unreachable!("polls never end: the supervisor's deadline ends the order")
}

fn polls() -> impl Iterator<Item = Duration> {
    POLL.into_iter().chain(std::iter::repeat(POLL[POLL.len() - 1])).map(Duration::from_millis)
}

/// An error that may be a refused nonce (RFC 8555 section 6.5: that is no failure).
pub(super) trait Refusal {
    fn is_bad_nonce(&self) -> bool;
}

impl Refusal for RequestError {
    fn is_bad_nonce(&self) -> bool {
        matches!(self, Self::Refused(refused) if refused.kind == "badNonce")
    }
}

impl Refusal for AcmeError {
    fn is_bad_nonce(&self) -> bool {
        problem(self).and_then(|problem| problem.typ).is_some_and(|kind| kind.ends_with(":badNonce"))
    }
}

/// Makes one request, again where the CA refuses its nonce.
pub(super) async fn patiently<T, E: Refusal, F: Future<Output = Result<T, E>>>(
    mut request: impl FnMut() -> F,
) -> Result<T, E> {
    for _ in 1..NONCE_TRIES {
        match request().await {
            Err(error) if error.is_bad_nonce() => {}
            result => return result,
        }
    }
    request().await
}

/// One request of rustls-acme's, which has no deadline of its own.
async fn acme<T, F: Future<Output = Result<T, AcmeError>>>(
    mut request: impl FnMut() -> F,
) -> Result<T, OrderError> {
    let request = patiently(|| {
        let request = request();
        async { timeout(ANSWER, request).await.unwrap_or_else(|_| Err(silence())) }
    });
    request.await.map_err(|error| if is_silence(&error) { OrderError::Silent } else { error.into() })
}

fn silence() -> AcmeError {
    AcmeError::Io(std::io::ErrorKind::TimedOut.into())
}

fn is_silence(error: &AcmeError) -> bool {
    matches!(error, AcmeError::Io(error) if error.kind() == std::io::ErrorKind::TimedOut)
}

/// The problem document (RFC 7807) in a refused request. rustls-acme keeps it only inside the text of an error
/// whose type it does not export: status, then the body in Rust's quotes.
fn problem(error: &AcmeError) -> Option<Problem> {
    let AcmeError::HttpRequest(refused) = error else {
        return None;
    };
    let text = refused.to_string();
    let quoted = text.strip_prefix("non 2xx http status: ")?.split_once(' ')?.1;
    let body: String = serde_json::from_str(&quoted.replace("\\'", "'")).ok()?;
    Some(serde_json::from_str(&body).unwrap_or(Problem { typ: None, detail: None }))
}

fn in_their_words(error: &AcmeError) -> String {
    match problem(error) {
        Some(problem) if problem.typ.is_some() || problem.detail.is_some() => words(Some(&problem)),
        _ => error.to_string(),
    }
}

fn words(problem: Option<&Problem>) -> String {
    let Some(problem) = problem else {
        return "the CA gives no reason".to_owned();
    };
    let kind = problem.typ.as_deref().unwrap_or_default();
    let kind = kind.rsplit(':').next().unwrap_or_default();
    format!("{} ({kind})", problem.detail.as_deref().unwrap_or("no detail"))
}

fn failed_challenge(auth: &Auth) -> String {
    words(auth.challenges.iter().find_map(|challenge| challenge.error.as_ref()))
}
