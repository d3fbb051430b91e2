//! One request to a collector.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, Url};

use crate::clock;
use crate::outbound::{CallError, Client, ClientError, Read, Request, Settings, Uplink};

/// For one request, from connecting to the end of the answer.
const TIME: Duration = Duration::from_secs(10);
/// Bytes of an answer: it says what was refused.
const LARGEST: usize = 64_000;
/// Characters of its words that are shown.
const QUOTED: usize = 200;

/// Where telemetry goes, and who says it.
pub struct Collector {
    base: Url,
    headers: HeaderMap,
    client: Client,
    resource: Resource,
}

/// What is sent, each to a path of its own.
#[derive(Debug, Clone, Copy)]
pub(super) enum Signal {
    Traces,
    Metrics,
}

/// Why a collector did not take it.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Unsent {
    #[error("{0}")]
    Call(#[from] CallError),
    #[error("it answers {status}{words}")]
    Refused { status: u16, words: String, retry_after: Option<Duration> },
}

impl Unsent {
    /// Whether the same may be taken later (OTLP, "Retryable Response Codes").
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Call(error) => error.may_pass(),
            Self::Refused { status, .. } => matches!(status, 429 | 502..=504),
        }
    }

    /// How long the collector wants to be left in peace.
    pub(super) fn pause(&self) -> Option<Duration> {
        match self {
            Self::Call(_) => None,
            Self::Refused { retry_after, .. } => *retry_after,
        }
    }
}

impl Collector {
    /// `base` is the collector's address, to which `v1/traces` and `v1/metrics` are added. `service_name` is how it knows this
    /// server.
    ///
    /// # Errors
    ///
    /// Where TLS cannot be set up so.
    pub fn new(
        mut base: Url,
        headers: HeaderMap,
        service_name: &str,
        uplink: Uplink,
    ) -> Result<Self, ClientError> {
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let client = Client::new(Settings::new(uplink))?;
        let mut instance = [0_u8; 8];
        // Without random numbers all instances look like one, which is no reason to say nothing.
        let _ = getrandom::fill(&mut instance);
        let attributes = vec![
            text("service.name", service_name),
            text("service.version", env!("CARGO_PKG_VERSION")),
            text("service.instance.id", &hex::encode(instance)),
        ];
        Ok(Self { base, headers, client, resource: Resource { attributes, ..Resource::default() } })
    }

    pub(super) fn resource(&self) -> Resource {
        self.resource.clone()
    }

    /// Where it is, for people.
    pub(super) fn place(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Sends it, once. Gives what the collector says of a part that it refused.
    pub(super) async fn send(&self, signal: Signal, body: Vec<u8>) -> Result<Option<String>, Unsent> {
        let path = match signal {
            Signal::Traces => "v1/traces",
            Signal::Metrics => "v1/metrics",
        };
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path()));
        let request = Request::new(Method::POST, url)
            .with_secret_headers(self.headers.clone())
            .with_body(HeaderValue::from_static("application/x-protobuf"), body);
        let received = self.client.send(request, TIME, Read::Whole(LARGEST)).await?;
        if received.is_success() {
            return Ok(refused_part(signal, &received.body));
        }
        let words: String = String::from_utf8_lossy(&received.body).chars().take(QUOTED).collect();
        let words = words.trim();
        // A status that is not asked for as text comes as protobuf.
        let is_text = !words.is_empty() && !words.contains(|c: char| c.is_control() || c == '\u{fffd}');
        let words = if is_text { format!(": {words}") } else { String::new() };
        let retry_after = received.retry_after(clock::now());
        Err(Unsent::Refused { status: received.status, words, retry_after })
    }
}

/// OTLP, "Partial Success".
fn refused_part(signal: Signal, body: &[u8]) -> Option<String> {
    let (count, what, why) = match signal {
        Signal::Traces => {
            let partial = ExportTraceServiceResponse::decode(body).ok()?.partial_success?;
            (partial.rejected_spans, "spans", partial.error_message)
        }
        Signal::Metrics => {
            let partial = ExportMetricsServiceResponse::decode(body).ok()?.partial_success?;
            (partial.rejected_data_points, "data points", partial.error_message)
        }
    };
    let why: String = why.chars().take(QUOTED).collect();
    (count > 0).then(|| format!("it refused {count} {what}: {why}"))
}

/// An attribute that is a text.
pub(super) fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

pub(super) fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}
