//! The numbers that Prometheus reads, as OTLP has them: the same names, the same labels.
//!
//! They are read from the text that `/metrics` gives (`OpenMetrics` 1.0), so that both always say the same.

use std::time::SystemTime;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource;

use crate::clock;

use super::collector::text;
use super::traces::scope;

const CUMULATIVE: i32 = AggregationTemporality::Cumulative as i32;

/// A family of `/metrics`.
#[derive(Debug, Default, PartialEq)]
struct Family {
    name: String,
    help: String,
    kind: String,
    samples: Vec<Sample>,
}

/// A line of a family.
#[derive(Debug, PartialEq)]
struct Sample {
    /// What stands behind the family's name, such as `_bucket`.
    suffix: String,
    labels: Vec<(String, String)>,
    value: f64,
}

pub(super) fn request(
    openmetrics: &str,
    resource: Resource,
    began: SystemTime,
    now: SystemTime,
) -> ExportMetricsServiceRequest {
    let moments = (clock::unix_nanos(began), clock::unix_nanos(now));
    let metrics = families(openmetrics).into_iter().map(|family| metric(family, moments)).collect();
    let scope_metrics = vec![ScopeMetrics { scope: Some(scope()), metrics, ..ScopeMetrics::default() }];
    let all = ResourceMetrics { resource: Some(resource), scope_metrics, ..ResourceMetrics::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![all] }
}

fn metric(family: Family, moments: (u64, u64)) -> Metric {
    let Family { name, help, kind, samples } = family;
    let data = match kind.as_str() {
        "counter" => Data::Sum(Sum {
            data_points: points(samples, moments),
            aggregation_temporality: CUMULATIVE,
            is_monotonic: true,
        }),
        "histogram" => Data::Histogram(Histogram {
            data_points: histograms(samples, moments),
            aggregation_temporality: CUMULATIVE,
        }),
        _ => Data::Gauge(Gauge { data_points: points(samples, moments) }),
    };
    Metric { name, description: help, data: Some(data), ..Metric::default() }
}

fn points(samples: Vec<Sample>, (began, now): (u64, u64)) -> Vec<NumberDataPoint> {
    let point = |sample: Sample| NumberDataPoint {
        attributes: attributes(&sample.labels),
        start_time_unix_nano: began,
        time_unix_nano: now,
        value: Some(Value::AsDouble(sample.value)),
        ..NumberDataPoint::default()
    };
    samples.into_iter().map(point).collect()
}

/// Prometheus counts what is at most a bound; OTLP what is between two.
fn histograms(samples: Vec<Sample>, (began, now): (u64, u64)) -> Vec<HistogramDataPoint> {
    let mut points: Vec<(Vec<(String, String)>, HistogramDataPoint)> = Vec::new();
    for Sample { suffix, mut labels, value } in samples {
        let bound = labels.iter().position(|(name, _)| name == "le").map(|at| labels.remove(at).1);
        let at = points.iter().position(|(known, _)| *known == labels).unwrap_or_else(|| {
            let point = HistogramDataPoint {
                attributes: attributes(&labels),
                start_time_unix_nano: began,
                time_unix_nano: now,
                ..HistogramDataPoint::default()
            };
            points.push((labels, point));
            points.len() - 1
        });
        let point = &mut points[at].1;
        match (suffix.as_str(), bound) {
            ("_sum", _) => point.sum = Some(value),
            ("_count", _) => point.count = whole(value),
            ("_bucket", Some(bound)) => {
                let before: u64 = point.bucket_counts.iter().sum();
                point.bucket_counts.push(whole(value).saturating_sub(before));
                if let Ok(bound) = bound.parse::<f64>()
                    && bound.is_finite()
                {
                    point.explicit_bounds.push(bound);
                }
            }
            _ => {}
        }
    }
    points.into_iter().map(|(_, point)| point).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of our own, below 2^53")]
fn whole(value: f64) -> u64 {
    value as u64
}

fn attributes(labels: &[(String, String)]) -> Vec<KeyValue> {
    labels.iter().map(|(name, value)| text(name, value)).collect()
}

fn families(openmetrics: &str) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    for line in openmetrics.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            let mut words = rest.splitn(3, ' ');
            let (Some(what), Some(name), text) = (words.next(), words.next(), words.next()) else { continue };
            if families.last().is_none_or(|family| family.name != name) {
                families.push(Family { name: name.to_owned(), ..Family::default() });
            }
            let Some(family) = families.last_mut() else { continue };
            match what {
                "HELP" => text.unwrap_or_default().trim_end_matches('.').clone_into(&mut family.help),
                "TYPE" => text.unwrap_or_default().clone_into(&mut family.kind),
                _ => {}
            }
        } else if let Some(family) = families.last_mut()
            && let Some(sample) = line.strip_prefix(family.name.as_str()).and_then(sample)
        {
            family.samples.push(sample);
        }
    }
    families.retain(|family| !family.samples.is_empty());
    families
}

/// `_total{hook="checks"} 3`, behind a family's name.
fn sample(rest: &str) -> Option<Sample> {
    let end = rest.find(['{', ' '])?;
    let (suffix, rest) = rest.split_at(end);
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    let value = value.trim_start().split(' ').next()?.parse().ok()?;
    Some(Sample { suffix: suffix.to_owned(), labels, value })
}

/// `hook="a \"b\"",step="c"} 3` gives the labels and what stands behind the brace.
fn labels(mut rest: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, quoted) = rest.split_once("=\"")?;
        let (mut value, mut letters) = (String::new(), quoted.char_indices());
        let end = loop {
            match letters.next()? {
                (at, '"') => break at + 1,
                (_, '\\') => match letters.next()?.1 {
                    'n' => value.push('\n'),
                    other => value.push(other),
                },
                (_, other) => value.push(other),
            }
        };
        labels.push((name.trim_start_matches(',').to_owned(), value));
        rest = &quoted[end..];
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::telemetry::Metrics;

    #[test]
    fn every_family_of_the_text_arrives_with_its_labels() {
        let metrics = Metrics::new(SystemTime::UNIX_EPOCH);
        metrics.delivery("a \"b\"\\", "other", "verified");
        let hook = metrics.hook("checks");
        hook.answered(Duration::from_millis(2));
        hook.answered(Duration::from_secs(40));
        let text = metrics.render();
        let request = request(&text, Resource::default(), SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH);
        let all = &request.resource_metrics[0].scope_metrics[0].metrics;
        let has_samples =
            |name: &str| text.lines().any(|line| !line.starts_with('#') && line.starts_with(name));
        let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
        for name in names.filter(|name| has_samples(name)) {
            assert!(all.iter().any(|metric| metric.name == name), "{name}");
        }
        let of = |name: &str| all.iter().find(|metric| metric.name == name).unwrap().data.clone().unwrap();
        let Data::Sum(deliveries) = of("annex_deliveries") else { panic!("a counter") };
        assert!(deliveries.is_monotonic);
        let point = &deliveries.data_points[0];
        assert_eq!(point.value, Some(Value::AsDouble(1.0)));
        assert!(point.attributes.contains(&super::text("hook", "a \"b\"\\")), "{point:?}");
        let Data::Histogram(durations) = of("annex_delivery_duration_seconds") else { panic!("a histogram") };
        let point = &durations.data_points[0];
        assert_eq!((point.count, point.bucket_counts.len()), (2, point.explicit_bounds.len() + 1));
        assert_eq!(point.bucket_counts.iter().sum::<u64>(), 2);
        assert_eq!(point.bucket_counts.last(), Some(&1), "above the last bound");
        assert!(matches!(of("annex_ready"), Data::Gauge(_)));
    }
}
