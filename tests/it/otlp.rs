//! Spans and metrics for an OpenTelemetry collector, from the running binary over real sockets.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::json;

use crate::support::{Annex, Call, Erp, Reply, annex_command, eventually, free_port, write};

/// Batches go every five seconds.
const SOON: Duration = Duration::from_secs(12);
const ID: &str = "0b7fcb3c-93a1-4c5e-8f00-1234567890ab";

fn config(telemetry: &str) -> String {
    format!(
        "[server]\nstate = \"state\"\n{telemetry}\n[[hook]]\npath = \"/checks\"\nname = \"checks\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n\
         [[hook.step]]\nuse = \"checks\"\nname = \"totals\"\n[[hook.step.check]]\nrequired = \"document_id\"\n"
    )
}

fn annex(telemetry: &str) -> Annex {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("annex.toml"), &config(telemetry));
    write(&folder.path().join("key"), "k-123456789012345678901234567890");
    Annex::dev_in(folder, free_port())
}

fn at(collector: &Erp) -> String {
    format!("[telemetry]\notlp = \"http://{}/otlp\"\n", collector.address)
}

fn deliver(annex: &Annex, request_id: &str) {
    let body = json!({"request_id": request_id, "event": "annotation_content", "action": "updated",
        "annotation": {"id": 314, "content": [{"id": 1, "schema_id": "document_id", "category": "datapoint",
            "content": {"value": "INV-SECRET-7"}}]}});
    let answer = annex.client().deliver("/checks", body.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn calls_to(collector: &Erp, path: &str) -> Vec<Call> {
    collector.calls().into_iter().filter(|call| call.line == format!("POST {path}")).collect()
}

fn spans(collector: &Erp) -> Vec<Span> {
    let requests = calls_to(collector, "/otlp/v1/traces");
    let requests = requests.iter().map(|call| ExportTraceServiceRequest::decode(&*call.body).unwrap());
    let scopes = requests.flat_map(|request| request.resource_spans).flat_map(|one| one.scope_spans);
    scopes.flat_map(|scope| scope.spans).collect()
}

fn attributes(list: &[KeyValue]) -> HashMap<String, String> {
    let text = |value: &Option<Value>| match value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("{other:?}"),
    };
    list.iter().map(|one| (one.key.clone(), text(&one.value.as_ref().unwrap().value))).collect()
}

#[test]
fn a_delivery_is_a_span_and_each_step_one_below_it_and_metrics_come_at_the_end_at_the_latest() {
    let collector = Erp::kind();
    let own = "service_name = \"annex-test\"\nheaders = { \"api-key\" = \"file:key\" }";
    let annex = annex(&format!("{}{own}", at(&collector)));
    deliver(&annex, ID);
    eventually("spans", SOON, || spans(&collector).len() == 2);
    let call = calls_to(&collector, "/otlp/v1/traces").remove(0);
    assert_eq!(call.header("content-type"), Some("application/x-protobuf"));
    assert_eq!(call.header("api-key"), Some("k-123456789012345678901234567890"));
    let request = ExportTraceServiceRequest::decode(&*call.body).unwrap();
    let resource = attributes(&request.resource_spans[0].resource.as_ref().unwrap().attributes);
    assert_eq!(resource["service.name"], "annex-test");
    let [whole, step] = <[Span; 2]>::try_from(spans(&collector)).unwrap();
    assert_eq!(hex::encode(&whole.trace_id), ID.replace('-', ""), "who has the request's id has the trace");
    assert_eq!((&step.trace_id, &step.parent_span_id), (&whole.trace_id, &whole.span_id));
    assert_eq!((whole.name.as_str(), step.name.as_str()), ("hook checks", "step totals"));
    assert!(whole.start_time_unix_nano <= step.start_time_unix_nano);
    assert!(step.end_time_unix_nano <= whole.end_time_unix_nano);
    let said = attributes(&whole.attributes);
    for (key, value) in [
        ("annex.hook", "checks"),
        ("annex.verdict", "verified"),
        ("rossum.event", "annotation_content.updated"),
        ("rossum.annotation", "314"),
        ("rossum.request_id", ID),
        ("http.response.status_code", "200"),
    ] {
        assert_eq!(said[key], value, "{key}");
    }
    drop(annex.stop("TERM"));
    let metrics = calls_to(&collector, "/otlp/v1/metrics");
    let request = ExportMetricsServiceRequest::decode(&*metrics.last().unwrap().body).unwrap();
    let all = &request.resource_metrics[0].scope_metrics[0].metrics;
    for name in ["annex_deliveries", "annex_delivery_duration_seconds", "annex_ready"] {
        assert!(all.iter().any(|metric| metric.name == name), "{name}");
    }
    for call in collector.calls() {
        assert!(!call.text().contains("INV-SECRET-7"), "no value of a document leaves");
    }
}

#[test]
fn a_collector_that_is_down_costs_no_delivery_and_gets_the_spans_later() {
    let status = Arc::new(AtomicU16::new(503));
    let says = Arc::clone(&status);
    let collector = Erp::start(move |_, _| Reply::status(says.load(Ordering::SeqCst), ""));
    let annex = annex(&at(&collector));
    deliver(&annex, ID);
    annex.logs("telemetry does not reach", SOON);
    deliver(&annex, ID);
    collector.called(2);
    status.store(200, Ordering::SeqCst);
    annex.logs("telemetry reaches", SOON);
    let last = calls_to(&collector, "/otlp/v1/traces").pop().unwrap();
    let request = ExportTraceServiceRequest::decode(&*last.body).unwrap();
    assert_eq!(
        request.resource_spans[0].scope_spans[0].spans.len(),
        4,
        "both deliveries, each with its step"
    );
    assert_eq!(annex.log().matches("telemetry does not reach").count(), 1, "said once: {}", annex.log());
    // What it will never take is not sent again, and is told.
    status.store(400, Ordering::SeqCst);
    deliver(&annex, ID);
    annex.logs("it answers 400", SOON);
}

#[test]
fn what_a_collector_refuses_of_a_batch_is_told_with_its_words() {
    // ExportTraceServiceResponse { partial_success: { rejected_spans: 1, error_message: "too old" } }
    let collector = Erp::start(|_, _| Reply::ok("\n\u{b}\u{8}\u{1}\u{12}\u{7}too old"));
    let annex = annex(&at(&collector));
    deliver(&annex, ID);
    annex.logs("it refused 1 spans: too old", SOON);
}

#[test]
fn a_reload_begins_and_ends_it() {
    let collector = Erp::kind();
    let annex = annex("");
    deliver(&annex, ID);
    write(&annex.folder().join("annex.toml"), &config(&at(&collector)));
    annex.signal("HUP");
    annex.logs("configuration reloaded", SOON);
    deliver(&annex, ID);
    eventually("spans", SOON, || spans(&collector).len() == 2);
    write(&annex.folder().join("annex.toml"), &config(""));
    annex.signal("HUP");
    eventually("a second reload", SOON, || annex.log().matches("configuration reloaded").count() == 2);
    let before = collector.calls().len();
    deliver(&annex, ID);
    drop(annex.stop("TERM"));
    assert_eq!(collector.calls().len(), before, "nothing goes there any more");
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_place() {
    for (telemetry, said) in [
        ("[telemetry]\n", "`otlp`"),
        ("[telemetry]\notlp = \"collector:4318\"\n", "annex.toml:4"),
        ("[telemetry]\notlp = \"http://127.0.0.1:4318/v1/traces\"\n", "to which Annex adds `/v1/traces`"),
        (
            "[telemetry]\notlp = \"https://o.acme.com\"\nheaders = { k = \"abc\" }\n",
            "a secret must not be in the configuration",
        ),
        (
            "[telemetry]\notlp = \"http://o.acme.com\"\nheaders = { k = \"file:key\" }\n",
            "must not travel unencrypted",
        ),
        ("[telemetry]\notlp = \"https://o.acme.com\"\nsample = 0.1\n", "`sample`"),
        ("[telemetry]\notlp = \"https://u:p@o.acme.com\"\n", "[telemetry] has `headers`"),
        (
            "[telemetry]\notlp = \"https://o.acme.com\"\nheaders = { Content-Type = \"file:key\" }\n",
            "`content-type` is set by Annex",
        ),
        (
            "[telemetry]\notlp = \"https://o.acme.com\"\nheaders = { x-a = \"file:key\", X-A = \"file:key\" }\n",
            "`x-a` appears twice",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("annex.toml"), &config(telemetry));
        write(&folder.path().join("key"), "k-123456789012345678901234567890");
        let mut command = annex_command();
        command.args(["check", "--config"]).arg(folder.path().join("annex.toml"));
        let output = command.env("ROSSUM_SECRET", crate::support::SECRET).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && text.contains(said), "{telemetry}: {text}");
    }
}

#[test]
fn a_collector_that_repeats_its_key_is_quoted_without_it() {
    const KEY: &str = "k-123456789012345678901234567890";
    let collector = Erp::start(|call, _| {
        let key = call.header("x-company").unwrap_or_default();
        Reply::status(400, &format!("no such key: {key}, api%2Dkey {}", key.replace('-', "%2D")))
    });
    let annex = annex(&format!("{}headers = {{ x-company = \"file:key\" }}", at(&collector)));
    deliver(&annex, ID);
    annex.logs("it answers 400: no such key: ***", SOON);
    assert!(!annex.log().contains(KEY), "{}", annex.log());
}

/// What the page says: 2,048 deliveries wait, and beyond that the oldest are lost, which the metrics count.
#[test]
fn of_more_deliveries_than_can_wait_the_oldest_are_lost() {
    const MOST: usize = 2_048;
    const MORE: usize = 20;
    let status = Arc::new(AtomicU16::new(503));
    let says = Arc::clone(&status);
    let collector = Erp::start(move |_, _| Reply::status(says.load(Ordering::SeqCst), ""));
    let annex = annex(&at(&collector));
    let id = |number: usize| format!("00000000-0000-4000-8000-{number:012x}");
    let body = |number: usize| {
        json!({"request_id": id(number), "event": "annotation_content", "action": "updated",
            "annotation": {"id": 314, "content": []}})
        .to_string()
    };
    let mut client = annex.client();
    for number in 0..MOST + MORE {
        assert_eq!(client.deliver("/checks", body(number)).status, 200);
    }
    let before = calls_to(&collector, "/otlp/v1/traces").len();
    status.store(200, Ordering::SeqCst);
    let taken = || {
        let calls = calls_to(&collector, "/otlp/v1/traces").split_off(before);
        let requests = calls.iter().map(|call| ExportTraceServiceRequest::decode(&*call.body).unwrap());
        let spans = requests
            .flat_map(|one| one.resource_spans)
            .flat_map(|one| one.scope_spans)
            .flat_map(|one| one.spans);
        let wholes = spans.filter(|span| span.name == "hook checks");
        wholes.map(|span| hex::encode(span.trace_id)).collect::<std::collections::BTreeSet<_>>()
    };
    let trace = |number: usize| id(number).replace('-', "");
    eventually("all that wait", SOON, || taken().contains(&trace(MOST + MORE - 1)));
    let taken = taken();
    assert!((MORE..MOST + MORE).all(|number| taken.contains(&trace(number))), "{}", taken.len());
    assert!((0..MORE).all(|number| !taken.contains(&trace(number))), "the oldest are lost");
}

/// What the page says: metrics go every 60 s, and not only at the end.
#[test]
fn metrics_go_every_minute() {
    let collector = Erp::kind();
    let begun = std::time::Instant::now();
    let annex = annex(&at(&collector));
    eventually("metrics", Duration::from_secs(80), || !calls_to(&collector, "/otlp/v1/metrics").is_empty());
    let took = begun.elapsed();
    assert!((58..72).contains(&took.as_secs()), "{took:?}");
    drop(annex);
}
