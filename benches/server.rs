//! CPU per delivery of the whole server, beside a bare hyper server that does the least that must be done: TLS 1.3,
//! body, HMAC-SHA256, the content tree into borrowed structs by `serde_json`, one column summed.
//!
//!     cargo bench --bench server
//!
//! One keep-alive connection; both servers in the same run, in turn; CPU time (user and system) of the server's
//! process as the kernel counts it. Prints the ratio.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on says so by panicking")]

use std::borrow::Cow;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::Deserialize;
use sha2::Sha256;

use harness::{NAME, SECRET, Server, free_port, median, write};

mod harness;

#[path = "../tests/it/support/deliveries.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod deliveries;

const ROUNDS: usize = 7;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, mode, folder, port] = &arguments[..]
        && mode == "--bare-server"
    {
        return bare_server(Path::new(folder), port.parse().unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec![NAME.to_owned()]).unwrap();
    write(&folder.path().join("chain.pem"), &made.cert.pem());
    write(&folder.path().join("key.pem"), &made.key_pair.serialize_pem());
    let (annex_port, bare_port) = (free_port(), free_port());
    write(
        &folder.path().join("annex.toml"),
        &format!(
            r#"
[server]
https = "127.0.0.1:{annex_port}"
http = "off"
certificate = "chain.pem"
key = "key.pem"

[[hook]]
path = "/"
secrets = ["env:ROSSUM_SECRET"]

  [[hook.step]]
  use = "checks"

    [[hook.step.check]]
    column_sum = "item_amount_total"
    equals = "amount_total"
"#
        ),
    );
    let mut annex = Command::new(env!("CARGO_BIN_EXE_annex"));
    annex.args(["serve", "--config"]).arg(folder.path().join("annex.toml")).env("ROSSUM_SECRET", SECRET);
    let mut bare = Command::new(std::env::current_exe().unwrap());
    bare.arg("--bare-server").arg(folder.path()).arg(bare_port.to_string());
    let annex = Server::start(annex, annex_port, made.cert.der());
    let bare = Server::start(bare, bare_port, made.cert.der());

    println!("{:>6} {:>9} {:>12} {:>12} {:>7}", "lines", "bytes", "annex µs", "bare µs", "ratio");
    for (lines, calls) in [(10, 3_000), (100, 800), (1_000, 80)] {
        let body = deliveries::invoice_with_lines(lines);
        let mut clients = [annex.client(), bare.client()];
        let mut ratios = Vec::new();
        let mut costs = [Vec::new(), Vec::new()];
        for round in 0..=ROUNDS {
            let mut cost = [0.0; 2];
            for (at, server) in [&annex, &bare].into_iter().enumerate() {
                let before = server.cpu();
                for _ in 0..calls {
                    clients[at].deliver(&body);
                }
                cost[at] = server.cpu().saturating_sub(before).as_secs_f64() * 1e6 / f64::from(calls);
            }
            if round > 0 {
                ratios.push(cost[0] / cost[1]);
                costs[0].push(cost[0]);
                costs[1].push(cost[1]);
            }
        }
        let [a, b] = costs.map(median);
        println!("{lines:>6} {:>9} {a:>12.1} {b:>12.1} {:>7.3}", body.len(), median(ratios));
    }
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    annotation: BareAnnotation<'a>,
}

#[derive(Deserialize)]
struct BareAnnotation<'a> {
    #[serde(borrow)]
    content: Vec<BareNode<'a>>,
}

#[derive(Deserialize)]
struct BareNode<'a> {
    #[serde(rename = "id")]
    _id: i64,
    schema_id: &'a str,
    #[serde(borrow, default)]
    children: Vec<Self>,
    #[serde(borrow, default)]
    content: Option<BareContent<'a>>,
}

#[derive(Deserialize)]
struct BareContent<'a> {
    #[serde(borrow, rename = "value")]
    _value: Cow<'a, str>,
    normalized_value: Option<&'a str>,
}

fn sum(nodes: &[BareNode<'_>], column: &str) -> f64 {
    let own = |node: &BareNode<'_>| {
        let content = node.content.as_ref().filter(|_| node.schema_id == column);
        content.and_then(|c| c.normalized_value?.parse::<f64>().ok()).unwrap_or(0.0)
    };
    nodes.iter().map(|node| own(node) + sum(&node.children, column)).sum()
}

async fn bare_answer(
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Box<dyn std::error::Error + Send + Sync>> {
    let signature =
        request.headers().get("x-rossum-signature-sha256").unwrap().as_bytes()["sha256=".len()..].to_vec();
    let body = request.into_body().collect().await?.to_bytes();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes())?;
    mac.update(&body);
    mac.verify_slice(&hex::decode(signature)?)?;
    let body: Body<'_> = serde_json::from_slice(&body)?;
    let total = sum(&body.annotation.content, "item_amount_total");
    Ok(Response::new(Full::new(Bytes::from(format!(
        "{{\"messages\":[],\"operations\":[],\"total\":{total}}}"
    )))))
}

fn bare_server(folder: &Path, port: u16) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let chain = CertificateDer::pem_file_iter(folder.join("chain.pem"))
            .unwrap()
            .collect::<Result<Vec<_>, _>>()
            .unwrap();
        let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let mut connections = tokio::task::JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let acceptor = acceptor.clone();
            connections.spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let service = hyper::service::service_fn(bare_answer);
                let mut http = hyper::server::conn::http1::Builder::new();
                let _ = http.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
}
