//! Metrics, as Prometheus reads them. Times are in seconds, sizes in bytes, as is its custom.
//!
//! Labels come from the configuration and from short lists of ours, never from a request: a caller cannot make the
//! registry grow.

use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::Strangers;
use super::certificates::{CertificateFacts, Certificates};
use super::services::Services;
use super::spans::{DeliverySpan, Spans};

pub(super) type Seconds = Gauge<f64, AtomicU64>;

/// A delivery that costs what it must takes some 100 µs; Rossum gives up after 30 s.
const DURATIONS: [f64; 14] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 25.0];
/// A usual delivery has some 50 kB, one with 1000 rows some MB.
const SIZES: [f64; 8] = [1e3, 1e4, 5e4, 1e5, 5e5, 1e6, 5e6, 2e7];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeliveryLabels {
    hook: String,
    event: String,
    verdict: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HookLabel {
    hook: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabels {
    hook: String,
    step: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HandshakeLabels {
    version: &'static str,
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ListenerLabel {
    listener: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JobLabel {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SpanLabel {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DatasetLabel {
    dataset: String,
}

/// Everything that is counted. One for the process; handed to those who count.
pub struct Metrics {
    /// Which calls that nothing vouches for have a line of the log.
    pub strangers: Strangers,
    /// Deliveries that wait to be exported.
    pub spans: Spans,
    exported: Family<SpanLabel, Counter>,
    registry: Registry,
    deliveries: Family<DeliveryLabels, Counter>,
    durations: Family<HookLabel, Histogram>,
    bodies: Family<HookLabel, Histogram>,
    in_flight: Family<HookLabel, Gauge>,
    step_durations: Family<StepLabels, Histogram>,
    step_errors: Family<StepLabels, Counter>,
    missing_fields: Family<StepLabels, Counter>,
    ignored_operations: Family<StepLabels, Counter>,
    handshakes: Family<HandshakeLabels, Counter>,
    connections: Family<ListenerLabel, Gauge>,
    closed_when_full: Family<ListenerLabel, Counter>,
    ready: Gauge,
    certificates: Certificates,
    dataset_refused: Family<DatasetLabel, Seconds>,
    /// Services that deliveries are forwarded to.
    pub services: Services,
    jobs: Family<JobLabel, Gauge>,
    outbox_writable: Gauge,
    outbox_lost: Gauge,
    reload_succeeded: Gauge,
    reload_time: Seconds,
    resident_memory: Gauge,
}

/// One hook's handles, looked up once at load.
pub struct HookMetrics {
    durations: Histogram,
    bodies: Histogram,
    in_flight: Gauge,
}

/// One step's handles.
pub struct StepMetrics {
    durations: Histogram,
    errors: Counter,
    missing_fields: Counter,
    ignored_operations: Counter,
}

/// Counts something as under way until it is dropped.
pub struct Gauged(Gauge);

impl Drop for Gauged {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    pub fn new(started: SystemTime) -> Self {
        let durations = || Histogram::new(DURATIONS);
        let mut metrics = Self {
            strangers: Strangers::default(),
            spans: Spans::default(),
            exported: Family::default(),
            registry: Registry::default(),
            deliveries: Family::default(),
            durations: Family::new_with_constructor(durations as fn() -> Histogram),
            bodies: Family::new_with_constructor((|| Histogram::new(SIZES)) as fn() -> Histogram),
            in_flight: Family::default(),
            step_durations: Family::new_with_constructor(durations as fn() -> Histogram),
            step_errors: Family::default(),
            missing_fields: Family::default(),
            ignored_operations: Family::default(),
            handshakes: Family::default(),
            connections: Family::default(),
            closed_when_full: Family::default(),
            ready: Gauge::default(),
            certificates: Certificates::default(),
            dataset_refused: Family::default(),
            services: Services::default(),
            jobs: Family::default(),
            outbox_writable: Gauge::default(),
            outbox_lost: Gauge::default(),
            reload_succeeded: Gauge::default(),
            reload_time: Seconds::default(),
            resident_memory: Gauge::default(),
        };
        metrics.register(started);
        metrics.outbox(0, 0, 0);
        metrics.outbox_writable(true);
        metrics
    }

    fn register(&mut self, started: SystemTime) {
        let annex = self.registry.sub_registry_with_prefix("annex");
        annex.register("deliveries", "Calls of hooks, by event and verdict", self.deliveries.clone());
        annex.register("delivery_duration_seconds", "From the head to the answer", self.durations.clone());
        annex.register("delivery_body_bytes", "Verified bodies", self.bodies.clone());
        annex.register("deliveries_in_flight", "Verified deliveries under way", self.in_flight.clone());
        annex.register("step_duration_seconds", "Time in a step", self.step_durations.clone());
        annex.register("step_errors", "Steps that failed or ran out of time", self.step_errors.clone());
        annex.register(
            "step_missing_fields",
            "Fields that a step names and the document does not have",
            self.missing_fields.clone(),
        );
        annex.register(
            "step_ignored_operations",
            "What a step gave that Rossum is likely to ignore, or that does not come to the document as it was meant",
            self.ignored_operations.clone(),
        );
        annex.register("tls_handshakes", "TLS handshakes, by version and kind", self.handshakes.clone());
        annex.register("connections", "Open connections", self.connections.clone());
        annex.register(
            "connections_closed_when_full",
            "Idle connections closed to make room for new ones",
            self.closed_when_full.clone(),
        );
        annex.register("ready", "1 while it can take what Rossum sends, as /readyz says", self.ready.clone());
        self.certificates.register(annex);
        self.services.register(annex);
        annex.register(
            "dataset_file_refused_since_seconds",
            "Since when the file of a dataset is refused, in seconds since 1970; 0 while it is not",
            self.dataset_refused.clone(),
        );
        annex.register(
            "outbox_jobs",
            "Exports in the outbox that wait, that were given up, and that were sent without all that `write` was to bring back",
            self.jobs.clone(),
        );
        annex.register(
            "outbox_writable",
            "1 while exports can be kept, 0 while the outbox cannot be written",
            self.outbox_writable.clone(),
        );
        annex.register(
            "outbox_file_lost",
            "How often the outbox's file disappeared or was replaced since the start",
            self.outbox_lost.clone(),
        );
        annex.register(
            "configuration_last_reload_successful",
            "1 if the last reload was taken, 0 if it was refused",
            self.reload_succeeded.clone(),
        );
        annex.register(
            "configuration_last_reload_seconds",
            "When the configuration was last taken, in seconds since 1970",
            self.reload_time.clone(),
        );
        annex.register(
            "exported_spans",
            "Deliveries whose spans a collector took (sent), and that none took (lost)",
            self.exported.clone(),
        );
        let build = Family::<[(&str, &str); 1], Gauge>::default();
        build.get_or_create(&[("version", env!("CARGO_PKG_VERSION"))]).set(1);
        annex.register("build_info", "The running version", build);
        let start = Seconds::default();
        start.set(seconds(started));
        self.registry.register("process_start_time_seconds", "When it started, in seconds since 1970", start);
        let memory = self.resident_memory.clone();
        self.registry.register("process_resident_memory_bytes", "Resident memory", memory);
        self.reload(started, true);
    }

    /// All of it, as text.
    pub fn render(&self) -> String {
        self.resident_memory.set(resident_memory().unwrap_or(0));
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = text::encode(&mut out, &self.registry);
        out
    }

    pub fn hook(&self, hook: &str) -> HookMetrics {
        let label = HookLabel { hook: hook.to_owned() };
        HookMetrics {
            durations: self.durations.get_or_create_owned(&label),
            bodies: self.bodies.get_or_create_owned(&label),
            in_flight: self.in_flight.get_or_create_owned(&label),
        }
    }

    pub fn step(&self, hook: &str, step: &str) -> StepMetrics {
        let labels = StepLabels { hook: hook.to_owned(), step: step.to_owned() };
        StepMetrics {
            durations: self.step_durations.get_or_create_owned(&labels),
            errors: self.step_errors.get_or_create_owned(&labels),
            missing_fields: self.missing_fields.get_or_create_owned(&labels),
            ignored_operations: self.ignored_operations.get_or_create_owned(&labels),
        }
    }

    /// A call of a hook; `event` must come from a list of ours.
    pub fn delivery(&self, hook: &str, event: &str, verdict: &str) {
        let [hook, event, verdict] = [hook, event, verdict].map(str::to_owned);
        self.deliveries.get_or_create(&DeliveryLabels { hook, event, verdict }).inc();
    }

    /// A handshake: `kind` is `full`, `resumed`, `challenge`, `failed` or `timeout`.
    pub fn handshake(&self, version: &'static str, kind: &'static str) {
        self.handshakes.get_or_create(&HandshakeLabels { version, kind }).inc();
    }

    pub fn connection(&self, listener: &'static str) -> Gauged {
        // A counter that is there from the start shows its first increase.
        drop(self.closed_when_full.get_or_create(&ListenerLabel { listener }));
        let gauge = self.connections.get_or_create_owned(&ListenerLabel { listener });
        gauge.inc();
        Gauged(gauge)
    }

    /// An idle connection was closed to make room for a new one of this listener.
    pub fn closed_when_full(&self, listener: &'static str) {
        self.closed_when_full.get_or_create(&ListenerLabel { listener }).inc();
    }

    /// Jobs in the outbox: waiting, given up, and sent with something left undone.
    pub fn outbox(&self, waiting: u64, dead: u64, incomplete: u64) {
        for (state, count) in [("waiting", waiting), ("dead", dead), ("incomplete", incomplete)] {
            self.jobs.get_or_create(&JobLabel { state }).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// Those that wait, and those that were given up, as they were counted last.
    pub fn outbox_jobs(&self) -> (u64, u64) {
        let of = |state| u64::try_from(self.jobs.get_or_create(&JobLabel { state }).get()).unwrap_or(0);
        (of("waiting"), of("dead"))
    }

    /// Whether exports can be kept.
    pub fn outbox_writable(&self, writable: bool) {
        self.outbox_writable.set(writable.into());
    }

    /// How often the outbox's file disappeared or was replaced since the start.
    pub fn outbox_lost(&self, times: u64) {
        self.outbox_lost.set(i64::try_from(times).unwrap_or(i64::MAX));
    }

    pub fn reload(&self, at: SystemTime, taken: bool) {
        self.reload_succeeded.set(taken.into());
        if taken {
            self.reload_time.set(seconds(at));
        }
    }

    /// All datasets that are declared as files, each with the time since when its file is refused.
    pub fn datasets<'d>(&self, facts: impl Iterator<Item = (&'d str, Option<SystemTime>)>) {
        self.dataset_refused.clear();
        for (dataset, since) in facts {
            let label = DatasetLabel { dataset: dataset.to_owned() };
            self.dataset_refused.get_or_create(&label).set(since.map_or(0.0, seconds));
        }
    }

    /// A delivery ended, and somebody exports spans.
    pub fn span(&self, span: DeliverySpan) {
        self.spans_lost(self.spans.keep(span));
    }

    /// A collector took those of so many deliveries.
    pub fn spans_sent(&self, count: usize) {
        self.count_spans("sent", count);
    }

    /// Those of so many deliveries reach no collector.
    pub fn spans_lost(&self, count: usize) {
        self.count_spans("lost", count);
    }

    /// Those that are sent later, as far as there is room.
    pub fn give_spans_back(&self, spans: Vec<DeliverySpan>) {
        self.spans_lost(self.spans.give_back(spans));
    }

    fn count_spans(&self, result: &'static str, count: usize) {
        if count > 0 {
            let count = u64::try_from(count).unwrap_or(u64::MAX);
            self.exported.get_or_create(&SpanLabel { result }).inc_by(count);
        }
    }

    /// What `/readyz` says.
    pub fn ready(&self, is: bool) {
        self.ready.set(i64::from(is));
    }

    /// All certificates, as they are at the moment.
    pub fn certificates<'c>(&self, facts: impl Iterator<Item = CertificateFacts<'c>>) {
        self.certificates.set(facts);
    }
}

impl HookMetrics {
    /// A verified delivery that has arrived.
    pub fn begin(&self, body: usize) -> Gauged {
        #[expect(clippy::cast_precision_loss, reason = "a body of 9 PB does not arrive")]
        self.bodies.observe(body as f64);
        self.in_flight.inc();
        Gauged(self.in_flight.clone())
    }

    pub fn answered(&self, took: Duration) {
        self.durations.observe(took.as_secs_f64());
    }
}

impl StepMetrics {
    pub fn ran(&self, took: Duration) {
        self.durations.observe(took.as_secs_f64());
    }

    pub fn failed(&self) {
        self.errors.inc();
    }

    pub fn missed_field(&self) {
        self.missing_fields.inc();
    }

    pub fn ignored_operation(&self) {
        self.ignored_operations.inc();
    }
}

pub(super) fn seconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// Pages that are in memory, times their size on every machine that this runs on.
fn resident_memory() -> Option<i64> {
    const PAGE: i64 = 4_096;
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    statm.split_whitespace().nth(1)?.parse::<i64>().ok()?.checked_mul(PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_in_the_text() {
        let metrics = Metrics::new(SystemTime::UNIX_EPOCH + Duration::from_secs(7));
        metrics.delivery("checks", "annotation_content.updated", "verified");
        let hook = metrics.hook("checks");
        let under_way = hook.begin(2_000);
        hook.answered(Duration::from_millis(2));
        metrics.step("checks", "match (step 1)").failed();
        metrics.handshake("1.3", "resumed");
        let text = metrics.render();
        for line in [
            "annex_deliveries_total{hook=\"checks\",event=\"annotation_content.updated\",verdict=\"verified\"} 1",
            "annex_deliveries_in_flight{hook=\"checks\"} 1",
            "annex_delivery_duration_seconds_bucket{le=\"0.0025\",hook=\"checks\"} 1",
            "annex_delivery_body_bytes_sum{hook=\"checks\"} 2000.0",
            "annex_step_errors_total{hook=\"checks\",step=\"match (step 1)\"} 1",
            "annex_tls_handshakes_total{version=\"1.3\",kind=\"resumed\"} 1",
            "process_start_time_seconds 7.0",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
        drop(under_way);
        assert!(metrics.render().contains("annex_deliveries_in_flight{hook=\"checks\"} 0"));
        assert!(resident_memory().is_some_and(|bytes| bytes > 1_000_000));
    }
}
