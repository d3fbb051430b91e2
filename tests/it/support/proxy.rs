//! A proxy in front of pebble that does what pebble cannot: renewal information, profiles, rate limits, silence,
//! refusals. It keeps the `Host` header, so the CA's URLs lead through it, and signatures stay valid.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use super::Pebble;
use super::persist::{ISSUER, Persist};

#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
/// What the proxy does instead of passing a request on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    /// Answers of `newOrder`: status, `Retry-After`, problem type and detail.
    pub(crate) new_order: Option<(u16, Option<&'static str>, &'static str, &'static str)>,
    /// Only where the payload has `replaces`.
    pub(crate) refuse_replaces: bool,
    /// Once: the account is deactivated.
    pub(crate) deactivated: bool,
    /// Accepts, and never answers.
    pub(crate) silent: bool,
    /// Every second signed request has a nonce that is not good.
    pub(crate) stale_nonces: bool,
    /// Everything is 500.
    pub(crate) broken: bool,
    /// Offers these profiles.
    pub(crate) profiles: &'static [&'static str],
    /// Once, at a request whose path begins so.
    pub(crate) once: Option<(&'static str, Once)>,
    /// Each request takes as long.
    pub(crate) slow: std::time::Duration,
    /// Offers DNS-PERSIST-01, and validates it by the name server on this port.
    pub(crate) persist: Option<u16>,
    /// Offers renewal information with this window and explanation.
    pub(crate) renewal: Option<(&'static str, &'static str, Option<&'static str>)>,
}

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Once {
    /// The connection ends before the CA hears of it.
    Dropped,
    /// The CA does it, and the answer is lost.
    AnswerLost,
    /// 503 with `Retry-After: 1`.
    Later,
    /// Nothing is answered: whoever asks is to be killed meanwhile. The CA does it.
    Hangs,
}

#[derive(Default)]
struct Inner {
    faults: Faults,
    /// Path and payload of each request.
    seen: Vec<(String, Value)>,
    connections: usize,
    persist: Persist,
    /// How often the fault that happens once has happened.
    happened: usize,
}

pub(crate) struct Proxy {
    pub(crate) port: u16,
    inner: Arc<Mutex<Inner>>,
}

impl Proxy {
    pub(crate) fn start(pebble: &Pebble, faults: Faults) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let inner = Arc::new(Mutex::new(Inner { faults, ..Inner::default() }));
        let (server, client) = (server_config(pebble.folder()), client_config(&pebble.root));
        let (upstream, shared) = (pebble.port, Arc::clone(&inner));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (server, client, shared) = (server.clone(), client.clone(), Arc::clone(&shared));
                std::thread::spawn(move || {
                    // A client that goes away in the middle is no concern of the test.
                    let _ = serve(stream, server, client, upstream, &shared);
                });
            }
        });
        Self { port, inner }
    }

    pub(crate) fn set(&self, faults: Faults) {
        self.inner.lock().unwrap().faults = faults;
    }

    /// Connections that were opened.
    pub(crate) fn connections(&self) -> usize {
        self.inner.lock().unwrap().connections
    }

    /// Whether the fault that happens once has happened.
    pub(crate) fn has_happened(&self) -> bool {
        self.inner.lock().unwrap().faults.once.is_none()
    }

    /// Requests whose path begins so.
    pub(crate) fn requests(&self, path: &str) -> usize {
        self.inner.lock().unwrap().seen.iter().filter(|(seen, _)| seen.starts_with(path)).count()
    }

    /// Payloads of the signed requests whose path contains this.
    pub(crate) fn payloads(&self, path: &str) -> Vec<Value> {
        let inner = self.inner.lock().unwrap();
        inner
            .seen
            .iter()
            .filter(|(seen, _)| seen.contains(path))
            .map(|(_, payload)| payload.clone())
            .collect()
    }
}

fn server_config(folder: &Path) -> Arc<ServerConfig> {
    let chain = vec![CertificateDer::from_pem_file(folder.join("c.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(folder.join("k.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Arc::new(builder.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap())
}

fn client_config(root: &Path) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(root).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Arc::new(builder.unwrap().with_root_certificates(roots).with_no_client_auth())
}

/// Requests and answers over one connection.
fn serve(
    stream: TcpStream,
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
    upstream: u16,
    shared: &Mutex<Inner>,
) -> std::io::Result<()> {
    shared.lock().unwrap().connections += 1;
    stream.set_nodelay(true)?;
    let connection = ServerConnection::new(server).map_err(std::io::Error::other)?;
    let mut tls = StreamOwned::new(connection, stream);
    loop {
        let (head, body) = read_request(&mut tls)?;
        let Some(answer) = answer(&head, &body, &client, upstream, shared)? else {
            return Ok(()); // without a word
        };
        tls.write_all(answer.as_bytes())?;
        tls.flush()?;
        if answer.to_ascii_lowercase().contains("\r\nconnection: close") {
            tls.conn.send_close_notify();
            return tls.flush();
        }
    }
}

/// `None`: the connection ends.
fn answer(
    head: &str,
    body: &[u8],
    client: &Arc<ClientConfig>,
    upstream: u16,
    shared: &Mutex<Inner>,
) -> std::io::Result<Option<String>> {
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let payload = payload(body);
    let (faults, count, once) = {
        let mut inner = shared.lock().unwrap();
        let faults = inner.faults.clone();
        inner.seen.push((path.clone(), payload.clone()));
        if path.starts_with("/sign-me-up") {
            inner.faults.deactivated = false;
        }
        let once = faults.once.filter(|(at, _)| path.starts_with(at)).map(|(_, once)| once);
        // The directory is asked for by the order and, beside it, by a look at the CA's clock.
        inner.happened += usize::from(once.is_some());
        if inner.happened >= if path == "/dir" { 2 } else { 1 } {
            (inner.faults.once, inner.happened) = (None, 0);
        }
        (faults, inner.seen.len(), once)
    };
    std::thread::sleep(faults.slow);
    if faults.silent {
        std::thread::sleep(std::time::Duration::from_secs(120));
        return Ok(None);
    }
    let problem = |status: u16, retry_after: Option<&str>, kind: &str, detail: &str| {
        let body =
            json!({"type": format!("urn:ietf:params:acme:error:{kind}"), "detail": detail}).to_string();
        let retry = retry_after.map(|after| format!("retry-after: {after}\r\n")).unwrap_or_default();
        format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/problem+json\r\n{retry}content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
    };
    match once {
        Some(Once::Dropped) => return Ok(None),
        Some(Once::Later) => {
            return Ok(Some(problem(503, Some("1"), "serverInternal", "The service is busy")));
        }
        Some(lost @ (Once::AnswerLost | Once::Hangs)) => {
            pass_on(head, body, Arc::clone(client), upstream)?;
            if lost == Once::Hangs {
                std::thread::sleep(std::time::Duration::from_secs(10));
            }
            return Ok(None);
        }
        None => {}
    }
    let answer = if faults.stale_nonces && !body.is_empty() && count % 2 == 0 {
        let (_, host) = head.split_once("\r\nhost: ").or_else(|| head.split_once("\r\nHost: ")).unwrap();
        let host = host.lines().next().unwrap();
        let fresh =
            pass_on(&format!("HEAD /nonce-plz HTTP/1.1\r\nhost: {host}"), b"", Arc::clone(client), upstream)?;
        let nonce =
            fresh.lines().find(|line| line.to_ascii_lowercase().starts_with("replay-nonce:")).unwrap();
        let refusal = problem(400, None, "badNonce", "JWS has an invalid anti-replay nonce");
        refusal.replacen("\r\n", &format!("\r\n{nonce}\r\n"), 1)
    } else if faults.broken {
        problem(500, None, "serverInternal", "The service is down for maintenance")
    } else if let (Some((status, after, kind, detail)), true) = (faults.new_order, path == "/order-plz") {
        problem(status, after, kind, detail)
    } else if faults.refuse_replaces && path == "/order-plz" && payload.get("replaces").is_some() {
        problem(409, None, "alreadyReplaced", "it was replaced already")
    } else if faults.deactivated && path.starts_with("/sign-me-up") {
        problem(
            403,
            None,
            "unauthorized",
            "An account with the provided public key exists but is deactivated",
        )
    } else if let (Some((start, end, page)), true) = (faults.renewal, path.starts_with("/renewal-info/")) {
        let body =
            json!({"suggestedWindow": {"start": start, "end": end}, "explanationURL": page}).to_string();
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nretry-after: 60\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
    } else if let Some(refused) =
        faults.persist.and_then(|dns| shared.lock().unwrap().persist.refuse(&path, body, dns))
    {
        let body = refused.to_string();
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    } else {
        let answer = pass_on(head, body, Arc::clone(client), upstream)?;
        if path == "/dir" {
            with_offers(&answer, &faults, head)
        } else if faults.persist.is_some() && path.starts_with("/authZ/") {
            shared.lock().unwrap().persist.offer(&path, &answer)
        } else {
            answer
        }
    };
    Ok(Some(answer))
}

fn read_request(stream: &mut impl Read) -> std::io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
            });
            if bytes.len() >= end + 4 + length.unwrap_or(0) {
                return Ok((head, bytes[end + 4..].to_vec()));
            }
        }
        let read = stream.read(&mut part)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&part[..read]);
    }
}

/// What a signed request says; `null` for others.
fn payload(body: &[u8]) -> Value {
    let jws: Value = serde_json::from_slice(body).unwrap_or_default();
    let payload = jws["payload"].as_str().and_then(|text| BASE64URL.decode(text).ok());
    payload.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

fn pass_on(head: &str, body: &[u8], client: Arc<ClientConfig>, upstream: u16) -> std::io::Result<String> {
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(client, name).map_err(std::io::Error::other)?;
    let mut tls = StreamOwned::new(connection, TcpStream::connect(("127.0.0.1", upstream))?);
    let kept = head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let lines: Vec<&str> = kept.chain(["connection: close", "", ""]).collect();
    tls.write_all(lines.join("\r\n").as_bytes())?;
    tls.write_all(body)?;
    let mut answer = Vec::new();
    // Go's server ends with a close_notify or without one.
    let _ = tls.read_to_end(&mut answer);
    if answer.is_empty() {
        return Err(std::io::ErrorKind::UnexpectedEof.into()); // the CA was stopped
    }
    // Its connection ends, ours is kept.
    let answer = String::from_utf8_lossy(&answer).replacen("Connection: close\r\n", "", 1);
    let (has_length, is_head) = (answer.contains("Content-Length:"), head.starts_with("HEAD"));
    Ok(if has_length || is_head || answer.contains("chunked") {
        answer
    } else {
        answer.replacen("\r\n", "\r\nConnection: close\r\n", 1)
    })
}

/// The directory with renewal information and profiles in it.
fn with_offers(answer: &str, faults: &Faults, request: &str) -> String {
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let start = body.find('{').unwrap();
    let mut directory: Value = serde_json::from_str(&body[start..=body.rfind('}').unwrap()]).unwrap();
    let host =
        request.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("host: ").map(str::to_owned));
    if faults.renewal.is_some() {
        directory["renewalInfo"] = format!("https://{}/renewal-info", host.unwrap()).into();
    }
    if faults.persist.is_some() {
        directory["meta"]["caaIdentities"] = json!([ISSUER]);
    }
    for profile in faults.profiles {
        directory["meta"]["profiles"][*profile] = "of the test".into();
    }
    let body = directory.to_string();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}
