//! What a new connection costs, beside nginx; what an idle one holds.
//!
//!     cargo bench --bench connection            (needs nginx: apt-get install nginx-core)
//!
//! Each connection is a full TLS 1.3 handshake with a P-256 certificate and one small signed delivery; nginx does TLS
//! alone and answers with a fixed text. CPU time as the kernel counts it, both servers in the same run, in turn.
//! Then resumption by tickets, and the memory of idle connections that have carried a 300 KB body.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on says so by panicking")]

mod harness;

use std::process::Command;

use rustls::crypto::aws_lc_rs::{default_provider, kx_group};

use harness::{Client, NAME, SECRET, Server, free_port, median, write};

#[path = "../tests/it/support/deliveries.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod deliveries;

const ROUNDS: usize = 7;
const CONNECTIONS: u32 = 400;
const IDLE: usize = 5_000;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec![NAME.to_owned()]).unwrap();
    write(&folder.path().join("chain.pem"), &made.cert.pem());
    write(&folder.path().join("key.pem"), &made.key_pair.serialize_pem());
    let (annex_port, nginx_port) = (free_port(), free_port());
    let shown = folder.path().display();
    write(
        &folder.path().join("annex.toml"),
        &format!(
            "[server]\nhttps = \"127.0.0.1:{annex_port}\"\nhttp = \"off\"\nadmin = \"off\"\ncertificate = \"chain.pem\"\nkey = \"key.pem\"\n\
             limits = {{ idle = \"10m\" }}\n[[hook]]\npath = \"/\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n"
        ),
    );
    write(
        &folder.path().join("nginx.conf"),
        &format!(
            "daemon off; master_process off; pid {shown}/pid; error_log {shown}/log;\n\
             events {{ worker_connections 4096; }}\n\
             http {{ access_log off; client_body_temp_path {shown}/a; proxy_temp_path {shown}/b; fastcgi_temp_path {shown}/c;\n\
             uwsgi_temp_path {shown}/d; scgi_temp_path {shown}/e;\n\
             server {{ listen 127.0.0.1:{nginx_port} ssl; ssl_certificate {shown}/chain.pem; ssl_certificate_key {shown}/key.pem;\n\
             ssl_protocols TLSv1.3; location / {{ add_header content-length 2; return 200 ok; }} }} }}"
        ),
    );
    let mut annex = Command::new(env!("CARGO_BIN_EXE_annex"));
    annex.args(["serve", "--log", "warn", "--config"]).arg(folder.path().join("annex.toml"));
    annex.env("ROSSUM_SECRET", SECRET);
    let mut nginx = Command::new("nginx");
    nginx.arg("-c").arg(folder.path().join("nginx.conf"));
    let annex = Server::start(annex, annex_port, made.cert.der());
    let nginx = Server::start(nginx, nginx_port, made.cert.der());

    let small = b"{\"request_id\": \"r\", \"event\": \"annotation_content\", \"action\": \"updated\"}";
    // Rossum's own client is not known: one that offers the post-quantum exchange, and one as of OpenSSL 3.0.
    let groups = [("X25519MLKEM768", kx_group::X25519MLKEM768), ("X25519", kx_group::X25519)];
    for (name, group) in groups {
        let mut provider = default_provider();
        provider.kx_groups.retain(|other| other.name() == group.name() || name != "X25519");
        let (mut ratios, mut costs) = (Vec::new(), [Vec::new(), Vec::new()]);
        for round in 0..=ROUNDS {
            let mut cost = [0.0; 2];
            for (at, server) in [&annex, &nginx].into_iter().enumerate() {
                let before = server.cpu();
                for _ in 0..CONNECTIONS {
                    let mut client = Client::connect(server.address(), &server.config_with(provider.clone()));
                    client.deliver(small);
                    assert!(!client.resumed());
                }
                cost[at] = server.cpu().saturating_sub(before).as_secs_f64() * 1e6 / f64::from(CONNECTIONS);
            }
            if round > 0 {
                ratios.push(cost[0] / cost[1]);
                costs[0].push(cost[0]);
                costs[1].push(cost[1]);
            }
        }
        let [a, n] = costs.map(median);
        println!(
            "new connection, {name} offered: annex {a:.0} µs, nginx {n:.0} µs, ratio {:.3}",
            median(ratios)
        );
    }

    let config = annex.config();
    Client::connect(annex.address(), &config).deliver(small);
    let resumed = (0..100).filter(|_| {
        let mut client = Client::connect(annex.address(), &config);
        client.deliver(small);
        client.resumed()
    });
    println!("resumption: {} of 100 connections", resumed.count());

    let body = deliveries::invoice_with_lines(85);
    let before = annex.memory_kb();
    let mut idle: Vec<Client> = Vec::new();
    for _ in 0..IDLE {
        let mut client = annex.client();
        client.deliver(&body);
        idle.push(client);
    }
    let held = annex.memory_kb() - before;
    #[expect(clippy::cast_precision_loss, reason = "kilobytes of a benchmark")]
    let each = held as f64 / IDLE as f64;
    println!("idle connections: {each:.1} kB each of {IDLE} that have carried {} bytes", body.len());
}
