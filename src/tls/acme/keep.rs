//! The certificate in hand: served, and stored. Knows nothing of CAs: it takes what the supervisor obtained, what lies in
//! the store at start, and what another process with the same state folder stores later.

use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use tracing::{debug, error, info, warn};
use zeroize::Zeroizing;

use crate::clock;

use super::super::{Board, Certificate, Served};
use super::attempt::Issued;
use super::pace::Pace;
use super::storage::{Found, Stamp, Storage, StorageError};

/// Wait after the state folder could not be read or written.
pub(super) const STORAGE_AGAIN: Duration = Duration::from_secs(10);

/// The certificate that is served, and who issued it.
pub(super) struct Current {
    pub(super) certificate: Arc<Certificate>,
    /// Of the CA that issued it.
    pub(super) directory: String,
    /// As it is stored.
    pub(super) pem: Arc<Zeroizing<Vec<u8>>>,
}

/// A certificate that is served but does not stand in the store.
struct Unsaved {
    pem: Arc<Zeroizing<Vec<u8>>>,
    directory: String,
    /// To be stored with it, where it is new.
    pace: Option<Pace>,
}

pub(super) struct Keep {
    pub(super) name: String,
    /// The names that the configuration wants.
    pub(super) domains: Vec<String>,
    pub(super) storage: Storage,
    pub(super) served: Arc<Served>,
    pub(super) board: Arc<Board>,
    pub(super) provider: Arc<CryptoProvider>,
    pub(super) current: Option<Current>,
    /// The stored certificate as it was seen last.
    stamp: Option<Stamp>,
    unsaved: Option<Unsaved>,
}

impl Keep {
    pub(super) fn new(
        name: String,
        domains: Vec<String>,
        storage: Storage,
        (served, board): (Arc<Served>, Arc<Board>),
        provider: Arc<CryptoProvider>,
    ) -> Self {
        Self { name, domains, storage, served, board, provider, current: None, stamp: None, unsaved: None }
    }

    /// Serves the stored certificate, checked. A store that cannot be read is to be asked again, never taken for empty:
    /// gives whether it could be read.
    pub(super) fn load(&mut self) -> bool {
        self.stamp = self.storage.stamp();
        let problem = match self.read() {
            Ok(Ok(found)) => {
                if let Some(current) = found {
                    self.take(current, "loaded");
                }
                return true;
            }
            Ok(Err(problem)) => problem,
            Err(error) => {
                self.tell_problem(Some(error.to_string()));
                return false;
            }
        };
        warn!("the stored certificate is damaged ({problem}): setting it aside, ordering a new one");
        let moved = self.storage.set_certificate_aside();
        moved.map_err(|error| self.tell_problem(Some(error.to_string()))).is_ok()
    }

    /// Says what is wrong with the state folder, once for each problem, and puts it on the board.
    pub(super) fn tell_problem(&self, problem: Option<String>) {
        let mut is_new = false;
        self.board.update(&self.name, |status| {
            is_new = status.storage != problem;
            status.storage.clone_from(&problem);
        });
        match problem {
            Some(problem) if is_new => {
                error!("{problem}; trying again in {}", clock::display_span(STORAGE_AGAIN));
            }
            None if is_new => info!("the state folder can be used again"),
            _ => {}
        }
    }

    /// The stored certificate; inside `Ok`, why it cannot be used.
    fn read(&self) -> Result<Result<Option<Current>, String>, StorageError> {
        Ok(match self.storage.load_certificate()? {
            Found::Nothing => Ok(None),
            Found::Damaged => Err("its checksum does not fit".to_owned()),
            Found::Good(stored) => Certificate::from_pem(&stored.pem, &stored.pem, &self.provider)
                .map(|certificate| {
                    let pem = Arc::new(Zeroizing::new(stored.pem));
                    Some(Current { certificate: Arc::new(certificate), directory: stored.directory, pem })
                })
                .map_err(|error| error.to_string()),
        })
    }

    fn take(&mut self, current: Current, how: &str) {
        let certificate = &current.certificate;
        self.served.serve(&self.name, Arc::clone(certificate));
        self.board.update(&self.name, |status| status.show(certificate));
        let until = clock::display(certificate.not_after);
        info!("certificate for {} {how}, valid until {until}", certificate.names.join(", "));
        if !certificate.covers(&self.domains) {
            warn!("it does not cover {}: serving it until a new one is there", self.domains.join(", "));
        }
        self.current = Some(current);
    }

    /// Serves what another process stored since.
    /// Gives whether there was something new.
    pub(super) fn adopt(&mut self) -> bool {
        let stamp = self.storage.stamp();
        if stamp == self.stamp || self.unsaved.is_some() {
            return false;
        }
        self.stamp = stamp;
        match self.read() {
            Ok(Ok(Some(stored))) => {
                let newer = self
                    .current
                    .as_ref()
                    .is_none_or(|c| c.certificate.not_after < stored.certificate.not_after);
                let fits = stored.certificate.covers(&self.domains);
                if newer || (fits && !self.covers()) {
                    self.take(stored, "found in the store");
                }
            }
            Ok(stored) => {
                let Some(current) = &self.current else { return false };
                let what = if stored.is_ok() { "gone" } else { "damaged" };
                warn!(
                    "the stored certificate is {what}: still serving the one in memory, and storing it again"
                );
                if stored.is_err()
                    && let Err(error) = self.storage.set_certificate_aside()
                {
                    warn!("{error}");
                }
                let (pem, directory) = (Arc::clone(&current.pem), current.directory.clone());
                self.unsaved = Some(Unsaved { pem, directory, pace: None });
                self.save();
            }
            Err(error) => debug!("{error}"),
        }
        true
    }

    /// Stores and serves a new certificate.
    pub(super) fn put(&mut self, issued: Issued) {
        let Issued { certificate, pem, directory, account, pace } = issued;
        let pem = Arc::new(pem);
        self.board.update(&self.name, |status| {
            status.account = Some(account);
            status.last_error = None;
        });
        let unsaved = Unsaved { pem: Arc::clone(&pem), directory: directory.clone(), pace: Some(pace) };
        self.unsaved = Some(unsaved);
        self.save(); // first, so that a kill costs no order; what cannot be stored is served all the same
        self.take(Current { certificate: Arc::new(certificate), directory, pem }, "is there");
    }

    /// Stores a new certificate. One that cannot be stored is served all the same, and stored when that works
    /// again; ordering another would not help.
    pub(super) fn save(&mut self) {
        let Some(unsaved) = &self.unsaved else { return };
        let saved = self.storage.save_certificate(&unsaved.directory, &unsaved.pem);
        match saved.and_then(|()| unsaved.pace.iter().try_for_each(|pace| self.storage.save_pace(pace))) {
            Ok(()) => {
                self.unsaved = None;
                self.stamp = self.storage.stamp();
                self.storage.forget_order(); // not before: it could be fetched again
            }
            Err(error) => {
                self.tell_problem(Some(format!(
                    "{error}; the certificate is served from memory and stored when it can be"
                )));
            }
        }
    }

    /// Whether a certificate waits for the store.
    pub(super) fn is_unsaved(&self) -> bool {
        self.unsaved.is_some()
    }

    pub(super) fn covers(&self) -> bool {
        self.current.as_ref().is_some_and(|current| current.certificate.covers(&self.domains))
    }
}
