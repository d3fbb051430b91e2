//! Proof that a body comes from Rossum: an HMAC over its raw bytes, keyed with the hook's secret
//! (API reference: "Validating payloads from Rossum").
//!
//! The HMAC runs while the body arrives. Its only result is a [`VerifiedBody`], which nothing else can make:
//! no step ever sees a body that nobody verified. `annex send` and the tests sign here too.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;

use crate::secret::Secret;

/// The header of Rossum's default signature, `sha256=` and 64 hexadecimal digits.
pub const SHA256_HEADER: &str = "x-rossum-signature-sha256";
/// The header of its legacy signature, `sha1=` and 40 hexadecimal digits.
pub const SHA1_HEADER: &str = "x-elis-signature";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    Sha256,
    /// Legacy: only where the hook allows it.
    Sha1,
}

impl Algorithm {
    pub fn header(self) -> &'static str {
        match self {
            Self::Sha256 => SHA256_HEADER,
            Self::Sha1 => SHA1_HEADER,
        }
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256=",
            Self::Sha1 => "sha1=",
        }
    }

    fn digest_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha1 => 20,
        }
    }
}

/// Why a body was not verified. For the log only: a caller learns nothing but 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    #[error("no signature header")]
    Missing,
    #[error("malformed signature header")]
    Malformed,
    #[error("more than one signature header of the same name")]
    Several,
    #[error("only the legacy SHA-1 signature, which this hook does not allow (allow_sha1)")]
    LegacyOnly,
    #[error("wrong signature: no secret of this hook fits")]
    Wrong,
}

/// Whether a hook takes Rossum's legacy SHA-1 signature where the SHA-256 one is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegacySha1 {
    Allowed,
    Refused,
}

/// The secrets of one hook, ready to verify. Several are valid at once while one is being replaced.
pub struct Keys {
    list: Vec<Key>,
    legacy: LegacySha1,
    /// The key that fitted last is tried while the body arrives; the others only if it does not fit.
    likely: AtomicUsize,
}

/// HMAC states with the secret already mixed in: cloning one saves hashing the key for each delivery.
struct Key {
    sha256: Hmac<Sha256>,
    sha1: Hmac<Sha1>,
}

impl Key {
    fn new(secret: &Secret) -> Self {
        Self { sha256: keyed(secret), sha1: keyed(secret) }
    }

    fn start(&self, algorithm: Algorithm) -> Running {
        match algorithm {
            Algorithm::Sha256 => Running::Sha256(self.sha256.clone()),
            Algorithm::Sha1 => Running::Sha1(self.sha1.clone()),
        }
    }
}

fn keyed<M: KeyInit>(secret: &Secret) -> M {
    M::new_from_slice(secret.expose()).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"))
}

enum Running {
    Sha256(Hmac<Sha256>),
    Sha1(Hmac<Sha1>),
}

impl Running {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(mac) => mac.update(bytes),
            Self::Sha1(mac) => mac.update(bytes),
        }
    }

    /// Compares in constant time.
    fn fits(self, digest: &[u8]) -> bool {
        match self {
            Self::Sha256(mac) => mac.verify_slice(digest).is_ok(),
            Self::Sha1(mac) => mac.verify_slice(digest).is_ok(),
        }
    }
}

/// What the caller claims: which algorithm, which digest.
pub struct Claim {
    algorithm: Algorithm,
    digest: [u8; 32],
}

impl Keys {
    pub fn new<'s>(secrets: impl IntoIterator<Item = &'s Secret>, legacy: LegacySha1) -> Self {
        Self { list: secrets.into_iter().map(Key::new).collect(), legacy, likely: AtomicUsize::new(0) }
    }

    /// Reads the two signature headers; the SHA-256 one, where it is there, is the only one that counts.
    pub fn claim(&self, sha256: Option<&[u8]>, sha1: Option<&[u8]>) -> Result<Claim, Forged> {
        match (sha256, sha1, self.legacy) {
            (Some(header), _, _) => Claim::parse(Algorithm::Sha256, header),
            (None, Some(header), LegacySha1::Allowed) => Claim::parse(Algorithm::Sha1, header),
            (None, Some(_), LegacySha1::Refused) => Err(Forged::LegacyOnly),
            (None, None, _) => Err(Forged::Missing),
        }
    }

    /// The value of the SHA-256 header for a body, by the newest secret; nothing where there is no secret.
    pub fn sign(&self, body: &[u8]) -> Option<String> {
        let mac = self.list.first()?.sha256.clone().chain_update(body);
        Some(format!("{}{}", Algorithm::Sha256.prefix(), hex::encode(mac.finalize().into_bytes())))
    }

    /// Starts to verify a body that is still to arrive.
    pub fn verifier(&self, claim: Claim) -> Verifier<'_> {
        let likely = self.likely.load(Ordering::Relaxed);
        let running = self.list.get(likely).map(|key| key.start(claim.algorithm));
        Verifier { keys: self, claim, likely, running }
    }
}

impl Claim {
    fn parse(algorithm: Algorithm, header: &[u8]) -> Result<Self, Forged> {
        let mut digest = [0; 32];
        let hexadecimal = header.strip_prefix(algorithm.prefix().as_bytes()).ok_or(Forged::Malformed)?;
        let place = &mut digest[..algorithm.digest_len()];
        hex::decode_to_slice(hexadecimal, place).map_err(|_| Forged::Malformed)?;
        Ok(Self { algorithm, digest })
    }

    fn digest(&self) -> &[u8] {
        &self.digest[..self.algorithm.digest_len()]
    }
}

/// An HMAC under way.
pub struct Verifier<'k> {
    keys: &'k Keys,
    claim: Claim,
    likely: usize,
    running: Option<Running>,
}

impl Verifier<'_> {
    /// Takes the next part of the body, in order.
    pub fn update(&mut self, part: &[u8]) {
        if let Some(running) = &mut self.running {
            running.update(part);
        }
    }

    /// `pieces` must be what [`Self::update`] was given, in order. They are joined where the signature fits.
    pub fn finish<P: AsRef<[u8]> + Into<Bytes>>(self, pieces: Vec<P>) -> Result<VerifiedBody, Forged> {
        let Self { keys, claim, likely, running } = self;
        let secret = if running.is_some_and(|mac| mac.fits(claim.digest())) {
            likely
        } else {
            let fits = |key: &Key| {
                let mut mac = key.start(claim.algorithm);
                for piece in &pieces {
                    mac.update(piece.as_ref());
                }
                mac.fits(claim.digest())
            };
            let mut others = keys.list.iter().enumerate().filter(|(index, _)| *index != likely);
            let (index, _) = others.find(|(_, key)| fits(key)).ok_or(Forged::Wrong)?;
            keys.likely.store(index, Ordering::Relaxed);
            index
        };
        Ok(VerifiedBody { bytes: joined(pieces), algorithm: claim.algorithm, secret })
    }
}

/// A single piece is not copied.
fn joined<P: AsRef<[u8]> + Into<Bytes>>(mut pieces: Vec<P>) -> Bytes {
    if pieces.len() == 1 {
        return pieces.pop().map(Into::into).unwrap_or_default();
    }
    let mut whole = Vec::with_capacity(pieces.iter().map(|piece| piece.as_ref().len()).sum());
    for piece in &pieces {
        whole.extend_from_slice(piece.as_ref());
    }
    whole.into()
}

/// A body whose signature fits a secret of its hook. Only [`Verifier::finish`] makes one.
pub struct VerifiedBody {
    bytes: Bytes,
    algorithm: Algorithm,
    secret: usize,
}

impl VerifiedBody {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same bytes, to be kept.
    pub fn share(&self) -> Bytes {
        self.bytes.clone()
    }

    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Which of the hook's secrets fitted, from 0: tells when an old one is no longer used.
    pub fn secret(&self) -> usize {
        self.secret
    }
}

/// The value of the signature header for a body, as Rossum would send it.
pub fn sign(algorithm: Algorithm, secret: &Secret, body: &[u8]) -> String {
    let digest = match algorithm {
        Algorithm::Sha256 => {
            hex::encode(keyed::<Hmac<Sha256>>(secret).chain_update(body).finalize().into_bytes())
        }
        Algorithm::Sha1 => {
            hex::encode(keyed::<Hmac<Sha1>>(secret).chain_update(body).finalize().into_bytes())
        }
    };
    format!("{}{digest}", algorithm.prefix())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{ "message": "sign me", "someValue" = 45 }"#;

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes())
    }

    fn verify(keys: &Keys, sha256: Option<&str>, sha1: Option<&str>) -> Result<VerifiedBody, Forged> {
        let claim = keys.claim(sha256.map(str::as_bytes), sha1.map(str::as_bytes))?;
        let mut verifier = keys.verifier(claim);
        verifier.update(&BODY[..10]);
        verifier.update(&BODY[10..]);
        verifier.finish(vec![&BODY[..17], &BODY[17..]])
    }

    #[test]
    fn signs_as_rossum_does() {
        // The one vector that Rossum publishes, in its check-sum sample.
        assert_eq!(
            sign(Algorithm::Sha1, &secret("This is very secret"), BODY),
            "sha1=82673bc38c8eea236b04bad7fea3311a1e5b951c"
        );
    }

    #[test]
    fn verifies_what_was_signed_with_any_of_its_secrets() {
        let secrets = [secret("new"), secret("old")];
        let keys = Keys::new(&secrets, LegacySha1::Refused);
        for (index, one) in secrets.iter().enumerate().chain([(0, &secrets[0])]) {
            let header = sign(Algorithm::Sha256, one, BODY);
            let body = verify(&keys, Some(&header), None).unwrap();
            assert_eq!((body.secret(), body.bytes()), (index, BODY));
        }
    }

    #[test]
    fn sha256_comes_first_and_sha1_only_where_allowed() {
        let key = [secret("k")];
        let (good, legacy) = (sign(Algorithm::Sha256, &key[0], BODY), sign(Algorithm::Sha1, &key[0], BODY));
        let strict = Keys::new(&key, LegacySha1::Refused);
        let lax = Keys::new(&key, LegacySha1::Allowed);
        assert_eq!(verify(&strict, None, Some(&legacy)).err(), Some(Forged::LegacyOnly));
        assert_eq!(verify(&lax, None, Some(&legacy)).unwrap().algorithm(), Algorithm::Sha1);
        assert_eq!(verify(&lax, Some(&good), Some("sha1=00")).unwrap().algorithm(), Algorithm::Sha256);
        let wrong = "sha256=".to_owned() + &"0".repeat(64);
        assert_eq!(verify(&lax, Some(&wrong), Some(&legacy)).err(), Some(Forged::Wrong));
    }

    #[test]
    fn refuses_everything_else() {
        let keys = Keys::new(&[secret("k")], LegacySha1::Allowed);
        assert_eq!(verify(&keys, None, None).err(), Some(Forged::Missing));
        let good = sign(Algorithm::Sha256, &secret("k"), BODY);
        for header in
            ["", "sha256=", "sha256=zz", &good[7..], &good[..70], &format!("{good}0"), "sha1=00", " "]
        {
            assert_eq!(verify(&keys, Some(header), None).err(), Some(Forged::Malformed), "{header:?}");
        }
        let other = sign(Algorithm::Sha256, &secret("other"), BODY);
        assert_eq!(verify(&keys, Some(&other), None).err(), Some(Forged::Wrong));
        assert_eq!(
            verify(&Keys::new(&[], LegacySha1::Allowed), Some(&good), None).err(),
            Some(Forged::Wrong)
        );
    }
}
