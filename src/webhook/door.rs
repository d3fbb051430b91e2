//! The door itself: a request in, a response out, one log line.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::header::{HOST, HeaderValue, LOCATION};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};

use crate::inspector::{Inspector, Sent};
use crate::signature::Forged;
use crate::tasks::Tasks;
use crate::telemetry::Metrics;

use super::body::{self, DoorLimits};
use super::came;
use super::front_page;
use super::hook::{Answers, Hook, HookUse, ServiceFacts};
use super::host::{host, is_loopback, names_its_host};
use super::log_line::{Arrival, Target, Verdict, level};
use super::plan::BuiltHook;
use super::promises::{Found, Made, PLACE, Promises};
use super::refusal::{self, Refusal};
use super::routes::Routes;
use super::run::{self, Facts};
use super::under_way::DeliveriesUnderWay;
use super::watched::{self, Watched};
use super::work::{Proof, Work};

/// The header that says of an answer that it is the one of before, and nothing ran.
pub const REPEATED: &str = "annex-repeated";

/// What a caller showed of itself, beside its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificate {
    None,
    /// One that a configured CA signed.
    Verified,
}

/// Who makes a request.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    pub address: IpAddr,
    pub certificate: ClientCertificate,
    /// Whether it came over TLS.
    pub secure: bool,
}

/// Everything behind the public address. What is configured can be exchanged at any time: a request keeps what it
/// began with.
pub struct Door {
    routes: ArcSwap<Routes>,
    promises: Arc<Promises>,
    metrics: Arc<Metrics>,
    inspector: Option<Arc<Inspector>>,
    /// Where the inspector's page is while developing.
    page: OnceLock<SocketAddr>,
    tasks: Tasks,
    under_way: DeliveriesUnderWay,
}

/// Why a delivery cannot be sent again.
#[derive(Debug, thiserror::Error)]
pub enum NotSent {
    #[error("nobody looks")]
    NotWatched,
    #[error("there is no hook at {0} any more")]
    NoHook(String),
    #[error("it is not verified any more: {0}")]
    Forged(#[from] Forged),
}

impl Door {
    pub fn new(
        hooks: Vec<BuiltHook>,
        limits: DoorLimits,
        metrics: Arc<Metrics>,
        inspector: Option<Arc<Inspector>>,
        tasks: Tasks,
    ) -> Self {
        let routes = Routes::new(hooks, limits, &metrics);
        Self {
            routes: ArcSwap::from_pointee(routes),
            promises: Arc::default(),
            metrics,
            inspector,
            page: OnceLock::new(),
            tasks,
            under_way: DeliveriesUnderWay::default(),
        }
    }

    /// From the next request on, these hooks.
    pub fn replace(&self, hooks: Vec<BuiltHook>, limits: DoorLimits) {
        self.routes.store(Arc::new(Routes::new(hooks, limits, &self.metrics)));
    }

    /// Who looks here with a browser on this host is led to the inspector.
    pub fn leads_to(&self, page: SocketAddr) {
        let _ = self.page.set(page); // it is opened once
    }

    pub(super) fn routes(&self) -> Arc<Routes> {
        self.routes.load_full()
    }

    /// Which secrets verify deliveries, hook by hook.
    pub fn secrets(&self) -> Vec<HookUse> {
        let routes = self.routes.load();
        let mut all: Vec<_> = routes.hooks.values().flatten().map(|hook| hook.used()).collect();
        all.sort_by(|one, other| one.name().cmp(other.name()));
        all
    }

    /// The services that deliveries are forwarded to, hook by hook.
    pub fn services(&self) -> Vec<ServiceFacts> {
        let routes = self.routes.load();
        let mut all: Vec<_> = routes.hooks.values().flatten().flat_map(|hook| hook.services()).collect();
        all.sort_by(|one, other| (&one.hook, &one.step).cmp(&(&other.hook, &other.step)));
        all
    }

    /// Logs each delivery that is under way, where the server ends before it does.
    pub fn tell_cut_off(&self) {
        self.under_way.tell_cut_off();
    }

    /// Answers any request. Every way ends in one log line. `verified` is called once the signature is known to be good.
    pub async fn answer(
        &self,
        request: Request<Incoming>,
        caller: Caller,
        verified: impl FnOnce(),
    ) -> Response<Full<Bytes>> {
        let arrival = Arrival::now(caller);
        let routes = self.routes.load_full();
        let (head, mut body) = request.into_parts();
        let response = self.pass(&routes, &head, &mut body, arrival, verified).await;
        if !response.status().is_success() {
            self.discard(body);
        }
        response
    }

    async fn pass(
        &self,
        routes: &Routes,
        head: &Parts,
        body: &mut Incoming,
        arrival: Arrival,
        verified: impl FnOnce(),
    ) -> Response<Full<Bytes>> {
        let certificate = arrival.caller.certificate;
        let path = head.uri.path();
        let refusal = match (routes.find(path, host(&head.uri, &head.headers)), &head.method) {
            _ if !names_its_host(head.version, &head.uri, &head.headers) => Refusal::NoHost,
            (Some(hook), &Method::POST) if hook.turns_away(certificate) => Refusal::NoClientCertificate,
            (Some(hook), &Method::POST) => {
                return self.deliver(routes, hook, head, body, arrival, verified).await;
            }
            (_, &Method::GET | &Method::HEAD) if path == "/" => {
                let page = self.page.get().filter(|_| is_loopback(host(&head.uri, &head.headers)));
                return self.browsed(head, front_page::response(page), arrival);
            }
            (None, &Method::GET | &Method::HEAD) if front_page::is_asked_by_itself(path) => {
                return self.browsed(head, front_page::nothing(), arrival);
            }
            (None, &Method::GET) if path.starts_with(PLACE) => return self.promised(head, arrival),
            (Some(_), _) if path == "/" => Refusal::Method { allow: "GET, HEAD, POST" },
            (None, _) if path == "/" => Refusal::Method { allow: "GET, HEAD" },
            (Some(_), _) => Refusal::Method { allow: "POST" },
            (None, _) => Refusal::NoHook,
        };
        self.refuse(head, Target::of(head), &refusal, arrival)
    }

    /// What a browser asks for is no delivery: it has a line in the log, unless there are many.
    fn browsed(
        &self,
        head: &Parts,
        response: Response<Full<Bytes>>,
        arrival: Arrival,
    ) -> Response<Full<Bytes>> {
        let (status, from) = (response.status(), arrival.caller.address);
        if self.metrics.strangers.has_line("front_page", "", level(StatusCode::OK), from) {
            arrival.log(Target::of(head), Verdict::NotNeeded, Facts::default(), status);
        }
        response
    }

    /// Throws away what is left of a refused body, so that the caller sees its answer.
    fn discard(&self, body: Incoming) {
        if !body.is_end_stream() {
            self.tasks.background(body::discard(body));
        }
    }

    /// Turns a request away that nothing vouches for: it is counted and shown, and has a line in the log unless there are many.
    fn refuse(
        &self,
        head: &Parts,
        target: Target<'_>,
        refusal: &Refusal,
        arrival: Arrival,
    ) -> Response<Full<Bytes>> {
        let (hook, kind, status) = (target.hook(), refusal.label(), refusal.status());
        self.metrics.delivery(if hook.is_empty() { "-" } else { hook }, "-", kind);
        if let Some(inspector) = &self.inspector {
            inspector.show(watched::refused(head, hook, refusal, arrival));
        }
        // Nobody but Rossum knows the place of a promise.
        let is_known = matches!(refusal, Refusal::Broken);
        let from = arrival.caller.address;
        if is_known || self.metrics.strangers.has_line(kind, hook, level(status), from) {
            arrival.log(target, Verdict::Refused(refusal), Facts::default(), status);
        }
        refusal.response(None)
    }

    async fn deliver(
        &self,
        routes: &Routes,
        hook: &Arc<Hook>,
        head: &Parts,
        body: &mut Incoming,
        arrival: Arrival,
        verified: impl FnOnce(),
    ) -> Response<Full<Bytes>> {
        let entry = self.under_way.begin(&hook.whose);
        let (body, share) = match routes.verify(hook, head, body).await {
            Ok(whole) => {
                verified();
                entry.verified();
                whole
            }
            Err(refusal) => return self.refuse(head, Target::Hook(&hook.name), &refusal, arrival),
        };
        if let Some(used) = hook.uses.get(body.secret()) {
            used.count();
        }
        let watched = self
            .inspector
            .as_ref()
            .map(|inspector| Watched::new(inspector, head, host(&head.uri, &head.headers), &body, arrival));
        let came = hook.forwards().then(|| Arc::new(came::as_it_came(head, &body, arrival.caller)));
        let metrics = Arc::clone(&self.metrics);
        let work = Work { hook: Arc::clone(hook), metrics, arrival, watched, entry, head: came };
        let promised = match hook.answers {
            Answers::Async if !work.is_loop() => run::glance(&body).await,
            Answers::Direct | Answers::Async => None,
        };
        let Some(mut facts) = promised else {
            let ran = work.run_by(body, false).await;
            return match ran.came {
                Ok(answer) if ran.is_repeated => {
                    let mut response = json(StatusCode::OK, answer);
                    response.headers_mut().insert(REPEATED, HeaderValue::from_static("true"));
                    response
                }
                Ok(answer) => json(StatusCode::OK, answer),
                Err((refusal, request_id)) => refusal.response(request_id.as_deref()),
            };
        };
        let id = facts.request_id.clone().filter(|id| !id.is_empty());
        let name = match self.promises.make(id.map(|id| (hook.name.clone(), id))) {
            Ok(Made::New(name)) => name,
            Ok(Made::Same(name)) => {
                facts.note = Some("promised before: the same place");
                work.account(Proof::of(&body), facts, Ok(&Bytes::from_static(b"{}")), StatusCode::ACCEPTED);
                return accepted(head, arrival.caller, &name);
            }
            Err(refusal) => {
                let response = refusal.response(facts.request_id.as_deref());
                work.account(Proof::of(&body), facts, Err(&refusal), refusal.status());
                return response;
            }
        };
        let response = accepted(head, arrival.caller, &name);
        let promises = Arc::clone(&self.promises);
        // Rossum was told that it will be done: the end of the server waits for it.
        self.tasks.spawn(async move {
            let result = work.run_by(body, false).await.came;
            drop(share);
            promises.keep(&name, result.as_ref().map_err(|(refusal, _)| refusal));
        });
        response
    }

    /// Runs a delivery once more, as it came, by the configuration of now. It is not answered from memory; what the outbox
    /// knows by its key is not sent twice. Gives the number that the inspector shows it by.
    pub async fn again(&self, sent: Sent, number: u64, caller: Caller) -> Result<Option<u64>, NotSent> {
        let inspector = self.inspector.as_ref().ok_or(NotSent::NotWatched)?;
        let routes = self.routes.load_full();
        let found = routes.find(&sent.path, sent.host.as_deref().unwrap_or_default());
        let hook = found.ok_or_else(|| NotSent::NoHook(sent.path.clone()))?;
        let claim = hook.keys.claim(sent.sha256.as_deref(), sent.sha1.as_deref())?;
        let mut verifier = hook.keys.verifier(claim);
        verifier.update(&sent.body);
        let body = verifier.finish(vec![sent.body.clone()])?;
        let arrival = Arrival::now(caller);
        let head = hook.forwards().then(|| Arc::new(came::again(&sent, caller)));
        let work = Work {
            head,
            hook: Arc::clone(hook),
            metrics: Arc::clone(&self.metrics),
            arrival,
            watched: Some(Watched::again(inspector, sent, &body, arrival, number)),
            entry: self.under_way.begin(&hook.whose),
        };
        work.entry.verified();
        Ok(work.run_by(body, true).await.number)
    }

    /// What was promised, as Rossum polls for it: 202 until it is there, then 201.
    fn promised(&self, head: &Parts, arrival: Arrival) -> Response<Full<Bytes>> {
        let (status, answer) = match self.promises.find(head.uri.path().trim_start_matches(PLACE)) {
            Found::NotYet => (StatusCode::ACCEPTED, Bytes::from_static(b"{}")),
            Found::Result(answer) => (StatusCode::CREATED, answer),
            Found::Broken => return self.refuse(head, Target::Result, &Refusal::Broken, arrival),
            Found::Nothing => return self.refuse(head, Target::Result, &Refusal::NoResult, arrival),
        };
        arrival.log(Target::Result, Verdict::NotNeeded, Facts::default(), status);
        json(status, answer)
    }
}

/// The answer to a delivery whose result will be at a place of this name.
fn accepted(head: &Parts, caller: Caller, name: &str) -> Response<Full<Bytes>> {
    let mut response = json(StatusCode::ACCEPTED, Bytes::from_static(b"{}"));
    if let Ok(place) = HeaderValue::from_str(&format!("{}{PLACE}{name}", origin(head, caller))) {
        response.headers_mut().insert(LOCATION, place);
    }
    response
}

/// Where the caller reached us. A tunnel for developing ends TLS and says so.
fn origin(head: &Parts, caller: Caller) -> String {
    let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
    let authority = head.uri.authority().map(ToString::to_string);
    let host = authority.or_else(|| head.headers.get(HOST).and_then(text)).unwrap_or_default();
    let forwarded = head.headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let scheme = if caller.secure || forwarded { "https" } else { "http" };
    format!("{scheme}://{host}")
}

fn json(status: StatusCode, answer: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer));
    *response.status_mut() = status;
    refusal::set_json(response.headers_mut());
    response
}
