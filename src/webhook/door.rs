//! The door itself: a request in, a response out, one log line.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::header::{HOST, HeaderValue, LOCATION};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use tracing::{error, info, warn};

use crate::cases::Recorder;
use crate::inspector::{Inspector, Sent};
use crate::signature::{Forged, SHA1_HEADER, SHA256_HEADER, VerifiedBody};
use crate::tasks::Tasks;
use crate::telemetry::{DELIVERY, Metrics};

use super::body::{self, DoorLimits};
use super::body_memory::{BodyMemory, Share};
use super::front_page;
use super::hook::{Answers, Hook, HookUse, Record};
use super::host::{host, names_its_host};
use super::log_line::{LogLine, Target, Verdict};
use super::plan::BuiltHook;
use super::promises::{Found, Made, PLACE, Promises};
use super::refusal::{self, Refusal};
use super::run::{self, Facts, Outcome, Way};
use super::under_way::{DeliveriesUnderWay, Entry};
use super::watched::{self, Watched};

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

/// All hooks, by path; those of one path differ by their domain.
struct Routes {
    hooks: HashMap<String, Vec<Arc<Hook>>>,
    memory: BodyMemory,
    limits: DoorLimits,
}

impl Routes {
    fn new(built: Vec<BuiltHook>, limits: DoorLimits, metrics: &Metrics) -> Self {
        let mut hooks = HashMap::<_, Vec<_>>::new();
        // Hooks that are recorded in one folder share what counts its bytes.
        let mut recorders = HashMap::<PathBuf, Option<Arc<Recorder>>>::new();
        for built in built {
            let (path, record) = (built.settings.path.clone(), built.settings.record.clone());
            let mut hook = Hook::new(built, metrics);
            if let Some(Record { folder, most }) = record {
                let made = recorders.entry(folder).or_insert_with_key(|folder| recorder(folder, most));
                hook.record.clone_from(made);
            }
            hooks.entry(path).or_default().push(Arc::new(hook));
        }
        // A hook with a domain comes before one that takes any.
        for list in hooks.values_mut() {
            list.sort_by_key(|hook| hook.domain.is_none());
        }
        Self { hooks, memory: BodyMemory::new(limits.body_memory), limits }
    }

    fn find(&self, path: &str, host: &str) -> Option<&Arc<Hook>> {
        self.hooks.get(path)?.iter().find(|hook| hook.is_at(host))
    }
}

/// A folder that cannot be written to is said, and does not keep the server from serving.
fn recorder(folder: &Path, most: u64) -> Option<Arc<Recorder>> {
    let made = Recorder::new(folder, most);
    made.inspect_err(|problem| error!("deliveries are not recorded in {}: {problem}", folder.display())).ok()
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
            tasks,
            under_way: DeliveriesUnderWay::default(),
        }
    }

    /// From the next request on, these hooks.
    pub fn replace(&self, hooks: Vec<BuiltHook>, limits: DoorLimits) {
        self.routes.store(Arc::new(Routes::new(hooks, limits, &self.metrics)));
    }

    /// Which secrets verify deliveries, hook by hook.
    pub fn secrets(&self) -> Vec<HookUse> {
        let routes = self.routes.load();
        let mut all: Vec<_> = routes.hooks.values().flatten().map(|hook| hook.used()).collect();
        all.sort_by(|one, other| one.name().cmp(other.name()));
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
                arrival.log(Target::of(head), Verdict::NotNeeded, Facts::default(), StatusCode::OK);
                return front_page::response();
            }
            (None, &Method::GET) if path.starts_with(PLACE) => return self.promised(path, arrival),
            (Some(_), _) if path == "/" => Refusal::Method { allow: "GET, HEAD, POST" },
            (None, _) if path == "/" => Refusal::Method { allow: "GET, HEAD" },
            (Some(_), _) => Refusal::Method { allow: "POST" },
            (None, _) => Refusal::NoHook,
        };
        self.metrics.delivery("-", "-", refusal.label());
        self.show_refused(head, "", &refusal, arrival);
        arrival.log(Target::of(head), Verdict::Refused(&refusal), Facts::default(), refusal.status());
        refusal.response(None)
    }

    /// Throws away what is left of a refused body, so that the caller sees its answer.
    fn discard(&self, body: Incoming) {
        if !body.is_end_stream() {
            self.tasks.background(body::discard(body));
        }
    }

    fn show_refused(&self, head: &Parts, hook: &str, refusal: &Refusal, arrival: Arrival) {
        if let Some(inspector) = &self.inspector {
            inspector.show(watched::refused(head, hook, refusal, arrival));
        }
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
        let target = Target::Hook(&hook.name);
        let entry = self.under_way.begin(&hook.name);
        let (body, share) = match routes.verify(hook, head, body).await {
            Ok(whole) => {
                verified();
                entry.verified();
                whole
            }
            Err(refusal) => {
                self.metrics.delivery(&hook.name, "-", refusal.label());
                self.show_refused(head, &hook.name, &refusal, arrival);
                arrival.log(target, Verdict::Refused(&refusal), Facts::default(), refusal.status());
                return refusal.response(None);
            }
        };
        let watched = self
            .inspector
            .as_ref()
            .map(|inspector| Watched::new(inspector, head, host(&head.uri, &head.headers), &body, arrival));
        let work =
            Work { hook: Arc::clone(hook), metrics: Arc::clone(&self.metrics), arrival, watched, entry };
        let promised = match hook.answers {
            Answers::Direct => None,
            Answers::Async => Some(run::glance(&body).await).filter(|glance| !glance.is_interactive),
        };
        let Some(glance) = promised else {
            return match work.run(body).await {
                Ok(answer) => json(StatusCode::OK, answer),
                Err((refusal, request_id)) => refusal.response(request_id.as_deref()),
            };
        };
        let name = match self.promises.make(glance.request_id.map(|id| (hook.name.clone(), id))) {
            Ok(Made::New(name)) => name,
            Ok(Made::Same(name)) => {
                let facts = Facts { note: Some("promised before: the same place"), ..Facts::default() };
                let (algorithm, secret) = (body.algorithm(), body.secret());
                let verdict = Verdict::Verified { algorithm, secret, problem: None };
                self.metrics.delivery(&hook.name, "other", "verified");
                arrival.log(target, verdict, facts, StatusCode::ACCEPTED);
                return accepted(head, arrival.caller, &name);
            }
            Err(refusal) => {
                self.metrics.delivery(&hook.name, "-", refusal.label());
                arrival.log(target, Verdict::Refused(&refusal), Facts::default(), refusal.status());
                return refusal.response(None);
            }
        };
        let response = accepted(head, arrival.caller, &name);
        let promises = Arc::clone(&self.promises);
        // Rossum was told that it will be done: the end of the server waits for it.
        self.tasks.spawn(async move {
            let result = work.run(body).await;
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
        let work = Work {
            hook: Arc::clone(hook),
            metrics: Arc::clone(&self.metrics),
            arrival,
            watched: Some(Watched::again(inspector, sent, &body, arrival, number)),
            entry: self.under_way.begin(&hook.name),
        };
        work.entry.verified();
        Ok(work.run_by(body, true).await.1)
    }

    /// What was promised, as Rossum polls for it: 202 until it is there, then 201.
    fn promised(&self, path: &str, arrival: Arrival) -> Response<Full<Bytes>> {
        let found = self.promises.find(path.trim_start_matches(PLACE));
        let (status, answer) = match found {
            Found::NotYet => (StatusCode::ACCEPTED, Bytes::from_static(b"{}")),
            Found::Result(answer) => (StatusCode::CREATED, answer),
            Found::Broken | Found::Nothing => {
                let refusal = if found == Found::Broken { Refusal::Broken } else { Refusal::NoResult };
                let verdict = Verdict::Refused(&refusal);
                arrival.log(Target::Result, verdict, Facts::default(), refusal.status());
                return refusal.response(None);
            }
        };
        arrival.log(Target::Result, Verdict::NotNeeded, Facts::default(), status);
        json(status, answer)
    }
}

/// A verified delivery with all that it needs, now or later.
struct Work {
    hook: Arc<Hook>,
    metrics: Arc<Metrics>,
    arrival: Arrival,
    watched: Option<Watched>,
    entry: Entry,
}

/// What came of a delivery: its answer, or a refusal with the `request_id`.
type Came = Result<Bytes, (Refusal, Option<String>)>;

impl Work {
    /// Runs the steps; counts and logs what came of them.
    async fn run(self, body: VerifiedBody) -> Came {
        self.run_by(body, false).await.0
    }

    /// The same, also for one that is sent again; gives the number that the inspector shows it by.
    async fn run_by(self, body: VerifiedBody, is_again: bool) -> (Came, Option<u64>) {
        let Self { hook, metrics, arrival, watched, entry } = self;
        let (algorithm, secret) = (body.algorithm(), body.secret());
        if !is_again && let Some(used) = hook.uses.get(secret) {
            used.count();
        }
        let kept = hook.record.as_ref().filter(|_| !is_again).map(|_| body.share());
        let way = Way { is_watched: watched.is_some(), is_again };
        let Outcome { result, mut facts } = run::run(&hook, body, way, &entry).await;
        if let (Some(recorder), Some(kept), Ok(answer)) = (&hook.record, kept, &result) {
            recorder.record(&hook.name, &facts.event, &facts.annotation, &kept, answer);
        }
        let event = facts.known_event.unwrap_or("other");
        let problem = result.as_ref().err();
        metrics.delivery(&hook.name, event, problem.map_or("verified", Refusal::label));
        hook.metrics.answered(arrival.at.elapsed());
        let status = problem.map_or(StatusCode::OK, Refusal::status);
        let number =
            watched.and_then(|watched| watched.tell(&hook.name, &mut facts, result.as_ref(), status));
        let verdict = Verdict::Verified { algorithm, secret, problem };
        let request_id = problem.and_then(|_| facts.request_id.clone());
        arrival.log(Target::Hook(&hook.name), verdict, facts, status);
        (result.map_err(|refusal| (refusal, request_id)), number)
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

impl Routes {
    /// Headers first: a call without a well-formed signature costs no body.
    async fn verify(
        &self,
        hook: &Hook,
        head: &Parts,
        body: &mut Incoming,
    ) -> Result<(VerifiedBody, Share), Refusal> {
        let header = |name| header(&head.headers, name).map_err(Refusal::Forged);
        let claim = hook.keys.claim(header(SHA256_HEADER)?, header(SHA1_HEADER)?).map_err(Refusal::Forged)?;
        let verifier = hook.keys.verifier(claim);
        body::read(body, verifier, hook.limits.body, &self.memory, &self.limits).await
    }
}

/// A header that is there once, or not at all: of two, whoever stands between might have read the other.
fn header<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h [u8]>, Forged> {
    let mut all = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let first = all.next();
    if all.next().is_some() { Err(Forged::Several) } else { Ok(first) }
}

fn json(status: StatusCode, answer: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer));
    *response.status_mut() = status;
    refusal::set_json(response.headers_mut());
    response
}

/// When and from where a request came.
#[derive(Clone, Copy)]
pub(super) struct Arrival {
    pub(super) at: Instant,
    pub(super) caller: Caller,
}

impl Arrival {
    fn log(self, target: Target<'_>, verdict: Verdict<'_>, facts: Facts, status: StatusCode) {
        let line =
            LogLine { target, verdict, facts, status, took: self.at.elapsed(), from: self.caller.address };
        // The fields are for logs in JSON; the line says the same to people.
        macro_rules! line {
            ($level:ident) => {
                $level!(
                    target: DELIVERY,
                    hook = line.hook(),
                    event = line.facts.event,
                    annotation = line.facts.annotation,
                    request_id = line.facts.request_id.as_deref().unwrap_or_default(),
                    messages = line.facts.messages as u64,
                    operations = line.facts.operations as u64,
                    status = u64::from(status.as_u16()),
                    milliseconds = line.took.as_secs_f64() * 1e3,
                    "{line}"
                )
            };
        }
        if status.is_server_error() || status == StatusCode::BAD_REQUEST {
            line!(warn);
        } else {
            line!(info);
        }
    }
}
