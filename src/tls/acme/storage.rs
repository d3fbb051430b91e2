//! What must survive a restart: the accounts' keys, and for each certificate itself, its pace and its CA's advice. Files
//! of mode 0600 in folders of 0700.
//!
//! ```text
//! acme/lease                      held while an order runs, by whichever process shares the folder
//! acme/account-HOST-….key         one for each CA
//! acme/NAME/certificate.pem       checksum, directory, key, leaf, rest of the chain
//! acme/NAME/order.json            an order under way, with the certificate's key: see `begun`
//! acme/NAME/pace.json, advice.json
//! acme/.challenges/               answers to the CA, while an order runs: see `challenges`
//! ```
//!
//! A file is written beside, synced, renamed, and its folder synced: after a power cut there is the old one or the
//! new one, never a part. The certificate carries a checksum, so that a damaged file is seen and not served.
//! "Cannot be read" and "is not there" are different answers: only the second lets the supervisor order anew.
//!
//! What cannot be written is an error, and is kept in memory until it can: a folder that becomes read-only or full takes
//! nothing away that this process knew.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::clock;
use crate::private;

use super::begun::Begun;
use super::lease::Lease;
use super::pace::{Pace, Paces};
use super::renewal::Advice;

const CERTIFICATE: &str = "certificate.pem";
const PACE: &str = "pace.json";
const ADVICE: &str = "advice.json";
const ORDER: &str = "order.json";
const PROBE: &str = "probe";
const LEASE: &str = "lease";
const CHECKSUM: &str = "# sha256 ";
const DIRECTORY: &str = "# directory ";

#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {path}: {error}")]
pub(super) struct StorageError {
    what: &'static str,
    path: PathBuf,
    error: io::Error,
}

/// A certificate as stored.
pub(super) struct Stored {
    /// Key, leaf, rest of the chain.
    pub(super) pem: Vec<u8>,
    /// The CA that issued it.
    pub(super) directory: String,
}

/// What was found under a name.
pub(super) enum Found<T> {
    Nothing,
    Damaged,
    Good(T),
}

pub(super) struct Storage {
    /// Shared by all certificates.
    common: PathBuf,
    /// Of this one.
    own: PathBuf,
    /// What the pace is about.
    about: String,
    /// What could not be written.
    memory: Mutex<BTreeMap<PathBuf, Zeroizing<Vec<u8>>>>,
    /// Whether memory is good enough for a while.
    is_lenient: AtomicBool,
    /// Why the last write or lock failed.
    problem: Mutex<Option<String>>,
}

/// Tells one stored certificate from the next without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: SystemTime,
    length: u64,
}

impl Storage {
    /// The place of one certificate. Nothing is made before it is needed: a folder that is read-only can be read.
    /// `about` says what the pace is about: see [`Paces`].
    pub(super) fn new(state: &Path, name: &str, about: String) -> Self {
        let common = state.join("acme");
        let own = common.join(name);
        Self {
            common,
            own,
            about,
            memory: Mutex::default(),
            is_lenient: AtomicBool::new(false),
            problem: Mutex::default(),
        }
    }

    /// From now on, what cannot be written is no error: it is kept in memory.
    pub(super) fn be_lenient(&self, is_lenient: bool) {
        self.is_lenient.store(is_lenient, Ordering::Relaxed);
    }

    /// Why the last write or lock failed, where nothing was written since.
    pub(super) fn problem(&self) -> Option<String> {
        lock(&self.problem).clone()
    }

    /// Tries whether it can be written, and writes what could not.
    pub(super) fn probe(&self) {
        if self.to_disk(&self.own, PROBE, &[b'.'; 4_096]).is_err() {
            return;
        }
        let _ = fs::remove_file(self.own.join(PROBE)); // it holds nothing
        let lease = self.common.join(LEASE);
        if let Err(error) = private::lock_file(&lease) {
            *lock(&self.problem) = Some(failed("lock", &lease)(error).to_string());
            return;
        }
        let unwritten: Vec<_> =
            lock(&self.memory).iter().map(|(path, bytes)| (path.clone(), bytes.clone())).collect();
        for (path, bytes) in unwritten {
            if let (Some(folder), Some(name)) =
                (path.parent(), path.file_name().and_then(|name| name.to_str()))
                && self.to_disk(folder, name, &bytes).is_err()
            {
                return;
            }
        }
    }

    /// The lease, if nobody has it. [`Lease::of`] waits for it.
    pub(super) fn lease(&self) -> Result<Option<Lease>, StorageError> {
        let path = self.common.join(LEASE);
        let failed = |error| {
            let error = StorageError { what: "lock", path: path.clone(), error };
            *lock(&self.problem) = Some(error.to_string());
            error
        };
        private::own_folder(&self.common).and_then(|()| Lease::take(&path)).map_err(failed)
    }

    /// Which certificate is stored; `None` where there is none, or none that can be seen.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        let metadata = fs::metadata(self.own.join(CERTIFICATE)).ok().filter(fs::Metadata::is_file)?;
        Some(Stamp { modified: metadata.modified().ok()?, length: metadata.len() })
    }

    pub(super) fn load_certificate(&self) -> Result<Found<Stored>, StorageError> {
        let Some(text) = read_disk(&self.own.join(CERTIFICATE))? else {
            return Ok(Found::Nothing);
        };
        Ok(parse_certificate(&text).map_or(Found::Damaged, Found::Good))
    }

    pub(super) fn save_certificate(&self, directory: &str, pem: &[u8]) -> Result<(), StorageError> {
        let first = format!("{DIRECTORY}{directory}\n");
        let sum = hex::encode(Sha256::new().chain_update(&first).chain_update(pem).finalize());
        let whole = Zeroizing::new([format!("{CHECKSUM}{sum}\n{first}").as_bytes(), pem].concat());
        // It is in memory already, where it is served from.
        self.to_disk(&self.own, CERTIFICATE, &whole)
    }

    /// Moves a damaged certificate out of the way, where a person can look at it.
    pub(super) fn set_certificate_aside(&self) -> Result<(), StorageError> {
        set_aside(&self.own.join(CERTIFICATE))
    }

    /// The account's key at this CA, as PKCS#8.
    pub(super) fn load_account(&self, directory: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.read(&self.common.join(account_file(directory)))
    }

    pub(super) fn save_account(&self, directory: &str, key: &[u8]) -> Result<(), StorageError> {
        self.write(&self.common, &account_file(directory), key)
    }

    pub(super) fn set_account_aside(&self, directory: &str) -> Result<(), StorageError> {
        let path = self.common.join(account_file(directory));
        lock(&self.memory).remove(&path);
        if path.exists() { set_aside(&path) } else { Ok(()) }
    }

    /// A pace that cannot be parsed counts as none: it is no more than a brake.
    pub(super) fn load_pace(&self) -> Result<Pace, StorageError> {
        Ok(self.load_paces()?.of(&self.about))
    }

    fn load_paces(&self) -> Result<Paces, StorageError> {
        let json = self.read(&self.own.join(PACE))?;
        Ok(json.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default())
    }

    pub(super) fn save_pace(&self, pace: &Pace) -> Result<(), StorageError> {
        let mut paces = self.load_paces().unwrap_or_default();
        paces.put(&self.about, pace.clone());
        self.write(&self.own, PACE, serde_json::json!(paces).to_string().as_bytes())
    }

    /// The order under way; not one whose certificate is `served`, or is stored: that one has come to its end.
    pub(super) fn load_order(&self, served: Option<&[u8]>) -> Result<Option<Begun>, StorageError> {
        let json = self.read(&self.own.join(ORDER))?.map(Zeroizing::new);
        let begun: Option<Begun> = json.and_then(|json| serde_json::from_slice(&json).ok());
        let Some(begun) = begun else { return Ok(None) };
        let stored = match self.load_certificate()? {
            Found::Good(stored) => Some(Zeroizing::new(stored.pem)),
            Found::Nothing | Found::Damaged => None,
        };
        let has_ended = |pem: &[u8]| pem.starts_with(begun.key.as_bytes());
        let has_ended = served.is_some_and(has_ended) || stored.is_some_and(|pem| has_ended(&pem));
        Ok(Some(begun).filter(|_| !has_ended))
    }

    pub(super) fn save_order(&self, begun: &Begun) -> Result<(), StorageError> {
        let json = Zeroizing::new(serde_json::json!(begun).to_string());
        self.write(&self.own, ORDER, json.as_bytes())
    }

    /// One that stays, because it cannot be removed, is seen to have ended when it is loaded, or by the CA.
    pub(super) fn forget_order(&self) {
        let path = self.own.join(ORDER);
        lock(&self.memory).remove(&path);
        let _ = fs::remove_file(path);
    }

    /// Advice that cannot be read is asked for again.
    pub(super) fn load_advice(&self) -> Option<Advice> {
        serde_json::from_slice(&fs::read(self.own.join(ADVICE)).ok()?).ok()
    }

    pub(super) fn save_advice(&self, advice: &Advice) -> Result<(), StorageError> {
        self.write(&self.own, ADVICE, serde_json::json!(advice).to_string().as_bytes())
    }

    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, StorageError> {
        match lock(&self.memory).get(path) {
            Some(bytes) => Ok(Some(bytes.to_vec())),
            None => read_disk(path),
        }
    }

    fn write(&self, folder: &Path, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        let written = self.to_disk(folder, name, bytes);
        if written.is_err() {
            lock(&self.memory).insert(folder.join(name), Zeroizing::new(bytes.to_vec()));
        }
        if self.is_lenient.load(Ordering::Relaxed) { Ok(()) } else { written }
    }

    fn to_disk(&self, folder: &Path, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        let path = folder.join(name);
        let written = private::own_folder(folder).and_then(|()| match name {
            PROBE => private::write(&path, bytes),
            _ => private::write_durably(&path, bytes),
        });
        let written = written.map_err(failed("write", &path));
        if written.is_ok() {
            lock(&self.memory).remove(&path);
        }
        *lock(&self.problem) = written.as_ref().err().map(ToString::to_string);
        written
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StorageError {
    let path = path.to_path_buf();
    move |error| StorageError { what, path, error }
}

fn read_disk(path: &Path) -> Result<Option<Vec<u8>>, StorageError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path)(error)),
    }
}

fn set_aside(path: &Path) -> Result<(), StorageError> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".damaged-{}", clock::unix_seconds(clock::now())));
    fs::rename(path, aside).map_err(failed("move aside", path))
}

/// One account for each CA: the directory's host, made unique by a hash of the whole URL.
fn account_file(directory: &str) -> String {
    let host = directory.split('/').nth(2).unwrap_or("ca");
    let host: String =
        host.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    format!("account-{host}-{}.key", &hex::encode(Sha256::digest(directory.as_bytes()))[..8])
}

fn parse_certificate(text: &[u8]) -> Option<Stored> {
    let rest = text.strip_prefix(CHECKSUM.as_bytes())?;
    let line_end = rest.iter().position(|b| *b == b'\n')?;
    let (sum, body) = (&rest[..line_end], &rest[line_end + 1..]);
    if hex::encode(Sha256::digest(body)).as_bytes() != sum {
        return None;
    }
    let rest = body.strip_prefix(DIRECTORY.as_bytes())?;
    let line_end = rest.iter().position(|b| *b == b'\n')?;
    let directory = String::from_utf8(rest[..line_end].to_vec()).ok()?;
    Some(Stored { pem: rest[line_end + 1..].to_vec(), directory })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn storage() -> (tempfile::TempDir, Storage) {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::new(folder.path(), "server", "one".to_owned());
        (folder, storage)
    }

    #[test]
    fn what_is_saved_is_found_and_only_we_can_read_it() {
        let (folder, storage) = storage();
        assert!(matches!(storage.load_certificate(), Ok(Found::Nothing)));
        storage.save_certificate("https://ca/dir", b"PEM\n").unwrap();
        let Ok(Found::Good(stored)) = storage.load_certificate() else { panic!("not found") };
        assert_eq!((&*stored.pem, &*stored.directory), (&b"PEM\n"[..], "https://ca/dir"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder.path().join("acme")), 0o700);
        assert_eq!(mode(&folder.path().join("acme/server/certificate.pem")), 0o600);
        assert_eq!(
            fs::read_dir(folder.path().join("acme/server")).unwrap().count(),
            1,
            "nothing is left beside"
        );
    }

    #[test]
    fn every_cut_and_every_flipped_byte_is_seen() {
        let (folder, storage) = storage();
        storage.save_certificate("https://ca/dir", "-----BEGIN…".as_bytes()).unwrap();
        let path = folder.path().join("acme/server/certificate.pem");
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            assert!(parse_certificate(&whole[..at]).is_none(), "cut at {at}");
            assert!(parse_certificate(&flipped).is_none(), "flipped at {at}");
        }
        storage.set_certificate_aside().unwrap();
        assert!(matches!(storage.load_certificate(), Ok(Found::Nothing)));
    }

    #[test]
    fn unreadable_is_not_absent() {
        let (folder, storage) = storage();
        fs::create_dir_all(folder.path().join("acme/server/certificate.pem")).unwrap();
        assert!(storage.load_certificate().is_err());
    }

    #[test]
    fn a_pace_is_about_one_configuration_and_comes_back_with_it() {
        let (folder, one) = storage();
        let other = Storage::new(folder.path(), "server", "other".to_owned());
        let mut failed = Pace::default();
        failed.tried(clock::now(), "a typo");
        one.save_pace(&failed).unwrap();
        assert_eq!(other.load_pace().unwrap(), Pace::default(), "a corrected mistake is tried at once");
        other.save_pace(&Pace::default()).unwrap();
        assert_eq!(one.load_pace().unwrap(), failed, "going back and forth is not cheaper");
    }

    #[test]
    fn what_cannot_be_written_is_an_error_and_is_known_until_it_can() {
        let (folder, storage) = storage();
        let in_the_way = folder.path().join("acme");
        private::write(&in_the_way, b"a file in the folder's place").unwrap();
        assert!(storage.save_account("https://ca/dir", b"key").is_err());
        assert!(storage.problem().is_some_and(|problem| problem.contains("cannot write")));
        assert_eq!(storage.load_account("https://ca/dir").unwrap().as_deref(), Some(&b"key"[..]));
        storage.probe();
        assert!(storage.problem().is_some());
        fs::remove_file(&in_the_way).unwrap();
        storage.probe();
        assert_eq!(storage.problem(), None);
        let again = Storage::new(folder.path(), "server", "one".to_owned());
        assert_eq!(again.load_account("https://ca/dir").unwrap().as_deref(), Some(&b"key"[..]));
    }

    #[test]
    fn an_order_is_over_once_its_certificate_is_stored_or_served() {
        let (_folder, storage) = storage();
        let [directory, account, url] = ["https://ca/dir", "https://ca/1", "https://ca/2"].map(str::to_owned);
        let key = "-----BEGIN PRIVATE KEY-----\n".to_owned();
        let begun = Begun { directory, account, domains: vec![], profile: None, url, key };
        storage.save_order(&begun).unwrap();
        assert!(storage.load_order(None).unwrap().is_some());
        let pem = format!("{}chain", begun.key);
        assert!(storage.load_order(Some(pem.as_bytes())).unwrap().is_none());
        storage.save_certificate("https://ca/dir", pem.as_bytes()).unwrap();
        assert!(storage.load_order(None).unwrap().is_none());
    }

    #[test]
    fn one_holder_of_the_lease_at_a_time() {
        let (folder, storage) = storage();
        let other = Storage::new(folder.path(), "hooks.example.com", "one".to_owned());
        let held = storage.lease().unwrap();
        assert!(held.is_some() && other.lease().unwrap().is_none());
        drop(held);
        assert!(other.lease().unwrap().is_some());
    }

    #[test]
    fn accounts_are_kept_by_ca() {
        let (_folder, storage) = storage();
        storage.save_account("https://ca.example/dir", b"one").unwrap();
        assert_eq!(storage.load_account("https://ca.example/dir").unwrap().as_deref(), Some(&b"one"[..]));
        assert_eq!(storage.load_account("https://ca.example/other").unwrap(), None);
    }
}
