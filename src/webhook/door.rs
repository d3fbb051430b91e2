//! The door itself: a request in, a response out, one log line.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
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
        let started = Instant::now();
        let path = request.uri().path();
        match (self.hooks.get(path), request.method()) {
            (Some(hook), &Method::POST) => {
                let hook = Arc::clone(hook);
                self.deliver(hook, request, caller, started).await
            }
            (None, &Method::GET | &Method::HEAD) if path == "/" => {
                log(&LogLine {
                    target: Target::Other { method: request.method().as_str(), path },
                    verdict: Verdict::NotNeeded,
                    facts: Facts::default(),
                    status: StatusCode::OK,
                    took: started.elapsed(),
                    from: caller.address,
                });
                front_page::response()
            }
            (Some(_), _) => refuse(&request, &Refusal::Method { allow: "POST" }, caller, started),
            (None, _) if path == "/" => {
                refuse(&request, &Refusal::Method { allow: "GET, HEAD" }, caller, started)
            }
            (None, _) => refuse(&request, &Refusal::NoHook, caller, started),
        }
    }

    async fn deliver(
        &self,
        hook: Arc<Hook>,
        request: Request<Incoming>,
        caller: Caller,
        started: Instant,
    ) -> Response<Full<Bytes>> {
        let (body, _share) = match self.verify(&hook, request).await {
            Ok(verified) => verified,
            Err(refusal) => {
                log(&LogLine {
                    target: Target::Hook(&hook.name),
                    verdict: Verdict::Refused(&refusal),
                    facts: Facts::default(),
                    status: refusal.status(),
                    took: started.elapsed(),
                    from: caller.address,
                });
                return refusal.response(None);
            }
        };
        let (algorithm, secret) = (body.algorithm(), body.secret());
        let Outcome { result, facts } = self.dispatch.run(&hook, body).await;
        let (response, problem) = match result {
            Ok(answer) => (ok(answer), None),
            Err(refusal) => (refusal.response(facts.request_id.as_deref()), Some(refusal)),
        };
        log(&LogLine {
            target: Target::Hook(&hook.name),
            verdict: Verdict::Verified { algorithm, secret, problem: problem.as_ref() },
            facts,
            status: response.status(),
            took: started.elapsed(),
            from: caller.address,
        });
        response
    }

    /// Headers first: a call without a well-formed signature costs no body.
    async fn verify(
        &self,
        hook: &Hook,
        request: Request<Incoming>,
    ) -> Result<(VerifiedBody, Share), Refusal> {
        let header = |name| header(request.headers(), name);
        let claim = hook.keys.claim(header(SHA256_HEADER), header(SHA1_HEADER)).map_err(Refusal::Forged)?;
        let verifier = hook.keys.verifier(claim);
        body::read(request.into_body(), verifier, hook.limits.body, &self.memory, &self.limits).await
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

fn refuse(
    request: &Request<Incoming>,
    refusal: &Refusal,
    caller: Caller,
    started: Instant,
) -> Response<Full<Bytes>> {
    log(&LogLine {
        target: Target::Other { method: request.method().as_str(), path: request.uri().path() },
        verdict: Verdict::Refused(refusal),
        facts: Facts::default(),
        status: refusal.status(),
        took: started.elapsed(),
        from: caller.address,
    });
    refusal.response(None)
}

fn log(line: &LogLine<'_>) {
    if line.status.is_server_error() || line.status == StatusCode::BAD_REQUEST {
        warn!("{line}");
    } else {
        info!("{line}");
    }
}
