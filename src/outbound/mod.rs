//! Calls to other systems: one client with kept connections, each answer whole and of bounded size, each call with an end.
//! What went wrong says whose fault it is, and whether the same call may be answered later.
//!
//! ACME stands on it. The calls to targets, to the hosts of a Request Processor and to Rossum's API have clients of their own
//! still, which follow redirections or know a breaker.

mod proxy;

use std::time::{Duration, SystemTime};

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client as Connections, Method, Url, redirect};
use rustls::ClientConfig;
use tokio::time::timeout;

use crate::neighbour::{self, Unread};
use crate::unreached;

pub use proxy::{Proxy, ProxyError, Route};

/// What bounds the calls of one client.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// For name, connection and handshake.
    pub connect: Duration,
    /// For a whole call.
    pub answer: Duration,
    /// Of an answer's body, in bytes.
    pub largest: usize,
}

/// Keeps its connections, one after the other for the same host. It goes through the proxy that it is given, follows no
/// redirection and speaks HTTPS only.
#[derive(Debug, Clone)]
pub struct Client {
    connections: Connections,
    route: Route,
    bounds: Bounds,
}

/// What is sent with a POST.
#[derive(Debug, Clone)]
pub struct Content {
    pub kind: &'static str,
    pub bytes: Vec<u8>,
}

/// An answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Received {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// Who has to change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// This program, or its configuration.
    Ours,
    /// Whoever keeps the network between.
    Way,
    /// The other system.
    Theirs,
}

/// A call without an answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    #[error("a client for it cannot be made: {0}")]
    Client(String),
    #[error("it is no https:// URL")]
    Url,
    #[error("cannot reach it: {0}")]
    Unreachable(String),
    /// Its certificate is not valid now, by the clock of this host.
    #[error("cannot reach it: {0}")]
    Untimely(String),
    #[error("no answer within {s} s", s = .0.as_secs())]
    Silent(Duration),
    #[error("its answer broke off: {0}")]
    BrokenOff(String),
    #[error("its answer is larger than {0} bytes")]
    TooLarge(usize),
}

impl CallError {
    /// Whose fault it is.
    pub fn whose(&self) -> Whose {
        match self {
            Self::Client(_) => Whose::Ours,
            Self::Untimely(_) | Self::Unreachable(_) | Self::Silent(_) | Self::BrokenOff(_) => Whose::Way,
            Self::Url | Self::TooLarge(_) => Whose::Theirs,
        }
    }

    /// Whether the same call may be answered later.
    pub fn may_pass(&self) -> bool {
        self.whose() == Whose::Way
    }
}

impl Received {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the same call may be answered differently later.
    pub fn may_pass(&self) -> bool {
        neighbour::may_pass(self.status)
    }

    /// How long the other system wants to be left in peace.
    pub fn retry_after(&self, now: SystemTime) -> Option<Duration> {
        neighbour::retry_after(&self.headers, now)
    }
}

impl Client {
    /// # Errors
    ///
    /// [`CallError::Client`] where TLS cannot be set up so.
    pub fn new(
        tls: ClientConfig,
        bounds: Bounds,
        agent: &str,
        proxy: Option<&Proxy>,
    ) -> Result<Self, CallError> {
        let route = Route::new(proxy);
        let connections = route
            .of(Connections::builder())
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .http1_only()
            .redirect(redirect::Policy::none())
            .connect_timeout(bounds.connect)
            .user_agent(agent)
            .build()
            .map_err(|error| CallError::Client(unreached::words(&error)))?;
        Ok(Self { connections, route, bounds })
    }

    /// Makes one call, once.
    ///
    /// # Errors
    ///
    /// Where there is no answer, or none that fits into the bounds. A refusal is an answer.
    pub async fn call(
        &self,
        method: Method,
        url: &str,
        content: Option<Content>,
    ) -> Result<Received, CallError> {
        let url = Url::parse(url).ok().filter(|url| url.scheme() == "https").ok_or(CallError::Url)?;
        let mut request = self.connections.request(method, url.clone());
        if let Some(Content { kind, bytes }) = content {
            request = request.header(CONTENT_TYPE, kind).body(bytes);
        }
        let Bounds { answer, largest, .. } = self.bounds;
        let whole = async {
            let response = request.send().await.map_err(|error| self.unreached_by(&url, &error))?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let body = neighbour::whole(response, largest).await.map_err(|unread| match unread {
                Unread::TooLong(most) => CallError::TooLarge(most),
                Unread::Broken(error) => {
                    CallError::BrokenOff(self.route.words(&url, unreached::words(&error)))
                }
            })?;
            Ok(Received { status, headers, body })
        };
        timeout(answer, whole).await.unwrap_or_else(|_| Err(self.silent(&url)))
    }

    /// A proxy that is silent is named; without one there is nobody else to name.
    fn silent(&self, url: &Url) -> CallError {
        let silent = CallError::Silent(self.bounds.answer);
        let words = silent.to_string();
        let through = self.route.words(url, words.clone());
        if through == words { silent } else { CallError::Unreachable(through) }
    }

    fn unreached_by(&self, url: &Url, error: &reqwest::Error) -> CallError {
        let words = self.route.words(url, unreached::words(error));
        if unreached::is_untimely(error) { CallError::Untimely(words) } else { CallError::Unreachable(words) }
    }
}
