//! What must survive a restart: the accounts' keys, and for each certificate itself, its pace and its CA's advice. Files
//! of mode 0600 in folders of 0700.
//!
//! ```text
//! acme/lease                      held while an order runs, by whichever process shares the folder
//! acme/account-HOST-….key         one for each CA
//! acme/NAME/certificate.pem       checksum, directory, key, leaf, rest of the chain
//! acme/NAME/pace.json, advice.json
//! acme/.challenges/               answers to the CA, while an order runs: see `challenges`
//! ```
//!
//! A file is written beside, synced, renamed, and its folder synced: after a power cut there is the old one or the
//! new one, never a part. The certificate carries a checksum, so that a damaged file is seen and not served.
//! "Cannot be read" and "is not there" are different answers: only the second lets the supervisor order anew.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::clock;
use crate::private;

use super::pace::Pace;
use super::renewal::Advice;

const CERTIFICATE: &str = "certificate.pem";
const PACE: &str = "pace.json";
const ADVICE: &str = "advice.json";
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
}

/// Held while an order runs: the kernel gives it back when its holder ends, however that happens.
pub(super) struct Lease {
    _file: File,
}

/// Tells one stored certificate from the next without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: SystemTime,
    length: u64,
}

impl Storage {
    pub(super) fn open(state: &Path, name: &str) -> Result<Self, StorageError> {
        let common = state.join("acme");
        let own = common.join(name);
        for folder in [&common, &own] {
            private::own_folder(folder).map_err(failed("make", folder))?;
        }
        Ok(Self { common, own })
    }

    /// The lease, if nobody has it.
    pub(super) fn lease(&self) -> Result<Option<Lease>, StorageError> {
        let path = self.common.join(LEASE);
        let failed = |error| StorageError { what: "lock", path: path.clone(), error };
        let file = private::lock_file(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lease { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// Which certificate is stored; `None` where there is none, or none that can be seen.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        let metadata = fs::metadata(self.own.join(CERTIFICATE)).ok().filter(fs::Metadata::is_file)?;
        Some(Stamp { modified: metadata.modified().ok()?, length: metadata.len() })
    }

    pub(super) fn load_certificate(&self) -> Result<Found<Stored>, StorageError> {
        let Some(text) = read(&self.own.join(CERTIFICATE))? else {
            return Ok(Found::Nothing);
        };
        Ok(parse_certificate(&text).map_or(Found::Damaged, Found::Good))
    }

    pub(super) fn save_certificate(&self, directory: &str, pem: &[u8]) -> Result<(), StorageError> {
        let first = format!("{DIRECTORY}{directory}\n");
        let sum = hex::encode(Sha256::new().chain_update(&first).chain_update(pem).finalize());
        let whole = Zeroizing::new([format!("{CHECKSUM}{sum}\n{first}").as_bytes(), pem].concat());
        write(&self.own, CERTIFICATE, &whole)
    }

    /// Moves a damaged certificate out of the way, where a person can look at it.
    pub(super) fn set_certificate_aside(&self) -> Result<(), StorageError> {
        set_aside(&self.own.join(CERTIFICATE))
    }

    /// The account's key at this CA, as PKCS#8.
    pub(super) fn load_account(&self, directory: &str) -> Result<Option<Vec<u8>>, StorageError> {
        read(&self.common.join(account_file(directory)))
    }

    pub(super) fn save_account(&self, directory: &str, key: &[u8]) -> Result<(), StorageError> {
        write(&self.common, &account_file(directory), key)
    }

    pub(super) fn set_account_aside(&self, directory: &str) -> Result<(), StorageError> {
        set_aside(&self.common.join(account_file(directory)))
    }

    /// A pace that cannot be parsed counts as none: it is no more than a brake.
    pub(super) fn load_pace(&self) -> Result<Pace, StorageError> {
        let json = read(&self.own.join(PACE))?;
        Ok(json.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default())
    }

    pub(super) fn save_pace(&self, pace: &Pace) -> Result<(), StorageError> {
        write(&self.own, PACE, serde_json::json!(pace).to_string().as_bytes())
    }

    /// Advice that cannot be read is asked for again.
    pub(super) fn load_advice(&self) -> Option<Advice> {
        serde_json::from_slice(&fs::read(self.own.join(ADVICE)).ok()?).ok()
    }

    pub(super) fn save_advice(&self, advice: &Advice) -> Result<(), StorageError> {
        write(&self.own, ADVICE, serde_json::json!(advice).to_string().as_bytes())
    }
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StorageError {
    let path = path.to_path_buf();
    move |error| StorageError { what, path, error }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, StorageError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path)(error)),
    }
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
    let path = folder.join(name);
    let written = private::own_folder(folder).and_then(|()| private::write_durably(&path, bytes));
    written.map_err(failed("write", &path))
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
        let storage = Storage::open(folder.path(), "server").unwrap();
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
        fs::create_dir(folder.path().join("acme/server/certificate.pem")).unwrap();
        assert!(storage.load_certificate().is_err());
    }

    #[test]
    fn one_holder_of_the_lease_at_a_time() {
        let (folder, storage) = storage();
        let other = Storage::open(folder.path(), "hooks.example.com").unwrap();
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
