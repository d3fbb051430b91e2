//! Keeps a valid certificate served: loads it, renews it in time, tries again at a pace that no CA minds.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};

use crate::clock;

use super::super::{AcmeSettings, Certificate, Served};
use super::Challenges;
use super::order::{self, OrderError};
use super::pace::Pace;
use super::renewal;
use super::storage::{Found, Storage, StorageError};

/// An order that takes longer hangs: a CA may accept a connection and never answer.
const ORDER_DEADLINE: Duration = Duration::from_secs(300);
/// The wall clock is looked at at least this often: timers do not notice a suspend or a clock that is set.
const LOOK_AT_CLOCK: Duration = Duration::from_secs(30);
/// Wait after the state folder could not be read or written.
const STORAGE_AGAIN: Duration = Duration::from_secs(10);

/// Why it cannot even begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the CA's root {path}: {problem}")]
    Root { path: String, problem: String },
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    #[error("the state folder: {0}")]
    Storage(String),
}

/// The certificate that is served, and who issued it.
struct Current {
    certificate: Certificate,
    directory: String,
}

/// The task that keeps the certificate.
pub struct Supervisor {
    settings: AcmeSettings,
    client: Arc<ClientConfig>,
    provider: Arc<CryptoProvider>,
    storage: Storage,
    served: Arc<Served>,
    challenges: Arc<Challenges>,
}

impl Supervisor {
    pub fn new(
        settings: AcmeSettings,
        served: Arc<Served>,
        challenges: Arc<Challenges>,
    ) -> Result<Self, StartError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots(&settings)?)
            .with_no_client_auth();
        let storage =
            Storage::open(&settings.state).map_err(|error| StartError::Storage(error.to_string()))?;
        Ok(Self { settings, client: Arc::new(client), provider, storage, served, challenges })
    }

    /// Never ends. Drop it to stop: nothing is lost.
    pub async fn run(self) {
        let mut current = self.load().await;
        if let Some(Current { certificate, .. }) = &current {
            self.served.serve(certificate);
            info!(
                "certificate for {} loaded, valid until {}",
                certificate.names.join(", "),
                clock::display(certificate.not_after)
            );
            if !certificate.covers(&self.settings.domains) {
                warn!(
                    "it does not cover {}: serving it until a new one is there",
                    self.settings.domains.join(", ")
                );
            }
        }
        let mut unsaved = None;
        loop {
            self.save(&mut unsaved);
            let due = current.as_ref().map_or(SystemTime::UNIX_EPOCH, |current| self.due(current));
            if clock::now() < due {
                self.sleep_until(due).await;
                continue;
            }
            match self.attempt(current.as_ref().map(|current| &current.certificate)).await {
                Ok(Some((certificate, pem))) => {
                    current = Some(Current { certificate, directory: self.settings.directory.clone() });
                    unsaved = Some(pem);
                }
                Ok(None) => {}
                Err(error) => {
                    error!("{error}; trying again in {}", clock::display_span(STORAGE_AGAIN));
                    sleep(STORAGE_AGAIN).await;
                }
            }
        }
    }

    /// The stored certificate, checked. A store that cannot be read is asked again, never taken for empty.
    async fn load(&self) -> Option<Current> {
        loop {
            let stored = match self.storage.load_certificate() {
                Ok(Found::Nothing) => return None,
                Ok(Found::Good(stored)) => Certificate::from_pem(&stored.pem, &stored.pem, &self.provider)
                    .map(|certificate| Current { certificate, directory: stored.directory })
                    .map_err(|error| error.to_string()),
                Ok(Found::Damaged) => Err("its checksum does not fit".to_owned()),
                Err(error) => {
                    error!("{error}; trying again in {}", clock::display_span(STORAGE_AGAIN));
                    sleep(STORAGE_AGAIN).await;
                    continue;
                }
            };
            match stored {
                Ok(current) => return Some(current),
                Err(problem) => {
                    warn!(
                        "the stored certificate is damaged ({problem}): setting it aside, ordering a new one"
                    );
                    match self.storage.set_certificate_aside() {
                        Ok(()) => return None,
                        Err(error) => error!("{error}"),
                    }
                    sleep(STORAGE_AGAIN).await;
                }
            }
        }
    }

    /// One for other names or from another CA (staging, say) is served, and replaced at once.
    fn due(&self, current: &Current) -> SystemTime {
        let fits = current.certificate.covers(&self.settings.domains)
            && current.directory == self.settings.directory;
        if fits { renewal::due(&current.certificate) } else { SystemTime::UNIX_EPOCH }
    }

    /// Stores a new certificate. One that cannot be stored is served all the same, and stored when that works
    /// again; ordering another would not help.
    fn save(&self, unsaved: &mut Option<String>) {
        let Some(pem) = unsaved else { return };
        let saved = self.storage.save_certificate(&self.settings.directory, pem);
        match saved.and_then(|()| self.storage.save_pace(&Pace::default())) {
            Ok(()) => *unsaved = None,
            Err(error) => error!("{error}; a restart would have to order a new certificate until this works"),
        }
    }

    /// Waits for the pace, orders, serves. `None` where the order failed, which has been logged.
    async fn attempt(
        &self,
        current: Option<&Certificate>,
    ) -> Result<Option<(Certificate, String)>, StorageError> {
        let pace = self.storage.load_pace()?;
        let now = clock::now();
        if pace.next_try() > now && pace.is_plausible(now, &self.settings.retry) {
            info!("next try for a certificate at {}", clock::display(pace.next_try()));
            while clock::now() < pace.next_try() && pace.is_plausible(clock::now(), &self.settings.retry) {
                self.sleep_until(pace.next_try()).await;
            }
        }
        let next = pace.before_attempt(clock::now(), &self.settings.retry);
        self.storage.save_pace(&next)?;
        let domains = self.settings.domains.join(", ");
        info!("ordering a certificate for {domains} from {}", self.settings.directory);
        let order = order::run(&self.settings, &self.client, &self.storage, &self.challenges);
        let ended = timeout(ORDER_DEADLINE, order).await;
        self.challenges.forget_all();
        let problem = match ended {
            Ok(Ok(pem)) => match Certificate::from_pem(pem.as_bytes(), pem.as_bytes(), &self.provider) {
                Ok(certificate) => {
                    self.served.serve(&certificate);
                    let until = clock::display(certificate.not_after);
                    let renewal = clock::display(renewal::due(&certificate));
                    info!("certificate for {domains} is there, valid until {until}, renewal from {renewal}");
                    return Ok(Some((certificate, pem)));
                }
                Err(error) => format!("the CA's certificate cannot be used: {error}"),
            },
            Ok(Err(OrderError::Storage(error))) => return Err(error),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("the CA did not finish within {}", clock::display_span(ORDER_DEADLINE)),
        };
        let serving = current.map_or_else(
            || "HTTPS cannot be served until there is one".to_owned(),
            |current| format!("still serving the one valid until {}", clock::display(current.not_after)),
        );
        let count = next.failures;
        error!(
            "no certificate for {domains} from {}: {problem}; {serving}; failure {count}, next try {}",
            self.settings.directory,
            clock::display(next.next_try())
        );
        Ok(None)
    }

    /// Sleeps towards a moment of the wall clock, but not longer than it may go unwatched.
    async fn sleep_until(&self, moment: SystemTime) {
        let left = moment.duration_since(clock::now()).unwrap_or_default();
        sleep(left.clamp(Duration::from_millis(10), LOOK_AT_CLOCK)).await;
    }
}

/// What the CA's own HTTPS is checked with: its configured root alone, or the well-known ones.
fn roots(settings: &AcmeSettings) -> Result<RootCertStore, StartError> {
    let mut roots = RootCertStore::empty();
    let Some(path) = &settings.root else {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        return Ok(roots);
    };
    let bad = |problem: String| StartError::Root { path: path.display().to_string(), problem };
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| bad(error.to_string()))? {
        let certificate = certificate.map_err(|error| bad(error.to_string()))?;
        roots.add(certificate).map_err(|error| bad(error.to_string()))?;
    }
    if roots.is_empty() { Err(bad("no certificate in it".to_owned())) } else { Ok(roots) }
}
