//! The inspector's page and what it asks for, on the admin listener.
//!
//! | path | answer |
//! |---|---|
//! | `GET /inspector` | the page |
//! | `GET /inspector/deliveries` | what is kept, a line each |
//! | `GET /inspector/deliveries/N` | one with everything |
//! | `GET /inspector/deliveries/N/body`, `…/commands` | its body as it came, commands that send it; while developing only |
//! | `GET /inspector/hooks` | the hooks, and where they are called |
//! | `GET /inspector/events` | server-sent events: `delivery`, `reload`, `behind` |
//! | `POST /inspector/deliveries/N/send`, `…/save`, `POST /inspector/hooks/NAME/sample` | while developing only |

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Response, StatusCode};
use tokio::select;
use tokio::sync::{mpsc, oneshot};
use tokio::time::interval;

use crate::inspector::{self, Inspector, NotSaved};
use crate::tasks::Tasks;
use crate::webhook::{Caller, ClientCertificate, Door, Offered};

use super::Drain;
use super::commands::Copied;
use super::connections::RequestUnderWay;
use super::sampled;

/// Where all of it is.
pub(super) const PLACE: &str = "/inspector";
/// How a hook names the secret that dev mode has.
const DEV_SECRET: &str = "env:ROSSUM_SECRET";
const NOT_KEPT: &str = "the delivery is no longer stored";
/// Events that wait for a slow page on top of what the inspector keeps for it.
const AHEAD: usize = 16;
/// Pages that listen at a time.
const STREAMS: usize = 12;
/// How often a page hears that the server is there.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// A body that is whole, or that goes on as long as the page listens.
pub(super) enum AdminBody {
    Whole(Full<Bytes>),
    Events {
        events: mpsc::Receiver<Bytes>,
        /// While it is there, the connection counts as busy.
        _under_way: RequestUnderWay,
    },
}

impl Body for AdminBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Whole(body) => Pin::new(body).poll_frame(context),
            Self::Events { events, .. } => {
                Poll::Ready(ready!(events.poll_recv(context)).map(|event| Ok(Frame::data(event))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(body) if body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Events { .. } => SizeHint::new(),
        }
    }
}

/// The inspector, and the door that sends again.
pub struct Inspection {
    pub inspector: Arc<Inspector>,
    pub door: Arc<Door>,
    pub streams: Streams,
    pub called: Called,
    pub tasks: Tasks,
}

/// Where hooks are called.
pub enum Called {
    /// Plain HTTP while developing, perhaps behind a tunnel, and how commands name the secret that dev mode made.
    Developing { address: SocketAddr, secret: Option<String>, public: OnceLock<String> },
    /// Over TLS, under these names.
    Public { domains: Vec<String> },
}

/// The pages that listen, oldest first: each holds a connection for as long as it likes, so that they may not take all
/// those of the admin pages. For one more, the oldest ends; a page that is still there connects again.
#[derive(Default)]
pub struct Streams(Mutex<VecDeque<oneshot::Sender<()>>>);

impl Streams {
    /// A place for one more; it is lost when the receiver hears of it.
    fn join(&self) -> oneshot::Receiver<()> {
        let (place, lost) = oneshot::channel();
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        places.retain(|place| !place.is_closed());
        if places.len() >= STREAMS {
            places.pop_front();
        }
        places.push_back(place);
        lost
    }
}

/// What is answered to a request below [`PLACE`].
pub(super) enum Reply {
    Page,
    Json(StatusCode, String),
    Text(String),
    Events,
    NotAllowed(&'static str),
    /// It changes something, and does not carry the header that no other page can set.
    Unasked,
    Nothing,
}

impl Called {
    /// A tunnel leads here.
    pub fn reached_by(&self, url: &str) {
        if let Self::Developing { public, .. } = self {
            let _ = public.set(url.trim_end_matches('/').to_owned()); // there is one tunnel
        }
    }
}

impl Inspection {
    pub(super) async fn reply(&self, method: &Method, path: &str, is_asked: bool) -> Reply {
        let parts: Vec<&str> = path.strip_prefix(PLACE).unwrap_or_default().split('/').skip(1).collect();
        let number = parts.get(1).and_then(|number| number.parse::<u64>().ok());
        let reads = matches!(*method, Method::GET | Method::HEAD);
        match (&parts[..], number) {
            (["deliveries", _, "send" | "save"], Some(_)) | (["hooks", _, "sample"], _)
                if *method != Method::POST =>
            {
                Reply::NotAllowed("POST")
            }
            (["deliveries", _, "send" | "save"], Some(_)) | (["hooks", _, "sample"], _) if !is_asked => {
                Reply::Unasked
            }
            (["hooks", name, "sample"], _) => self.send_sample(name).await,
            (["deliveries", _, "send"], Some(number)) => self.send_again(number).await,
            (["deliveries", _, "save"], Some(number)) => self.save(number),
            ([] | ["" | "deliveries" | "events" | "hooks"] | ["deliveries", ..], _) if !reads => {
                Reply::NotAllowed("GET, HEAD")
            }
            ([] | [""], _) => Reply::Page,
            (["events"], _) => Reply::Events,
            (["hooks"], _) => self.hooks(),
            (["deliveries", _, "body"], Some(number)) => match self.inspector.body(number) {
                Some(body) => Reply::Text(body),
                None => problem(StatusCode::NOT_FOUND, NOT_KEPT),
            },
            (["deliveries", _, "commands"], Some(number)) => self.commands(number),
            (["deliveries"], _) => Reply::Json(StatusCode::OK, self.inspector.list()),
            (["deliveries", _], Some(number)) => match self.inspector.detail(number) {
                Some(detail) => Reply::Json(StatusCode::OK, detail),
                None => problem(StatusCode::NOT_FOUND, NOT_KEPT),
            },
            _ => Reply::Nothing,
        }
    }

    async fn send_again(&self, number: u64) -> Reply {
        let Some(sent) = self.inspector.sent(number) else {
            return problem(
                StatusCode::CONFLICT,
                "only a verified delivery that is still stored can be sent again, and only in development mode",
            );
        };
        let caller = Caller {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            certificate: ClientCertificate::None,
            secure: false,
        };
        match self.door.again(sent, number, caller).await {
            Ok(number) => Reply::Json(StatusCode::OK, serde_json::json!({ "number": number }).to_string()),
            Err(error) => problem(StatusCode::CONFLICT, &error.to_string()),
        }
    }

    fn hooks(&self) -> Reply {
        let url = |hook: &Offered| match &self.called {
            Called::Developing { public, .. } if public.get().is_some() => {
                public.get().map(|public| format!("{public}{}", hook.path))
            }
            Called::Developing { address, .. } => {
                let host = hook.domain.as_ref().map(|domain| format!("{domain}:{}", address.port()));
                Some(format!("http://{}{}", host.unwrap_or_else(|| address.to_string()), hook.path))
            }
            Called::Public { domains } => {
                let domain = hook.domain.as_ref().or(domains.first());
                domain.map(|domain| format!("https://{domain}{}", hook.path))
            }
        };
        let hooks = self.door.offered();
        let hooks: Vec<_> =
            hooks.iter().map(|hook| serde_json::json!({"hook": hook, "url": url(hook)})).collect();
        Reply::Json(
            StatusCode::OK,
            serde_json::json!({ "hooks": hooks, "is_tunnelled": self.is_tunnelled() }).to_string(),
        )
    }

    fn is_tunnelled(&self) -> bool {
        matches!(&self.called, Called::Developing { public, .. } if public.get().is_some())
    }

    async fn send_sample(&self, name: &str) -> Reply {
        let Called::Developing { address, .. } = self.called else {
            return problem(StatusCode::CONFLICT, "samples are sent while developing only");
        };
        let Some(sample) = unescaped(name).and_then(|name| self.door.sample(&name)) else {
            return problem(StatusCode::NOT_FOUND, "there is no such hook any more");
        };
        match sampled::send(sample, address, &self.tasks).await {
            Ok(status) => Reply::Json(StatusCode::OK, serde_json::json!({ "status": status }).to_string()),
            Err(why) => problem(StatusCode::BAD_GATEWAY, &why),
        }
    }

    fn commands(&self, number: u64) -> Reply {
        let (Called::Developing { address, secret: made, .. }, Some(sent), Some(body)) =
            (&self.called, self.inspector.sent(number), self.inspector.body(number))
        else {
            return problem(StatusCode::NOT_FOUND, NOT_KEPT);
        };
        let body = body + "\n";
        let Some(signed) =
            self.door.signed(&sent.path, sent.host.as_deref().unwrap_or_default(), body.as_bytes())
        else {
            return problem(StatusCode::CONFLICT, "there is no hook at its path any more");
        };
        let secret = made.as_deref().filter(|_| signed.secret == DEV_SECRET).unwrap_or(&signed.secret);
        let url = format!("http://{address}{}", sent.path);
        let commands = Copied { url: &url, signed: &signed, secret, body: &body }.commands();
        Reply::Json(StatusCode::OK, serde_json::json!(commands).to_string())
    }

    fn save(&self, number: u64) -> Reply {
        match self.inspector.save(number) {
            Ok(path) => Reply::Json(StatusCode::OK, serde_json::json!({ "file": path }).to_string()),
            Err(error @ NotSaved::Unwritable(_)) => {
                problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string())
            }
            Err(error) => problem(StatusCode::CONFLICT, &error.to_string()),
        }
    }

    /// What happens, until the page or the server goes. The connection counts as busy meanwhile.
    pub(super) fn events(&self, drain: Drain, under_way: RequestUnderWay) -> AdminBody {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let mut news = self.inspector.news().subscribe();
        let mut lost = self.streams.join();
        drain.tasks.clone().background(async move {
            let mut beats = interval(HEARTBEAT);
            loop {
                let event = select! {
                    () = drain.stopping() => return,
                    () = sender.closed() => return,
                    _ = &mut lost => return,
                    _ = beats.tick() => Bytes::from_static(b": here\n\n"),
                    event = news.next() => match event {
                        Some(event) => event,
                        None => return,
                    },
                };
                select! {
                    () = drain.stopping() => return,
                    _ = &mut lost => return,
                    sent = sender.send(event) => if sent.is_err() { return },
                }
            }
        });
        AdminBody::Events { events: receiver, _under_way: under_way }
    }
}

/// Headers of the page: no other page may frame it, and it may ask nobody else.
pub(super) fn page() -> Response<AdminBody> {
    let mut response = Response::new(AdminBody::Whole(Full::new(inspector::page())));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(policy) = HeaderValue::from_str(&inspector::POLICY) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// What stands in a path for a name.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(part.get(2..)?.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

fn problem(status: StatusCode, text: &str) -> Reply {
    Reply::Json(status, serde_json::json!({ "problem": text }).to_string())
}
