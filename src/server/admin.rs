//! The admin listener: metrics, health, readiness, status, and an operator's word to the certificate supervisors. On
//! loopback or a unix socket; never where Rossum calls.
//!
//! | path | answer |
//! |---|---|
//! | `GET /metrics` | for Prometheus |
//! | `GET /healthz` | 200 while the process moves |
//! | `GET /readyz` | 200, or 503 with the reasons |
//! | `GET /status` | everything as JSON, for `annex status` |
//! | `GET /inspector` | the page that shows deliveries, where it is switched on: [`super::inspect`] |
//! | `POST /reload` | reads the configuration anew, as SIGHUP does, and says what came of it |
//! | `POST /certificates/renew`, `…/rehearse` | waits for the order; `?certificate=NAME` for one |

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HOST, HeaderValue, LOCATION, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{interval, sleep};
use tokio::{pin, select};

use crate::clock;
use crate::private;
use crate::shown::Line;
use crate::telemetry::{CertificateFacts, Metrics};
use crate::tls::{Asked, Board, Protocol};
use crate::webhook::{Door, ServiceFacts, is_loopback};

use super::connection;
use super::connections::{Connections, RequestUnderWay};
use super::facts::{self, ConfigFacts, DatasetFacts, ExportFacts, OutboxFacts, Overview};
use super::inspect::{self, AdminBody, Inspection, Reply};
use super::limits::{ACCEPT_PAUSE, Limits};
use super::probe;
use super::pulse::{BEAT, Beat};
use super::{Drain, Pulse};

/// Admin connections at a time: a scraper, an operator, and some to spare. For one more, the idlest is closed.
const CONNECTIONS: usize = 32;
/// Without it no browser page can make a browser on this host ask for something: a page cannot set it.
pub const HEADER: &str = "x-annex-admin";

pub enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Socket {
    pub fn tcp(address: SocketAddr) -> io::Result<Self> {
        let socket = std::net::TcpListener::bind(address)?;
        socket.set_nonblocking(true)?;
        TcpListener::from_std(socket).map(Self::Tcp)
    }

    /// With its real port; nothing for a unix socket.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(socket) => socket.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }

    /// A socket that only the user that Annex runs as, and root, can use. One that a dead server left is replaced.
    pub fn unix(path: &Path) -> io::Result<Self> {
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        if std::fs::symlink_metadata(path).is_ok_and(|known| known.file_type().is_socket()) {
            let _ = std::fs::remove_file(path); // where it stays, binding says why
        }
        let socket = UnixListener::bind(path)?;
        private::own_socket(path)?;
        Ok(Self::Unix(socket))
    }
}

/// What the pages show.
pub struct Pages {
    pub board: Arc<Board>,
    pub metrics: Arc<Metrics>,
    pub pulse: Pulse,
    pub started: SystemTime,
    /// Where Rossum calls.
    pub https: Option<SocketAddr>,
    pub config: PathBuf,
    /// What was taken of it last.
    pub taken: Mutex<ConfigFacts>,
    pub inspection: Option<Inspection>,
    pub door: Arc<Door>,
    /// How the outbox is.
    pub outbox: Box<dyn Fn() -> OutboxFacts + Send + Sync>,
    /// How the files of datasets are.
    pub datasets: Box<dyn Fn() -> Vec<DatasetFacts> + Send + Sync>,
    /// Who wants a reload asks here, and hears the mistakes.
    pub reload: mpsc::Sender<oneshot::Sender<Option<String>>>,
}

impl Pages {
    fn overview(&self) -> Overview<'_> {
        let now = clock::now();
        let certificates = self.board.all();
        let (mut reasons, mut warnings) = (Vec::new(), Vec::new());
        for status in &certificates {
            warnings.extend(status.storage_problem());
            let Some(problem) = status.problem(now) else { continue };
            if status.serves(now) { warnings.push(problem) } else { reasons.push(problem) }
        }
        if self.https.is_some() && certificates.is_empty() {
            reasons.push("there is no certificate yet".to_owned());
        }
        if !self.pulse.is_alive(BEAT * 5) {
            reasons.push("the server has stopped accepting connections".to_owned());
        }
        let (waiting, given_up) = self.metrics.outbox_jobs();
        let outbox = (self.outbox)();
        let writable = outbox.problem.is_none();
        if let Some(problem) = outbox.problem {
            reasons.push(format!("cannot write to the outbox: {problem}"));
        }
        warnings.extend(outbox.warnings);
        if given_up > 0 {
            warnings.push(format!("{given_up} exports were given up: annex outbox list shows why"));
        }
        let configuration = self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone();
        warnings.extend(configuration.warning());
        let datasets = (self.datasets)();
        warnings.extend(datasets.iter().filter_map(DatasetFacts::warning));
        let services = self.door.services();
        warnings.extend(services.iter().filter_map(facts::silent));
        Overview {
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            started: Some(self.started),
            config: &self.config,
            configuration,
            https: self.https,
            ready: reasons.is_empty(),
            reasons,
            warnings,
            certificates,
            exports: ExportFacts { waiting, given_up, writable },
            datasets,
            hooks: self.door.secrets(),
            services,
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.overview().ready
    }

    /// One line for systemd's status.
    pub fn line(&self) -> String {
        let overview = self.overview();
        let problem = overview.reasons.into_iter().chain(overview.warnings).next();
        // A line feed in a CA's words would be a message of its own to systemd.
        if let Some(problem) = problem {
            return Line(problem).to_string();
        }
        let until = overview.certificates.iter().filter_map(|status| status.not_after).min();
        until.map_or_else(
            || "serving".to_owned(),
            |until| format!("serving; certificate valid until {}", clock::display(until)),
        )
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        drain: &Drain,
        under_way: RequestUnderWay,
    ) -> Response<AdminBody> {
        // A page in a browser on this host could reach us under a name of its own: DNS rebinding.
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        if !is_loopback(host) {
            let refused = plain(StatusCode::FORBIDDEN, "this address answers on loopback names only\n");
            return refused.map(AdminBody::Whole);
        }
        let path = request.uri().path();
        if let Some(inspection) = &self.inspection {
            if path == "/" {
                let mut response = plain(StatusCode::SEE_OTHER, "the inspector is at /inspector\n");
                response.headers_mut().insert(LOCATION, HeaderValue::from_static(inspect::PLACE));
                return response.map(AdminBody::Whole);
            }
            if path.starts_with(inspect::PLACE) {
                return inspected(inspection, &request, drain, under_way).await;
            }
        }
        self.page(&request).await.map(AdminBody::Whole)
    }

    async fn page(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        match (request.method(), request.uri().path()) {
            (&Method::GET | &Method::HEAD, "/metrics") => self.metrics(),
            (&Method::GET | &Method::HEAD, "/healthz") => plain(StatusCode::OK, "ok\n"),
            (&Method::GET | &Method::HEAD, "/readyz") => self.readiness(),
            (&Method::GET | &Method::HEAD, "/status") => json(StatusCode::OK, &self.overview()),
            (&Method::POST, "/certificates/renew") => self.ask(request, Asked::Renew).await,
            (&Method::POST, "/certificates/rehearse") => self.ask(request, Asked::Rehearse).await,
            (&Method::POST, "/reload") => self.reload(request).await,
            (_, "/metrics" | "/healthz" | "/readyz" | "/status") => not_allowed("GET, HEAD"),
            (_, "/certificates/renew" | "/certificates/rehearse" | "/reload") => not_allowed("POST"),
            _ => plain(
                StatusCode::NOT_FOUND,
                "annex admin: /metrics /healthz /readyz /status, POST /reload /certificates/renew /certificates/rehearse\n",
            ),
        }
    }

    fn metrics(&self) -> Response<Full<Bytes>> {
        let all = self.board.all();
        self.metrics.ready(self.is_ready());
        let outbox = (self.outbox)();
        self.metrics.outbox_writable(outbox.problem.is_none());
        self.metrics.outbox_lost(outbox.times_lost);
        self.metrics.certificates(all.iter().map(|status| CertificateFacts {
            name: &status.name,
            dates: status.not_before.zip(status.not_after),
            failures: status.failures,
            last_attempt: status.last_attempt,
            storable: status.storage.is_none(),
            refused: status.refused.is_some(),
        }));
        let datasets = (self.datasets)();
        self.metrics.datasets(datasets.iter().map(|dataset| (dataset.name.as_str(), dataset.since)));
        let services = self.door.services();
        self.metrics.services.set(services.iter().map(ServiceFacts::silence));
        let mut response = plain(StatusCode::OK, self.metrics.render());
        let kind = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response
    }

    fn readiness(&self) -> Response<Full<Bytes>> {
        let overview = self.overview();
        let (status, word) = probe::readiness(overview.ready);
        let reasons = overview.reasons.into_iter().map(|reason| format!("{}\n", Line(reason)));
        let warnings = overview.warnings.into_iter().map(|warning| format!("warning: {}\n", Line(warning)));
        plain(status, word.to_owned() + &reasons.chain(warnings).collect::<String>())
    }

    async fn reload(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if !request.headers().contains_key(HEADER) {
            return plain(StatusCode::FORBIDDEN, format!("needs the header {HEADER}\n"));
        }
        let (answer, heard) = oneshot::channel();
        let came = if self.reload.send(answer).await.is_ok() { heard.await.ok() } else { None };
        match came {
            Some(None) => json(StatusCode::OK, &serde_json::json!({ "mistakes": null })),
            Some(Some(text)) => json(StatusCode::CONFLICT, &serde_json::json!({ "mistakes": text })),
            None => plain(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping\n"),
        }
    }

    async fn ask(&self, request: &Request<Incoming>, asked: Asked) -> Response<Full<Bytes>> {
        if !request.headers().contains_key(HEADER) {
            return plain(StatusCode::FORBIDDEN, format!("needs the header {HEADER}\n"));
        }
        let name = request.uri().query().and_then(|query| query.strip_prefix("certificate="));
        let answers = self.board.ask(name, asked).await;
        if answers.is_empty() {
            return plain(StatusCode::NOT_FOUND, "no such certificate\n");
        }
        let good = answers.iter().all(|(_, result)| result.is_ok());
        let list: Vec<_> = answers
            .into_iter()
            .map(|(certificate, result)| {
                let ok = result.is_ok();
                let message = result.unwrap_or_else(|problem| problem);
                serde_json::json!({"certificate": certificate, "ok": ok, "message": message})
            })
            .collect();
        json(if good { StatusCode::OK } else { StatusCode::BAD_GATEWAY }, &list)
    }
}

/// Serves the pages until the drain begins.
pub async fn run(socket: Socket, pages: Arc<Pages>, drain: Drain, beat: Beat) {
    let connections = Arc::new(Connections::new(CONNECTIONS, Arc::clone(&pages.metrics)));
    let mut ticks = interval(BEAT);
    loop {
        let accept = async {
            match &socket {
                Socket::Tcp(socket) => socket.accept().await.map(|(stream, _)| Stream::Tcp(stream)),
                Socket::Unix(socket) => socket.accept().await.map(|(stream, _)| Stream::Unix(stream)),
            }
        };
        let stream = select! {
            () = drain.stopping() => return,
            _ = ticks.tick() => { beat.beat(); continue }
            stream = accept => stream,
        };
        let Ok(stream) = stream else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let ticket = connections.admit("admin");
        pin!(ticket);
        let ticket = loop {
            select! {
                biased;
                ticket = &mut ticket => break ticket,
                () = drain.stopping() => return,
                _ = ticks.tick() => beat.beat(),
            }
        };
        let (pages, drain) = (Arc::clone(&pages), drain.clone());
        drain.clone().spawn(async move {
            let stopping = drain.clone();
            let answer = move |request, mut under_way: RequestUnderWay| {
                let (pages, drain) = (Arc::clone(&pages), stopping.clone());
                // Who may ask here is trusted: what was asked for is done before its connection makes room.
                under_way.verified();
                async move { pages.answer(request, &drain, under_way).await }
            };
            let (limits, activity) = (Limits::default(), &ticket.activity);
            let served = async {
                match stream {
                    Stream::Tcp(io) => {
                        connection::serve(io, Protocol::Http1, activity, limits, &drain, answer).await;
                    }
                    Stream::Unix(io) => {
                        connection::serve(io, Protocol::Http1, activity, limits, &drain, answer).await;
                    }
                }
            };
            select! {
                () = activity.dismissed() => {}
                () = served => {}
            }
        });
    }
}

async fn inspected(
    inspection: &Inspection,
    request: &Request<Incoming>,
    drain: &Drain,
    under_way: RequestUnderWay,
) -> Response<AdminBody> {
    let is_asked = request.headers().contains_key(HEADER);
    let mut response = match inspection.reply(request.method(), request.uri().path(), is_asked).await {
        Reply::Page => return inspect::page(),
        Reply::Events => {
            let mut response = Response::new(inspection.events(drain.clone(), under_way));
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
            headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            headers.insert(CONNECTION, HeaderValue::from_static("close")); // it is given back when the page lost its place
            response
        }
        Reply::Json(status, text) => {
            let mut response = plain(status, text);
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response.map(AdminBody::Whole)
        }
        Reply::Text(text) => plain(StatusCode::OK, text).map(AdminBody::Whole),
        Reply::NotAllowed(allow) => not_allowed(allow).map(AdminBody::Whole),
        Reply::Unasked => {
            plain(StatusCode::FORBIDDEN, format!("needs the header {HEADER}\n")).map(AdminBody::Whole)
        }
        Reply::Nothing => plain(StatusCode::NOT_FOUND, "no such page\n").map(AdminBody::Whole),
    };
    // What documents hold stays out of a browser's cache.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

enum Stream {
    Tcp(tokio::net::TcpStream),
    Unix(tokio::net::UnixStream),
}

fn plain(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn json(status: StatusCode, value: &impl Serialize) -> Response<Full<Bytes>> {
    // Writing these types to memory cannot fail: their keys are texts.
    let mut response = plain(status, serde_json::to_vec(value).unwrap_or_default());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn not_allowed(allow: &'static str) -> Response<Full<Bytes>> {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    response
}
