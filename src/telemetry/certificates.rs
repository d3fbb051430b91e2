//! Metrics of certificates.

use std::time::SystemTime;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::metrics::{Seconds, seconds};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CertificateLabel {
    certificate: String,
}

/// One certificate as its metrics show it.
pub struct CertificateFacts<'c> {
    pub name: &'c str,
    /// From when until when; `None` where none is served.
    pub dates: Option<(SystemTime, SystemTime)>,
    pub failures: usize,
    pub last_attempt: Option<SystemTime>,
    /// Whether a new one could be stored.
    pub storable: bool,
    /// Whether certificate files of one's own cannot be used as they are.
    pub refused: bool,
}

#[derive(Default)]
pub(super) struct Certificates {
    served: Family<CertificateLabel, Gauge>,
    not_before: Family<CertificateLabel, Seconds>,
    not_after: Family<CertificateLabel, Seconds>,
    failures: Family<CertificateLabel, Gauge>,
    last_attempt: Family<CertificateLabel, Seconds>,
    storable: Family<CertificateLabel, Gauge>,
    refused: Family<CertificateLabel, Gauge>,
}

impl Certificates {
    pub(super) fn register(&self, annex: &mut Registry) {
        annex.register(
            "certificate_served",
            "1 where there is a certificate to serve, 0 where none is there yet",
            self.served.clone(),
        );
        annex.register(
            "certificate_not_before_seconds",
            "Since when the served certificate is valid, in seconds since 1970",
            self.not_before.clone(),
        );
        annex.register(
            "certificate_not_after_seconds",
            "When the served certificate expires, in seconds since 1970",
            self.not_after.clone(),
        );
        annex.register(
            "certificate_failures",
            "Failed attempts since the last certificate; 0 after a success",
            self.failures.clone(),
        );
        annex.register(
            "certificate_last_attempt_seconds",
            "When a certificate was last ordered, in seconds since 1970",
            self.last_attempt.clone(),
        );
        annex.register(
            "certificate_storable",
            "1 while a new certificate can be stored, 0 while the state folder cannot be used",
            self.storable.clone(),
        );
        annex.register(
            "certificate_refused",
            "1 while certificate files of your own cannot be used as they are, and the certificate before them is served",
            self.refused.clone(),
        );
    }

    /// All of them, as they are at the moment.
    pub(super) fn set<'c>(&self, facts: impl Iterator<Item = CertificateFacts<'c>>) {
        self.served.clear();
        self.not_before.clear();
        self.not_after.clear();
        self.failures.clear();
        self.last_attempt.clear();
        self.storable.clear();
        self.refused.clear();
        for fact in facts {
            let label = CertificateLabel { certificate: fact.name.to_owned() };
            self.served.get_or_create(&label).set(i64::from(fact.dates.is_some()));
            if let Some((not_before, not_after)) = fact.dates {
                self.not_before.get_or_create(&label).set(seconds(not_before));
                self.not_after.get_or_create(&label).set(seconds(not_after));
            }
            if let Some(attempt) = fact.last_attempt {
                self.last_attempt.get_or_create(&label).set(seconds(attempt));
            }
            let failures = i64::try_from(fact.failures).unwrap_or(i64::MAX);
            self.failures.get_or_create(&label).set(failures);
            self.storable.get_or_create(&label).set(i64::from(fact.storable));
            self.refused.get_or_create(&label).set(i64::from(fact.refused));
        }
    }
}
