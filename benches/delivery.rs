//! The delivery path without sockets: signature, reading, steps; each beside the least that must be done.
//!
//!     cargo bench --bench delivery
//!
//! `bare` is HMAC-SHA256 and `serde_json` into borrowed structs, in the same run: read the ratio, not the time.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on says so by panicking")]

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rossum_annex::config::{self, Purpose};
use rossum_annex::secret::Secret;
use rossum_annex::signature::{self, Algorithm, Keys, LegacySha1, VerifiedBody};
use rossum_annex::steps::names::Missing;
use rossum_annex::steps::{Answer, Context, Delivery, Stage};
use rossum_annex::webhook::HookPlan;
use serde::Deserialize;

#[path = "../tests/it/support/deliveries.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod deliveries;

const SECRET: &str = "a secret of the benchmark";

/// The steps of the built-in `/invoice_checks`.
fn stages() -> Vec<Stage> {
    let environment = |_: &str| Some(SECRET.to_owned());
    let config = config::read(Path::new("sample"), config::SAMPLE.to_owned(), Purpose::DevHttp, &environment)
        .ok()
        .unwrap();
    let services = config.services(None);
    HookPlan::build_all(config.hooks, &services).hooks.pop().unwrap().stages
}

fn verify(keys: &Keys, header: &str, body: &Bytes) -> VerifiedBody {
    let claim = keys.claim(Some(header.as_bytes()), None).unwrap();
    let mut verifier = keys.verifier(claim);
    body.chunks(16_384).for_each(|part| verifier.update(part));
    verifier.finish(vec![body.clone()]).unwrap()
}

async fn run(stages: &[Stage], delivery: &Delivery<'_>) -> Answer {
    let mut answer = Answer::default();
    let deadline = Instant::now() + Duration::from_secs(25);
    for stage in stages {
        stage
            .step
            .run(Context {
                delivery,
                answer: &mut answer,
                deadline,
                missing: Missing::default(),
                is_only: true,
            })
            .await
            .unwrap();
    }
    answer
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    annotation: Annotation<'a>,
}

#[derive(Deserialize)]
struct Annotation<'a> {
    #[serde(borrow)]
    content: Vec<Node<'a>>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "read, not used")]
struct Node<'a> {
    id: i64,
    schema_id: &'a str,
    #[serde(borrow, default)]
    children: Vec<Self>,
    #[serde(borrow, default)]
    content: Option<Content<'a>>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "read, not used")]
struct Content<'a> {
    #[serde(borrow)]
    value: std::borrow::Cow<'a, str>,
    normalized_value: Option<&'a str>,
}

fn delivery(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let secret = Secret::new(SECRET.as_bytes());
    let keys = Keys::new([&secret], LegacySha1::Refused);
    let stages = stages();
    let mut group = criterion.benchmark_group("delivery");
    for lines in [10, 100, 1_000] {
        let body = Bytes::from(deliveries::invoice_with_lines(lines));
        let header = signature::sign(Algorithm::Sha256, &secret, &body);
        let verified = verify(&keys, &header, &body);
        let read = Delivery::read(&verified).unwrap();
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_with_input(BenchmarkId::new("bare", lines), &body, |b, body| {
            b.iter(|| {
                black_box(signature::sign(Algorithm::Sha256, &secret, body));
                black_box(serde_json::from_slice::<Body<'_>>(body).unwrap().annotation.content.len())
            });
        });
        group.bench_with_input(BenchmarkId::new("whole", lines), &body, |b, body| {
            b.iter(|| {
                let verified = verify(&keys, &header, body);
                let delivery = Delivery::read(&verified).unwrap();
                black_box(runtime.block_on(run(&stages, &delivery)).messages().len())
            });
        });
        group.bench_function(BenchmarkId::new("signature", lines), |b| {
            b.iter(|| black_box(verify(&keys, &header, &body).secret()));
        });
        group.bench_function(BenchmarkId::new("read", lines), |b| {
            b.iter(|| black_box(Delivery::read(&verified).unwrap().payload.updated_datapoints.is_some()));
        });
        group.bench_function(BenchmarkId::new("steps", lines), |b| {
            b.iter(|| black_box(runtime.block_on(run(&stages, &read)).messages().len()));
        });
    }
    group.finish();
}

criterion_group!(benches, delivery);
criterion_main!(benches);
