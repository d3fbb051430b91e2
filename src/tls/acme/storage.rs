//! What must survive a restart: the account's key, the certificate, the pace. Files of mode 0600 in folders of 0700.
//!
//! A file is written beside, synced, renamed, and its folder synced: after a power cut there is the old one or the
//! new one, never a part. The certificate carries a checksum, so that a damaged file is seen and not served.
//! "Cannot be read" and "is not there" are different answers: only the second lets the supervisor order anew.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::clock;

use super::pace::Pace;

const CERTIFICATE: &str = "certificate.pem";
const PACE: &str = "pace.json";
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
    folder: PathBuf,
}

impl Storage {
    pub(super) fn open(state: &Path) -> Result<Self, StorageError> {
        let folder = state.join("acme");
        let failed = |what, path: &Path| {
            let path = path.to_path_buf();
            move |error| StorageError { what, path, error }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed("make", &folder))?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))
            .map_err(failed("protect", &folder))?;
        Ok(Self { folder })
    }

    pub(super) fn load_certificate(&self) -> Result<Found<Stored>, StorageError> {
        let Some(text) = self.read(CERTIFICATE)? else {
            return Ok(Found::Nothing);
        };
        Ok(parse_certificate(&text).map_or(Found::Damaged, Found::Good))
    }

    pub(super) fn save_certificate(&self, directory: &str, pem: &str) -> Result<(), StorageError> {
        let body = format!("{DIRECTORY}{directory}\n{pem}");
        let sum = hex::encode(Sha256::digest(body.as_bytes()));
        self.write(CERTIFICATE, format!("{CHECKSUM}{sum}\n{body}").as_bytes())
    }

    /// Moves a damaged certificate out of the way, where a person can look at it.
    pub(super) fn set_certificate_aside(&self) -> Result<(), StorageError> {
        self.set_aside(CERTIFICATE)
    }

    /// The account's key at this CA, as PKCS#8.
    pub(super) fn load_account(&self, directory: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.read(&account_file(directory))
    }

    pub(super) fn save_account(&self, directory: &str, key: &[u8]) -> Result<(), StorageError> {
        self.write(&account_file(directory), key)
    }

    pub(super) fn set_account_aside(&self, directory: &str) -> Result<(), StorageError> {
        self.set_aside(&account_file(directory))
    }

    /// A pace that cannot be parsed counts as none: it is no more than a brake.
    pub(super) fn load_pace(&self) -> Result<Pace, StorageError> {
        Ok(self.read(PACE)?.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default())
    }

    pub(super) fn save_pace(&self, pace: &Pace) -> Result<(), StorageError> {
        let json = serde_json::json!(pace).to_string();
        self.write(PACE, json.as_bytes())
    }

    fn failed(&self, what: &'static str, name: &str) -> impl FnOnce(io::Error) -> StorageError {
        let path = self.folder.join(name);
        move |error| StorageError { what, path, error }
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StorageError> {
        match fs::read(self.folder.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed("read", name)(error)),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        let beside = self.folder.join(format!("{name}.new"));
        let write = || -> io::Result<()> {
            let _ = fs::remove_file(&beside); // what a crash left
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&beside, self.folder.join(name))?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(self.failed("write", name))
    }

    fn set_aside(&self, name: &str) -> Result<(), StorageError> {
        let aside = format!("{name}.damaged-{}", clock::unix_seconds(clock::now()));
        fs::rename(self.folder.join(name), self.folder.join(aside)).map_err(self.failed("move aside", name))
    }
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
    use super::*;

    fn storage() -> (tempfile::TempDir, Storage) {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(folder.path()).unwrap();
        (folder, storage)
    }

    #[test]
    fn what_is_saved_is_found_and_only_we_can_read_it() {
        let (folder, storage) = storage();
        assert!(matches!(storage.load_certificate(), Ok(Found::Nothing)));
        storage.save_certificate("https://ca/dir", "PEM\n").unwrap();
        let Ok(Found::Good(stored)) = storage.load_certificate() else { panic!("not found") };
        assert_eq!((&*stored.pem, &*stored.directory), (&b"PEM\n"[..], "https://ca/dir"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder.path().join("acme")), 0o700);
        assert_eq!(mode(&folder.path().join("acme/certificate.pem")), 0o600);
        assert_eq!(fs::read_dir(folder.path().join("acme")).unwrap().count(), 1, "nothing is left beside");
    }

    #[test]
    fn every_cut_and_every_flipped_byte_is_seen() {
        let (folder, storage) = storage();
        storage.save_certificate("https://ca/dir", "-----BEGIN…").unwrap();
        let path = folder.path().join("acme/certificate.pem");
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
        fs::create_dir(folder.path().join("acme/certificate.pem")).unwrap();
        assert!(storage.load_certificate().is_err());
    }

    #[test]
    fn accounts_are_kept_by_ca() {
        let (_folder, storage) = storage();
        storage.save_account("https://ca.example/dir", b"one").unwrap();
        assert_eq!(storage.load_account("https://ca.example/dir").unwrap().as_deref(), Some(&b"one"[..]));
        assert_eq!(storage.load_account("https://ca.example/other").unwrap(), None);
    }
}
