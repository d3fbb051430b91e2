//! One order, from the directory to the certificate (RFC 8555 section 7.4), through rustls-acme's `acme` module.
//!
//! A refused nonce repeats the one request; anything else that fails ends the order, in the CA's own words.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use rustls::ClientConfig;
use rustls_acme::acme::{
    Account, AcmeError, Auth, AuthStatus, Directory, Identifier, Order, OrderStatus, Problem,
};
use tokio::time::sleep;

use super::super::{AcmeSettings, Challenge};
use super::Challenges;
use super::storage::{Storage, StorageError};

/// Times that one request is made when the CA refuses its nonce.
const NONCE_TRIES: usize = 20;
/// Waits between looks at an authorization or order; the last one repeats.
const POLL: [u64; 4] = [200, 300, 500, 1_000];

#[derive(Debug, thiserror::Error)]
pub(super) enum OrderError {
    /// The CA, or the way to it.
    #[error("{}", in_their_words(.0))]
    Acme(#[from] AcmeError),
    #[error("{domain}: {words}")]
    Validation { domain: String, words: String },
    #[error("the CA offers no {0} challenge for {1}")]
    NoChallenge(&'static str, String),
    #[error("the order became invalid: {0}")]
    Invalid(String),
    #[error("cannot make a certificate request: {0}")]
    Request(#[from] rcgen::Error),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Orders a certificate for all domains; returns key and chain as PEM.
pub(super) async fn run(
    settings: &AcmeSettings,
    client: &Arc<ClientConfig>,
    storage: &Storage,
    challenges: &Challenges,
) -> Result<String, OrderError> {
    let account = account(settings, client, storage).await?;
    let (url, mut order) = patiently(|| account.new_order(client, settings.domains.clone())).await?;
    for authorization in &order.authorizations {
        authorize(authorization, settings.challenge, &account, client, challenges).await?;
    }
    order = settled(order, &url, &account, client).await?;
    let key = KeyPair::generate()?;
    if order.status == OrderStatus::Ready {
        let mut params = CertificateParams::new(settings.domains.clone())?;
        params.distinguished_name = DistinguishedName::new();
        let request = params.serialize_request(&key)?;
        order = patiently(|| account.finalize(client, &order.finalize, request.der())).await?;
        order = settled(order, &url, &account, client).await?;
    }
    let OrderStatus::Valid { certificate } = order.status else {
        return Err(OrderError::Invalid(words(order.error.as_ref())));
    };
    let chain = patiently(|| account.certificate(client, &certificate)).await?;
    Ok(format!("{}{chain}", key.serialize_pem()))
}

/// Our account at the CA: an old key is registered again, which gives the same account.
async fn account(
    settings: &AcmeSettings,
    client: &Arc<ClientConfig>,
    storage: &Storage,
) -> Result<Account, OrderError> {
    let directory = Directory::discover(client, &settings.directory).await?;
    let mut key = storage.load_account(&settings.directory)?;
    if key.as_deref().is_some_and(|key| KeyPair::try_from(key).is_err()) {
        tracing::warn!("the account's key is damaged: setting it aside, making a new account");
        storage.set_account_aside(&settings.directory)?;
        key = None;
    }
    let key = if let Some(key) = key {
        key
    } else {
        let key = Account::generate_key_pair();
        storage.save_account(&settings.directory, &key)?; // before it is used: a crash must not lose it
        key
    };
    let create =
        || Account::create_with_keypair(client, directory.clone(), settings.contact.as_slice(), &key);
    Ok(patiently(create).await?)
}

async fn authorize(
    url: &str,
    kind: Challenge,
    account: &Account,
    client: &Arc<ClientConfig>,
    challenges: &Challenges,
) -> Result<(), OrderError> {
    let auth = patiently(|| account.auth(client, url)).await?;
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
            Err(AcmeError::NoTlsAlpn01Challenge) => {
                return Err(OrderError::NoChallenge("tls-alpn-01", domain));
            }
            Err(AcmeError::NoHttp01Challenge) => return Err(OrderError::NoChallenge("http-01", domain)),
            Err(error) => return Err(error.into()),
        };
        patiently(|| account.challenge(client, &challenge.url)).await?;
    }
    for wait in polls() {
        let auth = patiently(|| account.auth(client, url)).await?;
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
async fn settled(
    mut order: Order,
    url: &str,
    account: &Account,
    client: &Arc<ClientConfig>,
) -> Result<Order, OrderError> {
    for wait in polls() {
        match order.status {
            OrderStatus::Ready | OrderStatus::Valid { .. } => return Ok(order),
            OrderStatus::Invalid => return Err(OrderError::Invalid(words(order.error.as_ref()))),
            OrderStatus::Pending | OrderStatus::Processing => {}
        }
        sleep(wait).await;
        order = patiently(|| account.order(client, url)).await?;
    }
    unreachable!("polls never end: the supervisor's deadline ends the order")
}

fn polls() -> impl Iterator<Item = Duration> {
    POLL.into_iter().chain(std::iter::repeat(POLL[POLL.len() - 1])).map(Duration::from_millis)
}

/// Makes one request, again where the CA refuses its nonce (RFC 8555 section 6.5: that is no failure).
async fn patiently<T, F: Future<Output = Result<T, AcmeError>>>(
    mut request: impl FnMut() -> F,
) -> Result<T, AcmeError> {
    for _ in 1..NONCE_TRIES {
        match request().await {
            Err(error) if is_bad_nonce(&error) => {}
            result => return result,
        }
    }
    request().await
}

fn is_bad_nonce(error: &AcmeError) -> bool {
    problem(error).and_then(|problem| problem.typ).is_some_and(|kind| kind.ends_with(":badNonce"))
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
    serde_json::from_str(&body).ok()
}

fn in_their_words(error: &AcmeError) -> String {
    problem(error).map_or_else(|| error.to_string(), |problem| words(Some(&problem)))
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
