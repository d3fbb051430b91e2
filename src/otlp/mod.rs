//! Spans and metrics for an OpenTelemetry collector (OTLP 1.x over HTTP, protobuf), where `[telemetry]` names one.
//!
//! Each delivery is a span, each of its steps one below it. They wait in a bounded queue and are sent off the way of any
//! delivery; a collector that is down costs spans, which is counted, and nothing else.
//! Source: <https://opentelemetry.io/docs/specs/otlp/>.
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | when what is sent, what of a collector that does not take it |
//! | `traces.rs` | deliveries as spans |
//! | `metrics.rs` | the numbers that Prometheus reads, as OTLP has them |
//! | `collector.rs` | one request |

mod collector;
mod metrics;
mod traces;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use prost::Message;
use tokio::select;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use crate::clock;
use crate::telemetry::Metrics;

pub use collector::Collector;
use collector::{Signal, Unsent};

/// Between two batches of spans.
const SPANS: Duration = Duration::from_secs(5);
/// Between two times that all metrics are sent.
const METRICS: Duration = Duration::from_secs(60);
/// Deliveries in one request.
const BATCH: usize = 512;

/// Sends what was kept, for as long as the server runs.
pub struct Exporter {
    metrics: Arc<Metrics>,
    collector: ArcSwapOption<Collector>,
    changed: Notify,
    began: SystemTime,
    health: Mutex<Health>,
}

/// What came of the last request.
#[derive(Default)]
struct Health {
    /// What it failed of.
    problem: Option<String>,
    /// The collector wants to be left in peace until then.
    not_before: Option<Instant>,
}

impl Exporter {
    pub fn new(metrics: Arc<Metrics>, collector: Option<Collector>) -> Self {
        let exporter = Self {
            metrics,
            collector: ArcSwapOption::empty(),
            changed: Notify::new(),
            began: clock::now(),
            health: Mutex::default(),
        };
        exporter.replace(collector);
        exporter
    }

    /// A reload: from now on it is sent there, or nowhere.
    pub fn replace(&self, collector: Option<Collector>) {
        self.metrics.spans.want(collector.is_some());
        self.collector.store(collector.map(Arc::new));
        *self.health() = Health::default();
        self.changed.notify_one();
    }

    pub async fn run(self: Arc<Self>) {
        let mut metrics_at = Instant::now() + METRICS;
        loop {
            if self.collector.load().is_none() {
                self.changed.notified().await;
                continue;
            }
            select! {
                () = self.changed.notified() => continue,
                () = sleep(SPANS) => self.send_spans().await,
            }
            if Instant::now() >= metrics_at {
                self.send_metrics().await;
                metrics_at = Instant::now() + METRICS;
            }
        }
    }

    /// What is left when the server ends.
    pub async fn finish(&self) {
        if self.collector.load().is_some() {
            self.send_spans().await;
            self.send_metrics().await;
        }
    }

    async fn send_spans(&self) {
        while let Some(collector) = self.ready() {
            let spans = self.metrics.spans.take(BATCH);
            if spans.is_empty() {
                return;
            }
            let request = traces::request(&spans, collector.resource());
            match self.send(&collector, Signal::Traces, request.encode_to_vec()).await {
                Ok(()) => self.metrics.spans_sent(spans.len()),
                Err(unsent) if unsent.may_pass() => return self.metrics.give_spans_back(spans),
                Err(_) => self.metrics.spans_lost(spans.len()),
            }
        }
    }

    async fn send_metrics(&self) {
        if let Some(collector) = self.ready() {
            let text = self.metrics.render();
            let request = metrics::request(&text, collector.resource(), self.began, clock::now());
            // Where they do not arrive, the next ones say as much.
            let _ = self.send(&collector, Signal::Metrics, request.encode_to_vec()).await;
        }
    }

    /// The collector, unless it wants to be left in peace.
    fn ready(&self) -> Option<Arc<Collector>> {
        let waits = self.health().not_before.is_some_and(|moment| Instant::now() < moment);
        self.collector.load_full().filter(|_| !waits)
    }

    async fn send(&self, collector: &Collector, signal: Signal, body: Vec<u8>) -> Result<(), Unsent> {
        let sent = collector.send(signal, body).await;
        let mut health = self.health();
        let problem = match &sent {
            Ok(None) => None,
            // Some of it was refused: sent again it would be again.
            Ok(Some(refused)) => Some(refused.clone()),
            Err(unsent) => Some(unsent.to_string()),
        };
        health.not_before = sent.as_ref().err().and_then(Unsent::pause).map(|pause| Instant::now() + pause);
        // Once for each problem, not once each five seconds.
        if health.problem != problem {
            match &problem {
                Some(why) => warn!("telemetry does not reach {}: {why}", collector.place()),
                None => info!("telemetry reaches {} again", collector.place()),
            }
            health.problem = problem;
        }
        sent.map(|_| ())
    }

    fn health(&self) -> std::sync::MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
