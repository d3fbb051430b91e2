//! Deliveries as spans.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use sha2::{Digest as _, Sha256};

use crate::clock;
use crate::telemetry::spans::{DeliverySpan, StepResult, StepSpan};

use super::collector::{attribute, text};

/// All of a batch. Ids are made here, when somebody wants them.
pub(super) fn request(deliveries: &[DeliverySpan], resource: Resource) -> ExportTraceServiceRequest {
    let spans = deliveries.iter().flat_map(spans).collect();
    let scope_spans = ScopeSpans { scope: Some(scope()), spans, ..ScopeSpans::default() };
    let all = ResourceSpans {
        resource: Some(resource),
        scope_spans: vec![scope_spans],
        ..ResourceSpans::default()
    };
    ExportTraceServiceRequest { resource_spans: vec![all] }
}

/// Who measured.
pub(super) fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "annex".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    }
}

fn spans(delivery: &DeliverySpan) -> Vec<Span> {
    let trace_id = trace_id(delivery.request_id.as_deref());
    let own_id = random::<8>();
    let began = clock::unix_nanos(delivery.began);
    let mut attributes = vec![
        text("http.request.method", "POST"),
        attribute("http.response.status_code", Value::IntValue(delivery.status.into())),
        text("annex.hook", &delivery.hook),
        text("annex.verdict", delivery.verdict),
        text("rossum.event", delivery.event),
    ];
    for (key, value) in [
        ("rossum.annotation", delivery.annotation.as_str()),
        ("rossum.request_id", delivery.request_id.as_deref().unwrap_or_default()),
    ] {
        if !value.is_empty() {
            attributes.push(text(key, value));
        }
    }
    let failed = delivery.status >= 500;
    let whole = Span {
        trace_id: trace_id.clone(),
        span_id: own_id.clone(),
        name: format!("hook {}", delivery.hook),
        kind: SpanKind::Server.into(),
        start_time_unix_nano: began,
        end_time_unix_nano: began.saturating_add(nanos(delivery.took)),
        attributes,
        status: status(failed.then_some(delivery.verdict)),
        ..Span::default()
    };
    let step = |step: &StepSpan| {
        let start = began.saturating_add(nanos(step.began.saturating_duration_since(delivery.arrived)));
        let why = match step.result {
            StepResult::Done => None,
            StepResult::Failed => Some("failed"),
            StepResult::OutOfTime => Some("out of time"),
        };
        Span {
            trace_id: trace_id.clone(),
            span_id: random::<8>(),
            parent_span_id: own_id.clone(),
            name: format!("step {}", step.name),
            kind: SpanKind::Internal.into(),
            start_time_unix_nano: start,
            end_time_unix_nano: start.saturating_add(nanos(step.took)),
            attributes: vec![text("annex.hook", &delivery.hook), text("annex.step", &step.name)],
            status: status(why),
            ..Span::default()
        }
    };
    let steps: Vec<Span> = delivery.steps.iter().map(step).collect();
    std::iter::once(whole).chain(steps).collect()
}

/// An error with its word; nothing where there is none (OpenTelemetry: "Unset" is for what is left to who looks).
fn status(error: Option<&str>) -> Option<Status> {
    error.map(|why| Status { code: StatusCode::Error.into(), message: why.to_owned() })
}

fn nanos(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Rossum's `request_id` is a UUID, which is a trace id as it is: who has one finds the other. Of another text, its hash.
fn trace_id(request_id: Option<&str>) -> Vec<u8> {
    let Some(id) = request_id.filter(|id| !id.is_empty()) else { return random::<16>() };
    let digits: String = id.chars().filter(|c| *c != '-').collect();
    match hex::decode(&digits) {
        Ok(bytes) if bytes.len() == 16 && bytes.iter().any(|byte| *byte != 0) => bytes,
        _ => Sha256::digest(id)[..16].to_vec(),
    }
}

fn random<const N: usize>() -> Vec<u8> {
    let mut bytes = [1_u8; N];
    // An id must not be zeros; without random numbers it is one that is no use, which costs no delivery.
    let _ = getrandom::fill(&mut bytes);
    bytes.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_has_the_id_of_the_request() {
        let id = trace_id(Some("0b7fcb3c-93a1-4c5e-8f00-1234567890ab"));
        assert_eq!(hex::encode(id), "0b7fcb3c93a14c5e8f001234567890ab");
        let (other, again) = (trace_id(Some("r-1")), trace_id(Some("r-1")));
        assert_eq!((other.len(), other == again), (16, true));
        assert_ne!(trace_id(None), trace_id(None));
    }
}
