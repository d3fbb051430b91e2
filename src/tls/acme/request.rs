//! One request to a CA: signed with a nonce of an earlier answer, over a kept connection, and repeated where that may help.
//!
//! A transient fault costs a repetition, not the order: no answer, a 5xx, a 429 whose `Retry-After` is short. A longer
//! `Retry-After` ends the attempt, and sets its pace.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_lc_rs::signature::EcdsaKeyPair;
use reqwest::header::{DATE, HeaderMap, HeaderValue, LINK, LOCATION};
use reqwest::{Method, Url};
use serde::Deserialize;
use tokio::time::sleep;
use tracing::info;

use crate::clock;
use crate::outbound::{CallError, Client, Read, Received, Request};

use super::jose::{self, SignError, Signer};
use super::progress::Progress;
use super::refusal::Refused;

/// A CA that does not connect within this is away.
pub(super) const CONNECT: Duration = Duration::from_secs(10);
/// A CA that does not answer within this is away.
const ANSWER: Duration = Duration::from_secs(15);
/// No answer of a CA has more bytes.
const LARGEST: usize = 1 << 20;
pub(super) const AGENT: &str =
    concat!("annex/", env!("CARGO_PKG_VERSION"), " rustls-acme/0.15.4 reqwest/0.13");
/// Times that one request is made when the CA refuses its nonce.
const NONCE_TRIES: usize = 20;
/// Nonces that are kept. Each answer brings one.
const NONCES: usize = 32;
/// Milliseconds before a request is repeated after a fault.
const BACK_OFF: [u64; 4] = [100, 250, 600, 1_500];
/// The longest `Retry-After` that is waited for within an order.
const SHORT: Duration = Duration::from_secs(10);

/// What is asked of the CA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Directory,
    Nonce,
    Account,
    Order,
    Authorization,
    Challenge,
    Finalize,
    Poll,
    Certificate,
    RenewalInformation,
    Orders,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Directory => "the CA's directory",
            Self::Nonce => "a nonce (newNonce)",
            Self::Account => "the account (newAccount)",
            Self::Order => "the order (newOrder)",
            Self::Authorization => "an authorization",
            Self::Challenge => "a challenge",
            Self::Finalize => "the certificate request (finalize)",
            Self::Poll => "the order's state",
            Self::Certificate => "the certificate's chain",
            Self::RenewalInformation => "renewal information",
            Self::Orders => "the account's orders",
        })
    }
}

/// Why a request came to nothing, after all its repetitions.
#[derive(Debug, Clone)]
pub(super) struct RequestError {
    pub(super) step: Step,
    url: String,
    /// How often it was made before, in vain.
    faults: usize,
    pub(super) why: Why,
}

#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Why {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("{0}")]
    Refused(Box<Refused>),
    #[error("the answer is not what it should be: {0}")]
    Unreadable(String),
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}: {}", self.step, self.url, self.why)?;
        if self.faults > 0 {
            write!(f, "; asked {} times", self.faults + 1)?;
        }
        Ok(())
    }
}

impl std::error::Error for RequestError {}

impl RequestError {
    fn new(step: Step, url: &str, why: impl Into<Why>) -> Self {
        Self { step, url: url.to_owned(), faults: 0, why: why.into() }
    }

    pub(super) fn refused(&self) -> Option<&Refused> {
        match &self.why {
            Why::Refused(refused) => Some(refused),
            _ => None,
        }
    }

    pub(super) fn is_refused_as(&self, kind: &str) -> bool {
        self.refused().is_some_and(|refused| refused.kind == kind)
    }

    /// Refused for what it is, and not for the moment.
    pub(super) fn is_final(&self) -> bool {
        self.refused().is_some_and(Refused::is_final)
    }

    /// Refused when it was repeated: an earlier one of these, whose answer was lost, may have done its work.
    pub(super) fn may_be_done(&self) -> bool {
        self.faults > 0 && self.is_final()
    }

    /// How long to wait before it is repeated, after so many faults; `None` where repeating it does not help.
    fn pause(&self, faults: usize) -> Option<Duration> {
        let usual = Duration::from_millis(*BACK_OFF.get(faults)?);
        match &self.why {
            Why::Call(error) if error.may_pass() => Some(usual),
            Why::Refused(refused) if refused.may_pass => match refused.not_before {
                Some(moment) => {
                    let asked = moment.duration_since(clock::now()).unwrap_or_default();
                    Some(asked.max(usual)).filter(|pause| *pause <= SHORT)
                }
                None => Some(usual).filter(|_| refused.status != 429),
            },
            _ => None,
        }
    }
}

/// What a CA answered with success.
#[derive(Debug)]
pub(super) struct Answered {
    received: Received,
    step: Step,
    url: String,
}

impl Answered {
    pub(super) fn json<T: for<'de> Deserialize<'de>>(&self) -> Result<T, RequestError> {
        serde_json::from_slice(&self.received.body).map_err(|error| self.unreadable(error.to_string()))
    }

    pub(super) fn text(self) -> Result<String, RequestError> {
        let Self { received, step, url } = self;
        String::from_utf8(received.body)
            .map_err(|_| RequestError::new(step, &url, Why::Unreadable("it is not a text".to_owned())))
    }

    pub(super) fn location(&self) -> Result<String, RequestError> {
        let location = self.received.headers.get(LOCATION).and_then(|location| location.to_str().ok());
        location.map(str::to_owned).ok_or_else(|| self.unreadable("no Location header".to_owned()))
    }

    /// Where the same is to be had by another chain (RFC 8555 section 7.4.2).
    pub(super) fn alternates(&self) -> Vec<String> {
        self.links("alternate")
    }

    /// Where the rest of a list is (RFC 8555 section 7.1.2.1).
    pub(super) fn next(&self) -> Option<String> {
        self.links("next").pop()
    }

    fn links(&self, relation: &str) -> Vec<String> {
        let links = self.received.headers.get_all(LINK).into_iter().filter_map(|link| link.to_str().ok());
        let relation = format!("rel=\"{relation}\"");
        let links = links.flat_map(|links| links.split(", ")).filter(|link| link.contains(&relation));
        links.filter_map(|link| Some(link.split_once('<')?.1.split_once('>')?.0.to_owned())).collect()
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        self.received.retry_after(clock::now())
    }

    /// The CA's clock.
    pub(super) fn date(&self) -> Option<SystemTime> {
        httpdate::parse_http_date(self.received.headers.get(DATE)?.to_str().ok()?).ok()
    }

    pub(super) fn unreadable(&self, problem: String) -> RequestError {
        RequestError::new(self.step, &self.url, Why::Unreadable(problem))
    }
}

/// A signed request; `payload` empty is POST-as-GET.
pub(super) struct Signed<'s> {
    pub(super) step: Step,
    pub(super) url: &'s str,
    pub(super) payload: &'s str,
    pub(super) key: &'s EcdsaKeyPair,
    pub(super) signer: Signer<'s>,
    /// Where nonces are given (`newNonce`).
    pub(super) nonces: &'s str,
}

/// The way to one CA, for one order.
pub(super) struct Wire {
    client: Client,
    /// Of earlier answers, the newest last.
    nonces: Mutex<Vec<String>>,
    progress: Option<Arc<Progress>>,
}

impl Wire {
    pub(super) fn new(client: &Client, progress: Option<Arc<Progress>>) -> Self {
        Self { client: client.clone(), nonces: Mutex::default(), progress }
    }

    pub(super) fn progress(&self) -> Option<&Progress> {
        self.progress.as_deref()
    }

    pub(super) async fn get(&self, step: Step, url: &str) -> Result<Answered, RequestError> {
        self.patiently(step, || self.once(step, Method::GET, url, None)).await
    }

    pub(super) async fn post(&self, signed: &Signed<'_>) -> Result<Answered, RequestError> {
        self.patiently(signed.step, || self.post_once(signed)).await
    }

    /// As `post`, but only what was refused is repeated: without an answer it may have done its work.
    pub(super) async fn post_if_refused(&self, signed: &Signed<'_>) -> Result<Answered, RequestError> {
        self.repeatedly(signed.step, |error| !matches!(error.why, Why::Call(_)), || self.post_once(signed))
            .await
    }

    async fn post_once(&self, signed: &Signed<'_>) -> Result<Answered, RequestError> {
        let Signed { step, url, payload, key, signer, nonces } = *signed;
        let nonce = match self.nonce() {
            Some(nonce) => nonce,
            None => {
                let answered = self.once(Step::Nonce, Method::HEAD, nonces, None).await?;
                self.nonce().ok_or_else(|| answered.unreadable("no Replay-Nonce header".to_owned()))?
            }
        };
        let bytes = jose::signed(key, signer, &nonce, url, payload)
            .map_err(|error| RequestError::new(step, url, error))?;
        self.once(step, Method::POST, url, Some(bytes)).await
    }

    async fn once(
        &self,
        step: Step,
        method: Method,
        url: &str,
        signed: Option<Vec<u8>>,
    ) -> Result<Answered, RequestError> {
        let place = Url::parse(url)
            .map_err(|_| RequestError::new(step, url, CallError::Url { may_be_plain: false }))?;
        let mut request = Request::new(method, place);
        if let Some(signed) = signed {
            request = request.with_body(HeaderValue::from_static("application/jose+json"), signed);
        }
        let received = self.client.send(request, ANSWER, Read::Whole(LARGEST)).await;
        let received = received.map_err(|error| RequestError::new(step, url, error))?;
        self.keep_nonce(&received.headers);
        if received.is_success() {
            Ok(Answered { received, step, url: url.to_owned() })
        } else {
            Err(RequestError::new(step, url, Why::Refused(Box::new(Refused::by(&received)))))
        }
    }

    /// Repeats a request for as long as that may help: a refused nonce is no fault (RFC 8555 section 6.5).
    async fn patiently<F: Future<Output = Result<Answered, RequestError>>>(
        &self,
        step: Step,
        request: impl Fn() -> F,
    ) -> Result<Answered, RequestError> {
        self.repeatedly(step, |_| true, request).await
    }

    async fn repeatedly<F: Future<Output = Result<Answered, RequestError>>>(
        &self,
        step: Step,
        may_be_repeated: impl Fn(&RequestError) -> bool,
        request: impl Fn() -> F,
    ) -> Result<Answered, RequestError> {
        if let Some(progress) = &self.progress {
            progress.asks(step);
        }
        let (mut nonces, mut faults) = (1, 0);
        loop {
            let error = match request().await {
                Ok(answered) => return Ok(answered),
                Err(error) => RequestError { faults, ..error },
            };
            if error.is_refused_as("badNonce") && nonces < NONCE_TRIES {
                nonces += 1;
                continue;
            }
            let pause = error.pause(faults).filter(|_| may_be_repeated(&error));
            let Some(pause) = pause else { return Err(error) };
            info!("{error}; again in {}", clock::display_span(pause));
            faults += 1;
            sleep(pause).await;
        }
    }

    fn nonce(&self) -> Option<String> {
        self.nonces.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn keep_nonce(&self, headers: &HeaderMap) {
        if let Some(nonce) = headers.get("replay-nonce").and_then(|nonce| nonce.to_str().ok()) {
            let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
            if nonces.len() < NONCES {
                nonces.push(nonce.to_owned());
            }
        }
    }
}
