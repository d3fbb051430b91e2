//! One order, from its first request to the certificate (RFC 8555 section 7.4). What it is about is kept on disk before the
//! CA works on it, so that an order that was interrupted is gone on with, and none is made twice.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use serde::Deserialize;
use serde_json::json;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::clock;
use crate::outbound::Whose;

use super::super::Challenge;
use super::super::certificate::issuers;
use super::super::identifier;
use super::Challenges;
use super::account::Session;
use super::authorization;
use super::begun::Begun;
use super::jose::SignError;
use super::pace::Failure;
use super::refusal::Problem;
use super::request::{Answered, RequestError, Step, Why};
use super::storage::StorageError;

/// Milliseconds between looks at an authorization or order; the last one repeats.
const POLL: [u64; 7] = [20, 40, 80, 160, 320, 640, 1_000];
/// Of an account's orders so many are looked at, to the end of a page: those of years are no use.
const MOST_LOOKED_AT: usize = 30;
/// The longest `Retry-After` that a look waits for.
const LONGEST_POLL: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
pub(super) enum OrderError {
    /// The CA, or the way to it.
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error("{domain}: the CA could not validate it by {}: {words}", challenge.word())]
    Validation { domain: String, challenge: Challenge, words: String },
    #[error("the CA offers no {0} challenge for {1}")]
    NoChallenge(&'static str, String),
    #[error("cannot make the answer to the challenge for {domain}: {problem}")]
    Answer { domain: String, problem: String },
    #[error("the CA has no profile `{wanted}`; it has: {offered}")]
    NoProfile { wanted: String, offered: String },
    #[error("the CA asks for an external account: set `eab_key_id` and `eab_key`")]
    ExternalAccountRequired,
    #[error("the order became invalid: {0}")]
    Invalid(String),
    #[error("the CA did not finish within {}: {doing}", clock::display_span(*.deadline))]
    TooLong { deadline: Duration, doing: String },
    #[error("cannot make a certificate request: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl OrderError {
    pub(super) fn kind(&self) -> Failure {
        match self {
            Self::Request(RequestError { why: Why::Call(error), .. }) if error.whose() == Whose::Way => {
                Failure::Network
            }
            Self::TooLong { .. } => Failure::Network,
            Self::Validation { .. } | Self::Invalid(_) => Failure::Validation,
            _ => Failure::Ca,
        }
    }

    /// The CA wants no other try before this.
    pub(super) fn not_before(&self) -> Option<SystemTime> {
        match self {
            Self::Request(error) => error.refused()?.not_before,
            _ => None,
        }
    }

    /// Whether nothing can come of the order any more.
    pub(super) fn ends_order(&self) -> bool {
        match self {
            Self::Validation { .. } | Self::Invalid(_) | Self::NoChallenge(..) => true,
            Self::Request(error) => error.step != Step::Account && error.is_final(),
            _ => false,
        }
    }
}

/// The one profile by which public CAs give certificates for IP addresses.
const FOR_ADDRESSES: &str = "shortlived";

/// What to order.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'w> {
    pub(super) domains: &'w [String],
    pub(super) profile: Option<&'w str>,
    /// The certificate that it takes the place of (RFC 9773 section 5).
    pub(super) replaces: Option<&'w str>,
}

#[derive(Debug, Deserialize)]
struct State {
    status: Status,
    #[serde(default)]
    identifiers: Vec<Identifier>,
    #[serde(default)]
    authorizations: Vec<String>,
    finalize: String,
    certificate: Option<String>,
    error: Option<Problem>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Pending,
    Ready,
    Processing,
    Valid,
    Invalid,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Identifier {
    #[serde(rename = "type")]
    kind: String,
    value: String,
}

/// A page of an account's orders (RFC 8555 section 7.1.2.1).
#[derive(Debug, Deserialize)]
struct Listed {
    #[serde(default)]
    orders: Vec<String>,
}

/// An order that the CA has taken.
pub(super) struct Ordered {
    url: String,
    state: State,
    /// Of the certificate.
    key: KeyPair,
}

impl Ordered {
    /// What has to outlive the process.
    pub(super) fn begun(&self, session: &Session, directory: &str, wanted: Wanted<'_>) -> Begun {
        Begun {
            directory: directory.to_owned(),
            account: session.account.kid.clone(),
            domains: wanted.domains.to_vec(),
            profile: wanted.profile.map(str::to_owned),
            url: self.url.clone(),
            key: self.key.serialize_pem(),
        }
    }
}

impl Wanted<'_> {
    /// With the profile that addresses need, where the CA offers it and none is set.
    pub(super) fn fitted(self, session: &Session) -> Self {
        let has_address = self.domains.iter().any(|name| identifier::address(name).is_some());
        let is_offered = || session.offer.profiles().any(|offered| offered == FOR_ADDRESSES);
        let own = (has_address && is_offered()).then_some(FOR_ADDRESSES);
        Self { profile: self.profile.or(own), ..self }
    }
}

/// Makes a new order. `may_be_lost`: one may have been made whose answer nobody heard, which is looked for first.
pub(super) async fn begin(
    session: &Session,
    wanted: Wanted<'_>,
    may_be_lost: bool,
) -> Result<Ordered, OrderError> {
    if may_be_lost && let Some(ordered) = lost(session, wanted).await? {
        return Ok(ordered);
    }
    if let Some(profile) = wanted.profile
        && session.offer.profiles().next().is_some()
        && session.offer.profiles().all(|offered| offered != profile)
    {
        let offered = session.offer.profiles().collect::<Vec<_>>().join(", ");
        return Err(OrderError::NoProfile { wanted: profile.to_owned(), offered });
    }
    let first = new_order(session, wanted, session.orders.is_some()).await;
    let first = match first {
        // The answer was lost, and with it perhaps the order.
        Err(error) if matches!(error.why, Why::Call(_)) && session.orders.is_some() => {
            info!("{error}; looking whether it was made");
            if let Some(ordered) = lost(session, wanted).await? {
                return Ok(ordered);
            }
            new_order(session, wanted, false).await
        }
        answered => answered,
    };
    let answered = match first {
        // The certificate was replaced already, or is unknown to this CA: its limits apply, nothing else is lost.
        Err(error) if wanted.replaces.is_some() && error.is_final() => {
            info!("the CA takes no `replaces`: {error}; ordering without it");
            new_order(session, Wanted { replaces: None, ..wanted }, false).await?
        }
        ordered => ordered?,
    };
    Ok(Ordered { url: answered.location()?, state: answered.json()?, key: KeyPair::generate()? })
}

/// Goes on with an order that was begun; `None` where the CA has it no more, or nothing can come of it.
pub(super) async fn resume(session: &Session, begun: &Begun) -> Result<Option<Ordered>, OrderError> {
    let Ok(key) = KeyPair::from_pem(&begun.key) else { return Ok(None) };
    let answered = match session.ask(Step::Poll, &begun.url, "").await {
        Err(error) if error.is_final() => {
            info!("the order that was begun is gone: {error}");
            return Ok(None);
        }
        answered => answered?,
    };
    let state: State = answered.json()?;
    let is_alive = state.status != Status::Invalid;
    Ok(is_alive.then(|| Ordered { url: begun.url.clone(), state, key }))
}

/// An order for the same that is not finished yet, where the CA lists what the account has.
async fn lost(session: &Session, wanted: Wanted<'_>) -> Result<Option<Ordered>, OrderError> {
    let identifiers = |mut all: Vec<Identifier>| {
        all.sort_unstable();
        all
    };
    let ours = wanted
        .domains
        .iter()
        .map(|name| Identifier { kind: identifier::kind(name).to_owned(), value: name.clone() });
    let ours = identifiers(ours.collect());
    let (mut page, mut looked) = (session.orders.clone(), 0);
    while let Some(url) = page {
        let answered = session.ask(Step::Orders, &url, "").await?;
        let listed: Listed = answered.json()?;
        for url in listed.orders {
            looked += 1;
            // One that is gone is none of ours.
            let Ok(answered) = session.ask(Step::Poll, &url, "").await else { continue };
            let Ok(mut state) = answered.json::<State>() else { continue };
            let theirs = identifiers(std::mem::take(&mut state.identifiers));
            if matches!(state.status, Status::Pending | Status::Ready) && theirs == ours {
                info!("found an order whose answer was lost: {url}");
                return Ok(Some(Ordered { url, state, key: KeyPair::generate()? }));
            }
        }
        page = answered.next().filter(|_| looked < MOST_LOOKED_AT);
    }
    Ok(None)
}

async fn new_order(session: &Session, wanted: Wanted<'_>, once: bool) -> Result<Answered, RequestError> {
    let identifiers: Vec<_> =
        wanted.domains.iter().map(|d| json!({"type": identifier::kind(d), "value": d})).collect();
    let mut payload = json!({"identifiers": identifiers});
    if let Some(profile) = wanted.profile {
        payload["profile"] = profile.into();
    }
    if let Some(replaces) = wanted.replaces {
        payload["replaces"] = replaces.into();
    }
    let (url, payload) = (&session.account.directory.new_order, payload.to_string());
    if once {
        session.ask_once(Step::Order, url, &payload).await
    } else {
        session.ask(Step::Order, url, &payload).await
    }
}

/// Shows the CA that every name is ours.
pub(super) async fn validate(
    session: &Session,
    ordered: &Ordered,
    challenge: Challenge,
    challenges: &Challenges,
) -> Result<(), OrderError> {
    match ordered.state.status {
        Status::Pending => {
            authorization::all(session, &ordered.state.authorizations, challenge, challenges).await
        }
        _ => Ok(()),
    }
}

/// Finishes an order whose names are validated; returns key and chain as PEM.
pub(super) async fn finish(
    session: &Session,
    ordered: Ordered,
    domains: &[String],
    preferred_chain: Option<&str>,
) -> Result<String, OrderError> {
    let Ordered { url, mut state, key } = ordered;
    let mut params = CertificateParams::new(domains.to_vec())?;
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(&key)?;
    let request = json!({"csr": BASE64URL.encode(request.der())}).to_string();
    let mut polls = Polls::default();
    let mut pause = Duration::ZERO;
    let certificate = loop {
        let answered = match state.status {
            Status::Valid => match state.certificate {
                Some(certificate) => break certificate,
                None => return Err(OrderError::Invalid("it is valid and has no certificate".to_owned())),
            },
            Status::Invalid => return Err(OrderError::Invalid(words(state.error.as_ref()))),
            Status::Processing => {
                sleep(pause).await;
                session.ask(Step::Poll, &url, "").await?
            }
            // All names are validated: it is ready, whatever was said of it before.
            Status::Pending | Status::Ready => {
                match session.ask(Step::Finalize, &state.finalize, &request).await {
                    Err(error) if error.is_refused_as("orderNotReady") || error.may_be_done() => {
                        sleep(polls.next(None)).await;
                        session.ask(Step::Poll, &url, "").await?
                    }
                    answered => answered?,
                }
            }
        };
        pause = polls.next(Some(&answered));
        state = answered.json()?;
    };
    let chain = chain(session, &certificate, preferred_chain).await?;
    Ok(format!("{}{chain}", key.serialize_pem()))
}

/// The certificate by the chain that is preferred, or by the CA's own where it has no such chain.
async fn chain(session: &Session, url: &str, preferred: Option<&str>) -> Result<String, OrderError> {
    let answered = session.ask(Step::Certificate, url, "").await?;
    let alternates = answered.alternates();
    let chain = answered.text()?;
    let Some(preferred) = preferred else { return Ok(chain) };
    let leads_there = |chain: &str| issuers(chain.as_bytes()).iter().any(|issuer| issuer == preferred);
    if leads_there(&chain) {
        return Ok(chain);
    }
    for url in &alternates {
        let other = session.ask(Step::Certificate, url, "").await?.text()?;
        if leads_there(&other) {
            return Ok(other);
        }
    }
    let own = issuers(chain.as_bytes()).join(", ");
    warn!(
        "the CA has no chain to `{preferred}` (`preferred_chain`): taking its own, which was issued by {own}"
    );
    Ok(chain)
}

fn words(problem: Option<&Problem>) -> String {
    problem.map_or_else(|| "the CA gives no reason".to_owned(), ToString::to_string)
}

/// Looks at something that the CA works on: often at first, then ever more seldom, and no sooner than it wants.
#[derive(Debug, Default)]
pub(super) struct Polls(usize);

impl Polls {
    /// How long to wait after this answer.
    pub(super) fn next(&mut self, answered: Option<&Answered>) -> Duration {
        let own = Duration::from_millis(POLL.get(self.0).copied().unwrap_or(1_000));
        self.0 += 1;
        let asked = answered.and_then(Answered::retry_after).unwrap_or_default();
        own.max(asked.min(LONGEST_POLL))
    }
}
