//! The client: connections that are kept, where calls may lead, how long they may take.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use reqwest::{Client as Connections, Url, redirect};
use rustls::ClientConfig;
use tokio::time::timeout;

use crate::unreached::{is_untimely, words};

use super::proxy::{Proxy, Route};
use super::received::{Read, Received};
use super::repeated::without;
use super::request::Request;

/// Who calls, where the other side is told no more.
const AGENT: &str = concat!("annex/", env!("CARGO_PKG_VERSION"));

/// Redirections that are followed, one after the other.
const REDIRECTIONS: usize = 5;

/// Which redirections are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redirects {
    /// None: a POST that is redirected would lose its body, or reach a stranger with what proves who we are.
    None,
    /// Those that stay on the host.
    SameHost,
}

/// How calls leave this host.
#[derive(Debug, Clone)]
pub struct Uplink {
    /// Whom they trust, and how they show who they are.
    pub tls: ClientConfig,
    /// What they go through; `None` is the direct way.
    pub proxy: Option<Proxy>,
}

/// What the calls of one client have in common.
pub struct Settings {
    uplink: Uplink,
    agent: &'static str,
    redirects: Redirects,
    /// Whether `http://` may be called too.
    may_be_plain: bool,
    /// For name, connection and handshake, where a call's own time is not enough of a bound.
    connect: Option<Duration>,
    /// The longest silence within an answer, where the whole of it may take longer.
    silence: Option<Duration>,
    /// How long a connection is kept that nothing goes over, where not as long as usual.
    idle: Option<Duration>,
    /// The unix socket that all calls go to, whatever their URL says.
    socket: Option<PathBuf>,
}

impl Settings {
    /// As most calls are: `http://` may be called too, no redirection is followed, a call's own time is all its bound.
    pub fn new(uplink: Uplink) -> Self {
        let (agent, redirects) = (AGENT, Redirects::None);
        Self {
            uplink,
            agent,
            redirects,
            may_be_plain: true,
            connect: None,
            silence: None,
            idle: None,
            socket: None,
        }
    }

    /// Calls `https://` alone, under a name of its own.
    #[must_use]
    pub fn https_only(self, agent: &'static str) -> Self {
        Self { agent, may_be_plain: false, ..self }
    }

    #[must_use]
    pub fn following(self, redirects: Redirects) -> Self {
        Self { redirects, ..self }
    }

    /// For name, connection and handshake.
    #[must_use]
    pub fn connecting_within(self, time: Duration) -> Self {
        Self { connect: Some(time), ..self }
    }

    /// The longest silence within an answer.
    #[must_use]
    pub fn silent_for(self, time: Duration) -> Self {
        Self { silence: Some(time), ..self }
    }

    /// How long a connection is kept that nothing goes over: less than the other side keeps it, which may close it while a
    /// request is on its way.
    #[must_use]
    pub fn idle_for(self, time: Duration) -> Self {
        Self { idle: Some(time), ..self }
    }

    /// All calls go to a unix socket of this host.
    #[must_use]
    pub fn through_socket(self, path: PathBuf) -> Self {
        let uplink = Uplink { proxy: None, ..self.uplink };
        Self { uplink, socket: Some(path), ..self }
    }
}

/// Keeps its connections, one after the other for the same host.
#[derive(Debug, Clone)]
pub struct Client {
    connections: Connections,
    route: Route,
    may_be_plain: bool,
}

/// A client that cannot be built.
#[derive(Debug, Clone, thiserror::Error)]
#[error("a client for calls cannot be made: {0}")]
pub struct ClientError(String);

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

/// A call without an answer. It says nothing of what the request held.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    #[error("it is no {} URL", if *.may_be_plain { "https:// or http://" } else { "https://" })]
    Url { may_be_plain: bool },
    /// Something in it that no request may have.
    #[error("it cannot be sent: {0}")]
    Unfit(String),
    /// Nothing was sent.
    #[error("cannot reach it: {0}")]
    Unreachable(String),
    /// Its certificate is not valid now, by the clock of this host. Nothing was sent.
    #[error("cannot reach it: {0}")]
    Untimely(String),
    #[error("no answer within {s} s", s = .0.as_secs_f64())]
    Silent(Duration),
    #[error("the connection broke: {0}")]
    Broken(String),
    #[error("its answer is larger than {0} bytes")]
    TooLarge(usize),
}

impl CallError {
    pub(super) fn of(error: &reqwest::Error) -> Self {
        let words = words(error);
        match () {
            () if is_untimely(error) => Self::Untimely(words),
            () if error.is_connect() => Self::Unreachable(words),
            () if error.is_builder() => Self::Unfit(words),
            () => Self::Broken(words),
        }
    }

    /// With the proxy in its words, where the call went through one, and with the status by which it refuses to connect.
    fn on(self, route: &Route, to: &Url, status: Option<u16>) -> Self {
        let told = |words| route.words(to, words, status);
        match self {
            Self::Unreachable(words) => Self::Unreachable(told(words)),
            Self::Untimely(words) => Self::Untimely(told(words)),
            Self::Broken(words) => Self::Broken(told(words)),
            other => other,
        }
    }

    /// Whose fault it is.
    pub fn whose(&self) -> Whose {
        match self {
            Self::Unfit(_) => Whose::Ours,
            Self::Untimely(_) | Self::Unreachable(_) | Self::Silent(_) | Self::Broken(_) => Whose::Way,
            Self::Url { .. } | Self::TooLarge(_) => Whose::Theirs,
        }
    }

    /// Whether the same call may be answered later.
    pub fn may_pass(&self) -> bool {
        self.whose() == Whose::Way
    }

    /// Whether nothing was sent.
    pub fn is_unsent(&self) -> bool {
        matches!(self, Self::Url { .. } | Self::Unfit(_) | Self::Unreachable(_) | Self::Untimely(_))
    }
}

impl Client {
    /// # Errors
    ///
    /// Where TLS cannot be set up so.
    pub fn new(settings: Settings) -> Result<Self, ClientError> {
        let Settings { uplink, agent, redirects, may_be_plain, connect, silence, idle, socket } = settings;
        let route = Route::new(uplink.proxy.as_ref());
        let mut connections = route
            .of(Connections::builder())
            .tls_backend_preconfigured(uplink.tls)
            .https_only(!may_be_plain)
            .redirect(match redirects {
                Redirects::None => redirect::Policy::none(),
                Redirects::SameHost => redirect::Policy::custom(same_host),
            })
            .user_agent(agent);
        if let Some(connect) = connect {
            connections = connections.connect_timeout(connect);
        }
        if let Some(silence) = silence {
            connections = connections.read_timeout(silence);
        }
        if let Some(idle) = idle {
            connections = connections.pool_idle_timeout(idle);
        }
        if let Some(socket) = socket {
            connections = connections.unix_socket(socket);
        }
        let connections = connections.build().map_err(|error| ClientError(words(&error)))?;
        Ok(Self { connections, route, may_be_plain })
    }

    /// Sends a request, once, and reads its answer, all within a time.
    ///
    /// # Errors
    ///
    /// Where there is no answer, or none that fits into the bounds. A refusal is an answer.
    pub async fn send(&self, request: Request, within: Duration, how: Read) -> Result<Received, CallError> {
        let Request { method, url, headers, body, mut secrets, hidden } = request;
        secrets.extend(self.route.secrets(&url));
        if !(url.scheme() == "https" || self.may_be_plain && url.scheme() == "http") {
            return Err(CallError::Url { may_be_plain: self.may_be_plain });
        }
        let begun = Instant::now();
        let mut request = self.connections.request(method, url.clone()).headers(headers);
        if !body.is_empty() {
            request = request.body(body);
        }
        let whole = async {
            let response = request.send().await.map_err(|error| match () {
                () if error.is_timeout() && !error.is_connect() => CallError::Silent(begun.elapsed()),
                () => CallError::of(&error),
            })?;
            Received::read(response, how).await
        };
        let received = timeout(within, whole).await.unwrap_or(Err(CallError::Silent(within)));
        let received = match received {
            Ok(received) => received,
            Err(error) => {
                let left = within.saturating_sub(begun.elapsed());
                let status = self.route.refusal(&url, &error, left).await;
                return Err(error.on(&self.route, &url, status));
            }
        };
        // Only a proxy says so (RFC 9110, section 15.5.8): the call went no further.
        if received.status == 407 && self.route.is_for(&url) {
            let words = "it wants a user and a password, or others than these (status 407)".to_owned();
            return Err(CallError::Unreachable(self.route.words(&url, words, None)));
        }
        let elapsed = begun.elapsed();
        if !received.is_success() {
            secrets.extend(hidden);
        }
        Ok(Received { elapsed, body: without(received.body, &secrets), ..received })
    }
}

fn same_host(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let first = attempt.previous().first().map(Url::origin);
    if attempt.previous().len() <= REDIRECTIONS && first == Some(attempt.url().origin()) {
        attempt.follow()
    } else {
        attempt.stop()
    }
}
