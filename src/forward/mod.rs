//! A service of one's own that verified deliveries are handed on to, as a reverse proxy does: the same body, the same headers,
//! and an answer in bounds.
//!
//! A request is sent once. It is tried again only where no connection came about, so that nothing of it was sent.

mod health;
mod original;
mod place;

use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderValue, LOCATION, TRANSFER_ENCODING};
use reqwest::{Method, Url};
use tokio::time::sleep;

use crate::clock::display_span;
use crate::outbound::{CallError, Client, ClientError, Read, Received, Request, Settings, Uplink};

pub use health::{Facts, Health};
pub use original::Original;
pub use place::{Place, PlaceError};

/// For name, connection and handshake.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a connection is kept that nothing goes over. Gunicorn closes its own after 2 s, and a request that meets the close
/// is lost.
const IDLE: Duration = Duration::from_secs(1);
/// How long a service may be away before calls stop waiting for it: it is restarted perhaps.
const RESTART: Duration = Duration::from_secs(3);
/// Between two tries to connect.
const PAUSE: Duration = Duration::from_millis(50);

/// A service, and how it was lately.
pub struct Service {
    place: Place,
    client: Client,
    /// For a call and its answer; `None` is all the time of the delivery.
    timeout: Option<Duration>,
    /// Bytes of an answer at most.
    max_answer: usize,
    health: Health,
}

/// Why there is no answer. It says nothing of what the request held.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// Nothing was sent.
    #[error("cannot reach it: {0}")]
    Away(String),
    #[error("no answer within {}", display_span(*.0))]
    Late(Duration),
    #[error("the connection broke before its answer was whole: {0}")]
    Broken(String),
    #[error("its answer is larger than {0} bytes (`max_answer`)")]
    TooLarge(usize),
    #[error("it redirects{}: write the address that it redirects to as `to`", .0.as_deref().map(|to| format!(" to {to}")).unwrap_or_default())]
    Redirected(Option<String>),
    #[error("the delivery came from this server itself: `to` leads back to it")]
    Loop,
    #[error("{0}")]
    Unfit(String),
}

/// What a service answered: all of it.
#[derive(Debug, Clone)]
pub struct Answered {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Service {
    /// # Errors
    ///
    /// Where TLS cannot be set up so.
    pub fn new(
        place: Place,
        uplink: Uplink,
        timeout: Option<Duration>,
        max_answer: usize,
    ) -> Result<Self, ClientError> {
        let mut settings = Settings::new(uplink).connecting_within(CONNECT).idle_for(IDLE);
        if let Some(socket) = place.socket() {
            settings = settings.through_socket(socket.to_owned());
        }
        let client = Client::new(settings)?;
        Ok(Self { place, client, timeout, max_answer, health: Health::default() })
    }

    pub fn place(&self) -> &Place {
        &self.place
    }

    pub fn facts(&self) -> Facts {
        self.health.facts(self.place.to_string())
    }

    /// Hands a delivery on, once, and gives the answer, whatever its status.
    ///
    /// # Errors
    ///
    /// Where there is none, none that is whole, or a redirection.
    pub async fn send(&self, original: &Original, deadline: Instant) -> Result<Answered, NoAnswer> {
        if original.came_from_here() {
            return Err(NoAnswer::Loop);
        }
        let began = Instant::now();
        let left = deadline.saturating_duration_since(began);
        let until = began + self.timeout.map_or(left, |timeout| timeout.min(left));
        let request = self.request(original);
        let result = match self.reach(request, began, until).await {
            Ok(received) => answered(received),
            Err(error) => Err(self.no_answer(error)),
        };
        match &result {
            Ok(answered) => self.health.answered(answered.status),
            // A delivery that had nearly no time left says nothing of the service.
            Err(NoAnswer::Late(_)) if left < IDLE && self.timeout.is_none_or(|timeout| timeout > left) => {}
            Err(why) => self.health.failed(&why.to_string(), matches!(why, NoAnswer::Away(_))),
        }
        result
    }

    fn request(&self, original: &Original) -> Request {
        let mut request = Request::new(Method::POST, self.place.url_for(&original.target))
            .with_headers(original.forwarded());
        request.body = original.body.clone();
        request
    }

    /// Sends it; while nobody is there, tries again for as long as a restart takes.
    async fn reach(&self, request: Request, began: Instant, until: Instant) -> Result<Received, CallError> {
        loop {
            let within = until.saturating_duration_since(Instant::now());
            let sent = self.client.send(request.clone(), within, Read::All(self.max_answer)).await;
            match sent {
                Err(CallError::Unreachable(why)) => {
                    let since = self.health.away(began);
                    let now = Instant::now();
                    if now + PAUSE >= until || now.saturating_duration_since(since) >= RESTART {
                        return Err(CallError::Unreachable(why));
                    }
                    sleep(PAUSE).await;
                }
                other => return other,
            }
        }
    }

    fn no_answer(&self, error: CallError) -> NoAnswer {
        match error {
            CallError::Unreachable(why) | CallError::Untimely(why) => NoAnswer::Away(why),
            CallError::Silent(time) => NoAnswer::Late(time),
            CallError::Broken(why) => NoAnswer::Broken(why),
            CallError::TooLarge(_) => NoAnswer::TooLarge(self.max_answer),
            CallError::Unfit(_) | CallError::Url { .. } => NoAnswer::Unfit(error.to_string()),
        }
    }

    /// Whether somebody listens there. No request is sent; by `https://` a `HEAD` is, which shows whether its certificate fits.
    ///
    /// # Errors
    ///
    /// Where nobody does.
    pub async fn look(&self, time: Duration) -> Result<(), NoAnswer> {
        if self.place.url().scheme() == "https" {
            let request = Request::new(Method::HEAD, self.place.url().clone());
            let seen = self.client.send(request, time, Read::UpTo(0)).await;
            return seen.map(drop).map_err(|error| self.no_answer(error));
        }
        match tokio::time::timeout(time, self.place.connect()).await {
            Ok(connected) => connected.map_err(|error| NoAnswer::Away(crate::unreached::io_words(&error))),
            Err(_) => Err(NoAnswer::Late(time)),
        }
    }
}

fn answered(received: Received) -> Result<Answered, NoAnswer> {
    let Received { status, headers, url, body, .. } = received;
    if !(200..600).contains(&status) {
        return Err(NoAnswer::Unfit(format!(
            "it answered with status {status}, which is none of a final answer"
        )));
    }
    let is_chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    if headers.get_all(TRANSFER_ENCODING).iter().any(|coding| !is_chunked(coding)) {
        return Err(NoAnswer::Unfit("its answer has a transfer coding other than chunked".to_owned()));
    }
    if (300..400).contains(&status) {
        let to = headers.get(LOCATION).and_then(|to| to.to_str().ok()).and_then(|to| url.join(to).ok());
        return Err(NoAnswer::Redirected(to.map(|to| shown(&to))));
    }
    Ok(Answered { status, headers, body: body.into() })
}

/// A URL without what may be secret in it.
fn shown(url: &Url) -> String {
    let mut plain = url.clone();
    plain.set_query(None);
    plain.set_fragment(None);
    let _ = plain.set_password(None).and_then(|()| plain.set_username(""));
    plain.to_string()
}
