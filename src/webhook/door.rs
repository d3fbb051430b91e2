//! The door itself: a request in, a response out, one log line.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use tracing::{info, warn};

use crate::signature::{SHA1_HEADER, SHA256_HEADER, VerifiedBody};

use super::body::{self, BodyMemory, DoorLimits, Share};
use super::dispatch::{Dispatch, Facts, Outcome};
use super::front_page;
use super::hook::{Hook, HookSettings};
use super::log_line::{LogLine, Target, Verdict};
use super::refusal::Refusal;

/// Who makes a request.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    pub address: IpAddr,
}

/// All hooks, by path.
pub struct Door {
    hooks: HashMap<String, Arc<Hook>>,
    dispatch: Dispatch,
    memory: BodyMemory,
    limits: DoorLimits,
}

impl Door {
    pub fn new(hooks: Vec<HookSettings>, limits: DoorLimits) -> Self {
        let memory = BodyMemory::new(limits.body_memory);
        let hooks = hooks.into_iter().map(|hook| (hook.path.clone(), Arc::new(Hook::from(hook)))).collect();
        Self { hooks, dispatch: Dispatch::new(), memory, limits }
    }

    /// Answers any request. Every way ends in one log line.
    pub async fn answer(&self, request: Request<Incoming>, caller: Caller) -> Response<Full<Bytes>> {
        let arrival = Arrival { at: Instant::now(), from: caller.address };
        let (head, mut body) = request.into_parts();
        let response = self.pass(&head, &mut body, arrival).await;
        if !response.status().is_success() {
            body::discard(body);
        }
        response
    }

    async fn pass(&self, head: &Parts, body: &mut Incoming, arrival: Arrival) -> Response<Full<Bytes>> {
        let path = head.uri.path();
        let refusal = match (self.hooks.get(path), &head.method) {
            (Some(hook), &Method::POST) => return self.deliver(hook, head, body, arrival).await,
            (_, &Method::GET | &Method::HEAD) if path == "/" => {
                arrival.log(Target::of(head), Verdict::NotNeeded, Facts::default(), StatusCode::OK);
                return front_page::response();
            }
            (Some(_), _) if path == "/" => Refusal::Method { allow: "GET, HEAD, POST" },
            (None, _) if path == "/" => Refusal::Method { allow: "GET, HEAD" },
            (Some(_), _) => Refusal::Method { allow: "POST" },
            (None, _) => Refusal::NoHook,
        };
        arrival.log(Target::of(head), Verdict::Refused(&refusal), Facts::default(), refusal.status());
        refusal.response(None)
    }

    async fn deliver(
        &self,
        hook: &Arc<Hook>,
        head: &Parts,
        body: &mut Incoming,
        arrival: Arrival,
    ) -> Response<Full<Bytes>> {
        let target = Target::Hook(&hook.name);
        let (body, _share) = match self.verify(hook, head, body).await {
            Ok(verified) => verified,
            Err(refusal) => {
                arrival.log(target, Verdict::Refused(&refusal), Facts::default(), refusal.status());
                return refusal.response(None);
            }
        };
        let (algorithm, secret) = (body.algorithm(), body.secret());
        let Outcome { result, facts } = self.dispatch.run(hook, body).await;
        let (response, problem) = match result {
            Ok(answer) => (ok(answer), None),
            Err(refusal) => (refusal.response(facts.request_id.as_deref()), Some(refusal)),
        };
        let verdict = Verdict::Verified { algorithm, secret, problem: problem.as_ref() };
        arrival.log(target, verdict, facts, response.status());
        response
    }

    /// Headers first: a call without a well-formed signature costs no body.
    async fn verify(
        &self,
        hook: &Hook,
        head: &Parts,
        body: &mut Incoming,
    ) -> Result<(VerifiedBody, Share), Refusal> {
        let header = |name| header(&head.headers, name);
        let claim = hook.keys.claim(header(SHA256_HEADER), header(SHA1_HEADER)).map_err(Refusal::Forged)?;
        let verifier = hook.keys.verifier(claim);
        body::read(body, verifier, hook.limits.body, &self.memory, &self.limits).await
    }
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    headers.get(name).map(HeaderValue::as_bytes)
}

fn ok(answer: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// When and from where a request came.
#[derive(Clone, Copy)]
struct Arrival {
    at: Instant,
    from: IpAddr,
}

impl Arrival {
    fn log(self, target: Target<'_>, verdict: Verdict<'_>, facts: Facts, status: StatusCode) {
        let line = LogLine { target, verdict, facts, status, took: self.at.elapsed(), from: self.from };
        if status.is_server_error() || status == StatusCode::BAD_REQUEST {
            warn!("{line}");
        } else {
            info!("{line}");
        }
    }
}
